//! History goes when it is old enough; what is open stays.

use super::bench::{Bench, P95, QUIET, T0, config, taking};
use flowgauge::judge::desk::NewSilence;
use flowgauge::logic::alert::silence::SilenceMatcher;
use flowgauge::logic::unit::{Micros, UnixMicros};
use flowgauge::store::TransitionQuery;

const HOUR_S: i64 = 3_600;

#[test]
fn what_was_over_two_hours_ago_goes_when_history_is_kept_for_two_hours() {
    let mut config = config();
    config.alerts.keep_history = Micros::from_millis(2 * 3_600_000);
    let mut bench = Bench::at(P95, T0, config);
    let now = bench.now();
    let silence = NewSilence {
        id: None,
        matchers: vec![SilenceMatcher {
            name: "alertname".into(),
            value: "another".to_owned(),
            is_regex: false,
            is_equal: true,
        }],
        starts: now,
        ends: UnixMicros(now.0 + 60_000_000),
        created_by: "ops".to_owned(),
        comment: "a minute".to_owned(),
    };
    bench.desk.silence(silence).unwrap();
    bench.run(600, taking(3_000));
    bench.run(900, taking(800));
    assert_eq!(bench.ends("p95").len(), 1, "it fired and is over");
    bench.run(2 * HOUR_S, QUIET);
    // Its end is not yet two hours old at the last look of the hour.
    assert_eq!(bench.episodes().len(), 1);
    bench.run(2 * HOUR_S, taking(3_000));
    let left = bench.episodes();
    assert_eq!(left.len(), 1, "{left:?}");
    assert!(left[0].ended.is_none(), "the one that is open stays");
    assert!(bench.desk.silences().is_empty(), "nor is the silence shown any more");
    let history = TransitionQuery { limit: 100, ..TransitionQuery::default() };
    let history = bench.store.transitions(&history).unwrap();
    assert!(history.iter().all(|t| t.at.0 > T0 + 2 * HOUR_S * 1_000_000), "{history:?}");
}
