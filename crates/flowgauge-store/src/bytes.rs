//! Integers and texts as bytes and back. Reading never panics and never trusts a length.

/// Bytes that do not say what they should.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Damage(pub(crate) &'static str);

/// Appends an unsigned integer, 7 bits a byte, lowest first.
pub(crate) fn put_u64(out: &mut Vec<u8>, mut v: u64) {
    while v >= 0x80 {
        out.push(v.to_le_bytes()[0] | 0x80);
        v >>= 7;
    }
    out.push(v.to_le_bytes()[0]);
}

/// Appends a signed integer so that small ones of either sign stay short.
pub(crate) fn put_i64(out: &mut Vec<u8>, v: i64) {
    put_u64(out, v.wrapping_shl(1).cast_unsigned() ^ (v >> 63).cast_unsigned());
}

/// Appends bytes with their length.
pub(crate) fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put_u64(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// Reads from the front of a slice.
#[derive(Debug, Clone)]
pub(crate) struct Take<'a> {
    rest: &'a [u8],
}

impl<'a> Take<'a> {
    pub(crate) const fn new(rest: &'a [u8]) -> Self {
        Self { rest }
    }

    /// Bytes not read yet.
    pub(crate) const fn left(&self) -> usize {
        self.rest.len()
    }

    /// What is not read yet.
    pub(crate) const fn rest(&self) -> &'a [u8] {
        self.rest
    }

    pub(crate) fn slice(&mut self, n: usize) -> Result<&'a [u8], Damage> {
        let (head, rest) = self.rest.split_at_checked(n).ok_or(Damage("ends early"))?;
        self.rest = rest;
        Ok(head)
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], Damage> {
        self.slice(N)?.try_into().map_err(|_| Damage("ends early"))
    }

    pub(crate) fn byte(&mut self) -> Result<u8, Damage> {
        let (head, rest) = self.rest.split_first().ok_or(Damage("ends early"))?;
        self.rest = rest;
        Ok(*head)
    }

    #[inline]
    pub(crate) fn u64(&mut self) -> Result<u64, Damage> {
        // Most have one byte.
        if let [b @ 0..0x80, rest @ ..] = self.rest {
            self.rest = rest;
            return Ok(u64::from(*b));
        }
        self.long_u64()
    }

    fn long_u64(&mut self) -> Result<u64, Damage> {
        let mut v = 0u64;
        for shift in (0..64).step_by(7) {
            let b = self.byte()?;
            v |= u64::from(b & 0x7f) << shift;
            if b < 0x80 {
                return Ok(v);
            }
        }
        Err(Damage("holds an integer that is too long"))
    }

    pub(crate) fn i64(&mut self) -> Result<i64, Damage> {
        let z = self.u64()?;
        Ok((z >> 1).cast_signed() ^ -((z & 1).cast_signed()))
    }

    /// An unsigned integer of a narrower type.
    pub(crate) fn narrow<T: TryFrom<u64>>(&mut self) -> Result<T, Damage> {
        T::try_from(self.u64()?).map_err(|_| Damage("holds an integer out of range"))
    }

    /// How many items follow; refused where even one byte each could not fit.
    pub(crate) fn count(&mut self) -> Result<usize, Damage> {
        let n: usize = self.narrow()?;
        if n > self.left() { Err(Damage("claims more items than it has bytes")) } else { Ok(n) }
    }

    pub(crate) fn text(&mut self) -> Result<&'a str, Damage> {
        let n = self.count()?;
        std::str::from_utf8(self.slice(n)?).map_err(|_| Damage("holds text that is not UTF-8"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn integers_survive(a in any::<u64>(), b in any::<i64>()) {
            let mut out = Vec::new();
            put_u64(&mut out, a);
            put_i64(&mut out, b);
            let mut take = Take::new(&out);
            prop_assert_eq!(take.u64(), Ok(a));
            prop_assert_eq!(take.i64(), Ok(b));
            prop_assert_eq!(take.left(), 0);
        }
    }
}
