//! The comparison keeps its promises: false alarms at most as often as said, under every kind of noise, synthetic and
//! real, and changes found where they are.

#[path = "../examples/compare_calibration/noise.rs"]
mod noise;

#[cfg(test)]
mod azure;

use azure::Machine;
use flowgauge_logic::regression::{Comparison, Metric, Points, Settings, compare};
use flowgauge_logic::unit::UnixMicros;
use noise::{NOISES, Random, SIZES, noise, quantiles};

/// Enough for a standard error of 0.8 % at 5 %.
const RUNS: u32 = 800;
const LEVEL: f64 = 0.05;

/// Sizes beside those of the tables: unequal, and parts of a week.
const MORE: [(usize, usize); 7] =
    [(7, 30), (12, 12), (30, 80), (48, 48), (80, 48), (100, 30), (130, 130)];

/// The share of false alarms may exceed the level by two standard errors.
fn limit(runs: u32) -> f64 {
    LEVEL + 2.0 * (LEVEL * (1.0 - LEVEL) / f64::from(runs)).sqrt()
}

fn share(count: u32, runs: u32) -> f64 {
    f64::from(count) / f64::from(runs)
}

/// Noise as a latency of 100 with a spread of 20.
fn points(noise: &[f64], step: f64) -> Points {
    Points::of(noise.iter().map(|v| 100.0 * (1.0 + step + 0.2 * v)).collect())
}

fn false_alarm(found: &Comparison) -> bool {
    found.regression || found.significant
}

#[test]
fn no_kind_of_noise_raises_more_false_alarms_than_promised() {
    let mut random = Random::new(20_260);
    for kind in NOISES {
        for (n, m) in SIZES.into_iter().chain(MORE) {
            let mut alarms = 0;
            for _ in 0..RUNS {
                let (base, current) = noise(kind, n, m, &mut random);
                let (base, current) = (points(&base, 0.0), points(&current, 0.0));
                let found = compare(Metric::Latency, &base, &current, &Settings::default());
                alarms += u32::from(false_alarm(&found));
            }
            let (found, most) = (share(alarms, RUNS), limit(RUNS));
            assert!(found <= most, "{kind} {n} v {m}: {found} false alarms, at most {most}");
        }
    }
}

/// A cycle of five deviations with noise, and when each point was: hours of days and weeks, or days of weeks.
fn clocked(days: bool, from: i64, n: usize, random: &mut Random) -> (Vec<f64>, Vec<i64>) {
    let hour = std::f64::consts::TAU / 24.0;
    (from..)
        .take(n)
        .map(|at| {
            let day = if days { at } else { at.div_euclid(24) };
            let weekend = if day.rem_euclid(7) >= 5 { 5.0 } else { 0.0 };
            let daily = if days { 0.0 } else { 5.0 * (hour * at as f64).sin() };
            (random.normal() + weekend + daily, at * if days { 24 } else { 1 })
        })
        .unzip()
}

/// A cycle of five deviations with a step of so many.
fn on_the_clock(days: bool, (from, n): (i64, usize), step: f64, random: &mut Random) -> Points {
    let (values, hours) = clocked(days, from, n, random);
    let times = hours.into_iter().map(|h| UnixMicros(h * UnixMicros::HOUR)).collect();
    let values: Vec<f64> = values.iter().map(|v| v + step).collect();
    Points { times: Some(times), ..points(&values, 0.0) }
}

#[test]
fn with_the_clock_the_largest_cycle_is_no_change_and_a_change_is_found() {
    let mut random = Random::new(88);
    // Whether points are days, baseline and current points, least share found of a step of two deviations.
    for (days, n, m, least) in [
        (true, 7, 7, 0.05),
        (true, 30, 7, 0.5),
        (true, 28, 28, 0.9),
        (false, 168, 24, 0.9),
        (false, 168, 168, 0.99),
        (false, 504, 40, 0.99),
        (false, 300, 168, 0.99),
    ] {
        let mut alarms = [0, 0];
        for (alarms, step) in alarms.iter_mut().zip([0.0, 2.0]) {
            for run in 0..RUNS {
                let from = i64::from(run * 37 % 1000);
                let base = on_the_clock(days, (from, n), 0.0, &mut random);
                let after = from + i64::try_from(n).unwrap_or(0);
                let current = on_the_clock(days, (after, m), step, &mut random);
                let found = compare(Metric::Latency, &base, &current, &Settings::default());
                *alarms += u32::from(false_alarm(&found));
            }
        }
        let (falsely, rightly) = (share(alarms[0], RUNS), share(alarms[1], RUNS));
        assert!(falsely <= limit(RUNS), "days {days}, {n} v {m}: {falsely} false alarms");
        assert!(rightly >= least, "days {days}, {n} v {m}: found in {rightly}");
    }
}

#[test]
fn days_without_a_date_hold_a_week_of_seven_points_and_a_change_is_found() {
    let mut random = Random::new(90);
    // Baseline and current days, least share found of a step of two deviations. The weekend is two deviations off.
    for (n, m, least) in
        [(7, 7, 0.0), (14, 7, 0.1), (28, 7, 0.3), (30, 7, 0.3), (30, 10, 0.3), (28, 28, 0.8)]
    {
        let mut alarms = [0, 0];
        for (alarms, step) in alarms.iter_mut().zip([0.0, 2.0]) {
            for run in 0..RUNS {
                let from = i64::from(run % 7);
                let day = |at: i64| if at.rem_euclid(7) >= 5 { 2.0 } else { 0.0 };
                let mut side = |from: i64, n: i64, step: f64| {
                    let values: Vec<f64> =
                        (from..from + n).map(|at| random.normal() + day(at) + step).collect();
                    Points { step: Some(UnixMicros::DAY), ..points(&values, 0.0) }
                };
                let (base, current) = (side(from, n, 0.0), side(from + n, m, step));
                let found = compare(Metric::Latency, &base, &current, &Settings::default());
                *alarms += u32::from(false_alarm(&found));
            }
        }
        let (falsely, rightly) = (share(alarms[0], RUNS), share(alarms[1], RUNS));
        eprintln!("{n} v {m} days: {falsely} false alarms, found in {rightly}");
        assert!(falsely <= limit(RUNS), "{n} v {m}: {falsely} false alarms");
        assert!(rightly >= least, "{n} v {m}: found in {rightly}");
    }
}

#[test]
fn matching_by_the_clock_keeps_the_level_in_noise_without_a_cycle() {
    let mut random = Random::new(89);
    for kind in ["iid", "lognormal", "t3", "ar.3", "ar.6", "sd 2x"] {
        for (days, n, m) in
            [(true, 7, 7), (true, 30, 7), (false, 168, 24), (false, 168, 168), (false, 336, 48)]
        {
            let hours = if days { 24 } else { 1 };
            let at = |from: usize, n: usize| {
                let hour = |i: usize| i64::try_from(i).unwrap_or(0) * hours * UnixMicros::HOUR;
                (from..from + n).map(hour).map(UnixMicros).collect()
            };
            let alarms = (0..RUNS).filter(|_| {
                let (base, current) = noise(kind, n, m, &mut random);
                let base = Points { times: Some(at(0, n)), ..points(&base, 0.0) };
                let current = Points { times: Some(at(n, m)), ..points(&current, 0.0) };
                false_alarm(&compare(Metric::Latency, &base, &current, &Settings::default()))
            });
            let found = share(u32::try_from(alarms.count()).unwrap_or(RUNS), RUNS);
            assert!(found <= limit(RUNS), "{kind}, days {days}, {n} v {m}: {found}");
        }
    }
}

#[test]
fn a_step_of_a_fifth_is_found_in_two_weeks_of_hours() {
    let mut random = Random::new(7);
    for kind in ["iid", "lognormal", "t3", "ar.3", "day", "weekend"] {
        let found = (0..100).filter(|_| {
            let (base, current) = noise(kind, 168, 168, &mut random);
            let found = compare(
                Metric::Latency,
                &points(&base, 0.0),
                &points(&current, 0.2),
                &Settings::default(),
            );
            found.alerts()
        });
        let found = found.count();
        assert!(found >= 90, "{kind}: found in {found} of 100");
    }
}

#[test]
fn windows_of_unlike_numbers_of_requests_raise_no_more_false_alarms() {
    const RUNS: u32 = 150;
    let settings = Settings { min_samples: Some(20), ..Settings::default() };
    let mut random = Random::new(3);
    for (before, after) in [
        ((20.0, 1000.0), (20.0, 1000.0)),
        ((20.0, 21.0), (400.0, 401.0)),
        ((400.0, 401.0), (50.0, 51.0)),
    ] {
        let alarms = (0..RUNS).filter(|_| {
            let mut side = |requests| {
                let (values, counts) = quantiles(30, requests, &mut random);
                Points { counts: Some(counts), ..Points::of(values) }
            };
            false_alarm(&compare(Metric::Latency, &side(before), &side(after), &settings))
        });
        let found = share(u32::try_from(alarms.count()).unwrap_or(RUNS), RUNS);
        assert!(found <= limit(RUNS), "{before:?} v {after:?}: {found}");
    }
}

#[test]
fn random_halves_of_an_unchanged_machine_do_not_differ() {
    const RUNS: u32 = 200;
    let mut random = Random::new(11);
    for length in [40, 120, 340, 1000] {
        // Over all machines, too: a cell of 200 alone would let one in twelve pass.
        let (mut alarms_of_all, mut runs_of_all) = (0, 0);
        for Machine { name, runs } in azure::machines() {
            let stretches = runs.chunks_exact(length);
            if stretches.len() == 0 {
                continue;
            }
            let mut alarms = 0;
            for stretch in stretches.cycle().take(RUNS as usize) {
                let (base, current) = halves(stretch, &mut random);
                let (base, current) = (Points::of(base), Points::of(current));
                let found = compare(Metric::Latency, &base, &current, &Settings::default());
                alarms += u32::from(false_alarm(&found));
            }
            let (found, most) = (share(alarms, RUNS), limit(RUNS));
            assert!(found <= most, "{name}, {length}: {found}");
            (alarms_of_all, runs_of_all) = (alarms_of_all + alarms, runs_of_all + RUNS);
        }
        if runs_of_all > 0 {
            let (found, most) = (share(alarms_of_all, runs_of_all), limit(runs_of_all));
            eprintln!("{length} runs in halves: {found} of {runs_of_all} splits differ");
            assert!(found <= most, "{length}: {found} of {runs_of_all}, at most {most}");
        }
    }
}

fn halves(values: &[f64], random: &mut Random) -> (Vec<f64>, Vec<f64>) {
    let (mut base, mut current) = (Vec::new(), Vec::new());
    for value in values {
        if random.unit() < 0.5 { base.push(*value) } else { current.push(*value) }
    }
    (base, current)
}
