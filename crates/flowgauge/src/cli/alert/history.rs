//! `alert history`: episodes, the latest first, and how much of them was noise.

use super::super::exit::{self, Done};
use super::super::globals::Globals;
use super::super::show::{self, Sheet, ShowArgs};
use super::list::{labels, length};
use crate::tell::page::alerts::{EpisodePage, NoiseView};

/// Options of `alert history`.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "\
Examples:
  flowgauge alert history
  flowgauge alert history --rule p95_latency_critical --since 30d --json
  flowgauge alert history --noise

Exit codes:
  0   listed
  64  a parameter that makes no sense
  69  no server answers
  77  not permitted")]
pub(crate) struct HistoryArgs {
    /// Only of this rule
    #[arg(long)]
    rule: Option<String>,
    /// How far back
    #[arg(long, default_value = "7d")]
    since: String,
    /// Only those that are not over
    #[arg(long)]
    open: bool,
    /// Most rows, at most 500
    #[arg(long, default_value_t = 50)]
    limit: u16,
    /// How many were acknowledged, acted on, or over by themselves, in place of the list
    #[arg(long, conflicts_with_all = ["rule", "open", "limit"])]
    noise: bool,
    #[command(flatten)]
    show: ShowArgs,
}

/// Lists.
pub(super) fn run(args: &HistoryArgs, globals: &Globals) -> Done {
    let loaded = globals.load(false, &[])?;
    let remote = globals.remote(&loaded)?;
    let mut query = vec![("since", args.since.clone())];
    if args.noise {
        let noise: NoiseView = remote.get("/api/v1/alerts/noise", &query)?;
        let columns = vec!["fired", "acknowledged", "acted on", "over alone"];
        let mut sheet = Sheet { columns, rows: Vec::new() };
        let counts = [noise.fired, noise.acked, noise.acted, noise.resolved_alone];
        sheet.row(counts.map(|n| n.to_string()));
        args.show.print(&sheet, &show::json(&noise)?)?;
        return Ok(exit::OK);
    }
    query.push(("limit", args.limit.to_string()));
    query.extend(args.rule.as_ref().map(|rule| ("rule", rule.clone())));
    if args.open {
        query.push(("open", "true".to_owned()));
    }
    let page: EpisodePage = remote.get("/api/v1/alerts/episodes", &query)?;
    let columns = vec![
        "fired", "rule", "severity", "labels", "lasted", "peak", "ended", "acked by", "episode",
    ];
    let mut sheet = Sheet { columns, rows: Vec::new() };
    for e in &page.items {
        let ended = e.end_reason.as_deref().map_or("open".to_owned(), |why| why.replace('_', " "));
        let none = "–";
        sheet.row([
            e.fired.as_str(),
            &e.rule,
            &e.severity,
            &labels(&e.labels),
            &length(e.lasted_s),
            e.peak_text.as_deref().unwrap_or(none),
            &ended,
            e.acked_by.as_deref().unwrap_or(none),
            &e.id,
        ]);
    }
    if page.items.is_empty() {
        show::note(&format!("nothing fired in the last {}", args.since));
    }
    args.show.print(&sheet, &show::json(&page)?)?;
    if page.next_cursor.is_some() {
        show::note("there are more; raise --limit or narrow with --since");
    }
    Ok(exit::OK)
}
