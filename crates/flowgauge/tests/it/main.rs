//! Integration tests, one binary; a module per behaviour a user sees.

<<<<<<< HEAD
mod demo;
=======
mod api;
>>>>>>> api
