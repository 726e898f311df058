//! `report list`: which reports there are, which are kept, when the next are due, what became of those sent.

use super::super::exit::{self, Done};
use super::super::globals::Globals;
use super::super::show::{self, Sheet, ShowArgs};
use crate::tell::page::reports::shelf::ReportsView;

pub(super) fn run(show: &ShowArgs, globals: &Globals) -> Done {
    let remote = globals.remote(&globals.load(false, &[])?)?;
    let view: ReportsView = remote.get("/api/v1/reports", &[])?;
    let mut sheet = Sheet { columns: vec!["what", "report", "period", "state"], rows: Vec::new() };
    for kind in &view.kinds {
        let period = kind.period.clone().unwrap_or_default();
        sheet.row(["can be made".to_owned(), kind.kind.clone(), period, kind.about.clone()]);
    }
    for due in view.schedules.iter().filter(|s| s.next.is_some()) {
        let next = due.next.clone().unwrap_or_default();
        let when = due.when.clone().unwrap_or_default();
        sheet.row(["due".to_owned(), due.job.clone(), next, when]);
    }
    for kept in &view.archive {
        let files: Vec<&str> = kept.files.iter().map(|f| f.name.as_str()).collect();
        sheet.row(["kept".to_owned(), kept.kind.clone(), kept.period.clone(), files.join(", ")]);
    }
    for sent in &view.deliveries {
        let each = sent.messages.iter().map(|m| format!("{} {}", m.channel, m.state));
        let each = each.collect::<Vec<_>>().join(", ");
        let state = if each.is_empty() { sent.state.clone() } else { each };
        sheet.row(["sent".to_owned(), sent.job.clone(), sent.period.clone(), state]);
    }
    show.print(&sheet, &show::json(&view)?)?;
    Ok(exit::OK)
}
