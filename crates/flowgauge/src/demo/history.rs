//! A made-up week before the demo began, as flowgauge would have recorded it.
//!
//! A pure function of seed and present: the same rows for the same arguments, none in the future.
//! Stores nothing.

mod lengths;

use super::app::BOOKS;
use super::dice::Dice;
use super::model_server::Timing;
use super::workload::{self, Scenario};
use super::{PROVIDER, SERVICE};
use crate::logic::call::{
    Call, Door, ErrorClass, InputTokens, OutputTokens, Protocol, Status, Text, TtftSource, Usage,
    UsageSource,
};
use crate::logic::id::{CallId, TraceId};
use crate::logic::price::PriceBook;
use crate::logic::unit::{Micros, UnixMicros};
use lengths::Lengths;
use std::collections::VecDeque;

/// How far back it goes.
pub const DAYS: i64 = 7;

/// Rows of a reader's request: the application's and the model's. The day's 10,000 requests are
/// counted in rows, as KPIs count them.
const ROWS_PER_REQUEST: f64 = 2.0;

/// Share of model calls that fail; the pretend provider's own.
const FAILURES: f64 = 0.01;

/// Share of readers who close the page in the middle of an answer; as in the live traffic.
const HANGS_UP: f64 = 0.01;

/// Share of requests for a book that is gone; as in the live traffic.
const STALE_BOOK: f64 = 0.005;

/// Readers of a week. Sessions repeat, as they do for people.
const SESSIONS: u64 = 4_000;

/// What the application adds to a call: looking up passages, 15 to 45 ms.
const RETRIEVAL_US: (u64, u64) = (15_000, 30_000);

/// flowgauge's own share of a call, 250 to 650 µs: what its gateway takes on a small machine.
const OVERHEAD_US: (u64, u64) = (250, 400);

/// Share of prompts whose first half the provider finds in its cache.
const CACHED: f64 = 0.25;

/// The rows, oldest request first.
#[derive(Debug)]
pub struct History<'a> {
    dice: Dice,
    prices: &'a PriceBook,
    at: UnixMicros,
    end: UnixMicros,
    lengths: Lengths,
    ready: VecDeque<Call>,
}

/// The week before `now`.
#[must_use]
pub fn history(seed: u64, now: UnixMicros, prices: &PriceBook) -> History<'_> {
    let at = UnixMicros(now.0.saturating_sub(DAYS * UnixMicros::DAY));
    let mut dice = Dice::new(seed);
    let lengths = Lengths::sample(&mut dice);
    History { dice, prices, at, end: now, lengths, ready: VecDeque::new() }
}

impl Iterator for History<'_> {
    type Item = Call;

    fn next(&mut self) -> Option<Call> {
        loop {
            if let Some(call) = self.ready.pop_front() {
                return Some(call);
            }
            let gap = self.dice.gap(workload::rate(self.at) / ROWS_PER_REQUEST);
            self.at = self.at.after(gap);
            if self.at >= self.end {
                return None;
            }
            let request = Request::draw(self.at, &self.lengths, &mut self.dice);
            // An answer still under way at the present has no row yet.
            if request.end() <= self.end {
                self.ready.extend(request.rows(self.prices, &mut self.dice));
            }
        }
    }
}

/// How a request of the past ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Answered,
    ProviderFault,
    RateLimited,
    LeftByReader,
    BookGone,
}

impl Fate {
    fn draw(dice: &mut Dice) -> Self {
        match dice.unit() {
            x if x < FAILURES / 2.0 => Self::ProviderFault,
            x if x < FAILURES => Self::RateLimited,
            x if x < FAILURES + HANGS_UP => Self::LeftByReader,
            x if x < FAILURES + HANGS_UP + STALE_BOOK => Self::BookGone,
            _ => Self::Answered,
        }
    }
}

/// A reader's request of the past.
#[derive(Debug)]
struct Request {
    at: UnixMicros,
    scenario: Scenario,
    fate: Fate,
    session: Text,
    trace: TraceId,
    retrieval: Micros,
    timing: Timing,
    tokens: (u64, u64),
}

impl Request {
    fn draw(at: UnixMicros, lengths: &Lengths, dice: &mut Dice) -> Self {
        let scenario = Scenario::draw(dice);
        let mut timing = Timing::draw(scenario.complexity, 1.0, dice);
        let fate = Fate::draw(dice);
        match fate {
            Fate::Answered => {}
            Fate::ProviderFault | Fate::RateLimited => timing.whole = timing.first_token,
            Fate::LeftByReader => {
                let rest = timing.whole.saturating_sub(timing.first_token).0;
                timing.whole = Micros(timing.first_token.0 + dice.below(rest));
            }
            Fate::BookGone => timing = Timing { first_token: Micros(0), whole: Micros(0) },
        }
        let session = dice.below(SESSIONS) * BOOKS;
        Self {
            at,
            scenario,
            fate,
            session: Text::from(format!("{session:016x}")),
            trace: TraceId(random(dice)),
            retrieval: between(RETRIEVAL_US, dice),
            timing,
            tokens: lengths.draw(scenario.name, dice),
        }
    }

    fn end(&self) -> UnixMicros {
        let slack = Micros(RETRIEVAL_US.0 + RETRIEVAL_US.1);
        self.at.after(self.retrieval).after(self.timing.whole).after(slack)
    }

    /// The application's row, and the model's where the model was asked.
    fn rows(&self, prices: &PriceBook, dice: &mut Dice) -> Vec<Call> {
        let model = (self.fate != Fate::BookGone).then(|| self.model_call(prices, dice));
        let mut app = self.app_call(dice);
        let Some(mut model) = model else {
            prices.price(&mut app);
            return vec![app];
        };
        // As the gateway does it: the user's call counts, with the tokens of the one made for it.
        app.usage = model.usage;
        app.what.model_used.clone_from(&model.what.model_used);
        app.what.provider.clone_from(&model.what.provider);
        prices.price(&mut app);
        model.what.leaf = false;
        model.link.merged_into = Some(app.id);
        vec![app, model]
    }

    fn begun(&self, start: UnixMicros, dice: &mut Dice) -> Call {
        let mut call = Call::begun(CallId::new(start, random(dice)), start, start, Door::Gateway);
        call.link.trace_id = Some(self.trace);
        call.origin.service = Some(Text::from(SERVICE));
        call.what.leaf = true;
        call.what.operation = Text::from("chat");
        call.what.intent = Some(Text::from(self.scenario.intent));
        call.what.stream = Some(true);
        call.who.session_key = Some(self.session.clone());
        call.outcome.attempts = 1;
        call
    }

    fn app_call(&self, dice: &mut Dice) -> Call {
        let mut call = self.begun(self.at, dice);
        call.what.protocol = Protocol::FlowReader;
        call.what.endpoint = Some(Text::from("chat/stream"));
        let whole = Micros(self.retrieval.0 + self.timing.whole.0);
        // An enhancement is shown at its end, a book that is gone never.
        let first = match (self.scenario.intent, self.fate) {
            ("enhance", Fate::Answered) => Some(whole),
            ("enhance", _) => None,
            _ => Some(Micros(self.retrieval.0 + self.timing.first_token.0)),
        };
        let head = Micros(self.retrieval.0 / 4);
        self.set_times(&mut call, (head, first, whole), dice);
        call.outcome.http_status = Some(200);
        (call.outcome.status, call.outcome.class) = match self.fate {
            Fate::Answered => (Status::Ok, ErrorClass::None),
            Fate::LeftByReader => (Status::Cancelled, ErrorClass::None),
            Fate::ProviderFault | Fate::RateLimited | Fate::BookGone => {
                (Status::Error, ErrorClass::InStream)
            }
        };
        if self.fate == Fate::BookGone {
            call.outcome.error_type = Some(Text::from("NOT_FOUND"));
        }
        call
    }

    fn model_call(&self, prices: &PriceBook, dice: &mut Dice) -> Call {
        let mut call = self.begun(self.at.after(self.retrieval), dice);
        let model = Text::from(self.scenario.complexity.model());
        call.what.protocol = Protocol::Chat;
        call.what.provider = Some(Text::from(PROVIDER));
        call.what.endpoint = Some(Text::from("chat/completions"));
        call.what.model_requested = Some(model.clone());
        let Timing { first_token, whole } = self.timing;
        let head = Micros(first_token.0 * 9 / 10);
        self.set_times(&mut call, (head, Some(first_token), whole), dice);
        let (status, class, http, error) = match self.fate {
            Fate::Answered | Fate::BookGone => (Status::Ok, ErrorClass::None, 200, None),
            Fate::LeftByReader => (Status::Cancelled, ErrorClass::None, 200, None),
            Fate::ProviderFault => {
                (Status::Error, ErrorClass::Upstream5xx, 500, Some("server_error"))
            }
            Fate::RateLimited => {
                (Status::Error, ErrorClass::Upstream429, 429, Some("rate_limit_exceeded"))
            }
        };
        call.outcome.status = status;
        call.outcome.class = class;
        call.outcome.http_status = Some(http);
        call.outcome.error_type = error.map(Text::from);
        if self.fate == Fate::Answered {
            call.what.model_used = Some(model);
            call.usage = usage(self.tokens, dice);
            call.outcome.finish_reason = Some(Text::from("stop"));
        }
        prices.price(&mut call);
        call
    }

    /// Times a row has; those of an answer that never began stay unknown.
    fn set_times(
        &self,
        call: &mut Call,
        (head, first, whole): (Micros, Option<Micros>, Micros),
        dice: &mut Dice,
    ) {
        let overhead = between(OVERHEAD_US, dice);
        let time = &mut call.time;
        time.latency = Some(Micros(whole.0 + overhead.0));
        time.upstream = Some(whole);
        time.upstream_head = Some(Micros(head.0 + overhead.0));
        if matches!(self.fate, Fate::Answered | Fate::LeftByReader)
            && let Some(first) = first
        {
            time.ttft = Some(Micros(first.0 + overhead.0));
            time.ttft_source = TtftSource::Gateway;
        }
    }
}

fn usage((input, output): (u64, u64), dice: &mut Dice) -> Usage {
    let cache_read = if dice.chance(CACHED) { input / 2 } else { 0 };
    Usage {
        input: Some(InputTokens { text: input - cache_read, cache_read, ..Default::default() }),
        output: Some(OutputTokens { visible: output, ..Default::default() }),
        source: UsageSource::Provider,
        ..Default::default()
    }
}

fn between((least, spread): (u64, u64), dice: &mut Dice) -> Micros {
    Micros(least + dice.below(spread))
}

fn random<const N: usize>(dice: &mut Dice) -> [u8; N] {
    let mut bytes = [0; N];
    for eight in bytes.chunks_mut(8) {
        for (to, from) in eight.iter_mut().zip(dice.bits().to_le_bytes()) {
            *to = from;
        }
    }
    bytes
}

#[cfg(test)]
mod tests;
