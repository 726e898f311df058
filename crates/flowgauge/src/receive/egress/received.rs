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
    rest: Incoming,
}

impl Received {
    /// A body of which nothing was read.
    pub(super) fn new(rest: Incoming) -> Self {
        Self { ahead: VecDeque::new(), rest }
    }

    /// Reads ahead until the end, a failure or `limit` bytes, and hands back a copy of what came. The
    /// client gets it all the same.
    pub async fn read_ahead(&mut self, limit: usize) -> Vec<u8> {
        let mut copy = Vec::new();
        while copy.len() < limit {
            let Some(frame) = self.rest.frame().await else { break };
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
        while let Some(Ok(frame)) = self.rest.frame().await {
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
            None => Pin::new(&mut self.rest).poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.ahead.is_empty() && self.rest.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let rest = self.rest.size_hint();
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
