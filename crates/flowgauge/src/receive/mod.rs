//! The doors through which calls become known.

pub mod clients;
pub mod egress;
pub mod estimate;
pub mod gateway;
pub mod ingest;
pub mod samples;
pub mod user_hash;

pub use user_hash::UserHasher;

/// Whatever went wrong below HTTP.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Body of every answer the HTTP port gives.
pub type Body = http_body_util::combinators::UnsyncBoxBody<bytes::Bytes, BoxError>;
