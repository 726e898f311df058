//! Uptime checks as people and programs are shown them.

use crate::logic::unit::Ratio;
use crate::logic::window::Window;
use crate::store::{CheckRow, Reader, StoreError};
use serde::{Deserialize, Serialize};

/// Checks of a window.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CheckReport {
    /// The window, widened to whole minutes.
    pub window: Window,
    /// By name.
    pub checks: Vec<CheckView>,
}

/// One check.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CheckView {
    /// Name.
    pub name: String,
    /// What is asked.
    pub url: String,
    /// How often, seconds.
    pub every_s: f64,
    /// Runs in the window.
    pub ran: u64,
    /// Good ones among them.
    pub good: u64,
    /// Good share of those that ran, percent; `null` where none ran: that says nothing.
    pub availability: Option<f64>,
    /// Runs that would fill the window; fewer ran where flowgauge did not run all the time.
    pub expected: u64,
    /// Mean time of a run, ms.
    pub mean_ms: Option<f64>,
    /// When the last run of all began, RFC 3339.
    pub last_run: Option<String>,
    /// Whether it was good.
    pub last_good: Option<bool>,
    /// What came back.
    pub last_detail: Option<String>,
}

/// Every configured check over a window.
///
/// # Errors
/// When the store cannot be read.
pub fn checks(reader: &Reader, window: Window) -> Result<CheckReport, StoreError> {
    let window = window.whole_minutes();
    let rows = reader.checks(window)?;
    Ok(CheckReport { window, checks: rows.into_iter().map(|row| view(row, window)).collect() })
}

fn view(row: CheckRow, window: Window) -> CheckView {
    let CheckRow { target, good, bad, took, last } = row;
    let ran = good.saturating_add(bad);
    let (last_run, last_good, last_detail) = match last {
        Some((at, good, detail)) => (Some(at.to_rfc3339()), Some(good), Some(detail)),
        None => (None, None, None),
    };
    #[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^53")]
    let mean_ms = (ran > 0).then(|| took.as_millis_f64() / ran as f64);
    CheckView {
        every_s: target.every.as_millis_f64() / 1_000.0,
        expected: window.to.since(window.from).0 / target.every.0.max(1),
        name: target.name,
        url: target.url,
        ran,
        good,
        availability: Ratio::of(good, ran).map(Ratio::percent),
        mean_ms,
        last_run,
        last_good,
        last_detail,
    }
}
