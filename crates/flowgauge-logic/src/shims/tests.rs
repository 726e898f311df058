//! Every name of the guide with every option it is shown with.
