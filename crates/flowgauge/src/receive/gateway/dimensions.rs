//! What a request's header says about on whose behalf it comes (decision D22). What is malformed is
//! left out and counted; it never fails the call.

use crate::logic::call::{Call, Source, Text};
use crate::logic::id::{SpanId, TraceId};
use crate::receive::UserHasher;
use http::header::{HeaderMap, HeaderValue};

use super::headers::OWN_PREFIX;

/// Free labels kept of one call: enough for dashboards, too few to make series explode.
const MAX_LABELS: usize = 16;
/// Longest name of a label.
const MAX_LABEL_NAME: usize = 64;
/// Longest value of anything that becomes a dimension.
const MAX_VALUE: usize = 256;

/// Writes what the header says into the call; how many fields were malformed.
pub(super) fn read(headers: &HeaderMap, hasher: &UserHasher, call: &mut Call) -> u64 {
    let mut malformed = 0;
    for (name, value) in headers {
        let Some(own) = name.as_str().strip_prefix(OWN_PREFIX) else { continue };
        // The key was read by `authenticate` and is a secret.
        if own == "key" {
            continue;
        }
        let taken = match text(value) {
            Some(value) => take(own, value, hasher, call),
            None => false,
        };
        malformed += u64::from(!taken);
    }
    let retry = headers.get("x-stainless-retry-count").and_then(text);
    if let Some(count) = retry.and_then(|t| t.parse().ok()) {
        call.outcome.client_retry = count;
    }
    if let Some((trace, parent)) = headers.get("traceparent").and_then(traceparent) {
        call.link.trace_id = Some(trace);
        call.link.parent_span_id = Some(parent);
    }
    malformed
}

fn take(own: &str, value: &str, hasher: &UserHasher, call: &mut Call) -> bool {
    match own {
        "user" => call.who.user_key = Some(hasher.hash(value)),
        "session" => call.who.session_key = Some(hasher.hash(value)),
        "intent" => call.what.intent = Some(Text::from(value)),
        "app" => call.origin.service = Some(Text::from(value)),
        "environment" => call.origin.environment = Some(Text::from(value)),
        "version" => call.origin.version = Some(Text::from(value)),
        "endpoint" => call.what.endpoint = Some(Text::from(value)),
        "source" => return source(value, call),
        // Wishes, not dimensions: `optimise` grants them before anything is looked up or changed.
        "cache" => return value == "bypass",
        "optimizations" => return value == "off",
        other => return label(other, value, call),
    }
    true
}

/// Traffic made on purpose may say so; nothing else may be claimed.
fn source(value: &str, call: &mut Call) -> bool {
    match Source::from_word(value) {
        Some(made @ (Source::Probe | Source::Replay)) => call.origin.source = made,
        _ => return false,
    }
    true
}

fn label(own: &str, value: &str, call: &mut Call) -> bool {
    let Some(name) = own.strip_prefix("tag-") else { return false };
    let labels = &mut call.who.labels;
    let known = labels.iter().any(|(n, _)| n == name);
    if name.is_empty() || name.len() > MAX_LABEL_NAME || known || labels.len() >= MAX_LABELS {
        return false;
    }
    labels.push((Text::from(name), Text::from(value)));
    true
}

/// A value fit to be a dimension: UTF-8 without control characters, neither empty nor long.
fn text(value: &HeaderValue) -> Option<&str> {
    let text = std::str::from_utf8(value.as_bytes()).ok()?.trim();
    let fits = !text.is_empty() && text.len() <= MAX_VALUE && !text.chars().any(char::is_control);
    fits.then_some(text)
}

/// Trace and parent of a W3C `traceparent`; zero ids are none.
fn traceparent(value: &HeaderValue) -> Option<(TraceId, SpanId)> {
    let mut parts = value.to_str().ok()?.split('-');
    let version = parts.next().filter(|v| v.len() == 2 && *v != "ff")?;
    let trace: TraceId = parts.next().filter(|t| t.len() == 32)?.parse().ok()?;
    let parent: SpanId = parts.next().filter(|s| s.len() == 16)?.parse().ok()?;
    parts.next().filter(|flags| flags.len() == 2)?;
    // Version 00 has exactly four parts; a later one may add some.
    let whole = version != "00" || parts.next().is_none();
    (whole && trace.0 != [0; 16] && parent.0 != [0; 8]).then_some((trace, parent))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::logic::call::Door;
    use crate::logic::id::CallId;
    use crate::logic::unit::UnixMicros;
    use http::HeaderName;

    fn read_all(fields: &[(&str, &[u8])]) -> (Call, u64) {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.append(
                HeaderName::from_bytes(name.as_bytes()).unwrap(),
                HeaderValue::from_bytes(value).unwrap(),
            );
        }
        let at = UnixMicros(0);
        let mut call = Call::begun(CallId::new(at, [0; 10]), at, at, Door::Gateway);
        let malformed = read(&headers, &UserHasher::new(&[1; 32]), &mut call);
        (call, malformed)
    }

    #[test]
    fn a_probe_says_so_and_nobody_claims_to_be_an_import() {
        let (call, malformed) = read_all(&[("x-flowgauge-source", b"probe")]);
        assert_eq!((call.origin.source, malformed), (Source::Probe, 0));
        let (call, malformed) = read_all(&[("x-flowgauge-source", b"import")]);
        assert_eq!((call.origin.source, malformed), (Source::Observed, 1));
    }

    #[test]
    fn users_and_sessions_are_kept_as_hashes_only() {
        let (call, malformed) = read_all(&[
            ("x-flowgauge-user", b"ada@example.org"),
            ("x-flowgauge-session", b"s-1"),
            ("x-flowgauge-intent", b"translate"),
            ("x-flowgauge-tag-team", b"red"),
        ]);
        assert_eq!(malformed, 0);
        assert!(!format!("{call:?}").contains("ada@"));
        assert_eq!(call.what.intent.as_deref(), Some("translate"));
        assert_eq!(call.who.labels, [(Text::from("team"), Text::from("red"))]);
        assert_ne!(call.who.user_key, call.who.session_key);
    }

    #[test]
    fn what_is_malformed_is_left_out_and_counted() {
        let long = vec![b'x'; 257];
        let (call, malformed) = read_all(&[
            ("x-flowgauge-intent", b"\xff\xfe"),
            ("x-flowgauge-app", &long),
            ("x-flowgauge-unheard-of", b"1"),
            ("x-flowgauge-cache", b"please"),
        ]);
        assert_eq!(malformed, 4);
        assert_eq!(call.what.intent, None);
        assert_eq!(call.origin.service, None);
    }

    #[test]
    fn labels_are_bounded() {
        let names: Vec<String> = (0..20).map(|i| format!("x-flowgauge-tag-k{i}")).collect();
        let fields: Vec<(&str, &[u8])> = names.iter().map(|n| (n.as_str(), &b"v"[..])).collect();
        let (call, malformed) = read_all(&fields);
        assert_eq!((call.who.labels.len(), malformed), (16, 4));
    }

    #[test]
    fn a_traceparent_links_and_a_wrong_one_does_not() {
        let good = b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        let (call, _) = read_all(&[("traceparent", good), ("x-stainless-retry-count", b"2")]);
        assert!(call.link.trace_id.is_some() && call.link.parent_span_id.is_some());
        assert_eq!(call.outcome.client_retry, 2);
        for bad in [
            &b"00-00000000000000000000000000000000-b7ad6b7169203331-01"[..],
            b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331",
            b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-x",
            b"ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        ] {
            assert_eq!(read_all(&[("traceparent", bad)]).0.link.trace_id, None);
        }
    }
}
