//! The weekly and monthly chores (catalogue C61, C67), in the order that loses nothing: settings are kept
//! first, the store is looked over and the week is judged before a baseline is proposed from it, and
//! nothing is deleted before it is archived.
//!
//! Owns the order and the words. Whatever changes how calls are judged or answered is a proposal: the
//! step says what to run. Refuses to promote, to switch and to set.

mod judged;
mod stored;
mod tuned;

use super::jobs::{Job, Occasion, Stepping, blocking};
use super::report::{Kind, Reports};
use crate::config::Config;
use crate::control::Control;
use crate::judge::Regressions;
use crate::logic::job::{JobName, Outcome, StepPlan};
use crate::logic::unit::UnixMicros;
use crate::record::Recorder;
use crate::serve::clock::Clock;
use crate::serve::prices::Prices;
use crate::store::Reader;
use std::sync::Arc;

/// What chores are done with.
#[derive(Debug)]
pub struct Parts {
    /// The store.
    pub recorder: Recorder,
    /// Retention, rules.
    pub config: Arc<Config>,
    /// Baselines and checks.
    pub regressions: Arc<Regressions>,
    /// What is switched how.
    pub control: Arc<Control>,
    /// Prices in force and the file behind them.
    pub prices: Arc<Prices>,
    /// Who makes reports; nothing where this flowgauge makes none.
    pub reports: Option<Reports>,
    /// Time.
    pub clock: Clock,
}

const WEEKLY: &[StepPlan] = &[
    CONFIG_BACKUP,
    STORE_CHECK,
    step("report", "make the weekly report", &[]),
    step("regression_check", "compare the last seven days with the promoted baseline", &[]),
    step(
        "baseline_proposal",
        "propose a baseline from the last four weeks, unless something regressed",
        &["regression_check"],
    ),
    step("threshold_proposals", "propose thresholds that fit the last four weeks", &[]),
    step("cache_proposal", "propose bounds for the memory of answers", &[]),
    step("quality_audit", "look whether scores cover what users ask", &[]),
    ARCHIVE,
    PRUNE,
];

const MONTHLY: &[StepPlan] = &[
    CONFIG_BACKUP,
    STORE_CHECK,
    step("report", "make the comprehensive analysis of the month", &[]),
    step("regression_check", "compare the last four weeks with the promoted baseline", &[]),
    step("baseline_review", "name the candidate that waits to be promoted", &["regression_check"]),
    step("optimisation_proposals", "propose parameters that evidence speaks for", &[]),
    ARCHIVE,
    PRUNE,
    step("documentation", "bring the performance book up to date", &[]),
    step("executive_report", "make the page for those who decide", &[]),
];

const CONFIG_BACKUP: StepPlan =
    step("config_backup", "keep settings, rules, prices and baseline, with check sums", &[]);
const STORE_CHECK: StepPlan =
    step("store_check", "read everything stored and look for damage", &[]);
const ARCHIVE: StepPlan =
    step("archive", "copy what is too old to the archive and verify the copies", &["store_check"]);
const PRUNE: StepPlan =
    step("prune", "drop raw calls that are too old, if they are archived", &["archive"]);

const fn step(name: &'static str, about: &'static str, needs: &'static [&'static str]) -> StepPlan {
    StepPlan { name, about, needs }
}

/// The chores of a week or a month.
#[derive(Debug)]
pub struct Maintain {
    name: JobName,
    parts: Arc<Parts>,
}

impl Maintain {
    /// Both.
    #[must_use]
    pub fn both(parts: Parts) -> [Arc<dyn Job>; 2] {
        let parts = Arc::new(parts);
        [JobName::MaintainWeekly, JobName::MaintainMonthly]
            .map(|name| Arc::new(Self { name, parts: Arc::clone(&parts) }) as Arc<dyn Job>)
    }

    fn is_weekly(&self) -> bool {
        self.name == JobName::MaintainWeekly
    }

    fn do_step(&self, name: &str, of: &Occasion) -> Result<Outcome, String> {
        let parts = &self.parts;
        match name {
            "config_backup" => stored::backup(parts),
            "store_check" => stored::check(parts),
            "report" if self.is_weekly() => report(parts, Kind::Weekly, of),
            "report" => report(parts, Kind::Comprehensive, of),
            "regression_check" => judged::check(parts, if self.is_weekly() { 7 } else { 28 }),
            "baseline_proposal" => judged::propose(parts, of),
            "baseline_review" => judged::review(parts),
            "threshold_proposals" => judged::thresholds(parts),
            "cache_proposal" => tuned::cache(parts),
            "quality_audit" => judged::audit(parts),
            "optimisation_proposals" => tuned::parameters(parts, of),
            "archive" => stored::archive(parts, !self.is_weekly()),
            "prune" => stored::prune(parts),
            "documentation" => report(parts, Kind::Documentation, of),
            "executive_report" => report(parts, Kind::Executive, of),
            other => Err(format!("there is no step {other}")),
        }
    }
}

impl Job for Maintain {
    fn name(&self) -> JobName {
        self.name
    }

    fn steps(&self) -> &'static [StepPlan] {
        if self.is_weekly() { WEEKLY } else { MONTHLY }
    }

    fn step(self: Arc<Self>, name: &'static str, of: Arc<Occasion>) -> Stepping {
        blocking(move || self.do_step(name, &of))
    }

    fn foresee(&self, name: &str, _of: &Occasion) -> Option<String> {
        match name {
            "archive" => Some(stored::would_archive(&self.parts)),
            "prune" => Some(stored::would_prune(&self.parts)),
            "config_backup" => Some(stored::would_backup(&self.parts)),
            "report" | "documentation" | "executive_report" if self.parts.reports.is_none() => {
                Some(NO_REPORTS.to_owned())
            }
            _ => None,
        }
    }
}

const NO_REPORTS: &str = "nothing: this flowgauge makes no reports";

fn report(parts: &Parts, kind: Kind, of: &Occasion) -> Result<Outcome, String> {
    let Some(reports) = &parts.reports else {
        return Ok(Outcome::skipped("this flowgauge makes no reports"));
    };
    let (rendered, folder) = reports.make(kind, of)?;
    Ok(Outcome::done(format!("{} files in {}", rendered.files.len(), folder.display())))
}

impl Parts {
    fn reader(&self) -> Result<Reader, String> {
        self.recorder.reader().ok_or_else(|| "the store is not open now".to_owned())
    }

    fn now(&self) -> UnixMicros {
        self.clock.now()
    }
}
