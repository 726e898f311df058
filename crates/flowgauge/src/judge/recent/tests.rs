//! What rules see of calls: exact counts, calls in flight, and nothing twice.

use super::*;
use crate::logic::alert::condition::{MatchOp, Matcher};
use crate::logic::alert::facts::{CallSums, Facts, Gauge, Labels};
use crate::logic::call::{Door, ErrorClass, Status, Text};
use crate::logic::known::Known;
use crate::logic::rollup::Dim;
use crate::logic::window::Window;
use proptest::prelude::*;

const SECOND: i64 = 1_000_000;
/// 2025-01-06 09:00 UTC, on the grid of ticks.
const T0: i64 = 1_736_154_000_000_000;
const LIMIT: u64 = 2_500_000;

fn options() -> RecentOptions {
    RecentOptions {
        tick: Micros::from_millis(10_000),
        eval_delay: Micros::from_millis(30_000),
        zone: Tz::UTC,
        keep: Micros::from_millis(35 * 60_000),
    }
}

fn recent() -> Recent {
    let recent = Recent::new(options());
    let thresholds = vec![LIMIT];
    recent.watch(
        &[
            (Selection::default(), Timing::Latency, thresholds.clone()),
            (Selection::default(), Timing::Ttft, thresholds),
        ],
        &[by(&[Dim::Model])],
    );
    recent.refill(std::iter::empty());
    recent
}

fn by(dims: &[Dim]) -> Selection {
    Selection { by: dims.to_vec(), ..Selection::default() }
}

fn id(n: u16) -> CallId {
    let [high, low] = n.to_be_bytes();
    CallId::new(UnixMicros(T0), [high, low, 0, 0, 0, 0, 0, 0, high, low])
}

/// A call that began so many microseconds after `T0`.
fn begun(n: u16, start: i64) -> Call {
    let at = UnixMicros(T0 + start);
    let mut call = Call::begun(id(n), at, at, Door::Gateway);
    call.what.leaf = true;
    call.what.model_requested = Some(Text::const_new("gpt-5"));
    call
}

/// A success that took so long.
fn done(n: u16, start: i64, latency: u64) -> Call {
    let mut call = begun(n, start);
    call.time.latency = Some(Micros(latency));
    call
}

fn ended(mut call: Call, latency: u64, status: Status, class: ErrorClass) -> Call {
    call.time.latency = Some(Micros(latency));
    (call.outcome.status, call.outcome.class) = (status, class);
    call
}

fn groups(recent: &Recent, of: &Selection, from: i64, to: i64) -> Vec<(Labels, CallSums)> {
    let long = Long::none();
    let window = Window { from: UnixMicros(T0 + from), to: UnixMicros(T0 + to) };
    let answer = recent.at(UnixMicros(T0 + to), &long).calls(of, window).unwrap();
    answer.to_vec()
}

/// The last minute before a moment, over everything.
fn minute(recent: &Recent, to: i64) -> CallSums {
    let mut all = groups(recent, &Selection::default(), to - 60 * SECOND, to);
    assert_eq!(all.len(), 1, "one answer without labels");
    all.remove(0).1
}

/// Above the limit, and of how many.
fn slow(sums: &CallSums) -> (u64, u64) {
    (sums.latency.above(LIMIT).unwrap(), sums.latency.n_at(LIMIT).unwrap())
}

#[test]
fn a_hung_call_is_slow_the_moment_its_age_passes_the_threshold() {
    let recent = recent();
    recent.started(&begun(1, 0));
    let limit = LIMIT.cast_signed();
    for (at, want) in [
        (0, (0, 0)),
        (limit, (0, 0)),
        (limit + 1, (1, 1)),
        (60 * SECOND, (1, 1)),
        (3_600 * SECOND, (1, 1)),
    ] {
        let sums = minute(&recent, at);
        assert_eq!(slow(&sums), want, "{at} µs after its start");
        assert_eq!((sums.in_flight, sums.latency.n, sums.latency.exact), (1, 1, true));
    }
}

#[test]
fn a_call_counted_in_flight_stays_counted_at_its_end_unless_it_is_nobodys_fault() {
    let late = 9 * SECOND.cast_unsigned();
    for (status, class, want) in [
        (Status::Ok, ErrorClass::None, (1, 1)),
        (Status::Error, ErrorClass::Timeout, (1, 1)),
        (Status::Error, ErrorClass::Upstream5xx, (1, 1)),
        (Status::Error, ErrorClass::Unreachable, (1, 1)),
        (Status::Truncated, ErrorClass::Truncated, (1, 1)),
        (Status::Cancelled, ErrorClass::None, (0, 0)),
        (Status::Error, ErrorClass::Client4xx, (0, 0)),
        (Status::Refused, ErrorClass::OwnLimit, (0, 0)),
    ] {
        let recent = recent();
        recent.started(&begun(1, 0));
        assert_eq!(slow(&minute(&recent, 5 * SECOND)), (1, 1));
        recent.ended(&[ended(begun(1, 0), late, status, class)]);
        assert_eq!(slow(&minute(&recent, 10 * SECOND)), want, "{status:?} {class:?}");
        assert_eq!(minute(&recent, 10 * SECOND).in_flight, 0);
        assert_eq!(slow(&minute(&recent, 80 * SECOND)), (0, 0), "it leaves with its window");
    }
}

#[test]
fn a_failure_sooner_than_the_threshold_says_nothing_about_latency() {
    let recent = recent();
    let soon = ended(begun(1, 0), 100_000, Status::Error, ErrorClass::Upstream5xx);
    recent.ended(&[soon, done(2, 0, 200_000), done(3, 0, LIMIT), done(4, 0, LIMIT + 1)]);
    let sums = minute(&recent, 10 * SECOND);
    assert_eq!(slow(&sums), (1, 3));
    assert_eq!((sums.rollup.failure, sums.rollup.success), (1, 3));
}

#[test]
fn a_client_that_left_is_not_waited_for() {
    let recent = recent();
    recent.started(&begun(1, 0));
    recent.left(id(1));
    let sums = minute(&recent, 20 * SECOND);
    assert_eq!((slow(&sums), sums.in_flight), ((0, 0), 0));
}

#[test]
fn a_call_whose_row_found_no_room_is_not_in_flight_for_ever() {
    let recent = recent();
    recent.started(&begun(1, 0));
    recent.lost(id(1));
    assert_eq!(minute(&recent, 20 * SECOND).in_flight, 0);
    recent.started(&begun(2, 0));
    recent.forget(UnixMicros(T0 + 24 * 3_600 * SECOND));
    assert_eq!(minute(&recent, 24 * 3_600 * SECOND).in_flight, 0);
}

#[test]
fn what_ended_between_the_tick_and_now_was_in_flight_at_the_tick() {
    let recent = recent();
    recent.started(&begun(1, 0));
    recent.ended(&[done(1, 0, 10_000_005)]);
    let sums = minute(&recent, 10 * SECOND);
    assert_eq!((slow(&sums), sums.in_flight), ((1, 1), 1));
    let sums = minute(&recent, 20 * SECOND);
    assert_eq!((slow(&sums), sums.in_flight), ((1, 1), 0));
}

#[test]
fn a_first_token_is_waited_for_in_streams_only_and_known_once_it_came() {
    let recent = recent();
    let mut stream = begun(1, 0);
    stream.what.stream = Some(true);
    let mut whole = begun(2, 0);
    whole.what.stream = Some(false);
    recent.started(&stream);
    recent.started(&whole);
    let ttft = |at| {
        let sums = minute(&recent, at);
        (sums.ttft.above(LIMIT).unwrap(), sums.ttft.n_at(LIMIT).unwrap())
    };
    assert_eq!(ttft(2 * SECOND), (0, 0));
    assert_eq!(ttft(3 * SECOND), (1, 1));
    recent.first_token(id(1), UnixMicros(T0 + 4 * SECOND));
    assert_eq!(ttft(9 * SECOND), (1, 1), "it came too late and stays so");
    stream.time.latency = Some(Micros(20_000_000));
    stream.time.ttft = Some(Micros(4_000_000));
    recent.ended(&[stream]);
    assert_eq!(ttft(30 * SECOND), (1, 1));
}

#[test]
fn a_call_counts_at_its_end_and_rows_of_others_after_the_delay() {
    let recent = recent();
    let mut theirs = done(2, 0, 1_000_000);
    theirs.origin.door = Door::OtlpGrpc;
    recent.ended(&[done(1, 0, 59_999_999), theirs]);
    let count = |from: i64, to: i64| {
        let all = groups(&recent, &Selection::default(), from * SECOND, to * SECOND);
        all.iter().map(|(_, sums)| sums.rollup.requests()).sum::<u64>()
    };
    assert_eq!((count(0, 50), count(50, 60), count(60, 120)), (1, 1, 0));
    assert_eq!((count(30, 40), count(0, 30)), (1, 0), "one second and the delay");
}

#[test]
fn rows_heard_of_are_not_counted_again_when_the_past_is_filled_in() {
    let recent = Recent::new(options());
    recent.watch(&[(Selection::default(), Timing::Latency, vec![LIMIT])], &[]);
    recent.ended(&[done(1, 0, 3_000_000)]);
    recent.refill([done(1, 0, 3_000_000), done(2, 0, 4_000_000)].into_iter());
    assert_eq!(slow(&minute(&recent, 10 * SECOND)), (2, 2));
    recent.refill([done(1, 0, 3_000_000), done(2, 0, 4_000_000)].into_iter());
    assert_eq!(slow(&minute(&recent, 10 * SECOND)), (2, 2));
}

#[test]
fn thresholds_and_selections_that_are_new_count_what_was_before_exactly() {
    let recent = recent();
    recent.ended(&[done(1, 0, 1_000_000), done(2, 0, 1_000_001), done(3, 0, 9_000_000)]);
    let model = |op, value: &'static str| Selection {
        selector: vec![Matcher { dim: Dim::Model, op, value: Text::const_new(value) }],
        by: Vec::new(),
    };
    let gpt = model(MatchOp::Matches, "gpt-.*");
    recent.watch(
        &[
            (Selection::default(), Timing::Latency, vec![1_000_000, LIMIT]),
            (gpt.clone(), Timing::Latency, vec![1_000_000]),
        ],
        &[model(MatchOp::NotMatches, "gpt")],
    );
    let sums = minute(&recent, 10 * SECOND);
    assert_eq!(sums.latency.above, vec![(1_000_000, 2), (LIMIT, 1)]);
    assert!(sums.latency.exact && sums.rollup.success == 3, "the rollup is not counted twice");
    let sums = groups(&recent, &gpt, 0, 10 * SECOND).remove(0).1;
    assert_eq!((sums.latency.above(1_000_000), sums.rollup.success), (Some(2), 3));
    let sums = groups(&recent, &model(MatchOp::NotMatches, "gpt"), 0, 10 * SECOND).remove(0).1;
    assert_eq!(sums.rollup.success, 3, "patterns are anchored");
}

#[test]
fn a_row_that_counts_in_anothers_place_is_taken_back() {
    let recent = recent();
    recent.ended(&[done(1, 0, 3_000_000), done(2, 0, 4_000_000)]);
    recent.merged(&[Merge { row: id(1), into: id(2) }]);
    let sums = minute(&recent, 10 * SECOND);
    assert_eq!((slow(&sums), sums.rollup.requests()), ((1, 1), 1));
    let mut inner = done(3, 0, 5_000_000);
    (inner.what.leaf, inner.link.merged_into) = (false, Some(id(2)));
    recent.started(&begun(3, 0));
    recent.ended(&[inner]);
    let sums = minute(&recent, 10 * SECOND);
    assert_eq!((slow(&sums), sums.in_flight), ((1, 1), 0));
}

#[test]
fn label_sets_beyond_the_limit_are_left_out_and_counted_and_room_comes_back() {
    let recent = recent();
    let named = |n: u16, start: i64| {
        let mut call = done(n, start, 1_000);
        call.what.model_requested = Some(Text::from(format!("model-{n}")));
        call
    };
    (0..103).for_each(|n| recent.ended(&[named(n, 0)]));
    let of = by(&[Dim::Model]);
    let seen = groups(&recent, &of, 0, 10 * SECOND);
    assert_eq!(seen.len(), 100);
    assert_eq!(seen[0].0, vec![(Text::const_new("model"), Text::const_new("model-0"))]);
    assert_eq!(recent.overflows(), vec![(of.clone(), 3)]);
    assert_eq!(minute(&recent, 10 * SECOND).rollup.success, 103, "the whole is whole");
    recent.ended(&[named(1, 3_000 * SECOND)]);
    recent.forget(UnixMicros(T0 + 2_000 * SECOND));
    recent.ended(&[named(102, 3_000 * SECOND)]);
    let seen = groups(&recent, &of, 2_990 * SECOND, 3_010 * SECOND);
    let names: Vec<&str> = seen.iter().map(|(labels, _)| labels[0].1.as_str()).collect();
    assert_eq!(names, ["model-1", "model-102"]);
    assert!(seen.iter().all(|(_, sums)| sums.rollup.success == 1));
}

#[test]
fn traffic_made_on_purpose_counts_only_where_it_is_named() {
    let recent = recent();
    let mut probe = done(1, 0, 1_000);
    probe.origin.source = crate::logic::call::Source::Probe;
    recent.ended(&[probe]);
    assert_eq!(minute(&recent, 10 * SECOND).rollup.requests(), 0);
}

#[test]
fn gauges_say_who_is_there_now() {
    let recent = recent();
    let mut call = done(1, 0, 1_000);
    call.who.user_key = Some(Text::const_new("u1"));
    recent.ended(&[call]);
    recent.started(&begun(2, 0));
    let long = Long::none();
    let at = recent.at(UnixMicros(T0 + 10 * SECOND), &long);
    assert_eq!(at.gauge(Gauge::ConcurrentUsers), Known::Value(1.0));
    assert_eq!(at.gauge(Gauge::InFlight), Known::Value(1.0));
    assert!(at.gauge(Gauge::CacheBytes).value().is_none());
    assert_eq!(recent.last_received(), Some(UnixMicros(T0)));
}

#[test]
fn without_a_store_long_windows_and_scores_come_from_minutes_in_memory() {
    let recent = Recent::new(options()).with_minutes(Micros::from_millis(7 * 86_400_000));
    let of = by(&[Dim::Model]);
    recent.watch(&[(of.clone(), Timing::Latency, vec![LIMIT])], &[]);
    recent.refill(std::iter::empty());
    let key = SeriesKey::of(&begun(0, 0));
    for hour in 0..72u16 {
        let start = i64::from(hour) * 3_600 * SECOND;
        recent.ended(&[done(hour, start, 3_000_000)]);
        recent.scored(UnixMicros(T0 + start), &key, 0.5);
    }
    let end = 72 * 3_600 * SECOND;
    recent.started(&begun(999, end - 60 * SECOND));
    let day = groups(&recent, &of, end - 24 * 3_600 * SECOND, end).remove(0).1;
    assert_eq!((day.rollup.success, day.in_flight), (24, 1));
    assert_eq!((slow(&day), day.latency.exact), ((25, 25), false));
    let all = groups(&recent, &of, 0, end).remove(0).1;
    assert_eq!(all.rollup.success, 72);
    let long = Long::none();
    let window = Window { from: UnixMicros(T0), to: UnixMicros(T0 + end) };
    let at = recent.at(window.to, &long);
    let scores = at.scores(&of, window).unwrap();
    assert_eq!((scores[0].1.n, scores[0].1.mean), (72, 0.5));
}

#[test]
fn a_sample_counts_as_the_call_behind_it() {
    use crate::logic::call::{CacheOutcome, InputTokens, OutputTokens, UsageSource};
    use crate::logic::rollup::Rollup;
    use crate::logic::unit::{NanoUsd, Tokens};
    for (status, class) in [
        (Status::Ok, ErrorClass::None),
        (Status::Error, ErrorClass::Upstream429),
        (Status::Cancelled, ErrorClass::None),
    ] {
        let mut call = ended(begun(1, 0), 4_000_000, status, class);
        call.what.stream = Some(true);
        (call.time.ttft, call.time.upstream) = (Some(Micros(500_000)), Some(Micros(3_999_000)));
        call.usage.source = UsageSource::Provider;
        call.usage.input = Some(InputTokens {
            text: 10,
            audio: 1,
            image: 2,
            cache_read: 3,
            cache_write_5m: 4,
            cache_write_1h: 5,
        });
        call.usage.output = Some(OutputTokens { visible: 7, reasoning: 8, ..Default::default() });
        call.cost.nanos = Some(NanoUsd(123));
        call.cost.avoided = Some(NanoUsd(45));
        call.control.cache = CacheOutcome::Miss;
        call.control.original_input_tokens = Some(Tokens(40));
        call.outcome.client_retry = 2;
        let mut rollup = Rollup::default();
        rollup.record(&call);
        rollup.forget(&sample::Sample::of(&call, 0, UnixMicros(T0)).call());
        assert_eq!(rollup, Rollup::default(), "{status:?}");
    }
}

#[test]
fn what_is_usual_is_learned_from_hours_of_the_past_and_warms_up_before() {
    use crate::logic::alert::condition::Series;
    use crate::logic::alert::facts::BaselineAsk;
    use crate::logic::alert::metric::Metric;
    let recent = Recent::new(options()).with_minutes(Micros::from_millis(40 * 86_400_000));
    recent.refill(std::iter::empty());
    let hour = 3_600 * SECOND;
    let series = Series {
        metric: Metric::MeanLatency,
        selector: Vec::new(),
        calendar_day: false,
        over: None,
        by: vec![Dim::Model],
    };
    let labels: Labels = vec![(Text::const_new("model"), Text::const_new("gpt-5"))];
    let ask = |at: i64| {
        let long = Long::none();
        let at = UnixMicros(T0 + at);
        let ask = BaselineAsk { series: &series, labels: &labels, pinned: None, at };
        recent.at(at, &long).baseline(&ask).unwrap()
    };
    assert!(ask(hour).value().is_none(), "nothing is known yet");
    for n in 0..96u16 {
        // Forty calls an hour, slower by a millisecond every hour.
        let latency = 1_000_000 + 1_000 * u64::from(n);
        let calls: Vec<Call> =
            (0..40).map(|m| done(n * 40 + m, i64::from(n) * hour + SECOND, latency)).collect();
        recent.ended(&calls);
    }
    assert!(ask(2 * hour).value().is_none(), "two hours are too few");
    // Hours of the day from here on: 23, 24, 25 hours before, and so on, in three days.
    let usual = ask(96 * hour).value().unwrap();
    assert!(usual.n >= 9 && usual.spread > 0.0, "{usual:?}");
    assert!((usual.value - 1_050_000.0).abs() < 30_000.0, "{usual:?}");
}

#[tokio::test]
async fn long_windows_come_from_the_store_with_calls_in_flight_beside_them() {
    use crate::record::Recorder;
    use crate::serve::clock::Clock;
    use crate::store::Options;
    let dir = tempfile::tempdir().unwrap();
    let end = 7_200 * SECOND;
    let clock = Clock::frozen(UnixMicros(T0 + end)).0;
    let recorder = Recorder::start(dir.path(), Options::default(), clock).unwrap();
    let recent = std::sync::Arc::new(recent());
    recorder.listen(std::sync::Arc::clone(&recent) as std::sync::Arc<dyn Heard>);
    let mut other = done(3, 60 * SECOND, 1_000);
    other.what.model_requested = Some(Text::const_new("claude"));
    recorder.submit(vec![done(1, 0, 1_000), done(2, 0, 3_000_000), other], vec![]).await.unwrap();
    recent.started(&begun(4, end - 5 * SECOND));
    let long = Long::recorded(recorder.clone());
    let at = recent.at(UnixMicros(T0 + end), &long);
    let gpt = Selection {
        selector: vec![Matcher {
            dim: Dim::Model,
            op: MatchOp::Matches,
            value: Text::const_new("gpt.*"),
        }],
        by: Vec::new(),
    };
    let window = Window { from: UnixMicros(T0), to: UnixMicros(T0 + end) };
    let whole = at.calls(&Selection::default(), window).unwrap();
    assert_eq!((whole[0].1.rollup.success, whole[0].1.in_flight), (3, 1));
    assert_eq!((slow(&whole[0].1), whole[0].1.latency.exact), ((2, 4), false));
    let gpt = at.calls(&gpt, window).unwrap();
    assert_eq!(gpt[0].1.rollup.success, 2, "narrowed by a pattern");
    let models = at.calls(&by(&[Dim::Model]), window).unwrap();
    let counts: Vec<_> =
        models.iter().map(|(l, s)| (l[0].1.as_str(), s.rollup.success, s.in_flight)).collect();
    assert_eq!(counts, [("claude", 1, 0), ("gpt-5", 2, 1)]);
    drop(at);
    recorder.shutdown().await;
}

#[test]
fn a_budget_over_everything_is_found_by_its_period() {
    use crate::logic::alert::facts::BudgetPeriod;
    use crate::logic::budget::{Budget, DEFAULT_MAX_TOKENS, Per, Period, Unpriced};
    use crate::logic::unit::NanoUsd;
    let budget = |name: &'static str, period, limit| Budget {
        name: Text::const_new(name),
        per: Per::All,
        matches: Vec::new(),
        period,
        limit: NanoUsd(limit),
        zone: Tz::UTC,
        unpriced: Unpriced::Deny,
        default_max_tokens: DEFAULT_MAX_TOKENS,
    };
    let budgets = vec![budget("d", Period::Day, 1), budget("m", Period::Month, 2)];
    let (recent, long) = (recent(), Long::none().with_budgets(budgets));
    let at = recent.at(UnixMicros(T0), &long);
    let month = at.budget(None, BudgetPeriod::Month).unwrap();
    assert_eq!(month.limit, NanoUsd(2));
    assert_eq!(month.period.from.to_rfc3339(), "2025-01-01T00:00:00.000000Z");
    assert_eq!(at.budget(Some("d"), BudgetPeriod::Month).unwrap().limit, NanoUsd(1));
    assert_eq!(at.budget(Some("x"), BudgetPeriod::Day), None);
}

proptest! {
    #[test]
    fn counts_equal_those_of_looking_at_every_call(
        calls in prop::collection::vec(
            (0i64..600 * SECOND, 0u64..20_000_000, any::<bool>(), 0u8..4), 0..60),
        thresholds in prop::collection::vec(0u64..20_000_000, 1..6),
        tick in 1i64..70, back in 1i64..60,
    ) {
        let recent = Recent::new(options());
        recent.watch(&[(Selection::default(), Timing::Latency, thresholds.clone())], &[]);
        recent.refill(std::iter::empty());
        let now = 10 * SECOND * tick;
        let mut want = Vec::new();
        for (n, (start, latency, hangs, how)) in (0u16..).zip(&calls) {
            if *start > now {
                continue;
            }
            recent.started(&begun(n, *start));
            let end = start + latency.cast_signed();
            if *hangs || end >= now {
                want.push(((now - start).cast_unsigned(), false));
                continue;
            }
            let (status, class) = match how {
                0 => (Status::Error, ErrorClass::Timeout),
                1 => (Status::Cancelled, ErrorClass::None),
                _ => (Status::Ok, ErrorClass::None),
            };
            recent.ended(&[ended(begun(n, *start), *latency, status, class)]);
            if end >= now - 10 * SECOND * back && *how != 1 {
                want.push((*latency, *how != 0));
            }
        }
        let sums = groups(&recent, &Selection::default(), now - 10 * SECOND * back, now).remove(0).1;
        for t in thresholds {
            let above = want.iter().filter(|(v, _)| *v > t).count() as u64;
            let n = want.iter().filter(|(v, decided)| *decided || *v > t).count() as u64;
            prop_assert_eq!(sums.latency.above(t), Some(above));
            prop_assert_eq!(sums.latency.n_at(t), Some(n));
        }
        prop_assert_eq!(sums.latency.n, want.len() as u64);
        prop_assert!(sums.latency.exact);
    }
}
