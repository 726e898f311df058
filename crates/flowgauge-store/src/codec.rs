//! A batch as one blob: version, then zstd over a dictionary of texts and one record per row.
//!
//! The blob's CRC32C is kept beside it and checked before anything is believed.

mod row;

use crate::bytes::{Damage, Take, put_bytes, put_u64};
use flowgauge_logic::call::{Call, Text};
use std::collections::HashMap;
use std::io::Read;

/// Version of the batch format; written into every row of `batches`.
pub(crate) const VERSION: u8 = 1;
/// Fast enough to sit before the acknowledgement; higher levels gain little on varints.
const ZSTD_LEVEL: i32 = 1;
/// Largest unpacked batch: a group commit holds far less, so more is damage and not data.
const MAX_UNPACKED: u64 = 1 << 30;

/// The distinct texts of a batch.
#[derive(Debug, Default)]
pub(crate) struct Dictionary<'d> {
    index: HashMap<&'d str, u64>,
    texts: Vec<&'d str>,
}

impl<'d> Dictionary<'d> {
    fn index_of(&mut self, text: &'d str) -> u64 {
        if let Some(i) = self.index.get(text) {
            return *i;
        }
        let i = self.texts.len() as u64;
        self.texts.push(text);
        self.index.insert(text, i);
        i
    }
}

/// Rows as a blob.
///
/// # Errors
/// When the compressor fails, which means there is no memory.
pub(crate) fn encode(calls: &[&Call]) -> std::io::Result<Vec<u8>> {
    let mut dictionary = Dictionary::default();
    let mut rows = Vec::with_capacity(calls.len() * 160);
    let mut previous = 0;
    for call in calls {
        row::put(&mut rows, &mut dictionary, call, previous);
        previous = call.time.start.0;
    }
    let mut raw = Vec::with_capacity(rows.len() + 1024);
    put_u64(&mut raw, calls.len() as u64);
    put_u64(&mut raw, dictionary.texts.len() as u64);
    for text in &dictionary.texts {
        put_bytes(&mut raw, text.as_bytes());
    }
    raw.extend_from_slice(&rows);
    let packed = zstd::bulk::compress(&raw, ZSTD_LEVEL)?;
    let mut blob = Vec::with_capacity(packed.len() + 1);
    blob.push(VERSION);
    blob.extend_from_slice(&packed);
    Ok(blob)
}

/// The checksum kept beside a blob.
pub(crate) fn checksum(blob: &[u8]) -> u32 {
    crc32c::crc32c(blob)
}

/// Rows of a blob whose checksum is known.
pub(crate) fn decode(blob: &[u8], crc: u32) -> Result<Vec<Call>, Damage> {
    if checksum(blob) != crc {
        return Err(Damage("does not match its checksum"));
    }
    unpack(blob)
}

fn unpack(blob: &[u8]) -> Result<Vec<Call>, Damage> {
    let (version, packed) = blob.split_first().ok_or(Damage("is empty"))?;
    if *version != VERSION {
        return Err(Damage("has an unknown version"));
    }
    let mut raw = Vec::new();
    let bad = |_| Damage("does not decompress");
    let decoder = zstd::stream::read::Decoder::with_buffer(packed).map_err(bad)?;
    let read = decoder.take(MAX_UNPACKED).read_to_end(&mut raw).map_err(bad)?;
    if read as u64 >= MAX_UNPACKED {
        return Err(Damage("is larger than any batch"));
    }
    rows_of(&raw)
}

fn rows_of(raw: &[u8]) -> Result<Vec<Call>, Damage> {
    let mut take = Take::new(raw);
    let count = take.count()?;
    let words = take.count()?;
    let mut texts = Vec::with_capacity(words.min(4_096));
    for _ in 0..words {
        texts.push(Text::from(take.text()?));
    }
    let mut calls = Vec::with_capacity(count.min(4_096));
    let mut previous = 0;
    for _ in 0..count {
        let call = row::take(&mut take, &texts, previous)?;
        previous = call.time.start.0;
        calls.push(call);
    }
    if take.left() > 0 {
        return Err(Damage("has bytes after its last row"));
    }
    Ok(calls)
}

#[cfg(test)]
mod tests;
