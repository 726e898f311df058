//! The file of emergency responses (catalogue F7): one line for each, appended, for those who can read no database.
//!
//! Refuses line breaks inside a line: a note must not look like two responses.

use super::{QUEUED_WITHIN, Step};
use crate::logic::incident::Grade;
use crate::logic::unit::UnixMicros;
use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

/// Name of the file in the data directory.
const FILE: &str = "emergency-responses.log";

/// The file.
#[derive(Debug)]
pub(super) struct Responses(PathBuf);

impl Responses {
    pub(super) fn of(dir: &Path) -> Self {
        Self(dir.join(FILE))
    }

    /// Appends a line; whether the disk has it.
    pub(super) async fn append(&self, line: String) -> bool {
        let path = self.0.clone();
        let written = tokio::task::spawn_blocking(move || append(&path, &line));
        let why = match tokio::time::timeout(QUEUED_WITHIN, written).await {
            Ok(Ok(Ok(()))) => return true,
            Ok(Ok(Err(error))) => error.to_string(),
            Ok(Err(error)) => error.to_string(),
            Err(_) => "the disk did not take it in time".to_owned(),
        };
        tracing::error!(%why, file = %self.0.display(), "the file of responses lacks a line");
        false
    }
}

fn append(path: &Path, line: &str) -> io::Result<()> {
    let mut file = OpenOptions::new().create(true).append(true).open(path)?;
    // In one write, so that two responses do not mix.
    file.write_all(format!("{line}\n").as_bytes())?;
    file.sync_data()
}

/// The line of a response: the guide's words (catalogue A12), then the result of every step.
pub(super) fn line(
    at: UnixMicros,
    grade: Grade,
    id: u64,
    (by, note): (&str, &str),
    steps: &[Step],
) -> String {
    let results: Vec<String> = steps
        .iter()
        .map(|s| format!("{} {}", s.name, if s.done { "done" } else { "failed" }))
        .collect();
    let line = format!(
        "{}: Emergency response executed for {} severity issue; incident {id} by {by}: {note}; {}",
        at.to_rfc3339(),
        grade.word(),
        results.join(", ")
    );
    line.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}
