//! `/api/v1/control/wait`, `…/acknowledge` and `…/env`: how programs outside follow the switches.
//!
//! Bounded: so many wait at once, each for half a minute at most, and none beyond the end of flowgauge.

use super::ask::Params;
use super::flags::mode_word;
use super::{App, Problem};
use crate::control::{BadName, Snapshot};
use crate::logic::control::flag::{Flag, Target, variables};
use crate::logic::control::rollout::Mechanism;
use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use http::header;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::TryAcquireError;

/// Longest wait. Proxies close what is silent for a minute; half of it passes them.
const LONGEST: Duration = Duration::from_secs(30);
/// Seconds after which another try makes sense where too many wait already.
const AGAIN_S: u32 = 5;

/// The switches at a generation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct SwitchesInForce {
    /// Rises with every change.
    pub generation: u64,
    /// Whether all is off, whatever the mechanisms are set to.
    pub all_off: bool,
    /// `off`, `shadow`, `canary` or `on` for each mechanism, as it is in force.
    pub mechanisms: BTreeMap<String, String>,
}

/// A follower says what it obeys.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Acknowledgement {
    /// What it calls itself.
    pub instance: String,
    /// The generation it obeys.
    pub generation: u64,
}

impl SwitchesInForce {
    fn of(now: &Snapshot) -> Self {
        let mode = |m: Mechanism| {
            let force = now.force(m);
            let off = force.environment.forbids(m) || force.kill.covers(m);
            let mode = force.rollout.filter(|_| !off).map_or("off", |r| mode_word(r.mode));
            (m.word().to_owned(), mode.to_owned())
        };
        let master = Flag::All.answer(|m| now.force(m), &Target::default());
        Self {
            generation: now.generation,
            all_off: !master.is_ok_and(|answer| answer.value),
            mechanisms: Mechanism::ALL.into_iter().map(mode).collect(),
        }
    }
}

/// The switches as soon as they are others than at `after`, else after half a minute as they are. Whoever asks with
/// its name and the generation in force thereby acknowledges it.
#[utoipa::path(get, path = "/api/v1/control/wait", tag = "control",
    params(("after" = Option<u64>, Query, description = "The generation the caller has"),
        ("instance" = Option<String>, Query, description = "What the caller calls itself")),
    responses((status = 200, body = SwitchesInForce),
        (status = 400, body = Problem, content_type = "application/problem+json"),
        (status = 503, body = Problem, content_type = "application/problem+json", description = "Too many wait")))]
pub(super) async fn wait(
    State(app): State<App>,
    params: Params,
) -> Result<Json<SwitchesInForce>, Problem> {
    params.only(&[], &["after", "instance"])?;
    let after = params.one("after")?.map(number).transpose()?;
    let instance = params.one("instance")?;
    let mut changed = app.control.desk.watch();
    let now = app.control.desk.live().get();
    if let Some(name) = instance {
        let (followers, at) = (&app.control.instances, app.clock.now());
        let told = match after.filter(|g| *g == now.generation) {
            Some(generation) => followers.acknowledge(name, generation, at),
            None => followers.asked(name, at),
        };
        told.map_err(|e| named(name, e))?;
    }
    if after != Some(now.generation) {
        return Ok(Json(SwitchesInForce::of(&now)));
    }
    let _place = Arc::clone(&app.waits).try_acquire_owned().map_err(|e| match e {
        TryAcquireError::NoPermits | TryAcquireError::Closed => {
            Problem::later("too many wait for the switches already", AGAIN_S)
        }
    })?;
    let moved = async {
        while *changed.borrow_and_update() == now.generation {
            if changed.changed().await.is_err() {
                return;
            }
        }
    };
    tokio::select! {
        () = app.stop.cancelled() => {}
        () = moved => {}
        () = tokio::time::sleep(LONGEST) => {}
    }
    Ok(Json(SwitchesInForce::of(&app.control.desk.live().get())))
}

/// A follower that does not wait says what it obeys.
#[utoipa::path(post, path = "/api/v1/control/acknowledge", tag = "control", request_body = Acknowledgement,
    responses((status = 200, body = SwitchesInForce, description = "What is in force"),
        (status = 400, body = Problem, content_type = "application/problem+json")))]
pub(super) async fn acknowledge(
    State(app): State<App>,
    params: Params,
    body: Bytes,
) -> Result<Json<SwitchesInForce>, Problem> {
    params.only(&[], &[])?;
    let said: Acknowledgement =
        serde_json::from_slice(&body).map_err(|e| Problem::field("body", "", e.to_string()))?;
    let now = app.control.desk.live().get();
    if said.generation > now.generation {
        let detail = format!("no such generation yet; {} is in force", now.generation);
        return Err(Problem::field("body.generation", &said.generation.to_string(), detail));
    }
    let followers = &app.control.instances;
    followers
        .acknowledge(&said.instance, said.generation, app.clock.now())
        .map_err(|e| named(&said.instance, e))?;
    Ok(Json(SwitchesInForce::of(&now)))
}

/// The guide's five variables as they are now, a line each, for `source`.
#[utoipa::path(get, path = "/api/v1/control/env", tag = "control",
    responses((status = 200, body = String, content_type = "text/plain")))]
pub(super) async fn env(
    State(app): State<App>,
    params: Params,
) -> Result<([(header::HeaderName, &'static str); 1], String), Problem> {
    params.only(&[], &[])?;
    let now = app.control.desk.live().get();
    let mut text = String::new();
    for (name, value) in variables(|m| now.force(m)) {
        // Writing to a text in memory cannot fail.
        let _ = writeln!(text, "{name}={value}");
    }
    Ok(([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], text))
}

fn number(text: &str) -> Result<u64, Problem> {
    text.parse()
        .map_err(|_| Problem::field("query.after", text, "write a generation: a whole number"))
}

fn named(name: &str, error: BadName) -> Problem {
    Problem::field("instance", name, error.to_string())
}
