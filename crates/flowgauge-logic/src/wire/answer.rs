//! Errors made by flowgauge, in the language of the family.
//!
//! Owns the two JSON shapes clients' SDKs understand and their form inside a stream. Refuses
//! `[DONE]`: a failed stream must not look finished.

use crate::call::Protocol;
use serde_json::json;

/// A JSON error body: Anthropic's shape for messages, OpenAI's for everything else.
#[must_use]
pub fn error_body(protocol: Protocol, kind: &str, code: &str, message: &str) -> String {
    let body = match protocol {
        Protocol::Messages => json!({
            "type": "error",
            "error": { "type": kind, "message": message, "code": code },
        }),
        Protocol::FlowReader => json!({ "error": { "code": code, "message": message } }),
        Protocol::Chat
        | Protocol::Completions
        | Protocol::Responses
        | Protocol::Embeddings
        | Protocol::Other => json!({
            "error": { "message": message, "type": kind, "param": null, "code": code },
        }),
    };
    body.to_string()
}

/// An error event to append to a stream that failed between two events.
#[must_use]
pub fn error_event(protocol: Protocol, code: &str, message: &str) -> String {
    match protocol {
        Protocol::Messages => {
            format!("event: error\ndata: {}\n\n", error_body(protocol, "api_error", code, message))
        }
        Protocol::Responses => {
            let data = json!({ "type": "error", "code": code, "message": message, "param": null });
            format!("event: error\ndata: {data}\n\n")
        }
        Protocol::FlowReader => {
            format!("event: error\ndata: {}\n\n", json!({ "code": code, "message": message }))
        }
        Protocol::Chat | Protocol::Completions | Protocol::Embeddings | Protocol::Other => {
            format!("data: {}\n\n", error_body(protocol, "upstream_error", code, message))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::unit::Micros;
    use crate::wire::Observer;

    #[test]
    fn the_observer_reads_our_own_error_events_as_errors() {
        for protocol in Protocol::ALL {
            if *protocol == Protocol::Other {
                continue;
            }
            let mut observer = Observer::new(*protocol, true);
            let event = error_event(*protocol, "upstream_closed", "a \"quoted\"\nreason");
            observer.feed(event.as_bytes(), Micros(1));
            assert!(observer.at_boundary());
            let seen = observer.finish(true);
            let code = seen.error.and_then(|e| e.code);
            assert_eq!(code.as_deref(), Some("upstream_closed"), "{protocol:?}");
            assert!(!seen.complete);
        }
    }

    #[test]
    fn bodies_have_the_shape_of_their_family() {
        let openai = error_body(Protocol::Chat, "invalid_request_error", "bad", "m");
        let openai: serde_json::Value = serde_json::from_str(&openai).unwrap();
        assert_eq!(openai["error"]["code"], "bad");
        assert!(openai["error"]["param"].is_null());
        let anthropic = error_body(Protocol::Messages, "rate_limit_error", "bad", "m");
        let anthropic: serde_json::Value = serde_json::from_str(&anthropic).unwrap();
        assert_eq!(anthropic["type"], "error");
        assert_eq!(anthropic["error"]["type"], "rate_limit_error");
    }
}
