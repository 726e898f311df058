//! A pretend application with a pretend provider, for a first look.

pub mod app;
pub mod caller;
pub mod dice;
pub mod drive;
pub mod history;
pub mod local;
pub mod model_server;
pub mod text;
pub mod workload;

/// The cheap model of the pretend provider.
pub const SMALL: &str = "demo-small";

/// The dear one.
pub const LARGE: &str = "demo-large";

/// The application's name.
pub const SERVICE: &str = "flowreader";

/// The pretend provider's name.
pub const PROVIDER: &str = "demo";
