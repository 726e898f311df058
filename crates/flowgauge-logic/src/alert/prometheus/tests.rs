//! The table of alerting 18, row by row, and what is sent.

use super::*;
use crate::call::Text;
use proptest::prelude::*;

const MINUTE: i64 = UnixMicros::MINUTE;

const fn minutes(n: u64) -> Micros {
    Micros(n * 60_000_000)
}

fn group(hold: u64, keep: u64) -> Group {
    Group {
        interval: minutes(1),
        hold: minutes(hold),
        keep_firing_for: minutes(keep),
        resend_delay: RESEND_DELAY,
        limit: 0,
    }
}

fn at(minute: i64) -> UnixMicros {
    UnixMicros(1_000 * MINUTE + minute * MINUTE)
}

fn series(name: &str) -> Labels {
    vec![(Text::const_new("series"), Text::new(name))]
}

/// Evaluates minute by minute: `x` = in the vector, `-` = not. State words, `gone` where forgotten.
fn states(group: &Group, pattern: &str) -> Vec<&'static str> {
    let mut alerts = Alerts::new();
    let state = |(minute, present): (i64, char)| {
        let vector = if present == 'x' { vec![(series("a"), 1.0)] } else { vec![] };
        evaluate(group, &mut alerts, &vector, at(minute)).unwrap();
        alerts.get(&series("a")).map_or("gone", |alert| alert.state.word())
    };
    (0..).zip(pattern.chars()).map(state).collect()
}

#[test]
fn none_becomes_pending_and_with_no_for_fires_in_the_same_pass() {
    assert_eq!(states(&group(2, 0), "xxxx"), ["pending", "pending", "firing", "firing"]);
    assert_eq!(states(&group(0, 0), "x"), ["firing"]);
}

#[test]
fn pending_without_the_series_is_deleted_at_once() {
    assert_eq!(states(&group(2, 0), "xx-x"), ["pending", "pending", "gone", "pending"]);
}

#[test]
fn firing_without_the_series_is_resolved_and_remembered_for_fifteen_minutes() {
    let words = states(&group(0, 0), &format!("x-{}", "-".repeat(16)));
    assert_eq!(words[1..17], ["inactive"; 16]);
    assert_eq!(words[17], "gone");
    assert_eq!(states(&group(1, 0), "xx-x"), ["pending", "firing", "inactive", "pending"]);
}

#[test]
fn keep_firing_for_holds_and_a_series_that_comes_back_clears_it() {
    assert_eq!(states(&group(0, 2), "x---"), ["firing", "firing", "firing", "inactive"]);
    assert_eq!(
        states(&group(0, 2), "x--x---"),
        ["firing", "firing", "firing", "firing", "firing", "firing", "inactive"]
    );
}

#[test]
fn a_for_that_a_reload_raised_makes_a_firing_alert_pending() {
    let mut alerts = Alerts::new();
    let vector = [(series("a"), 1.0)];
    for minute in 0..3 {
        evaluate(&group(1, 0), &mut alerts, &vector, at(minute)).unwrap();
    }
    assert_eq!(alerts[&series("a")].fired_at, Some(at(1)));
    evaluate(&group(5, 0), &mut alerts, &vector, at(3)).unwrap();
    assert_eq!(alerts[&series("a")].state, AlertState::Pending);
}

#[test]
fn two_series_with_one_label_set_fail_the_rule_and_change_nothing() {
    let mut alerts = Alerts::new();
    let one = [(series("a"), 1.0)];
    evaluate(&group(0, 0), &mut alerts, &one, at(0)).unwrap();
    let before = alerts.clone();
    let two = [(series("a"), 1.0), (series("a"), 2.0)];
    assert_eq!(evaluate(&group(0, 0), &mut alerts, &two, at(1)), Err(EvalError::SameLabels));
    assert_eq!(alerts, before);
}

#[test]
fn more_alerts_than_the_limit_drop_all_of_them() {
    let limited = Group { limit: 1, ..group(0, 0) };
    let mut alerts = Alerts::new();
    evaluate(&limited, &mut alerts, &[(series("a"), 1.0)], at(0)).unwrap();
    let two = [(series("a"), 1.0), (series("b"), 1.0)];
    let error = evaluate(&limited, &mut alerts, &two, at(1)).unwrap_err();
    assert_eq!(error, EvalError::Limit { count: 2, limit: 1 });
    assert!(alerts.is_empty());
}

#[test]
fn a_firing_alert_is_sent_again_after_more_than_a_minute_and_its_end_at_once() {
    let group = Group { interval: Micros(30_000_000), ..group(0, 0) };
    let mut alerts = Alerts::new();
    let half = |n: i64| UnixMicros(at(0).0 + n * MINUTE / 2);
    let mut sent = Vec::new();
    for n in 0..6 {
        let vector = if n < 5 { vec![(series("a"), 1.0)] } else { vec![] };
        evaluate(&group, &mut alerts, &vector, half(n)).unwrap();
        sent.extend(send(&group, &mut alerts, half(n)).into_iter().map(|s| (n, s)));
    }
    let brief: Vec<_> = sent.iter().map(|(n, s)| (*n, s.resolved, s.ends_at)).collect();
    let valid = |n: i64| half(n + 8);
    assert_eq!(brief, [(0, false, valid(0)), (3, false, valid(3)), (5, true, half(5))]);
    assert!(sent.iter().all(|(_, s)| s.starts_at == Some(half(0))));
}

#[test]
fn a_pending_alert_is_not_sent_and_a_resolved_one_is_sent_for_fifteen_minutes() {
    let mut alerts = Alerts::new();
    evaluate(&group(5, 0), &mut alerts, &[(series("a"), 1.0)], at(0)).unwrap();
    assert_eq!(send(&group(5, 0), &mut alerts, at(0)), []);
    let mut alerts = Alerts::new();
    evaluate(&group(0, 0), &mut alerts, &[(series("a"), 1.0)], at(0)).unwrap();
    let mut resolved = 0;
    for minute in 1..30 {
        evaluate(&group(0, 0), &mut alerts, &[], at(minute)).unwrap();
        resolved += send(&group(0, 0), &mut alerts, at(minute)).len();
    }
    assert_eq!(resolved, 8, "at minute 1, then every second minute: not before more than one");
}

proptest! {
    /// Against a model of one series written from the table alone.
    #[test]
    fn one_series_follows_the_table(
        hold in 0u64..4, keep in 0u64..4, pattern in "[x-]{0,60}",
    ) {
        let mut model: Vec<&str> = Vec::new();
        let (mut run, mut absent, mut state) = (0u64, 0u64, "gone");
        for present in pattern.chars().map(|c| c == 'x') {
            if present {
                absent = 0;
                run = if matches!(state, "pending" | "firing") { run + 1 } else { 0 };
                state = if run >= hold { "firing" } else { "pending" };
            } else {
                run += 1;
                absent += 1;
                state = match state {
                    "firing" if keep > 0 && absent - 1 < keep => "firing",
                    "firing" => { absent = 0; "inactive" }
                    "inactive" if absent <= 15 => "inactive",
                    _ => "gone",
                };
            }
            model.push(state);
        }
        prop_assert_eq!(states(&group(hold, keep), &pattern), model);
    }
}
