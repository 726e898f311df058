//! Baselines and regression checks of a running server: proposes, promotes, pins, compares, and tells
//! the alert rules what was found.
//!
//! Between checks an online detector looks at every hour (`online`).
//!
//! A check becomes an alert through the rules `regression_latency`, `regression_tokens`,
//! `regression_cost` and `regression_quality` once two checks of different stretches agree; an online
//! alarm that lasts does at once. Refuses to promote by itself: a person does.

mod check;
mod online;
mod propose;

pub use check::{Against, Check, CheckWanted, Found};
pub use online::Watched;
pub use propose::Proposal;

use crate::judge::recent::Findings;
use crate::logic::alert::metric::Metric as RuleMetric;
use crate::logic::baseline::{Baseline, Refusal, Standing, Status, refuse};
use crate::logic::call::Text;
use crate::logic::regression::{Metric, Verdict};
use crate::logic::unit::UnixMicros;
use crate::record::Recorder;
use crate::serve::clock::Clock;
use crate::store::baselines::{BaselineEvent, BaselineStore};
use crate::store::{AlertStore, Reader, StoreError};
use chrono_tz::Tz;
use std::path::Path;
use std::sync::Arc;

/// Why nothing came of it.
#[derive(Debug, thiserror::Error)]
pub enum RegressionError {
    /// No such baseline.
    #[error("no baseline {0:?}; `flowgauge regression baseline list` names all of them")]
    NoBaseline(String),
    /// The name is taken: a baseline never changes.
    #[error("there is a baseline {0:?} already, and baselines never change; choose another name")]
    Taken(String),
    /// Nothing to compare with.
    #[error(
        "no baseline is promoted; propose one with `flowgauge regression baseline propose`, look at it, and promote it"
    )]
    NonePromoted,
    /// Too little data.
    #[error("{0}")]
    TooLittle(String),
    /// It may not be promoted now.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The store refused.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Parts it works with.
#[derive(Debug)]
pub struct Regressions {
    store: BaselineStore,
    alerts: Arc<AlertStore>,
    recorder: Recorder,
    facts: Findings,
    clock: Clock,
    zone: Tz,
    /// Weeks between false alarms of the online detector; nothing = it is off.
    weeks: Option<f64>,
}

impl Regressions {
    /// Opens the tables and tells the rules what the last check found.
    ///
    /// # Errors
    /// The database cannot be opened or read.
    pub fn open(
        dir: &Path,
        alerts: Arc<AlertStore>,
        recorder: Recorder,
        facts: Findings,
        (clock, zone): (Clock, Tz),
        weeks: Option<f64>,
    ) -> Result<Self, StoreError> {
        let store = BaselineStore::open(dir)?;
        for check in store.checks::<Check>(TOLD_AGAIN)?.iter().rev() {
            tell(&facts, check);
        }
        let regressions = Self { store, alerts, recorder, facts, clock, zone, weeks };
        regressions.show_rules()?;
        Ok(regressions)
    }

    /// Shows the rules which baselines they may name: the promoted and the pinned ones.
    fn show_rules(&self) -> Result<(), StoreError> {
        let all = self.store.all()?.into_iter();
        let kept = all.filter(|(_, s)| s.pinned || s.standing == Standing::Promoted);
        self.facts.keep(kept.map(|(baseline, status)| (baseline, status.pinned)));
        Ok(())
    }

    /// All baselines, the newest first.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn baselines(&self) -> Result<Vec<(Baseline, Status)>, RegressionError> {
        Ok(self.store.all()?)
    }

    /// One baseline; the promoted one without a name.
    ///
    /// # Errors
    /// There is none, or the database cannot be read.
    pub fn baseline(&self, name: Option<&str>) -> Result<(Baseline, Status), RegressionError> {
        match name {
            Some(name) => {
                self.store.get(name)?.ok_or_else(|| RegressionError::NoBaseline(name.to_owned()))
            }
            None => self.store.promoted()?.ok_or(RegressionError::NonePromoted),
        }
    }

    /// Makes a baseline what later is compared with.
    ///
    /// # Errors
    /// There is none, an alert is open, or a regression is.
    pub fn promote(&self, name: &str, by: &str, why: &str) -> Result<Status, RegressionError> {
        let (baseline, status) = self.baseline(Some(name))?;
        let open = self.open_alerts()?;
        let last = self.store.checks::<Check>(1)?;
        let regressed = last.first().and_then(Check::regressed);
        refuse(&baseline, &status, &open, regressed)?;
        self.store.promote(&self.event(name, "promoted", by, why))?;
        self.show_rules()?;
        Ok(self.baseline(Some(name))?.1)
    }

    /// Pins a baseline, or lets it go.
    ///
    /// # Errors
    /// There is none.
    pub fn pin(
        &self,
        name: &str,
        pinned: bool,
        by: &str,
        why: &str,
    ) -> Result<Status, RegressionError> {
        let what = if pinned { "pinned" } else { "unpinned" };
        self.store.pin(pinned, &self.event(name, what, by, why))?;
        self.show_rules()?;
        Ok(self.baseline(Some(name))?.1)
    }

    /// What was done to baselines, the latest first.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn history(&self, limit: usize) -> Result<Vec<BaselineEvent>, RegressionError> {
        Ok(self.store.history(limit)?)
    }

    /// What the last checks found, the latest first.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn checks(&self, limit: usize) -> Result<Vec<Check>, RegressionError> {
        Ok(self.store.checks(limit)?)
    }

    fn event(&self, name: &str, what: &'static str, by: &str, why: &str) -> BaselineEvent {
        BaselineEvent {
            at: self.clock.now(),
            name: Text::from(name),
            what: Text::const_new(what),
            by: Text::from(by),
            why: Text::from(why),
        }
    }

    fn reader(&self) -> Result<Reader, RegressionError> {
        let none = || StoreError::io("reading the store")("it is not open yet");
        Ok(self.recorder.reader().ok_or_else(none)?)
    }

    fn now(&self) -> UnixMicros {
        self.clock.now()
    }
}

/// Checks told again at a start: what was decided last of a metric may lie some checks back.
const TOLD_AGAIN: usize = 60;

/// What a check found, in the words of rules. What it could not decide leaves standing what was told
/// before: too little data ends no alert.
fn tell(facts: &Findings, check: &Check) {
    let decided = |found: &&Found| matches!(found.verdict, Verdict::Regressed | Verdict::Fine);
    for (metric, found) in check.found.iter().filter(|(_, found)| decided(found)) {
        if let Some(by) = found.magnitude {
            facts.tell(rule_metric(*metric), (found.confirmed, by));
        }
    }
}

/// The metric of rules that stands for what is compared.
const fn rule_metric(metric: Metric) -> RuleMetric {
    match metric {
        Metric::Latency => RuleMetric::P95Latency,
        Metric::Tokens => RuleMetric::TokensPerRequest,
        Metric::Cost => RuleMetric::CostPerRequest,
        Metric::Quality => RuleMetric::QualityScore,
    }
}

#[cfg(test)]
mod tests;
