//! How numbers read in every report.

use super::*;
use crate::report::figure::Side;
use proptest::prelude::*;

fn usd(nanos: i64) -> String {
    text(Quantity::Usd(NanoUsd(nanos)))
}

#[test]
fn the_figures_of_the_daily_report_read_as_specified() {
    assert_eq!(text(Quantity::Ms(1_742.4)), "1,742 ms");
    assert_eq!(text(Quantity::Share(0.234)), "23.4 %");
    assert_eq!(text(Quantity::Quality(86.1)), "86.1 %");
    assert_eq!(text(Quantity::Share(0.31)), "31 %");
    assert_eq!(usd(1_300_000), "$0.0013");
    assert_eq!(usd(61_200_000_000), "$61.20");
    assert_eq!(usd(1_204_400_000_000), "$1,204");
    assert_eq!(text(Quantity::Tokens(1_310.2)), "1,310");
    assert_eq!(text(Quantity::Tokens(63_012_345.0)), "63.0 M");
    assert_eq!(text(Quantity::Rating(4.3)), "4.3 / 5");
    assert_eq!(text(Quantity::Share(0.003)), "0.3 %");
    assert_eq!(text(Quantity::Share(0.9997)), "99.97 %");
    assert_eq!(text(Quantity::PerMinute(212.0)), "212/min");
    assert_eq!(signed(Quantity::Share(0.24)), "+24 %");
    assert_eq!(signed(Quantity::Points(-0.4)), "\u{2212}0.4 pt");
}

#[test]
fn the_figure_names_its_samples_and_its_interval() {
    let p95 = Figure::known("p95_latency_ms", Quantity::Ms(1_742.0)).over(48_120);
    assert_eq!(figure(&p95), "1,742 ms (n 48,120)");
    let usd = |d: i64| Quantity::Usd(NanoUsd(d * 1_000_000_000));
    let forecast = Figure::known("forecast_usd", usd(1_690)).within(Interval {
        low: usd(1_590),
        high: usd(1_800),
        level: 0.8,
    });
    assert_eq!(figure(&forecast), "$1,690 (80 % interval $1,590…$1,800)");
}

#[test]
fn what_was_not_measured_says_so_and_is_never_zero() {
    assert_eq!(known(Known::Unknown(Reason::NotConfigured)), "not measured");
    assert_eq!(known(Known::Unknown(Reason::TooFew)), "not measured (too few samples)");
    let nan = Figure::known("x", Quantity::Ms(f64::NAN)).over(7);
    assert_eq!(figure(&nan), "not measured (no data)");
    assert_eq!(text(Quantity::Tokens(f64::INFINITY)), "not measured");
}

#[test]
fn a_share_is_not_nothing_or_all_unless_it_is() {
    assert_eq!(text(Quantity::Share(0.000_04)), "0.004 %");
    assert_eq!(text(Quantity::Share(0.999_99)), "99.999 %");
    assert_eq!(text(Quantity::Share(0.0)), "0 %");
    assert_eq!(text(Quantity::Share(1.0)), "100 %");
    assert_eq!(text(Quantity::Share(1.5)), "150 %");
    assert_eq!(text(Quantity::Share(0.7 + 0.2 + 0.1)), "100 %");
}

#[test]
fn money_keeps_two_digits_below_a_dollar_and_cents_above() {
    assert_eq!(usd(0), "$0");
    assert_eq!(usd(1), "$0.000000001");
    assert_eq!(usd(7_000_000), "$0.007");
    assert_eq!(usd(54_399_000), "$0.054");
    assert_eq!(usd(500_000_000), "$0.50");
    assert_eq!(usd(999_999_999), "$1.00");
    assert_eq!(usd(1_005_000_000), "$1.01");
    assert_eq!(usd(-61_200_000_000), "\u{2212}$61.20");
    assert_eq!(usd(1_234_567_890_000_000_000), "$1,234,567,890");
    assert_eq!(usd(i64::MIN), "\u{2212}$9,223,372,037");
}

#[test]
fn small_times_sizes_and_spans_keep_their_meaning() {
    assert_eq!(text(Quantity::Ms(0.42)), "0.42 ms");
    assert_eq!(text(Quantity::Ms(12.04)), "12 ms");
    assert_eq!(text(Quantity::Ms(99.96)), "100 ms");
    assert_eq!(text(Quantity::Ms(-0.0)), "0 ms");
    assert_eq!(text(Quantity::Bytes(1_536_000)), "1.54 MB");
    assert_eq!(text(Quantity::Times(1.4)), "1.4×");
    assert_eq!(text(Quantity::Lasting(Micros(2_280_000_000))), "38 min");
    assert_eq!(text(Quantity::Lasting(Micros(7_500_000_000))), "2 h 5 min");
    assert_eq!(text(Quantity::Lasting(Micros(90_000_000_000))), "1 d 1 h");
    assert_eq!(text(Quantity::Months(1.0)), "1 month");
    assert_eq!(text(Quantity::Tokens(999_999.6)), "1.0 M");
    assert_eq!(text(Quantity::Tokens(1.5e9)), "1.5 G");
}

#[test]
fn a_change_says_what_it_means_in_words() {
    let by = |meaning| Shift { by: Known::Value(Quantity::Share(0.24)), interval: None, meaning };
    assert_eq!(shift(&by(Meaning::Worse)), "+24 % ▲ worse");
    assert_eq!(shift(&by(Meaning::NotSignificant)), "+24 % (not significant)");
    assert_eq!(shift(&by(Meaning::Untested)), "+24 %");
    let sure = Interval { low: Quantity::Share(0.17), high: Quantity::Share(0.31), level: 0.95 };
    let sure = Shift { interval: Some(sure), ..by(Meaning::Worse) };
    assert_eq!(shift(&sure), "+24 % ▲ worse (95 % CI +17…+31 %)");
    assert_eq!(shift(&Shift::unknown(Reason::NoData)), "not measured (no data)");
}

#[test]
fn targets_read_as_the_guide_writes_them() {
    let of = |side, limit, note: Option<&str>| {
        target(&Target { side, limit, note: note.map(ToOwned::to_owned) })
    };
    assert_eq!(of(Side::Below, Quantity::Ms(1_500.0), None), "< 1,500 ms");
    assert_eq!(of(Side::Below, Quantity::Usd(NanoUsd(7_000_000)), None), "< $0.007");
    assert_eq!(of(Side::Above, Quantity::Share(0.21), None), "> 21 %");
    let week = of(Side::AtMost, Quantity::Share(0.15), Some("week on week"));
    assert_eq!(week, "≤ +15 % week on week");
}

#[test]
fn a_share_too_large_for_a_percentage_is_still_a_number() {
    for q in [Quantity::Share(f64::MAX), Quantity::Share(f64::MIN)] {
        assert!(!text(q).contains("inf") && !signed(q).contains("inf"), "{q:?}");
    }
}

proptest! {
    #[test]
    fn no_value_is_written_with_an_exponent_or_as_no_number(v in any::<f64>(), n in any::<i64>()) {
        for q in [
            Quantity::Ms(v), Quantity::Share(v), Quantity::Tokens(v), Quantity::Points(v),
            Quantity::Times(v), Quantity::Usd(NanoUsd(n)),
        ] {
            for written in [text(q), signed(q), bare(q)] {
                let low = written.to_ascii_lowercase();
                prop_assert!(!low.contains("nan") && !low.contains("inf"), "{written}");
                prop_assert!(!low.contains("e+") && !low.contains("e-"), "{written}");
            }
        }
    }

    #[test]
    fn exact_money_survives_the_bare_number(n in any::<i64>()) {
        let bare = bare(Quantity::Usd(NanoUsd(n)));
        let (whole, part) = bare.split_once('.').unwrap_or((&bare, ""));
        let digits = format!("{whole}{part:0<9}");
        prop_assert_eq!(digits.parse::<i64>().ok(), Some(n));
    }
}

#[test]
fn where_there_is_little_room_larger_units_are_used() {
    for (quantity, said) in [
        (Quantity::Ms(1_500.0), "1,500 ms"),
        (Quantity::Ms(31_536_000_000.0), "365 d"),
        (Quantity::Usd(NanoUsd(12_345_678_000_000_000)), "$12.3 M"),
        (Quantity::Usd(NanoUsd(-12_345_678_000_000_000)), "\u{2212}$12.3 M"),
        (Quantity::Tokens(232_161_880.2e9), "232 P"),
        (Quantity::Count(12_000_000), "12 M"),
        (Quantity::Share(0.5), "50 %"),
    ] {
        assert_eq!(short(quantity), said);
    }
}
