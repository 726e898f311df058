//! An answer as bytes for a store that others can write to as well: a length, what is known of it, its body, a check sum.
//!
//! Refuses whatever is not exactly what was sealed under the same key: another form, a damaged one, one of another
//! request. A refused one is a miss.

use super::frames;
use crate::control::memory::Answer;
use crate::logic::call::{Text, Usage};
use crate::logic::control::cache::key::Key;
use crate::logic::control::cache::store::Tags;
use crate::logic::unit::{Micros, NanoUsd, UnixMicros};
use bytes::Bytes;
use http::header::{HeaderName, HeaderValue};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// Form of the bytes; another one is a miss.
const FORM: &[u8; 4] = b"fgs1";
/// Bytes of the check sum, and of the length after the form.
const SUM: usize = 32;
const LENGTH: usize = 4;

/// What is known of an answer.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Head {
    headers: Vec<(String, String)>,
    frames: Vec<usize>,
    usage: Usage,
    tenant: Option<Text>,
    model: Option<Text>,
    intent: Option<Text>,
    route: Option<Text>,
    tokens: u64,
    cost: Option<NanoUsd>,
    latency: Micros,
    begun: UnixMicros,
}

/// As bytes; nothing where a header is no text.
pub(super) fn seal(answer: &Answer, tags: &Tags, begun: UnixMicros, key: &Key) -> Option<Vec<u8>> {
    let header = |(name, value): &(HeaderName, HeaderValue)| {
        Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned()))
    };
    let head = Head {
        headers: answer.headers.iter().map(header).collect::<Option<_>>()?,
        frames: answer.frames.iter().map(Bytes::len).collect(),
        usage: answer.usage,
        tenant: tags.tenant.clone(),
        model: tags.model.clone(),
        intent: tags.intent.clone(),
        route: tags.route.clone(),
        tokens: tags.tokens,
        cost: tags.cost,
        latency: tags.latency,
        begun,
    };
    let head = serde_json::to_vec(&head).ok()?;
    let length = u32::try_from(head.len()).ok()?;
    let body: usize = answer.frames.iter().map(Bytes::len).sum();
    let mut out = Vec::with_capacity(FORM.len() + LENGTH + head.len() + body + SUM);
    out.extend_from_slice(FORM);
    out.extend_from_slice(&length.to_le_bytes());
    out.extend_from_slice(&head);
    answer.frames.iter().for_each(|frame| out.extend_from_slice(frame));
    let sum = sum(&out, key);
    out.extend_from_slice(&sum);
    Some(out)
}

/// The answer again, and when it was made.
pub(super) fn open(bytes: &[u8], key: &Key) -> Option<(Answer, Tags, UnixMicros)> {
    let (sealed, stated) = bytes.split_at_checked(bytes.len().checked_sub(SUM)?)?;
    if sum(sealed, key) != stated {
        return None;
    }
    let rest = sealed.strip_prefix(FORM)?;
    let (length, rest) = rest.split_at_checked(LENGTH)?;
    let length = usize::try_from(u32::from_le_bytes(length.try_into().ok()?)).ok()?;
    let (head, body) = rest.split_at_checked(length)?;
    let head: Head = serde_json::from_slice(head).ok()?;
    let header = |(name, value): &(String, String)| {
        Some((name.parse::<HeaderName>().ok()?, value.parse::<HeaderValue>().ok()?))
    };
    let answer = Answer {
        headers: head.headers.iter().map(header).collect::<Option<_>>()?,
        frames: frames(Bytes::copy_from_slice(body), &head.frames)?,
        usage: head.usage,
        gist: None,
    };
    let Head { tenant, model, intent, route, tokens, cost, latency, begun, .. } = head;
    Some((answer, Tags { tenant, model, intent, route, tokens, cost, latency }, begun))
}

/// With the key in it: a value under another key is not its own.
fn sum(bytes: &[u8], key: &Key) -> [u8; SUM] {
    Sha256::new().chain_update(key.0).chain_update(bytes).finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const KEY: Key = Key([7; 32]);

    fn sealed() -> Vec<u8> {
        let json = HeaderValue::from_static("application/json");
        let answer = Answer {
            headers: vec![(http::header::CONTENT_TYPE, json)],
            frames: vec![
                Bytes::from_static(b"data: 1\n\n"),
                Bytes::new(),
                Bytes::from_static(b"x"),
            ],
            usage: Usage::default(),
            gist: None,
        };
        let tags = Tags { tenant: Some("t".into()), tokens: 9, ..Tags::default() };
        seal(&answer, &tags, UnixMicros(5), &KEY).unwrap()
    }

    #[test]
    fn an_answer_comes_back_frame_by_frame_and_only_under_its_own_key() {
        let (answer, tags, begun) = open(&sealed(), &KEY).unwrap();
        assert_eq!(answer.frames, ["data: 1\n\n", "", "x"]);
        assert_eq!((answer.headers.len(), tags.tokens, begun), (1, 9, UnixMicros(5)));
        assert!(open(&sealed(), &Key([8; 32])).is_none());
    }

    proptest! {
        #[test]
        fn whatever_is_not_what_was_sealed_is_a_miss(at in 0_usize..1_000, bits in 1_u8.., cut in 0_usize..1_000) {
            let whole = sealed();
            let mut damaged = whole.clone();
            let at = at % damaged.len();
            damaged[at] ^= bits;
            prop_assert!(open(&damaged, &KEY).is_none());
            prop_assert!(open(&whole[..cut % whole.len()], &KEY).is_none());
        }
    }
}
