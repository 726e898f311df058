//! Answers in the form of the request: export responses and status messages.

use super::batch::Rejections;
use super::{Form, Signal};
use bytes::Bytes;
use serde_json::json;

/// An `Export…ServiceResponse`, with partial success where rows were refused.
pub(super) fn export(signal: Signal, form: Form, refused: &Rejections) -> Bytes {
    let message = refused.message();
    // A message without a number is a warning: everything was accepted.
    if message.is_empty() {
        return match form {
            Form::Protobuf => Bytes::new(),
            Form::Json => Bytes::from_static(b"{}"),
        };
    }
    match form {
        Form::Protobuf => {
            let mut partial = Vec::new();
            partial.push(0x08);
            varint(&mut partial, refused.count);
            bytes_field(&mut partial, 0x12, message.as_bytes());
            let mut out = Vec::new();
            bytes_field(&mut out, 0x0a, &partial);
            Bytes::from(out)
        }
        Form::Json => {
            let field = match signal {
                Signal::Traces => "rejectedSpans",
                Signal::Logs => "rejectedLogRecords",
                Signal::Metrics => "rejectedDataPoints",
            };
            // int64 is a string in protobuf's JSON mapping.
            let partial = json!({ field: refused.count.to_string(), "errorMessage": message });
            Bytes::from(json!({ "partialSuccess": partial }).to_string())
        }
    }
}

/// A `google.rpc.Status`.
pub(super) fn status(form: Form, code: u8, message: &str) -> Bytes {
    match form {
        Form::Protobuf => Bytes::from(status_message(code, message, None)),
        Form::Json => Bytes::from(json!({ "code": code, "message": message }).to_string()),
    }
}

/// A `google.rpc.Status` that tells when to come back.
pub(super) fn retry_status(code: u8, message: &str, seconds: u32) -> Bytes {
    let mut delay = vec![0x08];
    varint(&mut delay, u64::from(seconds));
    let mut info = Vec::new();
    bytes_field(&mut info, 0x0a, &delay);
    let mut any = Vec::new();
    bytes_field(&mut any, 0x0a, b"type.googleapis.com/google.rpc.RetryInfo");
    bytes_field(&mut any, 0x12, &info);
    Bytes::from(status_message(code, message, Some(&any)))
}

fn status_message(code: u8, message: &str, detail: Option<&[u8]>) -> Vec<u8> {
    let mut out = vec![0x08, code];
    bytes_field(&mut out, 0x12, message.as_bytes());
    if let Some(detail) = detail {
        bytes_field(&mut out, 0x1a, detail);
    }
    out
}

fn bytes_field(out: &mut Vec<u8>, tag: u8, bytes: &[u8]) {
    out.push(tag);
    varint(out, u64::try_from(bytes.len()).unwrap_or(u64::MAX));
    out.extend_from_slice(bytes);
}

fn varint(out: &mut Vec<u8>, mut n: u64) {
    while n >= 0x80 {
        out.push((n & 0x7f) as u8 | 0x80);
        n >>= 7;
    }
    #[expect(clippy::cast_possible_truncation, reason = "less than 128")]
    out.push(n as u8);
}
