//! Whatever comes and whenever it is killed: one open episode at most for an instance, one beginning
//! and at most one end told of each, and nothing that was planned is lost.

use super::bench::*;
use flowgauge::logic::alert::notice::Kind;
use flowgauge::logic::call::{Door, Text};
use proptest::prelude::*;
use std::collections::HashMap;

const RULES: &str = "alert: slow\ncondition: p95_latency by (model) > 2500ms for 30s\nmin_samples: 5\n\
    severity: critical\nchannels: [slack, pagerduty]\nmessage: \"{{value}}ms\"\n---\n\
    alert: errors\ncondition: error_rate > 10% for 20s (2 of 3)\nmin_samples: 5\nkeep: 0s\n\
    severity: warning\nchannels: [slack]\nmessage: \"{{value}}%\"\n";

/// What happens for some ticks.
#[derive(Debug, Clone, Copy)]
enum Part {
    /// Calls of two models: seconds each takes, and whether they fail.
    Calls {
        ticks: i64,
        latency_ms: [u64; 2],
        fails: bool,
    },
    Quiet {
        ticks: i64,
    },
    /// Killed so many seconds after a tick, back after so many ticks.
    Crash {
        after: i64,
        ticks: i64,
    },
    /// Not scheduled for so many ticks.
    Stall {
        ticks: i64,
    },
}

fn part() -> impl Strategy<Value = Part> {
    let latency = || prop_oneof![Just(800_u64), Just(2_450), Just(3_000)];
    prop_oneof![
        6 => (1i64..14, latency(), latency(), any::<bool>()).prop_map(|(ticks, a, b, fails)| {
            Part::Calls { ticks, latency_ms: [a, b], fails }
        }),
        1 => (1i64..40).prop_map(|ticks| Part::Quiet { ticks }),
        3 => (0i64..10, prop_oneof![Just(0i64), Just(1), Just(3), Just(4), Just(60)])
            .prop_map(|(after, ticks)| Part::Crash { after, ticks }),
        1 => (2i64..50).prop_map(|ticks| Part::Stall { ticks }),
    ]
}

/// Ten seconds of calls of two models.
fn calls(bench: &mut Bench, latency_ms: [u64; 2], fails: bool) {
    let mut all = Vec::new();
    for n in 0..20_i64 {
        let end = bench.now().0 + n * 450_000;
        let which = usize::from(n % 2 == 1);
        let mut call = bench.call(end, latency_ms[which], Door::Gateway);
        call.what.model_requested = Some(Text::const_new(["a", "b"][which]));
        if fails && n % 4 == 0 {
            failed(&mut call);
        }
        all.push(call);
    }
    bench.heard(&all);
}

fn open_once(bench: &Bench) -> Result<(), TestCaseError> {
    let mut open: HashMap<_, u32> = HashMap::new();
    for episode in bench.episodes().into_iter().filter(|e| e.ended.is_none()) {
        *open.entry((episode.rule, episode.labels)).or_default() += 1;
    }
    prop_assert!(open.values().all(|n| *n == 1), "open at {}: {open:?}", bench.second());
    let seen = bench.desk.seen();
    for instance in seen.rules.iter().flat_map(|r| &r.instances) {
        let key = (instance.key.rule.clone(), instance.key.labels.clone());
        let is_open = instance.instance.state.is_open();
        prop_assert_eq!(open.contains_key(&key), is_open, "{:?} at {}", key, bench.second());
    }
    Ok(())
}

fn told_once(bench: &Bench) -> Result<(), TestCaseError> {
    for episode in bench.episodes() {
        let rows = bench.store.outbox_of(episode.id).unwrap();
        let count = |kind: Kind, channel: &str| {
            let of = |n: &&flowgauge::store::OutboxRow| {
                n.notice.message.kind == kind && n.notice.channel == channel
            };
            rows.iter().filter(of).count()
        };
        let channels: &[&str] =
            if episode.rule == "errors" { &["slack"] } else { &["slack", "pagerduty"] };
        for channel in channels {
            let fired = count(Kind::Fired, channel);
            // What was over before it could be told at all, in a time that was made up for.
            let unheard = episode.late && episode.sequence == 0 && episode.ended.is_some();
            prop_assert_eq!(fired, usize::from(!unheard), "{:?}", episode);
            let over = usize::from(episode.ended.is_some() && !unheard);
            prop_assert_eq!(count(Kind::Resolved, channel), over, "{:?}", episode);
        }
    }
    for told in &bench.told {
        let notice = &told.notice;
        let rows = bench.store.outbox_of(notice.episode).unwrap();
        prop_assert!(rows.iter().any(|row| row.notice == *notice), "lost: {notice:?}");
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]
    #[test]
    fn episodes_are_told_once_and_never_lost(parts in proptest::collection::vec(part(), 4..24)) {
        let mut bench = Bench::new(RULES);
        for part in parts {
            match part {
                Part::Calls { ticks, latency_ms, fails } => {
                    for _ in 0..ticks {
                        calls(&mut bench, latency_ms, fails);
                        bench.tick();
                        open_once(&bench)?;
                    }
                }
                Part::Quiet { ticks } => bench.run(ticks * TICK, QUIET),
                Part::Crash { after, ticks } => {
                    bench.pass(after);
                    bench.crash(ticks * TICK);
                    bench.advance();
                    bench.pass(TICK - after);
                    bench.advance();
                }
                Part::Stall { ticks } => {
                    bench.pass(ticks * TICK);
                    bench.advance();
                }
            }
            open_once(&bench)?;
        }
        // A last restart finds everything as it was.
        bench.crash(0);
        bench.tick();
        open_once(&bench)?;
        told_once(&bench)?;
    }
}
