//! Runs uptime checks: one request each at its pace, its result on disk.
//!
//! Refuses to judge what it did not see: a check that did not run leaves nothing behind.

use crate::config::Check;
use crate::control::Control;
use crate::logic::unit::{Micros, UnixMicros};
use crate::receive::BoxError;
use crate::receive::egress::{Egress, Outbound};
use crate::serve::clock::Clock;
use crate::store::{CheckRun, CheckTarget, Checks, StoreError};
use http::header::{CONNECTION, USER_AGENT};
use http::{Method, Request, Uri};
use std::error::Error as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, timeout};
use tokio_util::sync::CancellationToken;

/// Results are kept so long: a quarter, three times what the catalogue shows.
const KEPT_DAYS: i64 = 90;
/// Between two deletions of old results.
const FORGET_EVERY: Duration = Duration::from_secs(3_600);
/// Longest note of what came back, characters.
const MAX_DETAIL: usize = 200;
/// How it names itself to those it asks.
const AGENT: &str = concat!("flowgauge-check/", env!("CARGO_PKG_VERSION"));

/// The checks of a configuration.
#[derive(Debug)]
pub struct Watch {
    checks: Vec<Check>,
    store: Arc<Checks>,
    clock: Clock,
    control: Arc<Control>,
}

impl Watch {
    /// Makes these the configured checks of a data directory.
    ///
    /// # Errors
    /// When the database cannot be opened.
    pub fn open(
        dir: &Path,
        checks: Vec<Check>,
        clock: Clock,
        control: Arc<Control>,
    ) -> Result<Self, StoreError> {
        let target =
            |c: &Check| CheckTarget { name: c.name.clone(), url: c.url.clone(), every: c.every };
        let targets: Vec<CheckTarget> = checks.iter().map(target).collect();
        let store = Arc::new(Checks::open(dir, &targets)?);
        Ok(Self { checks, store, clock, control })
    }

    /// Runs every check at its pace until told to stop.
    pub async fn run(self, stop: CancellationToken) {
        let Self { checks, store, clock, control } = self;
        let mut tasks = JoinSet::new();
        for check in checks {
            let (store, clock) = (Arc::clone(&store), clock.clone());
            tasks.spawn(repeat(check, store, clock, Arc::clone(&control)));
        }
        tasks.spawn(forget(store, clock));
        // Dropping the set ends what is on its way: a check cut off by our own end says nothing.
        stop.cancelled().await;
    }
}

async fn repeat(check: Check, store: Arc<Checks>, clock: Clock, control: Arc<Control>) {
    let egress = match Egress::new(length(check.timeout)) {
        Ok(egress) => egress,
        Err(error) => {
            tracing::error!(%error, check = %check.name, "the check cannot run");
            return;
        }
    };
    let mut ticks = interval(length(check.every));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            () = sooner(&check, &clock, &control) => {}
        }
        let at = clock.now();
        let begun = clock.monotonic();
        let (good, detail) = ask(&egress, &check).await;
        let took = clock.monotonic().saturating_sub(begun);
        let run = CheckRun { name: check.name.clone(), at, good, took, detail };
        let store = Arc::clone(&store);
        let done = tokio::task::spawn_blocking(move || store.add(&run)).await;
        match done {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(%error, check = %check.name, "a check was not kept"),
            Err(error) => tracing::error!(%error, check = %check.name, "a check was not kept"),
        }
    }
}

/// Returns earlier than the next tick while the watch is closer than usual, and when it becomes so.
async fn sooner(check: &Check, clock: &Clock, control: &Control) {
    let every = control.pace.of_one(check.every, clock.now());
    if every < check.every {
        tokio::time::sleep(length(every)).await;
    } else {
        control.pace.changed().await;
    }
}

/// Whether the answer came in time and as expected, and what it was.
async fn ask(egress: &Egress, check: &Check) -> (bool, String) {
    let request = match request(&check.url) {
        Ok(request) => request,
        Err(error) => return (false, format!("cannot be asked: {error}")),
    };
    match timeout(length(check.timeout), egress.send(request)).await {
        Ok(Ok(answer)) => {
            let status = answer.status().as_u16();
            (status == check.expect_status, format!("HTTP {status}"))
        }
        Ok(Err(error)) => {
            // The outer error only says that the request failed.
            let cause = error.source().map_or_else(|| error.to_string(), ToString::to_string);
            (false, cause.chars().take(MAX_DETAIL).collect())
        }
        Err(_) => (false, format!("no answer within {} ms", check.timeout.as_millis_f64())),
    }
}

fn request(url: &str) -> Result<Request<Outbound>, BoxError> {
    let uri: Uri = url.parse()?;
    let request = Request::builder()
        .method(Method::GET)
        .uri(uri)
        .header(USER_AGENT, AGENT)
        .header(CONNECTION, "close")
        .body(Outbound::Whole(None))?;
    Ok(request)
}

async fn forget(store: Arc<Checks>, clock: Clock) {
    let mut ticks = interval(FORGET_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let before = UnixMicros(clock.now().0.saturating_sub(KEPT_DAYS * UnixMicros::DAY));
        let store = Arc::clone(&store);
        let done = tokio::task::spawn_blocking(move || store.forget(before)).await;
        if let Ok(Err(error)) = done {
            tracing::warn!(%error, "old checks were not deleted");
        }
    }
}

const fn length(time: Micros) -> Duration {
    Duration::from_micros(time.0)
}
