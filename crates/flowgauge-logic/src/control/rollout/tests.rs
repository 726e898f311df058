//! What the rollout promises.

use super::*;
use proptest::prelude::*;

const NONE: Wish = Wish { off: false, bypass_cache: false };

fn arm_of(rollout: &Rollout, mechanism: Mechanism, user: &str) -> Option<Arm> {
    let (environment, kill) = (Environment::default(), Kill::default());
    let force = Force { environment: &environment, kill: &kill, rollout: Some(rollout) };
    let call = Placement { route: None, intent: None, subject: Subject::User(user) };
    force.decide(mechanism, &call, NONE).arm
}

fn canary(percent: u32, holdout: u32) -> Rollout {
    Rollout {
        mode: Mode::Canary(Share::percent(percent)),
        holdout: Share::percent(holdout),
        ..Rollout::default()
    }
}

#[test]
fn the_shares_are_met_and_hold_out_and_canary_are_drawn_apart() {
    let rollout = canary(20, 5);
    let (mut held, mut treated) = (0, 0);
    for i in 0..100_000 {
        match arm_of(&rollout, Mechanism::ContextPruning, &format!("u{i}")) {
            Some(Arm::HoldOut) => held += 1,
            Some(Arm::Treated) => treated += 1,
            _ => {}
        }
    }
    // Three standard errors of 100,000 draws: 207 of 5,000 and 372 of 19,000.
    assert!((held - 5_000_i32).abs() < 207, "{held}");
    assert!((treated - 19_000_i32).abs() < 372, "{treated}");
}

#[test]
fn mechanisms_are_drawn_independently() {
    let rollout = canary(50, 0);
    let both = (0..40_000)
        .map(|i| format!("u{i}"))
        .filter(|u| {
            Mechanism::ALL.iter().take(2).all(|m| arm_of(&rollout, *m, u) == Some(Arm::Treated))
        })
        .count();
    // A quarter of 40,000, three standard errors of 87.
    assert!(both.abs_diff(10_000) < 261, "{both}");
}

proptest! {
    #[test]
    fn growing_the_canary_never_flips_those_already_in(
        user in ".{0,20}", small in 0u32..100, more in 0u32..100, holdout in 0u32..6,
    ) {
        let (small, large) = (small.min(more), small.max(more));
        for m in Mechanism::ALL {
            let before = arm_of(&canary(small, holdout), m, &user);
            let after = arm_of(&canary(large, holdout), m, &user);
            match before {
                Some(Arm::Waiting) => prop_assert_ne!(after, Some(Arm::HoldOut)),
                other => prop_assert_eq!(after, other),
            }
        }
    }

    #[test]
    fn growing_the_hold_out_only_takes_in(user in ".{0,20}", small in 0u32..6, more in 0u32..6) {
        let (small, large) = (small.min(more), small.max(more));
        let before = arm_of(&canary(30, small), Mechanism::ModelSelection, &user);
        let after = arm_of(&canary(30, large), Mechanism::ModelSelection, &user);
        prop_assert!(after == before || after == Some(Arm::HoldOut));
    }
}

#[test]
fn another_salt_is_another_draw() {
    let (a, b) = (canary(50, 0), Rollout { salt: 1, ..canary(50, 0) });
    let moved = (0..1_000)
        .map(|i| format!("u{i}"))
        .filter(|u| {
            arm_of(&a, Mechanism::ContextPruning, u) != arm_of(&b, Mechanism::ContextPruning, u)
        })
        .count();
    assert!((400..600).contains(&moved), "{moved}");
}

#[test]
fn the_environment_wins_over_the_kill_switch_and_that_over_settings() {
    let set = |all: &'static str| {
        Environment::read(move |name| (name == "DISABLE_ALL_OPTIMIZATIONS").then(|| all.to_owned()))
            .0
    };
    let rollout = Rollout { mode: Mode::On, ..Rollout::default() };
    let call = Placement { route: None, intent: None, subject: Subject::User("u") };
    let killed = Kill { all: true, only: BTreeSet::new() };
    let source = |environment: &Environment, kill: &Kill, rollout: Option<&Rollout>, wish| {
        Force { environment, kill, rollout }.decide(Mechanism::ModelSelection, &call, wish)
    };
    let off = Wish { off: true, ..NONE };
    let (free, none) = (set("false"), Kill::default());
    assert_eq!(source(&set("true"), &killed, Some(&rollout), NONE).source, Source::Environment);
    assert_eq!(source(&free, &killed, Some(&rollout), NONE).source, Source::Kill);
    assert_eq!(source(&free, &none, None, NONE).source, Source::Unreadable);
    assert_eq!(source(&free, &none, Some(&rollout), off).source, Source::Request);
    let on = source(&free, &none, Some(&rollout), NONE);
    assert_eq!((on.act, on.source), (Act::Apply, Source::Settings));
}

#[test]
fn one_killed_mechanism_leaves_the_others_alone() {
    let kill = Kill { all: false, only: BTreeSet::from([Mechanism::ContextPruning]) };
    assert!(kill.covers(Mechanism::ContextPruning));
    assert!(!kill.covers(Mechanism::ResponseCaching));
}

#[test]
fn a_variable_that_says_neither_yes_nor_no_switches_off_and_is_told() {
    let (read, misread) =
        Environment::read(|name| (name == "ENABLE_RESPONSE_CACHING").then(|| "maybe".to_owned()));
    assert!(read.forbids(Mechanism::ResponseCaching) && !read.forbids(Mechanism::ContextPruning));
    assert_eq!(read.by(Mechanism::ResponseCaching), Some("ENABLE_RESPONSE_CACHING"));
    assert_eq!(misread.len(), 1);
}

#[test]
fn a_variable_that_allows_switches_nothing_on() {
    let (environment, _) =
        Environment::read(|name| name.starts_with("ENABLE").then(|| "true".into()));
    let (kill, rollout) = (Kill::default(), Rollout::default());
    let force = Force { environment: &environment, kill: &kill, rollout: Some(&rollout) };
    let call = Placement { route: None, intent: None, subject: Subject::User("u") };
    for mechanism in Mechanism::ALL {
        assert_eq!(force.decide(mechanism, &call, NONE).act, Act::Nothing);
    }
}

#[test]
fn the_narrower_exception_wins_and_among_equals_the_more_cautious() {
    let exception = |route: Option<&str>, intent: Option<&str>, mode| Exception {
        route: route.map(Text::from),
        intent: intent.map(Text::from),
        mode,
    };
    let rollout = Rollout {
        mode: Mode::On,
        exceptions: vec![
            exception(Some("chat"), None, Mode::Canary(Share::percent(10))),
            exception(None, Some("translate"), Mode::Shadow),
            exception(Some("chat"), Some("explain"), Mode::Off),
        ],
        ..Rollout::default()
    };
    assert_eq!(rollout.mode(Some("other"), None), Mode::On);
    assert_eq!(rollout.mode(Some("chat"), None), Mode::Canary(Share::percent(10)));
    assert_eq!(rollout.mode(Some("chat"), Some("translate")), Mode::Shadow);
    assert_eq!(rollout.mode(Some("chat"), Some("explain")), Mode::Off);
}

#[test]
fn a_bypassed_cache_leaves_the_other_mechanisms_on() {
    let (environment, kill) = (Environment::default(), Kill::default());
    let rollout = Rollout { mode: Mode::On, ..Rollout::default() };
    let force = Force { environment: &environment, kill: &kill, rollout: Some(&rollout) };
    let call = Placement { route: None, intent: None, subject: Subject::Call(b"id") };
    let wish = Wish { bypass_cache: true, off: false };
    assert_eq!(force.decide(Mechanism::ResponseCaching, &call, wish).source, Source::Request);
    assert_eq!(force.decide(Mechanism::ContextPruning, &call, wish).act, Act::Apply);
    assert!(!call.subject.is_sticky());
}
