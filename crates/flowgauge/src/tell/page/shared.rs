//! What handlers share: the reader, the clock, the keys, and facts about the running program.

use super::{Exposure, Problem};
use crate::config::Config;
use crate::control::Control;
use crate::judge::{Desk, Incidents, Quality, Regressions, Trials};
use crate::keep::Jobs;
#[cfg(feature = "sql")]
use crate::query::sql::Sql;
use crate::query::status::FirstCalls;
use crate::receive::UserHasher;
use crate::receive::clients::Client;
use crate::receive::ingest::Ingest;
use crate::record::Recorder;
use crate::record::ledger::Budgets;
use crate::record::scores::ScoreBook;
use crate::serve::clock::Clock;
use crate::serve::keys::KeyRing;
use crate::serve::keys::sessions::Sessions;
use crate::serve::prices::Prices;
use crate::store::{Reader, StoreError};
use crate::tell::deliver::Board;
use axum::http::StatusCode;
use chrono_tz::Tz;
use parking_lot::Mutex;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

/// Questions to the store answered at once: each holds a blocking thread and reads files; more
/// would only compete for the disk. Others wait their turn.
const MAX_QUESTIONS: usize = 8;
/// Live streams at once: each costs one task-free subscription and a few kilobytes a second.
pub(super) const MAX_LIVE: usize = 64;

/// Waits for the switches at once: each holds a connection and a timer, and a fleet has one per process.
const MAX_WAITS: usize = 1_000;

/// Handle on what handlers share.
pub type App = Arc<Shared>;

/// Counters of the gateway, as the API shows them.
pub trait Traffic: Send + Sync + std::fmt::Debug {
    /// Requests in flight.
    fn in_flight(&self) -> u64;
    /// Counters since start.
    fn counters(&self) -> Vec<Counter>;
    /// Kinds of clients that called since start.
    fn clients(&self) -> Vec<Client>;
}

/// A counter since start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counter {
    /// Name without the prefix `flowgauge_` and the suffix `_total`.
    pub name: &'static str,
    /// What it counts.
    pub help: &'static str,
    /// How many.
    pub value: u64,
}

/// What does not change while the program runs.
#[derive(Debug, Clone)]
pub struct Facts {
    /// Where data lives.
    pub data_dir: PathBuf,
    /// Zone of days and months.
    pub zone: Tz,
    /// The ports, the main one first.
    pub ports: Vec<Port>,
    /// Whether what people and models said may be kept.
    pub store_content: bool,
}

/// A port of this program.
#[derive(Debug, Clone)]
pub struct Port {
    /// `http`, `otlp_http`, `otlp_grpc` or `postgres`.
    pub name: &'static str,
    /// Where.
    pub addr: SocketAddr,
    /// Whether it is open.
    pub state: PortState,
}

/// Whether a port is open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PortState {
    /// It is.
    Open,
    /// Another program has it.
    Skipped(String),
    /// Switched off in the configuration.
    Off,
}

/// Parts that handlers ask.
#[derive(Debug)]
pub struct Parts {
    /// The store's writer and reader.
    pub recorder: Recorder,
    /// The configuration, for rules that are read to be proved.
    pub config: Arc<Config>,
    /// Time.
    pub clock: Clock,
    /// API keys.
    pub keys: Arc<KeyRing>,
    /// Prices in force and the file behind them.
    pub prices: Arc<Prices>,
    /// Hashes of users, to find one by name.
    pub hasher: UserHasher,
    /// The importer.
    pub ingest: Arc<Ingest>,
    /// Evaluations and ratings.
    pub scores: Arc<ScoreBook>,
    /// Budgets.
    pub budgets: Arc<Budgets>,
    /// Alerts: how they stand, silences, acknowledgements.
    pub desk: Arc<Desk>,
    /// Channels, and those that are left alone.
    pub board: Arc<Board>,
    /// Baselines and regression checks.
    pub regressions: Arc<Regressions>,
    /// Online scoring.
    pub quality: Arc<Quality>,
    /// What is switched how.
    pub control: Arc<Control>,
    /// What optimisations do, by comparison.
    pub trials: Arc<Trials>,
    /// What is done once per period.
    pub jobs: Arc<Jobs>,
    /// Incidents.
    pub incidents: Arc<Incidents>,
    /// Workers that run statements.
    #[cfg(feature = "sql")]
    pub sql: Arc<Sql>,
    /// The gateway's counters.
    pub traffic: Arc<dyn Traffic>,
    /// How far the main port can be reached.
    pub exposure: Exposure,
}

/// What handlers share.
#[derive(Debug)]
pub struct Shared {
    pub(super) recorder: Recorder,
    pub(super) config: Arc<Config>,
    pub(super) clock: Clock,
    pub(super) keys: Arc<KeyRing>,
    pub(super) prices: Arc<Prices>,
    pub(super) hasher: UserHasher,
    pub(super) ingest: Arc<Ingest>,
    pub(super) scores: Arc<ScoreBook>,
    pub(super) budgets: Arc<Budgets>,
    pub(super) desk: Arc<Desk>,
    pub(super) board: Arc<Board>,
    pub(super) regressions: Arc<Regressions>,
    pub(super) quality: Arc<Quality>,
    pub(super) control: Arc<Control>,
    pub(super) trials: Arc<Trials>,
    pub(super) jobs: Arc<Jobs>,
    pub(super) incidents: Arc<Incidents>,
    #[cfg(feature = "sql")]
    sql: Arc<Sql>,
    pub(super) traffic: Arc<dyn Traffic>,
    pub(super) exposure: Exposure,
    pub(super) facts: Facts,
    pub(super) stop: CancellationToken,
    pub(super) started: crate::logic::unit::UnixMicros,
    pub(super) started_mono: crate::logic::unit::Micros,
    pub(super) live: Arc<Semaphore>,
    pub(super) waits: Arc<Semaphore>,
    pub(super) first_calls: Mutex<FirstCalls>,
    /// One at a time: two would read the same pages for the same changes.
    pub(super) recompute: Semaphore,
    /// One at a time: each reads all of its window.
    pub(super) replay: Semaphore,
    /// One at a time: each changes what the next would look at.
    pub(super) ageing: Semaphore,
    /// Calls as live streams tell them.
    pub(super) written: Mutex<super::live::Written>,
    /// Browsers that are logged in.
    pub(super) sessions: Sessions,
    /// Answers to requests that named themselves.
    pub(super) answered: Mutex<super::conditional::once::Answered>,
    /// The watch after the last rollback.
    pub(super) watching: Mutex<Option<tokio::task::JoinHandle<()>>>,
    questions: Semaphore,
}

impl Shared {
    /// Gathers what handlers share. `stop` ends live streams and turns readiness off.
    #[must_use]
    pub fn new(parts: Parts, facts: Facts, stop: CancellationToken) -> App {
        let Parts {
            recorder,
            config,
            clock,
            keys,
            prices,
            hasher,
            ingest,
            scores,
            budgets,
            desk,
            board,
            regressions,
            quality,
            control,
            trials,
            jobs,
            incidents,
            #[cfg(feature = "sql")]
            sql,
            traffic,
            exposure,
        } = parts;
        Arc::new(Self {
            started: clock.now(),
            started_mono: clock.monotonic(),
            recorder,
            config,
            clock,
            keys,
            prices,
            hasher,
            ingest,
            scores,
            budgets,
            desk,
            board,
            regressions,
            quality,
            control,
            trials,
            jobs,
            incidents,
            #[cfg(feature = "sql")]
            sql,
            traffic,
            exposure,
            facts,
            stop,
            live: Arc::new(Semaphore::new(MAX_LIVE)),
            waits: Arc::new(Semaphore::new(MAX_WAITS)),
            first_calls: Mutex::new(FirstCalls::default()),
            recompute: Semaphore::new(1),
            replay: Semaphore::new(1),
            ageing: Semaphore::new(1),
            written: Mutex::default(),
            sessions: Sessions::default(),
            answered: Mutex::new(super::conditional::once::Answered::default()),
            watching: Mutex::new(None),
            questions: Semaphore::new(MAX_QUESTIONS),
        })
    }

    /// The desk where people see and answer alerts.
    #[must_use]
    pub fn desk(&self) -> &Arc<Desk> {
        &self.desk
    }

    /// Workers that run statements.
    #[cfg(feature = "sql")]
    #[must_use]
    pub fn sql(&self) -> &Arc<Sql> {
        &self.sql
    }

    /// What is switched how.
    #[must_use]
    pub fn control(&self) -> &Arc<Control> {
        &self.control
    }

    /// Asks the store, off the async threads.
    pub(super) async fn ask<T, F>(&self, question: F) -> Result<T, Problem>
    where
        T: Send + 'static,
        F: FnOnce(&Reader) -> Result<T, StoreError> + Send + 'static,
    {
        let Some(reader) = self.recorder.reader() else {
            let reason = self.recorder.stats().degraded;
            let reason = reason.unwrap_or_else(|| "it is not open yet".to_owned());
            return Err(Problem::later(format!("the store cannot be read: {reason}"), 5));
        };
        // Closed never happens: the semaphore lives as long as `self`.
        let _turn = self.questions.acquire().await;
        let answer = tokio::task::spawn_blocking(move || question(&reader)).await;
        let failed = |detail: String| Problem::new(StatusCode::INTERNAL_SERVER_ERROR, detail);
        match answer {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(e)) => {
                tracing::warn!(error = %e, "the store did not answer a question");
                Err(failed(format!("the store cannot answer: {e}")))
            }
            Err(e) => {
                tracing::error!(error = %e, "a question to the store ended without an answer");
                Err(failed("the question ended without an answer; see the log".to_owned()))
            }
        }
    }

    /// The address of an open port.
    pub(super) fn open_port(&self, name: &str) -> Option<SocketAddr> {
        let open = |p: &&Port| p.name == name && p.state == PortState::Open;
        self.facts.ports.iter().find(open).map(|p| p.addr)
    }
}
