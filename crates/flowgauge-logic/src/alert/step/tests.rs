//! The table of alerting 8.1, row by row, and the laws that hold for every sequence of verdicts.

use super::*;
use crate::alert::condition::Hold;
use crate::alert::facts::BudgetPeriod;
use crate::alert::law::Latch;
use crate::id::CallId;
use chrono_tz::Tz;
use proptest::prelude::*;

const TICK: i64 = 10_000_000;
const START: i64 = 1_736_154_000_000_000; // 2025-01-06T09:00:00Z

fn law(hold_s: u64, keep_s: u64) -> Law {
    let s = |n: u64| Micros(n * 1_000_000);
    Law {
        hold: Hold { length: s(hold_s), tolerance: None },
        keep: s(keep_s),
        on_no_data: Policy::Hold,
        on_error: Policy::Hold,
        max_hold: s(60),
        tick: s(10),
        latch: None,
    }
}

fn sample(letter: char) -> Sample {
    let verdict = match letter {
        'T' => Verdict::True,
        'F' => Verdict::False,
        'C' => Verdict::Clear,
        'U' => Verdict::Unknown(Why::NoData),
        'O' => Verdict::Unknown(Why::OwnGap),
        'D' => Verdict::Unknown(Why::Disabled),
        _ => Verdict::Failed("boom".to_owned()),
    };
    Sample { verdict, evidence: Evidence::default() }
}

/// An instance as the engine would lead it, from a given state.
struct Run {
    law: Law,
    instance: Instance,
    at: i64,
    last: Stepped,
    opened: u64,
    resolved: u64,
}

impl Run {
    fn new(law: Law) -> Self {
        let instance = Instance::new(UnixMicros(START - TICK));
        let last = Stepped { moved: Moved::Stayed, raise: None, settled: None };
        Self { law, instance, at: START - TICK, last, opened: 0, resolved: 0 }
    }

    fn tick(&mut self, letter: char) -> &mut Self {
        self.tick_after(TICK, &sample(letter))
    }

    fn tick_after(&mut self, gap: i64, sample: &Sample) -> &mut Self {
        self.at += gap;
        self.last = step(&self.law, &mut self.instance, sample, UnixMicros(self.at));
        match self.last.moved {
            Moved::Fired { .. } => {
                assert_eq!(self.instance.episode, None, "one episode at a time");
                self.opened += 1;
                let id = CallId::new(UnixMicros(self.at), [1; 10]);
                self.instance.episode = Some(id);
            }
            Moved::Resolved { episode, .. } => {
                assert!(episode.is_some(), "only what was opened ends");
                assert_eq!(self.instance.episode, None);
                self.resolved += 1;
            }
            Moved::Stayed | Moved::Changed { .. } => {}
        }
        assert_eq!(self.instance.episode.is_some(), self.instance.state.is_open());
        self
    }

    fn ticks(&mut self, letters: &str) -> &mut Self {
        for letter in letters.chars() {
            self.tick(letter);
        }
        self
    }

    fn word(&self) -> &'static str {
        self.instance.state.word()
    }

    fn elapsed_s(&self) -> u64 {
        match self.instance.state {
            State::Pending { elapsed } | State::Recovering { elapsed } => elapsed.0 / 1_000_000,
            _ => 0,
        }
    }
}

/// The state after `letters`, word by word.
fn words(law: &Law, letters: &str) -> Vec<&'static str> {
    let mut run = Run::new(law.clone());
    letters.chars().map(|letter| run.tick(letter).word()).collect()
}

/// The state that one more tick leads to from the state that `before` leads to.
fn after(law: &Law, before: &str, letter: char) -> &'static str {
    words(law, &format!("{before}{letter}")).last().unwrap()
}

fn with(policy: Policy, mut law: Law) -> Law {
    law.on_no_data = policy;
    law.on_error = policy;
    law
}

#[test]
fn row_unknown_and_inactive() {
    let law = law(30, 20);
    for (before, rest) in [("", "unknown"), ("F", "inactive"), ("C", "inactive")] {
        assert_eq!(after(&law, before, 'T'), "pending");
        assert_eq!(after(&law, before, 'F'), "inactive");
        assert_eq!(after(&law, before, 'C'), "inactive");
        for unknown in ['U', 'E', 'O', 'D'] {
            assert_eq!(after(&law, before, unknown), rest);
            assert_eq!(after(&with(Policy::Ok, law.clone()), before, unknown), rest);
        }
        for fires in ['U', 'E'] {
            assert_eq!(after(&with(Policy::Fire, law.clone()), before, fires), "pending");
        }
        for held in ['O', 'D'] {
            assert_eq!(after(&with(Policy::Fire, law.clone()), before, held), rest);
        }
    }
    let at_once = super::tests::law(0, 20);
    assert_eq!(after(&at_once, "F", 'T'), "firing", "`for` = 0 fires in the same tick");
}

#[test]
fn row_pending() {
    let law = law(30, 20);
    assert_eq!(after(&law, "T", 'T'), "pending");
    assert_eq!(after(&law, "TTT", 'T'), "firing");
    assert_eq!(after(&law, "TT", 'F'), "inactive");
    assert_eq!(after(&law, "TT", 'C'), "inactive");
    for unknown in ['U', 'E'] {
        assert_eq!(after(&law, "TT", unknown), "pending");
        assert_eq!(after(&with(Policy::Ok, law.clone()), "TT", unknown), "inactive");
        assert_eq!(after(&with(Policy::Fire, law.clone()), "TTT", unknown), "firing");
    }
    for held in ['O', 'D'] {
        assert_eq!(after(&with(Policy::Ok, law.clone()), "TT", held), "pending");
        assert_eq!(after(&with(Policy::Fire, law.clone()), "TTT", held), "pending");
    }
}

#[test]
fn row_firing() {
    let law = law(0, 20);
    assert_eq!(after(&law, "T", 'T'), "firing");
    assert_eq!(after(&law, "T", 'F'), "firing", "inside the hysteresis band");
    assert_eq!(after(&law, "T", 'C'), "recovering");
    for unknown in ['U', 'E'] {
        assert_eq!(after(&law, "T", unknown), "firing");
        assert_eq!(after(&with(Policy::Ok, law.clone()), "T", unknown), "recovering");
        assert_eq!(after(&with(Policy::Fire, law.clone()), "T", unknown), "firing");
    }
    for held in ['O', 'D'] {
        assert_eq!(after(&with(Policy::Ok, law.clone()), "T", held), "firing");
    }
    let at_once = super::tests::law(0, 0);
    assert_eq!(after(&at_once, "T", 'C'), "inactive", "`keep` = 0 resolves in the same tick");
}

#[test]
fn row_recovering() {
    let law = law(0, 20);
    assert_eq!(after(&law, "TC", 'T'), "firing");
    assert_eq!(after(&law, "TC", 'F'), "recovering");
    assert_eq!(after(&law, "TC", 'C'), "recovering");
    assert_eq!(after(&law, "TCC", 'C'), "inactive");
    assert_eq!(after(&law, "TCCF", 'F'), "recovering", "the resolving tick must itself be clear");
    assert_eq!(after(&law, "TCFF", 'C'), "inactive", "the band counts towards `keep`");
    for unknown in ['U', 'E'] {
        assert_eq!(after(&law, "TC", unknown), "recovering");
        assert_eq!(after(&with(Policy::Ok, law.clone()), "TCC", unknown), "inactive");
        assert_eq!(after(&with(Policy::Fire, law.clone()), "TC", unknown), "firing");
    }
    for held in ['O', 'D'] {
        assert_eq!(after(&with(Policy::Ok, law.clone()), "TCC", held), "recovering");
    }
}

#[test]
fn for_five_minutes_fires_at_the_first_tick_that_lies_five_minutes_after_the_first_true_one() {
    let mut run = Run::new(law(300, 60));
    run.tick('F');
    let mut first = 0;
    for n in 0..31 {
        run.tick('T');
        if n == 0 {
            first = run.at;
        }
        assert_eq!(run.word(), if n < 30 { "pending" } else { "firing" }, "true tick {n}");
    }
    let from = State::Pending { elapsed: Micros(290_000_000) };
    assert_eq!(run.last.moved, Moved::Fired { from, first_true: UnixMicros(first) });
    assert_eq!(run.at - first, 300_000_000);
}

#[test]
fn time_that_is_not_known_is_not_credited() {
    let mut run = Run::new(law(30, 20));
    assert_eq!(run.ticks("TTUUUET").elapsed_s(), 20);
    assert_eq!(run.tick('T').word(), "firing");
    let mut run = Run::new(law(0, 20));
    assert_eq!(run.ticks("TCUUUE").elapsed_s(), 0);
    assert_eq!(run.ticks("C").elapsed_s(), 10);
    assert_eq!(run.tick('C').word(), "inactive");
}

#[test]
fn a_gap_of_three_ticks_is_credited_and_a_longer_one_pauses_the_clock() {
    let mut run = Run::new(law(60, 20));
    run.ticks("TT").tick_after(3 * TICK, &sample('T'));
    assert_eq!(run.elapsed_s(), 40);
    run.tick_after(3 * TICK + 1, &sample('T'));
    assert_eq!((run.word(), run.elapsed_s()), ("pending", 40));
    assert_eq!(run.ticks("TT").word(), "firing");
    run.tick('C').tick_after(100 * TICK, &sample('C'));
    assert_eq!((run.word(), run.elapsed_s()), ("recovering", 0));
}

#[test]
fn a_tick_counts_once_and_never_backwards() {
    let mut run = Run::new(law(30, 20));
    run.ticks("TT");
    let before = run.instance.clone();
    for (gap, letter) in [(0, 'T'), (0, 'F'), (-5, 'C')] {
        let at = UnixMicros(run.at + gap);
        let stepped = step(&run.law, &mut run.instance, &sample(letter), at);
        assert_eq!(stepped.moved, Moved::Stayed);
        assert_eq!(run.instance, before);
    }
}

#[test]
fn four_of_five_tolerates_one_false_tick_among_five() {
    let mut tolerant = law(60, 20);
    tolerant.hold.tolerance = Some(Tolerance { k: 4, n: 5 });
    assert_eq!(after(&tolerant, "TTTFTT", 'T'), "firing");
    assert_eq!(after(&tolerant, "TTTFTTTF", 'T'), "firing", "it goes on firing in the band");
    assert_eq!(after(&tolerant, "TTFT", 'F'), "inactive", "two among five");
    assert_eq!(after(&tolerant, "TFTTTT", 'F'), "pending", "the first has left the five");
    assert_eq!(after(&tolerant, "TTTTTC", 'T'), "firing", "clear is false too");
    assert_eq!(after(&tolerant, "TTTTTF", 'F'), "inactive");
    assert_eq!(after(&tolerant, "TTTTTT", 'F'), "pending", "only a true tick fires");
}

#[test]
fn without_a_length_four_of_five_needs_four_true_ticks() {
    let mut tolerant = law(0, 20);
    tolerant.hold.tolerance = Some(Tolerance { k: 4, n: 5 });
    let expected = ["pending", "pending", "pending", "pending", "firing"];
    assert_eq!(words(&tolerant, "TTFTT"), expected);
    assert_eq!(after(&tolerant, "TFFTT", 'T'), "pending");
    assert_eq!(after(&tolerant, "TFFFF", 'F'), "inactive", "none of the last five");
    tolerant.hold.tolerance = Some(Tolerance { k: 1, n: 1 });
    assert_eq!(after(&tolerant, "", 'T'), "firing");
}

#[test]
fn a_refire_inside_keep_goes_on_with_the_same_episode() {
    let mut run = Run::new(law(0, 20));
    let episode = run.ticks("T").instance.episode;
    run.ticks("CTCTCFT");
    assert_eq!((run.opened, run.resolved), (1, 0));
    assert_eq!(run.instance.episode, episode);
}

#[test]
fn no_data_is_complained_about_once_after_max_hold_and_settled_by_data() {
    let mut run = Run::new(law(0, 20));
    run.ticks("TUUUUUU");
    assert_eq!((run.last.raise, run.instance.unknown), (None, Some(Why::NoData)));
    run.tick('U');
    assert_eq!(run.last.raise, Some(Raise::NoData), "60 s after the first unknown tick");
    assert_eq!(run.tick('U').last.raise, None);
    assert_eq!(run.word(), "firing");
    run.tick('F');
    assert_eq!((run.last.settled, run.instance.raised), (Some(Raise::NoData), false));
    assert_eq!(run.instance.unknown, None);
}

#[test]
fn our_own_absence_and_a_mechanism_that_is_off_are_no_missing_data() {
    for unknown in ['O', 'D'] {
        let mut run = Run::new(law(0, 20));
        run.tick('T');
        for _ in 0..100 {
            assert_eq!(run.tick(unknown).last.raise, None);
        }
        assert_eq!(run.word(), "firing");
    }
    let mut run = Run::new(law(0, 20));
    run.ticks("TUUU").tick_after(1_000 * TICK, &sample('U'));
    assert_eq!(run.last.raise, None, "the time we were away is not held against the rule");
}

#[test]
fn three_failures_in_a_row_are_complained_about_once() {
    let mut run = Run::new(law(0, 20));
    assert_eq!(run.ticks("EEUEE").last.raise, None);
    assert_eq!(run.tick('E').last.raise, Some(Raise::RuleError));
    assert_eq!(run.tick('E').last.raise, None);
    assert_eq!(run.instance.failed, Some(("boom".to_owned(), 4)));
    assert_eq!(run.tick('U').last.settled, Some(Raise::RuleError));
    assert!(!run.instance.raised);
    assert_eq!(run.ticks("EEET").last.settled, Some(Raise::RuleError));
}

#[test]
fn a_failure_after_missing_data_takes_the_place_of_that_complaint() {
    let mut run = Run::new(law(0, 20));
    run.ticks("TUUUUUUUEE").tick('E');
    assert_eq!(run.last.raise, Some(Raise::RuleError));
    assert_eq!(run.last.settled, Some(Raise::NoData));
}

#[test]
fn the_reason_of_an_end_says_whether_there_was_data() {
    let mut run = Run::new(with(Policy::Ok, law(0, 10)));
    run.ticks("TCU");
    assert!(matches!(run.last.moved, Moved::Resolved { reason: EndReason::NoDataOk, .. }));
    run.ticks("TUC");
    assert!(matches!(run.last.moved, Moved::Resolved { reason: EndReason::Recovered, .. }));
}

#[test]
fn an_end_from_outside_gives_the_episode_back() {
    let mut run = Run::new(law(0, 20));
    let episode = run.tick('T').instance.episode;
    let at = UnixMicros(run.at + 1);
    assert_eq!(end(&mut run.instance, at), episode);
    assert_eq!((run.word(), run.instance.episode, run.instance.since), ("inactive", None, at));
}

fn budget(letter: char, limit: f64) -> Sample {
    let mut sample = sample(letter);
    sample.evidence.reference = Some(limit);
    sample
}

fn budget_run() -> Run {
    let latch = Latch { period: BudgetPeriod::Day, zone: Tz::UTC };
    let mut run = Run::new(Law { latch: Some(latch), ..law(0, 20) });
    run.tick_after(TICK, &budget('T', 100.0));
    run
}

#[test]
fn a_budget_rule_latches_whatever_a_price_correction_says() {
    let mut run = budget_run();
    for letter in "FCCCUCETCC".chars() {
        run.tick_after(TICK, &budget(letter, 100.0));
    }
    assert_eq!((run.word(), run.opened, run.resolved), ("firing", 1, 0));
}

#[test]
fn a_budget_rule_ends_with_its_period() {
    let mut run = budget_run();
    let to_midnight = 15 * UnixMicros::HOUR - TICK;
    run.tick_after(to_midnight, &budget('C', 100.0));
    assert_eq!(run.word(), "firing");
    // A new day without a call yet: it is the calendar that ends it, not the lack of data.
    run.tick_after(TICK, &sample('U'));
    assert!(matches!(run.last.moved, Moved::Resolved { reason: EndReason::PeriodEnded, .. }));
}

#[test]
fn a_budget_rule_ends_when_the_budget_is_raised_far_enough() {
    let mut run = budget_run();
    run.tick_after(TICK, &budget('T', 101.0)).tick_after(TICK, &sample('U'));
    assert_eq!(run.tick_after(TICK, &budget('T', 102.0)).word(), "firing");
    run.tick_after(TICK, &budget('F', 200.0));
    assert!(matches!(run.last.moved, Moved::Resolved { reason: EndReason::PeriodEnded, .. }));
}

fn policy() -> impl Strategy<Value = Policy> {
    prop_oneof![Just(Policy::Hold), Just(Policy::Ok), Just(Policy::Fire)]
}

prop_compose! {
    fn any_law()(
        hold in 0u64..8, keep in 0u64..8, no_data in policy(), error in policy(),
        kn in proptest::option::of((1u32..8, 1u32..8)),
    ) -> Law {
        let mut law = law(hold * 10, keep * 10);
        law.hold.tolerance = kn.map(|(k, n)| Tolerance { k, n });
        (law.on_no_data, law.on_error) = (no_data, error);
        law
    }
}

fn letters() -> impl Strategy<Value = Vec<(char, i64)>> {
    let letter = prop_oneof![
        4 => Just('T'), 2 => Just('F'), 4 => Just('C'),
        2 => Just('U'), 1 => Just('O'), 1 => Just('D'), 1 => Just('E'),
    ];
    let gap = prop_oneof![8 => Just(TICK), 1 => Just(3 * TICK), 1 => Just(50 * TICK)];
    proptest::collection::vec((letter, gap), 0..200)
}

proptest! {
    /// `Run` itself checks that an episode is open exactly while the state says so.
    #[test]
    fn episodes_never_overlap_and_each_ends_once(law in any_law(), letters in letters()) {
        let mut run = Run::new(law);
        for (letter, gap) in letters {
            run.tick_after(gap, &sample(letter));
            let open = u64::from(run.instance.state.is_open());
            prop_assert_eq!(run.opened, run.resolved + open);
        }
    }

    #[test]
    fn what_is_not_known_never_resolves_and_never_fires_on_hold(
        law in any_law(), letters in letters(),
    ) {
        let mut run = Run::new(with(Policy::Hold, law));
        for (letter, gap) in letters {
            let before = run.instance.state;
            run.tick_after(gap, &sample(letter));
            if !matches!(letter, 'T' | 'F' | 'C') {
                prop_assert_eq!(run.instance.state, before);
            }
        }
    }

    /// Only a clear tick, or one taken as clear, ends an episode; only a true one begins it.
    #[test]
    fn an_episode_begins_true_and_ends_clear(law in any_law(), letters in letters()) {
        let mut run = Run::new(law.clone());
        for (letter, gap) in letters {
            run.tick_after(gap, &sample(letter));
            let by = |policy| match letter {
                'U' => law.on_no_data == policy,
                'E' => law.on_error == policy,
                _ => false,
            };
            match run.last.moved {
                Moved::Fired { .. } => prop_assert!(letter == 'T' || by(Policy::Fire)),
                Moved::Resolved { .. } => prop_assert!(letter == 'C' || by(Policy::Ok)),
                Moved::Stayed | Moved::Changed { .. } => {}
            }
        }
    }

    /// Against a count by hand over the last `n` true and false ticks since the first true one.
    #[test]
    fn k_of_n_is_what_one_counts_by_hand(
        k in 1u32..6, more in 0u32..4, ticks in proptest::collection::vec(any::<bool>(), 1..60),
    ) {
        let n = k + more;
        let mut tolerant = law(30, 20);
        tolerant.hold.tolerance = Some(Tolerance { k, n });
        let mut run = Run::new(tolerant);
        let mut arc: Vec<bool> = Vec::new();
        for holds in ticks {
            run.tick(if holds { 'T' } else { 'F' });
            if arc.is_empty() && !holds {
                prop_assert_eq!(run.word(), "inactive");
                continue;
            }
            arc.push(holds);
            let false_ticks = arc.iter().rev().take(n as usize).filter(|t| !**t).count();
            let tolerated = false_ticks <= (n - k) as usize;
            if holds && arc.len() > 3 {
                prop_assert_eq!(run.word(), "firing");
                break;
            }
            prop_assert_eq!(run.word(), if tolerated { "pending" } else { "inactive" });
            if !tolerated {
                arc.clear();
            }
        }
    }

    #[test]
    fn pausing_ticks_anywhere_only_delays(law in any_law(), letters in letters()) {
        let law = with(Policy::Hold, law);
        let known: Vec<char> =
            letters.iter().map(|(l, _)| *l).filter(|l| matches!(l, 'T' | 'F' | 'C')).collect();
        let mut plain = Run::new(law.clone());
        known.iter().for_each(|letter| { plain.tick(*letter); });
        let mut paused = Run::new(law);
        for (letter, _) in &letters {
            paused.tick(*letter);
        }
        prop_assert_eq!(plain.instance.state, paused.instance.state);
        prop_assert_eq!((plain.opened, plain.resolved), (paused.opened, paused.resolved));
    }
}
