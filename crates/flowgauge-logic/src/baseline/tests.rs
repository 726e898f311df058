//! What a baseline learns, what it leaves out, and who may become the promoted one.

use super::*;
use crate::regression::Metric;
use crate::rollup::Rollup;
use crate::score::ScoreSums;
use std::collections::BTreeMap;

const T0: UnixMicros = UnixMicros(1_763_000_000_000_000 / UnixMicros::HOUR * UnixMicros::HOUR);

fn hour(n: i64) -> UnixMicros {
    UnixMicros(T0.0 + n * UnixMicros::HOUR)
}

fn key(intent: &str) -> Key {
    (Text::from("chat/stream"), Text::from(intent), Text::from("gpt-3.5-turbo"))
}

fn calls(n: u64, ms: u64) -> Rollup {
    let mut rollup = Rollup { success: n, priced: n, ..Rollup::default() };
    for _ in 0..n {
        rollup.latency.record(ms * 1_000);
        rollup.input.record(100);
        rollup.output.record(20);
    }
    rollup.cost_nanos = i64::try_from(n).unwrap() * 2_000_000;
    rollup
}

fn scores(n: u64, quality: f64) -> ScoreSums {
    let n_f = f64::from(u32::try_from(n).unwrap());
    let (quality, squares) = (n_f * quality, n_f * quality * quality);
    ScoreSums { evaluations: n, quality, squares, ..ScoreSums::default() }
}

fn one<T>(intent: &str, value: T) -> BTreeMap<Key, T> {
    BTreeMap::from([(key(intent), value)])
}

fn built(builder: Builder) -> Result<Baseline, TooLittle> {
    let window = Window { from: T0, to: hour(24) };
    builder.finish(Text::from("w"), window, (hour(24), Text::from("ada")), None)
}

fn day(left_out: Vec<LeftOut>) -> Builder {
    let mut builder = Builder::new(60, 20, left_out);
    for n in 0..24 {
        let (latency, requests) = if n == 10 { (9_000, 50) } else { (800, 50) };
        builder.add(
            hour(n),
            &one("explain", calls(requests, latency)),
            &one("explain", scores(5, 80.0)),
        );
    }
    builder
}

fn near(a: f64, b: f64) -> bool {
    (a - b).abs() <= 0.005 * b.abs()
}

#[test]
fn points_carry_the_catalogue_s_figures_and_what_is_behind_them() {
    let baseline = built(day(Vec::new())).unwrap();
    assert_eq!((baseline.whole.points.len(), baseline.cells.len()), (24, 1));
    let point = baseline.whole.points[0];
    assert!(near(point.latency_p95.unwrap(), 800.0), "{point:?}");
    assert_eq!((point.tokens, point.cost, point.quality), (Some(120.0), Some(0.002), Some(80.0)));
    assert_eq!((point.requests, point.scored), (50, 5));
    assert_eq!(baseline.cells[0].intent, "explain");
    assert_eq!(baseline.whole.rollup.success, 24 * 50);
}

#[test]
fn what_was_learned_from_is_the_window_without_what_was_left_out() {
    let out = |from, to| LeftOut {
        window: Window { from: hour(from), to: hour(to) },
        why: Text::from("alert"),
    };
    let learned = |left_out| {
        let mut baseline = built(day(Vec::new())).unwrap();
        baseline.left_out = left_out;
        let hours =
            |w: Window| ((w.from.0 - T0.0) / UnixMicros::HOUR, (w.to.0 - T0.0) / UnixMicros::HOUR);
        baseline.learned().into_iter().map(hours).collect::<Vec<_>>()
    };
    assert_eq!(learned(Vec::new()), [(0, 24)]);
    assert_eq!(learned(vec![out(10, 12), out(3, 4), out(11, 13)]), [(0, 3), (4, 10), (13, 24)]);
    assert_eq!(learned(vec![out(-5, 2), out(20, 30)]), [(2, 20)]);
    assert_eq!(learned(vec![out(0, 24)]), []);
    let mut imported = built(day(Vec::new())).unwrap();
    imported.origin = Origin::Imported { file: Text::from("j2.json") };
    assert_eq!(imported.learned(), []);
}

#[test]
fn nothing_is_learned_inside_a_stretch_that_is_left_out() {
    let window = Window { from: UnixMicros(hour(10).0 + 1), to: UnixMicros(hour(10).0 + 2) };
    let bad = LeftOut { window, why: Text::from("alert p95_latency_critical") };
    let baseline = built(day(vec![bad])).unwrap();
    assert_eq!(baseline.whole.points.len(), 23);
    assert_eq!(baseline.whole.rollup.success, 23 * 50, "nor in the sums");
    assert!(baseline.whole.points.iter().all(|p| p.latency_p95.unwrap() < 900.0));
}

#[test]
fn stretches_with_too_few_requests_are_no_points_and_six_points_no_baseline() {
    let mut builder = Builder::new(60, 20, Vec::new());
    for n in 0..24 {
        let requests = if n < 6 { 20 } else { 19 };
        builder.add(hour(n), &one("ask", calls(requests, 500)), &BTreeMap::new());
    }
    let why = built(builder).unwrap_err();
    assert_eq!(why, TooLittle { points: 6, bucket_minutes: 60, min_samples: 20 });
    assert!(why.to_string().starts_with("6 stretches of 60 minutes with at least 20"), "{why}");
}

#[test]
fn unknown_figures_are_missing_and_never_nought() {
    let mut builder = Builder::new(60, 1, Vec::new());
    for n in 0..7 {
        let mut rollup = Rollup { success: 3, ..Rollup::default() };
        rollup.latency.record(1_000);
        builder.add(hour(n), &one("ask", rollup), &BTreeMap::new());
    }
    let point = built(builder).unwrap().whole.points[0];
    assert_eq!((point.tokens, point.quality), (None, None));
}

#[test]
fn the_sixty_fifth_cell_and_all_after_it_are_one() {
    let mut builder = Builder::new(60, 1, Vec::new());
    for n in 0..7 {
        let of = |i: u64| (key(&format!("i{i}")), calls(1 + i, 100));
        builder.add(hour(n), &(0..70).map(of).collect(), &BTreeMap::new());
    }
    let baseline = built(builder).unwrap();
    assert_eq!(baseline.cells.len(), 65);
    let [first, .., last] = &baseline.cells[..] else { panic!("sixty-five") };
    assert_eq!((first.intent.as_str(), last.intent.as_str()), ("i69", "(other)"));
    let sum: u64 = baseline.cells.iter().map(|c| c.rollup.success).sum();
    assert_eq!(sum, baseline.whole.rollup.success);
}

#[test]
fn bad_times_are_never_promoted() {
    let baseline = built(day(Vec::new())).unwrap();
    let status = Status::default();
    assert_eq!(refuse(&baseline, &status, &[], None), Ok(()));
    let open = ["p95_latency_critical".to_owned()];
    assert_eq!(
        refuse(&baseline, &status, &open, None),
        Err(Refusal::AlertOpen("p95_latency_critical".to_owned()))
    );
    let during = Some(("latency", hour(12)));
    assert_eq!(
        refuse(&baseline, &status, &[], during),
        Err(Refusal::RegressionOpen("latency".to_owned()))
    );
    assert_eq!(
        refuse(&baseline, &status, &[], Some(("latency", hour(24)))),
        Ok(()),
        "it ended before"
    );
    let promoted = Status { standing: Standing::Promoted, ..status };
    assert!(matches!(refuse(&baseline, &promoted, &[], None), Err(Refusal::Already(_))));
}

fn cell(intent: &str, n: u64, ms: u64) -> Cell {
    Cell { intent: Text::from(intent), rollup: calls(n, ms), ..Cell::default() }
}

#[test]
fn a_pure_shift_of_traffic_is_all_mix_and_a_pure_slowdown_none() {
    let base = [cell("short", 900, 500), cell("long", 100, 4_000)];
    // p95 of 90 % short and 10 % long is 4 s; of 97 % short it is 0.5 s.
    let shifted = [cell("short", 970, 500), cell("long", 30, 4_000)];
    let mix = mix_effect(Metric::Latency, &base, &shifted).unwrap();
    assert!(near(mix, -0.875), "{mix}");
    let slower = [cell("short", 900, 600), cell("long", 100, 4_800)];
    let mix = mix_effect(Metric::Latency, &base, &slower).unwrap();
    assert!(mix.abs() < 1e-9, "{mix}");
    assert_eq!(mix_effect(Metric::Latency, &base, &[cell("new", 10, 100)]), None);
}

#[test]
fn within_and_mix_add_up_to_the_whole_change_of_a_mean() {
    let quality = |intent: &str, n: u64, mean: f64| Cell {
        intent: Text::from(intent),
        quality: Quality::of(&scores(n, mean)),
        ..Cell::default()
    };
    let base = [quality("a", 80, 90.0), quality("b", 20, 50.0)]; // 82
    let current = [quality("a", 40, 85.0), quality("b", 60, 55.0)]; // 67
    let mix = mix_effect(Metric::Quality, &base, &current).unwrap();
    // With the baseline's shares the current cells give 0.8 · 85 + 0.2 · 55 = 79.
    assert!((mix - (67.0 - 79.0) / 82.0).abs() < 1e-12, "{mix}");
}

#[test]
fn what_the_mix_explains_is_no_regression() {
    let mut found = crate::regression::compare(
        Metric::Tokens,
        &crate::regression::Points::of((0..30).map(|n| 100.0 + f64::from(n % 5)).collect()),
        &crate::regression::Points::of((0..30).map(|n| 130.0 + f64::from(n % 5)).collect()),
        &crate::regression::Settings::default(),
    );
    assert!(found.regression, "{found:?}");
    let all = found.effect;
    found = without_mix(Metric::Tokens, found, all);
    assert!(!found.regression && found.effect.unwrap().abs() < 1e-9, "{found:?}");
    assert_eq!((found.mix_effect, found.verdict), (all, crate::regression::Verdict::Fine));
    assert!(!found.alerts());
}

#[test]
fn a_course_is_the_guide_s_three_lists_with_counts() {
    let course = built(day(Vec::new())).unwrap().whole.points;
    let file = period(&course);
    let back = crate::regression::Input::parse(&file.to_string()).unwrap();
    for metric in crate::regression::Metric::ALL {
        assert_eq!(back.points(metric), points_of(metric, &course), "{metric:?}");
    }
    assert_eq!(file["counts"]["quality_score"][0], 5);
    assert_eq!(file["counts"]["latency_p95"][0], 50);
}

#[test]
fn a_kept_baseline_says_what_was_usual_at_this_hour_years_later() {
    let mut builder = Builder::new(60, 20, Vec::new());
    for n in 0..24 * 28 {
        let ms = if n % 24 == 9 { 2_000 } else { 800 };
        builder.add(hour(n), &one("explain", calls(40, ms)), &BTreeMap::new());
    }
    let window = Window { from: T0, to: hour(24 * 28) };
    let made = (hour(24 * 28), Text::from("ada"));
    let baseline = builder.finish(Text::from("w"), window, made, None).unwrap();
    let usual = |n: i64, wanted: Option<&dyn Fn(&Cell) -> bool>| {
        baseline.usual(Metric::Latency, wanted, hour(n), chrono_tz::Tz::UTC)
    };
    let years = 24 * 7 * 100;
    // The slot holds the hours before and after as well: two of three are quiet.
    let quiet = usual(years + 15, None).value().unwrap();
    assert!(near(quiet.value, 800.0) && quiet.n >= 9, "{quiet:?}");
    let explain: &dyn Fn(&Cell) -> bool = &|cell| cell.intent == "explain";
    assert!(near(usual(years + 15, Some(explain)).value().unwrap().value, 800.0));
    assert_eq!(usual(15, Some(&|_| false)).value(), None, "no such cell");
}
