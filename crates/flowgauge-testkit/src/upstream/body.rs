//! A body that comes in pieces, slowly, or breaks.

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use std::collections::VecDeque;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::time::{Sleep, sleep};

use super::log::Unfinished;

/// What follows the last piece.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Then {
    End,
    Break,
    Hang,
    /// A comment at each delay.
    Comments,
}

#[derive(Debug)]
pub(super) struct ScriptedBody {
    pieces: VecDeque<Bytes>,
    then: Then,
    delay: Option<Duration>,
    /// Waits of single pieces, by their number; the others wait for `delay`.
    waits: Vec<(usize, Duration)>,
    sent: usize,
    timer: Option<Pin<Box<Sleep>>>,
    /// Length promised in the head.
    length: Option<u64>,
    flushed: bool,
    unfinished: Unfinished,
}

impl ScriptedBody {
    pub(super) fn new(pieces: VecDeque<Bytes>, then: Then, unfinished: Unfinished) -> Self {
        Self {
            pieces,
            then,
            delay: None,
            waits: Vec::new(),
            sent: 0,
            timer: None,
            length: None,
            flushed: false,
            unfinished,
        }
    }

    pub(super) const fn delayed(mut self, ms: u64) -> Self {
        if ms > 0 {
            self.delay = Some(Duration::from_millis(ms));
        }
        self
    }

    /// Waits so many ms before the piece of a number.
    pub(super) fn waiting(mut self, piece: Option<usize>, ms: u64) -> Self {
        if let (Some(piece), true) = (piece, ms > 0) {
            self.waits.push((piece, Duration::from_millis(ms)));
        }
        self
    }

    fn wait(&self) -> Option<Duration> {
        let own = self.waits.iter().find(|(piece, _)| *piece == self.sent);
        own.map(|(_, wait)| *wait).or(if self.sent > 0 { self.delay } else { None })
    }

    /// Promises a length in the head.
    pub(super) const fn sized(mut self, length: u64) -> Self {
        self.length = Some(length);
        self
    }
}

impl Body for ScriptedBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        let this = &mut *self;
        if let Some(delay) = this.wait() {
            let timer = this.timer.get_or_insert_with(|| Box::pin(sleep(delay)));
            if timer.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
            this.timer = None;
        }
        this.sent += 1;
        if let Some(piece) = this.pieces.pop_front() {
            if let Some(left) = &mut this.length {
                *left = left.saturating_sub(piece.len() as u64);
            }
            if this.is_end_stream() {
                this.unfinished.finished();
            }
            return Poll::Ready(Some(Ok(Frame::data(piece))));
        }
        match this.then {
            Then::End => {
                this.unfinished.finished();
                Poll::Ready(None)
            }
            Then::Break if !this.flushed => {
                // A server drops what it has not written when a body fails: let it write first.
                this.flushed = true;
                cx.waker().wake_by_ref();
                Poll::Pending
            }
            Then::Break => {
                this.unfinished.finished();
                Poll::Ready(Some(Err(io::Error::other("scripted break"))))
            }
            Then::Hang => Poll::Pending,
            Then::Comments => Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(b": ping\n\n"))))),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.length == Some(0) && self.then == Then::End
    }

    fn size_hint(&self) -> SizeHint {
        self.length.map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}
