//! An HTTP server on a free loopback port with an owner and an end. Knows no routes.

use axum::Router;
use std::net::{Ipv4Addr, SocketAddr};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// A running server.
#[derive(Debug)]
pub struct LocalServer {
    addr: SocketAddr,
    stop: CancellationToken,
    task: JoinHandle<std::io::Result<()>>,
}

impl LocalServer {
    /// Binds 127.0.0.1 on a port the system chooses and serves.
    ///
    /// # Errors
    /// When no port can be bound.
    pub async fn start(routes: Router) -> std::io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let addr = listener.local_addr()?;
        let stop = CancellationToken::new();
        let token = stop.clone();
        let task = tokio::spawn(async move {
            tokio::select! {
                served = axum::serve(listener, routes) => served,
                // Open streams end here too: their clients belong to the same demo and go with it.
                () = token.cancelled() => Ok(()),
            }
        });
        Ok(Self { addr, stop, task })
    }

    /// `http://127.0.0.1:port`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// Stops accepting and waits for the server's end.
    ///
    /// # Errors
    /// When the server had failed before.
    pub async fn stop(self) -> std::io::Result<()> {
        self.stop.cancel();
        self.task.await.map_err(std::io::Error::other)?
    }
}
