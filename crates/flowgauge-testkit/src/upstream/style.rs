//! How the same events are written by different providers: spacing, line ends, padding, comments.
//!
//! Every style is fixed, so that two equal requests get equal bytes.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::ser::{Formatter, Serializer};
use std::io::{self, Write};

/// How the events of a stream are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Style {
    /// A space after each colon and comma, as Python's `json.dumps` writes.
    Spaced,
    /// CR LF at line ends.
    Crlf,
    /// No space after `data:`.
    Tight,
    /// A member of padding in each chunk, of a length that changes.
    Padded,
    /// A comment before each event but the one with usage, which another request may not get.
    Comments,
}

/// The events in a style.
pub(super) fn written(events: Vec<String>, style: Style) -> Vec<String> {
    let one = |(index, event): (usize, String)| match style {
        Style::Spaced => with_data(&event, |value| spaced(&value)),
        Style::Crlf => event.replace('\n', "\r\n"),
        Style::Tight => event.replace("data: ", "data:"),
        Style::Padded => with_data(&event, |value| padded(value, index)),
        Style::Comments if event.contains("\"usage\":{") => event,
        Style::Comments => format!(": comment\n\n{event}"),
    };
    events.into_iter().enumerate().map(one).collect()
}

/// An event whose data, where it is JSON, is written by `write`.
fn with_data(event: &str, write: impl Fn(Value) -> String) -> String {
    let line = |line: &str| match line.strip_prefix("data: ").map(serde_json::from_str) {
        Some(Ok(value)) => format!("data: {}", write(value)),
        Some(Err(_)) | None => line.to_owned(),
    };
    event.split('\n').map(line).collect::<Vec<_>>().join("\n")
}

fn padded(mut value: Value, index: usize) -> String {
    if let Some(object) = value.as_object_mut() {
        // One name sorts before `usage` and one after: a member is cut out of the middle.
        let padding = "x".repeat(1 + index * 7 % 16);
        object.insert("obfuscation".to_owned(), padding.clone().into());
        object.insert("xtra".to_owned(), padding.into());
    }
    value.to_string()
}

fn spaced(value: &Value) -> String {
    let mut out = Vec::new();
    let mut serializer = Serializer::with_formatter(&mut out, Spaces);
    match serde::Serialize::serialize(value, &mut serializer) {
        Ok(()) => String::from_utf8_lossy(&out).into_owned(),
        Err(_) => value.to_string(),
    }
}

struct Spaces;

impl Formatter for Spaces {
    fn begin_array_value<W: ?Sized + Write>(&mut self, out: &mut W, first: bool) -> io::Result<()> {
        out.write_all(if first { b"" } else { b", " })
    }

    fn begin_object_key<W: ?Sized + Write>(&mut self, out: &mut W, first: bool) -> io::Result<()> {
        out.write_all(if first { b"" } else { b", " })
    }

    fn begin_object_value<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        out.write_all(b": ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_style_is_written_as_its_name_says() {
        let event = || vec!["data: {\"a\":[1,2],\"usage\":null}\n\n".to_owned()];
        assert_eq!(written(event(), Style::Spaced), ["data: {\"a\": [1, 2], \"usage\": null}\n\n"]);
        assert_eq!(written(event(), Style::Crlf), ["data: {\"a\":[1,2],\"usage\":null}\r\n\r\n"]);
        assert_eq!(written(event(), Style::Tight), ["data:{\"a\":[1,2],\"usage\":null}\n\n"]);
        let padded = written(event(), Style::Padded).concat();
        assert!(padded.contains("\"obfuscation\":\"x\",\"usage\":null,\"xtra\":\"x\""), "{padded}");
        assert_eq!(
            written(vec!["data: [DONE]\n\n".to_owned()], Style::Spaced),
            ["data: [DONE]\n\n"]
        );
    }
}
