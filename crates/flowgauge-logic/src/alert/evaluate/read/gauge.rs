//! Metrics that have no window: as they are at the tick.

use super::super::tick::Tick;
use super::Of;
use crate::alert::facts::Gauge;
use crate::alert::metric::Metric;
use crate::alert::sample::Why;
use crate::known::{Known, Reason};

pub(super) const fn is_gauge(metric: Metric) -> bool {
    matches!(
        metric,
        Metric::CacheMemoryUsage
            | Metric::CacheMemoryBytes
            | Metric::TtlEffectiveness
            | Metric::ConcurrentUsers
            | Metric::InflightRequests
    )
}

pub(super) fn gauge(tick: &Tick<'_>, metric: Metric) -> (u64, Why, Of) {
    let read = |gauge| tick.facts.gauge(gauge);
    let known = match metric {
        Metric::CacheMemoryBytes => read(Gauge::CacheBytes),
        Metric::CacheMemoryUsage => match (read(Gauge::CacheBytes), read(Gauge::CacheCapacity)) {
            (Known::Value(bytes), Known::Value(capacity)) if capacity > 0.0 => {
                Known::Value(bytes / capacity)
            }
            (Known::Value(_), Known::Value(_)) => Known::Unknown(Reason::NotConfigured),
            (Known::Unknown(reason), _) | (_, Known::Unknown(reason)) => Known::Unknown(reason),
        },
        Metric::TtlEffectiveness => read(Gauge::TtlEffectiveness),
        Metric::ConcurrentUsers => read(Gauge::ConcurrentUsers),
        _ => read(Gauge::InFlight),
    };
    match known {
        Known::Value(figure) => (1, Why::NoData, Of::Figure(figure)),
        Known::Unknown(reason) => (0, why(reason), Of::Nothing),
    }
}

/// Why a value is unknown, in the words of the state machine.
pub(in super::super) const fn why(reason: Reason) -> Why {
    match reason {
        Reason::SwitchedOff => Why::Disabled,
        Reason::NotConfigured => Why::NotConfigured,
        Reason::TooFew => Why::Thin,
        Reason::NoData | Reason::NotReported | Reason::NotPriced | Reason::WindowTooLong => {
            Why::NoData
        }
    }
}
