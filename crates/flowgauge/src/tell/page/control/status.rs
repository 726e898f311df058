//! `GET /api/v1/control`: what each mechanism does now, and which source decides that.

use super::super::ask::Params;
use super::super::{App, Problem};
use super::ControlChange;
use super::cache::CacheView;
use super::instances::{self, Instance};
use super::pointer::tree;
use crate::control::{Line, Snapshot, Standing};
use crate::logic::control::rollout::{Kill, Mechanism, Mode, Rollout};
use crate::logic::control::state::{Change, Settings};
use crate::logic::unit::UnixMicros;
use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// How control stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ControlView {
    /// Rises with every change.
    pub generation: u64,
    /// Whether the log of changes can be read; everything is off where not.
    pub readable: bool,
    /// Why not.
    pub unreadable: Option<String>,
    /// Whether the kill switch holds all four.
    pub kill_all: bool,
    /// Mechanisms the kill switch holds one by one.
    pub kill_only: Vec<String>,
    /// The next moment at which something ends by itself.
    pub changes_at: Option<String>,
    /// All four.
    pub mechanisms: Vec<MechanismView>,
    /// Answers in memory.
    pub cache: CacheView,
    /// Who obeys, and which generation each has.
    pub instances: Vec<Instance>,
    /// All settings; `null` where the log cannot be read.
    pub settings: Value,
}

/// A mode with its share.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ModeView {
    /// off, shadow, canary or on.
    pub mode: String,
    /// Share of a canary, 0–1.
    pub share: Option<f64>,
}

/// Another mode for a part of the traffic.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ExceptionView {
    /// Only calls of this endpoint.
    pub route: Option<String>,
    /// Only calls with this intent.
    pub intent: Option<String>,
    /// Their mode.
    #[serde(flatten)]
    pub mode: ModeView,
}

/// An optimiser that rests on a route.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct RestView {
    /// Route.
    pub route: String,
    /// Until when; nothing where it works again.
    pub rests_until: Option<String>,
    /// Changed requests that the provider refused and took as they came.
    pub refused: u64,
    /// Panics.
    pub panicked: u64,
    /// Requests sent as they came because changing them took too long.
    pub overran: u64,
}

/// How one mechanism stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct MechanismView {
    /// Its name.
    pub mechanism: String,
    /// What the settings say.
    #[serde(flatten)]
    pub set: ModeView,
    /// Share of subjects kept for comparison, 0–1.
    pub holdout: f64,
    /// Parts of the traffic with a mode of their own.
    pub exceptions: Vec<ExceptionView>,
    /// Whether it does anything now: acts, or watches.
    pub effective: bool,
    /// Who decides: environment, kill, settings or unreadable.
    pub source: String,
    /// The variable, where the environment decides.
    pub variable: Option<String>,
    /// The last change in force that touched it.
    pub last_change: Option<ControlChange>,
    /// Routes on which it failed.
    pub rests: Vec<RestView>,
}

impl From<Mode> for ModeView {
    fn from(mode: Mode) -> Self {
        let (word, share) = match mode {
            Mode::Off => ("off", None),
            Mode::Shadow => ("shadow", None),
            Mode::Canary(share) => ("canary", Some(f64::from(share.parts()) / 1e6)),
            Mode::On => ("on", None),
        };
        Self { mode: word.to_owned(), share }
    }
}

/// Who decides about a mechanism, and whether it does anything.
pub(super) fn source(state: &Snapshot, mechanism: Mechanism) -> (&'static str, bool) {
    if state.environment().forbids(mechanism) {
        return ("environment", false);
    }
    let Some(settings) = &state.settings else { return ("unreadable", false) };
    if settings.kill.covers(mechanism) {
        return ("kill", false);
    }
    ("settings", !settings.rollouts.of(mechanism).is_idle())
}

/// Whether a change touched a mechanism: its rollout, its settings, or the kill switch.
pub(crate) fn touches(change: &Change, mechanism: Mechanism) -> bool {
    let section = match mechanism {
        Mechanism::ContextPruning => "/prune",
        Mechanism::ResponseCaching => "/cache",
        Mechanism::PromptOptimization => "/prompt",
        Mechanism::ModelSelection => "/model",
    };
    let rollout = format!("/rollouts/{}", mechanism.word());
    let under = |path: &str, place: &str| {
        path == place || path.strip_prefix(place).is_some_and(|rest| rest.starts_with('/'))
    };
    change.diff.iter().any(|a| {
        under(&a.path, section)
            || under(&a.path, &rollout)
            || killed(mechanism, &a.path, &a.before, &a.after)
    })
}

/// Whether the kill switch's hold on a mechanism is what an assignment is about.
fn killed(mechanism: Mechanism, path: &str, before: &Value, after: &Value) -> bool {
    let names = |v: &Value| {
        v.as_array().is_some_and(|a| a.iter().any(|n| n.as_str() == Some(mechanism.word())))
    };
    match path {
        "/kill/all" => true,
        "/kill/only" => names(before) != names(after),
        "/kill" | "" => true,
        _ => false,
    }
}

/// How control stands: each mechanism, who decides about it, the memory of answers, and who obeys.
#[utoipa::path(get, path = "/api/v1/control", tag = "control",
    responses((status = 200, body = ControlView)))]
pub(in super::super) async fn show(
    State(app): State<App>,
    params: Params,
) -> Result<Json<ControlView>, Problem> {
    params.only(&[], &[])?;
    let state = app.control.desk.live().get();
    let history = app.control.desk.history();
    let now = app.clock.now();
    let kill = state.settings.as_ref().map_or_else(Kill::default, |s| s.kill.clone());
    let ends = history.iter().filter(|l| l.in_force).filter_map(|l| l.change.expires);
    let standing = app.control.breakers.standing(now);
    let one = |m| mechanism((&state, &history), &standing, m);
    Ok(Json(ControlView {
        generation: state.generation,
        readable: state.settings.is_some(),
        unreadable: app.control.desk.broken().map(str::to_owned),
        kill_all: kill.all,
        kill_only: kill.only.iter().map(|m| m.word().to_owned()).collect(),
        changes_at: ends.min().map(UnixMicros::to_rfc3339),
        mechanisms: Mechanism::ALL.into_iter().map(one).collect(),
        cache: CacheView::of(&app),
        instances: instances::all(&app),
        settings: state.settings.as_ref().map_or(Ok(Value::Null), tree)?,
    }))
}

/// How a mechanism stands, from a state, its history and the optimisers that rest.
pub(crate) fn mechanism(
    (state, history): (&Snapshot, &[Line]),
    standing: &[Standing],
    mechanism: Mechanism,
) -> MechanismView {
    let (source, effective) = source(state, mechanism);
    let of = |s: &Settings| s.rollouts.of(mechanism).clone();
    let rollout: Rollout = state.settings.as_ref().map(of).unwrap_or_default();
    let exceptions = rollout.exceptions.iter().map(|e| ExceptionView {
        route: e.route.as_ref().map(ToString::to_string),
        intent: e.intent.as_ref().map(ToString::to_string),
        mode: ModeView::from(e.mode),
    });
    let last = history.iter().rev().find(|l| l.in_force && touches(&l.change, mechanism));
    let rests = standing.iter().filter(|s| s.mechanism == mechanism).map(|s| RestView {
        route: s.route.to_string(),
        rests_until: s.rests_until.map(UnixMicros::to_rfc3339),
        refused: s.refused,
        panicked: s.panicked,
        overran: s.overran,
    });
    MechanismView {
        mechanism: mechanism.word().to_owned(),
        set: ModeView::from(rollout.mode),
        holdout: f64::from(rollout.holdout.parts()) / 1e6,
        exceptions: exceptions.collect(),
        effective,
        source: source.to_owned(),
        variable: state.environment().by(mechanism).map(str::to_owned),
        last_change: last.map(ControlChange::from),
        rests: rests.collect(),
    }
}
