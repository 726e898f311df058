//! One form for all bodies that say the same: members sorted, no whitespace, escapes resolved, numbers as written.
//!
//! Refuses what JSON leaves open: a member named twice, halves of surrogate pairs, nesting that could exhaust the stack.

/// Deepest nesting; the deepest JSON schema in use has about thirty levels.
const MAX_DEPTH: u8 = 64;

/// The canonical form of a JSON text that is known to be valid. The string that begins at `hole` is left out, which is
/// told apart from an empty one.
pub(super) fn canonical(json: &str, hole: Option<usize>) -> Option<Vec<u8>> {
    let mut form = Form { text: json.as_bytes(), at: 0, hole, out: Vec::with_capacity(json.len()) };
    form.value(MAX_DEPTH)?;
    Some(form.out)
}

struct Form<'a> {
    text: &'a [u8],
    at: usize,
    hole: Option<usize>,
    out: Vec<u8>,
}

impl Form<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn space(&mut self) {
        while self.peek().is_some_and(|b| b.is_ascii_whitespace()) {
            self.at += 1;
        }
    }

    /// Steps over `wanted`, if it comes next.
    fn take(&mut self, wanted: u8) -> bool {
        self.space();
        let found = self.peek() == Some(wanted);
        self.at += usize::from(found);
        found
    }

    fn value(&mut self, depth: u8) -> Option<()> {
        let deeper = depth.checked_sub(1)?;
        self.space();
        match self.peek()? {
            b'{' => self.object(deeper),
            b'[' => self.list(deeper),
            b'"' if self.hole == Some(self.at) => {
                self.out.push(b'?');
                let kept = self.out.len();
                self.string()?;
                self.out.truncate(kept);
                Some(())
            }
            b'"' => self.string(),
            _ => self.plain(),
        }
    }

    /// A number or a word, as it is written: `1` and `1.0` are different keys, which costs a miss and never a wrong hit.
    fn plain(&mut self) -> Option<()> {
        let rest = self.text.get(self.at..)?;
        let end = rest
            .iter()
            .position(|b| matches!(b, b',' | b']' | b'}') || b.is_ascii_whitespace())
            .unwrap_or(rest.len());
        self.out.extend_from_slice(rest.get(..end)?);
        self.at += end;
        (end > 0).then_some(())
    }

    fn list(&mut self, depth: u8) -> Option<()> {
        self.at += 1;
        self.out.push(b'[');
        if !self.take(b']') {
            loop {
                self.value(depth)?;
                self.out.push(b',');
                if !self.take(b',') {
                    break;
                }
            }
            self.take(b']').then_some(())?;
        }
        self.out.push(b']');
        Some(())
    }

    fn object(&mut self, depth: u8) -> Option<()> {
        self.at += 1;
        self.out.push(b'{');
        let begin = self.out.len();
        // Where each member begins, where its name ends, and where it ends, in `out`.
        let mut places: Vec<(usize, usize, usize)> = Vec::new();
        if !self.take(b'}') {
            loop {
                let start = self.out.len();
                self.space();
                if self.peek()? != b'"' {
                    return None;
                }
                self.string()?;
                let name = self.out.len();
                self.take(b':').then_some(())?;
                self.out.push(b':');
                self.value(depth)?;
                self.out.push(b',');
                places.push((start, name, self.out.len()));
                if !self.take(b',') {
                    break;
                }
            }
            self.take(b'}').then_some(())?;
        }
        self.sort(begin, &mut places)?;
        self.out.push(b'}');
        Some(())
    }

    /// Puts the members written since `begin` in the order of their names.
    fn sort(&mut self, begin: usize, places: &mut [(usize, usize, usize)]) -> Option<()> {
        let name = |place: &(usize, usize, usize)| self.out.get(place.0..place.1);
        if places.windows(2).all(|w| name(&w[0]) < name(&w[1])) {
            return Some(());
        }
        places.sort_by(|a, b| name(a).cmp(&name(b)));
        if places.windows(2).any(|w| name(&w[0]) == name(&w[1])) {
            return None;
        }
        let mut sorted = Vec::with_capacity(self.out.len() - begin);
        for (start, _, end) in places.iter() {
            sorted.extend_from_slice(self.out.get(*start..*end)?);
        }
        self.out.truncate(begin);
        self.out.extend_from_slice(&sorted);
        Some(())
    }

    /// A string: its length, then its bytes with escapes resolved, so that no content looks like structure.
    fn string(&mut self) -> Option<()> {
        self.at += 1;
        let rest = self.text.get(self.at..)?;
        let plain = memchr::memchr2(b'"', b'\\', rest)?;
        if rest.get(plain) == Some(&b'"') {
            self.length(plain);
            self.out.extend_from_slice(rest.get(..plain)?);
            self.at += plain + 1;
            return Some(());
        }
        let mut text = Vec::with_capacity(plain * 2);
        loop {
            let rest = self.text.get(self.at..)?;
            let next = memchr::memchr2(b'"', b'\\', rest)?;
            text.extend_from_slice(rest.get(..next)?);
            self.at += next + 1;
            if rest.get(next) == Some(&b'"') {
                break;
            }
            self.escape(&mut text)?;
        }
        self.length(text.len());
        self.out.extend_from_slice(&text);
        Some(())
    }

    fn length(&mut self, bytes: usize) {
        self.out.push(b'"');
        self.out.extend_from_slice(&(bytes as u64).to_le_bytes());
    }

    /// What stands after a backslash.
    fn escape(&mut self, text: &mut Vec<u8>) -> Option<()> {
        let code = self.peek()?;
        self.at += 1;
        let one = match code {
            b'n' => b'\n',
            b't' => b'\t',
            b'r' => b'\r',
            b'b' => 8,
            b'f' => 12,
            b'"' | b'\\' | b'/' => code,
            b'u' => return self.unicode(text),
            _ => return None,
        };
        text.push(one);
        Some(())
    }

    fn unicode(&mut self, text: &mut Vec<u8>) -> Option<()> {
        let high = self.four()?;
        let code = match high {
            0xd800..=0xdbff => {
                let mark = self.text.get(self.at..self.at + 2)?;
                (mark == b"\\u").then_some(())?;
                self.at += 2;
                let low = self.four()?.checked_sub(0xdc00).filter(|l| *l < 0x400)?;
                0x1_0000 + ((high - 0xd800) << 10) + low
            }
            other => other,
        };
        let mut buffer = [0; 4];
        text.extend_from_slice(char::from_u32(code)?.encode_utf8(&mut buffer).as_bytes());
        Some(())
    }

    fn four(&mut self) -> Option<u32> {
        let digits = self.text.get(self.at..self.at + 4)?;
        self.at += 4;
        digits.iter().try_fold(0, |n, d| Some(n * 16 + char::from(*d).to_digit(16)?))
    }
}
