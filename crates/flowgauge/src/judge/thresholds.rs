//! Thresholds that fit the last weeks, for all rules that have a plain one. Refuses to change a rule
//! file: what is proposed is put there by a person.

use crate::judge::RuleSet;
use crate::logic::alert::metric::{Dimension, Metric};
use crate::logic::alert::propose::{FEWEST_HOURS, HeldBy, NotProposed, Proposed, plain, propose};
use crate::logic::alert::rule::Rule;
use crate::logic::kpi::Kpi;
use crate::logic::rollup::Filter;
use crate::logic::unit::UnixMicros;
use crate::logic::window::Window;
use crate::query;
use crate::store::{Reader, RollupQuery, Step, StoreError};
use serde::Serialize;

/// One rule.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Line {
    /// Its name.
    pub rule: String,
    /// Its condition as it stands.
    pub condition: String,
    /// Another condition, where one fits better.
    pub proposed: Option<String>,
    /// Why, or why not.
    pub why: String,
    /// Hours in which the metric is known.
    pub hours: usize,
    /// Of these beyond the threshold in force.
    pub beyond_current: Option<usize>,
    /// Of these beyond the proposed one.
    pub beyond_proposed: Option<usize>,
}

impl Line {
    /// Whether there is too little data to say anything.
    #[must_use]
    pub const fn lacks_data(&self) -> bool {
        self.hours < FEWEST_HOURS
    }
}

/// Whole hours of the last days.
#[must_use]
pub fn window(now: UnixMicros, days: u32) -> Window {
    let to = UnixMicros(now.0.div_euclid(UnixMicros::HOUR) * UnixMicros::HOUR);
    Window::last(i64::from(days) * UnixMicros::DAY, to)
}

/// A line for every enabled rule with a plain threshold. `hours` gives a KPI hour by hour, without those
/// in which it is not known.
///
/// # Errors
/// As `hours`.
pub fn lines<E>(
    set: &RuleSet,
    mut hours: impl FnMut(&'static Kpi) -> Result<Vec<f64>, E>,
) -> Result<Vec<Line>, E> {
    let mut lines = Vec::new();
    for rule in set.rules.iter().filter(|r| r.enabled) {
        let Some(of) = plain(rule) else { continue };
        let Some(kpi) = of.metric.kpi().and_then(Kpi::find) else { continue };
        let known: Vec<f64> = hours(kpi)?.into_iter().map(|v| base(of.metric, v)).collect();
        let target = kpi.target.map(|t| base(of.metric, t));
        lines.push(line(rule, &known, propose(rule, &of, &known, target)));
    }
    Ok(lines)
}

/// A KPI hour by hour out of the store; hours in which it is not known are left out.
///
/// # Errors
/// The store cannot be read.
pub fn hours(reader: &Reader, kpi: &'static Kpi, window: Window) -> Result<Vec<f64>, StoreError> {
    let (filter, step) = (Filter::default(), Step::Minutes(60));
    let query = RollupQuery { window, filter, group_by: Vec::new(), step };
    let table = query::table(reader, &[kpi], &query)?;
    Ok(table.rows.iter().filter_map(|row| row.values.first()?.value.value()).collect())
}

fn line(rule: &Rule, hours: &[f64], found: Result<Proposed, NotProposed>) -> Line {
    let mut line = Line {
        rule: rule.name.to_string(),
        condition: rule.text.clone(),
        proposed: None,
        why: String::new(),
        hours: hours.len(),
        beyond_current: None,
        beyond_proposed: None,
    };
    match found {
        Ok(p) => {
            line.why = match p.held_by {
                None => "fits what was seen",
                Some(HeldBy::Target) => "stricter would fire while the target is met",
                Some(HeldBy::InForce) => "looser than the target is not proposed",
            }
            .to_owned();
            line.proposed = Some(p.text);
            (line.beyond_current, line.beyond_proposed) =
                (Some(p.beyond_current), Some(p.beyond_proposed));
        }
        Err(NotProposed::TooFew) => {
            line.why = format!("{} hours are known; {FEWEST_HOURS} are needed", hours.len());
        }
        Err(NotProposed::Fits) => "fits as it is".clone_into(&mut line.why),
    }
    line
}

/// A KPI's unit as the evaluator's base unit.
fn base(metric: Metric, shown: f64) -> f64 {
    match metric.dimension() {
        Dimension::Time => shown * 1e3,
        Dimension::Ratio => shown / 100.0,
        Dimension::Money => shown * 1e9,
        Dimension::Count | Dimension::Size | Dimension::Rate | Dimension::Rating => shown,
    }
}
