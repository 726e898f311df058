//! OTLP over HTTP and gRPC: one decoder per wire form, one normaliser behind them.
//!
//! Owns limits, decompression, status codes and partial success. Refuses message structs: the
//! protobuf walker feeds the normaliser straight from the received bytes.

mod answer;
mod batch;
mod grpc;
mod http;
mod inflate;
mod json;
mod json_value;
mod proto;
mod walk;
mod walk_logs;

#[cfg(test)]
mod tests;

use crate::config::Privacy;
use crate::logic::call::{Call, Door, Text};
use crate::logic::client;
use crate::logic::price::PriceBook;
use crate::receive::clients::{Client, Clients};
use crate::receive::user_hash::UserHasher;
use crate::record::scores::ScoreBook;
use crate::record::{Ack, Recorder, Refused};
use crate::serve::clock::Clock;
use arc_swap::ArcSwap;
use batch::Collector;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

pub use batch::{Batch, Malformed};

/// Largest HTTP body, before and after decompression, bytes: the Collector's own default.
pub const MAX_HTTP_BODY: usize = 20 << 20;
/// Largest gRPC message, before and after decompression, bytes: what every gRPC client assumes.
pub const MAX_GRPC_MESSAGE: usize = 4 << 20;
/// Bytes of bodies held at once. Beyond it senders are told to come back: a request is admitted
/// before it is read, and three of the largest fit.
pub const MAX_BYTES_IN_FLIGHT: usize = 64 << 20;

/// What an OTLP request carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// Spans.
    Traces,
    /// Log records.
    Logs,
    /// Metric points.
    Metrics,
}

/// The OTLP doors.
#[derive(Debug)]
pub struct Ingest {
    recorder: Recorder,
    prices: Arc<ArcSwap<PriceBook>>,
    clock: Clock,
    privacy: Privacy,
    hasher: UserHasher,
    sequence: AtomicU64,
    in_flight: AtomicUsize,
    scores: OnceLock<Arc<ScoreBook>>,
    clients: Clients,
}

impl Ingest {
    /// Builds the doors. `hash_key` is the installation's key for names of people.
    #[must_use]
    pub fn new(
        recorder: Recorder,
        prices: Arc<ArcSwap<PriceBook>>,
        clock: Clock,
        privacy: Privacy,
        hash_key: &[u8; 32],
    ) -> Arc<Self> {
        Arc::new(Self {
            recorder,
            prices,
            clock,
            privacy,
            hasher: UserHasher::new(hash_key),
            sequence: AtomicU64::new(0),
            in_flight: AtomicUsize::new(0),
            scores: OnceLock::new(),
            clients: Clients::default(),
        })
    }

    /// Hands evaluations that telemetry carries to `book` from now on; without one only their events
    /// are kept.
    pub fn keep_scores(&self, book: Arc<ScoreBook>) {
        if self.scores.set(book).is_err() {
            tracing::error!("evaluations have a place already; the second was not taken");
        }
    }

    /// Kinds of senders whose telemetry was taken since start.
    #[must_use]
    pub fn clients(&self) -> Vec<Client> {
        self.clients.seen()
    }

    /// Counts calls that an export brought. One without calls is of no application that was to be connected.
    fn taken_from(&self, user_agent: Option<&str>, calls: usize) {
        if calls > 0 {
            self.clients.note(client::sender(user_agent), calls as u64, self.clock.now());
        }
    }

    /// The hash of a user's or a session's name, as every door of this installation makes it.
    pub(crate) fn hash(&self, name: &str) -> Text {
        self.hasher.hash(name)
    }

    /// Decodes, normalises and prices one payload. Pure work: nothing is stored.
    ///
    /// # Errors
    /// When the payload is not what its content type says.
    pub fn decode(
        &self,
        signal: Signal,
        door: Door,
        form: Form,
        body: &[u8],
    ) -> Result<Batch, Malformed> {
        let hash = |s: &str| self.hasher.hash(s);
        let first = self.sequence.fetch_add(1 << 20, Ordering::Relaxed);
        let mut rows = Collector::new(self.clock.now(), door, self.privacy, &hash, first);
        match (signal, form) {
            (Signal::Traces, Form::Protobuf) => walk::traces(body, &mut rows)?,
            (Signal::Logs, Form::Protobuf) => walk_logs::logs(body, &mut rows)?,
            (Signal::Metrics, Form::Protobuf) => walk_logs::metrics(body, &mut rows)?,
            (signal, Form::Json) => json::read(signal, body, &mut rows)?,
        }
        let mut batch = rows.close();
        let prices = self.prices.load();
        for call in &mut batch.calls {
            prices.price(call);
        }
        Ok(batch)
    }

    /// Makes a decoded payload durable.
    pub(crate) async fn store(&self, batch: &mut Batch) -> Result<(), Refused> {
        let calls = std::mem::take(&mut batch.calls);
        let events = std::mem::take(&mut batch.events);
        let scores = std::mem::take(&mut batch.scores);
        self.recorder.submit(calls, events).await?;
        if let Some(book) = self.scores.get() {
            book.keep(scores).await?;
        }
        Ok(())
    }

    /// Prices imported calls and makes them durable.
    ///
    /// # Errors
    /// When the store has no room now.
    pub async fn import_calls(&self, mut calls: Vec<Call>) -> Result<Ack, Refused> {
        let prices = self.prices.load_full();
        for call in &mut calls {
            prices.price(call);
        }
        self.recorder.submit(calls, Vec::new()).await
    }
}

/// Wire form of a payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Binary protobuf.
    Protobuf,
    /// OTLP's JSON mapping.
    Json,
}
