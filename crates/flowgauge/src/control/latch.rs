//! What the kill switch holds, in a small file that has its room on disk before it is needed.
//!
//! Owns the file: written in place and synced before the log is, so that a kill holds after a restart also where the disk
//! has no room for the log's line (C10, C11). Two slots are written in turn, so that a torn write leaves the one before.
//! Refuses to decide while the log knows more: it counts only where it is newer than the log's last change.
//! On file systems that never write in place (btrfs, ZFS) the room is not certain; there the log alone is.

use crate::logic::control::rollout::{Kill, Mechanism};
use crate::logic::fingerprint::fingerprint;
use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::Path;

/// Name of the file.
const FILE: &str = "kill.latch";
/// Bytes of a slot: a sector, which disks write whole.
const SLOT: usize = 512;
/// Bytes of a slot that mean something, but for their check sum: what it is, turn, change, bits.
const BODY: usize = 8 + 8 + 8 + 1;
/// Begins each slot: what it is, and its form.
const MAGIC: &[u8; 8] = b"fgkill\0\x01";
/// Bit of the switch for all four; below it one bit for each mechanism.
const ALL: u8 = 0x80;

/// What the switch holds since a change.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Held {
    /// The change.
    pub(super) change: u64,
    bits: u8,
}

impl Held {
    pub(super) fn of(change: u64, kill: &Kill) -> Self {
        let only = kill.only.iter().fold(0, |bits, m| bits | m.bit());
        Self { change, bits: only | if kill.all { ALL } else { 0 } }
    }

    /// Whether it holds anything.
    pub(super) const fn is_any(self) -> bool {
        self.bits != 0
    }

    /// Adds what it holds to a switch.
    pub(super) fn add_to(self, kill: &mut Kill) {
        kill.all |= self.bits & ALL != 0;
        kill.only.extend(Mechanism::ALL.into_iter().filter(|m| self.bits & m.bit() != 0));
    }

    fn encode(self, turn: u64) -> [u8; SLOT] {
        let mut slot = [0; SLOT];
        let mut body = Vec::with_capacity(BODY);
        body.extend_from_slice(MAGIC);
        body.extend_from_slice(&turn.to_le_bytes());
        body.extend_from_slice(&self.change.to_le_bytes());
        body.push(self.bits);
        let sum = fingerprint(&[&body]).to_le_bytes();
        let all = body.iter().chain(&sum);
        slot.iter_mut().zip(all).for_each(|(to, from)| *to = *from);
        slot
    }

    /// The turn it was written in, and what it holds.
    fn decode(slot: &[u8]) -> Option<(u64, Self)> {
        let (body, rest) = slot.split_at_checked(BODY)?;
        let word = |bytes: &[u8]| Some(u64::from_le_bytes(bytes.try_into().ok()?));
        let sound = body.starts_with(MAGIC) && word(rest.get(..8)?)? == fingerprint(&[body]);
        let held = Self { change: word(body.get(16..24)?)?, bits: *body.last()? };
        sound.then_some((word(body.get(8..16)?)?, held))
    }
}

/// Lets the latch of a directory that nobody serves hold what a switch holds, beside what it holds already: the next start
/// takes it over, unless the log has change `change` by then. Where the log cannot be written the change is [`NEVER`].
///
/// # Errors
/// The disk refuses.
pub fn hold_from_next_start(dir: &Path, change: u64, kill: &Kill) -> io::Result<()> {
    let (mut latch, before) = Latch::open(dir)?;
    let mut all = kill.clone();
    if let Some(before) = before {
        before.add_to(&mut all);
    }
    latch.write(Held::of(change, &all))
}

/// A change that no log ever has.
pub const NEVER: u64 = i64::MAX.cast_unsigned();

/// The file.
#[derive(Debug)]
pub(super) struct Latch {
    file: File,
    /// Of the next write; its slot follows from it.
    turn: u64,
}

impl Latch {
    /// Opens it, giving it its room where it is new; what it held last.
    ///
    /// # Errors
    /// The disk refuses.
    pub(super) fn open(dir: &Path) -> io::Result<(Self, Option<Held>)> {
        let path = dir.join(FILE);
        let mut file =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?;
        let mut all = Vec::new();
        file.read_to_end(&mut all)?;
        if all.len() < 2 * SLOT {
            file.seek(SeekFrom::Start(0))?;
            file.write_all(&[0; 2 * SLOT])?;
            file.sync_all()?;
        }
        let slots = [all.get(..SLOT), all.get(SLOT..2 * SLOT)];
        let last = slots.into_iter().flatten().filter_map(Held::decode).max_by_key(|s| s.0);
        let turn = last.map_or(0, |(turn, _)| turn.saturating_add(1));
        Ok((Self { file, turn }, last.map(|(_, held)| held)))
    }

    /// Writes what the switch holds, in place.
    pub(super) fn write(&mut self, held: Held) -> io::Result<()> {
        self.file.seek(SeekFrom::Start(self.turn % 2 * SLOT as u64))?;
        self.file.write_all(&held.encode(self.turn))?;
        self.file.sync_data()?;
        self.turn += 1;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kill(all: bool, only: &[Mechanism]) -> Kill {
        Kill { all, only: only.iter().copied().collect() }
    }

    #[test]
    fn the_last_of_several_writes_counts_and_a_torn_one_leaves_the_one_before() {
        let dir = tempfile::tempdir().unwrap();
        let (mut latch, held) = Latch::open(dir.path()).unwrap();
        assert_eq!(held, None);
        let only = [Mechanism::ModelSelection, Mechanism::ResponseCaching];
        for (n, k) in [(9, kill(true, &[])), (4, kill(false, &only)), (5, kill(true, &only))] {
            latch.write(Held::of(n, &k)).unwrap();
            let (_, held) = Latch::open(dir.path()).unwrap();
            let mut back = Kill::default();
            held.unwrap().add_to(&mut back);
            assert_eq!((held.unwrap().change, back), (n, k));
        }
        let path = dir.path().join(FILE);
        let mut torn = std::fs::read(&path).unwrap();
        torn[24] ^= 1;
        std::fs::write(&path, torn).unwrap();
        let (mut latch, held) = Latch::open(dir.path()).unwrap();
        assert_eq!(held.unwrap().change, 4);
        latch.write(Held::of(6, &Kill::default())).unwrap();
        let held = Latch::open(dir.path()).unwrap().1.unwrap();
        assert!(held.change == 6 && !held.is_any());
    }
}
