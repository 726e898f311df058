//! Windows read back: ended calls from buckets, calls in flight as they stood at the tick.

use super::super::sample::Open;
use super::super::tally::Layout;
use super::{State, TOLD_WITHIN, width};
use crate::logic::alert::facts::{CallSums, Groups, Selection};
use crate::logic::unit::UnixMicros;
use crate::logic::window::Window;
use std::sync::Arc;

impl State {
    /// The thresholds a selection is counted by.
    pub(in super::super) fn layout(&self, of: &Selection) -> Layout {
        let book = self.by_selection.get(of).and_then(|at| self.books.get(*at));
        book.map(|book| book.layout.clone()).unwrap_or_default()
    }

    /// What is known of a window from memory; nothing where memory does not hold all of it.
    pub(in super::super) fn read(
        &mut self,
        of: &Selection,
        window: Window,
        tick: UnixMicros,
    ) -> Option<Result<Groups<CallSums>, String>> {
        let at = *self.by_selection.get(of)?;
        // Rounded up at both ends: what ended just now is in, and the length stays.
        let range = self.bucket_up(window.from)..self.bucket_up(window.to);
        let open = if window.to == tick { self.open_in(at, tick) } else { Vec::new() };
        let book = self.books.get(at)?;
        if let Err(why) = &book.chosen {
            return Some(Err(why.clone()));
        }
        let held = self.is_refilled() && range.start >= book.covered.max(self.horizon);
        held.then(|| Ok(Arc::new(book.read(range, &open, tick))))
    }

    /// What memory has of a window, whole or not.
    pub(in super::super) fn read_some(
        &mut self,
        of: &Selection,
        window: Window,
        tick: UnixMicros,
    ) -> Option<Groups<CallSums>> {
        let at = *self.by_selection.get(of)?;
        let range = self.bucket_up(window.from)..self.bucket_up(window.to);
        let open = if window.to == tick { self.open_in(at, tick) } else { Vec::new() };
        Some(Arc::new(self.books.get(at)?.read(range, &open, tick)))
    }

    fn bucket_up(&self, at: UnixMicros) -> i64 {
        let width = width(&self.options);
        at.0.saturating_add(width - 1).div_euclid(width)
    }

    /// Calls in flight at a tick and their groups in a book: those still on their way, and those
    /// that ended between the tick and now.
    fn open_in(&mut self, book: usize, tick: UnixMicros) -> Vec<(usize, Open)> {
        let mut open: Vec<(u32, Open)> = self.flights.at(tick).collect();
        if self.newest >= tick {
            let oldest = UnixMicros(tick.0.saturating_sub(TOLD_WITHIN.0.cast_signed()));
            let told = self.ring.latest().take_while(|s| !s.ours || s.moment >= oldest);
            open.extend(told.filter_map(|s| Some((s.series, s.in_flight_at(tick)?))));
        }
        let group = |(series, open): (u32, Open)| {
            let places = self.places(series, None);
            let at = places.binary_search_by_key(&book, |(book, _)| *book).ok()?;
            Some((places.get(at)?.1, open))
        };
        open.into_iter().filter_map(group).collect()
    }

    /// Calls in flight in all.
    pub(in super::super) fn in_flight(&self, tick: UnixMicros) -> usize {
        self.flights.at(tick).count()
    }
}
