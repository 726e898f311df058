//! `config history`: what was changed, by whom and why, and what the figures did afterwards.

use super::super::ask::Where;
use super::super::exit::{self, Done, Failure};
use super::super::globals::{Globals, Origin, now};
use super::super::period;
use super::super::show::{self, Sheet, ShowArgs};
use crate::logic::kpi::Kpi;
use crate::logic::unit::UnixMicros;
use crate::logic::window::Window;
use crate::tell::page::baselines::BaselineChange;
use crate::tell::page::control::ControlChange;
use crate::tell::page::history::HistoryView;
use serde::Serialize;

/// Changes asked of the server: more than anyone reads.
const MOST: u32 = 1_000;
/// Figures shown before and after a change.
const FIGURES: [&str; 2] = ["p95_latency", "error_rate"];
/// Stretch of time before and after: an hour has enough calls for a p95 at a few calls a minute.
const AROUND: i64 = 60 * UnixMicros::MINUTE;

/// What can change.
const KINDS: [&str; 7] =
    ["control", "baseline", "prices", "rules", "program", "deployment", "note"];

/// Options of `config history`.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "\
Examples:
  flowgauge config history --last 10
  flowgauge config history --since 7d --figures --json

Settings of control, baselines, prices, rules, versions of flowgauge and of applications, notes of people, the newest first. The figures are those of the hour before and the hour after.

Exit codes:
  0   listed
  69  no server answers
  77  not permitted")]
pub(crate) struct HistoryArgs {
    /// At most so many
    #[arg(long, default_value_t = 20)]
    last: usize,
    /// Only those since then: 7d, 2026-11-23, RFC 3339
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Only these kinds: control, baseline, prices, rules, program, deployment, note
    #[arg(long, value_name = "KIND", value_delimiter = ',', value_parser = KINDS)]
    kind: Vec<String>,
    /// What latency and errors did afterwards
    #[arg(long)]
    figures: bool,
    #[command(flatten)]
    show: ShowArgs,
}

/// One change of whatever kind.
#[derive(Debug, Clone, PartialEq, Serialize)]
struct Entry {
    at: String,
    kind: String,
    id: String,
    by: String,
    what: String,
    why: String,
    in_force: Option<bool>,
    figures: Vec<Figure>,
}

/// A figure before and after.
#[derive(Debug, Clone, PartialEq, Serialize)]
struct Figure {
    name: &'static str,
    before: Option<f64>,
    after: Option<f64>,
}

/// Runs it.
pub(super) fn run(args: &HistoryArgs, globals: &Globals) -> Done {
    let loaded = globals.load(false, &[])?;
    let remote = globals.remote(&loaded)?;
    let zone = loaded.config.time_zone;
    let since = args.since.as_deref().map(|text| since(text, zone)).transpose()?;
    let limit = [("limit", MOST.to_string())];
    let control: Vec<ControlChange> = remote.get("/api/v1/control/changes", &limit)?;
    let baselines: Vec<BaselineChange> = remote.get("/api/v1/baselines/history", &limit)?;
    let others: Vec<HistoryView> = remote.get("/api/v1/history", &limit)?;
    let mut all: Vec<(UnixMicros, Entry)> = control
        .iter()
        .map(of_control)
        .chain(baselines.iter().map(of_baseline))
        .chain(others.into_iter().map(of_other))
        .filter(|entry| args.kind.is_empty() || args.kind.contains(&entry.kind))
        .filter_map(|entry| Some((moment(&entry.at)?, entry)))
        .filter(|(at, _)| since.is_none_or(|since| *at >= since))
        .collect();
    all.sort_by_key(|(at, _)| std::cmp::Reverse(*at));
    all.truncate(args.last);
    if args.figures {
        let origin = globals.origin(&loaded)?;
        for (at, entry) in &mut all {
            entry.figures = figures(&origin, *at)?;
        }
    }
    print(args, all.into_iter().map(|(_, entry)| entry).collect())
}

fn print(args: &HistoryArgs, entries: Vec<Entry>) -> Done {
    let mut columns = vec!["at", "kind", "id", "by", "what", "why"];
    if args.figures {
        columns.push("figures");
    }
    let mut sheet = Sheet { columns, rows: Vec::new() };
    for e in &entries {
        let mut row = vec![&*e.at, &e.kind, &e.id, &e.by, &e.what, &e.why];
        let figures: Vec<String> = e.figures.iter().map(Figure::words).collect();
        let figures = figures.join(", ");
        if args.figures {
            row.push(&figures);
        }
        sheet.row(row);
    }
    args.show.print(&sheet, &show::json(&entries)?)?;
    Ok(exit::OK)
}

impl Figure {
    fn words(&self) -> String {
        let word = |v: Option<f64>| v.map_or_else(|| "n/a".to_owned(), |v| format!("{v:.1}"));
        format!("{} {} -> {}", self.name, word(self.before), word(self.after))
    }
}

fn of_control(change: &ControlChange) -> Entry {
    let settings: Vec<String> =
        change.diff.iter().map(|s| format!("{} {} -> {}", s.path, s.before, s.after)).collect();
    let what = match change.undoes {
        Some(id) => format!("takes {id} back: {}", settings.join(", ")),
        None => settings.join(", "),
    };
    Entry {
        at: change.at.clone(),
        kind: "control".to_owned(),
        id: change.id.to_string(),
        by: change.author.clone(),
        what,
        why: change.reason.clone(),
        in_force: Some(change.in_force),
        figures: Vec::new(),
    }
}

fn of_baseline(change: &BaselineChange) -> Entry {
    Entry {
        at: change.at.clone(),
        kind: "baseline".to_owned(),
        id: change.name.clone(),
        by: change.by.clone(),
        what: change.what.clone(),
        why: change.why.clone(),
        in_force: None,
        figures: Vec::new(),
    }
}

fn of_other(change: HistoryView) -> Entry {
    let HistoryView { at, kind, what, by } = change;
    Entry {
        at,
        kind,
        id: String::new(),
        by,
        what,
        why: String::new(),
        in_force: None,
        figures: Vec::new(),
    }
}

/// A length counts back from now; anything else is a moment.
fn since(text: &str, zone: chrono_tz::Tz) -> Result<UnixMicros, Failure> {
    match crate::logic::duration::parse(text) {
        Ok(_) => period::moment(&format!("now-{text}"), now(), zone),
        Err(_) => period::moment(text, now(), zone),
    }
}

fn moment(text: &str) -> Option<UnixMicros> {
    let at = chrono::DateTime::parse_from_rfc3339(text).ok()?;
    Some(UnixMicros(at.timestamp_micros()))
}

fn figures(origin: &Origin, at: UnixMicros) -> Result<Vec<Figure>, Failure> {
    let everything = Where::default();
    let value = |kpi: &Kpi, from: i64, to: i64| {
        let window = Window { from: UnixMicros(from), to: UnixMicros(to) };
        origin.kpi(kpi, window, &everything).map(|v| v.value)
    };
    let mut out = Vec::new();
    for name in FIGURES {
        let Some(kpi) = Kpi::find(name) else { continue };
        let before = value(kpi, at.0 - AROUND, at.0)?;
        let after = value(kpi, at.0, at.0 + AROUND)?;
        out.push(Figure { name: kpi.name, before, after });
    }
    Ok(out)
}
