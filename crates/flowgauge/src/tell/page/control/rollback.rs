//! The emergency rollback (catalogue C52): off first, then everything else, each step with what came of it; and lifting
//! the kill switch again.
//!
//! Owns the order. A later step that fails never undoes the first and is said. Refuses to wait for the store beyond the
//! half second in which the desk answers whether a change is on disk.

use super::super::ask::Params;
use super::super::guard::Caller;
use super::super::regressions::read_body;
use super::super::{App, Problem};
use super::changes::carry_out as change;
use super::verify::{self, Proof, Verdict};
use super::watch;
use super::{Aim, ControlChange, MadeChange, instances, person, refused};
use crate::control::{Made, Wanted};
use crate::judge::incidents::{Affected, HookError, IncidentError, Step, Telling, Which};
use crate::logic::call::Text;
use crate::logic::control::cache::store::Purge;
use crate::logic::control::rollout::{Mechanism, Mode, Share};
use crate::logic::control::state::{Refused, Settings};
use axum::body::Bytes;
use axum::extract::State;
use axum::{Extension, Json};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::time::Duration;

/// The watch after a rollback (catalogue T6: every 30 s for 30 min), for those who want to look on.
const WATCH: &str = "flowgauge metrics watch --interval 30 --duration 1800";
/// Share with which a mechanism comes back gradually: small enough to harm few, large enough to be seen in a day.
const GRADUAL: Share = Share::percent(5);
/// Longest wait until those that share answers hear of a clearing: one attempt takes two seconds at most.
const CLEARED_WITHIN: Duration = Duration::from_millis(2_500);
/// Who and why where an emergency left no time to say.
const NOBODY: &str = "someone at this machine";
const NO_REASON: &str = "emergency rollback";

/// A rollback to carry out.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct WantedRollback {
    /// All four.
    pub all: bool,
    /// These.
    pub only: Vec<String>,
    /// Who does it.
    pub author: String,
    /// Why.
    pub reason: String,
    /// Only says what would change.
    pub dry_run: bool,
}

/// What is switched on again.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct WantedRestore {
    /// All four.
    pub all: bool,
    /// These.
    pub only: Vec<String>,
    /// What was on for all comes back as a canary of 5 %.
    pub gradual: bool,
    /// Who does it; a person.
    pub author: String,
    /// Why.
    pub reason: String,
    /// Only says what would change.
    pub dry_run: bool,
}

/// What came of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum StepStatus {
    /// Done.
    Done,
    /// Not done.
    Failed,
    /// There was nothing to do.
    Skipped,
}

/// One step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct StepView {
    /// Its place in the order, from 1.
    pub number: u8,
    /// Its name.
    pub step: String,
    /// What came of it.
    pub status: StepStatus,
    /// In words.
    pub detail: String,
}

/// What came of a rollback.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Rollback {
    /// The change; nothing where it was off already.
    pub change: Option<ControlChange>,
    /// Generation in force.
    pub generation: u64,
    /// Nothing was changed: this is what would be.
    pub dry_run: bool,
    /// The steps in their order.
    pub steps: Vec<StepView>,
    /// What step 6 saw.
    pub proof: Option<Proof>,
    /// How to watch what follows.
    pub watch: String,
    /// The command that takes it back.
    pub undo: Option<String>,
}

/// Switches off at once, then stores, tells, clears and verifies.
#[utoipa::path(post, path = "/api/v1/control/rollback", tag = "control", request_body = WantedRollback,
    responses((status = 200, body = Rollback, description = "What came of each step"),
        (status = 400, body = Problem, content_type = "application/problem+json")))]
pub(in super::super) async fn make(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    params: Params,
    body: Bytes,
) -> Result<Json<Rollback>, Problem> {
    params.only(&[], &[])?;
    let body: WantedRollback = read_body(&body)?;
    let aim = Aim::read(body.all, &body.only)?;
    let author = caller.name(&body.author);
    if body.dry_run {
        return preview(&app, &aim, &named(&author, &body.reason)).map(Json);
    }
    Ok(Json(carry_out(&app, &aim, &author, &body.reason).await))
}

fn named(author: &str, reason: &str) -> Wanted {
    let or = |text: &str, usual: &str| {
        let text = text.trim();
        if text.is_empty() { usual.to_owned() } else { text.to_owned() }
    };
    Wanted::by(or(author, NOBODY), or(reason, NO_REASON))
}

fn switch_off(aim: &Aim) -> impl FnOnce(&mut Settings) {
    let aim = aim.clone();
    move |settings| match aim {
        Aim::All => settings.kill.all = true,
        Aim::Only(these) => settings.kill.only.extend(these),
    }
}

fn preview(app: &App, aim: &Aim, wanted: &Wanted) -> Result<Rollback, Problem> {
    let change = match app.control.desk.preview(wanted, switch_off(aim)) {
        Ok(change) => Some(ControlChange::of(&change, false)),
        Err(Refused::Nothing | Refused::Broken(_) | Refused::Unreadable(_)) => None,
        Err(other) => return Err(refused(&other)),
    };
    Ok(Rollback {
        change,
        generation: app.control.desk.live().load().generation,
        dry_run: true,
        steps: Vec::new(),
        proof: None,
        watch: WATCH.to_owned(),
        undo: None,
    })
}

/// Carries the procedure out; nobody's name and no reason do not keep it from being done.
pub async fn carry_out(app: &App, aim: &Aim, author: &str, reason: &str) -> Rollback {
    carry_out_for(app, aim, author, reason, None).await
}

/// The same as an answer to an incident, whose message is on its way already.
pub(in super::super) async fn carry_out_for(
    app: &App,
    aim: &Aim,
    author: &str,
    reason: &str,
    answers: Option<u64>,
) -> Rollback {
    let wanted = named(author, reason);
    let made = app.control.desk.change(&wanted, switch_off(aim)).await;
    let generation = app.control.desk.live().load().generation;
    let told = answers.is_none().then(|| tell(app, aim, &wanted, generation));
    tracing::warn!(by = %wanted.author, reason = wanted.reason, generation, "rolled optimisations back");
    let mut steps = vec![switched(&made), on_disk(app, &made).await];
    steps.push(acknowledged(app, generation).await);
    steps.push(cleared(app).await);
    steps.push(restarted(app, &wanted.author).await);
    let proof = verify::usual(app).await;
    steps.push(validated(&proof));
    let incident = answers.or_else(|| app.incidents.latest_open());
    watch::begin(app, &wanted.author, incident, &proof);
    steps.push(step(
        7,
        "watch",
        StepStatus::Done,
        format!("every 30 s for 30 min; `{WATCH}` shows it"),
    ));
    steps.insert(2, notified(app, told, answers).await);
    for (number, step) in (1..).zip(&mut steps) {
        step.number = number;
    }
    // The answer to an incident is logged step by step with the incident itself.
    if answers.is_none() {
        log(app, aim, &wanted.author, incident, &steps).await;
    }
    let change = made.ok().map(|m| ControlChange::of(&m.change, true));
    let undo = change.as_ref().map(|c| format!("flowgauge opt restore {}", c.id));
    let watch = WATCH.to_owned();
    Rollback { change, generation, dry_run: false, steps, proof: Some(proof), watch, undo }
}

fn words(aim: &Aim) -> String {
    match aim {
        Aim::All => "all".to_owned(),
        Aim::Only(these) => these.iter().map(|m| m.word()).collect::<Vec<_>>().join(", "),
    }
}

/// Hands the message over; the switch is in force already and nothing waits here.
fn tell(app: &App, aim: &Aim, wanted: &Wanted, generation: u64) -> Telling {
    let (what, by, reason) = (words(aim), &wanted.author, &wanted.reason);
    app.incidents.tell_rollback(&Affected { what: &what, by, reason, generation })
}

async fn notified(app: &App, told: Option<Telling>, incident: Option<u64>) -> StepView {
    const NAME: &str = "notify";
    let Some(told) = told else {
        let of = incident.map_or_else(String::new, |id| format!(" {id}"));
        return step(0, NAME, StepStatus::Done, format!("with the message of incident{of}"));
    };
    let Step { done, detail, .. } = app.incidents.heard(told).await;
    step(0, NAME, if done { StepStatus::Done } else { StepStatus::Failed }, detail)
}

/// The line of this rollback in the log of incidents.
async fn log(app: &App, aim: &Aim, by: &str, incident: Option<u64>, steps: &[StepView]) {
    let result = |s: &StepView| {
        let status = match s.status {
            StepStatus::Done => "done",
            StepStatus::Failed => "failed",
            StepStatus::Skipped => "skipped",
        };
        format!("{} {status}", s.step)
    };
    let results: Vec<String> = steps.iter().map(result).collect();
    let done = steps.iter().all(|s| s.status != StepStatus::Failed);
    let detail = format!("{} off; {}", words(aim), results.join(", "));
    let line = Step { name: Text::const_new("rollback"), done, detail };
    app.incidents.note(incident, by, &line).await;
}

/// Runs the operator's restart hook, where there is one.
async fn restarted(app: &App, author: &str) -> StepView {
    const NAME: &str = "restart_hook";
    match app.incidents.hook(Which::Restart, None, author).await {
        Ok(outcome) if outcome.is_good() => step(5, NAME, StepStatus::Done, outcome.to_string()),
        Ok(outcome) => step(5, NAME, StepStatus::Failed, outcome.to_string()),
        Err(IncidentError::Hook(HookError::NotConfigured(_))) => {
            step(5, NAME, StepStatus::Skipped, "none configured")
        }
        Err(error) => step(5, NAME, StepStatus::Failed, error.to_string()),
    }
}

fn step(number: u8, step: &str, status: StepStatus, detail: impl Into<String>) -> StepView {
    StepView { number, step: step.to_owned(), status, detail: detail.into() }
}

fn switched(made: &Result<Made, Refused>) -> StepView {
    let (status, detail) = match made {
        Ok(made) => (StepStatus::Done, format!("in force since generation {}", made.generation)),
        Err(Refused::Nothing) => (StepStatus::Done, "it was off already".to_owned()),
        Err(e @ (Refused::Broken(_) | Refused::Unreadable(_))) => {
            (StepStatus::Done, format!("everything is off: {e}"))
        }
        Err(e) => (StepStatus::Failed, e.to_string()),
    };
    step(1, "switch_off", status, detail)
}

async fn on_disk(app: &App, made: &Result<Made, Refused>) -> StepView {
    const WAY_OUT: &str = "set DISABLE_ALL_OPTIMIZATIONS=true before a restart";
    let (status, detail) = match made {
        Ok(made) if made.stored => (StepStatus::Done, format!("as change {}", made.change.id)),
        Ok(_) => {
            let held = if app.control.desk.is_latched() {
                "the file kill.latch keeps it off over a restart"
            } else {
                "a restart would forget it"
            };
            let detail = format!(
                "in force and not in the log, which is tried again every second; {held}. For certain, {WAY_OUT}"
            );
            (StepStatus::Failed, detail)
        }
        Err(Refused::Nothing) => match app.control.desk.history().last().map(|l| l.change.id) {
            Some(id) => {
                let seen = verify::stored(app, id).await;
                let done = seen.verdict == Verdict::Ok;
                (if done { StepStatus::Done } else { StepStatus::Failed }, seen.figure)
            }
            None => (StepStatus::Skipped, "there is no change to store".to_owned()),
        },
        Err(_) => (StepStatus::Skipped, "there is no change to store".to_owned()),
    };
    step(2, "store", status, detail)
}

async fn acknowledged(app: &App, generation: u64) -> StepView {
    let (behind, all) = instances::wait(app, generation).await;
    let (status, detail) = if behind.is_empty() {
        (StepStatus::Done, format!("{all} of {all} have generation {generation}"))
    } else {
        let names: Vec<&str> = behind.iter().map(|i| i.name.as_str()).collect();
        let has = all.saturating_sub(behind.len());
        (StepStatus::Failed, format!("{has} of {all}; not yet {}", names.join(", ")))
    };
    step(3, "acknowledge", status, detail)
}

/// Clears every answer, here and where instances share them.
async fn cleared(app: &App) -> StepView {
    let cleared = super::cache::purged(app, &Purge::default());
    let here = format!("{} answers, {} bytes", cleared.entries, cleared.bytes);
    let everywhere = match app.control.memory.shared() {
        Some(shared) => shared.reached(CLEARED_WITHIN).await,
        None => true,
    };
    let (status, detail) = if everywhere {
        (StepStatus::Done, here)
    } else {
        let why = "the shared cache has not heard of it: tried again until it has, and not read here meanwhile";
        (StepStatus::Failed, format!("{here}; {why}"))
    };
    step(4, "clear_caches", status, detail)
}

fn validated(proof: &Proof) -> StepView {
    let wrong: Vec<String> = proof
        .checks
        .iter()
        .filter(|c| c.verdict == proof.verdict)
        .map(|c| format!("{}: {}", c.check, c.figure))
        .collect();
    let (status, detail) = match proof.verdict {
        Verdict::Ok => (StepStatus::Done, "every check holds".to_owned()),
        Verdict::TooLittleData => (StepStatus::Skipped, wrong.join("; ")),
        Verdict::NotOk | Verdict::Critical => (StepStatus::Failed, wrong.join("; ")),
    };
    step(6, "validate", status, detail)
}

/// Lifts the kill switch. What the environment forbids stays off.
#[utoipa::path(post, path = "/api/v1/control/restore", tag = "control", request_body = WantedRestore,
    responses((status = 200, body = MadeChange),
        (status = 400, body = Problem, content_type = "application/problem+json"),
        (status = 409, body = Problem, content_type = "application/problem+json", description = "It is not switched off")))]
pub(in super::super) async fn restore(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    params: Params,
    body: Bytes,
) -> Result<Json<MadeChange>, Problem> {
    params.only(&[], &[])?;
    let body: WantedRestore = read_body(&body)?;
    let aim = Aim::read(body.all, &body.only)?;
    let author = caller.name(&body.author);
    person(&author)?;
    let wanted = Wanted { seen: caller.seen, ..Wanted::by(author, body.reason) };
    let edit = |settings: &Settings| Ok(lifted(settings, &aim, body.gradual));
    change(&app, &wanted, body.dry_run, edit).await
}

/// Settings with the kill switch lifted for some, or all; `gradual` lets those that were on come back as a canary.
fn lifted(settings: &Settings, aim: &Aim, gradual: bool) -> Settings {
    let mut settings = settings.clone();
    let held: BTreeSet<Mechanism> =
        Mechanism::ALL.into_iter().filter(|m| settings.kill.covers(*m)).collect();
    let (lift, stay): (BTreeSet<_>, BTreeSet<_>) = held.into_iter().partition(|m| aim.covers(*m));
    // What stays off is named, so that lifting one of all four leaves three.
    settings.kill.all = settings.kill.all && lift.is_empty();
    if !settings.kill.all {
        settings.kill.only = stay;
    }
    for mechanism in lift.into_iter().filter(|_| gradual) {
        let rollout = settings.rollouts.of_mut(mechanism);
        if rollout.mode == Mode::On {
            rollout.mode = Mode::Canary(GRADUAL);
        }
    }
    settings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lifting_one_of_all_four_leaves_three_and_lifting_what_is_not_held_changes_nothing() {
        let mut settings = Settings::default();
        settings.kill.all = true;
        settings.rollouts.model_selection.mode = Mode::On;
        let one = Aim::Only([Mechanism::ModelSelection].into());
        let after = lifted(&settings, &one, true);
        assert!(!after.kill.all && !after.kill.covers(Mechanism::ModelSelection));
        assert_eq!(after.kill.only.len(), 3);
        assert_eq!(after.rollouts.model_selection.mode, Mode::Canary(GRADUAL));
        assert_eq!(lifted(&after, &one, true), after);
        assert_eq!(lifted(&after, &Aim::All, false).kill.only.len(), 0);
    }
}
