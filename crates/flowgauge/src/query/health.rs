//! One word for how things stand, and the table behind it: every KPI with value, target and state,
//! and the parts of flowgauge itself.
//!
//! Refuses to guess: without requests the word is `unknown`, never `ok`.

use super::{KpiValue, Snapshot};
use crate::logic::kpi::{Kpi, State};
use crate::logic::window::Window;
use crate::record::RecordStats;
use crate::store::StoreStatus;
use serde::{Deserialize, Serialize};

/// How things stand, in Nagios' order of exit codes 0 to 3.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Nothing beyond a limit.
    Ok,
    /// Something beyond a warning limit, or a part works with restrictions.
    Warning,
    /// Something beyond a critical limit, or a part does not work.
    Critical,
    /// Nothing was measured.
    Unknown,
}

/// A part of flowgauge.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Component {
    /// `gateway`, `store`, `otlp_grpc`, …
    pub name: String,
    /// How it stands.
    pub state: Verdict,
    /// Why, for people.
    pub detail: String,
}

/// The table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Health {
    /// The worst of all below.
    pub overall: Verdict,
    /// Window of the KPIs.
    pub window: Window,
    /// Whether only critical limits and the parts were looked at.
    pub critical_only: bool,
    /// KPIs, in catalogue order.
    pub kpis: Vec<KpiValue>,
    /// Parts.
    pub components: Vec<Component>,
}

/// Judges KPIs and parts together.
#[must_use]
pub fn judge(snapshot: Snapshot, components: Vec<Component>, critical_only: bool) -> Health {
    let has_critical = |v: &KpiValue| Kpi::find(&v.name).is_some_and(|k| k.critical.is_some());
    let mut kpis = snapshot.kpis;
    if critical_only {
        kpis.retain(has_critical);
    }
    let overall = overall(&kpis, &components, critical_only);
    Health { overall, window: snapshot.window, critical_only, kpis, components }
}

fn overall(kpis: &[KpiValue], components: &[Component], critical_only: bool) -> Verdict {
    let any_kpi = |state: State| kpis.iter().any(|k| k.state == state);
    let any_part = |state: Verdict| components.iter().any(|c| c.state == state);
    // What is judged against a limit; a count that is always known proves nothing.
    let measured = kpis.iter().any(|k| !matches!(k.state, State::NoData | State::NoTarget));
    if any_kpi(State::Critical) || any_part(Verdict::Critical) {
        Verdict::Critical
    } else if !critical_only && (any_kpi(State::Alert) || any_part(Verdict::Warning)) {
        Verdict::Warning
    } else if measured {
        Verdict::Ok
    } else {
        Verdict::Unknown
    }
}

/// How the store stands. A store that takes no rows is critical: calls pass, figures miss them.
#[must_use]
pub fn store_component(stats: &RecordStats, store: Option<&StoreStatus>) -> Component {
    let (state, detail) = match (&stats.degraded, store) {
        (Some(reason), _) => (Verdict::Critical, format!("takes no rows: {reason}")),
        (None, None) => (Verdict::Critical, "cannot be read".to_owned()),
        (None, Some(store)) => match store.damage.first() {
            Some(first) => {
                let n = store.damage.len();
                (Verdict::Critical, format!("{n} damaged places, first: {first}"))
            }
            None if stats.lost > 0 => (
                Verdict::Warning,
                format!("{} calls were not recorded since start; see the gaps", stats.lost),
            ),
            None => (Verdict::Ok, format!("{} rows stored since start", stats.stored)),
        },
    };
    Component { name: "store".to_owned(), state, detail }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::logic::kpi::{CATALOGUE, Context};
    use crate::logic::rollup::Rollup;
    use crate::logic::unit::UnixMicros;

    fn snapshot(rollup: &Rollup) -> Snapshot {
        let window = Window { from: UnixMicros(0), to: UnixMicros(UnixMicros::HOUR) };
        let context = Context { minutes: 60.0 };
        let kpis = CATALOGUE.iter().map(|k| KpiValue::of(k, rollup, context)).collect();
        Snapshot { window, kpis, gaps: Vec::new(), changes: Vec::new() }
    }

    fn part(state: Verdict) -> Vec<Component> {
        vec![Component { name: "store".into(), state, detail: String::new() }]
    }

    #[test]
    fn without_requests_the_word_is_unknown() {
        let health = judge(snapshot(&Rollup::default()), part(Verdict::Ok), false);
        assert_eq!(health.overall, Verdict::Unknown);
    }

    #[test]
    fn an_error_rate_beyond_its_limit_is_critical_and_one_failure_less_is_not() {
        let failing = |failure| Rollup { success: 100, failure, ..Rollup::default() };
        let word = |failure| judge(snapshot(&failing(failure)), part(Verdict::Ok), false).overall;
        assert_eq!(word(50), Verdict::Critical);
        assert_eq!(word(4), Verdict::Warning);
        assert_eq!(word(0), Verdict::Ok);
    }

    #[test]
    fn only_critical_limits_count_where_asked() {
        let rollup = Rollup { success: 96, failure: 4, ..Rollup::default() };
        let health = judge(snapshot(&rollup), part(Verdict::Warning), true);
        assert_eq!(health.overall, Verdict::Ok);
        assert!(health.kpis.iter().all(|k| Kpi::find(&k.name).unwrap().critical.is_some()));
    }

    #[test]
    fn a_store_that_takes_no_rows_is_critical() {
        let stats = RecordStats { degraded: Some("disk full".into()), ..RecordStats::default() };
        let part = store_component(&stats, Some(&StoreStatus::default()));
        assert_eq!(
            (part.state, part.detail.as_str()),
            (Verdict::Critical, "takes no rows: disk full")
        );
    }
}
