//! Vectors of questions by a provider's `/v1/embeddings`, asked by flowgauge itself.
//!
//! Owns the time a request may wait for one, the budget it is paid from, the rest after failures, and its row (source
//! `embedding`, so that it is in no figure of users and its cost is found). Refuses to ask twice: a question without a
//! vector is only not found in other words.

use crate::config::{Config, Embeddings};
use crate::control::encoder::{Encoded, Encoder};
use crate::logic::budget::Size;
use crate::logic::call::{Protocol, Source};
use crate::logic::control::cache::meaning::Meaning;
use crate::logic::control::cache::semantic::embed::Embedding;
use crate::logic::retry::Failure;
use crate::logic::unit::{Micros, UnixMicros};
use bytes::Bytes;
use futures_util::future::BoxFuture;
use parking_lot::Mutex;
use serde::Deserialize;
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::ids::Ids;
use super::own::OwnProvider;
use super::own_call::{About, Office, OwnCall};
use super::{GatewayError, Parts};

/// Failures in a row after which it is left alone: one or two are any network's.
const FAILURES: u32 = 3;
/// So long it is left alone then.
const REST: Micros = Micros::from_millis(5_000);
/// Longest question that is sent, bytes: what is longer is a text, and costs like one.
const MAX_QUESTION: usize = 4 << 10;
/// Endpoint its rows are found by.
const ENDPOINT: &str = "cache/embedding";

/// A provider's model.
#[derive(Debug)]
pub(super) struct Remote {
    settings: Embeddings,
    name: String,
    provider: OwnProvider,
    office: Office,
    ids: Ids,
    trouble: Mutex<(u32, Option<UnixMicros>)>,
    counters: Counters,
}

#[derive(Debug, Default)]
struct Counters {
    asked: AtomicU64,
    made: AtomicU64,
    late: AtomicU64,
    failed: AtomicU64,
    denied: AtomicU64,
    rested: AtomicU64,
}

/// Why there is no vector.
enum Without {
    Late,
    Failed,
    Denied,
}

#[derive(Deserialize)]
struct Answer {
    data: Vec<One>,
}

#[derive(Deserialize)]
struct One {
    embedding: Vec<f32>,
}

impl Remote {
    /// As configured; nothing where no model is named.
    pub(super) fn new(config: &Config, parts: &Parts) -> Result<Option<Self>, GatewayError> {
        let Some(settings) = config.embeddings.clone() else { return Ok(None) };
        let named = config.gateway.providers.iter().find(|p| p.name == settings.provider);
        let Some(provider) = named else { return Ok(None) };
        Ok(Some(Self {
            name: format!("{}/{}", settings.provider, settings.model),
            provider: OwnProvider::new(provider)?,
            settings,
            office: Office {
                recorder: parts.recorder.clone(),
                budgets: Arc::clone(&parts.budgets),
                prices: Arc::clone(&parts.prices),
                clock: parts.clock.clone(),
            },
            ids: Ids::new()?,
            trouble: Mutex::default(),
            counters: Counters::default(),
        }))
    }

    async fn ask(&self, question: &str) -> Result<Embedding, Without> {
        let within = Duration::from_micros(self.settings.within.0);
        let body = json!({ "model": self.settings.model, "input": question }).to_string();
        let about = About {
            source: Source::Embedding,
            protocol: Protocol::Embeddings,
            operation: "embeddings",
            endpoint: ENDPOINT,
            provider: &self.settings.provider,
            model: &self.settings.model,
        };
        let id = self.ids.next(self.office.clock.now());
        let mut call = OwnCall::begin(&self.office, id, &about);
        let size = Size { body_bytes: body.len() as u64, max_tokens: None, answers: None };
        let asking = async move {
            call.reserve(size).await.map_err(|_| Without::Denied)?;
            call.sent();
            let failure = match self.provider.embeddings(Bytes::from(body), within).await {
                Ok(reply) if (200..300).contains(&reply.status) => {
                    call.answered(reply.status, &reply.body);
                    let read: Option<Answer> = serde_json::from_slice(&reply.body).ok();
                    let vector = read.and_then(|a| a.data.into_iter().next());
                    return vector
                        .and_then(|v| Embedding::from_model(&v.embedding))
                        .ok_or(Without::Failed);
                }
                Ok(reply) => Failure::Status(reply.status),
                Err(failure) => failure,
            };
            call.failed(failure.status(), failure.class());
            let late = matches!(failure, Failure::Silent);
            Err(if late { Without::Late } else { Without::Failed })
        };
        // The reservation is within the time too.
        tokio::time::timeout(within, asking).await.unwrap_or(Err(Without::Late))
    }

    fn rests(&self) -> bool {
        self.trouble.lock().1.is_some_and(|until| self.office.clock.now() < until)
    }

    fn noted(&self, asked: &Result<Embedding, Without>) {
        let c = &self.counters;
        let counter = match asked {
            Ok(_) => &c.made,
            Err(Without::Late) => &c.late,
            Err(Without::Failed) => &c.failed,
            Err(Without::Denied) => &c.denied,
        };
        counter.fetch_add(1, Ordering::Relaxed);
        let mut trouble = self.trouble.lock();
        match asked {
            Ok(_) => *trouble = (0, None),
            // A spent budget is no fault of the provider's.
            Err(Without::Denied) => {}
            Err(_) => {
                trouble.0 = trouble.0.saturating_add(1);
                if trouble.0 >= FAILURES {
                    tracing::warn!(encoder = %self.name, "no vectors come; questions are found as they stand only, for now");
                    trouble.1 = Some(self.office.clock.now().after(REST));
                }
            }
        }
    }
}

impl Encoder for Remote {
    fn name(&self) -> &str {
        &self.name
    }

    fn encode<'a>(
        &'a self,
        question: &'a str,
        _meaning: &'a Meaning,
    ) -> BoxFuture<'a, Option<Embedding>> {
        Box::pin(async move {
            self.counters.asked.fetch_add(1, Ordering::Relaxed);
            if self.rests() || question.len() > MAX_QUESTION {
                self.counters.rested.fetch_add(1, Ordering::Relaxed);
                return None;
            }
            let asked = self.ask(question).await;
            self.noted(&asked);
            asked.ok()
        })
    }

    fn counts(&self) -> Option<Encoded> {
        let c = &self.counters;
        let read = |n: &AtomicU64| n.load(Ordering::Relaxed);
        Some(Encoded {
            asked: read(&c.asked),
            made: read(&c.made),
            late: read(&c.late),
            failed: read(&c.failed),
            denied: read(&c.denied),
            rested: read(&c.rested),
        })
    }
}
