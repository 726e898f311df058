//! `quality run`: asks every question of a labelled set through the gateway, scores the answers, and
//! stores the scores beside the calls.
//!
//! Owns sending and adding up. Refuses to score: evaluators are in `logic::score`.

use super::super::exit::{self, Done, Failure};
use super::super::globals::Globals;
use super::super::remote::Remote;
use super::super::show::{self, Sheet, ShowArgs};
use super::set::Case;
use crate::config::Config;
use crate::logic::score::answer::Ending;
use crate::logic::score::audit::Audit;
use crate::logic::score::reference;
use crate::record::scores::Kept;
use bytes::Bytes;
use futures_util::StreamExt;
use http::Method;
use http_body_util::{BodyExt, Limited};
use report::{Outcome, Report};
use serde_json::{Value, json};
use std::time::Duration;

mod report;

/// Target of the quality ladder.
const THRESHOLD: f64 = 80.0;
/// The model asked where neither option nor route names one; `metrics measure` asks the same.
const MODEL: &str = "gpt-4o-mini";
/// Most tokens of an answer: the example application's limit for an ordinary intent.
const MAX_TOKENS: u32 = 400;
/// Longest an answer may take; the gateway's own limit is the same.
const PATIENCE: Duration = Duration::from_secs(600);
/// Largest answer read: a hundred times what `MAX_TOKENS` make.
const MAX_ANSWER: usize = 1 << 20;
/// Scores handed in at once, as many as the API takes.
const AT_ONCE: usize = 1_000;

/// What the model is told; that of the example application.
const INSTRUCTIONS: &str = "You help a reader with a book. Use the passages given, be brief, and \
                            say so where the book does not answer.";

/// Options of `quality run`.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "\
Examples:
  flowgauge quality run --set default --model demo-small
  flowgauge quality run --set questions.jsonl --threshold 75 --output json

--set FILE names a set, one JSON object a line; `default`, about the demo's book, unless given.
Questions carry `x-flowgauge-source: probe` and stay out of the figures of real traffic.
Real tokens are spent.

Exit codes:
  0    the quality reaches the threshold
  1    it does not
  3    fewer than half of the answers could be scored
  64   wrong usage
  65   the set is not understood
  69   no server answers
  130  interrupted")]
pub(crate) struct RunArgs {
    /// Least overall quality, 0 to 100
    #[arg(long, default_value_t = THRESHOLD, value_parser = percent)]
    threshold: f64,
    /// The model to ask; else the first a route names
    #[arg(long)]
    model: Option<String>,
    /// Who scores: flowgauge.local, flowgauge.reference, flowgauge.grounded, flowgauge.rules
    #[arg(long, default_value = reference::LOCAL.name, value_parser = super::known_evaluator)]
    evaluator: String,
    /// Questions under way at once
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..=64))]
    concurrent: u32,
    /// Do not store the scores
    #[arg(long)]
    no_store: bool,
    #[command(flatten)]
    show: ShowArgs,
}

/// A number from 0 to 100.
fn percent(text: &str) -> Result<f64, String> {
    let value = text.parse().ok().filter(|v| (0.0..=100.0).contains(v));
    value.ok_or_else(|| "write a number from 0 to 100".to_owned())
}

/// Runs a set and prints what came of it.
pub(crate) fn run(args: &RunArgs, globals: &Globals) -> Done {
    let (set, globals) = super::chosen(globals)?;
    let cases = super::load(&set)?;
    let loaded = globals.load(false, &[])?;
    let remote = globals.remote(&loaded)?;
    if !remote.is_up() {
        return Err(Failure::new(
            exit::UNREACHABLE,
            format!("no server answers at {}", remote.base()),
        )
        .hint("start one with `flowgauge serve`, or name one with --server URL"));
    }
    let model =
        args.model.clone().or_else(|| named(&loaded.config)).unwrap_or_else(|| MODEL.to_owned());
    let asked = remote.block_on(async {
        let asking =
            futures_util::stream::iter(&cases).map(|case| ask(&remote, case, &model, args));
        let width = usize::try_from(args.concurrent).unwrap_or(1);
        tokio::select! {
            all = asking.buffered(width).collect::<Vec<Outcome>>() => Some(all),
            _ = tokio::signal::ctrl_c() => None,
        }
    });
    let Some(outcomes) = asked else { return Ok(exit::INTERRUPTED) };
    let stored = if args.no_store { 0 } else { store(&remote, &outcomes)? };
    let judged = super::compared(&cases, &args.evaluator);
    let report = Report {
        set,
        model,
        evaluator: args.evaluator.clone(),
        threshold: args.threshold,
        calibrated: Audit::of(&judged).passed(),
        stored,
        outcomes,
    };
    args.show.print(&sheet(&report), &report.json())?;
    if !report.calibrated {
        show::note(&format!(
            "{} is uncalibrated: this set holds no labels it agrees with; see `flowgauge quality audit`",
            args.evaluator
        ));
    }
    Ok(report.exit())
}

/// The first model a route names in full.
fn named(config: &Config) -> Option<String> {
    let full = |model: &&String| !model.ends_with('*');
    config.gateway.routes.iter().filter_map(|r| r.model.as_ref()).find(full).cloned()
}

/// Asks one question and scores the answer.
async fn ask(remote: &Remote, case: &Case, model: &str, args: &RunArgs) -> Outcome {
    let mut outcome = Outcome::of(case);
    let answer = match tokio::time::timeout(PATIENCE, said(remote, case, model)).await {
        Ok(Ok(answer)) => answer,
        Ok(Err(why)) => return Outcome { error: Some(why), ..outcome },
        Err(_) => return Outcome { error: Some("no answer in time".to_owned()), ..outcome },
    };
    outcome.request = answer.request;
    let passages = case.passages();
    let answered = case.answered(&answer.text, answer.ending, &passages);
    match reference::by_name(&args.evaluator, &answered) {
        Some(Ok(score)) => outcome.score = Some(score),
        Some(Err(why)) => outcome.unscored = Some(why),
        None => outcome.error = Some(format!("no evaluator {:?}", args.evaluator)),
    }
    outcome
}

struct Said {
    text: String,
    ending: Ending,
    request: Option<String>,
}

/// One exchange with the gateway; what went wrong in words.
async fn said(remote: &Remote, case: &Case, model: &str) -> Result<Said, String> {
    let body = json!({
        "model": model, "temperature": 0, "max_tokens": MAX_TOKENS,
        "messages": [
            { "role": "system", "content": INSTRUCTIONS },
            { "role": "user", "content": case.prompt() },
        ],
        "metadata": { "intent": case.intent },
    });
    let headers = [
        ("content-type", "application/json"),
        ("x-flowgauge-source", "probe"),
        ("x-flowgauge-intent", case.intent.as_str()),
    ];
    let body = Bytes::from(body.to_string());
    let answer = remote.send(Method::POST, "/v1/chat/completions", &headers, body).await;
    let answer = answer.map_err(|e| e.message)?;
    let status = answer.status();
    let request = answer.headers().get("x-flowgauge-request-id");
    let request = request.and_then(|v| v.to_str().ok()).map(str::to_owned);
    let read = Limited::new(answer.into_body(), MAX_ANSWER).collect().await;
    let bytes = read.map_err(|e| format!("the answer broke off: {e}"))?.to_bytes();
    let answer: Value = serde_json::from_slice(&bytes).unwrap_or_default();
    if !status.is_success() {
        let words = answer["error"]["message"].as_str().unwrap_or_default();
        return Err(format!("status {} {words}", status.as_u16()).trim().to_owned());
    }
    let choice = &answer["choices"][0];
    let text = choice["message"]["content"].as_str().ok_or("the answer has no text")?.to_owned();
    let ending = choice["finish_reason"].as_str().map_or(Ending::Unknown, Ending::of);
    Ok(Said { text, ending, request })
}

/// Hands the scores in; how many the server keeps.
fn store(remote: &Remote, outcomes: &[Outcome]) -> Result<u64, Failure> {
    let scores: Vec<Value> = outcomes.iter().filter_map(scored).collect();
    let mut kept = 0;
    for some in scores.chunks(AT_ONCE) {
        let json = [("content-type", "application/json")];
        let body = Bytes::from(Value::from(some).to_string());
        let told: Kept = remote.call(Method::POST, "/api/v1/scores", &json, body)?;
        kept += told.stored + told.replaced + told.unchanged;
    }
    Ok(kept)
}

/// A score as the API takes it. Its scale is the usual one, 0 to 1.
fn scored(outcome: &Outcome) -> Option<Value> {
    let score = outcome.score.as_ref()?;
    let parts: Vec<String> =
        score.parts.iter().map(|p| format!("{} {:.0}", p.name, p.value)).collect();
    Some(json!({
        "evaluator": score.evaluator.name, "evaluator_version": score.evaluator.version,
        "score": score.quality / 100.0, "annotator": "code",
        "explanation": parts.join(", "), "request_id": outcome.request.as_ref()?,
    }))
}

fn sheet(report: &Report) -> Sheet {
    let columns = vec!["intent", "quality", "95 % interval", "n", "errors"];
    let mut sheet = Sheet { columns, rows: Vec::new() };
    for group in report.groups() {
        let quality = group.mean.map_or("n/a".to_owned(), |m| format!("{m:.1}"));
        let interval =
            group.interval.map_or_else(String::new, |(low, high)| format!("{low:.1} to {high:.1}"));
        sheet.row([group.name, quality, interval, group.n.to_string(), group.errors.to_string()]);
    }
    sheet
}
