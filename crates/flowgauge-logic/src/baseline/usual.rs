//! What a kept baseline says was usual at a moment of the week: what alert rules compare with when they
//! name it, and what live baselines may not drift away from.

use super::cell::{Cell, Point};
use super::{Baseline, Origin, points_of};
use crate::alert::baseline::{SlotValue, learn};
use crate::alert::facts::Baseline as Usual;
use crate::known::{Known, Reason};
use crate::regression::Metric;
use crate::unit::UnixMicros;
use chrono_tz::Tz;

/// Comparable moments repeat after a week.
const WEEK: i64 = 7 * UnixMicros::DAY;

impl Baseline {
    /// What was usual of a metric at this moment of the week, in the unit of its points: the median over
    /// comparable hours. `wanted` picks cells; nothing means everything together.
    #[must_use]
    pub fn usual(
        &self,
        metric: Metric,
        wanted: Option<&dyn Fn(&Cell) -> bool>,
        at: UnixMicros,
        zone: Tz,
    ) -> Known<Usual> {
        let course: &[Point] = match wanted {
            None => &self.whole.points,
            Some(wanted) => {
                let mut these = self.cells.iter().filter(|cell| wanted(cell));
                // The percentile of several cells is not that of their percentiles.
                match (these.next(), these.next()) {
                    (Some(one), None) => &one.points,
                    (None, _) => return Known::Unknown(Reason::NoData),
                    (Some(_), Some(_)) => return Known::Unknown(Reason::NotReported),
                }
            }
        };
        let known = course.iter().filter_map(|p| {
            let value = points_of(metric, std::slice::from_ref(p)).values.first().copied()?;
            Some(SlotValue { at: p.at, value })
        });
        let mut values: Vec<SlotValue> = known.collect();
        let at = match self.origin {
            Origin::Measured => moved(at, self.window.to),
            Origin::Imported { .. } => {
                // Places of a list are no moments: all of them count.
                let places = values.iter_mut().zip(0..);
                places.for_each(|(v, n)| v.at = UnixMicros(n));
                UnixMicros(i64::try_from(values.len()).unwrap_or(i64::MAX))
            }
        };
        learn(&values, at, zone)
    }
}

/// The first moment of the same hour of the week at or after the end of the window.
fn moved(at: UnixMicros, end: UnixMicros) -> UnixMicros {
    let after = at.0.saturating_sub(end.0).rem_euclid(WEEK);
    UnixMicros(end.0.saturating_add(after))
}
