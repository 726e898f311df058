//! Proof of a key that is not shown: the arithmetic of SCRAM-SHA-256 (RFC 5802, RFC 7677).

use super::{equal, keyed_hash};
use crate::store::Proof;
use sha2::{Digest, Sha256};

/// Rounds of hashing. RFC 7677 asks for 4,096 at least; keys are random, so more would guard nothing.
pub const ROUNDS: u32 = 4_096;

/// What is kept of a key.
#[must_use]
pub fn proof_of(key: &str, salt: &[u8]) -> Proof {
    let salted = salted(key.as_bytes(), salt, ROUNDS);
    let client = keyed_hash(&salted, b"Client Key");
    Proof { stored: Sha256::digest(client).into(), server: keyed_hash(&salted, b"Server Key") }
}

/// Whether a client that sent this proof over these messages has the key.
#[must_use]
pub fn is_proof(kept: &Proof, messages: &[u8], proof: &[u8; 32]) -> bool {
    let client = xor(proof, &keyed_hash(&kept.stored, messages));
    let stored: [u8; 32] = Sha256::digest(client).into();
    bool::from(equal(&stored, &kept.stored))
}

/// `Hi` of RFC 5802 2.2: PBKDF2 of one block.
fn salted(key: &[u8], salt: &[u8], rounds: u32) -> [u8; 32] {
    let mut round = super::keyed_hash_of(key, &[salt, &1u32.to_be_bytes()].concat());
    let mut sum = round;
    for _ in 1..rounds {
        round = super::keyed_hash_of(key, &round);
        sum = xor(&sum, &round);
    }
    sum
}

fn xor(a: &[u8; 32], b: &[u8; 32]) -> [u8; 32] {
    let mut out = *a;
    out.iter_mut().zip(b).for_each(|(x, y)| *x ^= y);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;

    /// The exchange printed in RFC 7677 3.
    const MESSAGES: &str = "n=user,r=rOprNGfwEbeRWgbNEkqO,\
        r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096,\
        c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";

    fn bytes(text: &str) -> Vec<u8> {
        STANDARD.decode(text).unwrap()
    }

    #[test]
    fn the_exchange_of_the_standard_is_accepted_and_signed_as_it_is_there() {
        let kept = proof_of("pencil", &bytes("W22ZaJ0SNY7soEsUEjb6gQ=="));
        let mut proof: [u8; 32] =
            bytes("dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=").try_into().unwrap();
        assert!(is_proof(&kept, MESSAGES.as_bytes(), &proof));
        let signature = keyed_hash(&kept.server, MESSAGES.as_bytes());
        assert_eq!(STANDARD.encode(signature), "6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=");
        assert!(!is_proof(&kept, b"other messages", &proof));
        proof[31] ^= 1;
        assert!(!is_proof(&kept, MESSAGES.as_bytes(), &proof));
    }

    #[test]
    fn what_is_kept_proves_nothing() {
        let kept = proof_of("pencil", b"salt");
        for guess in [kept.stored, kept.server] {
            assert!(!is_proof(&kept, b"messages", &guess));
        }
    }
}
