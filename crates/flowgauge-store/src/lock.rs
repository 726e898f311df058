//! One process per data directory. SQLite's own locks would let several write.

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
        let mut file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .open(dir.join("lock"))
            .map_err(StoreError::io("opening the lock file"))?;
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

fn locked(dir: &Path, file: &mut File) -> StoreError {
    let mut pid = String::new();
    if file.read_to_string(&mut pid).is_err() || pid.is_empty() {
        "unknown".clone_into(&mut pid);
    }
    StoreError::Locked { dir: dir.to_owned(), pid }
}
