//! `quality status`: how online scoring stands on the running server.
//!
//! Owns the table. Refuses to count: the server does.

use super::super::exit::{self, Done};
use super::super::globals::Globals;
use super::super::show::{self, Sheet, ShowArgs};
use crate::judge::quality::{IntentStatus, JudgeStatus, QualityStatus};

/// Options of `quality status`.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "\
Examples:
  flowgauge quality status
  flowgauge quality status --json

Counts are those since the server started. Scores themselves: `flowgauge quality scores`.

Exit codes:
  0   sampled calls are scored
  1   some are not: there was no room, or the judging model gives no verdicts
  3   nothing is sampled
  69  no server answers")]
pub(crate) struct StatusArgs {
    #[command(flatten)]
    show: ShowArgs,
}

/// Asks the server and prints.
pub(crate) fn run(args: &StatusArgs, globals: &Globals) -> Done {
    let loaded = globals.load(false, &[])?;
    let status: QualityStatus = globals.remote(&loaded)?.get("/api/v1/quality/status", &[])?;
    args.show.print(&sheet(&status), &show::json(&status)?)?;
    notes(&status);
    Ok(code(&status))
}

fn code(status: &QualityStatus) -> u8 {
    let lost = status.intents.iter().any(|i| i.counts.dropped > 0);
    let silent = status.judge.as_ref().is_some_and(|j| j.trouble.is_some());
    match (status.on, lost || silent) {
        (false, _) => exit::UNKNOWN,
        (true, true) => exit::FINDING,
        (true, false) => exit::OK,
    }
}

fn sheet(status: &QualityStatus) -> Sheet {
    let columns = vec![
        "intent",
        "rate",
        "seen",
        "sampled",
        "weight",
        "scored",
        "unscored",
        "judged",
        "no answer",
        "over cap",
        "too large",
        "dropped",
        "judge failed",
        "judge skipped",
    ];
    let mut sheet = Sheet { columns, rows: Vec::new() };
    for intent in &status.intents {
        let IntentStatus { intent: name, rate, mean_weight, counts: c, .. } = intent;
        let name = if name.is_empty() { "n/a".to_owned() } else { name.clone() };
        let weight = mean_weight.map_or_else(|| "n/a".to_owned(), |w| format!("{w:.1}"));
        let mut row = vec![name, format!("{:.1}%", 100.0 * rate)];
        row.extend([c.seen, c.sampled].map(|n| n.to_string()));
        row.push(weight);
        let rest = [
            c.scored,
            c.unscored,
            c.judged,
            c.unanswered,
            c.over_cap,
            c.too_large,
            c.dropped,
            c.judge_failed,
            c.judge_skipped,
        ];
        row.extend(rest.map(|n| n.to_string()));
        sheet.rows.push(row);
    }
    sheet
}

fn notes(status: &QualityStatus) {
    if !status.on {
        show::note("nothing is sampled; set quality.sampling.default, for example to 0.05");
        return;
    }
    show::note(&format!(
        "evaluators: {}; {} calls wait, {} of {} bytes held",
        status.evaluators.join(", "),
        status.waiting,
        status.held_bytes,
        status.most_held_bytes
    ));
    let Some(judge) = &status.judge else { return };
    let JudgeStatus { evaluator, version, provider, budget_usd, spent_usd, .. } = judge;
    show::note(&format!(
        "{evaluator} {version} at {provider}: ${spent_usd} of ${budget_usd} spent today"
    ));
    if let Some(why) = &judge.trouble {
        let word = if judge.resting { "rests" } else { "gave no verdict" };
        let at = judge.trouble_at.as_deref().unwrap_or_default();
        show::note(&format!("the judging model {word}: {why} ({at})"));
    }
}
