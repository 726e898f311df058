//! Proof of a key by SASL, mechanism SCRAM-SHA-256 (RFC 5802, 7677): the messages.
//!
//! Refuses channel binding, which is not offered, and anything after a message's last field.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// The one mechanism.
pub(super) const MECHANISM: &str = "SCRAM-SHA-256";
/// Rounds of hashing clients are asked for.
const ROUNDS: u32 = crate::serve::keys::scram::ROUNDS;

/// An exchange after the client's first message.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Exchange {
    header: String,
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
    /// Begins with the client's first answer: the mechanism, a length, its first message.
    pub(super) fn begin(answer: &[u8], nonce: &[u8], salt: &[u8]) -> Option<Self> {
        let end = answer.iter().position(|b| *b == 0)?;
        let (mechanism, rest) = answer.split_at_checked(end)?;
        let (length, message) = rest.get(1..)?.split_at_checked(4)?;
        let length = u32::from_be_bytes(length.try_into().ok()?);
        if mechanism != MECHANISM.as_bytes() || usize::try_from(length).ok()? != message.len() {
            return None;
        }
        Self::first(std::str::from_utf8(message).ok()?, nonce, salt)
    }

    fn first(message: &str, nonce: &[u8], salt: &[u8]) -> Option<Self> {
        // n: no channel binding; y: the client could, and was not offered it.
        let after = message.strip_prefix("n,").or_else(|| message.strip_prefix("y,"))?;
        let (_identity, bare) = after.split_once(',')?;
        let header = message.get(..message.len() - bare.len())?;
        let mut fields = bare.split(',');
        // m= would be an extension that must be understood.
        fields.next()?.strip_prefix("n=")?;
        let theirs = fields.next()?.strip_prefix("r=").filter(|n| !n.is_empty())?;
        let nonce = format!("{theirs}{}", STANDARD.encode(nonce));
        let server_first = format!("r={nonce},s={},i={ROUNDS}", STANDARD.encode(salt));
        let (header, client_first) = (header.to_owned(), bare.to_owned());
        Some(Self { header, client_first, nonce, server_first })
    }

    /// Reads the client's last message.
    pub(super) fn finish(&self, answer: &[u8]) -> Option<Final> {
        let message = std::str::from_utf8(answer).ok()?;
        let (bare, proof) = message.rsplit_once(",p=")?;
        let proof: [u8; 32] = STANDARD.decode(proof).ok()?.try_into().ok()?;
        let mut fields = bare.split(',');
        let binding = fields.next()?.strip_prefix("c=")?;
        let nonce = fields.next()?.strip_prefix("r=")?;
        if STANDARD.decode(binding).ok()? != self.header.as_bytes() || nonce != self.nonce {
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
        Exchange::begin(&answer(MECHANISM, message), b"ours", b"salt")
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
    fn channel_binding_and_other_mechanisms_are_refused() {
        assert!(begin("p=tls-server-end-point,,n=,r=x").is_none());
        assert!(begin("n,,m=x,n=,r=x").is_none());
        assert!(begin("n,,n=,r=").is_none());
        assert!(Exchange::begin(&answer("SCRAM-SHA-1", "n,,n=,r=x"), b"o", b"s").is_none());
        let longer = [answer(MECHANISM, "n,,n=,r=x"), b"x".to_vec()].concat();
        assert!(Exchange::begin(&longer, b"o", b"s").is_none());
    }

    proptest! {
        #[test]
        fn any_answer_is_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..80), text in "[ncyrp=,a]{0,30}") {
            let _begun = Exchange::begin(&bytes, b"o", b"s");
            if let Some(exchange) = begin(&text) {
                let _end = exchange.finish(&bytes);
            }
        }
    }
}
