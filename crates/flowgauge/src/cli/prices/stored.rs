//! `prices preview` and `prices recompute`: stored calls at the prices in force.
//!
//! Refuses to price here: a server, or the store, is asked.

use crate::cli::exit::{self, Done};
use crate::cli::remote::Remote;
use crate::cli::show::{self, Sheet, ShowArgs};
use crate::query::reprice::Preview;
use crate::tell::page::{Recomputed, Wanted};
use bytes::Bytes;

/// Prints what would change.
pub(super) fn preview(told: &Preview, show: &ShowArgs) -> Done {
    let columns = vec!["model", "calls", "newly priced", "no longer priced", "before", "after"];
    let mut sheet = Sheet { columns, rows: Vec::new() };
    for change in &told.models {
        sheet.row([
            change.model.as_ref().map_or_else(|| "n/a".to_owned(), ToString::to_string),
            change.changed.to_string(),
            change.newly_priced.to_string(),
            change.no_longer_priced.to_string(),
            format!("${}", change.before_nanos.to_decimal()),
            format!("${}", change.after_nanos.to_decimal()),
        ]);
    }
    show.print(&sheet, &show::json(told)?)?;
    let changed: u64 = told.models.iter().map(|change| change.changed).sum();
    let version = &told.version;
    show::note(&format!(
        "{changed} of {} calls would cost something else by {version}",
        told.calls
    ));
    Ok(if changed > 0 { exit::FINDING } else { exit::OK })
}

/// Has the server price calls anew, and prints what became of them.
pub(super) fn recompute(remote: &Remote, wanted: &Wanted, show: &ShowArgs) -> Done {
    let body = Bytes::from(show::json(wanted)?.to_string());
    let done: Recomputed = remote.call_long("/api/v1/prices/recompute", body)?;
    let mut sheet = Sheet { columns: vec!["what", "value"], rows: Vec::new() };
    sheet.row(["calls looked at", &done.calls.to_string()]);
    sheet.row(["changed", &done.changed.to_string()]);
    for (name, nanos) in [("before", done.before_nanos), ("after", done.after_nanos)] {
        sheet.row([name, &format!("${}", nanos.to_decimal())]);
    }
    sheet.row(["version", &done.version]);
    for (version, calls) in &done.versions_before {
        sheet.row([format!("was {version}"), format!("{calls} calls")]);
    }
    show.print(&sheet, &show::json(&done)?)?;
    if done.dry_run {
        show::note("nothing was changed; without --dry-run it would be");
    }
    Ok(exit::OK)
}
