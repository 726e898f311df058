//! The answer's body on its way to the client: each frame goes out as it came, its copy is read when
//! there is nothing to forward.

use crate::config::Timeouts;
use crate::logic::unit::Micros;
use crate::logic::wire;
use crate::receive::BoxError;
use crate::receive::egress::Received;
use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::time::Sleep;

use super::drain;
use super::watch::{Ending, Watch};

/// Why a body ended early.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Broken {
    /// The connection broke.
    #[error("the upstream closed the connection before the end of its answer")]
    Cut,
    /// Silence for too long.
    #[error("the upstream fell silent in the middle of its answer")]
    Stalled,
}

/// Body of a forwarded answer.
pub(super) struct TapBody {
    /// Both gone once the answer is over.
    live: Option<(Watch, Received)>,
    timeouts: Timeouts,
    /// Set only once there is something to wait for.
    timer: Option<Pin<Box<Sleep>>>,
    waiting_since: Option<Micros>,
    last_event: Micros,
    /// Its length was promised, so nothing may be added.
    sized: bool,
    /// Said on the next poll: a server drops what it has not written when a body fails, so it gets a
    /// turn to write first.
    failing: Option<Broken>,
}

impl TapBody {
    pub(super) fn new(mut watch: Watch, upstream: Received, timeouts: Timeouts) -> Self {
        let sized = upstream.size_hint().exact().is_some();
        let last_event = watch.flight().now();
        Self {
            live: Some((watch, upstream)),
            timeouts,
            timer: None,
            waiting_since: None,
            last_event,
            sized,
            failing: None,
        }
    }

    /// The upstream delivered something, or its end.
    fn arrived(&mut self) -> Micros {
        let Some((watch, _)) = &mut self.live else { return Micros(0) };
        let now = watch.flight().now();
        if let Some(since) = self.waiting_since.take() {
            watch.flight().waited(now.saturating_sub(since));
        }
        now
    }

    fn over(&mut self, ending: Ending) {
        if let Some((watch, _)) = self.live.take() {
            watch.settle(ending);
        }
    }

    /// Ends a broken answer in a way the client sees: with an event where one may follow, else by
    /// breaking off. An answer that said its last word just ends.
    fn break_off(
        &mut self,
        why: Broken,
        cx: &Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let (code, ending) = match why {
            Broken::Cut => ("upstream_closed", Ending::Cut),
            Broken::Stalled => ("upstream_timeout", Ending::Stalled),
        };
        let Some((watch, _)) = &mut self.live else { return Poll::Ready(None) };
        let protocol = watch.protocol();
        let settled = watch.settled();
        let may_append = !self.sized && watch.may_append();
        self.over(ending);
        if self.sized || !(settled || may_append) {
            self.failing = Some(why);
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        if settled {
            return Poll::Ready(None);
        }
        let event = wire::error_event(protocol, code, &why.to_string());
        Poll::Ready(Some(Ok(Frame::data(Bytes::from(event)))))
    }

    /// Waits: ready when the upstream was silent, or took in all, for too long.
    fn poll_limits(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some((watch, _)) = &mut self.live else { return Poll::Pending };
        loop {
            if let Some(timer) = &mut self.timer {
                ready!(timer.as_mut().poll(cx));
            }
            let silent = watch.flight().now().saturating_sub(self.last_event);
            let idle_left = self.timeouts.idle.saturating_sub(silent);
            let total_left = self.timeouts.total.saturating_sub(watch.flight().elapsed());
            let left = idle_left.min(total_left);
            if left == Micros(0) {
                return Poll::Ready(());
            }
            // Events do not touch the timer: it looks again when it fires.
            self.timer = Some(Box::pin(tokio::time::sleep(Duration::from_micros(left.0))));
        }
    }
}

impl HttpBody for TapBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = &mut *self;
        if let Some(why) = this.failing.take() {
            return Poll::Ready(Some(Err(Box::new(why))));
        }
        let Some((_, upstream)) = &mut this.live else { return Poll::Ready(None) };
        match Pin::new(upstream).poll_frame(cx) {
            Poll::Ready(Some(Ok(frame))) => {
                let now = this.arrived();
                if let (Some(data), Some((watch, _))) = (frame.data_ref(), &mut this.live)
                    && watch.saw(data, now)
                {
                    this.last_event = now;
                }
                Poll::Ready(Some(Ok(frame)))
            }
            Poll::Ready(Some(Err(_))) => {
                this.arrived();
                this.break_off(Broken::Cut, cx)
            }
            Poll::Ready(None) => {
                this.arrived();
                this.over(Ending::Clean);
                Poll::Ready(None)
            }
            Poll::Pending => {
                if let Some((watch, _)) = &mut this.live {
                    if this.waiting_since.is_none() {
                        this.waiting_since = Some(watch.flight().now());
                    }
                    watch.read();
                }
                ready!(this.poll_limits(cx));
                this.arrived();
                this.break_off(Broken::Stalled, cx)
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.live {
            Some((_, upstream)) => upstream.is_end_stream(),
            None => self.failing.is_none(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.live {
            Some((_, upstream)) if self.sized => upstream.size_hint(),
            Some(_) => SizeHint::default(),
            None if self.failing.is_some() => SizeHint::default(),
            None => SizeHint::with_exact(0),
        }
    }
}

impl Drop for TapBody {
    fn drop(&mut self) {
        let Some((mut watch, upstream)) = self.live.take() else { return };
        // The server stops asking once all promised bytes are out, and clients leave after the end mark.
        if upstream.is_end_stream() || watch.settled() {
            watch.settle(Ending::Clean);
            return;
        }
        drain::body(watch, upstream);
    }
}
