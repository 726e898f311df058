//! Takes back out of a streamed chat what asking for usage put in.
//!
//! Owns two splices: the extra chunk (empty `choices`, a usage) is dropped, and the member
//! `"usage":null` is cut from the others. Refuses to touch anything else: a line that is not
//! understood, spans several `data:` lines or is too large passes as it came.

use super::json;
use super::sse::MAX_EVENT_BYTES;
use memchr::memmem;
use serde::Deserialize;
use serde::de::IgnoredAny;

/// Capacity kept between lines. One large line must not pin its memory for a long stream.
const KEEP_BYTES: usize = 64 << 10;

/// The name that both splices look for. A line without it needs no reading.
const USAGE: &[u8] = b"\"usage\"";

/// A stream on its way to a client that did not ask for usage. Holds at most one unfinished line.
#[derive(Debug, Default)]
pub struct UsageStrip {
    line: Vec<u8>,
    /// The unfinished line is too large; its rest passes unread.
    passing: bool,
    /// A field came since the last blank line.
    open: bool,
    /// The extra chunk was dropped; the blank line after it goes too.
    drop_blank: bool,
    /// The last byte was CR; whether an LF that follows is dropped with its line.
    after_cr: Option<bool>,
}

#[derive(Deserialize)]
struct Chunk {
    choices: Option<Vec<IgnoredAny>>,
    usage: Option<IgnoredAny>,
}

impl UsageStrip {
    /// The next bytes of the upstream; appends what the client gets to `out`.
    pub fn feed(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        let mut rest = bytes;
        if !rest.is_empty()
            && let Some(dropped) = self.after_cr.take()
            && let Some(after) = rest.strip_prefix(b"\n")
        {
            if !dropped {
                out.push(b'\n');
            }
            rest = after;
        }
        while let Some(at) = memchr::memchr2(b'\r', b'\n', rest) {
            let (line, from_end) = rest.split_at(at);
            let (end, after) = from_end.split_at(if from_end.starts_with(b"\r\n") { 2 } else { 1 });
            let dropped = self.end_line(line, end, out);
            self.after_cr = (end == b"\r" && after.is_empty()).then_some(dropped);
            rest = after;
        }
        self.hold(rest, out);
    }

    /// Whether bytes would pass unchanged and leave nothing behind: whole events that do not name
    /// usage. Such bytes need not be fed.
    #[must_use]
    pub fn passes(&self, bytes: &[u8]) -> bool {
        let whole = bytes.ends_with(b"\n\n") || bytes.ends_with(b"\r\n\r\n");
        whole
            && self.after_cr.is_none()
            && !self.drop_blank
            && self.at_boundary()
            && memmem::find(bytes, USAGE).is_none()
    }

    /// Whether what the client got so far ends between two events.
    #[must_use]
    pub const fn at_boundary(&self) -> bool {
        self.line.is_empty() && !self.passing && !self.open
    }

    /// Whether no unfinished line is held.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.line.is_empty()
    }

    /// The end of the body: what is held is a line without its end.
    pub fn finish(&mut self, out: &mut Vec<u8>) {
        if !self.line.is_empty() {
            self.end_line(&[], &[], out);
        }
    }

    /// The body broke off: what is held of a line is no line. Where it passed already, this changes
    /// nothing.
    pub fn drop_line(&mut self) {
        self.line = Vec::new();
    }

    fn hold(&mut self, part: &[u8], out: &mut Vec<u8>) {
        if self.line.len().saturating_add(part.len()) > MAX_EVENT_BYTES {
            self.passing = true;
            out.append(&mut self.line);
        }
        if self.passing {
            out.extend_from_slice(part);
        } else {
            self.line.extend_from_slice(part);
        }
    }

    /// One line is complete: `tail` is what follows the held beginning. Says whether it was dropped.
    fn end_line(&mut self, tail: &[u8], end: &[u8], out: &mut Vec<u8>) -> bool {
        if self.line.is_empty() && !self.passing && tail.len() <= MAX_EVENT_BYTES {
            return self.whole_line(tail, end, out);
        }
        self.hold(tail, out);
        if std::mem::take(&mut self.passing) {
            self.drop_blank = false;
            self.open = true;
            out.extend_from_slice(end);
            return false;
        }
        let mut line = std::mem::take(&mut self.line);
        let dropped = self.whole_line(&line, end, out);
        line.clear();
        line.shrink_to(KEEP_BYTES);
        self.line = line;
        dropped
    }

    fn whole_line(&mut self, line: &[u8], end: &[u8], out: &mut Vec<u8>) -> bool {
        let drop_blank = std::mem::take(&mut self.drop_blank);
        let blank = line.is_empty();
        let first = !std::mem::replace(&mut self.open, !blank);
        if blank && drop_blank {
            return true;
        }
        let named = memmem::find(line, USAGE).is_some();
        let null = named.then(|| null_usage(line)).flatten();
        // Most chunks say null, and those need no reading as JSON.
        if first && named && null.is_none() && is_extra_chunk(line) {
            self.drop_blank = true;
            self.open = false;
            return true;
        }
        match null {
            Some((from, to)) => {
                out.extend_from_slice(line.get(..from).unwrap_or_default());
                out.extend_from_slice(line.get(to..).unwrap_or_default());
            }
            None => out.extend_from_slice(line),
        }
        out.extend_from_slice(end);
        false
    }
}

/// Whether a line holds the chunk that only brings the usage.
fn is_extra_chunk(line: &[u8]) -> bool {
    let Some(data) = line.strip_prefix(b"data:") else { return false };
    let chunk = json::object::<Chunk>(data);
    chunk.is_some_and(|c| c.usage.is_some() && c.choices.is_some_and(|c| c.is_empty()))
}

/// Where the outermost object of a line has `"usage":null`, with the comma that belongs to it.
fn null_usage(line: &[u8]) -> Option<(usize, usize)> {
    line.strip_prefix(b"data:")?;
    let (mut depth, mut at) = (0u32, 5);
    while let Some(byte) = line.get(at) {
        match byte {
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth = depth.checked_sub(1)?,
            b'"' => {
                let end = string_end(line, at)?;
                if depth == 1
                    && line.get(at..end) == Some(br#""usage""#)
                    && let Some(value) = after(line, end, b":")
                {
                    return Some(with_comma(line, at, after(line, value, b"null")?));
                }
                at = end;
                continue;
            }
            _ => {}
        }
        at += 1;
    }
    None
}

/// The index after a string that opens at `open`.
fn string_end(line: &[u8], open: usize) -> Option<usize> {
    let mut at = open + 1;
    loop {
        match line.get(at)? {
            b'\\' => at += 2,
            b'"' => return Some(at + 1),
            _ => at += 1,
        }
    }
}

/// The index after `token`, which may have space before it.
fn after(line: &[u8], from: usize, token: &[u8]) -> Option<usize> {
    let rest = line.get(from..)?;
    let spaces = rest.len() - rest.trim_ascii_start().len();
    rest.get(spaces..)?.starts_with(token).then_some(from + spaces + token.len())
}

/// Widens a member to the comma before it, else to the comma and space after it.
fn with_comma(line: &[u8], from: usize, to: usize) -> (usize, usize) {
    let before = line.get(..from).unwrap_or_default().trim_ascii_end();
    if before.ends_with(b",") {
        return (before.len() - 1, to);
    }
    let Some(comma) = after(line, to, b",") else { return (from, to) };
    (from, after(line, comma, b"").unwrap_or(comma))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn strip(pieces: &[&[u8]]) -> String {
        let (mut strip, mut out) = (UsageStrip::default(), Vec::new());
        for piece in pieces {
            if strip.passes(piece) {
                out.extend_from_slice(piece);
            } else {
                strip.feed(piece, &mut out);
            }
        }
        strip.finish(&mut out);
        String::from_utf8(out).unwrap()
    }

    const ASKED: &str = concat!(
        ": hi\n\ndata: {\"id\":\"a\",\"choices\":[{\"delta\":{\"content\":\"\\\"usage\\\":null,ü\",\"usage\":null}}],\"usage\":null}\n\n",
        "data: {\"usage\": null, \"id\": \"usage\", \"choices\": [{}]}\n\n",
        "data: {\"id\":\"a\",\"usage\":null,\"choices\":[]}\n\ndata: {\"usage\":null}\n\n",
        "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":1}}\n\n",
        "data: {\"choices\":[{}],\"usage\":{\"prompt_tokens\":1}}\n\ndata: {\"usage\":\n\ndata: [DONE]\n\ndata: {\"cut\":",
    );
    const DIRECT: &str = concat!(
        ": hi\n\ndata: {\"id\":\"a\",\"choices\":[{\"delta\":{\"content\":\"\\\"usage\\\":null,ü\",\"usage\":null}}]}\n\n",
        "data: {\"id\": \"usage\", \"choices\": [{}]}\n\n",
        "data: {\"id\":\"a\",\"choices\":[]}\n\ndata: {}\n\n",
        "data: {\"choices\":[{}],\"usage\":{\"prompt_tokens\":1}}\n\ndata: {\"usage\":\n\ndata: [DONE]\n\ndata: {\"cut\":",
    );

    #[test]
    fn a_client_gets_the_bytes_of_a_direct_call_however_they_are_cut() {
        for end in ["\n", "\r\n", "\r"] {
            let (asked, direct) = (ASKED.replace('\n', end), DIRECT.replace('\n', end));
            let single: Vec<&[u8]> = asked.as_bytes().chunks(1).collect();
            assert_eq!(strip(&single), direct, "{end:?}");
            for cut in 0..=asked.len() {
                let (head, tail) = asked.as_bytes().split_at(cut);
                assert_eq!(strip(&[head, tail]), direct, "{end:?} cut at {cut}");
            }
        }
    }

    #[test]
    fn a_stream_without_the_member_passes_byte_for_byte() {
        assert_eq!(strip(&[DIRECT.as_bytes()]), DIRECT);
        let named = "event: x\ndata: {\"choices\":[],\"usage\":{}}\n\n";
        assert_eq!(strip(&[named.as_bytes()]), named);
    }

    #[test]
    fn whole_events_leave_at_once_and_those_that_name_no_usage_need_no_copy() {
        let mut strip = UsageStrip::default();
        assert!(strip.passes(b"data: {\"choices\":[{}]}\n\n"));
        assert!(!strip.passes(b"data: {\"choices\":[{}],\"usage\":null}\n\n"));
        assert!(!strip.passes(b"data: {\"cho") && !strip.passes(b"\n"));
        let mut out = Vec::new();
        strip.feed(b"data: {\"choices\":[{}],\"usage\":null}\r\n\r\ndata: {", &mut out);
        assert_eq!(out, b"data: {\"choices\":[{}]}\r\n\r\n");
        assert!(!strip.at_boundary() && !strip.passes(b"data: x\n\n"));
        strip.feed(b"\"choices\":[],\"usage\":{}}\n", &mut out);
        assert!(strip.at_boundary(), "the client saw nothing of the chunk that goes");
        strip.feed(b"\n", &mut out);
        assert_eq!(out, b"data: {\"choices\":[{}]}\r\n\r\n");
        assert!(strip.passes(b"data: [DONE]\n\n"));
    }

    #[test]
    fn a_line_over_the_limit_passes_unread() {
        let line = format!("data: {}\n\n", "x".repeat(MAX_EVENT_BYTES));
        let out = strip(&[&line.as_bytes()[..100], &line.as_bytes()[100..], ASKED.as_bytes()]);
        assert!(out == format!("{line}{DIRECT}"));
    }
}
