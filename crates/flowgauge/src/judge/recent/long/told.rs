//! What other parts tell rules of: gauges, mechanisms that are off, regressions, kept baselines.

use super::Long;
use crate::logic::alert::facts::{Gauge, Mechanism};
use crate::logic::alert::metric::Metric;
use crate::logic::baseline::Baseline as Kept;
use crate::logic::call::Text;
use crate::logic::known::{Known, Reason};
use crate::logic::unit::UnixMicros;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::Arc;

/// What other parts say.
#[derive(Debug, Default)]
pub(super) struct Told {
    pub(super) gauges: HashMap<Gauge, f64>,
    pub(super) off: HashMap<Mechanism, bool>,
    pub(super) cleared: Option<UnixMicros>,
    pub(super) regressions: HashMap<Metric, (bool, f64)>,
    /// Whether the online detector finds a metric regressed, and by which signed fraction it differs
    /// from its own week before.
    pub(super) online: HashMap<Metric, (bool, f64)>,
    /// The promoted and the pinned baselines, by name.
    pub(super) kept: HashMap<Text, Arc<Kept>>,
    /// The pinned one whose window ended last.
    pub(super) pinned: Option<Arc<Kept>>,
}

/// Where the regression detector tells what it found.
#[derive(Debug, Clone, Default)]
pub struct Findings(pub(super) Arc<Mutex<Told>>);

impl Findings {
    /// Whether a metric regressed, and by which signed fraction.
    pub fn tell(&self, metric: Metric, found: (bool, f64)) {
        self.0.lock().regressions.insert(metric, found);
    }

    /// Whether the online detector finds a metric regressed, and by which signed fraction it differs
    /// from its own week before.
    pub fn tell_online(&self, metric: Metric, found: (bool, f64)) {
        self.0.lock().online.insert(metric, found);
    }

    /// What the online detector told of a metric last.
    #[must_use]
    pub fn online(&self, metric: Metric) -> Option<(bool, f64)> {
        self.0.lock().online.get(&metric).copied()
    }

    /// The promoted and the pinned baselines, and whether each is pinned.
    pub fn keep(&self, baselines: impl IntoIterator<Item = (Kept, bool)>) {
        let mut told = self.0.lock();
        (told.kept, told.pinned) = (HashMap::new(), None);
        for (baseline, pinned) in baselines {
            let baseline = Arc::new(baseline);
            let later = told.pinned.as_ref().is_none_or(|p| p.window.to < baseline.window.to);
            if pinned && later {
                told.pinned = Some(Arc::clone(&baseline));
            }
            told.kept.insert(baseline.name.clone(), baseline);
        }
    }

    /// What was told of a metric last.
    #[must_use]
    pub fn told(&self, metric: Metric) -> Option<(bool, f64)> {
        self.0.lock().regressions.get(&metric).copied()
    }
}

impl Long {
    pub(in super::super) fn measured(&self, gauge: Gauge) -> Option<f64> {
        self.told.lock().gauges.get(&gauge).copied()
    }

    pub(in super::super) fn is_off(&self, mechanism: Mechanism) -> Option<bool> {
        self.told.lock().off.get(&mechanism).copied()
    }

    pub(in super::super) fn cleared(&self) -> Option<UnixMicros> {
        self.told.lock().cleared
    }

    /// A promoted or pinned baseline.
    pub(in super::super) fn kept(&self, name: &str) -> Option<Arc<Kept>> {
        self.told.lock().kept.get(name).cloned()
    }

    /// The pinned baseline whose window ended last.
    pub(in super::super) fn last_pinned(&self) -> Option<Arc<Kept>> {
        self.told.lock().pinned.clone()
    }

    pub(in super::super) fn regression(&self, metric: Metric) -> Known<(bool, f64)> {
        let told = self.told.lock();
        let checked = told.regressions.get(&metric).copied();
        let online = told.online.get(&metric).copied();
        let regressed = [checked, online].into_iter().flatten().find(|(regressed, _)| *regressed);
        let found = regressed.or(checked).or(online);
        // A check that could not compare a metric is not the same as none.
        let none = told.regressions.is_empty() && told.online.is_empty();
        Known::from_option(found, if none { Reason::NotConfigured } else { Reason::NoData })
    }
}
