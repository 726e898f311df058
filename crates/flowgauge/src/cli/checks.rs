//! `health checks`: uptime checks of a window, with an exit code for a monitoring system.

use super::exit::{self, Done};
use super::globals::Origin;
use super::show::{self, Sheet, ShowArgs};
use crate::logic::window::Window;
use crate::query::checks::{CheckReport, CheckView, checks};

/// Shows every configured check.
pub(super) fn run(origin: &Origin, window: Window, show: &ShowArgs) -> Done {
    let report: CheckReport = match origin {
        Origin::Server(remote) => {
            let query = [("from", window.from.0.to_string()), ("to", window.to.0.to_string())];
            remote.get("/api/v1/checks", &query)?
        }
        Origin::Directory(reader) => checks(reader, window)?,
    };
    show.print(&table(&report.checks), &show::json(&report)?)?;
    Ok(code(&report.checks))
}

fn code(all: &[CheckView]) -> u8 {
    let last = |good: bool| all.iter().any(|c| c.last_good == Some(good));
    match (last(false), last(true)) {
        (true, _) => exit::FINDING,
        (false, true) => exit::OK,
        (false, false) => exit::UNKNOWN,
    }
}

fn table(all: &[CheckView]) -> Sheet {
    let columns = vec!["check", "available", "good", "ran", "expected", "mean", "last", "said"];
    let mut sheet = Sheet { columns, rows: Vec::new() };
    for check in all {
        let none = || "n/a".to_owned();
        let share = check.availability.map_or_else(none, |v| format!("{v:.3}%"));
        let mean = check.mean_ms.map_or_else(none, |ms| format!("{ms:.0} ms"));
        let last = match check.last_good {
            Some(true) => "good",
            Some(false) => "bad",
            None => "never ran",
        };
        let said = check.last_detail.clone().unwrap_or_default();
        let counts = [check.good, check.ran, check.expected].map(|n| n.to_string());
        let [good, ran, expected] = &counts;
        sheet.row([check.name.as_str(), &share, good, ran, expected, &mean, last, &said]);
    }
    sheet
}
