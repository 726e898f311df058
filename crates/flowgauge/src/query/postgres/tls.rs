//! The certificate of the port.

use crate::config::postgres::Certificate;
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio_rustls::TlsAcceptor;

/// Why a certificate cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file is not there, or is no PEM of what it should hold.
    #[error("postgres.tls: {0}: {1}; it must be a PEM file")]
    File(PathBuf, String),
    /// The two do not belong together, or are of a kind that is not known.
    #[error("postgres.tls: the certificate and its key cannot be used together: {0}")]
    Pair(rustls::Error),
}

/// What talks TLS with clients.
pub(super) fn acceptor(files: &Certificate) -> Result<TlsAcceptor, TlsError> {
    let unread = |path: &Path, e: pem::Error| TlsError::File(path.to_owned(), e.to_string());
    let chain = CertificateDer::pem_file_iter(&files.certificate)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|e| unread(&files.certificate, e))?;
    let key = PrivateKeyDer::from_pem_file(&files.key).map_err(|e| unread(&files.key, e))?;
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(TlsError::Pair)?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(TlsError::Pair)?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}
