//! What delivery shares with the rest: the channels in force, what came of messages, which channels
//! are left alone.

use super::breaker::{Breaker, Open};
use crate::config::alerts::{Channel, Smtp};
use crate::logic::call::Text;
use crate::logic::unit::UnixMicros;
use arc_swap::ArcSwap;
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use tokio::sync::Notify;

/// Channels by their names.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Channels(BTreeMap<Text, Route>);

/// A channel, and whether anything can be sent there.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Route {
    pub(super) channel: Arc<Channel>,
    pub(super) open: bool,
}

impl Channels {
    /// Those of all rule files; mail needs a server.
    #[must_use]
    pub fn new(channels: &[Channel], smtp: Option<&Smtp>) -> Self {
        let route = |channel: &Channel| {
            let open = channel.kind.has_route(smtp);
            (channel.name.clone(), Route { channel: Arc::new(channel.clone()), open })
        };
        Self(channels.iter().map(route).collect())
    }

    /// The same where every channel counts as having an address: for rehearsals.
    pub(super) fn all_open(channels: &[Channel]) -> Self {
        let route = |channel: &Channel| {
            (channel.name.clone(), Route { channel: Arc::new(channel.clone()), open: true })
        };
        Self(channels.iter().map(route).collect())
    }

    pub(super) fn get(&self, name: &str) -> Option<&Route> {
        self.0.get(name)
    }

    pub(super) fn open(&self, name: &str) -> Option<&Arc<Channel>> {
        self.get(name).filter(|route| route.open).map(|route| &route.channel)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&Text, &Route)> {
        self.0.iter()
    }
}

/// What came of messages of one channel since start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Taken by the receiver.
    pub delivered: u64,
    /// Taken for some of several recipients; part of `delivered`.
    pub partly: u64,
    /// Attempts answered with "not now", or that did not get through.
    pub later: u64,
    /// Attempts that ended without an answer.
    pub ambiguous: u64,
    /// Rows that became dead letters.
    pub dead: u64,
    /// Rows without an address.
    pub no_route: u64,
    /// Rows told through a fallback channel in the place of this one.
    pub instead: u64,
}

/// Shared by the worker, the API, the commands' answers and `/metrics`.
#[derive(Debug)]
pub struct Board {
    pub(super) channels: ArcSwap<Channels>,
    pub(super) breakers: Mutex<BTreeMap<Text, Breaker>>,
    /// Channels to be tried again whatever their breaker says.
    pub(super) again: Mutex<Vec<Text>>,
    pub(super) bell: Arc<Notify>,
    counts: Mutex<BTreeMap<Text, Counts>>,
    looked: AtomicI64,
}

impl Board {
    pub(super) fn new(channels: Channels) -> Self {
        Self {
            channels: ArcSwap::from_pointee(channels),
            breakers: Mutex::new(BTreeMap::new()),
            again: Mutex::new(Vec::new()),
            bell: Arc::new(Notify::new()),
            counts: Mutex::new(BTreeMap::new()),
            looked: AtomicI64::new(i64::MIN),
        }
    }

    /// Makes these the channels in force. One that changed is used again, whatever it refused before.
    pub fn set_channels(&self, channels: Channels) {
        self.channels.store(Arc::new(channels));
        self.bell.notify_one();
    }

    /// Uses a channel again that was left alone.
    pub fn try_again(&self, channel: &Text) {
        self.again.lock().push(channel.clone());
        self.bell.notify_one();
    }

    /// Channels that are left alone, and why.
    #[must_use]
    pub fn broken(&self) -> Vec<(Text, Open)> {
        let breakers = self.breakers.lock();
        let open = breakers.iter().filter_map(|(name, b)| Some((name.clone(), b.open()?.clone())));
        open.collect()
    }

    /// What came of messages since start, by channel.
    #[must_use]
    pub fn counts(&self) -> Vec<(Text, Counts)> {
        self.counts.lock().iter().map(|(name, counts)| (name.clone(), *counts)).collect()
    }

    /// When the worker last looked at the outbox and could act on what it saw.
    #[must_use]
    pub fn looked(&self) -> Option<UnixMicros> {
        let at = self.looked.load(Ordering::Acquire);
        (at != i64::MIN).then_some(UnixMicros(at))
    }

    pub(super) fn look(&self, at: UnixMicros) {
        self.looked.store(at.0, Ordering::Release);
    }

    pub(super) fn count(&self, channel: &Text, how: impl FnOnce(&mut Counts)) {
        how(self.counts.lock().entry(channel.clone()).or_default());
    }
}
