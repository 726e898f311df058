//! Raw calls of the past, in the order of their ends.

use crate::judge::recent::Recent;
use crate::logic::call::Call;
use crate::logic::unit::UnixMicros;
use crate::logic::window::Window;
use crate::record::Heard;
use crate::store::{CallQuery, Reader, StoreError};

/// Calls are read so much at a time.
const STRIDE: i64 = 3_600_000_000;
/// Calls of one page.
const PAGE: usize = 10_000;

/// Raw calls in the order of their ends, read an hour at a time.
pub(super) struct Calls<'a> {
    reader: &'a Reader,
    read_to: UnixMicros,
    until: UnixMicros,
    /// Not yet over, the last to end first.
    waiting: Vec<(UnixMicros, Call)>,
    /// The first call there is.
    pub(super) first: Option<UnixMicros>,
}

impl<'a> Calls<'a> {
    pub(super) fn new(reader: &'a Reader, window: Window) -> Self {
        // The first windows reach back before the beginning.
        let read_to = UnixMicros(window.from.0.saturating_sub(STRIDE));
        Self { reader, read_to, until: window.to, waiting: Vec::new(), first: None }
    }

    /// Brings what ended up to a moment.
    pub(super) fn feed(&mut self, now: UnixMicros, recent: &Recent) -> Result<(), StoreError> {
        while self.read_to <= now && self.read_to < self.until {
            let to = UnixMicros(self.read_to.0.saturating_add(STRIDE)).min(self.until);
            self.read(Window { from: self.read_to, to })?;
            self.read_to = to;
        }
        while self.waiting.last().is_some_and(|(end, _)| *end <= now) {
            if let Some((_, call)) = self.waiting.pop() {
                recent.ended(std::slice::from_ref(&call));
            }
        }
        Ok(())
    }

    fn read(&mut self, window: Window) -> Result<(), StoreError> {
        let mut query = CallQuery::newest(window, PAGE);
        loop {
            let page = self.reader.calls(&query)?;
            let over = page.len() < PAGE;
            query.after = page.last().map(|call| (call.time.start, call.id));
            for call in page {
                self.first = Some(self.first.map_or(call.time.start, |f| f.min(call.time.start)));
                let end = call.time.start.after(call.time.latency.unwrap_or_default());
                self.waiting.push((end, call));
            }
            if over {
                break;
            }
        }
        self.waiting.sort_by_key(|(end, call)| std::cmp::Reverse((*end, call.id)));
        Ok(())
    }
}
