//! Jobs, built: the chores, their timetables, the ledger, and the way to those who hear of them.

use super::clock::Clock;
use super::prices::Prices;
use crate::config::Config;
use crate::control::Control;
use crate::judge::{Desk, Regressions};
use crate::keep::Jobs;
use crate::keep::jobs::Job;
use crate::keep::maintain::{Maintain, Parts};
use crate::keep::report::{Render, Report, Reports};
use crate::logic::job::JobName;
use crate::record::Recorder;
use crate::store::{JobStore, StoreError};
use std::sync::Arc;

/// Folder of reports inside the data directory.
const REPORTS: &str = "reports";

/// What jobs are made of.
pub(super) struct Ground<'a> {
    pub(super) config: &'a Arc<Config>,
    pub(super) recorder: &'a Recorder,
    pub(super) regressions: &'a Arc<Regressions>,
    pub(super) control: &'a Arc<Control>,
    pub(super) desk: &'a Arc<Desk>,
    pub(super) prices: &'a Arc<Prices>,
    /// Who makes reports; nothing where this flowgauge makes none.
    pub(super) render: Option<Arc<dyn Render>>,
    pub(super) clock: &'a Clock,
}

impl Ground<'_> {
    /// All jobs; none runs yet.
    pub(super) fn build(self) -> Result<Arc<Jobs>, StoreError> {
        let Self { config, recorder, regressions, control, desk, prices, render, clock } = self;
        let folder = config.data_dir.join(REPORTS);
        let reports = render.map(|render| Reports { render, folder });
        let store = Arc::new(JobStore::open(&config.data_dir)?);
        let chores = Maintain::both(Parts {
            recorder: recorder.clone(),
            config: Arc::clone(config),
            regressions: Arc::clone(regressions),
            control: Arc::clone(control),
            prices: Arc::clone(prices),
            reports: reports.clone(),
            clock: clock.clone(),
        });
        let mut jobs: Vec<Arc<dyn Job>> = chores.into();
        for name in JobName::ALL {
            let report = reports.clone().and_then(|r| Report::new(name, r, Arc::clone(desk)));
            jobs.extend(report.map(|report| Arc::new(report) as Arc<dyn Job>));
        }
        let at = (clock.clone(), config.time_zone);
        Ok(Jobs::new(jobs, config.schedules.clone(), store, Arc::clone(desk), at))
    }
}
