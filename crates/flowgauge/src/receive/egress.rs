//! The one outbound HTTP client: connection pool, TLS, limits. Redirects are not followed and
//! nothing is decompressed.
//!
//! HTTP/1.1 only, one connection per call in flight: dropping a call closes its connection, so that
//! the provider sees at once that nobody listens, and no call queues behind another's stream.

use super::BoxError;
use bytes::Bytes;
use http::{Request, Response, Uri};
use http_body::{Body as HttpBody, Frame, SizeHint};
use hyper::body::Incoming;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tower::Service;

mod reach;
mod received;

pub use reach::{Forbidden, Reach};
pub use received::Received;

use reach::Checked;

/// Idle connections kept per upstream: as many as streams the gateway is built to carry at once.
const POOL_IDLE_PER_HOST: usize = 512;
/// Idle connections are closed before the 60 s after which common load balancers drop them.
const POOL_IDLE_TIMEOUT: Duration = Duration::from_secs(50);
/// Read buffer of one connection, and so the largest response head.
const MAX_BUFFER: usize = 64 << 10;

/// Why there is no client.
#[derive(Debug, thiserror::Error)]
#[error("the TLS client cannot be set up: {0}")]
pub struct EgressError(#[from] rustls::Error);

/// A client for one upstream. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Egress {
    client: Client<Bounded<HttpsConnector<HttpConnector<Checked>>>, Outbound>,
}

/// The answer to come.
#[derive(Debug)]
pub struct Pending(hyper_util::client::legacy::ResponseFuture);

impl Future for Pending {
    type Output = Result<Answer, hyper_util::client::legacy::Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0).poll(cx).map_ok(|answer| answer.map(Received::new))
    }
}

impl Egress {
    /// A client that gives up connecting (name, TCP and TLS together) after `connect`.
    pub fn new(connect: Duration) -> Result<Self, EgressError> {
        Self::within(Reach::Anywhere, connect)
    }

    /// As [`Egress::new`], for addresses that somebody else may have chosen.
    pub fn within(reach: Reach, connect: Duration) -> Result<Self, EgressError> {
        let mut tcp = HttpConnector::new_with_resolver(Checked::new(reach));
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_connect_timeout(Some(connect));
        let connector = HttpsConnectorBuilder::new()
            .with_provider_and_webpki_roots(rustls::crypto::ring::default_provider())?
            .https_or_http()
            .enable_http1()
            .wrap_connector(tcp);
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .timer(TokioTimer::new())
            .pool_idle_timeout(POOL_IDLE_TIMEOUT)
            .pool_max_idle_per_host(POOL_IDLE_PER_HOST)
            .http1_max_buf_size(MAX_BUFFER)
            .build(Bounded { inner: connector, limit: connect, reach });
        Ok(Self { client })
    }

    /// Sends a request. Dropping the result cancels it.
    pub fn send(&self, request: Request<Outbound>) -> Pending {
        Pending(self.client.request(request))
    }
}

/// Whether a failure happened before there was a connection.
#[must_use]
pub fn never_connected(error: &hyper_util::client::legacy::Error) -> bool {
    error.is_connect()
}

/// A received answer.
pub type Answer = Response<Received>;

/// Body of a request to an upstream.
#[derive(Debug)]
pub enum Outbound {
    /// Held in memory; taken when sent.
    Whole(Option<Bytes>),
    /// Passed on as it arrives, up to a number of bytes.
    Passing {
        /// The caller's body.
        body: Incoming,
        /// Bytes it may still send.
        left: u64,
    },
}

/// A body passed on as it arrived grew over the limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the request body is larger than allowed")]
pub struct TooLarge;

impl HttpBody for Outbound {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        match &mut *self {
            Self::Whole(bytes) => {
                Poll::Ready(bytes.take().filter(|b| !b.is_empty()).map(|b| Ok(Frame::data(b))))
            }
            Self::Passing { body, left } => match Pin::new(body).poll_frame(cx) {
                Poll::Ready(Some(Ok(frame))) => {
                    let size = frame.data_ref().map_or(0, |d| d.len() as u64);
                    match left.checked_sub(size) {
                        Some(rest) => *left = rest,
                        None => return Poll::Ready(Some(Err(Box::new(TooLarge)))),
                    }
                    Poll::Ready(Some(Ok(frame)))
                }
                Poll::Ready(Some(Err(e))) => Poll::Ready(Some(Err(Box::new(e)))),
                Poll::Ready(None) => Poll::Ready(None),
                Poll::Pending => Poll::Pending,
            },
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Whole(bytes) => bytes.as_ref().is_none_or(Bytes::is_empty),
            Self::Passing { body, .. } => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(bytes) => {
                SizeHint::with_exact(bytes.as_ref().map_or(0, |b| b.len() as u64))
            }
            Self::Passing { body, .. } => body.size_hint(),
        }
    }
}

/// A connector with a limit on all it does, the TLS handshake included.
#[derive(Debug, Clone)]
struct Bounded<C> {
    inner: C,
    limit: Duration,
    reach: Reach,
}

impl<C> Service<Uri> for Bounded<C>
where
    C: Service<Uri>,
    C::Future: Send + 'static,
    C::Response: Send,
    C::Error: Into<BoxError>,
{
    type Response = C::Response;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<C::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let allowed = self.reach.check_literal(&uri);
        let connecting = self.inner.call(uri);
        let limit = self.limit;
        Box::pin(async move {
            // Nothing is connected to before this: the inner future does not run by itself.
            allowed?;
            match tokio::time::timeout(limit, connecting).await {
                Ok(result) => result.map_err(Into::into),
                Err(elapsed) => Err(elapsed.into()),
            }
        })
    }
}
