//! `report weekly --input FILE`: a report made before, in another format. Needs neither server nor data.

use super::super::exit::{self, BAD_DATA, Done, Failure};
use super::super::show;
use super::{ReportArgs, put, refused, target};
use crate::logic::known::Known;
use crate::logic::report::{Document, Kind, Quantity, from_json};
use crate::query::report;
use std::fs::File;
use std::io::Read as _;

pub(super) const HELP: &str = "\
Examples:
  flowgauge report weekly --output week.json
  flowgauge report weekly --input week.json --output week.html

Exit codes:
  0   the report is written
  3   it is, and there were no requests in its period
  64  no such period or format
  65  the input is no weekly report
  69  neither a server nor a data directory
  73  it cannot be written";

/// Largest report read: one of five hundred models has less than 1 MB.
const MAX_BYTES: u64 = 64 << 20;

pub(super) fn run(file: &str, kind: Kind, args: &ReportArgs) -> Done {
    let named = if file == "-" { "standard input" } else { file };
    let bad = |why: String| Failure::new(BAD_DATA, format!("{named}: {why}"));
    let text = text_of(file).map_err(|e| bad(e.to_string()))?;
    if text.len() as u64 > MAX_BYTES {
        return Err(bad(format!("larger than {} MiB", MAX_BYTES >> 20)));
    }
    let document = from_json::read(&text).map_err(|e| {
        let hint = format!("make it with flowgauge report {} --output FILE.json", kind.name());
        bad(e.to_string()).hint(hint)
    })?;
    if document.kind != kind {
        return Err(bad(format!(
            "it is a {} report, not a {} one",
            document.kind.name(),
            kind.name()
        )));
    }
    let (format, output) = target(kind, args)?;
    put(&report::render(&document, format).map_err(refused)?, output)?;
    if is_empty(&document) {
        show::note("there were no requests in this period");
        return Ok(exit::UNKNOWN);
    }
    Ok(exit::OK)
}

fn text_of(file: &str) -> std::io::Result<String> {
    let mut text = String::new();
    if file == "-" {
        std::io::stdin().lock().take(MAX_BYTES + 1).read_to_string(&mut text)?;
    } else {
        File::open(file)?.take(MAX_BYTES + 1).read_to_string(&mut text)?;
    }
    Ok(text)
}

/// By what it rests on: the last section but one counts the requests seen.
fn is_empty(document: &Document) -> bool {
    let seen = document.tables().flat_map(|t| t.figures()).find(|f| f.name() == "requests_seen");
    seen.is_some_and(|f| f.value() == Known::Value(Quantity::Count(0)))
}
