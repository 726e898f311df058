//! Follows one answer to its end and names the outcome.

use crate::logic::call::{ErrorClass, Protocol, Status, Text, Usage};
use crate::logic::unit::Micros;
use crate::logic::wire::Observed;
use bytes::Bytes;
use http::header;
use http::response::Parts;

use super::counters::count;
use super::flight::Flight;
use super::idle::Liveness;
use super::observation::Observation;
use super::optimise::Keep;

/// Reading more than this at the end of an answer would hold up other calls, so it is done elsewhere.
const READ_INLINE: usize = 64 << 10;

/// How the transport of an answer ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    /// As HTTP says it should.
    Clean,
    /// The connection broke.
    Cut,
    /// Silence for too long.
    Stalled,
    /// The client left.
    Left,
}

/// An answer being followed.
pub(super) struct Watch {
    flight: Flight,
    observation: Observation,
    reads: bool,
    protocol: Protocol,
    http_status: u16,
    event_stream: bool,
    /// Only an event stream that is not encoded shows its comments.
    liveness: Option<Liveness>,
    /// Whether the recorder knows that the first token came.
    first_told: bool,
}

impl Watch {
    /// Begins at an answer's head.
    pub(super) fn open(mut flight: Flight, head: &Parts) -> Self {
        let kind = head.headers.get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok());
        let kind = kind.and_then(|k| k.split(';').next()).unwrap_or("").trim();
        let event_stream = kind.eq_ignore_ascii_case("text/event-stream");
        let coding = head.headers.get(header::CONTENT_ENCODING).and_then(|v| v.to_str().ok());
        let upstream_id = ["x-request-id", "request-id"]
            .iter()
            .find_map(|name| head.headers.get(*name)?.to_str().ok())
            .filter(|id| id.len() <= MAX_ID)
            .map(Text::from);
        let http_status = head.status.as_u16();
        let came = flight.elapsed();
        flight.note(|call| {
            call.outcome.http_status = Some(http_status);
            call.link.upstream_request_id = upstream_id;
            call.time.upstream_head = Some(came);
            if event_stream || head.status.is_success() {
                call.what.stream = Some(event_stream);
            }
        });
        let protocol = flight.protocol();
        let terms = flight.terms();
        let compared = terms.slot.as_ref().is_some_and(|slot| slot.compares());
        let keeps_text = terms.request.is_some() || terms.chosen.is_some() || compared;
        let observation = Observation::new(protocol, event_stream, coding, keeps_text);
        let reads = protocol != Protocol::Other;
        let liveness = (event_stream && coding.is_none()).then(Liveness::default);
        Self {
            flight,
            observation,
            reads,
            protocol,
            http_status,
            event_stream,
            liveness,
            first_told: false,
        }
    }

    pub(super) const fn flight(&mut self) -> &mut Flight {
        &mut self.flight
    }

    /// Collects the answer as the client gets it, if it may be given again.
    pub(super) fn collect(&mut self, head: &Parts) {
        let slot = self.flight.terms().slot.take();
        self.flight.terms().keep = slot.and_then(|slot| Keep::begin(slot, head)).map(Box::new);
    }

    /// A part of the body as the client gets it.
    pub(super) fn gave(&mut self, part: &Bytes) {
        let keep = &mut self.flight.terms().keep;
        if let Some(too_large) = keep.take_if(|keep| !keep.push(part)) {
            too_large.let_go();
        }
    }

    /// Whether the client's copy is spliced: a stream that was asked for its usage on our account.
    pub(super) fn spliced(&mut self) -> bool {
        self.event_stream
            && (200..300).contains(&self.http_status)
            && self.flight.terms().asked_for_client
    }

    pub(super) const fn protocol(&self) -> Protocol {
        self.protocol
    }

    /// A frame was forwarded at this monotonic time; whether it held more than keep-alives.
    pub(super) fn saw(&mut self, bytes: &Bytes, at: Micros) -> bool {
        self.observation.push(bytes, self.flight.since_begun(at));
        self.liveness.as_mut().is_none_or(|l| l.feed(bytes))
    }

    /// Reads what was forwarded meanwhile.
    pub(super) fn read(&mut self) {
        self.observation.read();
        if let Some(after) = self.observation.first_token().filter(|_| !self.first_told) {
            self.first_told = true;
            self.flight.first_token(after);
        }
    }

    /// Whether an error event may be appended to what was forwarded as it came.
    pub(super) fn may_append(&mut self) -> bool {
        self.event_stream && self.observation.may_append()
    }

    /// Whether the answer said its last word already, whatever the transport does after.
    pub(super) fn settled(&mut self) -> bool {
        self.event_stream && self.observation.settled()
    }

    /// The answer is over: reads the rest and lets the row be written, elsewhere where that is long work.
    pub(super) fn settle(mut self, ending: Ending) {
        self.flight.client_done();
        if self.observation.work() > READ_INLINE
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
        {
            runtime.spawn_blocking(move || self.conclude(ending));
            return;
        }
        self.conclude(ending);
    }

    fn conclude(self, ending: Ending) {
        let Self { mut flight, observation, reads, protocol, http_status, event_stream, .. } = self;
        let mut seen = observation.finish(ending == Ending::Clean);
        if let (Some(seen), false, true) = (&mut seen, event_stream, ending != Ending::Clean) {
            // A part of a JSON value is no fault of the answer's.
            seen.usage.flags &= !Usage::PARSE_FAILED;
            flight.terms().unseen = true;
        }
        let may_keep = ending == Ending::Clean;
        if let Some(keep) = &mut flight.terms().keep {
            keep.seen(may_keep.then_some(seen.as_ref()).flatten(), protocol, http_status);
        }
        match &mut seen {
            Some(seen) => flight.learn(seen, event_stream),
            None if reads => flight.unreadable(),
            None => {}
        }
        if ending == Ending::Stalled {
            count(&flight.gateway().counters.timeouts);
        }
        // An application's opaque stream has no end mark we know.
        let marked = event_stream && protocol != Protocol::Other;
        let (status, class) = verdict(ending, http_status, seen.as_ref(), marked);
        flight.end(|o| (o.status, o.class) = (status, class));
    }
}

/// Longest id of an upstream kept.
const MAX_ID: usize = 256;

/// How a call ended, from its transport, its status and its content. `marked` says that a complete
/// answer carries an end mark.
fn verdict(
    ending: Ending,
    http_status: u16,
    seen: Option<&Observed>,
    marked: bool,
) -> (Status, ErrorClass) {
    if ending == Ending::Left {
        return (Status::Cancelled, ErrorClass::None);
    }
    if http_status >= 300 {
        return (Status::Error, ErrorClass::of_status(http_status));
    }
    if seen.is_some_and(|s| s.error.is_some()) {
        return (Status::Error, ErrorClass::InStream);
    }
    let complete = seen.map(|s| s.complete);
    match ending {
        _ if marked && complete == Some(true) => (Status::Ok, ErrorClass::None),
        Ending::Stalled => (Status::Error, ErrorClass::Timeout),
        Ending::Cut => (Status::Truncated, ErrorClass::Truncated),
        Ending::Clean if marked && complete == Some(false) => {
            (Status::Truncated, ErrorClass::Truncated)
        }
        Ending::Clean | Ending::Left => (Status::Ok, ErrorClass::None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_ending_has_its_name() {
        let part = Observed::default();
        let whole = Observed { complete: true, ..Observed::default() };
        let failed = Observed { error: Some(Default::default()), ..Observed::default() };
        for (ending, http, seen, want) in [
            (Ending::Clean, 200, &whole, (Status::Ok, ErrorClass::None)),
            (Ending::Clean, 200, &part, (Status::Truncated, ErrorClass::Truncated)),
            (Ending::Clean, 200, &failed, (Status::Error, ErrorClass::InStream)),
            (Ending::Clean, 429, &part, (Status::Error, ErrorClass::Upstream429)),
            (Ending::Cut, 200, &part, (Status::Truncated, ErrorClass::Truncated)),
            (Ending::Cut, 200, &whole, (Status::Ok, ErrorClass::None)),
            (Ending::Stalled, 200, &part, (Status::Error, ErrorClass::Timeout)),
            (Ending::Left, 200, &part, (Status::Cancelled, ErrorClass::None)),
        ] {
            assert_eq!(verdict(ending, http, Some(seen), true), want, "{ending:?} {http}");
        }
    }

    #[test]
    fn an_answer_that_was_not_read_is_judged_by_its_transport() {
        assert_eq!(verdict(Ending::Clean, 200, None, true), (Status::Ok, ErrorClass::None));
        assert_eq!(
            verdict(Ending::Cut, 200, None, true),
            (Status::Truncated, ErrorClass::Truncated)
        );
    }
}
