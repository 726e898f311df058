//! A running flowgauge: its addresses, and its end.

use super::announce;
use super::connections::Stop;
use super::keys::KeyRing;
use super::runtimes::Owned;
use crate::control::Control;
use crate::receive::gateway::Gateway;
use crate::record::Recorder;
use crate::record::ledger::Budgets;
use crate::tell::page::control::{Aim, BY_SIGNAL, rollback};
use crate::tell::page::{App, Facts, PortState};
use std::io::{self, Write as _};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::task::JoinSet;

/// Longest wait for streams to end by themselves. Supervisors kill after 30 s; the recorder needs
/// the rest to write what came last.
pub const DRAIN_DEADLINE: Duration = Duration::from_secs(25);

/// A running flowgauge. Dropping it stops without draining.
#[derive(Debug)]
pub struct Running {
    /// Page, API and gateway.
    pub addr: SocketAddr,
    /// OTLP over HTTP on its own port, where it is open.
    pub otlp_http: Option<SocketAddr>,
    /// OTLP over gRPC, where it is open.
    pub otlp_grpc: Option<SocketAddr>,
    /// SQL over the protocol of Postgres, where it is open.
    pub postgres: Option<SocketAddr>,
    /// The recorder, for those who add rows from inside.
    pub recorder: Recorder,
    gateway: Arc<Gateway>,
    budgets: Arc<Budgets>,
    switched: Arc<Control>,
    keys: Arc<KeyRing>,
    app: App,
    facts: Facts,
    stop: Stop,
    tasks: JoinSet<()>,
    // Last, so that they outlive what runs on them.
    control: Owned,
    _data: Owned,
}

/// Parts that are reachable while it runs.
#[derive(Debug)]
pub(super) struct Shown {
    pub(super) recorder: Recorder,
    pub(super) gateway: Arc<Gateway>,
    pub(super) budgets: Arc<Budgets>,
    pub(super) switched: Arc<Control>,
    pub(super) keys: Arc<KeyRing>,
    pub(super) app: App,
    pub(super) facts: Facts,
}

impl Running {
    pub(super) fn new(
        (data, control): (Owned, Owned),
        parts: Shown,
        stop: Stop,
        tasks: JoinSet<()>,
    ) -> Self {
        let Shown { recorder, budgets, switched, gateway, keys, app, facts } = parts;
        let open = |name: &str| {
            let port = facts.ports.iter().find(|p| p.name == name && p.state == PortState::Open);
            port.map(|p| p.addr)
        };
        let nowhere = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0));
        let addr = open("http").unwrap_or(nowhere);
        announce::publish(&facts.data_dir, addr);
        Self {
            addr,
            otlp_http: open("otlp_http"),
            otlp_grpc: open("otlp_grpc"),
            postgres: open("postgres"),
            recorder,
            gateway,
            budgets,
            switched,
            keys,
            app,
            facts,
            stop,
            tasks,
            control,
            _data: data,
        }
    }

    /// The keys.
    #[must_use]
    pub fn keys(&self) -> &Arc<KeyRing> {
        &self.keys
    }

    /// What is switched how.
    #[must_use]
    pub fn switches(&self) -> &Arc<Control> {
        &self.switched
    }

    /// What the API's handlers share, to look at the routes.
    #[must_use]
    pub fn app(&self) -> &App {
        &self.app
    }

    pub(super) fn control(&self) -> Handle {
        self.control.handle().clone()
    }

    /// Says on standard error where everything is.
    pub(super) fn announce(&self) {
        let Facts { data_dir, ports, .. } = &self.facts;
        say(&format!("flowgauge {}", env!("CARGO_PKG_VERSION")));
        say(&format!("  page     http://{}/", self.addr));
        say(&format!("  gateway  http://{}/v1", self.addr));
        say(&format!("  data     {}", data_dir.display()));
        for port in ports {
            match &port.state {
                PortState::Open => say(&format!("  open     {} ({})", port.addr, port.name)),
                PortState::Off => {}
                PortState::Skipped(why) => {
                    say(&format!("  skipped  {} ({}): {why}", port.addr, port.name));
                }
            }
        }
        if !self.addr.ip().is_loopback() {
            say("  note     plain HTTP, reachable by others; put TLS in front");
        }
    }

    /// Stops in flow order: accepts nothing more, lets requests end until the deadline, then writes
    /// what came last.
    pub async fn stop(mut self) {
        announce::withdraw(&self.facts.data_dir);
        self.stop.drain.cancel();
        let drained = tokio::time::timeout(DRAIN_DEADLINE, ended(&mut self.tasks)).await;
        if drained.is_err() {
            tracing::warn!("streams were cut at the deadline");
            self.stop.cut.cancel();
            self.tasks.shutdown().await;
        }
        self.gateway.end().await;
        self.budgets.shutdown().await;
        self.switched.desk.close();
        self.recorder.shutdown().await;
    }
}

async fn ended(tasks: &mut JoinSet<()>) {
    while tasks.join_next().await.is_some() {}
}

/// A line on standard error. Where nobody reads it, nothing is lost.
pub(super) fn say(line: &str) {
    let _ = writeln!(io::stderr().lock(), "{line}");
}

/// What a signal asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asked {
    /// To stop.
    Stop,
    /// To switch all optimisations off.
    RollBack,
}

/// SIGTERM, SIGINT and SIGUSR1.
#[cfg(unix)]
#[derive(Debug)]
pub(super) struct Signals {
    term: tokio::signal::unix::Signal,
    int: tokio::signal::unix::Signal,
    usr1: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    pub(super) fn new() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self {
            term: signal(SignalKind::terminate())?,
            int: signal(SignalKind::interrupt())?,
            usr1: signal(SignalKind::user_defined1())?,
        })
    }

    /// Waits for the next one.
    pub(super) async fn next(&mut self) -> Asked {
        tokio::select! {
            _ = self.term.recv() => Asked::Stop,
            _ = self.int.recv() => Asked::Stop,
            _ = self.usr1.recv() => Asked::RollBack,
        }
    }
}

/// Ctrl-C.
#[cfg(not(unix))]
#[derive(Debug)]
pub(super) struct Signals;

#[cfg(not(unix))]
impl Signals {
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self)
    }

    /// Waits for the next one.
    pub(super) async fn next(&mut self) -> Asked {
        // Where it cannot be listened for, the process is ended from outside.
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
        Asked::Stop
    }
}

impl Signals {
    /// Waits until told to stop. A rollback asked for meanwhile is carried out.
    pub(super) async fn stop(&mut self, app: &App) {
        while self.next().await == Asked::RollBack {
            say("SIGUSR1: switching all optimisations off");
            let reason = "SIGUSR1 was received";
            let done = rollback::carry_out(app, &Aim::All, BY_SIGNAL, reason).await;
            for step in &done.steps {
                say(&format!("  {}  {:?}  {}", step.step, step.status, step.detail));
            }
        }
    }
}
