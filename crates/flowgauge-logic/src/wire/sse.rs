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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    type Owned = (Vec<u8>, Vec<u8>, bool);

    fn read(pieces: &[&[u8]]) -> Vec<Owned> {
        let mut parser = Parser::default();
        let mut events = Vec::new();
        let mut each = |e: Event<'_>| events.push((e.name.to_vec(), e.data.to_vec(), e.cut));
        for piece in pieces {
            parser.feed(piece, &mut each);
        }
        parser.finish(&mut each);
        events
    }

    /// The algorithm of the standard, written naively on the whole input.
    fn reference(input: &[u8]) -> Vec<Owned> {
        let input = input.strip_prefix(BOM).unwrap_or(input);
        let mut lines = vec![Vec::new()];
        let mut i = 0;
        while i < input.len() {
            if input[i] == b'\r' || input[i] == b'\n' {
                if input[i] == b'\r' && input.get(i + 1) == Some(&b'\n') {
                    i += 1;
                }
                lines.push(Vec::new());
            } else {
                lines.last_mut().unwrap().push(input[i]);
            }
            i += 1;
        }
        let unfinished = lines.pop().filter(|line| !line.is_empty());
        let (mut events, mut name, mut data) = (Vec::new(), Vec::new(), Vec::<Vec<u8>>::new());
        let mut take = |line: &[u8], end: bool, cut: bool| {
            if end {
                if !data.is_empty() {
                    events.push((name.clone(), data.join(&b'\n'), cut));
                }
                name.clear();
                data.clear();
                return;
            }
            let colon = line.iter().position(|b| *b == b':').unwrap_or(line.len());
            let value = line.get(colon + 1..).unwrap_or_default();
            let value = if value.first() == Some(&b' ') { &value[1..] } else { value };
            match &line[..colon] {
                b"event" => name = value.to_vec(),
                b"data" => data.push(value.to_vec()),
                _ => {}
            }
        };
        for line in lines {
            take(&line, line.is_empty(), false);
        }
        if let Some(line) = unfinished {
            take(&line, false, true);
        }
        take(&[], true, true);
        events
    }

    #[test]
    fn lines_join_comments_vanish_and_a_cut_event_is_marked() {
        let input = b"\xef\xbb\xbf: hello\nevent: a\ndata: 1\ndata:2\ndata\nid: 7\n\n\xef\xbb\xbfdata: x\n\ndata: end";
        let event = |name: &[u8], data: &[u8], cut| (name.to_vec(), data.to_vec(), cut);
        let expected = vec![event(b"a", b"1\n2\n", false), event(b"", b"end", true)];
        assert_eq!(read(&[input]), expected);
    }

    #[test]
    fn a_boundary_is_only_between_events() {
        let mut parser = Parser::default();
        let mut at = |bytes: &[u8]| {
            parser.feed(bytes, &mut |_| {});
            parser.at_boundary()
        };
        assert!(at(b""));
        for (bytes, boundary) in [
            (&b"data: 1"[..], false),
            (b"\r", false),
            (b"\n", false),
            (b"\r", true),
            (b"\n", true),
            (b": comment", false),
            (b"\n", true),
            (b"event: x\n", false),
            (b"\n", true),
        ] {
            assert_eq!(at(bytes), boundary, "{bytes:?}");
        }
    }

    #[test]
    fn an_event_over_the_limit_is_dropped_and_the_next_is_read() {
        let mebibyte = vec![b'x'; 1 << 20];
        for (mebibytes, oversized) in [(15, false), (16, true), (40, true)] {
            let mut parser = Parser::default();
            let mut events = Vec::new();
            let mut each = |e: Event<'_>| events.push((e.oversized, e.data.len()));
            parser.feed(b"data: ", &mut each);
            for _ in 0..mebibytes {
                parser.feed(&mebibyte, &mut each);
                assert!(parser.line.capacity() + parser.data.capacity() <= 2 * MAX_EVENT_BYTES);
            }
            assert!(!parser.at_boundary());
            parser.feed(b"\n\ndata: small\n\n", &mut each);
            assert!(parser.line.capacity() + parser.data.capacity() <= 2 * KEEP_BYTES);
            let length = if oversized { 0 } else { mebibytes << 20 };
            assert_eq!(events, [(oversized, length), (false, 5)]);
        }
    }

    #[test]
    fn many_small_lines_of_one_event_are_bounded_together() {
        let mut parser = Parser::default();
        let line = [&b"data: "[..], &vec![b'x'; 1 << 20], b"\n"].concat();
        let mut oversized = Vec::new();
        let mut each = |e: Event<'_>| oversized.push(e.oversized);
        for _ in 0..20 {
            parser.feed(&line, &mut each);
        }
        assert!(parser.data.capacity() <= 2 * MAX_EVENT_BYTES);
        parser.feed(b"\n", &mut each);
        assert_eq!(oversized, [true]);
    }

    /// Bytes out of which fields, line ends and broken UTF-8 arise often.
    fn stream() -> impl Strategy<Value = Vec<u8>> {
        let piece = prop_oneof![
            Just(&b"data"[..]),
            Just(&b"event"[..]),
            Just(&b":"[..]),
            Just(&b" "[..]),
            Just(&b"\r"[..]),
            Just(&b"\n"[..]),
            Just(&b"\r\n"[..]),
            Just(&b"\n\n"[..]),
            Just(BOM),
            Just(&b"\xc3"[..]),
            Just(&b"\0"[..]),
            Just(&b"data: x"[..]),
        ];
        proptest::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #[test]
        fn the_parser_equals_the_reference_however_the_bytes_are_cut(input in stream()) {
            let expected = reference(&input);
            prop_assert_eq!(&read(&[&input]), &expected);
            let single: Vec<&[u8]> = input.chunks(1).collect();
            prop_assert_eq!(&read(&single), &expected);
            for cut in 0..=input.len() {
                let (head, tail) = input.split_at(cut);
                prop_assert_eq!(&read(&[head, tail]), &expected);
            }
        }
    }
}
