//! What the optimisations did in a period: their comparisons as the server wrote them down, and what their calls came to.
//!
//! Refuses to compare: `logic::control::evidence` does, and `logic::report::optimised` words it.

use super::reviewed::of_record;
use super::{Ground, money};
use crate::logic::control::evidence::{Clusters, Evidence, Report};
use crate::logic::control::rollout::{Mechanism, Mode, Rollout};
use crate::logic::control::state::{Change, Settings, State};
use crate::logic::known::{Known, Reason};
use crate::logic::kpi::Kpi;
use crate::logic::report::facts::Switch;
use crate::logic::report::figure::nano_usd;
use crate::logic::report::number;
use crate::logic::report::optimised::{Touched, Trial};
use crate::logic::report::recommendations::Recommendation;
use crate::logic::report::{Action, How, Quantity, Shift};
use crate::logic::rollup::{Dim, Filter, Rollup};
use crate::logic::unit::{NanoUsd, UnixMicros};
use crate::logic::window::Window;
use crate::query;
use crate::store::{ControlStore, RollupQuery, Step, StoreError};
use serde::Deserialize;
use std::collections::BTreeMap;

/// Requests of a model on an intent before another is advised: the share of good answers is known to a few points.
const FEWEST: u64 = 200;
/// Scores behind each of both.
const FEWEST_SCORES: u64 = 50;
/// Saved per request before a change is worth its risk, a share.
const WORTH: f64 = 0.2;
/// Quality the cheaper model may lie below the dearer one, points: raters of one answer differ by as much.
const AS_GOOD: f64 = 2.0;

/// What is read of a comparison; the server writes it down every minute (`judge::evidence`).
#[derive(Debug, Deserialize)]
struct Course {
    begun: Begun,
    acts: bool,
    evidence: Evidence,
    clusters: Clusters,
}

#[derive(Debug, Deserialize)]
struct Begun {
    at: UnixMicros,
}

/// One mechanism, with all that is known of it.
#[derive(Debug)]
pub(super) struct Kept {
    mechanism: Mechanism,
    state: String,
    acts: bool,
    share: f64,
    report: Option<Report>,
    touched: Touched,
}

impl Kept {
    fn trial(&self) -> Trial<'_> {
        Trial {
            mechanism: self.mechanism,
            state: &self.state,
            acts: self.acts,
            share: self.share,
            report: self.report.as_ref(),
            touched: self.touched,
        }
    }
}

/// Every mechanism that was ever set up.
pub(super) fn trials(sources: Ground<'_>, window: Window) -> Result<Vec<Kept>, StoreError> {
    let Some(store) = ControlStore::open_reader(sources.dir)? else { return Ok(Vec::new()) };
    let end = window.to.min(sources.now);
    let log: Vec<Change> = store.log()?.into_iter().take_while(|c| c.at < end).collect();
    let settings = State::at(&log, end).map_or_else(|_| Settings::default(), |s| s.settings);
    let arms = arms(sources, window)?;
    let mut out = Vec::new();
    for mechanism in Mechanism::ALL {
        let note: Option<Course> = store.note(&format!("evidence.{}", mechanism.word()))?;
        let course = note.filter(|c| c.begun.at < end);
        let path = format!("/rollouts/{}", mechanism.word());
        let named = log.iter().flat_map(|c| &c.diff).any(|a| a.path.starts_with(&path));
        if course.is_none() && !named {
            continue;
        }
        let rollout = settings.rollouts.of(mechanism);
        let killed = settings.kill.covers(mechanism);
        let alpha = settings.guardrail.alpha;
        out.push(Kept {
            mechanism,
            state: state(rollout, killed),
            acts: course.as_ref().is_some_and(|c| c.acts) && !killed,
            share: share(rollout),
            report: course.map(|c| c.clusters.so_far(&c.evidence).report(alpha)),
            touched: touched(arms.get(mechanism.word()), mechanism),
        });
    }
    Ok(out)
}

/// As rows of a report.
pub(super) fn switches(trials: &[Kept]) -> Vec<Switch> {
    trials.iter().map(|t| t.trial().switch()).collect()
}

fn percent(share: f64) -> String {
    number::text(Quantity::Share(share))
}

fn parts(share: crate::logic::control::rollout::Share) -> f64 {
    f64::from(share.parts()) / 1e6
}

fn share(rollout: &Rollout) -> f64 {
    match rollout.mode {
        Mode::Off | Mode::Shadow => 0.0,
        Mode::Canary(share) => parts(share),
        Mode::On => 1.0,
    }
}

fn state(rollout: &Rollout, killed: bool) -> String {
    let mode = match rollout.mode {
        _ if killed => return "off by the kill switch".to_owned(),
        Mode::Off => return "off".to_owned(),
        Mode::Shadow => "shadow".to_owned(),
        Mode::Canary(share) => format!("canary {}", percent(parts(share))),
        Mode::On => "on".to_owned(),
    };
    let held = parts(rollout.holdout);
    if held > 0.0 { format!("{mode}, {} held out", percent(held)) } else { mode }
}

/// What the calls of each arm came to that a mechanism touched.
fn arms(sources: Ground<'_>, window: Window) -> Result<BTreeMap<&'static str, Rollup>, StoreError> {
    let mut out: BTreeMap<&'static str, Rollup> = BTreeMap::new();
    for group in money::groups(sources, window, &[Dim::Arm])? {
        let Some(arm) = group.key.first() else { continue };
        for mechanism in Mechanism::ALL {
            let touched = format!("{}=treated", mechanism.word());
            if arm.split_whitespace().any(|part| part == touched) {
                out.entry(mechanism.word()).or_default().merge(&group.rollup);
            }
        }
    }
    Ok(out)
}

fn touched(rollup: Option<&Rollup>, mechanism: Mechanism) -> Touched {
    let none = Reason::NoData;
    let Some(r) = rollup.filter(|r| r.requests() > 0) else {
        return Touched {
            requests: 0,
            tokens: 0,
            cost: Known::Unknown(none),
            ms: Known::Unknown(none),
            taken_off: Known::Unknown(none),
            avoided: Known::Unknown(none),
        };
    };
    let signed = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
    // What the cache saves is no shorter question: it is in the comparison, and in the cost avoided.
    let shortens = matches!(mechanism, Mechanism::ContextPruning | Mechanism::PromptOptimization);
    Touched {
        requests: r.requests(),
        tokens: r.input.sum.saturating_add(r.output.sum),
        cost: if r.priced > 0 {
            Known::Value(NanoUsd(r.cost_nanos))
        } else {
            Known::Unknown(Reason::NotPriced)
        },
        ms: Known::from_option(r.latency.mean().map(|us| us / 1e3), Reason::NoData),
        taken_off: if shortens && r.original_input > 0 {
            Known::Value(signed(r.original_input).saturating_sub(signed(r.original_sent)))
        } else {
            Known::Unknown(Reason::NotReported)
        },
        avoided: if r.priced > 0 || r.avoided_nanos != 0 {
            Known::Value(NanoUsd(r.avoided_nanos))
        } else {
            Known::Unknown(Reason::NotPriced)
        },
    }
}

/// What evidence speaks for, and what was looked at and is not recommended.
pub(super) fn recommended(
    sources: Ground<'_>,
    window: Window,
) -> Result<(Vec<Recommendation>, Vec<String>), StoreError> {
    let trials = trials(sources, window)?;
    let months = months(window);
    let (mut out, mut left) = (Vec::new(), Vec::new());
    for trial in &trials {
        match trial.trial().recommendation(months) {
            Ok(found) => out.push(found),
            Err(why) => left.push(why),
        }
    }
    for mechanism in Mechanism::ALL {
        if trials.iter().all(|t| t.mechanism != mechanism) {
            left.push(format!(
                "{} was never switched on: there is no evidence. `flowgauge opt rollout {} --mode \
                 shadow` shows what it would do.",
                mechanism.word().replace('_', " "),
                mechanism.word()
            ));
        }
    }
    cheaper(sources, window, months, &mut out, &mut left)?;
    Ok((out, left))
}

/// A month is a twelfth of a year.
fn months(window: Window) -> f64 {
    const MINUTES: f64 = 365.25 / 12.0 * 1_440.0;
    (window.minutes() / MINUTES).max(f64::EPSILON)
}

/// What one model cost and brought on one intent.
struct OnIntent {
    model: String,
    n: u64,
    each: f64,
    quality: f64,
    scored: u64,
}

/// Intents that a cheaper model answers as well: by what both brought there in the period.
fn cheaper(
    sources: Ground<'_>,
    window: Window,
    months: f64,
    out: &mut Vec<Recommendation>,
    left: &mut Vec<String>,
) -> Result<(), StoreError> {
    let by_intent = models(sources, window)?;
    let mut compared = 0;
    for (intent, mut models) in by_intent {
        models.sort_by_key(|m| std::cmp::Reverse(m.n));
        let Some((busiest, others)) = models.split_first() else { continue };
        if others.is_empty() {
            continue;
        }
        compared += 1;
        let good = |m: &&OnIntent| {
            m.quality >= busiest.quality - AS_GOOD && m.each < busiest.each * (1.0 - WORTH)
        };
        let best = others.iter().filter(good).min_by(|a, b| a.each.total_cmp(&b.each));
        if let Some(other) = best {
            out.push(asked_instead(&intent, busiest, other, months));
        }
    }
    if compared == 0 {
        left.push(format!(
            "Cheaper models: no intent has two models with {FEWEST} requests and {FEWEST_SCORES} scores each."
        ));
    }
    Ok(())
}

fn models(
    sources: Ground<'_>,
    window: Window,
) -> Result<BTreeMap<String, Vec<OnIntent>>, StoreError> {
    // Nothing is compared that nobody scored.
    if of_record(sources.reader, window)?.is_none() {
        return Ok(BTreeMap::new());
    }
    let kpis: Vec<&Kpi> =
        ["cost_per_request", "quality_score"].into_iter().filter_map(Kpi::find).collect();
    let query = RollupQuery {
        window,
        filter: Filter::default(),
        group_by: vec![Dim::Intent, Dim::Model],
        step: Step::Whole,
    };
    let table = query::table(sources.reader, &kpis, &query)?;
    let mut out: BTreeMap<String, Vec<OnIntent>> = BTreeMap::new();
    for row in &table.rows {
        let ([intent, model], [cost, quality]) = (row.key.as_slice(), row.values.as_slice()) else {
            continue;
        };
        let enough = cost.n >= FEWEST && quality.n >= FEWEST_SCORES && !intent.is_empty();
        if let (true, Known::Value(each), Known::Value(judged)) =
            (enough, cost.value, quality.value)
        {
            out.entry(intent.to_string()).or_default().push(OnIntent {
                model: model.to_string(),
                n: cost.n,
                each,
                quality: judged,
                scored: quality.n,
            });
        }
    }
    Ok(out)
}

fn asked_instead(intent: &str, now: &OnIntent, other: &OnIntent, months: f64) -> Recommendation {
    let usd = |each: f64| number::text(Quantity::Usd(nano_usd(each)));
    let quality = |v: f64| number::text(Quantity::Quality(v));
    #[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^53")]
    let saves = (now.each - other.each) * now.n as f64 / months;
    Recommendation {
        what: format!("Try {} instead of {} for intent {intent}", other.model, now.model),
        evidence: format!(
            "{} costs {} a request at quality {} (n {}), {} costs {} at {} (n {}).",
            other.model,
            usd(other.each),
            quality(other.quality),
            number::count(other.scored),
            now.model,
            usd(now.each),
            quality(now.quality),
            number::count(now.scored),
        ),
        n: now.n,
        method: "both models on one intent, not assigned by chance".to_owned(),
        effect: Shift::relative(
            Known::Value(Quantity::Usd(nano_usd(other.each))),
            Known::Value(Quantity::Usd(nano_usd(now.each))),
        ),
        metric: "cost per request".to_owned(),
        saves: Known::Value(nano_usd(saves)),
        risk: "Each model may have had the easier questions; a canary with a hold-out tells."
            .to_owned(),
        action: Action {
            what: "Begin with a twentieth (flowgauge opt restore undoes it)".to_owned(),
            why: None,
            how: How::Command(format!(
                "flowgauge opt rollout model_selection --mode canary=5% --intent {intent} --reason 'cheaper model'"
            )),
        },
    }
}
