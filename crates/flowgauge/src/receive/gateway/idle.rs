//! Tells bytes that mean something from keep-alives, so that a stream of comments counts as silence.
//!
//! Looks only at the first byte of each line: a full parser works on the copy, later.

/// Where in a line the stream stands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Liveness {
    /// Before its first byte.
    #[default]
    LineStart,
    /// Inside a comment.
    Comment,
    /// Inside a field.
    Field,
}

impl Liveness {
    /// Takes the next bytes of an event stream; whether they hold anything but comments and empty lines.
    pub(super) fn feed(&mut self, bytes: &[u8]) -> bool {
        let mut rest = bytes;
        let mut alive = false;
        while let Some(first) = rest.first() {
            let ends = matches!(first, b'\n' | b'\r');
            if *self == Self::LineStart && !ends {
                *self = if *first == b':' { Self::Comment } else { Self::Field };
            }
            alive |= *self == Self::Field && !ends;
            match memchr::memchr2(b'\n', b'\r', rest) {
                Some(end) => {
                    *self = Self::LineStart;
                    rest = rest.get(end + 1..).unwrap_or_default();
                }
                None => break,
            }
        }
        alive
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_empty_lines_are_silence() {
        let mut l = Liveness::default();
        assert!(!l.feed(b": ping\r\n\r\n:\n"));
        assert!(l.feed(b": ping\n\ndata: x\n\n"));
        assert!(!l.feed(b": pi"));
        assert!(!l.feed(b"ng data: not at a line start"));
        assert!(l.feed(b"\nevent: x"));
    }

    proptest::proptest! {
        #[test]
        fn cutting_never_changes_whether_a_stream_lived(
            bytes in proptest::collection::vec(proptest::sample::select(b":\n\rdx".to_vec()), 0..40),
            cut in 0usize..40,
        ) {
            let cut = cut.min(bytes.len());
            let whole = Liveness::default().feed(&bytes);
            let mut parts = Liveness::default();
            let a = parts.feed(&bytes[..cut]);
            let b = parts.feed(&bytes[cut..]);
            proptest::prop_assert_eq!(whole, a || b);
        }
    }
}
