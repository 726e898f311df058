//! An upstream's body of which some frames were looked at before it was passed on.

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll};

/// The body as it came, the frames looked at first.
#[derive(Debug)]
pub(super) struct ReadAhead {
    ahead: VecDeque<Frame<Bytes>>,
    rest: Incoming,
}

impl From<Incoming> for ReadAhead {
    fn from(rest: Incoming) -> Self {
        Self { ahead: VecDeque::new(), rest }
    }
}

impl ReadAhead {
    /// What comes next without having been looked at.
    pub(super) const fn rest(&mut self) -> &mut Incoming {
        &mut self.rest
    }

    /// A frame that was looked at, in order.
    pub(super) fn keep(&mut self, frame: Frame<Bytes>) {
        self.ahead.push_back(frame);
    }
}

impl Body for ReadAhead {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        if let Some(frame) = self.ahead.pop_front() {
            return Poll::Ready(Some(Ok(frame)));
        }
        Pin::new(&mut self.rest).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.ahead.is_empty() && self.rest.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let ahead: usize = self.ahead.iter().filter_map(Frame::data_ref).map(Bytes::len).sum();
        let mut hint = self.rest.size_hint();
        if let Some(upper) = hint.upper() {
            hint.set_upper(upper.saturating_add(ahead as u64));
        }
        hint.set_lower(hint.lower().saturating_add(ahead as u64));
        hint
    }
}
