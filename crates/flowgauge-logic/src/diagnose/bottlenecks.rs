//! The one thing that limits users now, with evidence, or none.

use super::causes::{cache, errors, sizes, speed};
use super::cells::Figure;
use super::facts::Facts;
use super::finding::{
    Cause, Datum, Diagnosis, Evidence, Finding, Reference, Severity, Sheet, whole,
};
use crate::kpi::Unit;
use crate::window::Window;

/// Rows that wait before the store counts as behind: a second of a busy application.
const WAITING: u64 = 1_000;
/// Share of the disk that must be free; below, a day's growth may fill it.
const FREE: f64 = 0.05;

/// What flowgauge knows of itself; nothing where no server runs.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Own {
    /// Rows waiting to be stored.
    pub queued: Option<u64>,
    /// Calls lost since start.
    pub lost: Option<u64>,
    /// Why the store takes no rows.
    pub refuses: Option<String>,
    /// Damaged places.
    pub damage: Vec<String>,
    /// Free and all bytes of the disk.
    pub disk: Option<(u64, u64)>,
}

/// Names the bottleneck.
#[must_use]
pub fn diagnose(facts: &Facts, own: &Own, window: Window, references: Vec<Reference>) -> Diagnosis {
    let mut out = Diagnosis::new("bottlenecks", window, references);
    out.sheets.push(phases(facts));
    out.findings.extend(store(own));
    out.findings.extend(disk(own));
    out.findings.extend(errors::look(facts));
    if facts.comparable() {
        let sizes = sizes::look(facts);
        out.findings.extend(speed::look(facts, &sizes));
        out.findings.extend(cache::look(facts));
    } else {
        out.unknown.push("there is no earlier window with enough requests: a slow upstream cannot be told from a usual one".to_owned());
    }
    if own.queued.is_none() {
        out.unknown
            .push("no server is running: how far the store is behind is not known".to_owned());
    }
    if own.disk.is_none() {
        out.unknown.push("free space on the disk is not measured".to_owned());
    }
    out.unknown.push("processor and memory of the host are not measured".to_owned());
    out.concluded(facts.now.cells.requests() > 0, "No bottleneck: time goes where it always goes.")
}

fn store(own: &Own) -> Option<Finding> {
    let (severity, sentence) = match (&own.refuses, own.damage.first(), own.queued) {
        (Some(why), ..) => (Severity::Critical, format!("The store takes no rows: {why}.")),
        (None, Some(first), _) => (
            Severity::Critical,
            format!("The store is damaged in {} places, first: {first}.", own.damage.len()),
        ),
        (None, None, Some(waiting)) if waiting >= WAITING => {
            (Severity::Warning, format!("The store does not keep up: {waiting} rows wait."))
        }
        _ => return None,
    };
    let evidence = vec![
        Evidence::now("rows waiting", Unit::Count, own.queued.map(whole), own.queued.unwrap_or(0)),
        Evidence::now(
            "calls not recorded since start",
            Unit::Count,
            own.lost.map(whole),
            own.lost.unwrap_or(0),
        ),
    ];
    let next = "flowgauge store status".to_owned();
    Some(Finding { cause: Cause::StoreBehind, severity, sentence, evidence, next, strength: 9.0 })
}

fn disk(own: &Own) -> Option<Finding> {
    let (free, all) = own.disk.filter(|(_, all)| *all > 0)?;
    let share = whole(free) / whole(all);
    (share < FREE).then(|| Finding {
        cause: Cause::DiskFull,
        severity: Severity::Critical,
        sentence: format!("The disk is nearly full: {:.1} % are free.", 100.0 * share),
        evidence: vec![Evidence::now("free", Unit::Percent, Some(100.0 * share), 1)],
        next: "flowgauge store status".to_owned(),
        strength: 8.0,
    })
}

/// Where the time of calls that reach an upstream goes, on average.
fn phases(facts: &Facts) -> Sheet {
    let columns = [
        ("part", None),
        ("mean", Some(Unit::Ms)),
        ("mean before", Some(Unit::Ms)),
        ("n", Some(Unit::Count)),
    ];
    let mut sheet = Sheet::new("where time goes", &columns);
    let (now, before) =
        (cache::upstream(&facts.now.cells).whole(), cache::upstream(&facts.before.cells).whole());
    for (name, figure) in [
        ("whole", Figure::Latency),
        ("until the first token", Figure::Ttft),
        ("per output token after it", Figure::Tpot),
        ("flowgauge itself", Figure::Overhead),
    ] {
        let mean = |r| Datum::number(figure.mean(r).map(|us| us / 1e3));
        sheet.rows.push(vec![name.into(), mean(&now), mean(&before), Datum::count(figure.n(&now))]);
    }
    sheet
}
