//! A bench: control and alerts on disk, a clock that stands still, calls drawn by the state in force.

use super::super::*;
use crate::logic::call::{Call, Door, InputTokens, OutputTokens};
use crate::logic::control::rollout::{Arm, Environment, Placement, Rollout, Share, Subject, Wish};
use crate::logic::control::rollout::{Mode, Source};
use crate::logic::control::state::Settings;
use crate::logic::id::CallId;
use crate::logic::price::PriceBook;
use crate::logic::score::{Reference, Score, ScoreKind};
use crate::logic::unit::{Micros, NanoUsd};
use crate::record::Heard as _;
use crate::record::scores::HeardScores as _;
use crate::serve::clock::Hand;
use crate::store::AlertStore;
use arc_swap::ArcSwap;
use tempfile::TempDir;

pub(super) const T0: UnixMicros = UnixMicros(1_736_154_000_000_000);

/// SplitMix64 (Steele, Lea, Flood 2014), so that every run sees the same numbers.
pub(super) struct Noise(pub(super) u64);

impl Noise {
    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(super) fn uniform(&mut self) -> f64 {
        (self.next() >> 11) as f64 / 9_007_199_254_740_992.0
    }

    pub(super) fn normal(&mut self) -> f64 {
        (-2.0 * (1.0 - self.uniform()).ln()).sqrt() * (std::f64::consts::TAU * self.uniform()).cos()
    }
}

pub(super) struct Bench {
    pub(super) dir: TempDir,
    pub(super) clock: Clock,
    pub(super) hand: Hand,
    pub(super) control: Arc<Control>,
    pub(super) desk: Arc<Desk>,
    pub(super) tap: Arc<Tap>,
    pub(super) trials: Arc<Trials>,
    pub(super) noise: Noise,
    pub(super) calls: u64,
}

/// What a planted harm does to those a mechanism touches.
pub(super) type Harm = (Mechanism, f64);

impl Bench {
    pub(super) fn new(seed: u64) -> Self {
        let (clock, hand) = Clock::frozen(T0);
        Self::over(tempfile::tempdir().unwrap(), clock, hand, seed)
    }

    fn over(dir: TempDir, clock: Clock, hand: Hand, seed: u64) -> Self {
        let prices = Arc::new(ArcSwap::from_pointee(PriceBook::embedded()));
        let none = Environment::default();
        let control = Control::open(dir.path(), none, prices, clock.clone()).unwrap();
        let alerts = Arc::new(AlertStore::open(dir.path()).unwrap());
        let desk = Desk::new(alerts, clock.clone(), [3; 32], Arc::default()).unwrap();
        let tap = Arc::new(Tap::default());
        let (c, d, t) = (Arc::clone(&control), Arc::clone(&desk), Arc::clone(&tap));
        let trials = Trials::over(c, d, t, clock.clone(), None);
        Self { dir, clock, hand, control, desk, tap, trials, noise: Noise(seed), calls: 0 }
    }

    /// What a restart finds: everything on disk, nothing in memory.
    pub(super) fn restarted(self) -> Self {
        let Self { dir, clock, hand, control, noise, .. } = self;
        control.desk.close();
        drop(control);
        let calls = self.calls;
        Self { calls, ..Self::over(dir, clock, hand, noise.0) }
    }

    pub(super) async fn set(&self, edit: impl FnOnce(&mut Settings)) {
        self.control.desk.change(&Wanted::by("ann", "a test"), edit).await.unwrap();
    }

    /// Everything on with 5 % held out.
    pub(super) async fn all_on(&self, acts: bool) {
        self.set(|s| {
            for mechanism in Mechanism::ALL {
                *s.rollouts.of_mut(mechanism) = on();
            }
            s.guardrail.acts = acts;
        })
        .await;
    }

    /// One call as the gateway would record it, and its score.
    pub(super) fn call(&mut self, harm: Option<Harm>) -> Call {
        self.calls += 1;
        let now = self.clock.now();
        let mut id = [0; 10];
        id[..8].copy_from_slice(&self.noise.next().to_le_bytes());
        let id = CallId::new(now, id);
        let mut call = Call::begun(id, now, now, Door::Gateway);
        call.what.leaf = true;
        let snapshot = self.control.desk.live().get();
        let subject = Subject::Call(&id.0);
        let mut harmed = 0.0;
        let mut words = Vec::new();
        for mechanism in Mechanism::ALL {
            let placement = Placement { route: None, intent: None, subject };
            let decided = snapshot.decide(mechanism, &placement, Wish::default());
            assert!(matches!(decided.source, Source::Settings | Source::Kill));
            let Some(arm) = decided.arm else { continue };
            words.push(format!("{}={}", mechanism.word(), arm.word()));
            if let Some((of, points)) = harm
                && of == mechanism
                && arm == Arm::Treated
            {
                harmed += points;
            }
            if arm == Arm::Treated {
                call.control.applied |= mechanism.bit();
            }
        }
        call.control.arm = Some(words.join(" ").into()).filter(|_| !words.is_empty());
        call.control.generation = snapshot.generation;
        let latency = 900_000.0 * (0.5 * self.noise.normal()).exp();
        call.time.latency = Some(micros(latency));
        let pruned = call.control.applied & Mechanism::ContextPruning.bit() != 0;
        let input = if pruned { 300 } else { 400 };
        call.usage.input = Some(InputTokens { text: input, ..InputTokens::default() });
        call.usage.output = Some(OutputTokens::default());
        call.control.original_input_tokens = Some(crate::logic::unit::Tokens(400));
        call.cost.nanos = Some(NanoUsd(i64::try_from(input).unwrap()));
        self.tap.ended(std::slice::from_ref(&call));
        let quality = (85.0 - harmed + 12.0 * self.noise.normal()).clamp(0.0, 100.0);
        self.tap.scored(id, &score(id, "judge", quality));
        call
    }

    /// Calls at fifty a minute with a look after each minute, until the guardrail acts; after how many it does.
    pub(super) async fn run(&mut self, calls: u64, harm: Option<Harm>) -> Option<(u64, Mechanism)> {
        for n in 1..=calls {
            self.call(harm);
            if n % 50 == 0 {
                self.hand.advance(Micros(60_000_000));
                let due = self.trials.look();
                if let Some(first) = due.first().map(|d| d.mechanism) {
                    for action in due {
                        self.trials.act(action).await;
                    }
                    return Some((n, first));
                }
            }
        }
        None
    }

    pub(super) fn course(&self, mechanism: Mechanism) -> Course {
        self.trials.shown().mechanisms[&mechanism].course.clone().unwrap()
    }

    pub(super) fn killed(&self) -> Vec<Mechanism> {
        let snapshot = self.control.desk.live().get();
        snapshot.settings.as_ref().unwrap().kill.only.iter().copied().collect()
    }
}

pub(super) use crate::control::Wanted;

pub(super) fn on() -> Rollout {
    Rollout { mode: Mode::On, holdout: Share::percent(5), ..Rollout::default() }
}

pub(super) fn score(about: CallId, by: &str, quality: f64) -> Score {
    let about = Reference { call: Some(about), ..Reference::default() };
    let mut score = Score::new(CallId([9; 16]), ScoreKind::Evaluation, T0, about);
    (score.evaluator, score.quality) = (by.into(), Some(quality));
    score
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a second or so")]
fn micros(us: f64) -> Micros {
    Micros(us as u64)
}
