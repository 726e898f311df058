//! What is kept of one call: enough to count it again under other thresholds, and to take it back
//! exactly when another row turns out to count in its place.

use crate::logic::alert::facts::Timing;
use crate::logic::call::{
    CacheOutcome, Call, Counts, Door, ErrorClass, InputTokens, OutputTokens, Status, UsageSource,
};
use crate::logic::id::CallId;
use crate::logic::unit::{Micros, NanoUsd, Tokens, UnixMicros};

/// One call, without its names. About 200 bytes.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Sample {
    pub(super) id: CallId,
    /// Number of its series.
    pub(super) series: u32,
    /// When it counts: its end, for rows of others so much later as they are waited for.
    pub(super) moment: UnixMicros,
    pub(super) start: UnixMicros,
    /// The gateway saw it begin.
    pub(super) ours: bool,
    latency: Option<u64>,
    ttft: Option<u64>,
    upstream: Option<u64>,
    status: Status,
    class: ErrorClass,
    cache: CacheOutcome,
    retried: bool,
    stream: Option<bool>,
    usage: UsageSource,
    /// Total, read from the provider's cache, written to it.
    input: Option<[u64; 3]>,
    /// Total, reasoning.
    output: Option<[u64; 2]>,
    original_input: Option<u64>,
    cost: Option<i64>,
    avoided: Option<i64>,
}

/// What a call says about a timing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Said {
    /// It is known.
    Decided(u64),
    /// It took at least so long: a failure, or a call still in flight. It counts only where that
    /// is above the threshold (alerting 6.3).
    AtLeast(u64),
    /// Nothing.
    Nothing,
}

impl Sample {
    /// What is kept of a call.
    pub(super) fn of(call: &Call, series: u32, moment: UnixMicros) -> Self {
        let usage = &call.usage;
        Self {
            id: call.id,
            series,
            moment,
            start: call.time.start,
            ours: call.origin.door == Door::Gateway,
            latency: call.time.latency.map(|t| t.0),
            ttft: call.time.ttft.map(|t| t.0),
            upstream: call.time.upstream.map(|t| t.0),
            status: call.outcome.status,
            class: call.outcome.class,
            cache: call.control.cache,
            retried: call.outcome.client_retry > 0,
            stream: call.what.stream,
            usage: usage.source,
            input: usage.input.map(|i| {
                [i.total().0, i.cache_read, i.cache_write_5m.saturating_add(i.cache_write_1h)]
            }),
            output: usage.output.map(|o| [o.total().0, o.reasoning]),
            original_input: call.control.original_input_tokens.map(|t| t.0),
            cost: call.cost.nanos.map(|c| c.0),
            avoided: call.cost.avoided.map(|c| c.0),
        }
    }

    /// A call that counts in a rollup as the one behind this does, users aside.
    pub(super) fn call(&self) -> Call {
        let mut call = Call::begun(self.id, self.start, self.start, Door::Gateway);
        call.what.leaf = true;
        call.what.stream = self.stream;
        call.time.latency = self.latency.map(Micros);
        call.time.ttft = self.ttft.map(Micros);
        call.time.upstream = self.upstream.map(Micros);
        (call.outcome.status, call.outcome.class) = (self.status, self.class);
        call.outcome.client_retry = u16::from(self.retried);
        call.control.cache = self.cache;
        call.control.original_input_tokens = self.original_input.map(Tokens);
        call.usage.source = self.usage;
        call.usage.input = self.input.map(|[total, cache_read, cache_write]| InputTokens {
            text: total.saturating_sub(cache_read).saturating_sub(cache_write),
            cache_read,
            cache_write_5m: cache_write,
            ..InputTokens::default()
        });
        call.usage.output = self.output.map(|[total, reasoning]| OutputTokens {
            visible: total.saturating_sub(reasoning),
            reasoning,
            ..OutputTokens::default()
        });
        call.cost.nanos = self.cost.map(NanoUsd);
        call.cost.avoided = self.avoided.map(NanoUsd);
        call
    }

    /// What it says about a timing. The client that left, a wrong request and our own refusals say
    /// nothing.
    pub(super) fn said(&self, timing: Timing) -> Said {
        said(&self.call_times(), timing)
    }

    fn call_times(&self) -> Times {
        let outcome = crate::logic::call::Outcome {
            status: self.status,
            class: self.class,
            ..crate::logic::call::Outcome::default()
        };
        Times {
            counts: outcome.counts(),
            latency: self.latency,
            ttft: self.ttft,
            streamed: self.stream == Some(true),
            output: self.output.map(|o| o[0]),
        }
    }

    /// In flight at a moment, and waiting for its first token then.
    pub(super) fn in_flight_at(&self, at: UnixMicros) -> Option<Open> {
        let counts = self.call_times().counts != Counts::Apart;
        let open = self.ours && counts && self.start <= at && at <= self.moment;
        open.then(|| Open {
            start: self.start,
            first: self.ttft.map(|t| self.start.after(Micros(t))).filter(|first| *first <= at),
            streamed: self.stream == Some(true),
        })
    }
}

/// The parts of a call that its timings follow from.
#[derive(Debug, Clone, Copy)]
pub(super) struct Times {
    counts: Counts,
    latency: Option<u64>,
    ttft: Option<u64>,
    streamed: bool,
    output: Option<u64>,
}

/// What a call says about a timing.
fn said(of: &Times, timing: Timing) -> Said {
    let Some(latency) = of.latency else { return Said::Nothing };
    match (timing, of.counts) {
        (_, Counts::Apart) | (Timing::Tpot, Counts::Failure) => Said::Nothing,
        (Timing::Latency, Counts::Success) => Said::Decided(latency),
        (Timing::Latency, Counts::Failure) => Said::AtLeast(latency),
        (Timing::Ttft, Counts::Success) => of.ttft.map_or(Said::Nothing, Said::Decided),
        (Timing::Ttft, Counts::Failure) => match of.ttft {
            Some(ttft) => Said::AtLeast(ttft),
            None if of.streamed => Said::AtLeast(latency),
            None => Said::Nothing,
        },
        (Timing::Tpot, Counts::Success) => match (of.ttft, of.output) {
            (Some(ttft), Some(output)) if output > 1 => {
                Said::Decided(latency.saturating_sub(ttft) / (output - 1))
            }
            _ => Said::Nothing,
        },
    }
}

/// A call in flight.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Open {
    pub(super) start: UnixMicros,
    /// When its first token came.
    pub(super) first: Option<UnixMicros>,
    /// Whether a first token is waited for at all.
    pub(super) streamed: bool,
}

impl Open {
    /// What it says about a timing at a moment. A first token that came is known from then on.
    pub(super) fn said(&self, timing: Timing, at: UnixMicros) -> Said {
        match timing {
            Timing::Latency => Said::AtLeast(at.since(self.start).0),
            Timing::Ttft => match self.first {
                Some(first) if first <= at => Said::Decided(first.since(self.start).0),
                _ if self.streamed => Said::AtLeast(at.since(self.start).0),
                _ => Said::Nothing,
            },
            Timing::Tpot => Said::Nothing,
        }
    }
}
