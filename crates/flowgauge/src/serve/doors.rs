//! Which part answers a request: the one decision per request, by its path.

use crate::receive::gateway::Gateway;
use crate::receive::{Body, BoxError};
use axum::Router;
use axum::extract::ConnectInfo;
use http::{Request, Response, StatusCode};
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
}

/// The parts behind the main port.
#[derive(Debug)]
pub(super) struct Main {
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
        let Self::Main(main) = self;
        let path = request.uri().path();
        if main.gateway.claims(path) {
            return Arc::clone(&main.gateway).handle(request, peer).await;
        }
        main.ask(request, peer).await
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
