//! A scripted upstream on loopback: speaks the providers' protocols with fixed ids, so that two equal
//! requests get equal bytes, and misbehaves on demand.

mod answer;
mod body;
mod events;
mod log;
mod script;
mod serve;
mod style;
mod usage;

pub use log::Seen;
pub use script::{Hang, Script};
pub use style::Style;

use log::Log;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio::time::Instant;

/// A running upstream; it stops when dropped.
#[derive(Debug)]
pub struct Upstream {
    addr: SocketAddr,
    log: Arc<Log>,
    task: JoinHandle<()>,
}

impl Upstream {
    /// Starts on a free port. Requests are answered by their `x-script` header, else by the script named
    /// after their model, else by what the model's name says (`slow-500`, `error-503`), else plainly.
    pub async fn start(named: Vec<(String, Script)>) -> std::io::Result<Self> {
        Self::start_on(0, named, true).await
    }

    /// Starts on a port; `keeps` says whether requests are kept for inspection.
    pub async fn start_on(
        port: u16,
        named: Vec<(String, Script)>,
        keeps: bool,
    ) -> std::io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
        let addr = listener.local_addr()?;
        let log = Arc::new(Log::new(keeps));
        let task = tokio::spawn(serve::accept(listener, Arc::new(named), Arc::clone(&log)));
        Ok(Self { addr, log, task })
    }

    /// `http://127.0.0.1:port`.
    #[must_use]
    pub fn base_url(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// Address.
    #[must_use]
    pub const fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Requests so far, in the order their heads came.
    #[must_use]
    pub fn requests(&self) -> Vec<Seen> {
        self.log.requests()
    }

    /// When answers were abandoned by whoever asked.
    #[must_use]
    pub fn aborted_at(&self) -> Vec<Instant> {
        self.log.aborts()
    }

    /// Runs until the process ends.
    pub async fn run(mut self) {
        let _ = (&mut self.task).await;
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.task.abort();
    }
}
