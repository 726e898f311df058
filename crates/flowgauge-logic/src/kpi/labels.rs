//! KPIs that calls alone do not tell: from scores, ratings, uptime checks and users per minute
//! (formulas: catalogue D5).

use super::{Kpi, Measured};
use crate::known::Reason;
use crate::rollup::Distinct;
use crate::score::{ScoreSums, overall, overall_variance};
use crate::unit::Ratio;

/// Whoever had a request within so many minutes is there at the same time.
pub const PEAK_MINUTES: i64 = 5;

/// 97.5 % of a normal distribution lie below this: means of twenty scores and more are close to one.
const Z_95: f64 = 1.959_964;

/// Uptime checks of a window.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CheckSums {
    /// Checks that were answered as expected in time.
    pub good: u64,
    /// Those that were not.
    pub bad: u64,
    /// Whether any check is configured: without one, that none ran says nothing.
    pub configured: bool,
}

/// Users of a window.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Users {
    /// Most at the same time; nothing where no call named a user or a session.
    pub peak: Option<f64>,
    /// Calls of the window.
    pub calls: u64,
    /// Whether the window has too many minutes to be read.
    pub too_long: bool,
}

/// Budgets at the end of a window.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct BudgetSums {
    /// How many there are.
    pub configured: u64,
    /// Percent used of the one of which most is used.
    pub most_used: Option<f64>,
}

/// What is known beyond calls.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Labels {
    /// Requests and scores of each intent.
    pub intents: Vec<(u64, ScoreSums)>,
    /// Uptime checks.
    pub checks: CheckSums,
    /// Users.
    pub users: Users,
    /// Budgets.
    pub budgets: BudgetSums,
}

impl Users {
    /// The most users at the same time in minutes `from` up to, not including, `to`: the largest
    /// union of [`PEAK_MINUTES`] neighbours. `minutes` ascend and may begin before `from`.
    #[must_use]
    pub fn peak_of(minutes: &[(i64, &Distinct)], from: i64, to: i64) -> Option<f64> {
        let mut peak: Option<f64> = None;
        for (at, (minute, _)) in minutes.iter().enumerate() {
            // Unions grow with what they add: looking where something is added finds the largest.
            let upper = (*minute).max(from);
            if upper >= to || *minute <= from - PEAK_MINUTES {
                continue;
            }
            let mut together = Distinct::default();
            let head = minutes.get(..=at).unwrap_or_default();
            for (_, users) in head.iter().rev().take_while(|(m, _)| *m > upper - PEAK_MINUTES) {
                together.merge(users);
            }
            if !together.is_empty() {
                peak = Some(peak.unwrap_or_default().max(together.count()));
            }
        }
        peak
    }
}

impl Labels {
    /// The value of a KPI that is told by these; nothing where it is told by others.
    #[must_use]
    pub fn measure(&self, kpi: &Kpi) -> Option<Measured> {
        let mut sums = ScoreSums::default();
        self.intents.iter().for_each(|(_, s)| sums.merge(s));
        let of = |value, n| Some(Measured::of(value, n, kpi.min_samples));
        let percent = |share: Option<f64>| share.map(|s| Ratio(s).percent());
        match kpi.name {
            "quality_score" => of(overall(&self.intents), sums.evaluations),
            "token_efficiency" => of(sums.tokens_per_unit(), sums.with_tokens),
            "cost_per_quality_unit" => of(sums.cost_per_unit(), sums.with_cost),
            "user_satisfaction" => of(sums.mean_rating(), sums.rated()),
            "satisfied_users" => of(percent(sums.satisfied()), sums.rated()),
            "availability" => Some(self.availability(kpi)),
            "budget_utilization" => Some(self.utilisation()),
            "concurrent_users" => Some(self.concurrent(kpi)),
            _ => None,
        }
    }

    /// Where a KPI lies with 95 % confidence; nothing where that is not known.
    #[must_use]
    pub fn interval(&self, kpi: &Kpi) -> Option<(f64, f64)> {
        if kpi.name != "quality_score" {
            return None;
        }
        let half = Z_95 * overall_variance(&self.intents)?.sqrt();
        let mean = overall(&self.intents)?;
        Some(((mean - half).max(0.0), (mean + half).min(100.0)))
    }

    fn availability(&self, kpi: &Kpi) -> Measured {
        let CheckSums { good, bad, configured } = self.checks;
        let ran = good.saturating_add(bad);
        if ran == 0 && !configured {
            return Measured::unknown(Reason::NotConfigured, 0);
        }
        Measured::of(Ratio::of(good, ran).map(Ratio::percent), ran, kpi.min_samples)
    }

    fn utilisation(&self) -> Measured {
        match self.budgets.configured {
            0 => Measured::unknown(Reason::NotConfigured, 0),
            n => Measured::of(self.budgets.most_used, n, 1),
        }
    }

    fn concurrent(&self, kpi: &Kpi) -> Measured {
        match self.users {
            Users { too_long: true, calls, .. } => Measured::unknown(Reason::WindowTooLong, calls),
            Users { peak: None, calls, .. } if calls > 0 => {
                Measured::unknown(Reason::NotReported, calls)
            }
            Users { peak, calls, .. } => Measured::of(peak, calls, kpi.min_samples),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::known::Known;

    fn measured(labels: &Labels, name: &str) -> Measured {
        labels.measure(Kpi::find(name).expect("catalogued")).expect("told by labels")
    }

    fn set(names: &[&str]) -> Distinct {
        let mut users = Distinct::default();
        names.iter().for_each(|name| users.add(name));
        users
    }

    #[test]
    fn the_peak_is_the_largest_union_of_five_neighbouring_minutes() {
        let sets = [set(&["a", "b"]), set(&["b", "c"]), set(&["d"]), set(&["a"])];
        let minutes: Vec<(i64, &Distinct)> =
            [10, 14, 15, 40].into_iter().zip(sets.iter()).collect();
        // 10–14 holds a, b, c; 11–15 holds b, c, d; 40 holds a.
        let near = |told: Option<f64>, want: f64| (told.unwrap_or(-1.0) - want).abs() < 1e-9;
        assert!(near(Users::peak_of(&minutes, 10, 60), 3.0));
        assert!(near(Users::peak_of(&minutes, 20, 60), 1.0));
        // The window begins at 12: those of minute 10 are still there at its first minute.
        assert!(near(Users::peak_of(&minutes[..1], 12, 60), 2.0));
        assert_eq!(Users::peak_of(&minutes[..1], 15, 60), None);
        assert_eq!(Users::peak_of(&minutes, 16, 16), None);
    }

    #[test]
    fn without_checks_availability_is_not_measured_and_without_answers_unknown() {
        let mut labels = Labels::default();
        let unknown = |r| Known::Unknown(r);
        assert_eq!(measured(&labels, "availability").value, unknown(Reason::NotConfigured));
        labels.checks.configured = true;
        assert_eq!(measured(&labels, "availability").value, unknown(Reason::NoData));
        labels.checks = CheckSums { good: 199, bad: 1, configured: true };
        assert_eq!(measured(&labels, "availability").value, Known::Value(99.5));
    }

    #[test]
    fn calls_that_name_nobody_leave_concurrent_users_unknown() {
        let mut labels = Labels::default();
        let value = |labels: &Labels| measured(labels, "concurrent_users").value;
        assert_eq!(value(&labels), Known::Unknown(Reason::NoData));
        labels.users.calls = 7;
        assert_eq!(value(&labels), Known::Unknown(Reason::NotReported));
        labels.users.peak = Some(3.0);
        assert_eq!(value(&labels), Known::Value(3.0));
        labels.users.too_long = true;
        assert_eq!(value(&labels), Known::Unknown(Reason::WindowTooLong));
    }

    #[test]
    fn twenty_nine_ratings_are_too_few() {
        let sums = ScoreSums { ratings: [0, 0, 0, 0, 29], ..ScoreSums::default() };
        let mut labels = Labels { intents: vec![(0, sums)], ..Labels::default() };
        let value = |labels: &Labels| measured(labels, "user_satisfaction").value;
        assert_eq!(value(&labels), Known::Unknown(Reason::TooFew));
        labels.intents[0].1.ratings[0] = 1;
        let Known::Value(v) = value(&labels) else { panic!("thirty are enough") };
        assert!((v - 146.0 / 30.0).abs() < 1e-9, "{v}");
    }
}
