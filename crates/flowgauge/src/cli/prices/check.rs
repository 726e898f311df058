//! `prices check`: what is wrong with a price file, and which stored calls have no price.
//!
//! Refuses to judge a rate itself: the price tables do.

use super::DAYS;
use crate::cli::exit::{self, Done, Failure};
use crate::cli::globals::{self, Origin};
use crate::cli::show::{self, Sheet, ShowArgs};
use crate::config::Config;
use crate::logic::price::check::{self, Finding, Severity};
use crate::logic::unit::UnixMicros;
use crate::logic::window::Window;
use crate::query::prices::{self, PriceList, Unpriced};
use crate::serve::prices as file;
use std::path::Path;

/// What `prices check` answers.
#[derive(Debug, serde::Serialize)]
struct Checked {
    file: String,
    findings: Vec<Finding>,
    /// `null` where no data could be read.
    unpriced: Option<Vec<Unpriced>>,
}

pub(super) fn checked(
    config: &Config,
    named: Option<&Path>,
    unpriced: Option<Vec<Unpriced>>,
    show: &ShowArgs,
) -> Done {
    let path = named.map_or_else(|| file::path(config), Path::to_owned);
    let optional = named.is_none() && config.prices.is_none();
    let findings = match std::fs::read_to_string(&path) {
        Ok(text) => check::check(&text)
            .map_err(|e| Failure::new(exit::BAD_DATA, format!("{}: {e}", path.display())))?,
        Err(e) if optional && e.kind() == std::io::ErrorKind::NotFound => Vec::new(),
        Err(e) => {
            return Err(Failure::new(exit::BAD_DATA, format!("{}: {e}", path.display())));
        }
    };
    let mut sheet = Sheet { columns: vec!["model", "severity", "finding"], rows: Vec::new() };
    for finding in &findings {
        let word = match finding.severity {
            Severity::Dropped => "dropped",
            Severity::Suspicious => "suspicious",
            Severity::Ignored => "ignored",
        };
        sheet.row([finding.model.as_str(), word, &finding.finding]);
    }
    for model in unpriced.iter().flatten() {
        let calls = format!("{} calls of the last {DAYS} days not priced", model.calls);
        sheet.row([model.model.as_str(), "unpriced", &calls]);
    }
    let answer = Checked { file: path.display().to_string(), findings, unpriced };
    show.print(&sheet, &show::json(&answer)?)?;
    let worst = answer.findings.iter().map(|finding| finding.severity).min();
    let open = answer.unpriced.as_ref().is_some_and(|models| !models.is_empty());
    if let Some(first) = answer.unpriced.iter().flatten().next() {
        show::note(&prices::way_out(&first.model));
    }
    Ok(match worst {
        Some(Severity::Dropped) => exit::BAD_DATA,
        Some(Severity::Suspicious) => exit::FINDING,
        _ if open => exit::FINDING,
        _ => exit::OK,
    })
}

impl Origin {
    /// Models without a price among the calls of the last days.
    pub(super) fn unpriced(&self) -> Result<Vec<Unpriced>, Failure> {
        match self {
            Self::Server(remote) => {
                // No row has such a name: only the models without a price are wanted.
                let query = [("model", "\u{1}".to_owned()), ("since", format!("{DAYS}d"))];
                Ok(remote.get::<PriceList>("/api/v1/prices", &query)?.unpriced)
            }
            Self::Directory(reader) => {
                let to = globals::now();
                let from = UnixMicros(to.0.saturating_sub(DAYS * UnixMicros::DAY));
                Ok(prices::unpriced(reader, Window { from, to })?)
            }
        }
    }
}
