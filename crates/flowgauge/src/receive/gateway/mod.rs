//! OpenAI-compatible proxy and application routes.
//!
//! Owns the data path: a request's phases in order (`phases`), one file each, and the row that every
//! call leaves whatever happens to it (`flight`). Refuses to wait for disk, store or page, to give a
//! client other bytes than a direct call would, and to follow redirects.

mod admit;
mod attempts;
mod authenticate;
mod budget;
mod count;
mod counters;
mod credential;
mod decode;
mod dimensions;
mod drain;
mod embed;
mod family;
mod flight;
mod forward;
mod headers;
mod idle;
mod ids;
mod keys;
mod observation;
mod operation;
mod optimise;
mod own;
mod own_call;
mod phases;
mod refuse;
mod retry_budget;
mod route;
mod sample;
mod settle;
mod splice;
mod sum;
mod tap;
mod target;
mod terms;
mod trail;
mod usage_option;
mod watch;
mod way;

pub use counters::GatewayCounters;
pub use keys::{CallerKeys, KeyInfo, NoKeys};
pub use own::{OwnProvider, Reply};
pub use own_call::{About, Office, OwnCall};
pub use route::GatewayError;
pub use target::TargetError;

use super::clients::{Client, Clients};
use super::estimate::Vocabularies;
use super::samples::Samples;
use super::{Body, UserHasher};
use crate::config;
use crate::control::Control;
use crate::logic::price::PriceBook;
use crate::logic::unit::Micros;
use crate::record::Recorder;
use crate::record::ledger::Budgets;
use crate::serve::clock::Clock;
use arc_swap::ArcSwap;
use futures_util::FutureExt;
use http::{Request, Response};
use hyper::body::Incoming;
use std::fmt;
use std::net::SocketAddr;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::{Notify, Semaphore};
use tokio_util::sync::CancellationToken;

/// Abandoned calls read on at once (decision D21); each holds a connection, the next is cut at once.
pub const MAX_DRAINS: usize = 256;

/// Longest wait for the rows of calls that ended: counting their tokens takes milliseconds each.
const LAST_ROWS: Duration = Duration::from_secs(3);

/// The gateway.
pub struct Gateway {
    routes: route::Routes,
    recorder: Recorder,
    prices: Arc<ArcSwap<PriceBook>>,
    clock: Clock,
    hasher: UserHasher,
    keys: Arc<dyn CallerKeys>,
    budgets: Arc<Budgets>,
    control: Arc<Control>,
    /// Time one optimiser may take for one call.
    optimiser_time: Micros,
    require_key: bool,
    max_body: u64,
    drains: Arc<Semaphore>,
    refusals: usage_option::Refusals,
    counter: count::Counter,
    /// Only where applications are configured.
    families: Option<family::Families>,
    /// Only where calls are scored online.
    samples: Option<Arc<Samples>>,
    ids: ids::Ids,
    in_flight: AtomicU64,
    /// Told when no call is in flight.
    idle: Notify,
    /// Nothing is read on any more.
    ending: CancellationToken,
    counters: counters::Live,
    clients: Clients,
}

/// What the gateway works with.
pub struct Parts {
    /// Takes rows.
    pub recorder: Recorder,
    /// Prices in force.
    pub prices: Arc<ArcSwap<PriceBook>>,
    /// Time.
    pub clock: Clock,
    /// Hashes users and sessions.
    pub hasher: UserHasher,
    /// Who may call.
    pub keys: Arc<dyn CallerKeys>,
    /// Who may spend.
    pub budgets: Arc<Budgets>,
    /// What is switched how.
    pub control: Arc<Control>,
}

impl fmt::Debug for Parts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Parts").field("control", &self.control).finish_non_exhaustive()
    }
}

impl fmt::Debug for Gateway {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gateway").field("routes", &self.routes).finish_non_exhaustive()
    }
}

impl Gateway {
    /// A gateway as configured.
    pub fn new(config: &config::Config, parts: Parts) -> Result<Arc<Self>, GatewayError> {
        if let Some(remote) = embed::Remote::new(config, &parts)? {
            parts.control.memory.encode_by(Arc::new(remote));
        }
        let Parts { recorder, prices, clock, hasher, keys, budgets, control } = parts;
        Ok(Arc::new(Self {
            routes: route::Routes::new(config)?,
            recorder,
            prices,
            clock,
            hasher,
            keys,
            budgets,
            control,
            optimiser_time: config.gateway.optimiser_time,
            require_key: config.gateway.require_key,
            max_body: config.gateway.max_body as u64,
            drains: Arc::new(Semaphore::new(MAX_DRAINS)),
            refusals: usage_option::Refusals::default(),
            counter: count::Counter::new(Vocabularies::new(&config.gateway.tokenizers)?),
            samples: Samples::new(&config.quality),
            families: (!config.apps.is_empty()).then(family::Families::default),
            ids: ids::Ids::new()?,
            in_flight: AtomicU64::new(0),
            idle: Notify::new(),
            ending: CancellationToken::new(),
            counters: counters::Live::default(),
            clients: Clients::default(),
        }))
    }

    /// Whether a path is the gateway's: an application's, or under `/v1` and not OTLP's.
    #[must_use]
    pub fn claims(&self, path: &str) -> bool {
        let provider =
            path.starts_with("/v1/") && !matches!(path, "/v1/traces" | "/v1/metrics" | "/v1/logs");
        provider || self.routes.app(path).is_some()
    }

    /// Answers one request. Dropping the future means that the client left.
    pub async fn handle(
        self: Arc<Self>,
        request: Request<Incoming>,
        peer: SocketAddr,
    ) -> Response<Body> {
        let family = route::family(request.uri().path());
        let phases = phases::run(Arc::clone(&self), request, peer);
        match AssertUnwindSafe(phases).catch_unwind().await {
            Ok(response) => response,
            Err(_) => {
                counters::count(&self.counters.panics);
                let id = self.ids.next(self.clock.now());
                refuse::Refusal::PANIC.answer(family, id)
            }
        }
    }

    /// Calls chosen to be scored, where any are.
    #[must_use]
    pub const fn samples(&self) -> Option<&Arc<Samples>> {
        self.samples.as_ref()
    }

    /// Calls between their request's head and the end of their answer.
    #[must_use]
    pub fn in_flight(&self) -> u64 {
        self.in_flight.load(Ordering::Relaxed)
    }

    /// Lets go of abandoned calls and waits, not for long, until every row is handed to the recorder.
    /// For when nobody is served any more.
    pub async fn end(&self) {
        self.ending.cancel();
        let all_written = async {
            loop {
                let idle = self.idle.notified();
                if self.in_flight() == 0 {
                    return;
                }
                idle.await;
            }
        };
        if tokio::time::timeout(LAST_ROWS, all_written).await.is_err() {
            tracing::warn!(calls = self.in_flight(), "rows of calls in flight are not written");
        }
    }

    /// Abandoned calls that are read on now.
    #[must_use]
    pub fn draining(&self) -> usize {
        MAX_DRAINS.saturating_sub(self.drains.available_permits())
    }

    /// Kinds of clients that called since start.
    #[must_use]
    pub fn clients(&self) -> Vec<Client> {
        self.clients.seen()
    }

    /// Counters since start.
    #[must_use]
    pub fn counters(&self) -> GatewayCounters {
        self.counters.read()
    }
}
