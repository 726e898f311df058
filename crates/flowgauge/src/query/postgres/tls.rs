//! The certificate of the port.

use crate::config::postgres::Certificate;
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use sha2::{Digest, Sha256, Sha384, Sha512};
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

/// What talks TLS with clients, and what their proofs can be bound to.
pub(super) struct Tls {
    pub(super) acceptor: TlsAcceptor,
    /// The certificate's hash of `tls-server-end-point`; nothing where RFC 5929 says none for its signature.
    pub(super) binding: Option<Vec<u8>>,
}

/// Reads certificate and key.
pub(super) fn tls(files: &Certificate) -> Result<Tls, TlsError> {
    let unread = |path: &Path, e: pem::Error| TlsError::File(path.to_owned(), e.to_string());
    let chain = CertificateDer::pem_file_iter(&files.certificate)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|e| unread(&files.certificate, e))?;
    let key = PrivateKeyDer::from_pem_file(&files.key).map_err(|e| unread(&files.key, e))?;
    let binding = chain.first().and_then(|first| binding_of(first));
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(TlsError::Pair)?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(TlsError::Pair)?;
    Ok(Tls { acceptor: TlsAcceptor::from(Arc::new(config)), binding })
}

/// RFC 5929 4.1: the hash of the certificate by the function of its signature, SHA-256 where that is MD5 or SHA-1.
fn binding_of(certificate: &[u8]) -> Option<Vec<u8>> {
    // 1.2.840.113549.1.1.x: RSA; 1.2.840.10045.4.3.x: ECDSA (RFC 5758, RFC 4055).
    const RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01];
    const ECDSA: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03];
    let (whole, _) = element(certificate, 0x30)?;
    let (_signed, rest) = element(whole, 0x30)?;
    let (algorithm, _) = element(rest, 0x30)?;
    let (name, _) = element(algorithm, 0x06)?;
    let rsa = name.strip_prefix(RSA);
    let ecdsa = name.strip_prefix(ECDSA);
    Some(match (rsa, ecdsa) {
        (Some([4 | 5 | 11]), _) | (_, Some([2])) => Sha256::digest(certificate).to_vec(),
        (Some([12]), _) | (_, Some([3])) => Sha384::digest(certificate).to_vec(),
        (Some([13]), _) | (_, Some([4])) => Sha512::digest(certificate).to_vec(),
        _ => return None,
    })
}

/// Content of the DER element of a kind that bytes begin with, and what follows it.
fn element(bytes: &[u8], kind: u8) -> Option<(&[u8], &[u8])> {
    let (first, rest) = bytes.split_first()?;
    let (short, rest) = rest.split_first()?;
    let (length, rest) = if *short < 0x80 {
        (usize::from(*short), rest)
    } else {
        // A certificate is shorter than 2^24 bytes.
        let (long, rest) = rest.split_at_checked(usize::from(short & 0x7f))?;
        let fits = long.len() <= 3;
        (fits.then(|| long.iter().fold(0, |n, b| n << 8 | usize::from(*b)))?, rest)
    };
    if *first == kind { rest.split_at_checked(length) } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// SEQUENCE { SEQUENCE {}, SEQUENCE { OID }, BIT STRING }
    fn certificate(oid: &[u8]) -> Vec<u8> {
        let n = u8::try_from(oid.len()).unwrap();
        let inner = [&[0x30, 0, 0x30, n + 2, 0x06, n], oid, &[0x03, 1, 0]].concat();
        [&[0x30, u8::try_from(inner.len()).unwrap()], inner.as_slice()].concat()
    }

    #[test]
    fn a_certificate_is_hashed_by_the_function_of_its_signature() {
        let rsa = |last| certificate(&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, last]);
        let ecdsa = |last| certificate(&[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, last]);
        for (bytes, length) in [
            (rsa(5), 32),
            (rsa(11), 32),
            (rsa(12), 48),
            (rsa(13), 64),
            (ecdsa(2), 32),
            (ecdsa(4), 64),
        ] {
            assert_eq!(binding_of(&bytes).map(|hash| hash.len()), Some(length));
        }
        // Ed25519 (RFC 8410) and RSA-PSS name no hash of their own.
        assert_eq!(binding_of(&certificate(&[0x2b, 0x65, 0x70])), None);
        assert_eq!(binding_of(&rsa(10)), None);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            let _read = binding_of(&bytes);
        }
    }
}
