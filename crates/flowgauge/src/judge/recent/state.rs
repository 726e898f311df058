//! Everything [`super::Recent`] keeps, behind its one lock.

mod reading;

use super::RecentOptions;
use super::book::{Book, Place};
use super::flights::Flights;
use super::minutes::Minutes;
use super::ring::{MAX_SAMPLES, Ring};
use super::sample::{Open, Sample};
use super::tally::Layout;
use crate::logic::alert::facts::{Selection, Timing};
use crate::logic::call::{CacheOutcome, Call, Door};
use crate::logic::id::CallId;
use crate::logic::rollup::SeriesKey;
use crate::logic::unit::{Micros, UnixMicros};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// Series told apart; the rest of each source count as one, as in the store.
const MAX_SERIES: usize = 10_000;
/// Calls remembered until the past is filled in, 30 MB: a start takes seconds, and this is a minute
/// of more than the writer stores. Those beyond it may count twice.
const MAX_HEARD: usize = 1_000_000;
/// A call is told of at most this long after it ended: its tokens may have to be counted first.
const TOLD_WITHIN: Micros = Micros::from_millis(60_000);

#[derive(Debug)]
pub(super) struct State {
    options: RecentOptions,
    pub(super) books: Vec<Book>,
    by_selection: HashMap<Selection, usize>,
    ids: HashMap<SeriesKey, u32>,
    series: Vec<Series>,
    flights: Flights,
    ring: Ring,
    /// Ids told of before the past was filled in, which may hold them too.
    heard: Option<HashSet<CallId>>,
    /// Buckets before this one are gone.
    horizon: i64,
    /// The latest moment a call of the gateway ended at.
    newest: UnixMicros,
    pub(super) last_received: Option<UnixMicros>,
    /// Whether any call said that a response cache was asked.
    pub(super) cache_asked: bool,
    pub(super) minutes: Option<Minutes>,
}

/// One series and the books that take it.
#[derive(Debug)]
pub(super) struct Series {
    pub(super) key: Arc<SeriesKey>,
    /// Book and group, ascending; nothing until it is looked up.
    places: Option<Arc<[(usize, usize)]>>,
}

impl State {
    pub(super) fn new(options: RecentOptions) -> Self {
        let mut state = Self {
            options,
            books: Vec::new(),
            by_selection: HashMap::new(),
            ids: HashMap::new(),
            series: Vec::new(),
            flights: Flights::default(),
            ring: Ring::new(MAX_SAMPLES),
            heard: Some(HashSet::new()),
            horizon: i64::MIN,
            newest: UnixMicros(i64::MIN),
            last_received: None,
            cache_asked: false,
            minutes: None,
        };
        state.watch(HashMap::new());
        state
    }

    pub(super) fn bucket_of(&self, at: UnixMicros) -> i64 {
        bucket_of(&self.options, at)
    }

    /// Takes over which selections are looked at and by which thresholds. The one over everything
    /// always is.
    pub(super) fn watch(&mut self, mut wanted: HashMap<Selection, Layout>) {
        wanted.entry(Selection::default()).or_default();
        let mut books = Vec::with_capacity(wanted.len());
        for book in std::mem::take(&mut self.books) {
            if let Some(layout) = wanted.remove(&book.of) {
                books.push((book, Some(layout), false));
            }
        }
        let mut fresh: Vec<_> = wanted.into_iter().collect();
        // The order of a map is no order: it must not depend on chance which is first.
        fresh.sort_by_cached_key(|(of, _)| format!("{of:?}"));
        let covered = self.ring.whole_from;
        for (of, layout) in fresh {
            books.push((Book::new(of, layout, covered), None, true));
        }
        self.series.iter_mut().for_each(|s| s.places = None);
        let mut again = Vec::new();
        for (at, (mut book, layout, new)) in books.into_iter().enumerate() {
            if let Some(layout) = layout.filter(|l| *l != book.layout) {
                book.lay_out(layout, self.ring.whole_from..i64::MAX);
                again.push((at, false));
            }
            if new {
                again.push((at, true));
            }
            self.books.push(book);
        }
        self.by_selection =
            self.books.iter().enumerate().map(|(at, book)| (book.of.clone(), at)).collect();
        self.count_again(&again);
    }

    /// Looks at one more selection until the next `watch`, beginning with the calls kept one by one.
    pub(super) fn watch_also(&mut self, of: &Selection) {
        if self.by_selection.contains_key(of) {
            return;
        }
        let at = self.books.len();
        self.books.push(Book::new(of.clone(), Layout::default(), self.ring.whole_from));
        self.by_selection.insert(of.clone(), at);
        self.series.iter_mut().for_each(|s| s.places = None);
        self.count_again(&[(at, true)]);
    }

    /// Counts the calls that are kept one by one in some books: in whole, or by thresholds alone.
    fn count_again(&mut self, books: &[(usize, bool)]) {
        if books.is_empty() {
            return;
        }
        let ring = std::mem::replace(&mut self.ring, Ring::new(1));
        for sample in ring.latest() {
            let bucket = self.bucket_of(sample.moment);
            if bucket < self.horizon {
                continue;
            }
            let places = self.places(sample.series, None);
            for (at, group) in places.iter() {
                let Some((_, whole)) = books.iter().find(|(book, _)| book == at) else { continue };
                let Some(book) = self.books.get_mut(*at) else { continue };
                if *whole {
                    book.add(*group, bucket, &sample.call(), sample);
                } else {
                    book.tally(*group, bucket, sample);
                }
            }
        }
        self.ring = ring;
    }

    fn series_of(&mut self, call: &Call) -> u32 {
        let key = SeriesKey::of(call);
        if let Some(id) = self.ids.get(&key) {
            return *id;
        }
        let key = if self.series.len() >= MAX_SERIES { key.folded() } else { key };
        if let Some(id) = self.ids.get(&key) {
            return *id;
        }
        let id = u32::try_from(self.series.len()).unwrap_or(u32::MAX);
        self.ids.insert(key.clone(), id);
        self.series.push(Series { key: Arc::new(key), places: None });
        id
    }

    fn places(&mut self, series: u32, bucket: Option<i64>) -> Arc<[(usize, usize)]> {
        let at = usize::try_from(series).unwrap_or(usize::MAX);
        let Some(found) = self.series.get_mut(at) else { return Arc::default() };
        if let Some(places) = &found.places {
            return Arc::clone(places);
        }
        let (mut places, mut settled) = (Vec::new(), true);
        for (at, book) in self.books.iter_mut().enumerate() {
            match book.place(&found.key) {
                Place::Group(group) => places.push((at, group)),
                Place::NoRoom => {
                    book.overflow += u64::from(bucket.is_some());
                    book.overflowed = book.overflowed.max(bucket);
                    settled = false;
                }
                Place::None => {}
            }
        }
        let places: Arc<[(usize, usize)]> = places.into();
        if settled {
            found.places = Some(Arc::clone(&places));
        }
        places
    }

    fn moment(&self, call: &Call) -> UnixMicros {
        let end = call.time.start.after(call.time.latency.unwrap_or_default());
        match call.origin.door {
            Door::Gateway => end,
            Door::OtlpGrpc | Door::OtlpHttp | Door::Import => end.after(self.options.eval_delay),
        }
    }

    fn received(&mut self, call: &Call) {
        self.last_received = self.last_received.max(Some(call.time.received));
    }

    /// A call is in flight.
    pub(super) fn begin(&mut self, call: &Call) {
        self.received(call);
        if call.what.leaf {
            let series = self.series_of(call);
            let streamed = call.what.stream == Some(true);
            let open = Open { start: call.time.start, first: None, streamed };
            self.flights.begin(call.id, series, open);
        }
    }

    pub(super) const fn flights(&mut self) -> &mut Flights {
        &mut self.flights
    }

    /// A call ended.
    pub(super) fn end(&mut self, call: &Call) {
        self.received(call);
        self.flights.end(call.id);
        if call.what.leaf {
            if let Some(heard) = self.heard.as_mut().filter(|heard| heard.len() < MAX_HEARD) {
                heard.insert(call.id);
            }
            self.count(call);
        }
    }

    fn count(&mut self, call: &Call) {
        let series = self.series_of(call);
        let sample = Sample::of(call, series, self.moment(call));
        let asked = [CacheOutcome::Miss, CacheOutcome::HitExact, CacheOutcome::HitSemantic];
        self.cache_asked |= asked.contains(&call.control.cache);
        if let Some(minutes) = &mut self.minutes {
            minutes.add(call.time.start, series, call);
        }
        let bucket = self.bucket_of(sample.moment);
        if bucket < self.horizon {
            return;
        }
        for (book, group) in self.places(series, Some(bucket)).iter() {
            if let Some(book) = self.books.get_mut(*book) {
                book.add(*group, bucket, call, &sample);
            }
        }
        if sample.ours {
            self.newest = self.newest.max(sample.moment);
        }
        let options = self.options;
        self.ring.push(sample, |s| bucket_of(&options, s.moment));
    }

    /// A row told of before counts in another's place.
    pub(super) fn take(&mut self, id: CallId) {
        self.flights.end(id);
        let Some(sample) = self.ring.take(id) else { return };
        if let Some(minutes) = &mut self.minutes {
            minutes.take(&sample);
        }
        let bucket = self.bucket_of(sample.moment);
        for (book, group) in self.places(sample.series, None).iter() {
            if let Some(book) = self.books.get_mut(*book) {
                book.take(*group, bucket, &sample);
            }
        }
    }

    /// Calls of the past, for books that do not have them yet.
    pub(super) fn refill(&mut self, calls: &[Call]) {
        for call in calls.iter().filter(|call| call.what.leaf) {
            if let Some(heard) = &self.heard {
                if !heard.contains(&call.id) {
                    self.received(call);
                    self.count(call);
                }
                continue;
            }
            let series = self.series_of(call);
            let sample = Sample::of(call, series, self.moment(call));
            let bucket = self.bucket_of(sample.moment);
            for (book, group) in self.places(series, None).iter() {
                let lacking = self.books.get_mut(*book).filter(|book| bucket < book.covered);
                if let Some(book) = lacking.filter(|_| bucket >= self.horizon) {
                    book.add(*group, bucket, call, &sample);
                }
            }
        }
    }

    /// The past is filled in.
    pub(super) fn refilled(&mut self) {
        self.heard = None;
        self.books.iter_mut().for_each(|book| book.covered = i64::MIN);
    }

    pub(super) fn is_refilled(&self) -> bool {
        self.heard.is_none()
    }

    pub(super) fn forget(&mut self, before: UnixMicros, now: UnixMicros) {
        self.horizon = self.horizon.max(self.bucket_of(before));
        let mut moved = false;
        for book in &mut self.books {
            moved |= book.forget(self.horizon);
        }
        if moved {
            self.series.iter_mut().for_each(|s| s.places = None);
        }
        let options = self.options;
        self.ring.forget(self.horizon, |s| bucket_of(&options, s.moment));
        self.flights.forget(now);
    }

    pub(super) fn keys(&self) -> impl Iterator<Item = (u32, &Arc<SeriesKey>)> {
        (0u32..).zip(self.series.iter().map(|s| &s.key))
    }

    pub(super) fn series_named(&mut self, key: &SeriesKey) -> u32 {
        if let Some(id) = self.ids.get(key) {
            return *id;
        }
        let id = u32::try_from(self.series.len()).unwrap_or(u32::MAX);
        self.ids.insert(key.clone(), id);
        self.series.push(Series { key: Arc::new(key.clone()), places: None });
        id
    }
}

/// A timing's thresholds joined with those wanted before.
pub(super) fn want(
    wanted: &mut HashMap<Selection, Layout>,
    of: &Selection,
    timing: Timing,
    thresholds: &[u64],
) {
    wanted.entry(of.clone()).or_default().add(timing, thresholds);
}

fn width(options: &RecentOptions) -> i64 {
    i64::try_from(options.tick.0).unwrap_or(i64::MAX).max(1)
}

fn bucket_of(options: &RecentOptions, at: UnixMicros) -> i64 {
    at.0.div_euclid(width(options))
}
