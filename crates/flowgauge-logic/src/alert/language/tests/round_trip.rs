//! Every tree prints as a text that reads as the same tree, and survives its structured form; no text
//! brings the reader down.

use super::*;
use crate::alert::metric::{Dimension, MetricWindow};
use crate::rollup::Dim;
use proptest::prelude::*;

/// A decimal as people write it: up to five digits, up to three of them behind the point.
fn number() -> impl Strategy<Value = f64> {
    (1_u32..100_000, 0_u32..4)
        .prop_map(|(digits, point)| format!("{digits}e-{point}").parse().unwrap())
}

fn length() -> impl Strategy<Value = Micros> {
    prop_oneof![
        (1_u64..100_000).prop_map(|s| Micros(s * 1_000_000)),
        (1_u64..1_000_000_000_000).prop_map(Micros),
    ]
}

fn text() -> impl Strategy<Value = Text> {
    "[a-z0-9 \"'\\\\äö\n\t.*-]{1,8}"
        .prop_filter("no name is blank", |t| !t.trim().is_empty())
        .prop_map(Text::from)
}

fn pick<T: Copy + std::fmt::Debug + 'static>(of: &[T]) -> impl Strategy<Value = T> + use<T> {
    proptest::sample::select(of.to_vec())
}

fn gauge(metric: Metric) -> bool {
    metric.window() == MetricWindow::Now || metric == Metric::TtlEffectiveness
}

fn matcher() -> impl Strategy<Value = Matcher> {
    let free = [Dim::Service, Dim::Model, Dim::Intent, Dim::Tenant, Dim::Endpoint];
    let literal = (pick(&free), pick(&[MatchOp::Equal, MatchOp::NotEqual]), text());
    let regex = (pick(Dim::ALL), pick(&[MatchOp::Matches, MatchOp::NotMatches]));
    prop_oneof![
        literal.prop_map(|(dim, op, value)| Matcher { dim, op, value }),
        regex.prop_map(|(dim, op)| Matcher { dim, op, value: r"gpt-\d.*\.[a-z]+".into() }),
        Just(Matcher { dim: Dim::Cache, op: MatchOp::Equal, value: "miss".into() }),
    ]
}

fn over(metric: Metric) -> BoxedStrategy<Option<Micros>> {
    let fixed = matches!(metric.window(), MetricWindow::PeriodMonth | MetricWindow::Period);
    if gauge(metric) || fixed {
        Just(None).boxed()
    } else if metric.is_sum() {
        proptest::option::of((1_u64..60).prop_map(|d| Micros(d * 86_400_000_000))).boxed()
    } else {
        proptest::option::of(length()).boxed()
    }
}

/// A series as it may stand on the left; `by` is common to the whole tree.
fn series(metric: Metric, by: Vec<Dim>) -> impl Strategy<Value = Series> {
    let selector = proptest::collection::vec(matcher(), 0..3);
    (selector, over(metric), any::<bool>()).prop_map(move |(selector, over, calendar)| {
        let labels = metric.has_labels();
        Series {
            metric,
            selector: if labels { selector } else { Vec::new() },
            calendar_day: calendar && metric == Metric::DailyTokens && over.is_none(),
            over,
            by: if labels { by.clone() } else { Vec::new() },
        }
    })
}

/// An amount that the metric can cross.
fn quantity(metric: Metric) -> BoxedStrategy<Quantity> {
    use Written::*;
    let units: &[Written] = match metric.dimension() {
        Dimension::Time => &[Micros, Millis, Seconds, Minutes, Hours],
        Dimension::Ratio => &[Percent],
        Dimension::Count if metric.counts_tokens() => &[Bare, Tokens, Kilo, Mega, Giga],
        Dimension::Count => &[Bare, Kilo, Mega, Giga],
        Dimension::Money => &[Dollar, Usd, Cents],
        Dimension::Size => {
            &[Bytes, KiloBytes, MegaBytes, GigaBytes, KibiBytes, MebiBytes, GibiBytes]
        }
        Dimension::Rate => &[PerMinute, PerSecond],
        Dimension::Rating => &[Bare, OfFive],
    };
    let number = match metric.dimension() {
        Dimension::Ratio => (1_u32..1000)
            .prop_map(|n| f64::from(n) / 10.0)
            .prop_filter("below 100 %", |n| *n < 100.0)
            .boxed(),
        Dimension::Rating => (11_u32..50).prop_map(|n| f64::from(n) / 10.0).boxed(),
        _ => number().boxed(),
    };
    (number, pick(units)).prop_map(|(number, unit)| Quantity { number, unit }).boxed()
}

fn reference(metric: Metric) -> BoxedStrategy<Reference> {
    let mut all = vec![
        Just(Reference::Baseline(None)).boxed(),
        text().prop_map(|name| Reference::Baseline(Some(name))).boxed(),
    ];
    if !gauge(metric) {
        all.push(length().prop_map(Reference::Previous).boxed());
        all.push(Just(Reference::Yesterday).boxed());
        all.push(Just(Reference::LastWeek).boxed());
    }
    if matches!(metric, Metric::DailyCost | Metric::MonthlyCost) {
        all.push(Just(Reference::Budget(None)).boxed());
        all.push(Just(Reference::Budget(Some("team reader".into()))).boxed());
    }
    if metric.target().is_some() {
        all.push(Just(Reference::Target).boxed());
    }
    if metric == Metric::CacheMemoryBytes {
        all.push(Just(Reference::Capacity).boxed());
    }
    let others: Vec<Metric> = Metric::ALL
        .iter()
        .copied()
        .filter(|m| *m != metric && m.dimension() == metric.dimension())
        .collect();
    if !others.is_empty() {
        let other = pick(&others).prop_flat_map(|m| series(m, Vec::new()));
        all.push(other.prop_map(|s| Reference::Metric(Series { over: None, ..s })).boxed());
    }
    proptest::strategy::Union::new(all).boxed()
}

fn bound(metric: Metric) -> BoxedStrategy<Bound> {
    let amount = || {
        let percent = number().prop_map(|number| Quantity { number, unit: Written::Percent });
        prop_oneof![percent, quantity(metric)]
    };
    let offset = (any::<bool>(), amount()).prop_map(|(minus, amount)| Offset { minus, amount });
    prop_oneof![
        quantity(metric).prop_map(Bound::Quantity),
        (number(), reference(metric)).prop_map(|(percent, of)| Bound::PercentOf { percent, of }),
        (reference(metric), proptest::option::of(offset))
            .prop_map(|(reference, offset)| Bound::Reference { reference, offset }),
    ]
    .boxed()
}

fn guards(metric: Metric) -> BoxedStrategy<Guards> {
    if metric.min_samples() == 0 {
        return Just(Guards::default()).boxed();
    }
    let confidence = (500_u32..1000).prop_map(|c| f64::from(c) / 1000.0);
    (proptest::option::of(confidence), proptest::option::of(1_u64..100_000))
        .prop_map(|(confidence, min_samples)| Guards { confidence, min_samples })
        .boxed()
}

fn cmp(metric: Metric) -> BoxedStrategy<Cmp> {
    let ordered = [Cmp::Above, Cmp::AtLeast, Cmp::Below, Cmp::AtMost];
    if metric.is_integer() {
        return prop_oneof![pick(&ordered), pick(&[Cmp::Equal, Cmp::NotEqual])].boxed();
    }
    pick(&ordered).boxed()
}

fn compared(metric: Metric, by: Vec<Dim>) -> impl Strategy<Value = Predicate> {
    (series(metric, by), cmp(metric), bound(metric), guards(metric)).prop_map(
        |(series, cmp, bound, guards)| {
            Predicate::Compare(Comparison { operand: Operand::Of(series), cmp, bound, guards })
        },
    )
}

fn changed(metric: Metric, by: Vec<Dim>) -> impl Strategy<Value = Predicate> {
    let kinds = [ChangeKind::Increase, ChangeKind::Decrease, ChangeKind::Change];
    let percent = quantity(Metric::ErrorRate).prop_map(Bound::Quantity);
    let cmp = pick(&[Cmp::Above, Cmp::AtLeast]);
    (pick(&kinds), series(metric, by), reference(metric), cmp, percent, guards(metric)).prop_map(
        |(kind, of, against, cmp, bound, guards)| {
            let operand = Operand::Change { kind, of, against };
            Predicate::Compare(Comparison { operand, cmp, bound, guards })
        },
    )
}

fn quiet(metric: Metric, by: Vec<Dim>) -> BoxedStrategy<Predicate> {
    let metric = if gauge(metric) { Metric::Throughput } else { metric };
    let series = series(metric, by);
    prop_oneof![
        (series, length()).prop_map(|(from, length)| Predicate::NoData { from, length }),
        self::absent(metric),
    ]
    .boxed()
}

fn absent(metric: Metric) -> impl Strategy<Value = Predicate> {
    series(metric, Vec::new()).prop_map(Predicate::Absent)
}

fn burn() -> impl Strategy<Value = Predicate> {
    let slo = pick(&["availability", "chat quality", "spend"]);
    (slo, 1_u32..99, length(), length()).prop_map(|(slo, factor, a, b)| {
        let (short, long) = if a < b { (a, b) } else { (b, Micros(a.0 + 1)) };
        Predicate::BurnRate { slo: slo.into(), factor: f64::from(factor) / 10.0, long, short }
    })
}

fn regressed(metric: Metric, by: Vec<Dim>) -> impl Strategy<Value = Predicate> {
    let against = prop_oneof![
        Just(None),
        Just(Some(Reference::Baseline(None))),
        text().prop_map(|name| Some(Reference::Baseline(Some(name)))),
    ];
    let beyond = proptest::option::of((pick(&[Cmp::Above, Cmp::AtLeast]), number()));
    (series(metric, by), against, beyond, guards(metric)).prop_map(
        |(of, against, beyond, guards)| Predicate::Regression { of, against, beyond, guards },
    )
}

fn foreseen(by: Vec<Dim>) -> impl Strategy<Value = Predicate> {
    let metrics =
        [Metric::DailyCost, Metric::MonthlyCost, Metric::BudgetUtilization, Metric::DailyTokens];
    pick(&metrics).prop_flat_map(move |metric| {
        let ahead = if metric == Metric::DailyTokens {
            length().prop_map(Some).boxed()
        } else {
            proptest::option::of(length()).boxed()
        };
        let cmp = pick(&[Cmp::Above, Cmp::Below]);
        (series(metric, by.clone()), ahead, cmp, bound(metric))
            .prop_map(|(of, ahead, cmp, bound)| Predicate::Forecast { of, ahead, cmp, bound })
    })
}

fn predicate(by: Vec<Dim>) -> impl Strategy<Value = Predicate> {
    let all: Vec<Metric> = Metric::ALL.to_vec();
    pick(&all).prop_flat_map(move |metric| {
        prop_oneof![
            6 => compared(metric, by.clone()),
            2 => changed(metric, by.clone()),
            1 => quiet(metric, by.clone()),
            1 => burn(),
            1 => regressed(metric, by.clone()),
            1 => foreseen(by.clone()),
        ]
    })
}

fn expr(by: Vec<Dim>) -> impl Strategy<Value = Expr> {
    predicate(by).prop_map(Expr::Is).prop_recursive(4, 12, 3, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 2..4).prop_map(Expr::And),
            proptest::collection::vec(inner.clone(), 2..4).prop_map(Expr::Or),
            inner.prop_map(|inner| Expr::Not(Box::new(inner))),
        ]
    })
}

fn hold() -> impl Strategy<Value = Hold> {
    let tolerance = (1_u32..=64).prop_flat_map(|n| (1..=n).prop_map(move |k| Tolerance { k, n }));
    let length = prop_oneof![Just(Micros(0)), length()];
    (length, proptest::option::of(tolerance))
        .prop_map(|(length, tolerance)| Hold { length, tolerance })
}

fn schedule() -> impl Strategy<Value = Schedule> {
    let every = prop_oneof![
        Just(Cadence::Daily),
        (1_u8..=7).prop_map(Cadence::Weekly),
        (1_u8..=31).prop_map(Cadence::Monthly),
        Just(Cadence::Cron("*/5 8-17 * * 1-5".into())),
    ];
    let zone = proptest::option::of(pick(&chrono_tz::TZ_VARIANTS));
    (every, proptest::option::of(0_u16..1440), zone).prop_map(|(every, at, zone)| {
        let at = if matches!(every, Cadence::Cron(_)) { None } else { at };
        Schedule { every, at, zone }
    })
}

fn condition() -> impl Strategy<Value = Condition> {
    let by = proptest::sample::subsequence(Dim::ALL.to_vec(), 0..3);
    let when = by.prop_flat_map(|by| (expr(by), hold()));
    prop_oneof![
        8 => when.prop_map(|(expr, hold)| Condition::When { expr, hold }),
        1 => schedule().prop_map(Condition::Schedule),
    ]
}

/// Pieces of the language, so that texts come near to conditions.
const PIECES: &[&str] = &[
    "p95_latency",
    "error_rate",
    "daily_tokens",
    "monthly_cost",
    "> ",
    "< ",
    ">=",
    "is above ",
    "5%",
    "2500ms",
    "$",
    "90%",
    " of ",
    "budget",
    "baseline",
    " for ",
    "5 minutes",
    "1h30m",
    "(4 of 5)",
    "(",
    ")",
    " and ",
    " or ",
    " not ",
    "{model=\"a\"}",
    "{",
    "}",
    " by (model) ",
    " over ",
    "increase of ",
    " vs ",
    "last_week",
    "burn_rate(availability)",
    "14.4",
    "no data for ",
    " from ",
    "absent(",
    "forecast(",
    "regression(",
    ",",
    "daily_schedule",
    " at 08:00",
    " tz ",
    "\"UTC\"",
    "cron ",
    "\"",
    "'",
    "\\",
    " min 20 samples",
    " with 95% confidence",
    "ä",
    "≥",
    "99999999999999999999",
    "-",
    "+",
    "/5",
    ":",
    " previous ",
    "5 M",
    ".5",
    "5.",
    "M",
    "w",
];

fn soup() -> impl Strategy<Value = String> {
    proptest::collection::vec(pick(PIECES), 0..12).prop_map(|pieces| pieces.concat())
}

/// What must hold for any text whatever.
fn any_text(text: &str) {
    everything(|context| match read(text, context) {
        Ok(tree) => {
            let printed = print(&tree);
            assert_eq!(read(&printed, context).as_ref(), Ok(&tree), "{text} as {printed}");
            assert_eq!(check(&tree, context), [], "{text}");
        }
        Err(faults) => {
            assert!(!faults.is_empty());
            for fault in faults {
                assert!(text.get(fault.span.clone()).is_some(), "{fault:?} lies within {text:?}");
            }
        }
    });
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn a_tree_prints_as_a_text_that_reads_as_the_same_tree(tree in condition()) {
        everything(|context| {
            assert_eq!(check(&tree, context), [], "{tree:?}");
            let text = print(&tree);
            assert_eq!(read(&text, context).as_ref(), Ok(&tree), "{text}");
            // What is printed is canonical: printing again changes nothing.
            assert_eq!(print(&read(&text, context).unwrap()), text);
        });
    }

    #[test]
    fn a_tree_survives_its_structured_form(tree in condition()) {
        let json = serde_json::to_string(&tree).unwrap();
        let back: Condition = serde_json::from_str(&json).unwrap();
        assert_eq!(back, tree, "{json}");
        // The way over a value of the format's own, which YAML takes.
        let value = serde_json::to_value(&tree).unwrap();
        assert_eq!(serde_json::from_value::<Condition>(value).unwrap(), tree);
    }

    #[test]
    fn no_text_brings_the_reader_down(text in "\\PC{0,60}") {
        any_text(&text);
        let _ = duration(&text);
    }

    #[test]
    fn no_mixture_of_pieces_brings_the_reader_down(text in soup()) {
        any_text(&text);
        let _ = duration(&text);
    }

    #[test]
    fn a_damaged_condition_is_read_or_refused_within_its_text(tree in condition(), at in 0.0..1.0_f64, piece in pick(PIECES)) {
        let mut text = print(&tree);
        let places: Vec<usize> = text.char_indices().map(|(i, _)| i).collect();
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss, reason = "an index")]
        let place = places[(at * places.len() as f64) as usize];
        text.insert_str(place, piece);
        any_text(&text);
    }

    #[test]
    fn a_length_prints_as_a_text_that_reads_as_the_same_length(length in length()) {
        assert_eq!(duration(&print_duration(length)), Ok(length));
    }
}

#[test]
fn a_confidence_prints_exactly_whatever_its_digits_are() {
    for (confidence, percent) in [
        (0.95, "95"),
        (0.999, "99.9"),
        (0.5, "50"),
        (0.954, "95.4"),
        (0.9540000000000001, "95.40000000000001"),
    ] {
        let text = format!("error_rate > 5% with {percent}% confidence");
        let read = comparison(&text);
        assert_eq!(read.guards.confidence, Some(confidence));
        assert_eq!(canonical(&text), text);
    }
}

#[test]
fn lengths_print_in_their_largest_units() {
    for (micros, text) in [
        (0, "0s"),
        (300_000_000, "5m"),
        (5_400_000_000, "1h30m"),
        (604_800_000_000, "7d"),
        (1_500, "1.5ms"),
        (90_061_000_001, "1d1h1m1s0.001ms"),
    ] {
        assert_eq!(print_duration(Micros(micros)), text);
    }
}
