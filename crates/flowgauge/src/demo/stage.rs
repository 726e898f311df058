//! The pretend parts around flowgauge, and the configuration that ties them to it.

use super::local::LocalServer;
use super::model_server::{self, Pace};
use super::{DemoError, DemoOptions, PROVIDER, SERVICE, SLOW_INTENT, app};
use crate::config::{
    App, AppDialect, Config, Gateway, Listener, Provider, StreamSettings, Timeouts,
};
use crate::serve::clock::Clock;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// Provider and application, running.
#[derive(Debug)]
pub struct Stage {
    /// Where the incident begins.
    pub pace: Pace,
    provider: LocalServer,
    app: FlowReader,
    model_url: Arc<OnceLock<String>>,
}

/// The application in front of the gateway.
#[derive(Debug)]
enum FlowReader {
    /// The demo's own.
    Own(LocalServer),
    /// One that somebody else started, by its base URL.
    Given(String),
}

impl Stage {
    /// Starts both, the application only where none is given. It answers with errors until [`Stage::open`] tells it its gateway.
    pub(super) async fn build(options: &DemoOptions, clock: &Clock) -> Result<Self, DemoError> {
        let pace = Pace::new(clock.clone(), options.speed, SLOW_INTENT);
        let provider = model_server::start(options.seed, pace.clone())
            .await
            .map_err(DemoError::io("start the pretend provider"))?;
        let model_url = Arc::new(OnceLock::new());
        let app = match &options.app {
            Some(url) => FlowReader::Given(base_url(url)?),
            None => app::start(Arc::clone(&model_url), clock.clone())
                .await
                .map(FlowReader::Own)
                .map_err(DemoError::io("start the pretend application"))?,
        };
        Ok(Self { pace, provider, app, model_url })
    }

    /// How flowgauge stands between readers, application and provider.
    #[must_use]
    pub fn config(&self, listen: Option<SocketAddr>, data_dir: &Path) -> Config {
        let provider = Provider {
            name: PROVIDER.to_owned(),
            base_url: format!("{}/v1", self.provider.url()),
            api_key: None,
            timeouts: Timeouts::default(),
            retry: None,
            streams: StreamSettings::default(),
        };
        let app = App {
            name: SERVICE.to_owned(),
            prefix: "/api/chat".to_owned(),
            upstream: match &self.app {
                FlowReader::Own(server) => server.url(),
                FlowReader::Given(url) => url.clone(),
            },
            strip: "/api/".to_owned(),
            dialect: AppDialect::FlowReader,
            timeouts: Timeouts::default(),
        };
        let addr = listen.unwrap_or_else(usual_or_free);
        Config {
            listen: Listener { addr, enabled: true, explicit: listen.is_some() },
            data_dir: data_dir.to_owned(),
            gateway: Gateway { providers: vec![provider], ..Gateway::default() },
            apps: vec![app],
            ..Config::default()
        }
    }

    /// Tells the application where its gateway listens.
    pub fn open(&self, gateway: SocketAddr) {
        // A second call changes nothing: the gateway does not move.
        let _first = self.model_url.set(format!("http://{gateway}/v1"));
    }

    /// Stops what was started.
    pub(super) async fn close(self) -> std::io::Result<()> {
        if let FlowReader::Own(server) = self.app {
            server.stop().await?;
        }
        self.provider.stop().await
    }
}

/// An address without a path, as the gateway wants it.
fn base_url(text: &str) -> Result<String, DemoError> {
    let refused = || DemoError::App(text.to_owned());
    let url: axum::http::Uri = text.parse().map_err(|_| refused())?;
    let plain = url.scheme_str() == Some("http") && url.path() == "/" && url.query().is_none();
    let host = url.authority().filter(|_| plain).ok_or_else(refused)?;
    Ok(format!("http://{host}"))
}

/// The customary address, or any free port where somebody else has it.
fn usual_or_free() -> SocketAddr {
    let usual = Config::default().listen.addr;
    match TcpListener::bind(usual) {
        Ok(_closed_again) => usual,
        Err(_) => SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
    }
}

/// Waits for Ctrl-C, SIGTERM or the time given. Signals count from this call on, not from the first
/// poll.
pub(super) fn ended(for_seconds: Option<u64>) -> std::io::Result<impl Future<Output = ()>> {
    #[cfg(unix)]
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    #[cfg(unix)]
    let mut interrupt = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::interrupt())?;
    Ok(async move {
        let time_is_up = async {
            match for_seconds {
                Some(seconds) => tokio::time::sleep(Duration::from_secs(seconds)).await,
                None => std::future::pending().await,
            }
        };
        #[cfg(unix)]
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
            () = time_is_up => {}
        }
        #[cfg(not(unix))]
        tokio::select! {
            _ = tokio::signal::ctrl_c() => {}
            () = time_is_up => {}
        }
    })
}
