//! Body of an answer: what was read ahead of the client, then the rest as it comes. No byte is lost by
//! looking.

use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll};

/// Body of an answer.
#[derive(Debug)]
pub struct Received {
    /// What was read ahead, oldest first; a failure comes last.
    ahead: VecDeque<Result<Frame<Bytes>, hyper::Error>>,
    /// Missing where all of it lay in memory.
    rest: Option<Incoming>,
    /// Its length is not promised, as that of a stream is not.
    open_ended: bool,
}

impl Received {
    /// A body of which nothing was read.
    pub(super) fn new(rest: Incoming) -> Self {
        Self { ahead: VecDeque::new(), rest: Some(rest), open_ended: false }
    }

    /// A body that lies in memory; the length of a `stream` is not promised.
    #[must_use]
    pub fn kept(frames: impl Iterator<Item = Bytes>, stream: bool) -> Self {
        let ahead = frames.map(|data| Ok(Frame::data(data))).collect();
        Self { ahead, rest: None, open_ended: stream }
    }

    /// Reads ahead until the end, a failure or `limit` bytes, and hands back a copy of what came. The
    /// client gets it all the same.
    pub async fn read_ahead(&mut self, limit: usize) -> Vec<u8> {
        let mut copy = Vec::new();
        while copy.len() < limit {
            let Some(frame) = next(&mut self.rest).await else { break };
            if let Some(data) = frame.as_ref().ok().and_then(Frame::data_ref) {
                copy.extend_from_slice(data);
            }
            let failed = frame.is_err();
            self.ahead.push_back(frame);
            if failed {
                break;
            }
        }
        copy
    }

    /// Reads to the end and keeps nothing, unless more than `limit` bytes come. An answer read out frees
    /// its connection.
    pub async fn read_out(mut self, limit: usize) {
        let mut left = limit;
        while let Some(Ok(frame)) = next(&mut self.rest).await {
            match left.checked_sub(frame.data_ref().map_or(0, Bytes::len)) {
                Some(less) => left = less,
                None => break,
            }
        }
    }

    fn bytes_ahead(&self) -> u64 {
        let data = self.ahead.iter().filter_map(|f| f.as_ref().ok()?.data_ref());
        data.fold(0, |sum, d| sum.saturating_add(d.len() as u64))
    }
}

impl HttpBody for Received {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        match self.ahead.pop_front() {
            Some(frame) => Poll::Ready(Some(frame)),
            None => match &mut self.rest {
                Some(rest) => Pin::new(rest).poll_frame(cx),
                None => Poll::Ready(None),
            },
        }
    }

    fn is_end_stream(&self) -> bool {
        self.ahead.is_empty() && self.rest.as_ref().is_none_or(Incoming::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        if self.open_ended {
            return SizeHint::default();
        }
        let rest = self.rest.as_ref().map_or(SizeHint::with_exact(0), Incoming::size_hint);
        if self.ahead.is_empty() {
            return rest;
        }
        let ahead = self.bytes_ahead();
        let mut hint = SizeHint::new();
        hint.set_lower(rest.lower().saturating_add(ahead));
        if let Some(upper) = rest.upper() {
            hint.set_upper(upper.saturating_add(ahead));
        }
        hint
    }
}

async fn next(rest: &mut Option<Incoming>) -> Option<Result<Frame<Bytes>, hyper::Error>> {
    rest.as_mut()?.frame().await
}
