//! Whether the figures of a report add up: parts to wholes, means times their number to totals.
//!
//! What is unknown is not checked; money is checked to the nano-dollar, means as far as their digits go.

use super::facts::{Readings, Stretch};
use super::figure::{Figure, Quantity, nano_usd};
use super::number;
use crate::known::Known;
use crate::unit::NanoUsd;

/// What a product of a rounded mean may be off by, as a share of the total: a mean of money is kept to a nano-dollar,
/// one of tokens to about fifteen digits.
const ROUNDING: f64 = 1e-9;

/// Two figures that should be equal and are not.
#[derive(Debug, Clone, PartialEq)]
pub struct Mismatch {
    /// What was added up, e.g. `cost of the hours`.
    pub what: String,
    /// What it gives.
    pub found: Quantity,
    /// What it should be called, e.g. `cost of the day`.
    pub whole: String,
    /// What that is.
    pub expected: Quantity,
}

impl Mismatch {
    /// In a sentence.
    #[must_use]
    pub fn words(&self) -> String {
        format!(
            "These do not add up: {} is {}, {} is {}.",
            self.what,
            exact(self.found),
            self.whole,
            exact(self.expected)
        )
    }
}

fn exact(quantity: Quantity) -> String {
    match quantity {
        Quantity::Usd(m) => format!("${}", m.to_decimal()),
        q => number::bare(q),
    }
}

/// Checks a period against its stretches (`hours` of a `day`), and its means against its totals.
#[must_use]
pub fn check(
    readings: &Readings,
    stretches: &[Stretch],
    parts: &str,
    whole: &str,
) -> Vec<Mismatch> {
    let sums = if stretches.is_empty() { Vec::new() } else { sums(stretches) };
    let sums = sums.into_iter().filter_map(|(what, name, sum)| {
        let (sum, expected) = (sum?, readings.value(name).value()?);
        // Counts and money are whole numbers: nothing may be lost.
        differ(sum, expected, 0.0).then(|| Mismatch {
            what: format!("{what} of the {parts}"),
            found: sum,
            whole: format!("{what} of the {whole}"),
            expected,
        })
    });
    let means = [
        ("tokens_per_request", "total_tokens", "tokens"),
        ("cost_per_request", "total_cost", "cost"),
    ];
    let means = means.into_iter().filter_map(|(each, total, what)| {
        let expected = readings.value(total).value()?;
        let (product, slack) = product(&readings.of(each).figure)?;
        differ(product, expected, slack).then(|| Mismatch {
            what: format!("{what} per request times requests"),
            found: product,
            whole: format!("{what} of the {whole}"),
            expected,
        })
    });
    sums.chain(means).collect()
}

/// What the stretches sum up to, beside the KPI it should equal; nothing where a part is unknown.
fn sums(stretches: &[Stretch]) -> Vec<(&'static str, &'static str, Option<Quantity>)> {
    let count = |of: fn(&Stretch) -> Known<u64>| {
        let mut parts = stretches.iter().map(|s| of(s).value());
        parts.try_fold(0_u64, |sum, part| Some(sum.saturating_add(part?))).map(Quantity::Count)
    };
    let mut cost = stretches.iter().map(|s| s.cost.value());
    let cost = cost.try_fold(NanoUsd(0), |sum, part| Some(sum.saturating_add(part?)));
    vec![
        ("requests", "request_count", count(|s| s.requests)),
        ("tokens", "total_tokens", count(|s| s.tokens)),
        ("cost", "total_cost", cost.map(Quantity::Usd)),
    ]
}

/// A mean times its number, and how far its rounding may lead away.
fn product(mean: &Figure) -> Option<(Quantity, f64)> {
    let (value, n) = (mean.value().value()?, mean.n()?);
    #[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^53")]
    let n = n as f64;
    let total = value.number() * n;
    let slack = total.abs() * ROUNDING;
    Some(match value {
        // The mean was rounded to a nano-dollar, and that counts once for each request.
        Quantity::Usd(_) => (Quantity::Usd(nano_usd(total)), slack + n * 1e-9),
        _ => (Quantity::Tokens(total), slack),
    })
}

fn differ(found: Quantity, expected: Quantity, slack: f64) -> bool {
    match (found, expected) {
        (Quantity::Usd(f), Quantity::Usd(e)) if slack <= 0.0 => f != e,
        // Half of the smallest unit is none.
        (f, e) => {
            (f.number() - e.number()).abs()
                > slack.max(match f {
                    Quantity::Usd(_) => 0.0,
                    _ => 0.5,
                })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::known::Reason;
    use crate::kpi::{Kpi, Measured};
    use crate::report::facts::Reading;

    fn readings(of: &[(&str, f64, u64)]) -> Readings {
        let mut readings = Readings::default();
        for (name, value, n) in of {
            let kpi = Kpi::find(name).unwrap();
            readings.put(kpi, Reading::new(kpi, Measured::of(Some(*value), *n, 1)));
        }
        readings
    }

    fn hour(requests: u64, tokens: u64, cost: i64) -> Stretch {
        let none = Known::Unknown(Reason::NotConfigured);
        Stretch {
            name: "14:00".to_owned(),
            requests: Known::Value(requests),
            tokens: Known::Value(tokens),
            cost: Known::Value(NanoUsd(cost)),
            p95: none,
            p50: none,
            quality: none,
        }
    }

    #[test]
    fn hours_that_give_the_day_are_silent_and_a_lost_nano_dollar_is_not() {
        let day = readings(&[
            ("request_count", 3.0, 3),
            ("total_tokens", 700.0, 3),
            ("total_cost", 0.000_000_007, 3),
        ]);
        let mut hours = vec![hour(1, 300, 3), hour(2, 400, 4)];
        assert_eq!(check(&day, &hours, "hours", "day"), []);
        hours[1].cost = Known::Value(NanoUsd(3));
        let found = check(&day, &hours, "hours", "day");
        let words: Vec<_> = found.iter().map(Mismatch::words).collect();
        assert_eq!(
            words,
            [
                "These do not add up: cost of the hours is $0.000000006, cost of the day is $0.000000007."
            ]
        );
        hours[0].cost = Known::Unknown(Reason::NotPriced);
        assert_eq!(check(&day, &hours, "hours", "day"), []);
    }

    #[test]
    fn a_mean_times_its_number_is_the_total() {
        let day = |total| {
            readings(&[
                ("tokens_per_request", 700.0 / 3.0, 3),
                ("total_tokens", total, 3),
                ("cost_per_request", 0.000_000_007 / 3.0, 3),
                ("total_cost", 0.000_000_007, 3),
            ])
        };
        assert_eq!(check(&day(700.0), &[], "hours", "day"), []);
        assert_eq!(check(&day(702.0), &[], "hours", "day").len(), 1);
    }
}
