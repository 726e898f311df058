//! Alerts that others post, as Alertmanager takes them: shown until they end, never evaluated.
//!
//! Held in memory and stored: whoever was told that one began is told that it ended, a restart or not.

use super::matching::LabelMap;
use crate::logic::alert::rule::Severity;
use crate::logic::unit::UnixMicros;
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::sync::Arc;

pub use crate::logic::alert::posted::{Posted, PostedAlert};

/// An alert without an end is over so long after it was posted last: Alertmanager's
/// `resolve_timeout`.
pub const RESOLVE_AFTER: i64 = 5 * UnixMicros::MINUTE;
/// Most alerts held: about 10 MB.
const MAX_ALERTS: usize = 10_000;

/// What was taken.
#[derive(Debug, Default)]
pub(super) struct Taken {
    /// Alerts as they stand now.
    pub(super) posted: Vec<Posted>,
    /// How many found no room.
    pub(super) refused: usize,
    /// Whether one of them is critical and was not known.
    pub(super) urgent: bool,
}

#[derive(Debug, Default)]
pub(super) struct External(Mutex<BTreeMap<LabelMap, Arc<Posted>>>);

impl External {
    /// Those that were stored.
    pub(super) fn of(stored: Vec<Posted>) -> Self {
        let held = stored.into_iter().map(|p| (p.alert.labels.clone(), Arc::new(p)));
        Self(Mutex::new(held.collect()))
    }

    /// All that are held, those that have ended too.
    pub(super) fn all(&self) -> Vec<Arc<Posted>> {
        self.0.lock().values().cloned().collect()
    }

    /// Takes alerts.
    pub(super) fn post(&self, alerts: Vec<PostedAlert>, now: UnixMicros) -> Taken {
        let mut held = self.0.lock();
        held.retain(|_, posted| posted.ends > now);
        let mut taken = Taken::default();
        for mut alert in alerts {
            let ends = alert.ends.unwrap_or(UnixMicros(now.0.saturating_add(RESOLVE_AFTER)));
            let before = held.get(&alert.labels);
            if before.is_none() && held.len() >= MAX_ALERTS {
                taken.refused += 1;
                continue;
            }
            match before {
                Some(before) => alert.starts = alert.starts.min(before.alert.starts),
                None => taken.urgent |= ends > now && alert.severity() == Severity::Critical,
            }
            let labels = alert.labels.clone();
            let posted = Posted { alert, ends, updated: now };
            held.insert(labels, Arc::new(posted.clone()));
            taken.posted.push(posted);
        }
        taken
    }

    /// Those that have not ended.
    pub(super) fn list(&self, now: UnixMicros) -> Vec<Arc<Posted>> {
        let held = self.0.lock();
        held.values().filter(|posted| posted.ends > now).cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alert(name: &str, starts: i64, ends: Option<i64>) -> PostedAlert {
        PostedAlert {
            labels: LabelMap::from([("alertname".to_owned(), name.to_owned())]),
            annotations: LabelMap::new(),
            starts: UnixMicros(starts),
            ends: ends.map(UnixMicros),
            generator: String::new(),
        }
    }

    #[test]
    fn an_alert_without_an_end_is_over_five_minutes_after_its_last_post() {
        let external = External::default();
        let later = |minutes: i64| UnixMicros(minutes * UnixMicros::MINUTE);
        external.post(vec![alert("a", 0, None)], later(0));
        external.post(vec![alert("a", later(3).0, None)], later(3));
        let [shown] = &external.list(later(7))[..] else { panic!("one alert") };
        assert_eq!((shown.alert.starts, shown.ends), (later(0), later(8)));
        assert_eq!(external.list(later(8)), []);
    }

    #[test]
    fn an_alert_posted_with_a_past_end_is_gone() {
        let external = External::default();
        external.post(vec![alert("a", 0, Some(100))], UnixMicros(10));
        external.post(vec![alert("a", 0, Some(20))], UnixMicros(20));
        assert_eq!(external.list(UnixMicros(20)), []);
    }

    #[test]
    fn alerts_beyond_the_limit_are_refused_and_known_ones_are_not() {
        let external = External::default();
        let many = (0..MAX_ALERTS).map(|n| alert(&n.to_string(), 0, None)).collect();
        assert_eq!(external.post(many, UnixMicros(0)).refused, 0);
        let more = vec![alert("0", 0, None), alert("new", 0, None)];
        assert_eq!(external.post(more, UnixMicros(1)).refused, 1);
    }

    #[test]
    fn only_a_critical_alert_that_was_not_known_and_goes_on_is_urgent() {
        let external = External::default();
        let of = |severity: &str, ends| {
            let mut alert = alert("a", 0, ends);
            alert.labels.insert("severity".to_owned(), severity.to_owned());
            vec![alert]
        };
        let urgent = |alerts| external.post(alerts, UnixMicros(10)).urgent;
        assert!(!urgent(of("warning", None)));
        assert!(!urgent(of("critical", Some(5))), "it is over already");
        assert!(urgent(of("critical", None)));
        assert!(!urgent(of("critical", None)), "posted again");
    }
}
