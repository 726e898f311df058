//! The Postgres port.

use super::Listener;
use std::path::PathBuf;

/// The Postgres port.
#[derive(Debug, Clone)]
pub struct Postgres {
    /// Where it listens.
    pub listener: Listener,
    /// How a key is proven.
    pub password: Password,
    /// What it is encrypted with, if at all.
    pub tls: Option<Certificate>,
    /// Whether others than this machine must encrypt.
    pub tls_only: bool,
}

/// How a client proves its key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Password {
    /// SCRAM-SHA-256: the key itself is never sent.
    #[default]
    Scram,
    /// The key is sent: on this machine or over TLS only.
    Plain,
}

/// A certificate and its key, in PEM files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    /// The certificate, with those that vouch for it after it.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}
