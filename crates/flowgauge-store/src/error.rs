//! Failures of the store, by what the caller should do.

use std::path::PathBuf;

/// What went wrong.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another process owns the directory: stop it, or name another directory.
    #[error(
        "{dir} is in use by another flowgauge (process {pid}); stop it or choose another --data-dir"
    )]
    Locked {
        /// The directory.
        dir: PathBuf,
        /// Its owner, as its lock file names it.
        pid: String,
    },
    /// There is no store at this place.
    #[error("{0} holds no flowgauge data; run `flowgauge serve` or `flowgauge import` first")]
    Absent(PathBuf),
    /// There is no archive at this place.
    #[error("{0} holds no archive of flowgauge; `flowgauge metrics archive --to DIR` makes one")]
    NoArchive(PathBuf),
    /// A newer flowgauge wrote it: upgrade this one.
    #[error("{0} was written by a newer flowgauge (format {1}); this one reads up to {2}")]
    Newer(PathBuf, u32, u32),
    /// The disk or the database refused: retry later; what was not committed is not stored.
    #[error("{doing}: {source}")]
    Io {
        /// What was being done, as a verb phrase.
        doing: &'static str,
        /// Why it failed.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Stored bytes are damaged; the rest stays readable.
    #[error("{what} is damaged: {detail}")]
    Damaged {
        /// Which file or row.
        what: String,
        /// How it shows.
        detail: String,
    },
}

impl StoreError {
    /// Wraps a cause with what was being done.
    pub fn io<E>(doing: &'static str) -> impl FnOnce(E) -> Self
    where
        E: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        move |e| Self::Io { doing, source: e.into() }
    }
}
