//! `regression baseline …`: what later is compared with, on a running server.

use super::super::exit::{self, BAD_DATA, Done, Failure, UNKNOWN};
use super::super::globals::Globals;
use super::super::remote::{Remote, escaped};
use super::super::show::{self, Sheet, ShowArgs};
use crate::tell::page::baselines::{
    BaselineChange, BaselineDetail, BaselineView, WantedBaseline, WantedChange,
};
use bytes::Bytes;
use http::Method;

/// Verbs of `regression baseline`.
#[derive(Debug, Clone, clap::Subcommand)]
pub(crate) enum BaselineCommand {
    /// Build a candidate from the last days, without the times in which an alert was open
    #[command(after_help = "\
Examples:
  flowgauge regression baseline propose
  flowgauge regression baseline propose --days 14 --name before-pruning --why 'before the change'
  flowgauge regression baseline propose --promote

Exit codes:
  0   proposed; its name is printed
  3   too little data
  64  the name is taken, or it may not be promoted now
  69  no server answers
  77  not permitted")]
    Propose {
        /// Whole days to learn from
        #[arg(long, default_value_t = 28)]
        days: u32,
        /// Its name; year and week unless given
        #[arg(long)]
        name: Option<String>,
        /// Minutes of a point; days need fewer requests than hours
        #[arg(long, value_name = "MINUTES", default_value_t = 60)]
        bucket: u32,
        /// Only calls of dimension=value
        #[arg(long = "where", value_name = "DIM=VALUE")]
        filter: Vec<String>,
        /// Promote it at once
        #[arg(long)]
        promote: bool,
        #[command(flatten)]
        who: Who,
    },
    /// Take the three lists of a file as a candidate
    #[command(after_help = "\
Examples:
  flowgauge regression baseline import /var/lib/flowreader/baseline_performance.json --name imported

Exit codes:
  0   taken; its name is printed
  64  the name is taken
  65  the file cannot be read
  69  no server answers
  77  not permitted")]
    Import {
        /// {\"latency_p95\": […], \"token_count\": […], \"quality_score\": […]}
        file: String,
        /// Its name
        #[arg(long)]
        name: String,
        #[command(flatten)]
        who: Who,
    },
    /// All baselines, the newest first
    #[command(after_help = "\
Examples:
  flowgauge regression baseline list
  flowgauge regression baseline list --json

Exit codes:
  0   listed
  69  no server answers
  77  not permitted")]
    List {
        #[command(flatten)]
        show: ShowArgs,
    },
    /// One baseline by endpoint, intent and model; --lists writes the guide's file
    #[command(after_help = "\
Examples:
  flowgauge regression baseline show
  flowgauge regression baseline show 2026-w47 --json
  flowgauge regression baseline show --lists > baseline_performance.json

Exit codes:
  0   shown
  3   none is promoted
  64  no such baseline
  69  no server answers
  77  not permitted")]
    Show {
        /// Its name; the promoted one unless given
        name: Option<String>,
        /// Only its lists, as `regression compare` reads them
        #[arg(long)]
        lists: bool,
        #[command(flatten)]
        show: ShowArgs,
    },
    /// Make it what later is compared with; refused while an alert or a regression is open
    #[command(after_help = "\
Examples:
  flowgauge regression baseline promote 2026-w47 --why 'release 14 is accepted'

Exit codes:
  0   promoted
  64  no such baseline, or not now
  69  no server answers
  77  not permitted")]
    Promote {
        /// Its name
        name: String,
        #[command(flatten)]
        who: Who,
    },
    /// Keep it for ever, as what slow drift is measured against
    #[command(after_help = "\
Examples:
  flowgauge regression baseline pin 2026-w47
  flowgauge regression baseline pin 2026-w47 --off

Exit codes:
  0   done
  64  no such baseline
  69  no server answers
  77  not permitted")]
    Pin {
        /// Its name
        name: String,
        /// Let it go
        #[arg(long)]
        off: bool,
        #[command(flatten)]
        who: Who,
    },
    /// What was done to baselines, the latest first
    #[command(after_help = "\
Examples:
  flowgauge regression baseline history

Exit codes:
  0   listed
  69  no server answers
  77  not permitted")]
    History {
        #[command(flatten)]
        show: ShowArgs,
    },
}

/// Who asks, and why: both are kept.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Who {
    /// Who asks
    #[arg(long, env = "USER", hide_env_values = true, default_value = "")]
    by: String,
    /// Why
    #[arg(long, default_value = "")]
    why: String,
}

/// Runs one verb.
pub(super) fn run(command: &BaselineCommand, globals: &Globals) -> Done {
    let loaded = globals.load(false, &[])?;
    let remote = globals.remote(&loaded)?;
    match command {
        BaselineCommand::Propose { days, name, bucket, filter, promote, who } => {
            let wanted = WantedBaseline {
                name: name.clone(),
                days: Some(*days),
                bucket_minutes: Some(*bucket),
                filter: filter.clone(),
                by: who.by.clone(),
                why: who.why.clone(),
                ..WantedBaseline::default()
            };
            let made = propose(&remote, &wanted).map_err(too_little)?;
            if *promote {
                change(&remote, &made.name, "promote", who)?;
            }
        }
        BaselineCommand::Import { file, name, who } => {
            let unreadable = |e: String| Failure::new(BAD_DATA, format!("{file}: {e}"));
            let text = std::fs::read_to_string(file).map_err(|e| unreadable(e.to_string()))?;
            crate::logic::regression::Input::parse(&text).map_err(|e| unreadable(e.to_string()))?;
            let period = serde_json::from_str(&text).map_err(|e| unreadable(e.to_string()))?;
            let wanted = WantedBaseline {
                name: Some(name.clone()),
                period: Some(period),
                file: Some(file.clone()),
                by: who.by.clone(),
                why: who.why.clone(),
                ..WantedBaseline::default()
            };
            propose(&remote, &wanted)?;
        }
        BaselineCommand::List { show } => {
            let all: Vec<BaselineView> = remote.get("/api/v1/baselines", &[])?;
            show.print(&listed(&all), &show::json(&all)?)?;
        }
        BaselineCommand::Show { name, lists, show } => {
            let name = name.as_deref().unwrap_or("promoted");
            let path = format!("/api/v1/baselines/{}", escaped(name));
            let found: BaselineDetail = remote.get(&path, &[]).map_err(too_little)?;
            if *lists {
                show::line(&found.period.to_string())?;
            } else {
                show.print(&detail(&found), &show::json(&found)?)?;
            }
        }
        BaselineCommand::Promote { name, who } => change(&remote, name, "promote", who)?,
        BaselineCommand::Pin { name, off, who } => {
            change(&remote, name, if *off { "unpin" } else { "pin" }, who)?;
        }
        BaselineCommand::History { show } => {
            let lines: Vec<BaselineChange> = remote.get("/api/v1/baselines/history", &[])?;
            let mut sheet =
                Sheet { columns: vec!["at", "baseline", "what", "by", "why"], rows: vec![] };
            for l in &lines {
                sheet.row([&l.at, &l.name, &l.what, &l.by, &l.why]);
            }
            show.print(&sheet, &show::json(&lines)?)?;
        }
    }
    Ok(exit::OK)
}

fn propose(remote: &Remote, wanted: &WantedBaseline) -> Result<BaselineView, Failure> {
    let made: BaselineView = remote.call_long("/api/v1/baselines", body(wanted)?)?;
    for (from, to, why) in &made.left_out {
        show::note(&show::printable(&format!("left out {from} to {to}: {why}")));
    }
    show::note(&format!("{} points of {} minutes", made.points, made.bucket_minutes));
    show::line(&show::printable(&made.name))?;
    Ok(made)
}

fn change(remote: &Remote, name: &str, change: &str, who: &Who) -> Result<(), Failure> {
    let wanted =
        WantedChange { change: change.to_owned(), by: who.by.clone(), why: who.why.clone() };
    let path = format!("/api/v1/baselines/{}", escaped(name));
    let json = [("content-type", "application/json")];
    let now: BaselineView = remote.call(Method::POST, &path, &json, body(&wanted)?)?;
    let pinned = if now.pinned { ", pinned" } else { "" };
    show::note(&show::printable(&format!("{} is {}{pinned}", now.name, now.standing)));
    Ok(())
}

/// A body for the server.
pub(super) fn body<T: serde::Serialize>(wanted: &T) -> Result<Bytes, Failure> {
    let json = serde_json::to_vec(wanted).map_err(|e| Failure::usage(e.to_string()))?;
    Ok(Bytes::from(json))
}

/// The server says 422 where there is too little to go on.
pub(super) fn too_little(failure: Failure) -> Failure {
    let code = if failure.code == BAD_DATA { UNKNOWN } else { failure.code };
    Failure { code, ..failure }
}

fn listed(all: &[BaselineView]) -> Sheet {
    let columns =
        vec!["name", "standing", "from", "to", "points", "p95 ms", "tokens", "cost $", "quality"];
    let mut sheet = Sheet { columns, rows: Vec::new() };
    for b in all {
        let pinned = if b.pinned { " (pinned)" } else { "" };
        let standing = format!("{}{pinned}", b.standing);
        let head = [b.name.clone(), standing, b.from.clone(), b.to.clone(), b.points.to_string()];
        sheet.row(head.into_iter().chain(figures(&b.whole)));
    }
    sheet
}

fn detail(found: &BaselineDetail) -> Sheet {
    let columns =
        vec!["endpoint", "intent", "model", "requests", "p95 ms", "tokens", "cost $", "quality"];
    let mut sheet = Sheet { columns, rows: Vec::new() };
    for cell in std::iter::once(&found.baseline.whole).chain(&found.cells) {
        let name = |t: &str| if t.is_empty() { "–".to_owned() } else { t.to_owned() };
        let head = [name(&cell.endpoint), name(&cell.intent), name(&cell.model)];
        let head = head.into_iter().chain([cell.requests.to_string()]);
        sheet.row(head.chain(figures(cell)));
    }
    sheet
}

fn figures(cell: &crate::tell::page::baselines::CellView) -> [String; 4] {
    let shown =
        |v: Option<f64>, digits: usize| v.map_or("n/a".to_owned(), |v| format!("{v:.digits$}"));
    [shown(cell.latency_p95, 0), shown(cell.tokens, 1), shown(cell.cost, 5), shown(cell.quality, 1)]
}
