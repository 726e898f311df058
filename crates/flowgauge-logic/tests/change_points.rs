//! The promises of the change-point and online detectors, measured on noise that other programs see too.
//!
//! Golden numbers: `bench/regression/golden.py` (scipy 1.17.1, ruptures 1.1.10).

use flowgauge_logic::change_point::{Settings, change_points, p_value, slope, statistic, update};
use flowgauge_logic::sequential::{Direction, Watch, WatchSettings, band, half_width};
use proptest::prelude::*;

#[cfg(test)]
mod azure;
#[path = "../examples/regression_bench/generators.rs"]
mod generators;
#[path = "../examples/regression_bench/noise.rs"]
mod noise;
use azure::Machine;
use generators::{NAMES, series};
use noise::Noise;

fn saw() -> Vec<f64> {
    (0..60).map(|i| f64::from((i * i * 37 + i * 11) % 101) / 10.0).collect()
}

/// Nominal plus two standard errors.
fn bound(level: f64, count: usize) -> f64 {
    level + 2.0 * (level * (1.0 - level) / count as f64).sqrt()
}

#[test]
fn in_no_kind_of_noise_are_there_more_false_alarms_than_the_level_says() {
    let settings = Settings::default();
    // Thirty kinds and lengths are looked at: with fewer series one of them strays by chance.
    let count = 2_000;
    for n in [50, 100, 200] {
        for (i, name) in NAMES.iter().enumerate() {
            let mut noise = Noise::new(1_000 + i as u64);
            let alarms = (0..count)
                .filter(|_| {
                    !change_points(&series(name, n, n, 0.0, &mut noise), &settings).is_empty()
                })
                .count();
            let share = alarms as f64 / f64::from(count);
            assert!(share <= bound(settings.level, 2_000), "{name}, {n} points: {share}");
        }
    }
}

#[test]
fn shuffled_runs_of_an_unchanged_machine_have_no_more_change_points_than_the_level_says() {
    const COUNT: usize = 200;
    let settings = Settings::default();
    for length in [50, 100, 200] {
        let (mut of_all, mut series_of_all) = (0, 0);
        for (i, Machine { name, runs }) in azure::machines().into_iter().enumerate() {
            let mut noise = Noise::new(5_000 + i as u64);
            // Without order there is no change; the values are those of real machines.
            let drawn = |noise: &mut Noise| -> Vec<f64> {
                let place =
                    |noise: &mut Noise| usize::try_from(noise.bits() % runs.len() as u64).unwrap();
                (0..length).map(|_| runs[place(noise)]).collect()
            };
            let alarms =
                (0..COUNT).filter(|_| !change_points(&drawn(&mut noise), &settings).is_empty());
            let alarms = alarms.count();
            let share = alarms as f64 / COUNT as f64;
            assert!(share <= bound(settings.level, COUNT), "{name}, {length} runs: {share}");
            (of_all, series_of_all) = (of_all + alarms, series_of_all + COUNT);
        }
        if series_of_all > 0 {
            let share = of_all as f64 / series_of_all as f64;
            eprintln!("{length} shuffled runs: {share} of {series_of_all} series have a point");
            assert!(share <= bound(settings.level, series_of_all), "{length} runs: {share}");
        }
    }
}

#[test]
fn a_step_of_two_deviations_is_found_where_it_is() {
    for (i, (name, least)) in [
        ("iid normal", 0.90),
        ("lognormal(.3)", 0.88),
        ("t(3)", 0.90),
        ("AR .3", 0.80),
        ("AR .6", 0.55),
        ("daily cycle", 0.85),
        ("weekly cycle", 0.90),
        ("outliers", 0.85),
    ]
    .into_iter()
    .enumerate()
    {
        let mut noise = Noise::new(2_000 + i as u64);
        let found = (0..300)
            .filter(|k| {
                let at = 20 + k % 60;
                change_points(&series(name, 100, at, 2.0, &mut noise), &Settings::default())
                    .iter()
                    .any(|c| c.at.abs_diff(at) <= 3)
            })
            .count();
        assert!(found as f64 / 300.0 >= least, "{name}: {found} of 300");
    }
}

#[test]
fn looking_after_every_point_does_not_add_up_false_alarms() {
    let settings = Settings::default();
    for (i, name) in NAMES.iter().enumerate() {
        let mut noise = Noise::new(3_000 + i as u64);
        let count = 200;
        let alarms = (0..count)
            .filter(|_| {
                let values = series(name, 100, 100, 0.0, &mut noise);
                let first = change_points(&values[..60], &settings);
                let before = first.len();
                let mut published = first;
                for n in 61..=100 {
                    published = update(&published, &values[..n], &settings);
                }
                published.len() > before
            })
            .count();
        let share = alarms as f64 / f64::from(count);
        assert!(share <= bound(settings.level, 200), "{name}: {share}");
    }
}

#[test]
fn the_online_detector_keeps_its_run_length_in_every_noise() {
    let target = 200.0;
    for (i, name) in NAMES.iter().enumerate() {
        let mut noise = Noise::new(4_000 + i as u64);
        let (mut points, mut alarms) = (0.0, 0.0);
        for _ in 0..40 {
            let values = series(name, 800, 800, 0.0, &mut noise);
            let settings =
                WatchSettings { run_length: target, direction: Direction::Both, period: None };
            let mut watch = Watch::new(settings);
            let first = values.iter().position(|v| watch.observe(*v).is_some());
            points += first.unwrap_or(values.len()) as f64;
            alarms += f64::from(u8::from(first.is_some()));
        }
        // Censored at 800 points: the exponential estimate.
        assert!(
            points / f64::max(alarms, 1.0) >= target,
            "{name}: {points} points, {alarms} alarms"
        );
    }
}

#[test]
fn a_single_clear_break_is_where_ruptures_puts_it() {
    let values: Vec<f64> =
        saw().iter().enumerate().map(|(i, v)| if i >= 37 { v + 8.0 } else { *v }).collect();
    let found = change_points(&values, &Settings { period: Some(1), ..Settings::default() });
    assert_eq!(found.iter().map(|c| c.at).collect::<Vec<_>>(), [37]);
    assert!(found[0].after - found[0].before > 6.0, "{found:?}");
}

#[test]
fn degenerate_histories_have_no_change_points() {
    let settings = Settings::default();
    for n in [0, 1, 2, 5, 6, 100] {
        assert!(change_points(&vec![3.0; n], &settings).is_empty());
        assert!(change_points(&vec![f64::NAN; n], &settings).is_empty());
    }
    let mut spike = vec![0.0; 100];
    spike[98] = 5.0;
    assert!(change_points(&spike, &settings).is_empty());
}

#[test]
fn a_step_without_noise_has_finite_evidence() {
    let values: Vec<f64> = (0..60).map(|i| if i < 30 { 1.0 } else { 2.0 }).collect();
    let found = change_points(&values, &Settings::default());
    assert_eq!(found.len(), 1);
    assert!(found[0].at == 30 && found[0].evidence.is_finite() && found[0].p_value > 0.0);
}

#[test]
fn the_p_value_falls_smoothly_with_the_length() {
    let mut last = 0.0;
    for n in 40..120 {
        let values: Vec<f64> = (0..n).map(|i| f64::from(i * 7919 % 101)).collect();
        let mut split = statistic(&values, 1, 3).unwrap();
        (split.ratio, split.phi) = (12.0, 0.0);
        let p = p_value(&split);
        assert!(last == 0.0 || (p / last - 1.0).abs() < 0.05, "{n}: {last} to {p}");
        last = p;
    }
}

#[test]
fn the_slope_and_its_interval_are_scipys_where_nothing_is_autocorrelated() {
    let values: Vec<f64> = saw().iter().enumerate().map(|(i, v)| v + 0.25 * i as f64).collect();
    let s = slope(&values).unwrap();
    for (ours, scipys) in [
        (s.per_point, 0.235_912_698_412_698_4),
        (s.low, 0.190_740_740_740_740_77),
        (s.high, 0.275),
        (s.phi, 0.0),
    ] {
        assert!((ours - scipys).abs() < 1e-12, "{s:?}");
    }
    assert_eq!(slope(&values[..4]), None);
}

#[test]
fn the_interval_of_a_slope_holds_zero_as_often_as_it_says_in_autocorrelated_noise() {
    let mut noise = Noise::new(11);
    let outside = (0..400)
        .filter(|_| {
            let s = slope(&noise.autoregressive(100, 0.6)).unwrap();
            s.low > 0.0 || s.high < 0.0
        })
        .count();
    assert!(outside as f64 / 400.0 <= 0.10, "{outside} of 400");
}

#[test]
fn always_valid_widths_are_those_of_their_formulas() {
    assert!((half_width(100.0, 4.0, 0.25, 0.05) - 0.608_212_481_901_859_5).abs() < 1e-12);
    assert!((band(1000.0, 0.05) - 0.086_569_128_376_670_55).abs() < 1e-12);
}

#[test]
fn missing_points_do_not_move_a_change() {
    let mut noise = Noise::new(9);
    let mut values = series("iid normal", 100, 60, 10.0, &mut noise);
    values[10] = f64::NAN;
    values[30] = f64::INFINITY;
    let found = change_points(&values, &Settings::default());
    assert!(found.iter().any(|c| c.at == 60), "{found:?}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn appended_points_move_no_published_point_unless_its_evidence_doubled(
        seed in 0_u64..1_000_000,
        phi in 0.0..0.8_f64,
        steps in proptest::collection::vec((5_usize..120, -4.0..4.0_f64), 0..4),
        first in 20_usize..100,
        more in 1_usize..40,
        period in prop_oneof![Just(None), Just(Some(1)), Just(Some(7))],
    ) {
        let mut values = Noise::new(seed).autoregressive(140, phi);
        for (at, height) in steps {
            values.iter_mut().skip(at).for_each(|v| *v += height);
        }
        let settings = Settings { period, ..Settings::default() };
        let published = change_points(&values[..first], &settings);
        let grown = update(&published, &values[..first + more], &settings);
        for old in &published {
            let stays = grown.iter().any(|c| c.at == old.at);
            let moved = grown.iter().any(|c| c.evidence >= 2.0 * old.evidence);
            prop_assert!(stays || moved, "{old:?} is not in {grown:?}");
        }
        prop_assert!(grown.len() >= published.len());
        prop_assert!(grown.windows(2).all(|w| w[0].at < w[1].at));
        prop_assert_eq!(&grown, &update(&published, &values[..first + more], &settings));
    }
}
