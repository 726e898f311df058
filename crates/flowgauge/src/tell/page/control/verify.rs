//! Whether a rollback holds: proven from instances, the stored log, the memory of answers, and the requests observed
//! since (catalogue C55).
//!
//! Refuses to call proven what was not seen: without a request since, the verdict is that there is too little data.

use super::super::ask::Params;
use super::super::{App, Problem};
use super::{instances, status};
use crate::control::Line;
use crate::logic::alert::guard::{wilson_lower, wilson_upper};
use crate::logic::call::{CacheOutcome, Call, Control, Counts, Door};
use crate::logic::control::rollout::Mechanism;
use crate::logic::unit::UnixMicros;
use crate::logic::window::Window;
use crate::store::CallQuery;
use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::Duration;

/// Requests looked at unless asked otherwise, and at most: enough to see a canary of 5 %, few enough to be read at once.
const LAST: (usize, usize) = (100, 1_000);
/// Rows read for each that is wanted: those that came by other doors than the gateway are left out.
const READ: usize = 4;
/// How far back requests before the rollback are compared: the length of the watch after it (catalogue T6).
const BEFORE_US: i64 = 30 * UnixMicros::MINUTE;
/// Longest wait for the store; in trouble it makes its checks unknown, not the others.
const STORE_WITHIN: Duration = Duration::from_secs(2);
/// Normal quantile of the one-sided 97.5 % bounds that must not overlap before errors count as worse.
const Z: f64 = 1.96;

/// How a check came out, from the best to the worst.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// As it should be.
    Ok,
    /// Not known.
    TooLittleData,
    /// Not as it should be.
    NotOk,
    /// Requests are still touched.
    Critical,
}

/// One check with its figure.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct CheckView {
    /// What is checked.
    pub check: String,
    /// How it came out.
    pub verdict: Verdict,
    /// What was seen.
    pub figure: String,
}

/// Whether a rollback holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Proof {
    /// The worst of all checks; what is not known counts only where nothing is wrong.
    pub verdict: Verdict,
    /// Mechanisms that are switched off.
    pub mechanisms: Vec<String>,
    /// The change that switched off.
    pub change: Option<u64>,
    /// Since when.
    pub since: String,
    /// The generation from which requests must be untouched.
    pub generation: u64,
    /// All checks.
    pub checks: Vec<CheckView>,
}

/// What is switched off, and since when.
#[derive(Debug, Clone)]
struct Rolled {
    mechanisms: Vec<Mechanism>,
    change: Option<u64>,
    at: UnixMicros,
    generation: u64,
}

impl Rolled {
    fn now(app: &App) -> Self {
        let state = app.control.desk.live().get();
        let off = |m: &Mechanism| status::source(&state, *m).0 != "settings";
        let mechanisms: Vec<Mechanism> = Mechanism::ALL.into_iter().filter(off).collect();
        let history = app.control.desk.history();
        let last = history.iter().rposition(|line| line.in_force && switches_off(line));
        let found = last.and_then(|i| Some((history.get(i)?, history.get(..=i)?)));
        match found {
            Some((line, until)) => {
                let at = line.change.at;
                // As the state counts: one for each change and for each end of one.
                let ended = until.iter().filter(|l| l.change.expires.is_some_and(|e| e <= at));
                let generation = line.change.id + ended.count() as u64;
                Self { mechanisms, change: Some(line.change.id), at, generation }
            }
            // The environment decides, or the log cannot be read: since the start.
            None => Self { mechanisms, change: None, at: app.started, generation: 0 },
        }
    }

    fn is_all(&self) -> bool {
        self.mechanisms.len() == Mechanism::ALL.len()
    }

    fn bits(&self) -> u8 {
        self.mechanisms.iter().fold(0, |bits, m| bits | m.bit())
    }
}

/// Whether a change switched something off.
fn switches_off(line: &Line) -> bool {
    let many = |v: &serde_json::Value| v.as_array().map_or(0, Vec::len);
    line.change.diff.iter().any(|a| match a.path.as_str() {
        "/kill/all" => a.after == serde_json::Value::Bool(true),
        "/kill/only" => many(&a.after) > many(&a.before),
        _ => false,
    })
}

/// Whether the last rollback holds: generations, stored, the last requests, caches, errors.
#[utoipa::path(get, path = "/api/v1/control/verify", tag = "control",
    params(("last" = Option<u32>, Query, description = "Requests looked at: 1 to 1000, 100 unless given")),
    responses((status = 200, body = Proof),
        (status = 400, body = Problem, content_type = "application/problem+json")))]
pub(in super::super) async fn show(
    State(app): State<App>,
    params: Params,
) -> Result<Json<Proof>, Problem> {
    params.only(&[], &["last"])?;
    let last = params.number("last", LAST.0, LAST.1)?;
    Ok(Json(prove(&app, last).await))
}

/// The proof with the usual number of requests.
pub(super) async fn usual(app: &App) -> Proof {
    prove(app, LAST.0).await
}

async fn prove(app: &App, last: usize) -> Proof {
    let rolled = Rolled::now(app);
    let mut checks = vec![switched_off(&rolled)];
    if !rolled.mechanisms.is_empty() {
        checks.push(everywhere(app, &rolled));
        if let Some(id) = rolled.change {
            checks.push(stored(app, id).await);
        }
        checks.extend(emptied(app, &rolled));
        match rows(app, &rolled, last).await {
            Ok((since, before)) => checks.extend(observed(&rolled, &since, &before)),
            Err(why) => checks.push(check("requests", Verdict::TooLittleData, why)),
        }
    }
    Proof {
        verdict: checks.iter().map(|c| c.verdict).max().unwrap_or(Verdict::TooLittleData),
        mechanisms: rolled.mechanisms.iter().map(|m| m.word().to_owned()).collect(),
        change: rolled.change,
        since: rolled.at.to_rfc3339(),
        generation: rolled.generation,
        checks,
    }
}

fn check(check: &str, verdict: Verdict, figure: impl Into<String>) -> CheckView {
    CheckView { check: check.to_owned(), verdict, figure: figure.into() }
}

fn good(holds: bool, otherwise: Verdict) -> Verdict {
    if holds { Verdict::Ok } else { otherwise }
}

fn switched_off(rolled: &Rolled) -> CheckView {
    let words: Vec<&str> = rolled.mechanisms.iter().map(|m| m.word()).collect();
    let figure = match (rolled.is_all(), words.is_empty()) {
        (true, _) => "all four".to_owned(),
        (false, false) => words.join(", "),
        (false, true) => "nothing is switched off, so there is nothing to verify".to_owned(),
    };
    check("switched_off", good(!words.is_empty(), Verdict::TooLittleData), figure)
}

fn everywhere(app: &App, rolled: &Rolled) -> CheckView {
    let all = instances::all(app);
    let behind: Vec<&str> =
        all.iter().filter(|i| i.generation < rolled.generation).map(|i| i.name.as_str()).collect();
    let has = all.len() - behind.len();
    let mut figure = format!("{has} of {} have generation {}", all.len(), rolled.generation);
    if !behind.is_empty() {
        figure = format!("{figure}; not yet {}", behind.join(", "));
    }
    check("instances", good(behind.is_empty(), Verdict::NotOk), figure)
}

/// Whether a restart would remember a change.
pub(super) async fn stored(app: &App, id: u64) -> CheckView {
    let store = Arc::clone(app.control.desk.store());
    let ask = tokio::task::spawn_blocking(move || store.has(id));
    let (verdict, figure) = match tokio::time::timeout(STORE_WITHIN, ask).await {
        Ok(Ok(Ok(true))) => (Verdict::Ok, format!("change {id} is on disk")),
        Ok(Ok(Ok(false))) => {
            let figure =
                format!("change {id} is in force and not on disk: a restart would forget it");
            (Verdict::NotOk, figure)
        }
        Ok(Ok(Err(e))) => (Verdict::NotOk, e.to_string()),
        Ok(Err(e)) => (Verdict::TooLittleData, e.to_string()),
        Err(_) => (Verdict::NotOk, "the disk does not answer".to_owned()),
    };
    check("stored", verdict, figure)
}

/// Whether the memory of answers is empty, where it is switched off.
fn emptied(app: &App, rolled: &Rolled) -> Option<CheckView> {
    rolled.mechanisms.contains(&Mechanism::ResponseCaching).then(|| {
        let contents = app.control.memory.contents();
        let (answers, questions) = (contents.entries, contents.questions);
        let behind = app.control.memory.shared().is_some_and(|shared| shared.is_behind());
        let shared = if behind { "; the shared cache has not heard of the clearing" } else { "" };
        let figure = format!("{answers} answers, {questions} questions{shared}");
        let empty = answers == 0 && questions == 0 && !behind;
        check("caches_empty", good(empty, Verdict::NotOk), figure)
    })
}

/// The last gateway requests under the rollback, and the last before it.
async fn rows(app: &App, rolled: &Rolled, last: usize) -> Result<(Vec<Call>, Vec<Call>), String> {
    let (at, least) = (rolled.at, rolled.generation);
    let to = UnixMicros(app.clock.now().0.saturating_add(1));
    let question = app.ask(move |reader| {
        let newest = |from: UnixMicros, to: UnixMicros| {
            let rows = reader.calls(&CallQuery::newest(Window { from, to }, last * READ))?;
            Ok::<_, crate::store::StoreError>(
                rows.into_iter().filter(|c| c.origin.door == Door::Gateway).collect::<Vec<_>>(),
            )
        };
        let mut since = newest(at, to.max(at))?;
        since.retain(|c| c.control.generation >= least);
        since.truncate(last);
        let mut before = newest(UnixMicros(at.0.saturating_sub(BEFORE_US)), at)?;
        before.truncate(last);
        Ok((since, before))
    });
    match tokio::time::timeout(STORE_WITHIN, question).await {
        Ok(Ok(found)) => Ok(found),
        Ok(Err(problem)) => Err(problem.detail().to_owned()),
        Err(_) => Err("the store does not answer".to_owned()),
    }
}

fn observed(rolled: &Rolled, since: &[Call], before: &[Call]) -> Vec<CheckView> {
    if since.is_empty() {
        let figure = "no request since, nothing to prove yet";
        return vec![check("requests", Verdict::TooLittleData, figure)];
    }
    let n = since.len();
    let touched = since.iter().filter(|c| c.control.applied & rolled.bits() != 0).count();
    let rerouted = since.iter().filter(|c| c.control.applied & Control::MODEL != 0).count();
    let cached = since.iter().filter(|c| from_memory(c)).count();
    let none = |name: &str, count: usize| {
        check(name, good(count == 0, Verdict::Critical), format!("{count} of the last {n}"))
    };
    let mut checks = vec![none("optimised", touched)];
    if rolled.mechanisms.contains(&Mechanism::ResponseCaching) {
        checks.push(none("cached", cached));
    }
    if rolled.mechanisms.contains(&Mechanism::ModelSelection) {
        checks.push(none("rerouted", rerouted));
    }
    checks.push(errors(since, before));
    checks
}

fn from_memory(call: &Call) -> bool {
    matches!(call.control.cache, CacheOutcome::HitExact | CacheOutcome::HitSemantic)
}

/// Whether more requests fail than before, beyond chance.
fn errors(since: &[Call], before: &[Call]) -> CheckView {
    let count = |calls: &[Call]| {
        let of = |want: Counts| calls.iter().filter(|c| c.outcome.counts() == want).count() as u64;
        let failed = of(Counts::Failure);
        (failed, failed + of(Counts::Success))
    };
    let ((now, now_of), (then, then_of)) = (count(since), count(before));
    let figure = format!("{now} of {now_of} failed, before {then} of {then_of}");
    let worse = wilson_lower(now, now_of, Z) > wilson_upper(then, then_of, Z);
    let verdict = match (now_of, then_of) {
        // Nothing to compare with is no sign that it got worse.
        (0, _) | (_, 0) => Verdict::Ok,
        _ => good(!worse, Verdict::NotOk),
    };
    check("errors", verdict, figure)
}
