//! `alert show`: one rule with its instances and last episodes, or one episode with its history.

use super::super::exit::{self, Done, Failure};
use super::super::globals::Globals;
use super::super::remote::{Remote, escaped};
use super::super::show::{self, Sheet, ShowArgs};
use super::list::{labels, length, sheet};
use crate::logic::alert::episode::EpisodeId;
use crate::tell::page::alerts::{AlertsView, EpisodeDetail};
use std::fmt::Write as _;

/// Options of `alert show`.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "\
Examples:
  flowgauge alert show p95_latency_critical
  flowgauge alert show 019e0d3fb5f07101810101010101010a
  flowgauge alert show p95_latency_critical --json

Exit codes:
  0   shown
  64  no such rule or episode
  69  no server answers
  77  not permitted")]
pub(crate) struct ShowOneArgs {
    /// Name of a rule, or id of an episode
    name: String,
    #[command(flatten)]
    show: ShowArgs,
}

/// Shows.
pub(super) fn run(args: &ShowOneArgs, globals: &Globals) -> Done {
    let loaded = globals.load(false, &[])?;
    let remote = globals.remote(&loaded)?;
    if args.name.parse::<EpisodeId>().is_ok() {
        return episode(args, &remote);
    }
    rule(args, &remote)
}

fn rule(args: &ShowOneArgs, remote: &Remote) -> Done {
    let mut all: AlertsView = remote.get("/api/v1/alerts", &[])?;
    all.rules.retain(|r| r.rule.name == args.name);
    let Some(found) = all.rules.first() else {
        return Err(Failure::usage(format!("no rule {:?}", args.name))
            .hint("`flowgauge alert list` shows all rules"));
    };
    if args.show.target().0.is_none() {
        let facts = &found.rule;
        let mut head = String::new();
        // Writing to a String cannot fail.
        let mut line = |name: &str, text: &str| {
            let _ = writeln!(head, "{name:<10} {}", show::printable(text));
        };
        line("rule", &facts.name);
        line("severity", &facts.severity);
        line("condition", &facts.condition);
        line("message", &facts.message);
        line("channels", &facts.channels.join(", "));
        for (name, text) in [("owner", &facts.owner), ("runbook", &facts.runbook)] {
            if let Some(text) = text {
                line(name, text);
            }
        }
        if let Some(idle) = &found.idle {
            line("idle", idle);
        }
        show::emit(&format!("{head}\n"), None)?;
    }
    args.show.print(&sheet(&all.rules), &show::json(found)?)?;
    Ok(exit::OK)
}

fn episode(args: &ShowOneArgs, remote: &Remote) -> Done {
    let path = format!("/api/v1/alerts/episodes/{}", escaped(&args.name));
    let found: EpisodeDetail = remote.get(&path, &[])?;
    let mut out = Sheet { columns: vec!["at", "what", "detail"], rows: Vec::new() };
    for moved in &found.transitions {
        let what = format!("{} → {}", moved.from, moved.to);
        out.row([moved.at.as_str(), &what, &moved.why]);
    }
    for told in &found.deliveries {
        let what = format!("{} to {}: {}", told.kind, told.channel, told.state);
        let detail = told.answer.as_deref().unwrap_or_default();
        out.row([told.sent.as_deref().unwrap_or(&told.due), &what, detail]);
    }
    if args.show.target().0.is_none() {
        let e = &found.episode;
        let mut head = String::new();
        let mut line = |name: &str, text: &str| {
            let _ = writeln!(head, "{name:<10} {}", show::printable(text));
        };
        line("episode", &e.id);
        line("rule", &e.rule);
        line("severity", &e.severity);
        line("labels", &labels(&e.labels));
        line("fired", &e.fired);
        match (&e.ended, &e.end_reason) {
            (Some(at), Some(why)) => line("ended", &format!("{at} ({})", why.replace('_', " "))),
            _ => line("ended", "not yet"),
        }
        line("lasted", &length(e.lasted_s));
        line("peak", e.peak_text.as_deref().unwrap_or("–"));
        match (&e.acked_by, &e.acked) {
            (Some(by), Some(at)) => line("acked", &format!("by {by} at {at}")),
            _ => line("acked", "no"),
        }
        if let Some(note) = &e.ack_note {
            line("note", note);
        }
        for analysis in &found.analyses {
            line("analysis", &format!("{} ({})", analysis.id, analysis.state));
            for sentence in &analysis.sentences {
                line("", sentence);
            }
        }
        show::emit(&format!("{head}\n"), None)?;
    }
    args.show.print(&out, &show::json(&found)?)?;
    Ok(exit::OK)
}
