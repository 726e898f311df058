//! Whether `hot.db-wal` is whole. SQLite takes a frame with a wrong checksum for the end of the log
//! and says nothing: commits after it vanish in silence. Format: sqlite.org/fileformat2, section 4.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

/// Bytes before the first frame.
const HEADER: usize = 32;
/// Bytes before the page in a frame.
const FRAME: usize = 24;
/// First word of the header; its last bit says that checksums read big-endian words.
const MAGIC: u32 = 0x377f_0682;
/// Largest page SQLite knows; a header that says more is damaged.
const MAX_PAGE: usize = 65_536;

/// How a write-ahead log is damaged, if it is. A frame cut off at the end is none: it was never
/// acknowledged.
pub(crate) fn damage(file: &Path) -> std::io::Result<Option<String>> {
    let Ok(file) = File::open(file) else { return Ok(None) };
    let length = file.metadata()?.len();
    if length <= HEADER as u64 {
        return Ok(None);
    }
    let mut from = BufReader::with_capacity(1 << 20, file);
    let mut header = [0; HEADER];
    from.read_exact(&mut header)?;
    let magic = word(&header, 0, true);
    let big = magic & 1 == 1;
    let page = usize::try_from(word(&header, 8, true)).unwrap_or_default();
    let sum = checksum((0, 0), header.get(..24).unwrap_or_default(), big);
    let known = (word(&header, 24, true), word(&header, 28, true));
    if magic & !1 != MAGIC || sum != known || !(512..=MAX_PAGE).contains(&page) {
        return Ok(Some(
            "its header is damaged: commits since the last checkpoint are lost".into(),
        ));
    }
    frames(&mut from, page, big, (word(&header, 16, true), word(&header, 20, true)), sum)
}

fn frames(
    from: &mut impl Read,
    page: usize,
    big: bool,
    salts: (u32, u32),
    mut sum: (u32, u32),
) -> std::io::Result<Option<String>> {
    let mut frame = vec![0; FRAME + page];
    let (mut at, mut broken) = (0u64, None);
    loop {
        match from.read_exact(&mut frame) {
            Ok(()) => at += 1,
            Err(e) if e.kind() == std::io::ErrorKind::UnexpectedEof => break,
            Err(e) => return Err(e),
        }
        let own = (word(&frame, 8, true), word(&frame, 12, true));
        // Frames of an earlier round have both salts different; a damaged one has one of them.
        let ours = own.0 == salts.0 || own.1 == salts.1;
        if broken.is_none() {
            let next = checksum(sum, frame.get(..8).unwrap_or_default(), big);
            let next = checksum(next, frame.get(FRAME..).unwrap_or_default(), big);
            if own == salts && next == (word(&frame, 16, true), word(&frame, 20, true)) {
                sum = next;
                continue;
            }
            if !ours {
                return Ok(None);
            }
            broken = Some(at);
        }
    }
    Ok(broken.map(|first| {
        let lost = at - first + 1;
        format!("frame {first} is damaged: it and what follows, {lost} frames, are lost")
    }))
}

fn word(bytes: &[u8], at: usize, big: bool) -> u32 {
    let Some(four) = bytes.get(at..).and_then(|b| b.first_chunk::<4>()) else { return 0 };
    if big { u32::from_be_bytes(*four) } else { u32::from_le_bytes(*four) }
}

fn checksum((mut a, mut b): (u32, u32), bytes: &[u8], big: bool) -> (u32, u32) {
    for pair in bytes.chunks_exact(8) {
        a = a.wrapping_add(word(pair, 0, big)).wrapping_add(b);
        b = b.wrapping_add(word(pair, 4, big)).wrapping_add(a);
    }
    (a, b)
}
