//! What a request asks for, read in one pass from its body.
//!
//! Owns the few members that become dimensions of a call, and the splices that ask for usage and for
//! another model. Refuses prompts, tools and everything else: they are skipped without being kept and without
//! recursion, so that no nesting can exhaust the stack.

use super::json::{self, Count, Word};
use crate::call::{Protocol, Text};
use serde::Deserialize;
use serde_json::value::RawValue;

pub use self::model::with_model;

mod model;

/// What was asked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Asked {
    /// Model.
    pub model: Option<Text>,
    /// Whether the answer shall be streamed; `None` where the request does not say.
    pub stream: Option<bool>,
    /// `stream_options.include_usage`.
    pub include_usage: Option<bool>,
    /// Limit of output tokens, under any of its names.
    pub max_tokens: Option<u64>,
    /// End user as the application names it; hash it before it is stored.
    pub user: Option<Text>,
    /// Purpose, for FlowReader's own routes.
    pub intent: Option<Text>,
    /// The body is no JSON object, or a member we need has an impossible type.
    pub parse_failed: bool,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Body {
    model: Word,
    stream: Flag,
    stream_options: Options,
    max_tokens: Count,
    max_completion_tokens: Count,
    max_output_tokens: Count,
    user: Word,
    safety_identifier: Word,
    metadata: Metadata,
    intent: Word,
}

/// A boolean; null says nothing.
#[derive(Default)]
struct Flag(Option<bool>);

/// `stream_options.include_usage`; null says nothing.
#[derive(Default)]
struct Options(Option<bool>);

/// `metadata.user_id` of Anthropic, or nothing.
#[derive(Default)]
struct Metadata(Word);

impl<'de> Deserialize<'de> for Flag {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        Option::<bool>::deserialize(d).map(Self)
    }
}

impl<'de> Deserialize<'de> for Options {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Known {
            #[serde(default)]
            include_usage: Flag,
        }
        Ok(Self(Option::<Known>::deserialize(d)?.and_then(|k| k.include_usage.0)))
    }
}

impl<'de> Deserialize<'de> for Metadata {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Known {
            #[serde(default)]
            user_id: Word,
        }
        Ok(Self(Option::<Known>::deserialize(d)?.map(|k| k.user_id).unwrap_or_default()))
    }
}

impl Asked {
    /// Reads a request body. Never fails: what cannot be read is not known.
    #[must_use]
    pub fn read(protocol: Protocol, body: &[u8]) -> Self {
        if protocol == Protocol::Other {
            return Self::default();
        }
        let Some(body) = json::object::<Body>(body) else {
            return Self { parse_failed: true, ..Self::default() };
        };
        let limit = body.max_completion_tokens.or_before(body.max_output_tokens);
        Self {
            model: body.model.0,
            stream: body.stream.0,
            include_usage: body.stream_options.0,
            max_tokens: limit.or_before(body.max_tokens).get(),
            user: body.user.0.or(body.safety_identifier.0).or(body.metadata.0.0),
            intent: body.intent.0.filter(|_| protocol == Protocol::FlowReader),
            parse_failed: false,
        }
    }
}

/// The same body, asking the stream for its usage, every other byte kept.
///
/// Only for a streamed request that does not ask already: the member is added where it is missing and
/// its value replaced where it is null or false. `None` where nothing is to be done, or nothing safe:
/// options that are no object, or named twice.
#[must_use]
pub fn with_include_usage(body: &[u8]) -> Option<Vec<u8>> {
    #[derive(Deserialize)]
    struct Mentions<'a> {
        #[serde(default)]
        stream: Flag,
        #[serde(default, borrow, deserialize_with = "raw")]
        stream_options: Option<&'a RawValue>,
    }
    let mentions = json::object::<Mentions<'_>>(body)?;
    if mentions.stream.0 != Some(true) {
        return None;
    }
    match mentions.stream_options.map(RawValue::get) {
        // The object holds at least `stream`, so a comma always follows.
        None => spliced(body, opening(body)?, 0, &[INCLUDE_USAGE, b","]),
        Some("null") => {
            let at = offset(body, mentions.stream_options?)?;
            spliced(body, at, "null".len(), &[OPTIONS])
        }
        Some(options) => {
            let at = offset(body, mentions.stream_options?)?;
            let (within, replaced, new) = asking(options)?;
            spliced(body, at.checked_add(within)?, replaced, new)
        }
    }
}

/// Where in an object of options the question goes, how many bytes it replaces, and what it is.
fn asking(options: &str) -> Option<(usize, usize, &'static [&'static [u8]])> {
    #[derive(Deserialize)]
    struct Known<'a> {
        #[serde(default, borrow, deserialize_with = "raw")]
        include_usage: Option<&'a RawValue>,
    }
    let known = json::object::<Known<'_>>(options.as_bytes())?;
    if let Some(said) = known.include_usage {
        let replaced = matches!(said.get(), "null" | "false").then(|| said.get().len())?;
        return Some((offset(options.as_bytes(), said)?, replaced, &[b"true"]));
    }
    let inside = opening(options.as_bytes())?;
    let empty = options.get(inside..)?.trim_ascii_start() == "}";
    Some((inside, 0, if empty { &[MEMBER] } else { &[MEMBER, b","] }))
}

/// The index after the brace that opens an object.
fn opening(object: &[u8]) -> Option<usize> {
    object.iter().position(|b| *b == b'{')?.checked_add(1)
}

/// Where a value that was read from `whole` lies in it.
fn offset(whole: &[u8], value: &RawValue) -> Option<usize> {
    value.get().as_ptr().addr().checked_sub(whole.as_ptr().addr())
}

fn spliced(body: &[u8], at: usize, replaced: usize, new: &[&[u8]]) -> Option<Vec<u8>> {
    let (head, rest) = body.split_at_checked(at)?;
    let rest = rest.get(replaced..)?;
    let added: usize = new.iter().map(|part| part.len()).sum();
    let mut out = Vec::with_capacity(head.len() + added + rest.len());
    out.extend_from_slice(head);
    new.iter().for_each(|part| out.extend_from_slice(part));
    out.extend_from_slice(rest);
    Some(out)
}

/// The member that asks a stream for its usage.
const INCLUDE_USAGE: &[u8] = br#""stream_options":{"include_usage":true}"#;
/// Its value.
const OPTIONS: &[u8] = br#"{"include_usage":true}"#;
/// The member of that value.
const MEMBER: &[u8] = br#""include_usage":true"#;

/// Any value as it was written, null too.
fn raw<'de, D: serde::Deserializer<'de>>(d: D) -> Result<Option<&'de RawValue>, D::Error> {
    <&RawValue>::deserialize(d).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_chat_request_is_read_past_its_content() {
        let asked = Asked::read(
            Protocol::Chat,
            br#" {"messages":[{"role":"user","content":"model \"x\" \u00e9"}],"model":"gpt-4o",
            "stream":true,"stream_options":{"include_usage":false,"x":1},"max_tokens":7,
            "max_completion_tokens":9,"user":"u-1","intent":"translate","tools":[{"a":[[]]}]}"#,
        );
        let expected = Asked {
            model: Some("gpt-4o".into()),
            stream: Some(true),
            include_usage: Some(false),
            max_tokens: Some(9),
            user: Some("u-1".into()),
            intent: None,
            parse_failed: false,
        };
        assert_eq!(asked, expected);
    }

    #[test]
    fn each_family_has_its_own_names() {
        let asked = Asked::read(
            Protocol::Messages,
            br#"{"model":"claude-sonnet-4-5","max_tokens":5,"metadata":{"user_id":"u"}}"#,
        );
        assert_eq!((asked.max_tokens, asked.user.as_deref()), (Some(5), Some("u")));
        assert_eq!(asked.stream, None);
        let asked = Asked::read(Protocol::Responses, br#"{"max_output_tokens":5,"stream":null}"#);
        assert_eq!((asked.max_tokens, asked.stream), (Some(5), None));
        let asked = Asked::read(Protocol::FlowReader, br#"{"bookId":"b","intent":"enhance"}"#);
        assert_eq!(asked.intent.as_deref(), Some("enhance"));
    }

    #[test]
    fn what_cannot_be_read_says_so_and_deep_nesting_is_only_skipped() {
        for body in [&b""[..], b"[]", b"{", b"\xff", b"{\"stream_options\":7}"] {
            assert!(Asked::read(Protocol::Chat, body).parse_failed, "{body:?}");
        }
        let deep = [b"{\"a\":", "[".repeat(1 << 20).as_bytes(), b"}"].concat();
        assert!(Asked::read(Protocol::Chat, &deep).parse_failed);
        let levels = 1 << 20;
        let closed =
            format!("{{\"a\":{}{},\"model\":\"m\"}}", "[".repeat(levels), "]".repeat(levels));
        assert_eq!(Asked::read(Protocol::Chat, closed.as_bytes()).model.as_deref(), Some("m"));
        assert_eq!(Asked::read(Protocol::Other, b"{"), Asked::default());
    }

    #[test]
    fn usage_is_asked_for_only_where_a_stream_did_not_say() {
        let spliced = with_include_usage(b" {\"stream\": true, \"n\":1}\n").unwrap();
        let expected =
            b" {\"stream_options\":{\"include_usage\":true},\"stream\": true, \"n\":1}\n";
        assert_eq!(spliced, expected);
        for body in [
            &b"{}"[..],
            b"{\"stream\":false}",
            b"{\"stream\":true,\"stream_options\":{\"include_usage\":true}}",
            b"{\"stream\":true,\"stream_options\":{\"include_usage\":7}}",
            b"{\"stream\":true,\"stream_options\":[]}",
            b"{\"stream\":true,\"stream_options\":{},\"stream_options\":{}}",
            b"[true]",
            b"",
        ] {
            assert_eq!(with_include_usage(body), None, "{body:?}");
        }
    }

    #[test]
    fn options_that_do_not_ask_are_made_to_ask() {
        for (options, want) in [
            ("null", r#"{"include_usage":true}"#),
            ("{}", r#"{"include_usage":true}"#),
            ("{ }", r#"{"include_usage":true }"#),
            (r#"{"include_usage": false}"#, r#"{"include_usage": true}"#),
            (r#"{"include_usage":null,"x":1}"#, r#"{"include_usage":true,"x":1}"#),
            (
                r#"{"include_obfuscation":false}"#,
                r#"{"include_usage":true,"include_obfuscation":false}"#,
            ),
        ] {
            let body = |o: &str| format!("{{\"stream\":true, \"stream_options\" : {o} ,\"n\":1}}");
            let spliced = with_include_usage(body(options).as_bytes()).unwrap();
            assert_eq!(String::from_utf8(spliced).unwrap(), body(want));
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(body in proptest::collection::vec(any::<u8>(), 0..256)) {
            let _ = Asked::read(Protocol::Chat, &body);
            let _ = with_include_usage(&body);
        }

        #[test]
        fn a_spliced_request_differs_only_in_the_member(model in "[ -~]{0,20}", spaces in "[ \\n]{0,3}") {
            let model = serde_json::to_string(&model).unwrap();
            let body = format!("{spaces}{{{spaces}\"model\":{model},\"stream\":true}}{spaces}");
            let spliced = with_include_usage(body.as_bytes()).unwrap();
            let asked = Asked::read(Protocol::Chat, &spliced);
            prop_assert_eq!(asked.include_usage, Some(true));
            let before = Asked::read(Protocol::Chat, body.as_bytes());
            prop_assert_eq!(Asked { include_usage: None, ..asked }, before);
            let member = b"\"stream_options\":{\"include_usage\":true},";
            let without = String::from_utf8(spliced).unwrap();
            let without = without.replacen(std::str::from_utf8(member).unwrap(), "", 1);
            prop_assert_eq!(without, body);
        }
    }
}
