//! Raw calls of before a start, for the windows of the first ticks.

use super::Engine;
use crate::logic::call::Call;
use crate::logic::unit::UnixMicros;
use crate::logic::window::Window;
use crate::store::{CallQuery, Reader};

/// Calls read at once: enough to be quick, few enough not to fill the memory.
const PAGE: usize = 10_000;
/// Calls brought back at most, the newest: half an hour at five hundred a second. Windows that reach
/// further back know less for a while.
const MAX_CALLS: usize = 1_000_000;
/// A call that ended in a window may have begun so long before it: longer than any upstream is waited
/// for by default.
const LONGEST_CALL: i64 = 15 * UnixMicros::MINUTE;

impl Engine {
    /// Brings back the stored calls that the windows of the ticks to come reach into: at start, and
    /// after other rules were taken over. Blocks while it reads.
    pub fn bring_back(&self, now: UnixMicros) {
        let from = UnixMicros(self.needs_from(now).0.saturating_sub(LONGEST_CALL));
        let window = Window { from, to: UnixMicros(now.0.saturating_add(1)) };
        let calls = self.past.reader().map(|reader| Pages::new(reader, window));
        self.recent.refill(calls.into_iter().flatten());
    }
}

/// Calls of a window, newest first, read page by page.
struct Pages {
    reader: Reader,
    query: CallQuery,
    page: std::vec::IntoIter<Call>,
    read: usize,
    over: bool,
}

impl Pages {
    fn new(reader: Reader, window: Window) -> Self {
        let query = CallQuery::newest(window, PAGE);
        Self { reader, query, page: Vec::new().into_iter(), read: 0, over: false }
    }

    fn turn(&mut self) {
        match self.reader.calls(&self.query) {
            Ok(calls) => {
                self.over = calls.len() < PAGE;
                self.read += calls.len();
                self.query.after = calls.last().map(|call| (call.time.start, call.id));
                self.page = calls.into_iter();
            }
            Err(error) => {
                tracing::warn!(%error, "calls of before the start are missing from short windows");
                self.over = true;
            }
        }
        self.over |= self.read >= MAX_CALLS;
    }
}

impl Iterator for Pages {
    type Item = Call;

    fn next(&mut self) -> Option<Call> {
        loop {
            if let Some(call) = self.page.next() {
                return Some(call);
            }
            if self.over {
                return None;
            }
            self.turn();
        }
    }
}
