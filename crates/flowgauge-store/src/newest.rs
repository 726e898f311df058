//! Keeps the newest rows that a question wants, and knows when older ones cannot matter.

use crate::CallQuery;
use flowgauge_logic::call::Call;
use flowgauge_logic::id::CallId;
use flowgauge_logic::unit::UnixMicros;
use std::cmp::Reverse;

/// The newest rows seen so far.
#[derive(Debug)]
pub(crate) struct Newest<'q> {
    query: &'q CallQuery,
    rows: Vec<Call>,
    /// Start of the oldest row kept, once there are enough.
    floor: Option<i64>,
}

fn place(call: &Call) -> (UnixMicros, CallId) {
    (call.time.start, call.id)
}

impl<'q> Newest<'q> {
    pub(crate) const fn new(query: &'q CallQuery) -> Self {
        Self { query, rows: Vec::new(), floor: None }
    }

    pub(crate) const fn from(&self) -> i64 {
        self.query.window.from.0
    }

    /// First moment too new: the window's end, or what earlier pages have shown.
    pub(crate) fn to(&self) -> i64 {
        let end = self.query.window.to.0;
        self.query.after.map_or(end, |(t, _)| end.min(t.0.saturating_add(1)))
    }

    /// Whether rows up to `max` can no longer be among the newest.
    pub(crate) fn beats(&self, max: i64) -> bool {
        self.query.limit == 0 || self.floor.is_some_and(|f| f > max)
    }

    pub(crate) const fn query(&self) -> &'q CallQuery {
        self.query
    }

    /// Whether a row may be among the newest, as far as it is known by itself.
    pub(crate) fn wants(&self, call: &Call) -> bool {
        self.query.after.is_none_or(|a| place(call) < a) && self.query.wants(call)
    }

    /// Looks at rows.
    pub(crate) fn offer(&mut self, rows: Vec<Call>) {
        let query = self.query;
        let wanted = |c: &Call| query.after.is_none_or(|a| place(c) < a) && query.wants(c);
        self.rows.extend(rows.into_iter().filter(wanted));
        if self.rows.len() >= self.query.limit {
            self.cut();
            self.floor = self.rows.last().map(|c| c.time.start.0);
        }
    }

    fn cut(&mut self) {
        self.rows.sort_by_key(|c| Reverse(place(c)));
        self.rows.truncate(self.query.limit);
    }

    pub(crate) fn finish(mut self) -> Vec<Call> {
        self.cut();
        self.rows
    }
}
