//! Kept baselines as rules see them: `baseline("2026-w40")`, and the pinned one that live baselines may
//! not drift away from.
//!
//! Owns the units and which cells a rule means. Refuses labels a kept baseline does not tell apart.

use crate::logic::alert::baseline::capped;
use crate::logic::alert::condition::MatchOp;
use crate::logic::alert::facts::{Baseline, BaselineAsk};
use crate::logic::alert::metric::Metric;
use crate::logic::baseline::{Baseline as Kept, Cell};
use crate::logic::call::Text;
use crate::logic::known::{Known, Reason};
use crate::logic::regression::Metric as Compared;
use crate::logic::rollup::Dim;
use chrono_tz::Tz;

/// What a kept baseline says, in base units.
pub(super) fn said(kept: &Kept, zone: Tz, ask: &BaselineAsk<'_>) -> Known<Baseline> {
    let Some((metric, scale)) = compared(ask.series.metric) else {
        return Known::Unknown(Reason::NotConfigured);
    };
    let Some(cells) = Cells::of(ask) else { return Known::Unknown(Reason::NotConfigured) };
    let wanted = |cell: &Cell| cells.take(cell);
    let wanted: Option<&dyn Fn(&Cell) -> bool> = (!cells.is_all()).then_some(&wanted);
    let usual = kept.usual(metric, wanted, ask.at, zone);
    let scaled = |b: Baseline| Baseline { value: b.value * scale, spread: b.spread * scale, ..b };
    match usual {
        Known::Value(b) => Known::Value(scaled(b)),
        Known::Unknown(why) => Known::Unknown(why),
    }
}

/// A learned value may not slide away from the last pinned baseline.
pub(super) fn held(
    learned: Known<Baseline>,
    pinned: Option<&Kept>,
    zone: Tz,
    ask: &BaselineAsk<'_>,
) -> Known<Baseline> {
    let (Known::Value(value), Some(pin)) = (learned, pinned) else { return learned };
    match said(pin, zone, ask) {
        Known::Value(was) => Known::Value(capped(value, was.value, pin.window.to, ask.at)),
        Known::Unknown(_) => learned,
    }
}

/// Which of a kept baseline's series a metric is, and what one of its units is in base units.
const fn compared(metric: Metric) -> Option<(Compared, f64)> {
    Some(match metric {
        Metric::P95Latency => (Compared::Latency, 1e3),
        Metric::TokensPerRequest => (Compared::Tokens, 1.0),
        Metric::CostPerRequest => (Compared::Cost, 1e9),
        Metric::QualityScore | Metric::QualityRegression => (Compared::Quality, 0.01),
        _ => return None,
    })
}

/// Which cells a question is about.
#[derive(Debug)]
struct Cells {
    terms: Vec<(Dim, Text)>,
}

impl Cells {
    /// Nothing where it asks for what a kept baseline does not tell apart.
    fn of(ask: &BaselineAsk<'_>) -> Option<Self> {
        let matchers = ask.series.selector.iter();
        let named = matchers.map(|m| (m.op == MatchOp::Equal).then(|| (m.dim, m.value.clone())));
        let labels = ask.labels.iter();
        let labelled =
            labels.map(|(name, value)| Some((Dim::from_word(name).ok()?, value.clone())));
        let terms: Vec<(Dim, Text)> = named.chain(labelled).collect::<Option<_>>()?;
        let told = |dim: &Dim| matches!(dim, Dim::Endpoint | Dim::Intent | Dim::Model);
        terms.iter().all(|(dim, _)| told(dim)).then_some(Self { terms })
    }

    const fn is_all(&self) -> bool {
        self.terms.is_empty()
    }

    fn take(&self, cell: &Cell) -> bool {
        self.terms.iter().all(|(dim, value)| match dim {
            Dim::Endpoint => cell.endpoint == *value,
            Dim::Intent => cell.intent == *value,
            Dim::Model => cell.model == *value,
            _ => false,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judge::recent::{Findings, Long};
    use crate::logic::alert::condition::{Matcher, Series};
    use crate::logic::baseline::{Origin, Point};
    use crate::logic::unit::UnixMicros;
    use crate::logic::window::Window;

    /// 2025-01-06 00:00 UTC.
    const T0: i64 = 1_736_121_600_000_000;

    fn points(ms: f64) -> Vec<Point> {
        let one = |n: i64| Point {
            at: UnixMicros(T0 + n * UnixMicros::HOUR),
            requests: 100,
            latency_p95: Some(ms),
            quality: Some(82.0),
            scored: 30,
            ..Point::default()
        };
        (0..48).map(one).collect()
    }

    fn kept(name: &'static str, ms: f64) -> Kept {
        let to = UnixMicros(T0 + 48 * UnixMicros::HOUR);
        Kept {
            name: Text::const_new(name),
            window: Window { from: UnixMicros(T0), to },
            made: to,
            made_by: Text::const_new("ada"),
            origin: Origin::Measured,
            evaluator: None,
            bucket_minutes: 60,
            whole: Cell { points: points(ms), ..Cell::default() },
            cells: vec![Cell {
                model: Text::const_new("gpt-5"),
                points: points(2.0 * ms),
                ..Cell::default()
            }],
            left_out: Vec::new(),
        }
    }

    fn series(metric: Metric, selector: Vec<Matcher>) -> Series {
        Series { metric, selector, calendar_day: false, over: None, by: Vec::new() }
    }

    fn asked(kept: &Kept, series: &Series, labels: &[(Text, Text)]) -> Option<f64> {
        let at = UnixMicros(T0 + 400 * UnixMicros::HOUR);
        let labels = labels.to_vec();
        let ask = BaselineAsk { series, labels: &labels, pinned: Some(&kept.name), at };
        said(kept, Tz::UTC, &ask).value().map(|b| (b.value * 1e6).round() / 1e6)
    }

    #[test]
    fn a_rule_gets_what_it_names_in_its_own_unit_and_nothing_that_is_not_told_apart() {
        let kept = kept("w", 800.0);
        let latency = series(Metric::P95Latency, Vec::new());
        assert_eq!(asked(&kept, &latency, &[]), Some(800_000.0));
        let quality = series(Metric::QualityScore, Vec::new());
        assert_eq!(asked(&kept, &quality, &[]), Some(0.82));
        let label = |name, value| (Text::const_new(name), Text::const_new(value));
        assert_eq!(asked(&kept, &latency, &[label("model", "gpt-5")]), Some(1_600_000.0));
        assert_eq!(asked(&kept, &latency, &[label("model", "other")]), None);
        assert_eq!(asked(&kept, &latency, &[label("tenant", "a")]), None);
        let not =
            Matcher { dim: Dim::Model, op: MatchOp::NotEqual, value: Text::const_new("gpt-5") };
        assert_eq!(asked(&kept, &series(Metric::P95Latency, vec![not]), &[]), None);
        assert_eq!(asked(&kept, &series(Metric::ErrorRate, Vec::new()), &[]), None);
    }

    #[test]
    fn a_learned_value_moves_ten_percent_a_week_from_the_last_pinned_one() {
        let (long, findings) = (Long::none(), Findings::default());
        findings.keep([(kept("old", 100.0), true), (kept("promoted", 700.0), false)]);
        assert!(long.last_pinned().is_none(), "told to another");
        long.findings().keep([(kept("old", 100.0), true), (kept("promoted", 700.0), false)]);
        let pinned = long.last_pinned().unwrap();
        assert_eq!((pinned.name.as_str(), long.kept("promoted").is_some()), ("old", true));
        let at = UnixMicros(pinned.window.to.0 + 7 * UnixMicros::DAY);
        let latency = series(Metric::P95Latency, Vec::new());
        let ask = BaselineAsk { series: &latency, labels: &Vec::new(), pinned: None, at };
        let learned = Known::Value(Baseline { value: 900_000.0, spread: 1.0, n: 9 });
        let now = held(learned, Some(&pinned), Tz::UTC, &ask).value().unwrap();
        assert!((now.value - 110_000.0).abs() < 1.0, "{now:?}");
        assert_eq!(held(learned, None, Tz::UTC, &ask), learned);
    }
}
