//! `GET /api/v1/live`: finished calls as they come, and one tick a second.
//!
//! Bounded: so many listeners, and each skips what it is too slow for. Ends when flowgauge stops, and when its listener's
//! key or session does.

use super::ask::Params;
use super::guard::Caller;
use super::shared::MAX_LIVE;
use super::{App, Problem};
use crate::logic::call::{Call, Counts};
use crate::logic::id::CallId;
use crate::query::view::RequestView;
use crate::store::Merge;
use axum::Extension;
use axum::extract::State;
use axum::response::sse::{Event, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use serde::{Deserialize, Serialize};
use std::collections::{HashMap, VecDeque};
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{OwnedSemaphorePermit, broadcast};
use tokio::time::{Interval, MissedTickBehavior, interval};

/// One tick a second, as the live page draws.
const TICK: Duration = Duration::from_secs(1);

/// Calls whose text is kept for other listeners: each hears of a call within moments of the first.
const WRITTEN: usize = 64;

/// Calls as they are told, written once for all who listen.
#[derive(Debug, Default)]
pub(super) struct Written(VecDeque<(Arc<Call>, Arc<str>)>);

impl Written {
    /// The text of a call; nothing where it cannot be written as JSON, which no view does.
    fn of(&mut self, call: &Arc<Call>) -> Option<Arc<str>> {
        if let Some((_, text)) = self.0.iter().rev().find(|(one, _)| Arc::ptr_eq(one, call)) {
            return Some(Arc::clone(text));
        }
        let text = serde_json::to_string(&RequestView::from(call.as_ref())).ok()?;
        let text: Arc<str> = text.into();
        if self.0.len() >= WRITTEN {
            self.0.pop_front();
        }
        self.0.push_back((Arc::clone(call), Arc::clone(&text)));
        Some(text)
    }
}

/// One second.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Tick {
    /// RFC 3339.
    pub now: String,
    /// Requests in flight through the gateway.
    pub in_flight: u64,
    /// Calls that finished since the last tick.
    pub last_second: Second,
    /// Calls not recorded since start.
    pub lost: u64,
    /// Calls this listener was too slow for since it connected.
    pub skipped: u64,
}

/// Sums of one second.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Second {
    /// Finished.
    pub requests: u64,
    /// Of those, failed.
    pub errors: u64,
    /// Tokens of those that have a count.
    pub tokens: u64,
    /// Cost of those that have one, nano-dollars.
    pub cost_nanos: i64,
}

/// A call turned out to be the same as another, which counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Merged {
    /// The row that counts no more.
    #[schema(value_type = String)]
    pub call_id: CallId,
    /// The row that counts.
    #[schema(value_type = String)]
    pub merged_into: CallId,
}

impl Second {
    fn of(call: &Call) -> Self {
        let known = [call.usage.input_total(), call.usage.output_total()];
        let tokens = known.into_iter().flatten().fold(0u64, |sum, t| sum.saturating_add(t.0));
        Self {
            requests: 1,
            errors: u64::from(call.outcome.counts() == Counts::Failure),
            tokens,
            cost_nanos: call.cost.nanos.map_or(0, |cost| cost.0),
        }
    }

    fn add(&mut self, other: &Self) {
        self.requests += other.requests;
        self.errors += other.errors;
        self.tokens = self.tokens.saturating_add(other.tokens);
        self.cost_nanos = self.cost_nanos.saturating_add(other.cost_nanos);
    }
}

/// Finished calls (`event: call`), calls that turned out to be another (`event: merged`), and one
/// `event: tick` a second.
#[utoipa::path(get, path = "/api/v1/live", tag = "requests",
    responses((status = 200, body = String, content_type = "text/event-stream", description = "Server-sent events"),
        (status = 503, body = Problem, content_type = "application/problem+json")))]
pub(super) async fn stream(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    params: Params,
) -> Result<Response, Problem> {
    params.only(&[], &[])?;
    let place = Arc::clone(&app.live).try_acquire_owned().map_err(|_| {
        Problem::later(format!("{MAX_LIVE} live streams are open already; close one"), 10)
    })?;
    let mut ticks = interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let calls = app.recorder.live();
    let merges = app.recorder.merges();
    let listener = Listener {
        app,
        caller,
        calls,
        merges,
        ticks,
        second: HashMap::new(),
        tell: VecDeque::new(),
        skipped: 0,
        _place: place,
    };
    let events = stream::unfold(listener, |mut listener| async move {
        let event = listener.next().await?;
        Some((Ok::<_, Infallible>(event), listener))
    });
    Ok(Sse::new(events).into_response())
}

struct Listener {
    app: App,
    caller: Caller,
    calls: broadcast::Receiver<Arc<Call>>,
    merges: broadcast::Receiver<Arc<[Merge]>>,
    ticks: Interval,
    /// Calls since the last tick. One that is merged within its second is not counted; seconds that
    /// were told stay as they are.
    second: HashMap<CallId, Second>,
    tell: VecDeque<Merged>,
    skipped: u64,
    _place: OwnedSemaphorePermit,
}

impl Listener {
    async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(merged) = self.tell.pop_front() {
                return event("merged", &merged);
            }
            let stop = self.app.stop.clone();
            tokio::select! {
                biased;
                () = stop.cancelled() => return None,
                _ = self.ticks.tick() => {
                    if !self.caller.is_still_in(&self.app) {
                        return None;
                    }
                    return event("tick", &self.tick());
                }
                call = self.calls.recv() => match call {
                    Ok(call) if call.what.leaf => {
                        self.second.insert(call.id, Second::of(&call));
                        let text = self.app.written.lock().of(&call)?;
                        return Some(Event::default().event("call").data(&*text));
                    }
                    Ok(_) => {}
                    Err(RecvError::Lagged(n)) => self.skipped = self.skipped.saturating_add(n),
                    Err(RecvError::Closed) => return None,
                },
                // After the calls, which were told of before they were merged.
                rows = self.merges.recv() => match rows {
                    Ok(rows) => self.merged(&rows),
                    Err(RecvError::Lagged(n)) => self.skipped = self.skipped.saturating_add(n),
                    Err(RecvError::Closed) => return None,
                },
            }
        }
    }

    fn merged(&mut self, rows: &[Merge]) {
        for Merge { row, into } in rows {
            self.second.remove(row);
            self.tell.push_back(Merged { call_id: *row, merged_into: *into });
        }
    }

    fn tick(&mut self) -> Tick {
        let mut last_second = Second::default();
        self.second.drain().for_each(|(_, one)| last_second.add(&one));
        Tick {
            now: self.app.clock.now().to_rfc3339(),
            in_flight: self.app.traffic.in_flight(),
            last_second,
            lost: self.app.recorder.stats().lost,
            skipped: self.skipped,
        }
    }
}

/// An event, or the end of the stream where it cannot be written as JSON, which no view does.
fn event(name: &str, data: &impl Serialize) -> Option<Event> {
    Event::default().event(name).json_data(data).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::logic::call::Door;
    use crate::logic::unit::UnixMicros;

    fn call(n: u8) -> Arc<Call> {
        let at = UnixMicros(1_700_000_000_000_000);
        Arc::new(Call::begun(CallId::new(at, [n; 10]), at, at, Door::Gateway))
    }

    #[test]
    fn a_call_is_written_once_for_all_who_listen_and_again_where_it_was_changed() {
        let mut written = Written::default();
        let first = call(1);
        let text = written.of(&first).unwrap();
        assert!(Arc::ptr_eq(&text, &written.of(&first).unwrap()));
        let mut changed = Call::clone(&first);
        changed.what.model_used = Some("another".into());
        assert!(written.of(&Arc::new(changed)).unwrap().contains("another"));
        for n in 0..=u8::try_from(WRITTEN).unwrap() {
            written.of(&call(n)).unwrap();
        }
        assert_eq!(written.0.len(), WRITTEN);
        assert!(!Arc::ptr_eq(&text, &written.of(&first).unwrap()), "it made room");
    }
}
