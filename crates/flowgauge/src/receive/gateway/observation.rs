//! Reads a copy of an answer after it was forwarded. Whatever goes wrong here costs the reading, never
//! the answer.

use crate::logic::call::Protocol;
use crate::logic::unit::Micros;
use crate::logic::wire::{Observed, Observer};
use bytes::Bytes;
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::decode::Decoder;

/// Bytes that may wait to be read while the upstream delivers faster than it is polled.
const MAX_WAITING: usize = 256 << 10;

/// The copy of one answer.
pub(super) struct Observation {
    /// Gone once reading failed.
    observer: Option<Observer>,
    decoder: Option<Decoder>,
    waiting: VecDeque<(Bytes, Micros)>,
    bytes_waiting: usize,
    bytes: usize,
    event_stream: bool,
    encoded: bool,
}

impl Observation {
    /// A copy of an answer of `protocol` with this type and coding.
    ///
    /// Its text is kept where its tokens may have to be counted.
    pub(super) fn new(
        protocol: Protocol,
        event_stream: bool,
        coding: Option<&str>,
        keeps_text: bool,
    ) -> Self {
        let ignored = protocol == Protocol::Other && !event_stream;
        let decoder = Decoder::of(coding);
        let observer = match &decoder {
            Ok(_) if !ignored => {
                let observer = Observer::new(protocol, event_stream);
                Some(if keeps_text { observer.keeping_text() } else { observer })
            }
            _ => None,
        };
        let decoder = decoder.ok().flatten();
        let encoded = coding.is_some_and(|c| !c.eq_ignore_ascii_case("identity"));
        Self {
            observer,
            decoder,
            waiting: VecDeque::new(),
            bytes_waiting: 0,
            bytes: 0,
            event_stream,
            encoded,
        }
    }

    /// A frame was forwarded; `at` is how long after the request's start it came.
    pub(super) fn push(&mut self, bytes: &Bytes, at: Micros) {
        if self.observer.is_none() {
            return;
        }
        self.bytes_waiting = self.bytes_waiting.saturating_add(bytes.len());
        self.bytes = self.bytes.saturating_add(bytes.len());
        self.waiting.push_back((bytes.clone(), at));
        if self.bytes_waiting > MAX_WAITING {
            self.read();
        }
    }

    /// How many bytes are still to be read at the end: those that wait, and all of a body that is one
    /// JSON value.
    pub(super) const fn work(&self) -> usize {
        match (&self.observer, self.event_stream) {
            (None, _) => 0,
            (_, true) => self.bytes_waiting,
            (_, false) => self.bytes,
        }
    }

    /// Whether the answer said its last word.
    pub(super) fn settled(&mut self) -> bool {
        self.read();
        self.observer.as_ref().is_some_and(Observer::settled)
    }

    /// How long after the request's start the first token of a stream came, as far as it is read.
    pub(super) fn first_token(&self) -> Option<Micros> {
        self.observer.as_ref().filter(|_| self.event_stream)?.first_content()
    }

    /// Reads what waits.
    pub(super) fn read(&mut self) {
        if self.waiting.is_empty() {
            return;
        }
        let waiting = std::mem::take(&mut self.waiting);
        self.bytes_waiting = 0;
        let read = catch_unwind(AssertUnwindSafe(|| {
            for (bytes, at) in &waiting {
                if !self.feed(bytes, *at) {
                    return false;
                }
            }
            true
        }));
        if !matches!(read, Ok(true)) {
            self.observer = None;
        }
    }

    fn feed(&mut self, bytes: &Bytes, at: Micros) -> bool {
        let Some(observer) = &mut self.observer else { return true };
        match &mut self.decoder {
            None => observer.feed(bytes, at),
            Some(decoder) => match decoder.feed(bytes) {
                Ok(plain) => observer.feed(&plain, at),
                Err(_) => return false,
            },
        }
        true
    }

    /// Whether a plain event may follow the bytes forwarded so far.
    pub(super) fn may_append(&mut self) -> bool {
        self.read();
        !self.encoded && self.observer.as_ref().is_some_and(Observer::at_boundary)
    }

    /// What the answer said; nothing where it could not be read.
    pub(super) fn finish(mut self, clean: bool) -> Option<Observed> {
        self.read();
        let observer = self.observer.take()?;
        catch_unwind(AssertUnwindSafe(|| observer.finish(clean))).ok()
    }
}
