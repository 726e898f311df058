//! A pretend application with a pretend provider, for a first look.
