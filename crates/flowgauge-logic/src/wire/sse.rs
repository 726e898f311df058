//! Server-sent events as WHATWG defines them, from bytes cut anywhere.
//!
//! Owns line ends (CR, LF, CRLF), the BOM, comments, joining of `data:` lines and the bound on one
//! event. Refuses to know what the data means, and never fails: odd input yields odd events.

/// Bytes of one event held at most. 16 MiB is far above a final event with a whole response in it;
/// a larger event is dropped here (it was forwarded long ago) and reported as `oversized`.
pub const MAX_EVENT_BYTES: usize = 16 << 20;

/// Capacity kept between events. One large event must not pin its memory for a long stream.
const KEEP_BYTES: usize = 64 << 10;

/// Bytes of an event name held at most; real names are below 50.
const MAX_NAME_BYTES: usize = 256;

const BOM: &[u8] = b"\xef\xbb\xbf";

/// One event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Event<'a> {
    /// Value of the `event:` field; empty where there was none.
    pub name: &'a [u8],
    /// The `data:` lines, joined by LF.
    pub data: &'a [u8],
    /// The body ended before the blank line that ends an event.
    pub cut: bool,
    /// The event was larger than [`MAX_EVENT_BYTES`]; `data` is empty.
    pub oversized: bool,
}

/// Parser state between two reads.
#[derive(Debug, Default)]
pub struct Parser {
    /// A line whose end has not come yet.
    line: Vec<u8>,
    /// Value of the last `event:` field.
    name: Vec<u8>,
    /// `data:` lines so far.
    data: Vec<u8>,
    /// A `data:` line was seen, perhaps an empty one.
    has_data: bool,
    /// Any field was seen since the last blank line.
    open: bool,
    /// Bytes of this event were dropped.
    oversized: bool,
    /// The line under way was dropped; it is not blank.
    line_dropped: bool,
    /// The last byte was CR: an LF that follows belongs to it.
    after_cr: bool,
    /// The first line is over, so a BOM is text from now on.
    past_start: bool,
}

impl Parser {
    /// Takes the next bytes and calls `each` for every event they complete.
    pub fn feed(&mut self, bytes: &[u8], each: &mut impl FnMut(Event<'_>)) {
        let mut rest = bytes;
        if self.after_cr && !rest.is_empty() {
            self.after_cr = false;
            rest = rest.strip_prefix(b"\n").unwrap_or(rest);
        }
        while let Some(end) = memchr::memchr2(b'\r', b'\n', rest) {
            let (line, from_end) = rest.split_at(end);
            self.end_line(line, each);
            rest = match from_end {
                [b'\r', b'\n', after @ ..] | [_, after @ ..] => after,
                [] => &[],
            };
            self.after_cr = from_end == b"\r";
        }
        self.hold(rest);
    }

    /// Ends the body: an event without its blank line is delivered, marked as cut.
    pub fn finish(&mut self, each: &mut impl FnMut(Event<'_>)) {
        if !self.line.is_empty() || self.line_dropped {
            self.end_line(&[], each);
        }
        self.dispatch(true, each);
    }

    /// Whether the bytes so far end between two events, so that another may be appended.
    #[must_use]
    pub const fn at_boundary(&self) -> bool {
        self.line.is_empty() && !self.line_dropped && !self.open
    }

    /// Keeps the beginning of a line.
    fn hold(&mut self, part: &[u8]) {
        if part.is_empty() || self.line_dropped {
            return;
        }
        if self.held().saturating_add(part.len()) > MAX_EVENT_BYTES {
            self.drop_event();
            self.line_dropped = true;
            return;
        }
        self.line.extend_from_slice(part);
    }

    /// One line is complete: `tail` is what follows the held beginning.
    fn end_line(&mut self, tail: &[u8], each: &mut impl FnMut(Event<'_>)) {
        if self.line.is_empty() && !self.line_dropped {
            self.field(tail, each);
            return;
        }
        self.hold(tail);
        if self.line_dropped {
            self.line_dropped = false;
            self.past_start = true;
            return;
        }
        let mut line = std::mem::take(&mut self.line);
        self.field(&line, each);
        line.clear();
        line.shrink_to(KEEP_BYTES);
        self.line = line;
    }

    fn field(&mut self, line: &[u8], each: &mut impl FnMut(Event<'_>)) {
        let line = if self.past_start { line } else { line.strip_prefix(BOM).unwrap_or(line) };
        self.past_start = true;
        if line.is_empty() {
            self.dispatch(false, each);
            return;
        }
        let (field, value) = match memchr::memchr(b':', line) {
            Some(0) => return,
            Some(colon) => {
                let (field, value) = line.split_at(colon);
                let value = value.strip_prefix(b":").unwrap_or(value);
                (field, value.strip_prefix(b" ").unwrap_or(value))
            }
            None => (line, &[][..]),
        };
        self.open = true;
        match field {
            b"data" => self.append(value),
            b"event" => {
                self.name.clear();
                self.name.extend_from_slice(value.get(..MAX_NAME_BYTES).unwrap_or(value));
            }
            _ => {}
        }
    }

    fn append(&mut self, value: &[u8]) {
        if self.oversized {
            return;
        }
        if self.data.len().saturating_add(value.len()) >= MAX_EVENT_BYTES {
            self.drop_event();
            return;
        }
        if self.has_data {
            self.data.push(b'\n');
        }
        self.has_data = true;
        self.data.extend_from_slice(value);
    }

    fn dispatch(&mut self, cut: bool, each: &mut impl FnMut(Event<'_>)) {
        if self.has_data || self.oversized {
            let (name, data) = (self.name.as_slice(), self.data.as_slice());
            each(Event { name, data, cut, oversized: self.oversized });
        }
        self.name.clear();
        self.data.clear();
        self.data.shrink_to(KEEP_BYTES);
        self.has_data = false;
        self.open = false;
        self.oversized = false;
    }

    fn drop_event(&mut self) {
        self.oversized = true;
        self.open = true;
        self.data = Vec::new();
        self.line = Vec::new();
    }

    const fn held(&self) -> usize {
        self.line.len().saturating_add(self.data.len())
    }
}
