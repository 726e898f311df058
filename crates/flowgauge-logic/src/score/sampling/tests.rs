//! Shares, repeatability, and means that weighing makes right.

use super::*;
use proptest::prelude::*;

fn id(n: u64) -> CallId {
    let mut bytes = [0; 16];
    bytes[8..].copy_from_slice(&n.to_be_bytes());
    CallId(bytes)
}

fn plan(default: f64) -> Plan {
    Plan { default, ..Plan::default() }
}

const SECOND: i64 = 1_000_000;
const START: UnixMicros = UnixMicros(1_000 * UnixMicros::HOUR);

proptest! {
    /// 4,000 calls: the share lies within five standard errors, so that a true sampler fails this in one
    /// of three million cases.
    #[test]
    fn a_share_is_kept(rate in 0.02f64..0.98, seed in 0u64..1 << 40) {
        let mut sampler = Sampler::new(plan(rate));
        let n = 4_000u32;
        let mut taken = 0u32;
        for k in 0..n {
            let decided = sampler.decide("chat", id(seed + u64::from(k)), START);
            taken += u32::from(matches!(decided, Decision::Taken(_)));
        }
        let share = f64::from(taken) / f64::from(n);
        let error = (rate * (1.0 - rate) / f64::from(n)).sqrt();
        prop_assert!((share - rate).abs() < 5.0 * error, "{share} against {rate}");
    }

    #[test]
    fn the_same_id_and_past_give_the_same_decision(
        rate in 0.0f64..1.0, min in 0u32..50, cap in 0u32..50,
        calls in proptest::collection::vec((0u64..1 << 40, 0i64..7_200, 0usize..3), 1..200),
    ) {
        let intents = ["chat", "explain", ""];
        let wanted = Plan { min_per_hour: min, max_per_minute: cap, ..plan(rate) };
        let run = || {
            let mut sampler = Sampler::new(wanted.clone());
            let mut at = START;
            let decide = |(n, seconds, which): &(u64, i64, usize)| {
                at = UnixMicros(at.0 + seconds * SECOND / 100);
                sampler.decide(intents[*which], id(*n), at)
            };
            calls.iter().map(decide).collect::<Vec<_>>()
        };
        prop_assert_eq!(run(), run());
    }

    #[test]
    fn a_chance_is_above_nothing_and_at_most_certain(
        rate in 0.0f64..=1.0, min in 0u32..5_000, cap in 0u32..20, n in 1u64..500,
    ) {
        let wanted = Plan { min_per_hour: min, max_per_minute: cap, ..plan(rate) };
        let mut sampler = Sampler::new(wanted);
        for k in 0..n {
            if let Decision::Taken(chance) = sampler.decide("chat", id(k), START) {
                prop_assert!(chance.value() > 0.0 && chance.value() <= 1.0);
                prop_assert!(chance.weight() >= 1.0 && chance.weight().is_finite());
            }
        }
    }
}

/// Day and night of one intent: 2,000 good answers an hour at a share of 2 %, then 60 bad ones an hour,
/// of which twenty are wanted. The plain mean of the scores is far off; weighed it is not.
#[test]
fn weighing_makes_the_mean_that_of_the_traffic_while_chances_move() {
    let (mut truth, mut weighed, mut plain) = ((0.0, 0.0), (0.0, 0.0), (0.0, 0.0));
    let mut n = 0u64;
    let mut sampler = Sampler::new(Plan { min_per_hour: 20, ..plan(0.02) });
    for hour in 0..240 {
        let (calls, quality) = if hour / 12 % 2 == 0 { (2_000, 90.0) } else { (60, 40.0) };
        for k in 0..calls {
            n += 1;
            let second = i64::from(k) * 3_600 / i64::from(calls);
            let at = UnixMicros(START.0 + hour * UnixMicros::HOUR + second * SECOND);
            truth = (truth.0 + quality, truth.1 + 1.0);
            if let Decision::Taken(chance) = sampler.decide("chat", id(n), at) {
                let w = chance.weight();
                weighed = (weighed.0 + w * quality, weighed.1 + w);
                plain = (plain.0 + quality, plain.1 + 1.0);
            }
        }
    }
    let mean = |(sum, n): (f64, f64)| sum / n;
    let (truth, weighed, plain) = (mean(truth), mean(weighed), mean(plain));
    assert!((weighed - truth).abs() < 0.6, "{weighed} against {truth}");
    assert!((plain - truth).abs() > 10.0, "{plain} would do as well as {weighed}: {truth}");
}

#[test]
fn an_intent_has_its_own_share_and_one_at_nothing_is_never_taken() {
    let wanted = Plan {
        by_intent: vec![(Text::from("chat"), 1.0), (Text::from("secret"), 0.0)],
        min_per_hour: 100,
        ..plan(0.0)
    };
    assert!(wanted.is_on() && !plan(0.0).is_on());
    let mut sampler = Sampler::new(wanted);
    for n in 0..100 {
        assert_eq!(sampler.decide("chat", id(n), START), Decision::Taken(Chance::ONE));
        assert_eq!(sampler.decide("secret", id(n), START), Decision::Passed);
        assert_eq!(sampler.decide("other", id(n), START), Decision::Passed);
    }
}

#[test]
fn a_minute_never_has_more_than_its_cap_and_a_steady_load_meets_it_by_smaller_chances() {
    let mut sampler = Sampler::new(Plan { max_per_minute: 30, ..plan(0.5) });
    let mut refused_later = 0;
    for minute in 0..20i64 {
        let mut taken = 0;
        for k in 0..600i64 {
            let at = START.0 + minute * UnixMicros::MINUTE + k * 100_000;
            let number = u64::try_from(minute * 600 + k).unwrap();
            match sampler.decide("chat", id(number), UnixMicros(at)) {
                Decision::Taken(_) => taken += 1,
                Decision::OverCap if minute > 0 => refused_later += 1,
                Decision::OverCap | Decision::Passed => {}
            }
        }
        assert!(taken <= 30, "{taken} in minute {minute}");
        assert!(minute == 0 || taken > 10, "{taken} in minute {minute}");
    }
    // By smaller chances about 30 of 600 are drawn; what is drawn above the cap is little.
    assert!(refused_later < 19 * 10, "{refused_later}");
}

#[test]
fn a_second_decision_does_not_follow_the_first() {
    let both = (0..20_000).filter(|n| {
        let first = Sampler::new(plan(0.1)).decide("chat", id(*n), START) != Decision::Passed;
        first && also(id(*n), 0.1, "judge").is_some()
    });
    let share = both.count();
    assert!((120..=280).contains(&share), "{share} of 20,000 where 200 are expected");
    assert_eq!(also(id(1), 0.0, "judge"), None);
    assert_eq!(also(id(1), 1.0, "judge"), Some(Chance::ONE));
}
