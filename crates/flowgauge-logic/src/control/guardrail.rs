//! When an optimisation is undone without being asked.
//!
//! Owns the decision: what counts as a reason, how often harm must be seen, the rest afterwards, the cap per day, and
//! the dry run, which is where everyone begins. Refuses to switch anything on again: that is a person's decision, or a
//! policy's of its own (alerting, 15).

#[cfg(test)]
mod tests;

use super::evidence::{Finding, Metric, Report};
use super::rollout::Mechanism;
use crate::call::Text;
use crate::unit::{Micros, UnixMicros};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Chance that a mechanism that harms nothing is ever undone, however long it is watched.
pub const ALPHA: f64 = 0.05;
/// Looks in a row that must see the harm: one could be a burst that the next minute takes back.
const CONFIRM: u32 = 2;
/// Time between two looks that count.
const BETWEEN_LOOKS: Micros = Micros::from_millis(60_000);
/// Rest after an action.
const COOL_DOWN: Micros = Micros::from_millis(6 * 3_600_000);
/// Actions per mechanism and day (alerting, 15).
const PER_DAY: u32 = 1;
/// Quality below which a guardrail acts without a hold-out, where that is opted into (catalogue A14).
const FLOOR: f64 = 75.0;
const DAY: Micros = Micros::from_millis(24 * 3_600_000);

/// How the guardrail works.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Whether it acts or only says that it would not have waited.
    pub acts: bool,
    /// Chance that any harmless mechanism is ever undone; those that act share it.
    pub alpha: f64,
    /// Looks in a row that must see harm.
    pub confirm: u32,
    /// Rest after an action.
    pub cool_down: Micros,
    /// Actions per mechanism in 24 hours.
    pub per_day: u32,
    /// Whether a firing critical alert that names the mechanism is a reason.
    pub on_critical_alert: bool,
    /// Quality below which it acts; nothing is never.
    pub floor: Option<f64>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            acts: false,
            alpha: ALPHA,
            confirm: CONFIRM,
            cool_down: COOL_DOWN,
            per_day: PER_DAY,
            on_critical_alert: false,
            floor: None,
        }
    }
}

impl Settings {
    /// With the floor of the guide's critical rule.
    #[must_use]
    pub const fn with_floor(mut self) -> Self {
        self.floor = Some(FLOOR);
        self
    }
}

/// What is seen at a look.
#[derive(Debug, Clone, Copy, Default)]
pub struct Seen<'a> {
    /// Comparison with the untouched, where there is one.
    pub report: Option<&'a Report>,
    /// A firing critical alert whose rule names the mechanism.
    pub critical_alert: Option<&'a str>,
    /// Quality of all traffic of the mechanism, with enough samples, upper end of its interval.
    pub quality_at_most: Option<f64>,
}

/// Why a mechanism is undone.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// Those it touched fare worse than those held out.
    HoldOut(Finding),
    /// A critical alert fires.
    Alert(Text),
    /// Quality is below the floor.
    Floor(f64),
}

/// Why an action that was due is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Hold {
    /// It acted not long ago.
    CoolDown,
    /// It acted often enough today.
    DailyCap,
}

/// What follows from a look.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// Nothing.
    Keep,
    /// Harm was seen; so many more looks must see it.
    Confirming(Reason, u32),
    /// Undo it.
    RollBack(Reason),
    /// It would be undone, if the guardrail acted.
    WouldRollBack(Reason),
    /// It is to be undone, but not now. A person is to be told.
    Held(Reason, Hold),
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Watched {
    harm_seen: u32,
    looked: Option<UnixMicros>,
    acted: Vec<UnixMicros>,
}

/// What the guardrail remembers; it is written down, so that a restart neither forgets an action nor repeats it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Guardrail {
    watched: BTreeMap<Mechanism, Watched>,
}

impl Guardrail {
    /// Looks at one mechanism that is acting on traffic.
    pub fn look(
        &mut self,
        mechanism: Mechanism,
        seen: &Seen<'_>,
        settings: &Settings,
        now: UnixMicros,
    ) -> Decision {
        let watched = self.watched.entry(mechanism).or_default();
        let Some(reason) = reason(seen, settings) else {
            watched.harm_seen = 0;
            watched.looked = Some(now);
            return Decision::Keep;
        };
        let counts = watched.looked.is_none_or(|last| now.since(last) >= BETWEEN_LOOKS);
        if counts || watched.harm_seen == 0 {
            watched.harm_seen += 1;
            watched.looked = Some(now);
        }
        let missing = settings.confirm.saturating_sub(watched.harm_seen);
        if missing > 0 {
            return Decision::Confirming(reason, missing);
        }
        watched.acted.retain(|at| now.since(*at) < DAY);
        let resting = watched.acted.last().is_some_and(|at| now.since(*at) < settings.cool_down);
        if resting {
            return Decision::Held(reason, Hold::CoolDown);
        }
        if watched.acted.len() as u64 >= u64::from(settings.per_day) {
            return Decision::Held(reason, Hold::DailyCap);
        }
        watched.harm_seen = 0;
        watched.acted.push(now);
        if settings.acts { Decision::RollBack(reason) } else { Decision::WouldRollBack(reason) }
    }

    /// The mechanism was switched on again, or its settings changed: what was seen before does not count any more.
    /// Actions still do.
    pub fn forget_harm(&mut self, mechanism: Mechanism) {
        if let Some(watched) = self.watched.get_mut(&mechanism) {
            watched.harm_seen = 0;
        }
    }
}

fn reason(seen: &Seen<'_>, settings: &Settings) -> Option<Reason> {
    let harm = seen.report.and_then(Report::harm).copied().map(Reason::HoldOut);
    let alert = seen.critical_alert.filter(|_| settings.on_critical_alert);
    let below = settings.floor.zip(seen.quality_at_most).filter(|(floor, quality)| quality < floor);
    harm.or_else(|| alert.map(|a| Reason::Alert(Text::from(a))))
        .or_else(|| below.map(|(_, quality)| Reason::Floor(quality)))
}

impl Reason {
    /// In a sentence, for the log, the message and the chart.
    #[must_use]
    pub fn sentence(&self, mechanism: Mechanism, alpha: f64) -> String {
        let name = mechanism.word().replace('_', " ");
        match self {
            Self::Alert(alert) => format!("{name} undone: the critical alert {alert} fires"),
            Self::Floor(quality) => format!("{name} undone: quality is at most {quality:.1}"),
            Self::HoldOut(finding) => {
                let (scale, unit) = match finding.metric {
                    Metric::Quality => (-1.0, " quality points"),
                    Metric::Errors => (100.0, " percentage points of errors"),
                    Metric::Latency => (100.0, " % of latency"),
                };
                let Some(effect) = finding.effect else {
                    return format!("{name} undone: it harms");
                };
                let ends = [effect.low * scale, effect.high * scale];
                let (low, high) = (ends[0].min(ends[1]), ends[0].max(ends[1]));
                format!(
                    "{name} cost {:.1}{unit} ({:.0} % interval {low:.1} to {high:.1}, {} held out, {} touched): undone",
                    effect.estimate * scale,
                    (1.0 - alpha) * 100.0,
                    finding.untouched,
                    finding.touched,
                )
            }
        }
    }
}
