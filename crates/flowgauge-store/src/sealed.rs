//! Rows of `state.db` as bytes: one byte of format, a CRC-32C, MessagePack with named fields.
//!
//! MessagePack, because it keeps every `f64` bit for bit: a rule that comes back changed in its last
//! digit would count as edited and end its episodes.

use rusqlite::ToSql;
use rusqlite::types::{ToSqlOutput, Value};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Raised when the layout changes in a way that missing fields with defaults cannot bridge.
const FORMAT: u8 = 1;
/// Format and checksum stand before the content.
const HEAD: usize = 5;

/// A value on its way into a column.
#[derive(Debug)]
pub(crate) struct Sealed<'a, T>(pub(crate) &'a T);

impl<T: Serialize> ToSql for Sealed<'_, T> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        let bytes = seal(self.0).map_err(|e| rusqlite::Error::ToSqlConversionFailure(e.into()))?;
        Ok(ToSqlOutput::Owned(Value::Blob(bytes)))
    }
}

/// A value as bytes.
pub(crate) fn seal<T: Serialize>(value: &T) -> Result<Vec<u8>, rmp_serde::encode::Error> {
    let content = rmp_serde::to_vec_named(value)?;
    let mut bytes = Vec::with_capacity(HEAD + content.len());
    bytes.push(FORMAT);
    bytes.extend_from_slice(&crc32c::crc32c(&content).to_le_bytes());
    bytes.extend_from_slice(&content);
    Ok(bytes)
}

/// The value again, or how its damage shows.
pub(crate) fn open<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, String> {
    rmp_serde::from_slice(content(bytes)?).map_err(|e| e.to_string())
}

/// Whether the bytes are as they were written.
pub(crate) fn check(bytes: &[u8]) -> Result<(), String> {
    content(bytes).map(drop)
}

fn content(bytes: &[u8]) -> Result<&[u8], String> {
    let (format, rest) = bytes.split_first().ok_or("it is empty")?;
    if *format != FORMAT {
        return Err(format!("its format is {format}, this flowgauge reads {FORMAT}"));
    }
    let (crc, content) = rest.split_first_chunk::<4>().ok_or("it is cut off")?;
    if u32::from_le_bytes(*crc) != crc32c::crc32c(content) {
        return Err("its checksum does not match".to_owned());
    }
    Ok(content)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn bytes_of<T: Serialize>(value: &T) -> Vec<u8> {
        match Sealed(value).to_sql().unwrap() {
            ToSqlOutput::Owned(Value::Blob(bytes)) => bytes,
            other => panic!("{other:?}"),
        }
    }

    proptest! {
        #[test]
        fn every_number_comes_back_bit_for_bit(bits: u64) {
            let back: f64 = open(&bytes_of(&f64::from_bits(bits))).unwrap();
            prop_assert_eq!(back.to_bits(), bits);
        }

        #[test]
        fn one_flipped_bit_is_always_noticed(text in ".{0,40}", at: prop::sample::Index) {
            let mut bytes = bytes_of(&text);
            let bit = at.index(bytes.len() * 8);
            bytes[bit / 8] ^= 1 << (bit % 8);
            prop_assert!(open::<String>(&bytes).is_err());
        }

        #[test]
        fn any_bytes_are_refused_or_read_without_panic(bytes: Vec<u8>) {
            drop(open::<String>(&bytes));
        }
    }
}
