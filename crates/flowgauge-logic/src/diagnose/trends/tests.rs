//! New levels are dated and told once; quiet weeks show none.

use super::Happened;
use super::levels::{Course, levels, told};
use crate::rollup::Rollup;
use crate::unit::UnixMicros;

const T0: UnixMicros = UnixMicros(1_763_000_040_000_000);
/// Calls of a step: enough for a 95th percentile to count.
const CALLS: u64 = 40;

/// Numbers from 0 to below 1, the same every time.
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> f64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        f64::from(u32::try_from(self.0 >> 33).unwrap()) / f64::from(1_u32 << 31)
    }
}

fn at(step: i64, minutes: u32) -> UnixMicros {
    UnixMicros(T0.0 + step * i64::from(minutes) * UnixMicros::MINUTE)
}

/// Steps of calls of about half a second, skewed as latency is, and of about `tokens` tokens.
fn course(seed: u64, minutes: u32, steps: i64, slower: impl Fn(i64) -> f64) -> Course {
    let mut chance = Chance(seed);
    let step = |n: i64| {
        let mut rollup = Rollup { success: CALLS, ..Rollup::default() };
        for _ in 0..CALLS {
            let skewed = 0.5 - 0.2 * chance.next().max(1e-9).ln();
            let micros = format!("{:.0}", 1e6 * skewed * slower(n)).parse().unwrap();
            rollup.latency.record(micros);
        }
        (at(n, minutes), rollup)
    };
    Course { minutes, steps: (0..steps).map(step).collect() }
}

fn event(at: UnixMicros, what: &str) -> Happened {
    Happened { at, time: at.to_rfc3339(), what: what.to_owned() }
}

#[test]
fn a_new_level_is_dated_and_what_was_changed_at_the_time_stands_beside_it() {
    let close = course(1, 1, 240, |n| if n >= 150 { 1.4 } else { 1.0 });
    let events = [event(at(20, 1), "deploy of early"), event(at(148, 1), "deploy of api")];
    let found = levels(&[close], &events);
    let p95 = found.iter().find(|l| l.kpi.name == "p95_latency").unwrap();
    let off = (p95.since.0 - at(150, 1).0) / UnixMicros::MINUTE;
    assert!(off.abs() <= 3, "off by {off} minutes");
    let by = p95.values.1 / p95.values.0;
    assert!((1.25..1.55).contains(&by), "{by}");
    assert_eq!(p95.near.as_ref().unwrap().what, "deploy of api");
    let (sheet, notes) = told(&found);
    assert_eq!(sheet.unwrap().rows.len(), found.len());
    assert!(notes[0].contains("deploy of api"), "{notes:?}");
}

#[test]
fn a_change_in_both_courses_is_told_once_in_the_finer_one() {
    // The close course begins at hour 496 of the weeks; both change 2 h 30 min into it.
    let mut close = course(2, 1, 240, |n| if n >= 150 { 1.5 } else { 1.0 });
    for (time, _) in &mut close.steps {
        *time = UnixMicros(time.0 + 496 * 60 * UnixMicros::MINUTE);
    }
    let weeks = course(3, 60, 504, |n| if n >= 498 { 1.5 } else { 1.0 });
    let found = levels(&[weeks, close], &[]);
    let p95: Vec<_> = found.iter().filter(|l| l.kpi.name == "p95_latency").collect();
    assert_eq!(p95.len(), 1, "{p95:?}");
    assert_eq!(p95[0].minutes, 1);
}

#[test]
fn quiet_weeks_with_habits_of_the_day_show_no_change() {
    let day = |n: i64| {
        1.0 + 0.3 * (f64::from(i32::try_from(n % 24).unwrap()) / 24.0 * std::f64::consts::TAU).sin()
    };
    let noisy = (0..60).filter(|seed| !levels(&[course(100 + seed, 60, 504, day)], &[]).is_empty());
    // At a level of 5 % more than 8 of 60 happen once in 1,000 times.
    let noisy = noisy.count();
    assert!(noisy <= 8, "{noisy} of 60");
}

#[test]
fn steps_without_enough_requests_say_nothing() {
    let mut few = course(4, 1, 240, |n| if n >= 150 { 3.0 } else { 1.0 });
    for (_, rollup) in &mut few.steps {
        *rollup = Rollup { success: 3, latency: rollup.latency.clone(), ..Rollup::default() };
        rollup.latency = crate::rollup::Dist::default();
        rollup.latency.record(1_000_000);
    }
    assert!(levels(&[few], &[]).is_empty());
    assert!(levels(&[Course::default()], &[]).is_empty());
    assert!(levels(&[], &[]).is_empty());
}

#[test]
fn what_a_day_began_with_stays_where_it_was_told_however_often_it_is_looked_at() {
    let weeks = course(5, 60, 504, |n| if n >= 400 { 1.3 } else { 1.0 });
    let day = |n: i64| at(n, 60).0.div_euclid(UnixMicros::DAY);
    let told = |n: i64| -> Vec<(&'static str, UnixMicros)> {
        // Three weeks end at the look; the last step is `n`.
        let steps = usize::try_from(n).unwrap() + 1;
        let seen = Course { minutes: 60, steps: weeks.steps[..steps].to_vec() };
        levels(&[seen], &[]).iter().map(|l| (l.kpi.name, l.since)).collect()
    };
    let (mut of_day, mut before) = (0, Vec::new());
    for n in 420..504 {
        let now = told(n);
        if day(n) == of_day {
            assert!(
                before.iter().all(|level| now.contains(level)),
                "{n}: {before:?}, then {now:?}"
            );
        } else {
            of_day = day(n);
        }
        before = now;
    }
    assert!(before.iter().any(|(name, _)| *name == "p50_latency"), "{before:?}");
}
