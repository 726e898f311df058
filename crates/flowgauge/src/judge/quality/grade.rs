//! Asks the judging model for one verdict: within its budget, its time and its retries.
//!
//! Owns when it is asked again and why it is not asked at all. Refuses to read a verdict: `logic` does.

use super::fresh;
use crate::config::Config;
use crate::config::quality::Judge;
use crate::logic::budget::Size;
use crate::logic::call::{Protocol, Source, Text};
use crate::logic::price::PriceBook;
use crate::logic::retry::{Failure, Wish, retries_allowed};
use crate::logic::score::answer::Answer;
use crate::logic::score::judging::Verdict;
use crate::logic::unit::{Micros, UnixMicros};
use crate::receive::gateway::{About, Office, OwnCall, OwnProvider, Reply, TargetError};
use crate::record::Recorder;
use crate::record::ledger::{Budgets, Denied};
use crate::serve::clock::Clock;
use arc_swap::ArcSwap;
use bytes::Bytes;
use parking_lot::Mutex;
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

/// Most tokens of a verdict: a sentence and twelve grades, three times over.
const MAX_TOKENS: u64 = 400;
/// Options that some models refuse; a 400 that names one is answered by asking without both.
const OPTIONS: [&str; 2] = ["temperature", "max_tokens"];

/// Why there is no verdict.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NoGrade {
    /// A budget has no room, or the model has no price.
    Budget(String),
    /// It did not answer, or not with a verdict.
    Failed(String),
}

/// The judging model.
#[derive(Debug)]
pub(super) struct Grader {
    settings: Judge,
    provider: OwnProvider,
    evaluator: Text,
    version: Text,
    office: Office,
    /// It refuses our options.
    bare: AtomicBool,
    first: AtomicU64,
    again: AtomicU64,
    last: Mutex<Option<(UnixMicros, NoGrade)>>,
}

impl Grader {
    /// As configured; nothing where no model is named.
    pub(super) fn new(
        config: &Config,
        recorder: Recorder,
        budgets: Arc<Budgets>,
        prices: Arc<ArcSwap<PriceBook>>,
        clock: Clock,
    ) -> Result<Option<Self>, TargetError> {
        let Some(settings) = config.quality.judge.clone() else { return Ok(None) };
        let named = config.gateway.providers.iter().find(|p| p.name == settings.provider);
        let Some(provider) = named else { return Ok(None) };
        let provider = OwnProvider::new(provider)?;
        Ok(Some(Self {
            evaluator: Text::from(format!("judge:{}", settings.model)),
            version: settings.rubric.version(&settings.model),
            settings,
            provider,
            office: Office { recorder, budgets, prices, clock },
            bare: AtomicBool::new(false),
            first: AtomicU64::new(0),
            again: AtomicU64::new(0),
            last: Mutex::new(None),
        }))
    }

    pub(super) const fn settings(&self) -> &Judge {
        &self.settings
    }

    pub(super) const fn evaluator(&self) -> &Text {
        &self.evaluator
    }

    pub(super) const fn version(&self) -> &Text {
        &self.version
    }

    pub(super) const fn share(&self) -> f64 {
        self.settings.share
    }

    pub(super) const fn at_once(&self) -> usize {
        self.settings.concurrency
    }

    pub(super) const fn budgets(&self) -> &Arc<Budgets> {
        &self.office.budgets
    }

    /// Why the last sample that got no verdict got none; nothing once one got one.
    pub(super) fn last(&self) -> Option<(UnixMicros, NoGrade)> {
        self.last.lock().clone()
    }

    /// One verdict.
    pub(super) async fn grade(&self, answer: &Answer<'_>) -> Result<Verdict, NoGrade> {
        let graded = self.ask(answer).await;
        let now = self.office.clock.now();
        *self.last.lock() = graded.as_ref().err().map(|why| (now, why.clone()));
        graded
    }

    async fn ask(&self, answer: &Answer<'_>) -> Result<Verdict, NoGrade> {
        let failed = |why: &str| NoGrade::Failed(why.to_owned());
        let now = self.office.clock.now();
        let id = fresh(now).ok_or_else(|| failed("the system gives no random numbers"))?;
        let about = About {
            source: Source::Evaluation,
            protocol: Protocol::Chat,
            operation: "chat",
            endpoint: "quality/judge",
            provider: &self.settings.provider,
            model: &self.settings.model,
        };
        let mut call = OwnCall::begin(&self.office, id, &about);
        let mut body = self.body(answer);
        let size =
            Size { body_bytes: body.len() as u64, max_tokens: Some(MAX_TOKENS), answers: None };
        call.reserve(size).await.map_err(|denied| NoGrade::Budget(words(&denied)))?;
        let _first = Counted::begin(&self.first);
        let mut retry = None;
        let begun = self.office.clock.monotonic();
        let mut made = 0;
        loop {
            call.sent();
            made += 1;
            let within = Duration::from_micros(self.settings.timeout.0);
            let came = self.provider.chat(body.clone(), within).await;
            if self.refuses_options(&came) {
                body = self.body(answer);
                continue;
            }
            let failure = match came {
                Ok(reply) if (200..300).contains(&reply.status) => {
                    let said = call.answered(reply.status, &reply.body);
                    let verdict = self.settings.rubric.verdict(&said);
                    return verdict.map_err(|why| failed(why.words()));
                }
                Ok(reply) => (Failure::Status(reply.status), wish(&reply, now)),
                Err(failure) => (failure, Wish::None),
            };
            let spent = self.office.clock.monotonic().saturating_sub(begun);
            match self.pause(made, failure, spent) {
                Some(pause) => {
                    retry.get_or_insert_with(|| Counted::begin(&self.again));
                    tokio::time::sleep(pause).await;
                }
                None => {
                    let (failure, _) = failure;
                    call.failed(failure.status(), failure.class());
                    return Err(failed(&said_of(failure)));
                }
            }
        }
    }

    /// The pause before asking again, where it shall be: within the policy, the time of a verdict and
    /// the share of retries.
    fn pause(
        &self,
        made: u16,
        (failure, wish): (Failure, Wish),
        spent: Micros,
    ) -> Option<Duration> {
        let attempts = u64::from(self.settings.retry.attempts);
        let left = Micros(self.settings.timeout.0.saturating_mul(attempts)).saturating_sub(spent);
        let chance = getrandom::u32().unwrap_or(u32::MAX);
        let pause = self.settings.retry.pause(made, failure, wish, left, chance)?;
        let room = retries_allowed(self.first.load(Ordering::Relaxed));
        (self.again.load(Ordering::Relaxed) < room).then(|| Duration::from_micros(pause.0))
    }

    fn body(&self, answer: &Answer<'_>) -> Bytes {
        let rubric = &self.settings.rubric;
        let mut body = json!({
            "model": self.settings.model,
            "messages": [
                { "role": "system", "content": rubric.instructions() },
                { "role": "user", "content": rubric.question(answer) },
            ],
        });
        if !self.bare.load(Ordering::Relaxed) {
            body["temperature"] = json!(0);
            body["max_tokens"] = json!(MAX_TOKENS);
        }
        Bytes::from(body.to_string())
    }

    /// Whether the model refuses an option, for the first time: from now on it is asked without.
    fn refuses_options(&self, came: &Result<Reply, Failure>) -> bool {
        let Ok(reply) = came else { return false };
        let named = |name: &&str| memchr::memmem::find(&reply.body, name.as_bytes()).is_some();
        reply.status == 400 && OPTIONS.iter().any(named) && !self.bare.swap(true, Ordering::Relaxed)
    }
}

/// One more of something for as long as it lives.
struct Counted<'a>(&'a AtomicU64);

impl<'a> Counted<'a> {
    fn begin(of: &'a AtomicU64) -> Self {
        of.fetch_add(1, Ordering::Relaxed);
        Self(of)
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

fn wish(reply: &Reply, now: UnixMicros) -> Wish {
    let text = |name: &str| reply.headers.get(name).and_then(|v| v.to_str().ok());
    Wish::read(text("x-should-retry"), text("retry-after-ms"), text("retry-after"), now)
}

fn said_of(failure: Failure) -> String {
    match failure {
        Failure::Status(status) => format!("it answered with status {status}"),
        Failure::Unreachable => "it could not be reached, or broke off".to_owned(),
        Failure::Silent => "it did not answer in time".to_owned(),
    }
}

fn words(denied: &Denied) -> String {
    match denied {
        Denied::Spent { budget, resets_at, .. } => {
            format!("the budget {budget:?} has no room for it until {resets_at}")
        }
        Denied::Unpriced { model, .. } => {
            let model = model.as_deref().unwrap_or_default();
            format!(
                "the model {model:?} has no price, so its cost cannot be held; set one with `flowgauge prices set`"
            )
        }
    }
}
