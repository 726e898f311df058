//! The driver of jobs: plans what timetables ask for, runs one at a time, keeps what came of each step.
//!
//! Every step is noted before it begins and after it ended, so that a run which was cut off is taken up
//! where it was left. Refuses to run beside another process of the same data directory, and to know what
//! a job does.

mod ask;
mod driver;
mod job;
mod tell;

#[cfg(test)]
mod tests;

pub use ask::{AskError, Foreseen, Listed, Wanted, list};
pub use job::{Job, Occasion, Stepping, blocking};

use crate::config::schedules::Scheduled;
use crate::judge::Desk;
use crate::logic::job::JobName;
use crate::serve::clock::Clock;
use crate::store::JobStore;
use chrono_tz::Tz;
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::sync::Notify;

/// Jobs, their timetables and their ledger.
#[derive(Debug)]
pub struct Jobs {
    jobs: BTreeMap<JobName, Arc<dyn Job>>,
    schedules: Vec<Scheduled>,
    store: Arc<JobStore>,
    /// Tells recipients how a run ended.
    desk: Arc<Desk>,
    clock: Clock,
    zone: Tz,
    /// Rung when a run was asked for.
    bell: Notify,
}

impl Jobs {
    /// Over a ledger. Nothing runs before [`Jobs::run`].
    #[must_use]
    pub fn new(
        jobs: Vec<Arc<dyn Job>>,
        schedules: Vec<Scheduled>,
        store: Arc<JobStore>,
        desk: Arc<Desk>,
        (clock, zone): (Clock, Tz),
    ) -> Arc<Self> {
        let jobs = jobs.into_iter().map(|job| (job.name(), job)).collect();
        Arc::new(Self { jobs, schedules, store, desk, clock, zone, bell: Notify::new() })
    }
}
