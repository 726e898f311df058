//! What the control state promises.

use super::*;
use crate::control::model::{Model, Rule};
use crate::control::rollout::{Mode, Share};
use proptest::prelude::*;
use serde_json::json;

struct Open;

impl Market for Open {
    fn has_price(&self, model: &str) -> bool {
        model != "free"
    }
}

const ANA: Author<'static> = Author { name: "ana", reason: "to see" };

fn at(second: i64) -> UnixMicros {
    UnixMicros(second * 1_000_000)
}

fn change(
    log: &[Change],
    now: i64,
    end: Option<i64>,
    edit: impl FnOnce(&mut Settings),
) -> Result<Change, Refused> {
    propose(log, at(now), &ANA, None, end.map(at), &Open, edit)
}

fn mode(log: &[Change], now: i64) -> Mode {
    State::at(log, at(now)).unwrap().settings.rollouts.context_pruning.mode
}

#[test]
fn an_empty_log_is_everything_off() {
    let state = State::at(&[], at(0)).unwrap();
    assert_eq!((state.generation, state.settings == Settings::default()), (0, true));
    for mechanism in Mechanism::ALL {
        assert!(state.settings.rollouts.of(mechanism).is_idle());
    }
    assert!(check(&state.settings, &Open).is_empty());
}

#[test]
fn a_change_says_what_it_sets_and_undoing_it_says_so_too() {
    let mut log = Vec::new();
    log.push(
        change(&log, 1, None, |s| {
            s.rollouts.context_pruning.mode = Mode::Canary(Share::percent(10))
        })
        .unwrap(),
    );
    assert_eq!(log[0].diff[0].path, "/rollouts/context_pruning/mode");
    assert_eq!(
        (&log[0].diff[0].before, &log[0].diff[0].after),
        (&json!("off"), &json!({"canary": 100_000}))
    );
    log.push(change(&log, 2, None, |s| s.rollouts.context_pruning.mode = Mode::On).unwrap());
    assert_eq!(mode(&log, 3), Mode::On);
    log.push(undo(&log, at(3), &ANA, 2, &Open).unwrap());
    assert_eq!(log[2].diff[0].after, json!({"canary": 100_000}));
    assert_eq!(mode(&log, 4), Mode::Canary(Share::percent(10)));
    // The undoing can be undone.
    log.push(undo(&log, at(5), &ANA, 3, &Open).unwrap());
    assert_eq!(mode(&log, 6), Mode::On);
    assert_eq!(undo(&log, at(7), &ANA, 3, &Open), Err(Refused::NotInForce(3)));
    assert_eq!(undo(&log, at(7), &ANA, 9, &Open), Err(Refused::NotInForce(9)));
}

#[test]
fn a_change_with_an_end_drops_out_and_leaves_what_others_set() {
    let mut log = vec![change(&[], 1, None, |s| s.prune.context_tokens = 1_800).unwrap()];
    log.push(change(&log, 2, Some(10), |s| s.prune.context_tokens = 600).unwrap());
    log.push(change(&log, 3, None, |s| s.prune.top_k = 2).unwrap());
    let tokens = |now| {
        let state = State::at(&log, at(now)).unwrap();
        (
            state.settings.prune.context_tokens,
            state.settings.prune.top_k,
            state.generation,
            state.changes_at,
        )
    };
    assert_eq!(tokens(9), (600, 2, 3, Some(at(10))));
    assert_eq!(tokens(10), (1_800, 2, 4, None));
}

#[test]
fn the_kill_switch_has_no_end_and_works_with_broken_settings() {
    let kill = |s: &mut Settings| s.kill.all = true;
    assert!(matches!(change(&[], 1, Some(9), kill), Err(Refused::Expiry(_))));
    let mut log = vec![change(&[], 1, None, |s| s.prune.top_k = 2).unwrap()];
    // Written by a version that allowed it.
    log[0].diff[0].after = json!(0);
    assert!(change(&log, 2, None, kill).is_ok());
}

#[test]
fn what_was_seen_before_another_change_is_stale_and_a_reason_is_needed() {
    let log = vec![change(&[], 1, None, |s| s.prune.top_k = 2).unwrap()];
    let by = |author: &Author<'_>, seen| {
        propose(&log, at(2), author, seen, None, &Open, |s| s.prune.top_k = 4)
    };
    assert_eq!(by(&ANA, Some(0)), Err(Refused::Stale { now: 1, seen: 0 }));
    assert!(by(&ANA, Some(1)).is_ok());
    assert_eq!(by(&Author { reason: " ", ..ANA }, None), Err(Refused::NoReason));
    assert_eq!(change(&log, 2, None, |_| {}), Err(Refused::Nothing));
    assert!(matches!(change(&log, 2, Some(2), |s| s.prune.top_k = 4), Err(Refused::Expiry(_))));
}

#[test]
fn a_user_text_that_leaves_no_room_for_the_question_is_refused() {
    let refused = change(&[], 1, None, |s| s.prompt.max_user_tokens = Some(1_800)).unwrap_err();
    assert!(
        refused.to_string().contains("no room for the question beside 1800 tokens"),
        "{refused}"
    );
    assert!(change(&[], 1, None, |s| s.prompt.max_user_tokens = Some(1_801)).is_ok());
    // The contradiction may also come from the other side.
    let log = vec![change(&[], 1, None, |s| s.prompt.max_user_tokens = Some(2_000)).unwrap()];
    assert!(matches!(
        change(&log, 2, None, |s| s.prune.context_tokens = 2_000),
        Err(Refused::Contradiction(_))
    ));
}

#[test]
fn settings_out_of_range_or_naming_nothing_are_refused() {
    type Edit = fn(&mut Settings);
    let edits: [(&str, Edit); 9] = [
        ("holdout", |s| s.rollouts.model_selection.holdout = Share::percent(6)),
        ("/cache/limits", |s| s.cache.limits.max_entries = 0),
        ("/cache/likeness", |s| s.cache.likeness.serve = 1.5),
        ("/prune/context_tokens", |s| s.prune.context_tokens = 499),
        ("/prune", |s| s.prune.top_k = 0),
        ("/prompt/max_answer_tokens", |s| s.prompt.max_answer_tokens = Some(1_001)),
        ("/model/models", |s| {
            s.model.rules = vec![Rule { to: vec!["x".into()], ..Rule::default() }]
        }),
        ("/guardrail", |s| s.guardrail.alpha = 0.0),
        ("/guardrail/floor", |s| s.guardrail.floor = Some(101.0)),
    ];
    for (place, edit) in edits {
        let refused = change(&[], 1, None, edit).unwrap_err();
        assert!(
            matches!(refused, Refused::Contradiction(_)) && refused.to_string().contains(place),
            "{refused}"
        );
    }
}

#[test]
fn what_is_probably_not_meant_is_only_said() {
    let mut settings = Settings::default();
    settings.cache.semantic = Semantic::Shadow;
    settings.rollouts.context_pruning.mode = Mode::On;
    settings.guardrail.acts = true;
    let free =
        Model { name: "free".into(), context_tokens: 1, tools: false, images: false, forms: false };
    settings.model.models = vec![free];
    let found = check(&settings, &Open);
    assert_eq!(found.len(), 3, "{found:?}");
    assert!(found.iter().all(|p| p.level == Level::Warning));
}

#[test]
fn a_broken_log_gives_no_state() {
    let good = change(&[], 1, None, |s| s.prune.top_k = 2).unwrap();
    assert_eq!(State::at(&[Change { id: 2, ..good.clone() }], at(1)), Err(Broken::Order(1)));
    assert_eq!(
        State::at(&[Change { undoes: Some(1), ..good.clone() }], at(1)),
        Err(Broken::Order(1))
    );
    let mut odd = good;
    odd.diff[0].path = "/prune/unheard_of".to_owned();
    assert!(matches!(State::at(&[odd], at(1)), Err(Broken::Settings(_))));
}

fn history(steps: &[(u8, u32)]) -> Vec<Change> {
    let mut log: Vec<Change> = Vec::new();
    for (now, (what, n)) in (0..).zip(steps.iter().copied()) {
        let ends = Some(now + i64::from(n) * 7);
        let made = match what {
            0 => change(&log, now, None, |s| s.prune.top_k = n as usize),
            1 => change(&log, now, ends, |s| s.prune.top_k = n as usize + 10),
            2 => change(&log, now, None, |s| s.kill.all = !s.kill.all),
            3 => change(&log, now, ends, |s| s.prompt.max_answer_tokens = Some(200 + u64::from(n))),
            4 => change(&log, now, None, |s| {
                s.rollouts.response_caching.mode = Mode::Canary(Share::percent(n));
            }),
            5 => change(&log, now, None, |s| {
                s.kill.only = [Mechanism::ALL[n as usize % 4]].into();
            }),
            _ => undo(&log, at(now), &ANA, u64::from(n) * 3, &Open),
        };
        log.extend(made);
    }
    log
}

proptest! {
    #[test]
    fn a_folded_log_gives_the_same_state_then_and_at_any_time_after(
        steps in proptest::collection::vec((0u8..8, 1u32..9), 1..60), most in 0usize..20, again in 0usize..10,
    ) {
        let log = history(&steps);
        let now = steps.len() as i64;
        if let Some((base, left)) = Journal::from(&log).folded(at(now), most) {
            prop_assert!(left.len() < log.len());
            for later in now..now + 70 {
                let short = State::at(Journal::over(&base, &left), at(later)).unwrap();
                prop_assert_eq!(short, State::at(&log, at(later)).unwrap());
            }
            // It goes on alike, and can be folded again.
            let more = |log: Journal<'_>| propose(log, at(now), &ANA, None, None, &Open, |s| s.prune.top_k = 50);
            prop_assert_eq!(more(Journal::over(&base, &left)).unwrap(), more(Journal::from(&log)).unwrap());
            if let Some((base, left)) = Journal::over(&base, &left).folded(at(now + 9), again) {
                for later in now + 9..now + 70 {
                    let short = State::at(Journal::over(&base, &left), at(later)).unwrap();
                    prop_assert_eq!(short, State::at(&log, at(later)).unwrap());
                }
            }
            let last = left.iter().rev().find(|c| c.undoes.is_none() && in_force(&left, at(now)).contains(&c.id));
            if let Some(last) = last {
                let short = undo(Journal::over(&base, &left), at(now), &ANA, last.id, &Open);
                prop_assert_eq!(short, undo(&log, at(now), &ANA, last.id, &Open));
            }
        }
    }
}

#[test]
fn a_long_log_is_folded_to_a_short_one_and_what_holds_the_switch_stays_with_its_author() {
    let mut log = Vec::new();
    log.push(change(&log, 0, None, |s| s.kill.all = true).unwrap());
    for n in 1..=400_i64 {
        log.push(change(&log, n, None, |s| s.prune.top_k = 7 + usize::from(n % 2 == 0)).unwrap());
    }
    let (base, left) = Journal::from(&log).folded(at(500), 100).unwrap();
    assert_eq!((left.len(), left[0].id, base.upto, base.set.len()), (101, 1, 301, 1));
    assert_eq!(
        undo(Journal::over(&base, &left), at(500), &ANA, 200, &Open),
        Err(Refused::NotInForce(200))
    );
    // One who takes back what is folded knows another log.
    let mut odd = left;
    odd.push(Change { id: 402, undoes: Some(200), ..odd[0].clone() });
    assert_eq!(State::at(Journal::over(&base, &odd), at(500)), Err(Broken::Order(402)));
}

proptest! {
    #[test]
    fn any_history_can_be_taken_back_to_the_beginning(steps in proptest::collection::vec((0u8..5, 1u32..9), 1..20)) {
        let mut log: Vec<Change> = Vec::new();
        for (i, (what, n)) in steps.into_iter().enumerate() {
            let now = i as i64;
            let made = match what {
                0 => change(&log, now, None, |s| s.prune.top_k = n as usize),
                1 => change(&log, now, None, |s| s.prompt.max_answer_tokens = Some(200 + u64::from(n))),
                2 => change(&log, now, None, |s| s.kill.all = !s.kill.all),
                3 => change(&log, now, None, |s| s.rollouts.response_caching.mode = Mode::Canary(Share::percent(n))),
                _ => undo(&log, at(now), &ANA, u64::from(n), &Open),
            };
            log.extend(made);
            // It survives being written down.
            let text = serde_json::to_string(&log).unwrap();
            prop_assert_eq!(&serde_json::from_str::<Vec<Change>>(&text).unwrap(), &log);
        }
        let now = 100;
        let force: Vec<u64> = in_force(&log, at(now)).into_iter().collect();
        for id in force.into_iter().rev() {
            // What was set over has no effect to take back.
            match undo(&log, at(now), &ANA, id, &Open) {
                Ok(change) => log.push(change),
                Err(why) => prop_assert!(matches!(why, Refused::Nothing | Refused::NotInForce(_)), "{:?}", why),
            }
        }
        let end = State::at(&log, at(now)).unwrap();
        prop_assert!(end.settings == Settings::default() || !in_force(&log, at(now)).is_empty());
    }
}
