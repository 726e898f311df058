//! Which part answers a request: the one decision per request, by its path.

use super::keys::KeyRing;
use crate::receive::gateway::Gateway;
use crate::receive::ingest::{Ingest, Signal};
use crate::receive::{Body, BoxError};
use axum::Router;
use axum::extract::ConnectInfo;
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::runtime::Handle;
use tokio::task::JoinSet;
use tower::ServiceExt;

/// What answers on a port. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) enum Door {
    /// The main port: OTLP/HTTP, gateway, API and page.
    Main(Arc<Main>),
    /// The customary port of OTLP/HTTP, which serves nothing else.
    Otlp(Arc<Otlp>),
}

/// The part behind OTLP.
#[derive(Debug)]
pub(super) struct Otlp {
    pub(super) ingest: Arc<Ingest>,
    pub(super) keys: Arc<KeyRing>,
}

/// The parts behind the main port.
#[derive(Debug)]
pub(super) struct Main {
    pub(super) otlp: Arc<Otlp>,
    pub(super) gateway: Arc<Gateway>,
    pub(super) router: Router,
    pub(super) control: Handle,
}

impl Door {
    /// Answers one request.
    pub(super) async fn answer(
        self,
        request: Request<Incoming>,
        peer: SocketAddr,
    ) -> Response<Body> {
        let signal = signal(request.uri().path());
        match (self, signal) {
            (Self::Otlp(otlp), Some(signal)) => otlp.take(signal, request, peer).await,
            (Self::Otlp(_), None) => plain(StatusCode::NOT_FOUND),
            (Self::Main(main), Some(signal)) => main.otlp.take(signal, request, peer).await,
            (Self::Main(main), None) if main.gateway.claims(request.uri().path()) => {
                Arc::clone(&main.gateway).handle(request, peer).await
            }
            (Self::Main(main), None) => main.ask(request, peer).await,
        }
    }
}

fn signal(path: &str) -> Option<Signal> {
    match path {
        "/v1/traces" => Some(Signal::Traces),
        "/v1/logs" => Some(Signal::Logs),
        "/v1/metrics" => Some(Signal::Metrics),
        _ => None,
    }
}

impl Otlp {
    /// Others need a key as soon as there is one: made-up rows would spoil every figure.
    async fn take(
        &self,
        signal: Signal,
        request: Request<Incoming>,
        peer: SocketAddr,
    ) -> Response<Body> {
        let local = peer.ip().to_canonical().is_loopback();
        if !local && !self.keys.is_empty() && !self.admits(request.headers()) {
            return plain(StatusCode::UNAUTHORIZED);
        }
        let response = Arc::clone(&self.ingest).http(signal, request).await;
        response.map(|body| body.map_err(|never| match never {}).boxed_unsync())
    }

    fn admits(&self, headers: &HeaderMap) -> bool {
        let text = |name: &str| headers.get(name).and_then(|v| v.to_str().ok());
        let bearer = text("authorization").and_then(|v| v.strip_prefix("Bearer "));
        let shown = bearer.or_else(|| text("x-api-key"));
        shown.and_then(|key| self.keys.holder(key)).is_some_and(|h| h.scope.may_send())
    }
}

impl Main {
    /// Questions run on the control runtime: a long one must not slow a request (decision D18).
    async fn ask(&self, request: Request<Incoming>, peer: SocketAddr) -> Response<Body> {
        let mut request = request.map(axum::body::Body::new);
        request.extensions_mut().insert(ConnectInfo(peer));
        // A set ends its task when the client leaves and this future is dropped.
        let mut task = JoinSet::new();
        task.spawn_on(self.router.clone().oneshot(request), &self.control);
        match task.join_next().await {
            Some(Ok(Ok(response))) => response.map(|b| b.map_err(BoxError::from).boxed_unsync()),
            Some(Ok(Err(never))) => match never {},
            Some(Err(e)) => {
                tracing::error!(error = %e, "a question ended without an answer");
                plain(StatusCode::INTERNAL_SERVER_ERROR)
            }
            None => plain(StatusCode::INTERNAL_SERVER_ERROR),
        }
    }
}

fn plain(status: StatusCode) -> Response<Body> {
    let body = Empty::new().map_err(|never| match never {}).boxed_unsync();
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response
}
