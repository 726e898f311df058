//! The named questions: KPIs of a window, KPIs over time or by dimension.
//!
//! Commands and the HTTP API give the same answers: both call these functions, and their JSON is
//! the serialisation of these types. Nothing here reads raw rows except where it says so.

pub mod ages;
pub mod agreement;
pub mod budgets;
pub mod changes;
pub mod checks;
pub mod coverage;
pub mod diagnose;
pub mod errors;
pub mod health;
pub mod heat;
pub mod history;
pub mod listed;
#[cfg(feature = "sql")]
pub mod postgres;
pub mod prices;
pub mod provenance;
pub mod reduction;
pub mod report;
pub mod reprice;
pub mod scores;
#[cfg(feature = "sql")]
pub mod sql;
pub mod status;
pub mod view;

mod labels;
mod sample;

use crate::logic::call::Text;
use crate::logic::known::{Known, Reason};
use crate::logic::kpi::{self, CATALOGUE, Context, Kpi, Measured, State};
use crate::logic::rollup::{Dim, Filter, Rollup, Spreads};
use crate::logic::unit::UnixMicros;
use crate::logic::window::Window;
use crate::store::{Gap, Reader, RollupQuery, Step, StoreError};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

/// One KPI with everything needed to show it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct KpiValue {
    /// Catalogue name.
    pub name: String,
    /// Name for people.
    pub title: String,
    /// Unit at the edge.
    pub unit: kpi::Unit,
    /// The value; `null` where unknown.
    pub value: Option<f64>,
    /// Why there is no value.
    pub unknown: Option<Reason>,
    /// Samples behind it.
    pub n: u64,
    /// Fewest samples for which a value is shown.
    pub min_samples: u64,
    /// Target as text, e.g. `< 1500 ms`.
    pub target: Option<String>,
    /// Judged against target and limits.
    pub state: State,
    /// What it is.
    pub meaning: String,
    /// Where it lies with 95 % confidence, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interval: Option<(f64, f64)>,
    /// Of quality: the evaluator, in one version, whose word it is. Others are not mixed in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evaluator: Option<String>,
}

/// KPIs of one window.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Snapshot {
    /// The window, widened to whole minutes.
    pub window: Window,
    /// In catalogue order.
    pub kpis: Vec<KpiValue>,
    /// Stretches in which calls were lost: the figures miss them.
    pub gaps: Vec<Gap>,
    /// By how much KPIs changed from here to a later window that was named, with intervals.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<changes::KpiChange>,
}

/// KPIs per step of time or per value of a dimension.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Table {
    /// The window, widened to whole minutes.
    pub window: Window,
    /// Dimensions of `key`.
    pub group_by: Vec<Dim>,
    /// Length of a step in minutes; `null` where time is not cut.
    pub step_minutes: Option<u32>,
    /// Columns.
    pub kpis: Vec<String>,
    /// One per group.
    pub rows: Vec<Row>,
    /// Stretches in which calls were lost.
    pub gaps: Vec<Gap>,
    /// Of columns of quality: whose evaluations they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evaluator: Option<String>,
}

/// One group.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// First moment of the step.
    pub from: UnixMicros,
    /// Values of the dimensions.
    pub key: Vec<Text>,
    /// One per column.
    pub values: Vec<Measured>,
}

impl KpiValue {
    /// A KPI over a merged rollup.
    #[must_use]
    pub fn of(kpi: &Kpi, rollup: &Rollup, context: Context) -> Self {
        let measured = kpi::measure(kpi, rollup, context);
        Self::shown(kpi, measured)
    }

    /// A KPI with a value measured elsewhere.
    #[must_use]
    pub fn shown(kpi: &Kpi, measured: Measured) -> Self {
        let (value, unknown) = match measured.value {
            Known::Value(v) => (Some(v), None),
            Known::Unknown(r) => (None, Some(r)),
        };
        Self {
            name: kpi.name.to_owned(),
            title: kpi.title.to_owned(),
            unit: kpi.unit,
            value,
            unknown,
            n: measured.n,
            min_samples: kpi.min_samples,
            target: kpi.target_text(),
            state: kpi.state(measured.value),
            meaning: kpi.meaning.to_owned(),
            interval: None,
            evaluator: None,
        }
    }

    /// A KPI that calls do not tell.
    fn told(kpi: &Kpi, told: labels::Told) -> Self {
        let evaluator = told.evaluator.map(|who| who.to_string());
        Self { interval: told.interval, evaluator, ..Self::shown(kpi, told.measured) }
    }
}

/// Every KPI of a window; those of the day and month so far are read over their own, which ends
/// where the window does.
///
/// # Errors
/// When the store cannot be read.
pub fn snapshot(
    reader: &Reader,
    window: Window,
    filter: &Filter,
    zone: Tz,
) -> Result<Snapshot, StoreError> {
    let all: Vec<&Kpi> = CATALOGUE.iter().collect();
    snapshot_of(reader, &all, window, filter, zone)
}

/// The same of some KPIs, in catalogue order. What only others need is not read: users at once take every minute of the
/// window, the month so far every hour of it.
///
/// # Errors
/// When the store cannot be read.
pub fn snapshot_of(
    reader: &Reader,
    wanted: &[&Kpi],
    window: Window,
    filter: &Filter,
    zone: Tz,
) -> Result<Snapshot, StoreError> {
    let window = window.whole_minutes();
    let spreads = spreads_of(wanted);
    let mut read: Vec<(Window, Rollup)> = Vec::new();
    let mut labels = labels::Asking::new(reader, filter);
    let mut kpis = Vec::with_capacity(wanted.len());
    for kpi in CATALOGUE {
        if !wanted.iter().any(|one| one.name == kpi.name) {
            continue;
        }
        let theirs = kpi.own_window(window.to, zone).unwrap_or(window);
        if let Some(told) = labels.measure(kpi, theirs)? {
            kpis.push(KpiValue::told(kpi, told));
            continue;
        }
        let known = read.iter().position(|(w, _)| *w == theirs);
        let at = known.unwrap_or(read.len());
        if known.is_none() {
            read.push((theirs, whole(reader, theirs, filter, spreads)?));
        }
        if let Some((w, r)) = read.get(at) {
            kpis.push(KpiValue::of(kpi, r, Context { minutes: w.minutes() }));
        }
    }
    Ok(Snapshot { window, kpis, gaps: reader.gaps(window)?, changes: Vec::new() })
}

/// One KPI of a window.
///
/// # Errors
/// When the store cannot be read.
pub fn one(
    reader: &Reader,
    kpi: &Kpi,
    window: Window,
    filter: &Filter,
) -> Result<KpiValue, StoreError> {
    let window = window.whole_minutes();
    if let Some(told) = labels::Asking::new(reader, filter).measure(kpi, window)? {
        return Ok(KpiValue::told(kpi, told));
    }
    let rollup = whole(reader, window, filter, kpi.spreads())?;
    Ok(KpiValue::of(kpi, &rollup, Context { minutes: window.minutes() }))
}

fn spreads_of(kpis: &[&Kpi]) -> Spreads {
    kpis.iter().fold(Spreads::NONE, |all, kpi| all | kpi.spreads())
}

fn whole(
    reader: &Reader,
    window: Window,
    filter: &Filter,
    spreads: Spreads,
) -> Result<Rollup, StoreError> {
    let query =
        RollupQuery { window, filter: filter.clone(), group_by: Vec::new(), step: Step::Whole };
    let mut groups = reader.rollups_of(&query, spreads)?;
    Ok(groups.pop().map(|g| g.rollup).unwrap_or_default())
}

/// KPIs per step of time and per value of dimensions.
///
/// # Errors
/// When the store cannot be read.
pub fn table(reader: &Reader, kpis: &[&Kpi], query: &RollupQuery) -> Result<Table, StoreError> {
    let window = query.window.whole_minutes();
    let minutes = match query.step {
        Step::Whole => window.minutes(),
        Step::Minutes(m) => f64::from(m),
    };
    let context = Context { minutes };
    let rows = reader.rollups_of(query, spreads_of(kpis))?.into_iter().map(|g| Row {
        from: g.from,
        key: g.key,
        values: kpis.iter().map(|k| kpi::measure(k, &g.rollup, context)).collect(),
    });
    let mut rows: Vec<Row> = rows.collect();
    let evaluator = labels::fill(reader, kpis, query, &mut rows)?;
    Ok(Table {
        window,
        group_by: query.group_by.clone(),
        step_minutes: match query.step {
            Step::Whole => None,
            Step::Minutes(m) => Some(m),
        },
        kpis: kpis.iter().map(|k| k.name.to_owned()).collect(),
        rows,
        evaluator: evaluator.map(|who| who.to_string()),
        gaps: reader.gaps(window)?,
    })
}
