//! Bounds that are not written in the rule: baselines, budgets, windows of before.

use super::world::{NOW, World, ago, compiled, rule, sample, sample_of, unknown, verdict};
use super::*;
use crate::alert::condition::{Bound, Cmp, Predicate};
use crate::alert::facts::{BudgetPeriod, Gauge};
use crate::alert::metric::Metric;
use crate::alert::rule::{Sli, SloPeriod};

const DAY: i64 = 86_400;
const USD: i64 = 1_000_000_000;

fn near(got: Option<f64>, want: f64) -> bool {
    got.is_some_and(|got| (got - want).abs() <= 1e-9 * want.abs().max(1.0))
}

fn tokens(now: u64) -> World {
    let mut world = World { baselines: vec![(Metric::DailyTokens, 1000.0)], ..World::default() };
    world.spent(ago(3600), now, 1);
    world
}

#[test]
fn daily_tokens_stand_against_the_baseline() {
    let text = "daily_tokens > 110% of baseline for 1 hour";
    let got = sample(text, tokens(1101));
    assert_eq!(got.verdict, Verdict::True);
    assert!(near(got.evidence.value, 1101.0) && near(got.evidence.threshold, 1100.0));
    assert!(near(got.evidence.reference, 1000.0));
    assert_eq!(verdict(text, tokens(1095)), Verdict::False);
    assert_eq!(verdict(text, tokens(1089)), Verdict::Clear);
}

#[test]
fn a_missing_or_empty_baseline_is_not_known() {
    let text = "daily_tokens > 110% of baseline";
    let with = |baselines| World { baselines, ..tokens(5000) };
    assert_eq!(verdict(text, with(vec![])), unknown(Why::WarmingUp));
    assert_eq!(verdict(text, with(vec![(Metric::DailyTokens, 0.0)])), unknown(Why::NoData));
}

#[test]
fn what_saves_tokens_being_off_moves_them_against_their_past_only() {
    let off = || World { off: vec![Mechanism::TokenSaving], ..tokens(5000) };
    assert_eq!(verdict("daily_tokens > 110% of baseline", off()), unknown(Why::Disabled));
    assert_eq!(verdict("daily_tokens > 4000", off()), Verdict::True);
}

#[test]
fn ninety_percent_of_the_budget_are_compared_in_nano_dollars() {
    let text = "monthly_cost > 90% of budget";
    let world = |dollars: i64| {
        let mut world =
            World { budgets: vec![(BudgetPeriod::Month, 1000 * USD)], ..World::default() };
        world.spent(ago(3 * DAY), 1, dollars * USD);
        world.spent(ago(30 * DAY), 1, 5000 * USD);
        world
    };
    let got = sample(text, world(913));
    assert_eq!(got.verdict, Verdict::True);
    assert!(near(got.evidence.value, 913e9) && near(got.evidence.reference, 1000e9));
    assert_eq!(verdict(text, world(895)), Verdict::False);
    assert_eq!(verdict(text, world(889)), Verdict::Clear);
    let share = "budget_utilization > 90%";
    assert!(near(sample(share, world(913)).evidence.value, 0.913));
    let rule = compiled(text);
    assert_eq!(rule.idle(&world(1)), None);
    let none = World::default();
    assert_eq!(rule.idle(&none).as_deref(), Some("needs a budget for the month"));
    assert_eq!(verdict(text, none), unknown(Why::NotConfigured));
    assert_eq!(verdict(share, World::default()), unknown(Why::NotConfigured));
}

#[test]
fn a_target_is_that_of_the_catalogue() {
    let got = sample("p95_latency > target", World::default().calls(100, 1501));
    assert_eq!(got.verdict, Verdict::True);
    assert!(near(got.evidence.threshold, 1_500_000.0) && !got.evidence.approx);
}

#[test]
fn memory_is_a_share_of_the_capacity() {
    let world = |bytes| World {
        gauges: vec![(Gauge::CacheBytes, bytes), (Gauge::CacheCapacity, 1000.0)],
        ..World::default()
    };
    for text in ["cache_memory_usage > 80%", "cache_memory_usage > 80% of capacity"] {
        assert_eq!(verdict(text, world(810.0)), Verdict::True, "{text}");
        assert_eq!(verdict(text, world(700.0)), Verdict::Clear, "{text}");
    }
    assert_eq!(verdict("cache_memory_bytes > 90% of capacity", world(901.0)), Verdict::True);
    assert_eq!(verdict("cache_memory_usage > 80%", World::default()), unknown(Why::NotConfigured));
}

#[test]
fn seven_complete_days_stand_against_the_seven_before() {
    let text = "increase of daily_tokens over 7d vs last_week > 15%";
    // 2025-01-06 is a Monday: the last seven complete days begin on 2024-12-30.
    let world = |this_week: u64| {
        let mut world = World::default();
        (1..=7).for_each(|d| world.spent(ago(d * DAY), this_week, 1));
        (8..=14).for_each(|d| world.spent(ago(d * DAY), 1000, 1));
        world.spent(ago(60), 1_000_000, 1);
        world
    };
    let got = sample(text, world(1160));
    assert_eq!(got.verdict, Verdict::True);
    assert!(near(got.evidence.value, 0.16) && near(got.evidence.reference, 7000.0));
    assert_eq!(got.evidence.window_us, 7 * 86_400_000_000);
    assert_eq!(verdict(text, world(1145)), Verdict::False);
    assert_eq!(verdict(text, world(1139)), Verdict::Clear);
    let fall = "decrease of daily_tokens over 7d vs last_week > 15%";
    assert_eq!(verdict(fall, world(800)), Verdict::True);
    let either = "change of daily_tokens over 7d vs last_week > 15%";
    assert_eq!(verdict(either, world(800)), Verdict::True);
}

#[test]
fn a_past_without_data_is_not_known() {
    let text = "increase of daily_tokens vs yesterday > 15%";
    assert_eq!(verdict(text, tokens(5000)), unknown(Why::NoData));
}

#[test]
fn a_moving_threshold_reads_the_histogram_and_still_sees_calls_in_flight() {
    let text = "p95_latency > baseline + 20%";
    let world = |flying| World {
        baselines: vec![(Metric::P95Latency, 1_000_000.0)],
        ..World::default().calls(100, 900).flying(flying, 300)
    };
    let got = sample(text, world(10));
    assert_eq!(got.verdict, Verdict::True);
    assert!(got.evidence.approx && near(got.evidence.threshold, 1_200_000.0));
    assert_eq!(verdict(text, world(0)), Verdict::Clear);
}

#[test]
fn a_previous_window_is_as_long_as_the_present_one() {
    let mut world = World::default().calls(100, 2000);
    world.add(100, 1000, true, ago(3630), "m");
    let got = sample("p95_latency > previous 1h + 50%", world);
    assert_eq!(got.verdict, Verdict::True);
    assert!(got.evidence.reference.is_some_and(|v| (v - 1e6).abs() < 5e3));
}

#[test]
fn quality_is_lost_against_its_own_baseline() {
    let text = "quality_regression > 5% with 95% confidence for 1 hour";
    let world = |score: f64| World {
        baselines: vec![(Metric::QualityScore, 0.80)],
        scores: (0..40).map(|i| (ago(30), score + 0.01 * f64::from(i % 2))).collect(),
        ..World::default()
    };
    let got = sample(text, world(0.70));
    assert_eq!(got.verdict, Verdict::True);
    assert!(near(got.evidence.value, 1.0 - 0.705 / 0.80));
    assert_ne!(verdict(text, world(0.754)), Verdict::True);
    let cold = World { baselines: vec![], ..world(0.70) };
    assert_eq!(verdict(text, cold), unknown(Why::WarmingUp));
}

#[test]
fn ratings_and_costs_have_their_units() {
    let world = World {
        scores: (0..40).map(|_| (ago(5 * DAY), 0.7)).collect(),
        ..World::default().calls(100, 10)
    };
    let got = sample("user_satisfaction < 4.0 for 1 hour", world);
    assert_eq!(got.verdict, Verdict::True);
    assert!(near(got.evidence.value, 3.8));
    let got = sample("cost_per_request > $0.0007", World::default().calls(100, 10));
    assert_eq!(got.verdict, Verdict::True);
    assert!(near(got.evidence.value, 1e6));
}

#[test]
fn a_month_goes_on_as_its_weekdays_go() {
    // $10 on every day of December and January so far; NOW is 09:05 on the 6th.
    let text = "forecast(monthly_cost) > 100% of budget";
    let world = |budget: i64| {
        let mut world =
            World { budgets: vec![(BudgetPeriod::Month, budget * USD)], ..World::default() };
        (1..=28).for_each(|d| world.spent(ago(d * DAY), 1, 10 * USD));
        world
    };
    let got = sample(text, world(300));
    // Five complete days, the rest of today, and 25 days more.
    let rest = 1.0 - (9.0 * 60.0 + 5.0) / 1440.0;
    let want = (50.0 + 10.0 * rest + 250.0) * 1e9;
    assert!(near(got.evidence.value, want), "{:?} {want}", got.evidence.value);
    assert_eq!(got.verdict, Verdict::True);
    assert_eq!(verdict(text, world(400)), Verdict::Clear);
    let mut fresh = World { budgets: vec![(BudgetPeriod::Month, USD)], ..World::default() };
    fresh.spent(ago(60), 1, USD);
    assert_eq!(verdict(text, fresh), unknown(Why::WarmingUp));
}

#[test]
fn a_day_of_calls_without_a_price_is_no_day_that_cost_nothing() {
    let text = "forecast(monthly_cost) > 100% of budget";
    let mut world = World { budgets: vec![(BudgetPeriod::Month, 300 * USD)], ..World::default() };
    (1..=28).for_each(|d| {
        world.spent(ago(d * DAY), 1, if (8..15).contains(&d) { -1 } else { 10 * USD })
    });
    let got = sample(text, world);
    // The profile is made of the three weeks that are known: $10 each, as in the test before.
    let rest = 1.0 - (9.0 * 60.0 + 5.0) / 1440.0;
    let want = (50.0 + 10.0 * rest + 250.0) * 1e9;
    assert!(near(got.evidence.value, want), "{:?} {want}", got.evidence.value);
}

fn slo(sli: Sli, objective: f64) -> Slo {
    Slo { name: Text::from("s"), sli, objective, period: SloPeriod::Rolling(30) }
}

fn burning(slo: &Slo, factor: &str, world: World) -> Sample {
    let text = format!("burn_rate(s) > {factor} over 1h and 5m");
    let slos = std::slice::from_ref(slo);
    sample_of(&Compiled::new(&rule(&text, slos), slos, Tz::UTC), world)
}

#[test]
fn an_objective_burns_too_fast_in_both_windows_or_not_at_all() {
    let slo = slo(Sli::Availability { selector: vec![] }, 0.999);
    let fire = burning(&slo, "14.4", World::default().calls(900, 10).errors(100));
    assert_eq!((fire.verdict, fire.evidence.exceed), (Verdict::True, Some(100)));
    assert!(near(fire.evidence.value, 100.0));
    let mut over = World::default().calls(900, 10);
    over.add(100, 10, false, ago(1800), "m");
    assert_eq!(burning(&slo, "14.4", over).verdict, Verdict::Clear, "the short window is good");
    let mut quiet = World::default();
    quiet.add(100, 10, false, ago(1800), "m");
    let got = burning(&slo, "14.4", quiet).verdict;
    assert_eq!(got, unknown(Why::NoData), "an empty short window does not end it");
    let one = burning(&slo, "14.4", World::default().calls(9, 10).errors(1));
    assert_ne!(one.verdict, Verdict::True, "one failure in a quiet hour");
}

#[test]
fn an_objective_of_time_counts_calls_in_flight() {
    let sli = Sli::Faster { selector: vec![], timing: Timing::Latency, limit: Micros(2_000_000) };
    let slo = slo(sli, 0.99);
    let got = burning(&slo, "6", World::default().calls(90, 900).flying(10, 60));
    assert_eq!((got.verdict, got.evidence.exceed), (Verdict::True, Some(10)));
    let slos = [slo];
    let rule = Compiled::new(&rule("burn_rate(s) > 6 over 1h and 5m", &slos), &slos, Tz::UTC);
    assert_eq!(rule.thresholds()[0].2, [2_000_000]);
}

#[test]
fn a_runaway_caller_is_found_in_minutes() {
    // $3100 a month of 31 days is $4.17 an hour.
    let slo = slo(Sli::Spend { budget: None }, 0.9);
    let world = |dollars: i64| {
        let mut world =
            World { budgets: vec![(BudgetPeriod::Month, 3100 * USD)], ..World::default() };
        world.spent(ago(60), 1, dollars * USD);
        world
    };
    assert_eq!(burning(&slo, "9", world(61)).verdict, Verdict::True);
    assert_eq!(burning(&slo, "9", world(3)).verdict, Verdict::Clear);
    assert_eq!(burning(&slo, "9", World::default()).verdict, unknown(Why::NotConfigured));
}

/// `(condition, the bound that ends it)`: alerting 8.3 and 12.1.
const ENDS: [(&str, Cmp, f64); 12] = [
    ("p95_latency > 2500ms", Cmp::Below, 2375.0),
    ("p95_latency > 2000ms", Cmp::Below, 1900.0),
    ("error_rate > 5%", Cmp::Below, 4.5),
    ("quality_score < 75%", Cmp::Above, 76.0),
    ("cache_hit_rate < 20%", Cmp::Above, 21.0),
    ("user_satisfaction < 4.0", Cmp::Above, 4.05),
    ("throughput < 10rpm", Cmp::Above, 10.5),
    ("not p95_latency < 2500ms", Cmp::Below, 2375.0),
    ("cost_per_request > $0.02", Cmp::Below, 0.019),
    // Nothing is left below nothing, above everything, or beyond five stars.
    ("unpriced_calls > 0", Cmp::AtMost, 0.0),
    ("cache_hit_rate < 100%", Cmp::AtLeast, 100.0),
    ("user_satisfaction < 4.97", Cmp::AtLeast, 4.97),
];

#[test]
fn the_default_slack_is_that_of_the_table() {
    for (text, cmp, number) in ENDS {
        let rule = compiled(text);
        let Some(Expr::Is(Predicate::Compare(over))) = rule.clear() else { panic!("{text}") };
        let Bound::Quantity(q) = &over.bound else { panic!("{text}") };
        assert_eq!(over.cmp, cmp, "{text}");
        assert!(near(Some(q.number), number), "{text}: {}", q.number);
    }
    let rule = compiled("daily_tokens > 110% of baseline");
    let Some(Expr::Is(Predicate::Compare(over))) = rule.clear() else { panic!("a comparison") };
    assert!(matches!(over.bound, Bound::PercentOf { percent, .. } if near(Some(percent), 109.0)));
}

#[test]
fn windows_follow_the_wall_across_a_clock_change() {
    // Paris, 2025-03-30, the day of 23 hours: yesterday at the same time is 23 hours before noon.
    let noon = UnixMicros(1_743_328_800_000_000);
    let mut world = World::default();
    let at = |t: i64| UnixMicros(noon.0 - t * 1_000_000);
    world.spent(at(60), 3000, 1);
    world.spent(at(23 * 3600 + 60), 1000, 1);
    let text = "increase of throughput vs yesterday > 15%";
    let got = Compiled::new(&rule(text, &[]), &[], Tz::Europe__Paris).evaluate(&world, noon);
    let at_noon = Compiled::new(&rule(text, &[]), &[], Tz::UTC).evaluate(&world, noon);
    assert_eq!(got[0].1.verdict, Verdict::Clear, "one call a minute on both days");
    assert_eq!(at_noon[0].1.verdict, unknown(Why::NoData));
    assert!(NOW < noon);
}
