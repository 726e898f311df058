//! The answer's body on its way to the client: each frame goes out as it came, or spliced where flowgauge
//! asked for more than the client did. Its copy is read when there is nothing to forward.

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
use super::splice::{Garbled, Splice};
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
    /// It is encoded in a way that cannot be undone.
    #[error("the upstream's answer cannot be decoded")]
    Garbled,
}

/// An end by error that is still to be said.
struct Failing {
    why: Broken,
    /// A server drops what it has not written when a body fails, so it gets a turn to write first.
    may_write: bool,
}

/// Body of a forwarded answer.
pub(super) struct TapBody {
    /// Both gone once the answer is over.
    live: Option<(Watch, Received)>,
    splice: Option<Splice>,
    timeouts: Timeouts,
    /// Set only once there is something to wait for.
    timer: Option<Pin<Box<Sleep>>>,
    waiting_since: Option<Micros>,
    last_event: Micros,
    /// Its length was promised, so nothing may be added.
    sized: bool,
    failing: Option<Failing>,
    /// The last frame, taken out of the splice and not yet gone.
    last: Option<Frame<Bytes>>,
}

impl TapBody {
    pub(super) fn new(
        mut watch: Watch,
        upstream: Received,
        splice: Option<Splice>,
        timeouts: Timeouts,
    ) -> Self {
        let sized = splice.is_none() && upstream.size_hint().exact().is_some();
        let last_event = watch.flight().now();
        Self {
            live: Some((watch, upstream)),
            splice,
            timeouts,
            timer: None,
            waiting_since: None,
            last_event,
            sized,
            failing: None,
            last: None,
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

    /// What of a frame leaves now.
    fn forward(&mut self, frame: Frame<Bytes>) -> Result<Option<Frame<Bytes>>, Garbled> {
        let now = self.arrived();
        if let (Some(data), Some((watch, _))) = (frame.data_ref(), &mut self.live)
            && watch.saw(data, now)
        {
            self.last_event = now;
        }
        let frame = match &mut self.splice {
            None => Some(frame),
            Some(splice) => splice.pass(frame)?,
        };
        if let (Some(data), Some((watch, _))) =
            (frame.as_ref().and_then(Frame::data_ref), &mut self.live)
        {
            watch.gave(data);
        }
        Ok(frame)
    }

    /// What is still to leave after the upstream's end.
    fn leftover(&mut self) -> Option<Frame<Bytes>> {
        if let Some(last) = self.last.take() {
            return Some(last);
        }
        self.splice.as_mut()?.rest()
    }

    /// The upstream ended as it should: what is left of the answer is seen before the row is written.
    fn ended(&mut self) {
        self.last = self.leftover();
        if let (Some(data), Some((watch, _))) =
            (self.last.as_ref().and_then(Frame::data_ref), &mut self.live)
        {
            watch.gave(data);
        }
        self.over(Ending::Clean);
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
            Broken::Garbled => ("upstream_garbled", Ending::Cut),
        };
        let Some((watch, _)) = &mut self.live else { return Poll::Ready(None) };
        let protocol = watch.protocol();
        let settled = watch.settled();
        if let Some(splice) = &mut self.splice {
            splice.cut();
        }
        let may_append = !self.sized
            && match &self.splice {
                Some(splice) => splice.at_boundary(),
                None => watch.may_append(),
            };
        self.over(ending);
        let last = self.leftover();
        if self.sized || !(settled || may_append) {
            self.failing = Some(Failing { why, may_write: last.is_some() });
            if last.is_none() {
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            return Poll::Ready(last.map(Ok));
        }
        if settled {
            return Poll::Ready(last.map(Ok));
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
        if let Some(failing) = &mut this.failing {
            if std::mem::take(&mut failing.may_write) {
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            let why = failing.why;
            this.failing = None;
            return Poll::Ready(Some(Err(Box::new(why))));
        }
        loop {
            let Some((_, upstream)) = &mut this.live else {
                return Poll::Ready(this.leftover().map(Ok));
            };
            match Pin::new(upstream).poll_frame(cx) {
                Poll::Ready(Some(Ok(frame))) => match this.forward(frame) {
                    Ok(Some(frame)) => return Poll::Ready(Some(Ok(frame))),
                    Ok(None) => {}
                    Err(Garbled) => return this.break_off(Broken::Garbled, cx),
                },
                Poll::Ready(Some(Err(_))) => {
                    this.arrived();
                    return this.break_off(Broken::Cut, cx);
                }
                Poll::Ready(None) => {
                    this.arrived();
                    this.ended();
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
                    return this.break_off(Broken::Stalled, cx);
                }
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.live {
            Some((_, upstream)) => self.splice.is_none() && upstream.is_end_stream(),
            None => {
                self.failing.is_none()
                    && self.last.is_none()
                    && self.splice.as_ref().is_none_or(Splice::is_empty)
            }
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.live {
            Some((_, upstream)) if self.sized => upstream.size_hint(),
            Some(_) => SizeHint::default(),
            None if self.is_end_stream() => SizeHint::with_exact(0),
            None => SizeHint::default(),
        }
    }
}

impl Drop for TapBody {
    fn drop(&mut self) {
        let Some((mut watch, upstream)) = self.live.take() else { return };
        // The server stops asking once all promised bytes are out, and clients leave after the end mark.
        if upstream.is_end_stream() || watch.settled() {
            if self.splice.as_ref().is_some_and(|s| !s.is_empty()) {
                // The client has all that counts to it, but not every byte.
                watch.flight().terms().keep = None;
            }
            watch.settle(Ending::Clean);
            return;
        }
        drain::body(watch, upstream);
    }
}
