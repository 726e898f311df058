//! Every part made, ports bound, nothing accepted yet.

use super::alerting::Alerting;
#[cfg(feature = "sql")]
use super::connections::accept_each;
use super::connections::{Stop, accept};
use super::doors::Door;
use super::ports::Bound;
use super::running::{Running, Shown};
use super::runtimes::Owned;
use crate::control::Control;
use crate::judge::{Quality, Trials};
use crate::keep::{Here, Jobs, Watch};
use crate::receive::ingest::Ingest;
use crate::record::ageing::Ageing;
use crate::record::scores::ScoreBook;
use std::net::TcpListener;
use std::sync::Arc;
use tokio::runtime::Handle;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// Built parts.
#[derive(Debug)]
pub struct Built {
    pub(super) data: Owned,
    pub(super) control: Owned,
    pub(super) parts: Parts,
}

/// The Postgres port and what is behind it.
#[derive(Debug)]
pub(super) struct Postgres {
    pub(super) bound: Bound,
    #[cfg(feature = "sql")]
    pub(super) port: Arc<crate::query::postgres::Port>,
}

/// What a running flowgauge consists of.
#[derive(Debug)]
pub(super) struct Parts {
    pub(super) shown: Shown,
    pub(super) stopping: CancellationToken,
    pub(super) doors: Vec<(Bound, Door)>,
    pub(super) otlp_grpc: Bound,
    /// The Postgres port and what is behind it; nothing where this program has no SQL.
    pub(super) postgres: Postgres,
    pub(super) ingest: Arc<Ingest>,
    pub(super) scores: Arc<ScoreBook>,
    pub(super) watch: (Watch, Here),
    pub(super) alerting: Alerting,
    pub(super) quality: Arc<Quality>,
    pub(super) switched: Arc<Control>,
    pub(super) trials: Arc<Trials>,
    pub(super) ageing: Ageing,
    pub(super) jobs: Arc<Jobs>,
}

impl Built {
    /// Opens the doors.
    #[must_use]
    pub fn run(self) -> Running {
        let Self { data, control, parts } = self;
        let Parts { shown, stopping, doors, otlp_grpc, postgres, ingest, .. } = parts;
        let Parts { scores, watch, alerting, quality, switched, trials, ageing, jobs, .. } = parts;
        let stop = Stop { drain: stopping, cut: CancellationToken::new() };
        let mut tasks = JoinSet::new();
        for (bound, door) in doors {
            let Some(socket) = bound.socket else { continue };
            let (stop, name) = (stop.clone(), bound.port.name);
            tasks.spawn_on(open(name, socket, door, stop), data.handle());
        }
        if let Some(socket) = otlp_grpc.socket {
            let drain = stop.drain.clone();
            tasks.spawn_on(open_grpc(socket, ingest, drain), data.handle());
        }
        postgres.open(&mut tasks, control.handle(), &stop);
        tasks.spawn_on(scores.look_out(stop.drain.clone()), control.handle());
        let (watch, here) = watch;
        tasks.spawn_on(watch.run(stop.drain.clone()), control.handle());
        tasks.spawn_on(here.run(stop.drain.clone()), control.handle());
        let desk = Arc::clone(&switched.desk);
        tasks.spawn_on(desk.run(stop.drain.clone()), control.handle());
        tasks.spawn_on(switched.run(stop.drain.clone()), control.handle());
        tasks.spawn_on(trials.run(stop.drain.clone()), control.handle());
        tasks.spawn_on(ageing.run(stop.drain.clone()), control.handle());
        tasks.spawn_on(jobs.run(stop.drain.clone()), control.handle());
        quality.run(&mut tasks, control.handle(), &stop.drain);
        alerting.run(&mut tasks, control.handle(), &stop.drain);
        Running::new((data, control), shown, stop, tasks)
    }
}

impl Postgres {
    /// Statements are questions: they run beside the API, off the request path.
    #[cfg(feature = "sql")]
    fn open(self, tasks: &mut JoinSet<()>, control: &Handle, stop: &Stop) {
        let Some(socket) = self.bound.socket else { return };
        let (port, stop) = (self.port, stop.clone());
        let serving = async move {
            match tokio::net::TcpListener::from_std(socket) {
                Ok(listener) => {
                    let drain = stop.drain.clone();
                    let each =
                        move |stream, peer| Arc::clone(&port).serve(stream, peer, drain.clone());
                    accept_each(listener, stop, each).await;
                }
                Err(e) => tracing::error!(error = %e, port = "postgres", "cannot listen"),
            }
        };
        tasks.spawn_on(serving, control);
    }

    #[cfg(not(feature = "sql"))]
    fn open(self, _: &mut JoinSet<()>, _: &Handle, _: &Stop) {
        drop(self.bound);
    }
}

async fn open_grpc(socket: TcpListener, ingest: Arc<Ingest>, drain: CancellationToken) {
    match tokio::net::TcpListener::from_std(socket) {
        Ok(listener) => ingest.serve_grpc(listener, drain).await,
        Err(e) => tracing::error!(error = %e, port = "otlp_grpc", "cannot listen"),
    }
}

async fn open(name: &'static str, socket: TcpListener, door: Door, stop: Stop) {
    match tokio::net::TcpListener::from_std(socket) {
        Ok(listener) => accept(listener, door, stop).await,
        Err(e) => tracing::error!(error = %e, port = name, "cannot listen"),
    }
}
