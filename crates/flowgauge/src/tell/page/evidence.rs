//! `/api/v1/control/evidence`: what each optimisation saves and what it costs, by which method, and what the guardrail
//! says of it.

use super::ask::Params;
use super::{App, Problem};
use crate::judge::Trials;
use crate::judge::evidence::advice::{self, Advice, Focus};
use crate::judge::evidence::{BeforeAfter, Course, Said, Standing, Unused};
use crate::judge::regressions::RegressionError;
use crate::logic::control::evidence::{Finding, Metric, Report, Span};
use crate::logic::control::guardrail::Decision;
use crate::logic::control::rollout::Mechanism;
use crate::query::reduction::{AgainstBaseline, against_baseline};
use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

/// An estimate and an interval that holds however often it is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct SpanView {
    /// The estimate.
    pub estimate: f64,
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

impl SpanView {
    fn of(span: Span) -> Option<Self> {
        let Span { estimate, low, high } = span;
        let finite = estimate.is_finite() && low.is_finite() && high.is_finite();
        finite.then_some(Self { estimate, low, high })
    }
}

/// One metric's comparison.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct FindingView {
    /// `quality`, `errors` or `latency`.
    pub metric: String,
    /// `regressed`, `fine` or `inconclusive`.
    pub verdict: String,
    /// Touched minus untouched: points, a share, or a share of the untouched latency.
    pub effect: Option<SpanView>,
    /// Of quality: touched as a share of untouched, less one; -0.02 is 2 % lost.
    #[serde(default)]
    pub share: Option<SpanView>,
    /// Evidence against "no difference"; 1 is none.
    pub e_value: Option<f64>,
    /// Untouched samples.
    pub untouched: u64,
    /// Touched samples.
    pub touched: u64,
}

/// Method (a): before and after, call by call.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct BeforeAfterView {
    /// Calls whose tokens before and after are known.
    pub calls: u64,
    /// Input tokens before any optimisation.
    pub original: u64,
    /// Input tokens billed.
    pub sent: u64,
    /// `1 − sent / original`.
    pub reduction: Option<f64>,
    /// Tokens taken off where no other mechanism acted on the call.
    pub alone: i64,
    /// Tokens that several mechanisms took off the same call; whose they are is not known.
    pub together: i64,
    /// Tokens that each mechanism took off, as it counted itself; another model takes none off.
    #[serde(default)]
    pub by_mechanism: BTreeMap<String, u64>,
    /// Nano-dollars not spent.
    pub cost_avoided_nanos: i64,
}

/// Saved by comparison with those held out: method (b), the only causal one. Shares.
#[derive(Debug, Clone, Default, Serialize, Deserialize, utoipa::ToSchema)]
pub struct SavedView {
    /// Billed tokens.
    pub tokens: Option<SpanView>,
    /// Cost.
    pub cost: Option<SpanView>,
    /// Mean latency.
    pub latency: Option<SpanView>,
    /// Why there are none.
    pub reason: Option<String>,
}

/// What the guardrail says of a mechanism.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct GuardrailView {
    /// `keep`, `confirming`, `roll_back`, `would_roll_back`, `held`, or `none` where it has not looked.
    pub decision: String,
    /// Since when.
    pub since: Option<String>,
    /// The reason in a sentence.
    pub sentence: Option<String>,
    /// Generation of control without the mechanism, where it was switched off.
    pub generation: Option<u64>,
}

/// One mechanism.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct MechanismEvidence {
    /// Which.
    pub mechanism: String,
    /// Whether it acts now.
    pub acts: bool,
    /// Since when this comparison runs.
    pub since: Option<String>,
    /// Generation of control in force since.
    pub generation: Option<u64>,
    /// Why it began.
    pub why: Option<String>,
    /// Calls by arm: `treated`, `hold_out`, `waiting`.
    pub calls: BTreeMap<String, u64>,
    /// Conversations compared: untouched.
    pub untouched: u64,
    /// Conversations compared: touched.
    pub touched: u64,
    /// Conversations that are not over: they count when they are.
    pub under_way: u64,
    /// Calls left out, by reason.
    pub left_out: BTreeMap<String, u64>,
    /// Quality, errors, latency.
    pub findings: Vec<FindingView>,
    /// Method (b).
    pub saved: SavedView,
    /// Method (a), of what it touched.
    pub before_after: Option<BeforeAfterView>,
    /// What the guardrail says.
    pub guardrail: GuardrailView,
    /// Why it should be switched off, if it should.
    pub against: Option<String>,
}

/// What optimisations do.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct EvidenceView {
    /// When this was said.
    pub at: String,
    /// Generation of control in force.
    pub generation: u64,
    /// Chance that a harmless mechanism is ever said to harm.
    pub alpha: f64,
    /// Whether the guardrail acts or only says what it would do.
    pub guardrail_acts: bool,
    /// Whose word on quality counts.
    pub evaluator: Option<String>,
    /// `keep`, `partial`, `full` or `no_control_group`.
    pub advice: Advice,
    /// Each mechanism.
    pub mechanisms: Vec<MechanismEvidence>,
    /// Method (a) over everything that went through the gateway.
    pub before_after: Option<BeforeAfterView>,
    /// Since when that is added up.
    pub before_after_since: Option<String>,
    /// Method (c).
    pub against_baseline: AgainstBaseline,
    /// Rows and scores dropped between two looks because there was no room.
    pub dropped: u64,
    /// Scores whose call is not known.
    pub unjoined: u64,
    /// Scores of other evaluators.
    pub other_evaluator: u64,
    /// Why the evidence could not be written down last.
    pub fault: Option<String>,
}

/// What each optimisation saves and costs, by comparison with those held out (b), call by call (a) and against the
/// promoted baseline (c); and what the guardrail says.
#[utoipa::path(get, path = "/api/v1/control/evidence", tag = "control",
    params(("focus" = Option<String>, Query, description = "quality: what counts against a mechanism is quality")),
    responses((status = 200, body = EvidenceView),
        (status = 400, body = Problem, content_type = "application/problem+json")))]
pub(super) async fn evidence(
    State(app): State<App>,
    params: Params,
) -> Result<Json<EvidenceView>, Problem> {
    params.only(&["focus"], &[])?;
    let focus = match params.one("focus")? {
        None | Some("all") => Focus::All,
        Some("quality") => Focus::Quality,
        Some(other) => {
            return Err(Problem::field("focus", other, "write quality or all"));
        }
    };
    let by_baseline = by_baseline(&app).await?;
    let trials = Arc::clone(&app.trials);
    let at = app.clock.now().to_rfc3339();
    // Intervals of four comparisons take milliseconds.
    let view = tokio::task::spawn_blocking(move || view(&trials, focus, at, by_baseline)).await;
    view.map(Json).map_err(|e| Problem::later(format!("the evidence was not read: {e}"), 5))
}

async fn by_baseline(app: &App) -> Result<AgainstBaseline, Problem> {
    let regressions = Arc::clone(&app.regressions);
    let promoted = tokio::task::spawn_blocking(move || regressions.baseline(None)).await;
    match promoted {
        Ok(Ok((baseline, _))) => {
            let now = app.clock.now();
            app.ask(move |reader| against_baseline(reader, &baseline, now)).await
        }
        Ok(Err(RegressionError::NonePromoted)) => {
            Ok(AgainstBaseline::none(None, "no baseline is promoted"))
        }
        Ok(Err(error)) => Ok(AgainstBaseline::none(None, error.to_string())),
        Err(error) => Ok(AgainstBaseline::none(None, error.to_string())),
    }
}

fn view(trials: &Trials, focus: Focus, at: String, by_baseline: AgainstBaseline) -> EvidenceView {
    let shown = trials.shown();
    let snapshot = trials.control().desk.live().get();
    let guardrail = snapshot.settings.as_ref().map(|s| s.guardrail.clone()).unwrap_or_default();
    let mut judged = Vec::new();
    let mechanisms = shown.mechanisms.iter().map(|(mechanism, standing)| {
        let report = standing.course.as_ref().map(|c| c.so_far(guardrail.alpha));
        let view = mechanism_view(*mechanism, standing, report.as_ref(), focus);
        if view.acts && report.as_ref().is_some_and(advice::is_compared) {
            judged.push(view.against.is_some());
        }
        view
    });
    let mechanisms = mechanisms.collect();
    let against = judged.iter().filter(|a| **a).count();
    EvidenceView {
        at,
        generation: snapshot.generation,
        alpha: guardrail.alpha,
        guardrail_acts: guardrail.acts,
        evaluator: shown.evaluator.as_ref().map(ToString::to_string),
        advice: advice::advise(judged.len(), against),
        mechanisms,
        before_after: shown.whole.as_ref().map(|(_, sums)| before_after(sums)),
        before_after_since: shown.whole.as_ref().map(|(begun, _)| begun.at.to_rfc3339()),
        against_baseline: by_baseline,
        dropped: shown.missed.dropped,
        unjoined: shown.missed.unjoined,
        other_evaluator: shown.missed.other_evaluator,
        fault: shown.fault,
    }
}

fn mechanism_view(
    mechanism: Mechanism,
    standing: &Standing,
    report: Option<&Report>,
    focus: Focus,
) -> MechanismEvidence {
    let course = standing.course.as_ref();
    let (untouched, touched, under_way) = course.map_or((0, 0, 0), Course::counts);
    let begun = course.map(|c| &c.begun);
    let against = report.and_then(|r| advice::against(mechanism, r, focus)).map(|(_, why)| why);
    let (calls, left_out) = course.map_or_else(Default::default, |c| (arms(c), left_out(c)));
    MechanismEvidence {
        mechanism: mechanism.word().to_owned(),
        acts: course.is_some_and(|c| c.acts),
        since: begun.map(|b| b.at.to_rfc3339()),
        generation: begun.map(|b| b.generation),
        why: begun.map(|b| b.why.clone()),
        calls,
        untouched,
        touched,
        under_way: under_way as u64,
        left_out,
        findings: report.map_or_else(Vec::new, findings),
        saved: saved(report),
        before_after: course.map(|c| before_after(&c.before_after)),
        guardrail: guardrail(standing.said.as_ref()),
        against,
    }
}

fn arms(course: &Course) -> BTreeMap<String, u64> {
    course.calls.iter().map(|(arm, n)| (arm.word().to_owned(), *n)).collect()
}

fn left_out(course: &Course) -> BTreeMap<String, u64> {
    let word = |why: &Unused| match why {
        Unused::EarlierSettings => "earlier_settings",
        Unused::OtherMode => "other_mode",
    };
    course.unused.iter().map(|(why, n)| (word(why).to_owned(), *n)).collect()
}

fn findings(report: &Report) -> Vec<FindingView> {
    let share = |found: &Finding| {
        let of_quality = report.quality_share.filter(|_| found.metric == Metric::Quality);
        of_quality.and_then(SpanView::of)
    };
    report.findings.iter().map(|f| FindingView { share: share(f), ..finding(f) }).collect()
}

fn finding(found: &Finding) -> FindingView {
    let word = |value: serde_json::Result<serde_json::Value>| {
        value.ok().and_then(|v| v.as_str().map(str::to_owned)).unwrap_or_default()
    };
    FindingView {
        metric: word(serde_json::to_value(found.metric)),
        verdict: word(serde_json::to_value(found.verdict)),
        effect: found.effect.and_then(SpanView::of),
        share: None,
        e_value: Some(found.e_value).filter(|e| e.is_finite()),
        untouched: found.untouched,
        touched: found.touched,
    }
}

fn saved(report: Option<&Report>) -> SavedView {
    let Some(report) = report else {
        let reason = Some("it never acted with a hold-out".to_owned());
        return SavedView { reason, ..SavedView::default() };
    };
    let of = |span: Option<Span>| span.and_then(SpanView::of);
    let view = SavedView {
        tokens: of(report.tokens_saved),
        cost: of(report.cost_saved),
        latency: of(report.latency_saved),
        reason: None,
    };
    let none = view.tokens.is_none() && view.cost.is_none() && view.latency.is_none();
    let reason = none.then(|| "too few calls in one of the arms".to_owned());
    SavedView { reason, ..view }
}

fn before_after(sums: &BeforeAfter) -> BeforeAfterView {
    BeforeAfterView {
        calls: sums.calls,
        original: sums.original,
        sent: sums.sent,
        reduction: sums.reduction(),
        alone: sums.alone,
        together: sums.together,
        by_mechanism: Mechanism::ALL
            .into_iter()
            .map(|m| (m.word().to_owned(), sums.taken.of(m)))
            .collect(),
        cost_avoided_nanos: sums.cost_avoided,
    }
}

fn guardrail(said: Option<&Said>) -> GuardrailView {
    let word = said.map_or("none", |s| match s.decision {
        Decision::Keep => "keep",
        Decision::Confirming(..) => "confirming",
        Decision::RollBack(_) => "roll_back",
        Decision::WouldRollBack(_) => "would_roll_back",
        Decision::Held(..) => "held",
    });
    GuardrailView {
        decision: word.to_owned(),
        since: said.map(|s| s.at.to_rfc3339()),
        sentence: said.and_then(|s| s.sentence.clone()),
        generation: said.and_then(|s| s.generation),
    }
}
