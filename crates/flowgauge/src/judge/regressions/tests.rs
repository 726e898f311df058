//! A slow day after quiet days: found, told twice before it alerts, and never learned from.

use super::*;
use crate::logic::call::{Call, Door, Status};
use crate::logic::id::CallId;
use crate::logic::regression::Settings;
use crate::logic::rollup::Filter;
use crate::logic::sequential::{Course, Stage};
use crate::logic::unit::{Micros, UnixMicros};
use crate::serve::clock::Hand;
use crate::store::Options;

/// 2025-01-06 00:00 UTC.
const T0: UnixMicros = UnixMicros(1_736_121_600_000_000);
/// Enough for a 95th percentile of an hour.
const PER_HOUR: i64 = 110;

/// The budget of the online detector.
const WEEKS: Option<f64> = Some(4.0);

fn hour(n: i64) -> UnixMicros {
    UnixMicros(T0.0 + n * UnixMicros::HOUR)
}

fn hours(n: u64) -> Micros {
    Micros::from_millis(n * 3_600_000)
}

fn call(at: UnixMicros, n: i64, ms: i64, intent: &str) -> Call {
    let start = UnixMicros(at.0 + n * 30_000_000);
    let mut seed = [0; 10];
    seed[..8].copy_from_slice(&(start.0 + n).to_be_bytes());
    let mut call = Call::begun(CallId::new(start, seed), start, start, Door::Gateway);
    call.what.leaf = true;
    call.what.intent = Some(Text::from(intent));
    call.what.model_requested = Some(Text::const_new("gpt-3.5-turbo"));
    call.outcome.status = Status::Ok;
    call.time.latency = Some(Micros(u64::try_from(ms).unwrap() * 1_000));
    call
}

/// An hour of calls around so many ms: spread within the hour, and a little between hours.
fn hour_of(n: i64, ms: i64) -> Vec<Call> {
    let wave = (n * 7919 % 41) - 20;
    (0..PER_HOUR).map(|i| call(hour(n), i, ms + wave + i % 10 * 20, "explain")).collect()
}

struct World {
    regressions: Regressions,
    facts: Findings,
    recorder: Recorder,
    hand: Hand,
    _dir: tempfile::TempDir,
}

/// Quiet days of 800 ms, then days of `later` ms.
async fn world(quiet: i64, days: i64, later: i64) -> World {
    let dir = tempfile::tempdir().unwrap();
    let (clock, hand) = Clock::frozen(hour(24 * quiet));
    let recorder = Recorder::start(dir.path(), Options::default(), clock.clone()).unwrap();
    for n in 0..24 * (quiet + days) {
        let ms = if n < 24 * quiet { 800 } else { later };
        recorder.submit(hour_of(n, ms), Vec::new()).await.unwrap();
    }
    let alerts = Arc::new(AlertStore::open(dir.path()).unwrap());
    let facts = Findings::default();
    let with = (clock, Tz::UTC);
    let regressions =
        Regressions::open(dir.path(), alerts, recorder.clone(), facts.clone(), with, WEEKS)
            .unwrap();
    World { regressions, facts, recorder, hand, _dir: dir }
}

fn proposal(days: u32) -> Proposal {
    Proposal {
        name: None,
        days,
        bucket_minutes: 60,
        filter: Filter::default(),
        by: "ada".to_owned(),
        why: "weekly".to_owned(),
    }
}

fn wanted(alert: bool) -> CheckWanted {
    let settings = Settings::default();
    CheckWanted { days: 1, against: Against::Promoted, filter: Filter::default(), settings, alert }
}

#[tokio::test]
async fn a_slow_day_is_found_confirmed_by_the_next_check_and_told_to_the_rules() {
    let w = world(7, 2, 1_200).await;
    let (baseline, _) = w.regressions.propose(&proposal(7)).unwrap();
    assert_eq!((baseline.name.as_str(), baseline.whole.points.len()), ("2025-w02", 168));
    assert!(matches!(w.regressions.check(&wanted(false)), Err(RegressionError::NonePromoted)));
    w.regressions.promote("2025-w02", "ada", "").unwrap();

    w.hand.advance(hours(24));
    let first = w.regressions.check(&wanted(true)).unwrap();
    let latency = first.found[&Metric::Latency];
    assert_eq!(latency.verdict, Verdict::Regressed, "{}", first.report);
    assert!(latency.alerting && !latency.confirmed, "one check is not enough");
    assert!(first.verdict.starts_with("P95 latency regressed by 4"), "{}", first.verdict);
    assert_eq!(first.found[&Metric::Quality].verdict, Verdict::InsufficientData);
    let again = w.regressions.check(&wanted(true)).unwrap();
    assert!(!again.found[&Metric::Latency].confirmed, "the same hours seen twice confirm nothing");

    w.hand.advance(hours(6));
    let second = w.regressions.check(&wanted(true)).unwrap();
    assert!(second.found[&Metric::Latency].confirmed);
    assert_eq!(w.facts.told(RuleMetric::P95Latency).map(|(bad, _)| bad), Some(true));
    assert_eq!(w.facts.told(RuleMetric::QualityScore), None, "nothing is known of quality");
    let mut undecided = second;
    for found in undecided.found.values_mut() {
        (found.verdict, found.confirmed) = (Verdict::InsufficientData, false);
    }
    tell(&w.facts, &undecided);
    let still = w.facts.told(RuleMetric::P95Latency).map(|(bad, _)| bad);
    assert_eq!(still, Some(true), "too little data ends no alert");

    let candidate = Proposal { name: Some("later".to_owned()), ..proposal(2) };
    w.regressions.propose(&candidate).unwrap();
    let refused = w.regressions.promote("later", "ada", "").unwrap_err().to_string();
    assert!(refused.contains("P95 latency regressed"), "{refused}");
    w.recorder.shutdown().await;
}

#[tokio::test]
async fn what_was_told_is_told_again_after_a_restart() {
    let w = world(7, 1, 1_200).await;
    w.regressions.propose(&proposal(7)).unwrap();
    w.regressions.promote("2025-w02", "ada", "").unwrap();
    w.hand.advance(hours(24));
    w.regressions.check(&wanted(true)).unwrap();
    let World { regressions, recorder, _dir: dir, .. } = w;
    drop(regressions);
    let facts = Findings::default();
    let alerts = Arc::new(AlertStore::open(dir.path()).unwrap());
    let with = (Clock::frozen(hour(200)).0, Tz::UTC);
    let again = Regressions::open(dir.path(), alerts, recorder.clone(), facts.clone(), with, WEEKS)
        .unwrap();
    assert_eq!(
        facts.told(RuleMetric::P95Latency).map(|(bad, _)| bad),
        Some(false),
        "not confirmed"
    );
    assert_eq!(again.checks(10).unwrap().len(), 1);
    recorder.shutdown().await;
}

#[tokio::test]
async fn a_shift_to_slow_questions_is_mix_and_no_regression() {
    let dir = tempfile::tempdir().unwrap();
    let (clock, hand) = Clock::frozen(hour(24 * 7));
    let recorder = Recorder::start(dir.path(), Options::default(), clock.clone()).unwrap();
    for n in 0..24 * 8 {
        // A tenth of the questions, then a third of them, need four times as long.
        let every = if n < 24 * 7 { 10 } else { 3 };
        let wave = (n * 7919 % 41) - 20;
        let one = |i: i64| match i % every {
            0 => call(hour(n), i, 3_200 + wave + i % 10 * 20, "analyze"),
            _ => call(hour(n), i, 800 + wave + i % 10 * 20, "explain"),
        };
        recorder.submit((0..PER_HOUR).map(one).collect(), Vec::new()).await.unwrap();
    }
    let alerts = Arc::new(AlertStore::open(dir.path()).unwrap());
    let with = (clock, Tz::UTC);
    let regressions =
        Regressions::open(dir.path(), alerts, recorder.clone(), Findings::default(), with, WEEKS)
            .unwrap();
    regressions.propose(&proposal(7)).unwrap();
    regressions.promote("2025-w02", "ada", "").unwrap();
    hand.advance(hours(24));
    let check = regressions.check(&wanted(false)).unwrap();
    assert_ne!(check.found[&Metric::Latency].verdict, Verdict::Regressed, "{}", check.report);
    assert!(regressions.checks(10).unwrap().is_empty(), "a look keeps nothing");
    recorder.shutdown().await;
}

#[tokio::test]
async fn too_few_days_are_no_baseline_and_a_name_is_given_once() {
    let w = world(1, 0, 800).await;
    let coarse = Proposal { bucket_minutes: 240, ..proposal(1) };
    let few = w.regressions.propose(&coarse).unwrap_err().to_string();
    assert!(few.starts_with("6 stretches of 240 minutes"), "{few}");
    w.regressions.propose(&proposal(1)).unwrap();
    assert!(matches!(w.regressions.propose(&proposal(1)), Err(RegressionError::Taken(_))));
    assert!(matches!(w.regressions.promote("no", "ada", ""), Err(RegressionError::NoBaseline(_))));
    w.recorder.shutdown().await;
}

#[tokio::test]
async fn a_metric_that_got_worse_is_told_within_a_day_without_a_baseline_and_again_after_a_restart()
{
    let w = world(9, 2, 1_200).await;
    assert_eq!(w.facts.online(RuleMetric::P95Latency), None, "nothing was looked at");
    w.regressions.look().unwrap();
    let (regressed, by) = w.facts.online(RuleMetric::P95Latency).unwrap();
    assert!(!regressed && by.abs() < 0.05, "{by}");
    assert_eq!(w.facts.online(RuleMetric::QualityScore), None, "nothing is known of quality");
    w.hand.advance(hours(24));
    w.regressions.look().unwrap();
    let (regressed, by) = w.facts.online(RuleMetric::P95Latency).unwrap();
    assert!(regressed && (by - 0.42).abs() < 0.1, "{by}");
    let before = w.regressions.watched().unwrap();
    w.regressions.look().unwrap();
    let watched = w.regressions.watched().unwrap();
    let state = |c: &Course| (c.seen, c.next, c.heard.len());
    let states = |w: &Watched| w.courses.iter().map(state).collect::<Vec<_>>();
    assert_eq!(states(&before), states(&watched), "no hour is looked at twice");
    let budget = "at most one false alarm over all metrics per 4 weeks";
    assert_eq!(watched.budget.as_deref(), Some(budget));
    let latency = &watched.courses[0];
    assert_eq!((latency.metric, latency.seen), (Metric::Latency, 239));
    let heard = latency.heard.last().unwrap();
    assert!(heard.rose && heard.hour >= hour(216), "{heard:?}");
    assert_eq!(heard.stage, Stage::Lasts);

    let World { regressions, recorder, hand, _dir: dir, .. } = w;
    drop((regressions, hand));
    let facts = Findings::default();
    let alerts = Arc::new(AlertStore::open(dir.path()).unwrap());
    let with = (Clock::frozen(hour(240)).0, Tz::UTC);
    let again = Regressions::open(dir.path(), alerts, recorder.clone(), facts.clone(), with, WEEKS)
        .unwrap();
    again.look().unwrap();
    assert!(facts.online(RuleMetric::P95Latency).is_some_and(|(regressed, _)| regressed));
    recorder.shutdown().await;
}
