//! Builds, wires, runs and stops all parts.
//!
//! A start goes through three types: [`Blueprint`] (checked configuration), [`Built`] (every part made
//! in order, ports bound, nothing accepted yet), [`Running`]. Stopping follows the flow: no new
//! connections, streams end or meet the deadline, the recorder drains, the process ends.

pub mod announce;
pub mod clock;
pub mod keys;
pub mod prices;

mod alerting;
mod blueprint;
mod built;
mod chores;
mod connections;
mod doors;
mod ports;
mod running;
mod runtimes;
mod supervisor;
mod traffic;

pub use blueprint::Blueprint;
pub use built::Built;
pub use running::{DRAIN_DEADLINE, Running};

use crate::config::Config;
use crate::receive::gateway::GatewayError;
use crate::store::StoreError;
use clock::Clock;
use keys::KeyError;
use std::ffi::OsString;
use std::net::SocketAddr;
use supervisor::{Supervisor, Told};

/// How `flowgauge serve` behaves.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Say nothing at start.
    pub quiet: bool,
    /// Where a supervisor listens, as systemd names it in `NOTIFY_SOCKET`.
    pub notify_socket: Option<OsString>,
}

/// Why it did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// What several flowgauges share is configured and cannot be.
    #[error("{0}")]
    Shared(String),
    /// A port that is needed is taken, or the address is not ours.
    #[error(
        "cannot listen on {addr} ({name}): {source}; stop what uses it or choose another address"
    )]
    Bind {
        /// Which port.
        name: &'static str,
        /// Where.
        addr: SocketAddr,
        /// Why not.
        source: std::io::Error,
    },
    /// Others could reach it and anybody could use it.
    #[error(
        "{0} can be reached by others and there is no API key: make one with `flowgauge key create` \
         while listening on 127.0.0.1, or set allow_open_bind: true to let everybody in"
    )]
    OpenBind(SocketAddr),
    /// OTLP over gRPC has no keys.
    #[error(
        "{0} (otlp.grpc) can be reached by others and gRPC checks no key: listen on 127.0.0.1, use \
         otlp.http with a key, or set allow_open_bind: true to let everybody in"
    )]
    OpenGrpc(SocketAddr),
    /// The operator's prices.
    #[error("prices: {0}")]
    Prices(#[from] prices::PricesError),
    /// A provider or route.
    #[error(transparent)]
    Gateway(#[from] GatewayError),
    /// Rule files.
    #[error("{0}")]
    Rules(String),
    /// Mail and other ways out.
    #[error(transparent)]
    Ways(#[from] crate::tell::deliver::ways::WaysError),
    /// The certificate of the Postgres port.
    #[cfg(feature = "sql")]
    #[error(transparent)]
    Tls(#[from] crate::query::postgres::TlsError),
    /// Keys.
    #[error(transparent)]
    Keys(#[from] KeyError),
    /// The data directory.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// It cannot tell where its own program is.
    #[error("find this program, which also runs statements: {0}")]
    Program(std::io::Error),
    /// The machine gives no threads.
    #[error("start threads: {0}")]
    Threads(std::io::Error),
}

/// Why serving ended otherwise than asked.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// It did not start.
    #[error(transparent)]
    Start(#[from] StartError),
    /// The process cannot be told to stop.
    #[error("listen for signals: {0}")]
    Signals(std::io::Error),
}

/// Starts flowgauge inside a program that has a runtime: tests and the demo.
///
/// # Errors
/// When a part cannot be made.
pub async fn start(config: Config, clock: Clock) -> Result<Running, StartError> {
    let built = tokio::task::spawn_blocking(move || Blueprint::new(config, clock).build()).await;
    match built {
        Ok(built) => Ok(built?.run()),
        Err(e) => Err(StartError::Threads(std::io::Error::other(e))),
    }
}

/// Serves until SIGTERM or SIGINT; a second one ends it at once. SIGUSR1 switches all optimisations off.
///
/// # Errors
/// When a part cannot be made or signals cannot be listened for.
pub fn run(config: Config, options: Options) -> Result<(), ServeError> {
    let built = Blueprint::new(config, Clock::real()).build()?;
    // Before the doors open: whoever has seen it ready may tell it to stop.
    let mut signals = {
        let _inside = built.control.handle().enter();
        running::Signals::new().map_err(ServeError::Signals)?
    };
    let running = built.run();
    let control = running.control();
    if !options.quiet {
        running.announce();
    }
    let supervisor = Supervisor::at(options.notify_socket);
    supervisor.tell(Told::Ready);
    let app = std::sync::Arc::clone(running.app());
    control.block_on(async {
        signals.stop(&app).await;
        supervisor.tell(Told::Stopping);
        running::say("stopping; once more to stop at once");
        tokio::select! {
            () = running.stop() => {}
            () = signals.stop(&app) => running::say("stopped at once; what was not stored is lost"),
        }
    });
    Ok(())
}
