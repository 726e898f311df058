//! One process per data directory, and one run of a job at a time in it. SQLite's own locks would let
//! several write.

use crate::StoreError;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::Path;

/// Held while the directory is ours; the system releases it when the process dies.
#[derive(Debug)]
pub(crate) struct DirLock {
    _file: File,
}

impl DirLock {
    /// Takes the directory, or says who has it.
    pub(crate) fn take(dir: &Path) -> Result<Self, StoreError> {
        let mut file = open(dir, "lock")?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(locked(dir, &mut file)),
            Err(TryLockError::Error(e)) => {
                return Err(StoreError::io("locking the data directory")(e));
            }
        }
        // The text helps people only: a full disk must not keep the lock from being ours.
        let written = file
            .set_len(0)
            .and_then(|()| file.rewind())
            .and_then(|()| write!(file, "{}", std::process::id()));
        if let Err(error) = written {
            tracing::warn!(%error, "could not note the process id in the lock file");
        }
        Ok(Self { _file: file })
    }

    /// Refuses where a process serves the directory; writes nothing.
    pub(crate) fn check_free(dir: &Path) -> Result<(), StoreError> {
        let Ok(mut file) = File::open(dir.join("lock")) else { return Ok(()) };
        match file.try_lock_shared() {
            Ok(()) => Ok(()),
            Err(TryLockError::WouldBlock) => Err(locked(dir, &mut file)),
            Err(TryLockError::Error(e)) => Err(StoreError::io("asking who has the directory")(e)),
        }
    }
}

/// Held while a job is run; the system releases it when the process dies.
#[derive(Debug)]
pub struct JobTurn {
    _file: File,
}

impl JobTurn {
    /// Takes the turn; nothing where another process, or another task of this one, has it.
    pub(crate) fn take(dir: &Path) -> Result<Option<Self>, StoreError> {
        let file = open(dir, "jobs.lock")?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Self { _file: file })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(e)) => Err(StoreError::io("locking the jobs")(e)),
        }
    }
}

fn open(dir: &Path, name: &str) -> Result<File, StoreError> {
    let mut options = OpenOptions::new();
    let options = options.create(true).truncate(false).read(true).write(true);
    options.open(dir.join(name)).map_err(StoreError::io("opening the lock file"))
}

fn locked(dir: &Path, file: &mut File) -> StoreError {
    let mut pid = String::new();
    if file.read_to_string(&mut pid).is_err() || pid.is_empty() {
        "unknown".clone_into(&mut pid);
    }
    StoreError::Locked { dir: dir.to_owned(), pid }
}
