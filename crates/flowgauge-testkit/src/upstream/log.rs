//! What an upstream saw.

use bytes::Bytes;
use http::header::{HeaderName, HeaderValue};
use http::{HeaderMap, Method};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::time::Instant;

/// One request.
#[derive(Debug, Clone)]
pub struct Seen {
    /// Method.
    pub method: Method,
    /// Path and query.
    pub path: String,
    /// Header as received.
    pub headers: HeaderMap,
    /// Body as received.
    pub body: Bytes,
}

#[derive(Debug)]
pub(super) struct Log {
    keeps: bool,
    requests: Mutex<Vec<Seen>>,
    aborts: Mutex<Vec<Instant>>,
    turns: Mutex<HashMap<String, usize>>,
}

impl Log {
    pub(super) fn new(keeps: bool) -> Self {
        Self {
            keeps,
            requests: Mutex::new(Vec::new()),
            aborts: Mutex::new(Vec::new()),
            turns: Mutex::new(HashMap::new()),
        }
    }

    /// How many requests with this script came before.
    pub(super) fn turn(&self, script: &str) -> usize {
        let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
        let turn = turns.entry(script.to_owned()).or_default();
        *turn += 1;
        *turn - 1
    }

    pub(super) fn request(&self, seen: impl FnOnce() -> Seen) {
        if self.keeps {
            self.requests.lock().unwrap_or_else(PoisonError::into_inner).push(seen());
        }
    }

    pub(super) fn requests(&self) -> Vec<Seen> {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Requests and the number of abandoned answers.
    pub(super) fn to_json(&self) -> Value {
        let one = |seen: &Seen| {
            let field = |(name, value): (&HeaderName, &HeaderValue)| {
                json!([name.as_str(), String::from_utf8_lossy(value.as_bytes())])
            };
            json!({
                "method": seen.method.as_str(), "path": seen.path,
                "headers": seen.headers.iter().map(field).collect::<Vec<_>>(),
                "body": String::from_utf8_lossy(&seen.body),
            })
        };
        let requests: Vec<_> = self.requests().iter().map(one).collect();
        json!({ "requests": requests, "aborts": self.aborts().len() })
    }

    pub(super) fn aborts(&self) -> Vec<Instant> {
        self.aborts.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Notes an abort unless told that the answer ended.
#[derive(Debug)]
pub(super) struct Unfinished(Option<Arc<Log>>);

impl Unfinished {
    pub(super) const fn new(log: Arc<Log>) -> Self {
        Self(Some(log))
    }

    pub(super) fn finished(&mut self) {
        self.0 = None;
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        if let Some(log) = self.0.take() {
            log.aborts.lock().unwrap_or_else(PoisonError::into_inner).push(Instant::now());
        }
    }
}
