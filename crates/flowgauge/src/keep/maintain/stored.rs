//! Chores of what is stored: settings kept, whether calls are whole, what is archived, what is dropped.

use super::super::backup::set::{self, SetError};
use super::super::backup::{Sources, figures, no_figures};
use super::Parts;
use crate::judge::regressions::RegressionError;
use crate::logic::job::Outcome;
use crate::logic::unit::UnixMicros;
use crate::record::ageing::{self, Pruned};
use std::sync::Arc;

/// Folder of backups inside the data directory.
const BACKUPS: &str = "backups";
/// Damaged places named at most; `store fsck` names all.
const NAMED: usize = 3;

/// Keeps a set of what is in force; one step done again after a crash leaves another set, and no half of one.
pub(super) fn backup(parts: &Parts) -> Result<Outcome, String> {
    let now = parts.now();
    let figures = parts.reader().ok().and_then(|reader| figures(&reader, now).ok());
    let sources = Sources {
        config: Arc::clone(&parts.config),
        regressions: Arc::clone(&parts.regressions),
        control: Arc::clone(&parts.control),
        prices: Arc::clone(&parts.prices),
    };
    let gathered = sources.gather(now, figures.unwrap_or_else(no_figures));
    let folder = parts.config.data_dir.join(BACKUPS);
    let (path, manifest) = match set::write(&folder, &gathered) {
        // Two within a second: the first is as good.
        Err(SetError::There(path)) => {
            return Ok(Outcome::done(format!("{} is there already", path.display())));
        }
        written => written.map_err(|e| e.to_string())?,
    };
    let gone = match set::thin(&folder).map_err(|e| e.to_string())? {
        0 => String::new(),
        1 => "; the oldest set is gone".to_owned(),
        n => format!("; the {n} oldest sets are gone"),
    };
    let text = format!("{} files, {}{gone}", manifest.files.len(), path.display());
    // That no baseline is promoted yet is nothing to look at.
    let none = matches!(parts.regressions.baseline(None), Err(RegressionError::NonePromoted));
    Ok(match manifest.missing.len() {
        0 => Outcome::done(text),
        1 if none => Outcome::done(format!("{text}; no baseline is promoted")),
        _ => Outcome::finding(format!("{text}; without {}", manifest.missing.join("; "))),
    })
}

/// What keeping a set would do.
pub(super) fn would_backup(parts: &Parts) -> String {
    format!("write a set to {}", parts.config.data_dir.join(BACKUPS).display())
}

/// Reads everything stored. Damage is a failure: nothing is archived or dropped then.
pub(super) fn check(parts: &Parts) -> Result<Outcome, String> {
    let found = parts.reader()?.fsck().map_err(|e| e.to_string())?;
    if found.is_healthy() {
        let rows = found.segment_rows + found.batch_rows;
        return Ok(Outcome::done(format!("whole: {rows} rows, {} segments", found.segments)));
    }
    let named: Vec<&str> = found.damage.iter().take(NAMED).map(|m| m.what.as_str()).collect();
    let (places, more) = (found.damage.len(), found.damage.len().saturating_sub(NAMED));
    let rest = if more > 0 { format!("; and {more} more") } else { String::new() };
    Err(format!(
        "{places} damaged places: {}{rest}; `flowgauge store fsck` names all, `--rebuild` puts right what can be",
        named.join("; ")
    ))
}

/// Copies what is too old, and reads the copies back: what is new, or all of it.
pub(super) fn archive(parts: &Parts, verify_all: bool) -> Result<Outcome, String> {
    let keep = &parts.config.retention;
    let Some(at) = &keep.archive else {
        return Ok(Outcome::skipped(NO_ARCHIVE));
    };
    let place = crate::keep::bucket::open(at, &keep.s3).map_err(|e| format!("{at}: {e}"))?;
    let mut hands = parts.recorder.clone();
    let done = ageing::archive(&mut hands, &place, before(parts), verify_all)
        .map_err(|e| e.to_string())?;
    if !done.archived.failed.is_empty() {
        return Err(format!("not archived: {}", done.archived.failed.join("; ")));
    }
    let archived = &done.archived;
    let read = done.verified.map(|n| format!(", {n} segments read back")).unwrap_or_default();
    let (files, rows) = (archived.segments.len(), archived.rows);
    Ok(Outcome::done(format!(
        "{rows} rows, {files} files from before {}{read}, in {}",
        done.before,
        archived.dir.display()
    )))
}

const NO_ARCHIVE: &str =
    "retention.archive names no place, so nothing is kept beyond retention.raw";

/// Drops what is too old and may go.
pub(super) fn prune(parts: &Parts) -> Result<Outcome, String> {
    let done = pruned(parts, false)?;
    let (rows, bytes) = (done.dropped.rows, done.dropped.bytes);
    let text = format!("{rows} rows, {bytes} bytes from before {} dropped", done.before);
    let refused = done.plan.refused.len();
    if refused == 0 && done.rollups_refused.is_none() {
        return Ok(Outcome::done(text));
    }
    let why = done.plan.refused.first().map(|r| r.why.clone()).or(done.rollups_refused);
    let why = why.unwrap_or_default();
    Ok(Outcome::finding(format!("{text}; {refused} segments stay: {why}")))
}

/// What archiving would do.
pub(super) fn would_archive(parts: &Parts) -> String {
    match &parts.config.retention.archive {
        None => format!("nothing: {NO_ARCHIVE}"),
        Some(at) => {
            let before = before(parts).to_rfc3339();
            format!("copy raw calls from before {before} to {at}, and verify the copies")
        }
    }
}

/// What dropping would do.
pub(super) fn would_prune(parts: &Parts) -> String {
    match pruned(parts, true) {
        Ok(would) => {
            let (rows, bytes, stay) = (would.plan.rows, would.plan.bytes, would.plan.refused.len());
            format!(
                "drop {rows} rows, {bytes} bytes from before {}; {stay} segments are old enough and must stay for now",
                would.before
            )
        }
        Err(why) => format!("not known: {why}"),
    }
}

fn pruned(parts: &Parts, dry_run: bool) -> Result<Pruned, String> {
    let at = (parts.now(), parts.config.time_zone);
    let mut hands = parts.recorder.clone();
    ageing::prune(&mut hands, &parts.config.retention, before(parts), at, dry_run)
        .map_err(|e| e.to_string())
}

/// Raw calls from before it are too old.
fn before(parts: &Parts) -> UnixMicros {
    parts.config.retention.raw.before(parts.now(), parts.config.time_zone)
}
