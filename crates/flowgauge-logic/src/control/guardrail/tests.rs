//! What the guardrail promises.

use super::*;
use crate::control::evidence::{Evidence, Sample, Span, Verdict};
use crate::control::rollout::Arm;

/// SplitMix64 (Steele, Lea, Flood 2014) and the polar method, so that every run sees the same numbers.
struct Noise(u64);

impl Noise {
    fn uniform(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 11) as f64 / 9_007_199_254_740_992.0
    }

    fn normal(&mut self) -> f64 {
        (-2.0 * (1.0 - self.uniform()).ln()).sqrt() * (std::f64::consts::TAU * self.uniform()).cos()
    }
}

const MINUTE: i64 = 60_000_000;

/// Traffic of one mechanism: 5 % held out, quality 85 ± 12 cut at 100, log-normal latency, 1 % failed. Returns the call
/// at which the guardrail acts, the harm given to those touched from the first call on.
fn run(seed: u64, calls: u64, points: f64, slower: f64, fails: f64) -> Option<(u64, Reason)> {
    let settings = Settings { acts: true, ..Settings::default() };
    let (mut noise, mut evidence, mut guard) =
        (Noise(seed), Evidence::default(), Guardrail::default());
    for call in 1..=calls {
        let arm = if noise.uniform() < 0.05 { Arm::HoldOut } else { Arm::Treated };
        let touched = f64::from(u8::from(arm == Arm::Treated));
        let failed = noise.uniform() < 0.01 + touched * fails;
        let sample = Sample {
            tokens: Some(400.0),
            cost: None,
            latency: Some(900_000.0 * (0.5 * noise.normal()).exp() * (1.0 + touched * slower)),
            quality: Some((85.0 - touched * points + 12.0 * noise.normal()).clamp(0.0, 100.0)),
            failed: Some(f64::from(u8::from(failed))),
        };
        evidence.observe(arm, &sample);
        // A look a minute, 50 calls in each.
        if call % 50 == 0 {
            let report = evidence.report(settings.alpha);
            let seen = Seen { report: Some(&report), ..Seen::default() };
            let now = UnixMicros(i64::try_from(call / 50).unwrap() * MINUTE);
            if let Decision::RollBack(reason) =
                guard.look(Mechanism::ContextPruning, &seen, &settings, now)
            {
                return Some((call, reason));
            }
        }
    }
    None
}

/// The stated rate is five in a hundred over the whole life of a comparison, here 10,000 calls and 200 looks.
#[test]
fn a_hundred_comparisons_without_harm_undo_at_most_five() {
    let undone: Vec<u64> =
        (0..100).filter(|seed| run(*seed, 10_000, 0.0, 0.0, 0.0).is_some()).collect();
    assert!(undone.len() <= 5, "{undone:?}");
}

/// Catalogue E.4, 6: pruning that cuts the question costs 15 points. Stated: 1,200 calls, 60 of them held out.
#[test]
fn fifteen_points_are_found_within_twelve_hundred_calls() {
    for seed in 0..40 {
        let (call, reason) =
            run(seed, 1_200, 15.0, 0.0, 0.0).unwrap_or_else(|| panic!("seed {seed}"));
        assert!(
            matches!(reason, Reason::HoldOut(f) if f.metric == Metric::Quality),
            "{call} {reason:?}"
        );
    }
}

#[test]
fn harm_to_latency_and_errors_is_found_too() {
    for seed in 0..5 {
        let (_, reason) = run(seed, 10_000, 0.0, 0.5, 0.0).unwrap();
        assert!(matches!(reason, Reason::HoldOut(f) if f.metric == Metric::Latency), "{reason:?}");
        let (_, reason) = run(seed, 40_000, 0.0, 0.0, 0.2).unwrap();
        assert!(matches!(reason, Reason::HoldOut(f) if f.metric == Metric::Errors), "{reason:?}");
    }
}

#[test]
fn an_improvement_is_no_harm() {
    for seed in 0..5 {
        assert_eq!(run(seed, 4_000, -10.0, -0.4, -0.01), None);
    }
}

fn harmful() -> Report {
    let finding = Finding {
        metric: Metric::Quality,
        verdict: Verdict::Regressed,
        effect: Some(Span { estimate: -15.0, low: -19.0, high: -11.0 }),
        e_value: 1e4,
        untouched: 60,
        touched: 1_140,
    };
    let (tokens_saved, cost_saved, latency_saved) = (None, None, None);
    Report {
        alpha: 0.05,
        findings: vec![finding],
        quality_share: None,
        tokens_saved,
        cost_saved,
        latency_saved,
        p95: [None, None],
    }
}

fn look(
    guard: &mut Guardrail,
    settings: &Settings,
    report: Option<&Report>,
    minute: i64,
) -> Decision {
    let seen = Seen { report, ..Seen::default() };
    guard.look(Mechanism::ContextPruning, &seen, settings, UnixMicros(minute * MINUTE))
}

/// Reliability C12.
#[test]
fn harm_must_be_seen_twice_a_minute_apart_and_one_good_look_begins_anew() {
    let (mut guard, settings, harm) =
        (Guardrail::default(), Settings { acts: true, ..Settings::default() }, harmful());
    assert!(matches!(look(&mut guard, &settings, Some(&harm), 0), Decision::Confirming(_, 1)));
    assert!(matches!(look(&mut guard, &settings, Some(&harm), 0), Decision::Confirming(_, 1)));
    assert_eq!(look(&mut guard, &settings, None, 1), Decision::Keep);
    assert!(matches!(look(&mut guard, &settings, Some(&harm), 2), Decision::Confirming(_, 1)));
    assert!(matches!(look(&mut guard, &settings, Some(&harm), 3), Decision::RollBack(_)));
}

/// Reliability C12.
#[test]
fn after_an_action_it_rests_and_acts_once_a_day() {
    let (mut guard, settings, harm) =
        (Guardrail::default(), Settings { acts: true, ..Settings::default() }, harmful());
    let mut at = |minute| look(&mut guard, &settings, Some(&harm), minute);
    at(0);
    assert!(matches!(at(1), Decision::RollBack(_)));
    at(2);
    assert!(matches!(at(3), Decision::Held(_, Hold::CoolDown)));
    assert!(matches!(at(1 + 6 * 60), Decision::Held(_, Hold::DailyCap)));
    assert!(matches!(at(1 + 24 * 60), Decision::RollBack(_)));
}

#[test]
fn by_default_it_only_says_what_it_would_do_and_other_mechanisms_are_left_alone() {
    let (mut guard, settings, harm) = (Guardrail::default(), Settings::default(), harmful());
    look(&mut guard, &settings, Some(&harm), 0);
    assert!(matches!(look(&mut guard, &settings, Some(&harm), 1), Decision::WouldRollBack(_)));
    let seen = Seen::default();
    assert_eq!(
        guard.look(Mechanism::ModelSelection, &seen, &settings, UnixMicros(0)),
        Decision::Keep
    );
    let text = serde_json::to_string(&guard).unwrap();
    assert_eq!(serde_json::from_str::<Guardrail>(&text).unwrap(), guard);
}

#[test]
fn alerts_and_the_floor_count_only_where_they_were_opted_into() {
    let seen = Seen {
        critical_alert: Some("quality_critical"),
        quality_at_most: Some(70.0),
        report: None,
    };
    let now = UnixMicros(0);
    let once = Settings { acts: true, confirm: 1, ..Settings::default() };
    let look = |settings: &Settings| {
        Guardrail::default().look(Mechanism::ContextPruning, &seen, settings, now)
    };
    assert_eq!(look(&once), Decision::Keep);
    let alerts = Settings { on_critical_alert: true, ..once.clone() };
    assert_eq!(look(&alerts), Decision::RollBack(Reason::Alert("quality_critical".into())));
    assert_eq!(look(&once.with_floor()), Decision::RollBack(Reason::Floor(70.0)));
}

#[test]
fn the_reason_reads_as_a_sentence() {
    let report = harmful();
    let reason = Reason::HoldOut(*report.harm().unwrap());
    assert_eq!(
        reason.sentence(Mechanism::ContextPruning, 0.05),
        "context pruning cost 15.0 quality points (95 % interval 11.0 to 19.0, 60 held out, 1140 touched): undone"
    );
}
