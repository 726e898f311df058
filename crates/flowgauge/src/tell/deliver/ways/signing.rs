//! Signatures after Standard Webhooks: with a shared secret (`v1`, HMAC-SHA256), or with a private key
//! whose public half the receiver holds (`v1a`, Ed25519). Refuses a secret it cannot read.
//!
//! Source: <https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md>.

use crate::config::Secret;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use ring::signature::Ed25519KeyPair;
use sha2::Sha256;

/// Prefix of a shared secret.
const SHARED: &str = "whsec_";
/// Prefix of a private key.
const PRIVATE: &str = "whsk_";
/// Shortest and longest shared secret, bytes, as the standard says.
const SHARED_BYTES: std::ops::RangeInclusive<usize> = 24..=64;
/// An Ed25519 seed, bytes; a key written as seed and public half has twice as many (RFC 8032).
const SEED: usize = 32;

/// A secret that signs nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SecretError {
    /// Another kind of secret, or none.
    #[error("a signing secret starts with whsec_ (shared) or whsk_ (private key, Ed25519)")]
    Prefix,
    /// Not base64 after the prefix.
    #[error("a signing secret is base64 after whsec_ or whsk_")]
    Base64,
    /// Too short to be safe, or longer than allowed.
    #[error("a shared signing secret has 24 to 64 bytes, this one has {0}")]
    Length(usize),
    /// No Ed25519 key.
    #[error(
        "a private signing key is an Ed25519 key after whsk_: its seed, seed and public half, or PKCS#8"
    )]
    Private,
}

/// Something that signs.
#[derive(Debug)]
enum Signer {
    Shared(Hmac<Sha256>),
    Private(Ed25519KeyPair),
}

/// Looks whether a secret can sign.
///
/// # Errors
/// When it cannot.
pub fn check(secret: &Secret) -> Result<(), SecretError> {
    signer(secret).map(|_| ())
}

/// `v1,<base64>` or `v1a,<base64>` for each secret, separated by spaces.
///
/// # Errors
/// When a secret is none.
pub fn signature(
    secrets: &[Secret],
    id: &str,
    timestamp: i64,
    body: &str,
) -> Result<String, SecretError> {
    let signed = format!("{id}.{timestamp}.{body}");
    let mut signatures = Vec::new();
    for secret in secrets {
        signatures.push(match signer(secret)? {
            Signer::Shared(mut mac) => {
                mac.update(signed.as_bytes());
                format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
            }
            Signer::Private(key) => format!("v1a,{}", STANDARD.encode(key.sign(signed.as_bytes()))),
        });
    }
    Ok(signatures.join(" "))
}

fn signer(secret: &Secret) -> Result<Signer, SecretError> {
    let text = secret.reveal();
    let bytes = |text: &str| STANDARD.decode(text).map_err(|_| SecretError::Base64);
    if let Some(text) = text.strip_prefix(PRIVATE) {
        return private(&bytes(text)?).map(Signer::Private);
    }
    let key = bytes(text.strip_prefix(SHARED).ok_or(SecretError::Prefix)?)?;
    if !SHARED_BYTES.contains(&key.len()) {
        return Err(SecretError::Length(key.len()));
    }
    let mac = Hmac::<Sha256>::new_from_slice(&key).map_err(|_| SecretError::Length(key.len()))?;
    Ok(Signer::Shared(mac))
}

fn private(key: &[u8]) -> Result<Ed25519KeyPair, SecretError> {
    let pair = match key.split_at_checked(SEED) {
        Some((seed, [])) => Ed25519KeyPair::from_seed_unchecked(seed),
        Some((seed, public)) if public.len() == SEED => {
            Ed25519KeyPair::from_seed_and_public_key(seed, public)
        }
        _ => Ed25519KeyPair::from_pkcs8_maybe_unchecked(key),
    };
    pair.map_err(|_| SecretError::Private)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the reference libraries (`standardwebhooks`, tests of every language).
    const EXAMPLE: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    const ID: &str = "msg_p5jXN8AQM9LWM0D4loKWxJek";
    const BODY: &str = r#"{"test": 2432232314}"#;

    fn sign(secrets: &[&str]) -> Result<String, SecretError> {
        let secrets: Vec<Secret> = secrets.iter().map(|s| Secret::new(s)).collect();
        signature(&secrets, ID, 1_614_265_330, BODY)
    }

    #[test]
    fn the_signature_is_that_of_the_reference_libraries() {
        let expected = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
        assert_eq!(sign(&[EXAMPLE]).unwrap(), expected);
        assert_eq!(sign(&[EXAMPLE, EXAMPLE]).unwrap(), format!("{expected} {expected}"));
    }

    /// The first key of RFC 8032 7.1 as seed, seed and public half, and PKCS#8; signed with Python's
    /// `cryptography`: `Ed25519PrivateKey.from_private_bytes(seed).sign(f"{id}.{timestamp}.{body}")`.
    #[test]
    fn a_private_key_signs_in_each_of_its_three_forms() {
        let seed = "whsk_nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A=";
        let both = "whsk_nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2DXWpgBgrEKt9VL/tPJZAc6DuFy89qmIyWvAhpo9wdRGg==";
        let pkcs8 = "whsk_MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g";
        let expected = "v1a,fldxM4gAKugP6nnt1hdz3sgGfZ6d99nzrMFnZOELIxbzEHoVmAb2ADpkJK7zgPePmPsle0zV9jSeGlHFG2NVAw==";
        for form in [seed, both, pkcs8] {
            assert_eq!(sign(&[form]).unwrap(), expected, "{form}");
        }
        assert!(
            sign(&[EXAMPLE, seed]).unwrap().ends_with(expected),
            "both kinds beside each other"
        );
    }

    #[test]
    fn a_secret_that_cannot_sign_is_refused() {
        let fault = |text: &str| check(&Secret::new(text)).unwrap_err();
        assert_eq!(fault("abc"), SecretError::Prefix);
        assert_eq!(fault("whsec_%%%"), SecretError::Base64);
        assert_eq!(fault("whsec_aGVsbG8="), SecretError::Length(5));
        assert_eq!(fault("whsk_aGVsbG8="), SecretError::Private);
        let other_half = [[7_u8; 32], [9; 32]].concat();
        assert_eq!(fault(&format!("whsk_{}", STANDARD.encode(other_half))), SecretError::Private);
    }
}
