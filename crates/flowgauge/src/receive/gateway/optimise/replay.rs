//! An answer from memory on its way to the caller, framed as it was.

use crate::control::memory::{Answer as Kept, Hit};
use crate::logic::call::Usage;
use crate::logic::unit::Micros;
use crate::receive::egress::{Answer, Received};
use http::{Response, StatusCode, header};
use std::sync::Arc;

/// An answer from memory.
pub(in super::super) struct Replayed {
    kept: Arc<Kept>,
    /// How old it is.
    pub(in super::super) age: Micros,
}

impl Replayed {
    pub(super) fn of(hit: Hit) -> Self {
        Self { kept: hit.answer, age: hit.age }
    }

    /// What it took when it was asked for.
    pub(in super::super) fn usage(&self) -> Usage {
        self.kept.usage
    }
}

/// The answer as one of a provider.
pub(in super::super) fn answer(replayed: &Replayed) -> Answer {
    let kept = &replayed.kept;
    let stream = kept.headers.iter().any(|(name, value)| {
        name == header::CONTENT_TYPE && value.as_bytes().starts_with(b"text/event-stream")
    });
    let mut answer = Response::new(Received::kept(kept.frames.iter().cloned(), stream));
    *answer.status_mut() = StatusCode::OK;
    for (name, value) in &kept.headers {
        answer.headers_mut().append(name, value.clone());
    }
    answer
}
