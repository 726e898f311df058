//! Archives that are no directory: made in one, carried over object by object, and read back before they count.

use super::{Manifest, Shelf};
use crate::logic::unit::UnixMicros;
use crate::store::age::{self, Archived, MANIFEST, SEGMENTS};
use crate::store::{Reader, StoreError};
use parking_lot::Mutex;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Directory in the data directory where an archive is made before it is carried over.
const STAGING: &str = "archive-staging";
/// Directory in the data directory of copies of attached archives.
const COPIES: &str = "attached";
/// One archive is made at a time: they are made in the same directory.
static MAKING: Mutex<()> = Mutex::new(());

/// Archives what started before a moment; what did not get there is not among what is archived.
pub(super) fn archive(
    reader: &Reader,
    shelf: &dyn Shelf,
    before: UnixMicros,
) -> Result<Archived, StoreError> {
    let _alone = MAKING.lock();
    let staging = reader.data_dir().join(STAGING);
    // What an archive that was broken off left here.
    clear(&staging)?;
    fs::create_dir_all(staging.join(SEGMENTS)).map_err(failed)?;
    // The manifest that is there is added to.
    if let Some(there) = shelf.get(MANIFEST).map_err(failed)? {
        age::put(&staging, MANIFEST, &there)?;
    }
    let mut done = reader.archive(&staging, before)?;
    let carried = carry(shelf, &staging, &mut done);
    clear(&staging)?;
    carried?;
    done.dir = PathBuf::from(shelf.name());
    Ok(done)
}

fn carry(shelf: &dyn Shelf, staging: &Path, done: &mut Archived) -> Result<(), StoreError> {
    if done.segments.is_empty() {
        return Ok(());
    }
    let mut lost = Vec::new();
    for s in &done.segments {
        let object = format!("{SEGMENTS}/{}", s.segment.file);
        let bytes = fs::read(Manifest::file_of(staging, s)).map_err(failed)?;
        if let Err(e) = shelf.put(&object, bytes).and_then(|()| check(shelf, &object, &s.sha256)) {
            lost.push(s.segment.id);
            done.failed.push(e.to_string());
        }
    }
    done.segments.retain(|s| !lost.contains(&s.segment.id));
    done.rows = done.segments.iter().map(|s| s.segment.rows).sum();
    done.bytes = done.segments.iter().map(|s| s.segment.bytes).sum();
    let mut manifest = Manifest::read(staging)?;
    manifest.segments.retain(|s| !lost.contains(&s.segment.id));
    let text = manifest.text()?;
    let hash = age::sha256(&text);
    shelf.put(MANIFEST, text).and_then(|()| check(shelf, MANIFEST, &hash)).map_err(failed)
}

fn check(shelf: &dyn Shelf, object: &str, sha256: &str) -> io::Result<()> {
    match shelf.get(object)? {
        Some(bytes) if age::sha256(&bytes) == sha256 => Ok(()),
        Some(_) => Err(io::Error::other(format!("{object} does not match its SHA-256"))),
        None => Err(io::Error::other(format!("{object} is not there"))),
    }
}

/// Reads every segment of an archive back; says how many there are, and what is wrong with which.
pub(super) fn verify(shelf: &dyn Shelf) -> Result<(usize, Vec<String>), StoreError> {
    let manifest = manifest_of(shelf)?;
    let wrong = manifest.segments.iter().filter_map(|s| {
        let object = format!("{SEGMENTS}/{}", s.segment.file);
        check(shelf, &object, &s.sha256).err().map(|e| e.to_string())
    });
    Ok((manifest.segments.len(), wrong.collect()))
}

fn manifest_of(shelf: &dyn Shelf) -> Result<Manifest, StoreError> {
    let Some(text) = shelf.get(MANIFEST).map_err(failed)? else {
        return Err(StoreError::NoArchive(PathBuf::from(shelf.name())));
    };
    serde_json::from_slice(&text).map_err(|e| StoreError::Damaged {
        what: format!("{}/{MANIFEST}", shelf.name()),
        detail: e.to_string(),
    })
}

/// Where the copy of an archive is, from which questions are answered.
pub(super) fn copy_of(data_dir: &Path, shelf: &dyn Shelf) -> PathBuf {
    let name: String = age::sha256(shelf.name().as_bytes()).chars().take(16).collect();
    data_dir.join(COPIES).join(name)
}

/// Copies an archive here: questions are answered from files. What is here and whole already stays.
pub(super) fn fetch(shelf: &dyn Shelf, dir: &Path) -> Result<(), StoreError> {
    let manifest = manifest_of(shelf)?;
    let segments = dir.join(SEGMENTS);
    fs::create_dir_all(&segments).map_err(failed)?;
    for s in &manifest.segments {
        let file = Manifest::file_of(dir, s);
        if fs::read(&file).is_ok_and(|bytes| age::sha256(&bytes) == s.sha256) {
            continue;
        }
        let name = &s.segment.file;
        let damaged = |detail: &str| StoreError::Damaged {
            what: format!("{}/{SEGMENTS}/{name}", shelf.name()),
            detail: detail.to_owned(),
        };
        let bytes = shelf.get(&format!("{SEGMENTS}/{name}")).map_err(failed)?;
        let bytes = bytes.ok_or_else(|| damaged("it is not there"))?;
        if age::sha256(&bytes) != s.sha256 {
            return Err(damaged("it does not match its SHA-256"));
        }
        age::put(&segments, name, &bytes)?;
    }
    // Last: an archive with a manifest is whole.
    age::put(dir, MANIFEST, &manifest.text()?)
}

fn clear(dir: &Path) -> Result<(), StoreError> {
    match fs::remove_dir_all(dir) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => Err(failed(e)),
        _ => Ok(()),
    }
}

fn failed(error: io::Error) -> StoreError {
    StoreError::io("carrying an archive over")(error)
}
