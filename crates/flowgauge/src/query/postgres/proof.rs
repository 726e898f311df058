//! Proof of a key by SASL, mechanisms SCRAM-SHA-256 and, over TLS, SCRAM-SHA-256-PLUS (RFC 5802, 7677): the messages.
//!
//! With -PLUS the proof is over our certificate too (`tls-server-end-point`, RFC 5929), so that nobody in between can
//! pass it on. Refuses other bindings and anything after a message's last field.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// The mechanism everywhere.
pub(super) const MECHANISM: &str = "SCRAM-SHA-256";
/// The mechanism that is bound to the certificate.
pub(super) const BOUND: &str = "SCRAM-SHA-256-PLUS";
/// How a client's first message begins where it is bound.
const BINDING: &str = "p=tls-server-end-point,";
/// Rounds of hashing clients are asked for.
const ROUNDS: u32 = crate::serve::keys::scram::ROUNDS;

/// An exchange after the client's first message.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Exchange {
    /// What the client's last message has to repeat: its header, and our certificate where it is bound to it.
    bound: Vec<u8>,
    client_first: String,
    nonce: String,
    /// What is answered.
    pub(super) server_first: String,
}

/// The client's last message.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Final {
    /// All messages, as both sides sign them.
    pub(super) messages: String,
    /// The proof.
    pub(super) proof: [u8; 32],
}

impl Exchange {
    /// Begins with the client's first answer: the mechanism, a length, its first message. `certificate` is the hash it may
    /// be bound to, where there is one.
    pub(super) fn begin(
        answer: &[u8],
        nonce: &[u8],
        salt: &[u8],
        certificate: Option<&[u8]>,
    ) -> Option<Self> {
        let end = answer.iter().position(|b| *b == 0)?;
        let (mechanism, rest) = answer.split_at_checked(end)?;
        let (length, message) = rest.get(1..)?.split_at_checked(4)?;
        let length = u32::from_be_bytes(length.try_into().ok()?);
        if usize::try_from(length).ok()? != message.len() {
            return None;
        }
        let message = std::str::from_utf8(message).ok()?;
        let (after, certificate) = if mechanism == BOUND.as_bytes() {
            (message.strip_prefix(BINDING)?, certificate?)
        } else if mechanism == MECHANISM.as_bytes() {
            // n: the client cannot be bound; y: it could, and was not offered it. Where it was, somebody took it away.
            let unbound = message.strip_prefix("n,");
            let unasked = || message.strip_prefix("y,").filter(|_| certificate.is_none());
            (unbound.or_else(unasked)?, &[][..])
        } else {
            return None;
        };
        Self::first(message, after, certificate, (nonce, salt))
    }

    fn first(
        message: &str,
        after: &str,
        certificate: &[u8],
        (nonce, salt): (&[u8], &[u8]),
    ) -> Option<Self> {
        let (_identity, bare) = after.split_once(',')?;
        let header = message.get(..message.len() - bare.len())?;
        let mut fields = bare.split(',');
        // m= would be an extension that must be understood.
        fields.next()?.strip_prefix("n=")?;
        let theirs = fields.next()?.strip_prefix("r=").filter(|n| !n.is_empty())?;
        let nonce = format!("{theirs}{}", STANDARD.encode(nonce));
        let server_first = format!("r={nonce},s={},i={ROUNDS}", STANDARD.encode(salt));
        let (bound, client_first) = ([header.as_bytes(), certificate].concat(), bare.to_owned());
        Some(Self { bound, client_first, nonce, server_first })
    }

    /// Reads the client's last message.
    pub(super) fn finish(&self, answer: &[u8]) -> Option<Final> {
        let message = std::str::from_utf8(answer).ok()?;
        let (bare, proof) = message.rsplit_once(",p=")?;
        let proof: [u8; 32] = STANDARD.decode(proof).ok()?.try_into().ok()?;
        let mut fields = bare.split(',');
        let binding = fields.next()?.strip_prefix("c=")?;
        let nonce = fields.next()?.strip_prefix("r=")?;
        if STANDARD.decode(binding).ok()? != self.bound || nonce != self.nonce {
            return None;
        }
        let messages = format!("{},{},{bare}", self.client_first, self.server_first);
        Some(Final { messages, proof })
    }
}

/// Our last message: that we know the key as well.
pub(super) fn signed(signature: &[u8; 32]) -> String {
    format!("v={}", STANDARD.encode(signature))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn answer(mechanism: &str, message: &str) -> Vec<u8> {
        let length = u32::try_from(message.len()).unwrap().to_be_bytes();
        [mechanism.as_bytes(), b"\0", &length, message.as_bytes()].concat()
    }

    fn begin(message: &str) -> Option<Exchange> {
        Exchange::begin(&answer(MECHANISM, message), b"ours", b"salt", None)
    }

    fn bound(mechanism: &str, message: &str, certificate: Option<&[u8]>) -> Option<Exchange> {
        Exchange::begin(&answer(mechanism, message), b"ours", b"salt", certificate)
    }

    #[test]
    fn a_bound_proof_repeats_the_certificate_and_no_other() {
        let hash = Some(&b"certificate"[..]);
        let exchange = bound(BOUND, "p=tls-server-end-point,,n=,r=theirs", hash).unwrap();
        let last = |certificate: &str| {
            let said = STANDARD.encode(format!("p=tls-server-end-point,,{certificate}"));
            format!("c={said},r=theirsb3Vycw==,p={}", STANDARD.encode([7; 32]))
        };
        assert!(exchange.finish(last("certificate").as_bytes()).is_some());
        assert!(exchange.finish(last("another").as_bytes()).is_none());
        assert!(exchange.finish(last("").as_bytes()).is_none());
        assert!(bound(BOUND, "p=tls-unique,,n=,r=theirs", hash).is_none(), "another binding");
        assert!(bound(BOUND, "n,,n=,r=theirs", hash).is_none(), "not bound after all");
        assert!(bound(BOUND, "p=tls-server-end-point,,n=,r=theirs", None).is_none(), "no TLS");
        assert!(bound(MECHANISM, "y,,n=,r=theirs", hash).is_none(), "the offer was taken away");
        assert!(bound(MECHANISM, "n,,n=,r=theirs", hash).is_some(), "a client that cannot");
    }

    #[test]
    fn an_exchange_joins_both_nonces_and_signs_all_messages() {
        let exchange = begin("n,,n=user,r=theirs").unwrap();
        assert_eq!(exchange.server_first, "r=theirsb3Vycw==,s=c2FsdA==,i=4096");
        let proof = STANDARD.encode([7; 32]);
        let last = format!("c=biws,r=theirsb3Vycw==,p={proof}");
        let end = exchange.finish(last.as_bytes()).unwrap();
        let messages = "n=user,r=theirs,r=theirsb3Vycw==,s=c2FsdA==,i=4096,c=biws,r=theirsb3Vycw==";
        assert_eq!((end.messages.as_str(), end.proof), (messages, [7; 32]));
        let other = last.replace("r=theirs", "r=others");
        assert_eq!(exchange.finish(other.as_bytes()), None, "another nonce");
        assert_eq!(exchange.finish(format!("{last}x").as_bytes()), None, "bytes after the proof");
        let bound = last.replace("c=biws", "c=eSws");
        assert_eq!(exchange.finish(bound.as_bytes()), None, "another header than it began with");
    }

    #[test]
    fn a_binding_without_its_mechanism_and_other_mechanisms_are_refused() {
        assert!(begin("p=tls-server-end-point,,n=,r=x").is_none());
        assert!(begin("n,,m=x,n=,r=x").is_none());
        assert!(begin("n,,n=,r=").is_none());
        assert!(Exchange::begin(&answer("SCRAM-SHA-1", "n,,n=,r=x"), b"o", b"s", None).is_none());
        let longer = [answer(MECHANISM, "n,,n=,r=x"), b"x".to_vec()].concat();
        assert!(Exchange::begin(&longer, b"o", b"s", None).is_none());
    }

    proptest! {
        #[test]
        fn any_answer_is_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..80), text in "[ncyrp=,a]{0,30}") {
            let _begun = Exchange::begin(&bytes, b"o", b"s", Some(b"c"));
            if let Some(exchange) = begin(&text) {
                let _end = exchange.finish(&bytes);
            }
        }
    }
}
