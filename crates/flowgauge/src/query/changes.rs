//! By how much KPIs changed between two windows, with intervals.

use super::{labels, whole};
use crate::logic::known::Known;
use crate::logic::kpi::Kpi;
use crate::logic::kpi::change::{Estimate, change, estimate, spreads};
use crate::logic::rollup::{Filter, Spreads};
use crate::logic::score::Evaluator;
use crate::logic::window::Window;
use crate::store::{Reader, StoreError};
use serde::{Deserialize, Serialize};

/// The one KPI that scores tell with an interval.
const QUALITY: &str = "quality_score";

/// A KPI in a window against an earlier one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct KpiChange {
    /// Catalogue name.
    pub name: String,
    /// Change in percent of the earlier value.
    pub percent: f64,
    /// Lower end of its 95 % interval, calls taken as independent of each other.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

/// The changes of those KPIs whose interval is known in both windows, in the order asked for. Totals and
/// counts have none: they are no sample.
///
/// # Errors
/// When the store cannot be read.
pub fn changes(
    reader: &Reader,
    kpis: &[&Kpi],
    filter: &Filter,
    now: Window,
    before: Window,
) -> Result<Vec<KpiChange>, StoreError> {
    let now = estimates(reader, kpis, filter, now.whole_minutes())?;
    let before = estimates(reader, kpis, filter, before.whole_minutes())?;
    let told = kpis.iter().zip(now.into_iter().zip(before)).filter_map(|(kpi, (now, before))| {
        let ((now, judge), (before, judge_before)) = (now?, before?);
        let Estimate { value, low, high } =
            change(now, before).filter(|_| judge == judge_before)?;
        Some(KpiChange { name: kpi.name.to_owned(), percent: value, low, high })
    });
    Ok(told.collect())
}

/// An estimate, and of quality whose word it is: that of another is no change.
type Judged = (Estimate, Option<Evaluator>);

fn estimates(
    reader: &Reader,
    kpis: &[&Kpi],
    filter: &Filter,
    window: Window,
) -> Result<Vec<Option<Judged>>, StoreError> {
    let needed = kpis.iter().filter_map(|kpi| spreads(kpi)).reduce(|all, one| all | one);
    let rollup = needed.map(|s: Spreads| whole(reader, window, filter, s)).transpose()?;
    let mut labels = labels::Asking::new(reader, filter);
    let mut out = Vec::with_capacity(kpis.len());
    for kpi in kpis {
        out.push(if kpi.name == QUALITY {
            labels.measure(kpi, window)?.and_then(|told| {
                let Known::Value(value) = told.measured.value else { return None };
                let (low, high) = told.interval?;
                Some((Estimate { value, low, high }, told.evaluator))
            })
        } else {
            let read = rollup.as_ref().filter(|_| spreads(kpi).is_some());
            read.and_then(|r| Some((estimate(kpi, r)?, None)))
        });
    }
    Ok(out)
}
