//! What is switched how: the state every request reads, the log it follows from, and the memory of answers.
//!
//! The flow: `desk` takes a change, `live` makes it the state of the next request, `keeper` makes it durable; `memory`
//! holds answers, `breakers` say which optimiser rests, `health` which model does not answer, `tally` what the
//! optimisers looked at. Owns the order of these: a change counts at once, and whether
//! the disk has it is said, never waited for by a request. Refuses to decide: what a change means is
//! `flowgauge-logic`'s, who may make one is the API's.

mod breakers;
mod chronicle;
mod desk;
mod disputes;
pub mod encoder;
mod health;
mod instances;
mod keeper;
pub mod latch;
mod live;
pub mod memory;
mod pace;
mod prefixes;
pub mod shared;
mod tally;

pub use breakers::{Breakers, Standing};
pub use chronicle::{Chronicle, Chronicled, DIGEST, Kind};
pub use desk::{Desk, Line, Made, Wanted};
pub use disputes::Disputes;
pub use health::Health;
pub use instances::{BadName, Followed, Instance, Instances};
pub use live::{Live, Snapshot};
pub use pace::{Closer, Pace};
pub use prefixes::Prefixes;
pub use tally::{Looked, Tally};

use crate::logic::control::rollout::Environment;
use crate::logic::price::PriceBook;
use crate::serve::clock::Clock;
use crate::store::StoreError;
use arc_swap::ArcSwap;
use memory::Memory;
use std::path::Path;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

/// Control of one flowgauge.
#[derive(Debug)]
pub struct Control {
    /// Where the state is changed.
    pub desk: Arc<Desk>,
    /// Answers.
    pub memory: Arc<Memory>,
    /// Optimisers that rest.
    pub breakers: Breakers,
    /// How closely the application is watched.
    pub pace: Pace,
    /// Models that answer.
    pub health: Health,
    /// What providers' prompt caches hold.
    pub prefixes: Prefixes,
    /// What optimisers looked at.
    pub tally: Tally,
    /// Applications that follow the state.
    pub instances: Instances,
    /// Answers from memory that were found wrong.
    pub disputes: Arc<Disputes>,
    /// What changed beside the settings.
    pub chronicle: Chronicle,
    clock: Clock,
}

impl Control {
    /// Reads the log and puts in force what follows from it; everything is off where it cannot be read.
    ///
    /// # Errors
    /// The database cannot be opened, or there are no threads left.
    pub fn open(
        dir: &Path,
        environment: Environment,
        prices: Arc<ArcSwap<PriceBook>>,
        clock: Clock,
    ) -> Result<Arc<Self>, StoreError> {
        let desk = Desk::open(dir, environment, prices, clock.clone())?;
        let limits = desk.live().load().settings.as_ref().map(|s| s.cache.limits);
        let memory = Memory::new(limits.unwrap_or_default());
        let closer = desk.store().note(Pace::NOTE).unwrap_or_else(|error| {
            tracing::warn!(%error, "whether the watch is closer for now is not known");
            None
        });
        let disputes = Disputes::new(Arc::clone(&memory), Arc::clone(desk.live()), clock.clone());
        let chronicle = Chronicle::new(Arc::clone(desk.store()), clock.clone());
        Ok(Arc::new(Self {
            desk,
            memory,
            breakers: Breakers::default(),
            pace: Pace::of(closer),
            health: Health::default(),
            prefixes: Prefixes::default(),
            tally: Tally::default(),
            instances: Instances::default(),
            chronicle,
            disputes,
            clock,
        }))
    }

    /// Keeps the memory within the bounds in force, and what is shared up to date, until told to stop.
    pub async fn run(self: Arc<Self>, stop: CancellationToken) {
        let bounds = self.bounds(&stop);
        let shared = async {
            match self.memory.shared().cloned() {
                Some(shared) => shared.run(Arc::clone(&self.memory), stop.clone()).await,
                None => stop.cancelled().await,
            }
        };
        tokio::join!(bounds, shared);
    }

    async fn bounds(&self, stop: &CancellationToken) {
        let mut changed = self.desk.watch();
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                changed = changed.changed() => if changed.is_err() { return },
            }
            if let Some(settings) = &self.desk.live().load().settings {
                self.memory.bound(settings.cache.limits, self.clock.now());
            }
        }
    }
}
