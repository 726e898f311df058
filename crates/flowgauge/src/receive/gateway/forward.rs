//! Sends one request and waits for the head of its answer.

use crate::logic::call::AttemptReason;
use crate::logic::unit::Micros;
use crate::receive::egress::{Answer, Outbound, Pending, TooLarge, never_connected};
use http::Request;
use std::error::Error;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::time::Sleep;

use super::counters::count;
use super::drain;
use super::flight::Flight;
use super::refuse::Refusal;
use super::target::Target;

/// Sends one request and waits for its head no longer than the target's timeouts allow. The body limit
/// is the one a passing body keeps.
pub(super) async fn ask(
    mut flight: Flight,
    target: &Target,
    request: Request<Outbound>,
    reason: AttemptReason,
    max_body: u64,
) -> (Flight, Result<Answer, Refusal>) {
    let rest = target.timeouts.total.saturating_sub(flight.elapsed());
    let limit = Micros(target.timeouts.first_byte.0.min(rest.0));
    let sent = flight.elapsed();
    flight.sent(reason);
    let pending = target.egress.send(request);
    let mut waiting = Waiting { call: Some((flight, pending)) };
    let mut timer = pin!(tokio::time::sleep(Duration::from_micros(limit.0)));
    let (mut flight, came) = poll_fn(|cx| waiting.poll_head(cx, timer.as_mut())).await;
    flight.waited(flight.elapsed().saturating_sub(sent));
    let came = came.map_err(|why| why.refusal(max_body));
    if let Err(refusal) = &came {
        if *refusal == Refusal::UNREACHABLE {
            count(&flight.gateway().counters.unreachable);
        } else if *refusal == Refusal::TIMEOUT {
            count(&flight.gateway().counters.timeouts);
        }
    }
    (flight, came)
}

/// Why no head came.
enum NoHead {
    Failed(hyper_util::client::legacy::Error),
    TooLate,
}

impl NoHead {
    fn refusal(&self, max_body: u64) -> Refusal {
        let error = match self {
            Self::TooLate => return Refusal::TIMEOUT,
            Self::Failed(error) => error,
        };
        if never_connected(error) {
            return Refusal::UNREACHABLE;
        }
        let mut cause: Option<&(dyn Error + 'static)> = Some(error);
        while let Some(e) = cause {
            if e.is::<TooLarge>() {
                return Refusal::too_large(max_body);
            }
            if e.downcast_ref::<hyper::Error>().is_some_and(hyper::Error::is_user) {
                return Refusal::BROKEN_BODY;
            }
            cause = e.source();
        }
        Refusal::UNREACHABLE
    }
}

/// Waits for a head; dropped before it came, the client has left.
struct Waiting {
    /// Gone once there is a head, or will be none.
    call: Option<(Flight, Pending)>,
}

impl Waiting {
    fn poll_head(
        &mut self,
        cx: &mut Context<'_>,
        timer: Pin<&mut Sleep>,
    ) -> Poll<(Flight, Result<Answer, NoHead>)> {
        let Some((mut flight, mut pending)) = self.call.take() else { return Poll::Pending };
        if let Poll::Ready(came) = Pin::new(&mut pending).poll(cx) {
            return Poll::Ready((flight, came.map_err(NoHead::Failed)));
        }
        if timer.poll(cx).is_ready() {
            return Poll::Ready((flight, Err(NoHead::TooLate)));
        }
        // The request is on its way; only now is there time to say so.
        flight.started();
        self.call = Some((flight, pending));
        Poll::Pending
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        if let Some((flight, pending)) = self.call.take() {
            drain::before_head(flight, pending);
        }
    }
}
