//! `tokens limits check`: the limits against how long prompts and answers are, and how many answers were cut short.

use super::super::super::ask::{Named, Where};
use super::super::super::exit::{self, CRITICAL, Done, FINDING, Failure, UNKNOWN};
use super::super::super::globals::{Globals, now};
use super::super::super::period::{ANALYSIS, PeriodArgs};
use super::super::super::remote::Remote;
use super::super::super::show::{self, Sheet, ShowArgs};
use crate::config::Loaded;
use crate::logic::control::lengths::{Finding, Length, Lengths, MIN_CALLS};
use crate::logic::control::state::Level;
use crate::query::prices::{PriceList, PriceView};
use crate::query::view::RequestView;
use crate::tell::page::control::whole::WholeSettings;
use std::collections::BTreeMap;

/// Newest calls looked at: a p99 of so many has a hundredth of them beyond it, which is enough to know it well.
const CALLS: usize = 5_000;

/// Options of `tokens limits check`.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "\
Examples:
  flowgauge tokens limits check
  flowgauge tokens limits check --last 7d --where intent=explain --json

The newest 5,000 calls of the period are looked at. Nothing is changed; `flowgauge opt propose --apply` does.

Exit codes:
  0   the limits fit
  1   one should be another
  2   more than 5 % of answers are cut short
  3   too few calls to say
  69  no server answers
  77  not permitted")]
pub(crate) struct CheckArgs {
    #[command(flatten)]
    period: PeriodArgs,
    /// Only calls with this value, as dimension=value; repeatable
    #[arg(long = "where", value_name = "DIM=VALUE")]
    filter: Vec<String>,
    #[command(flatten)]
    show: ShowArgs,
}

/// What was found.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub(in super::super::super) struct Checked {
    pub(in super::super::super) seen: Lengths,
    context_tokens: u64,
    max_answer_tokens: Option<u64>,
    pub(in super::super::super) windows: Vec<ModelWindow>,
    pub(in super::super::super) findings: Vec<Finding>,
}

/// A model's context window against what it was sent.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub(in super::super::super) struct ModelWindow {
    model: String,
    calls: usize,
    /// The longest prompt seen.
    longest: Option<u64>,
    /// Nothing where neither list of prices says it.
    context_window: Option<u64>,
    /// Whether the longest prompt and the longest answer allowed go into it; nothing where that is not known.
    fits: Option<bool>,
}

impl ModelWindow {
    fn of(model: &str, inputs: &[Option<u64>], window: Option<u64>, answer: Option<u64>) -> Self {
        let longest = inputs.iter().flatten().max().copied();
        // Without a limit of answers only the prompt is held against it.
        let needed = longest.map(|n| n.saturating_add(answer.unwrap_or(0)));
        let fits = window.zip(needed).map(|(window, needed)| needed <= window);
        let (model, calls) = (model.to_owned(), inputs.len());
        Self { model, calls, longest, context_window: window, fits }
    }

    fn words(&self) -> String {
        let number = |n: Option<u64>| n.map_or_else(|| "unknown".to_owned(), |n| n.to_string());
        let verdict = match self.fits {
            Some(true) => "fits",
            Some(false) => "DOES NOT FIT",
            None => "not known whether it fits",
        };
        let (longest, window) = (number(self.longest), number(self.context_window));
        format!("longest prompt {longest} of {window}, {verdict} (n={})", self.calls)
    }
}

/// Runs it.
pub(super) fn run(args: &CheckArgs, globals: &Globals) -> Done {
    let loaded = globals.load(false, &[])?;
    let filter = Where::parse(&args.filter)?;
    let remote = globals.remote(&loaded)?;
    let checked = check(globals, &loaded, &remote, &args.period, &filter)?;
    let mut sheet = Sheet { columns: vec!["what", "value"], rows: Vec::new() };
    let word = |v: Option<u64>| v.map_or_else(|| "n/a".to_owned(), |v| v.to_string());
    let seen = &checked.seen;
    sheet.row(["calls", &seen.calls.to_string()]);
    sheet.row(["p99 prompt tokens", &word(seen.input_p99)]);
    sheet.row(["p99 answer tokens", &word(seen.output_p99)]);
    let cut = seen.cut.map_or_else(|| "n/a".to_owned(), |r| format!("{:.2} %", r.percent()));
    sheet.row(["answers cut short", &cut]);
    sheet.row(["limit of context tokens", &checked.context_tokens.to_string()]);
    sheet.row(["limit of answer tokens", &word(checked.max_answer_tokens)]);
    for window in &checked.windows {
        sheet.row([&format!("context window of {}", window.model), &window.words()]);
    }
    args.show.print(&sheet, &show::json(&checked)?)?;
    for finding in &checked.findings {
        show::note(&finding.to_string());
    }
    if seen.calls < MIN_CALLS {
        show::note(&format!("{} calls; {MIN_CALLS} are needed", seen.calls));
        return Ok(UNKNOWN);
    }
    let bursts = checked.windows.iter().any(|w| w.fits == Some(false));
    Ok(match checked.findings.iter().map(|f| f.problem.level).max() {
        Some(Level::Error) => CRITICAL,
        _ if bursts => FINDING,
        Some(Level::Warning) => FINDING,
        None => exit::OK,
    })
}

/// Looks at the newest calls and the limits in force.
pub(in super::super::super) fn check(
    globals: &Globals,
    loaded: &Loaded,
    remote: &Remote,
    period: &PeriodArgs,
    filter: &Where,
) -> Result<Checked, Failure> {
    let window = period.window(ANALYSIS, now(), loaded.config.time_zone)?;
    let origin = globals.origin(loaded)?;
    let listed = origin.requests(window, filter, &Named::default(), None, CALLS)?;
    let calls: Vec<RequestView> = listed.into_iter().map(|one| one.request).collect();
    let lengths: Vec<Length> = calls.iter().map(length).collect();
    let whole: WholeSettings = remote.get("/api/v1/control/settings", &[])?;
    let answer = whole.settings.prompt.max_answer_tokens;
    let seen = Lengths::of(&lengths);
    let findings = seen.check(answer);
    let context_tokens = whole.settings.prune.context_tokens;
    let windows = windows(remote, &calls, answer)?;
    Ok(Checked { seen, context_tokens, max_answer_tokens: answer, windows, findings })
}

/// The context window of every model among the calls. One no list of prices knows is said to be unknown.
fn windows(
    remote: &Remote,
    calls: &[RequestView],
    answer: Option<u64>,
) -> Result<Vec<ModelWindow>, Failure> {
    let mut by_model: BTreeMap<&str, Vec<Option<u64>>> = BTreeMap::new();
    for call in calls {
        let model = call.model_used.as_deref().or(call.model_requested.as_deref());
        if let Some(model) = model {
            by_model.entry(model).or_default().push(call.input_tokens.map(|t| t.0));
        }
    }
    let list: PriceList = remote.get("/api/v1/prices", &[("since", "1d".to_owned())])?;
    // `openai/gpt-4o` is found as `gpt-4o` too, unless that has a row of its own.
    let bare = |row: &PriceView| row.row.rsplit('/').next().unwrap_or_default().to_owned();
    let window = |name: String, row: &PriceView| Some((name, row.max_input_tokens?));
    let mut known: BTreeMap<String, u64> =
        list.items.iter().filter_map(|row| window(bare(row), row)).collect();
    known.extend(list.items.iter().filter_map(|row| window(row.row.clone(), row)));
    let one = |(model, inputs): (&str, Vec<Option<u64>>)| {
        ModelWindow::of(model, &inputs, known.get(model).copied(), answer)
    };
    Ok(by_model.into_iter().map(one).collect())
}

fn length(call: &RequestView) -> Length {
    Length {
        input: call.input_tokens.map(|t| t.0),
        output: call.output_tokens.map(|t| t.0),
        cut: call.finish_reason.as_deref().map(Length::is_cut),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_is_held_against_the_longest_prompt_and_an_unknown_one_is_said_to_be() {
        let inputs = [Some(900), None, Some(100)];
        let of = |window, answer| ModelWindow::of("m", &inputs, window, answer);
        assert_eq!(of(Some(1_000), None).fits, Some(true));
        assert_eq!(of(Some(1_000), Some(100)).fits, Some(true));
        assert_eq!(of(Some(1_000), Some(101)).fits, Some(false));
        let unknown = of(None, Some(100));
        assert_eq!(unknown.fits, None);
        assert_eq!(
            unknown.words(),
            "longest prompt 900 of unknown, not known whether it fits (n=3)"
        );
        assert_eq!(ModelWindow::of("m", &[None], Some(9), None).fits, None);
    }
}
