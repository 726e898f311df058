//! One mechanism's comparison under one policy: since when, why it began, and what came of it.
//!
//! Refuses to mix: rows of other settings, of another mode or of another evaluator are counted and left out. Where
//! exceptions let a mechanism act for other shares elsewhere, only one mode is compared: arms drawn with other shares
//! in other places would differ by place, not by the mechanism.

use super::joined::Known;
use super::row::{Passed, Row};
use crate::control::Snapshot;
use crate::logic::call::{Taken, Text};
use crate::logic::control::evidence::{Clusters, Evidence, Report, Sample};
use crate::logic::control::rollout::{Arm, Mechanism, Mode, Rollout};
use crate::logic::control::state::Settings;
use crate::logic::fingerprint::fingerprint;
use crate::logic::unit::UnixMicros;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Why something was not taken as evidence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unused {
    /// The call began under settings before those compared.
    EarlierSettings,
    /// An exception gives its route or intent another mode than the one compared.
    OtherMode,
}

/// When a comparison began, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Begun {
    /// When.
    pub at: UnixMicros,
    /// Generation of control in force since.
    pub generation: u64,
    /// Why.
    pub why: String,
}

/// Method (a) of what a mechanism touched: before and after, call by call.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BeforeAfter {
    /// Calls whose tokens before and after are known.
    pub calls: u64,
    /// Input tokens before any optimisation.
    pub original: u64,
    /// Input tokens billed.
    pub sent: u64,
    /// Of the difference, what was taken off where no other mechanism acted on the same call.
    pub alone: i64,
    /// Of the difference, what several mechanisms took off the same call together.
    pub together: i64,
    /// Of the difference, what each mechanism took off, as it counted itself.
    #[serde(default)]
    pub taken: TakenSums,
    /// Nano-dollars not spent, as each row says.
    pub cost_avoided: i64,
}

/// Tokens of input by what took them off. They add up to the whole difference where our counts are the provider's.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TakenSums {
    /// Context pruning.
    pub pruning: u64,
    /// Prompt optimisation.
    pub prompt: u64,
    /// Answers from memory.
    pub caching: u64,
}

impl TakenSums {
    /// Of one mechanism; another model takes no tokens off.
    #[must_use]
    pub const fn of(&self, mechanism: Mechanism) -> u64 {
        match mechanism {
            Mechanism::ContextPruning => self.pruning,
            Mechanism::PromptOptimization => self.prompt,
            Mechanism::ResponseCaching => self.caching,
            Mechanism::ModelSelection => 0,
        }
    }
}

impl BeforeAfter {
    pub(super) fn observe(&mut self, passed: &Passed, alone: u8) {
        let signed = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
        let saved = signed(passed.original).saturating_sub(signed(passed.sent));
        self.calls += 1;
        self.original = self.original.saturating_add(passed.original);
        self.sent = self.sent.saturating_add(passed.sent);
        let part = if passed.applied & !alone == 0 { &mut self.alone } else { &mut self.together };
        *part = part.saturating_add(saved);
        let Taken { pruning, prompt, caching } = passed.taken;
        self.taken.pruning = self.taken.pruning.saturating_add(pruning);
        self.taken.prompt = self.taken.prompt.saturating_add(prompt);
        self.taken.caching = self.taken.caching.saturating_add(caching);
        self.cost_avoided = self.cost_avoided.saturating_add(passed.cost_avoided);
    }

    /// Share saved: a ratio of sums (catalogue S56). Below zero where more was billed than there was.
    #[must_use]
    pub fn reduction(&self) -> Option<f64> {
        (self.original > 0).then(|| 1.0 - self.sent as f64 / self.original as f64)
    }
}

/// A comparison.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Course {
    /// When it began and why.
    pub begun: Begun,
    /// Whether the mechanism acts.
    pub acts: bool,
    /// The mode whose calls are compared.
    pub compared: Mode,
    /// Calls by arm.
    pub calls: BTreeMap<Arm, u64>,
    /// What was left out, and why.
    pub unused: BTreeMap<Unused, u64>,
    /// Method (a), of the touched.
    pub before_after: BeforeAfter,
    policy: u64,
    evidence: Evidence,
    clusters: Clusters,
}

/// What is in force for one mechanism.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Policy {
    pub(super) acts: bool,
    pub(super) compared: Mode,
    fingerprint: u64,
}

impl Policy {
    /// Of a snapshot; one that cannot be read lets nothing act.
    pub(super) fn of(mechanism: Mechanism, snapshot: &Snapshot) -> Self {
        let none = Self { acts: false, compared: Mode::Off, fingerprint: 0 };
        let Some(settings) = &snapshot.settings else { return none };
        let rollout = settings.rollouts.of(mechanism);
        let compared = compared(rollout);
        let off = settings.kill.covers(mechanism) || snapshot.environment().forbids(mechanism);
        let acts = compared.is_some() && !off;
        let compared = compared.unwrap_or_default();
        Self { acts, compared, fingerprint: policy(mechanism, settings) }
    }
}

const fn acting(mode: Mode) -> bool {
    matches!(mode, Mode::Canary(_) | Mode::On)
}

/// The mode that is compared: the one without exception, else the first that acts.
fn compared(rollout: &Rollout) -> Option<Mode> {
    let exceptions = rollout.exceptions.iter().map(|e| e.mode);
    std::iter::once(rollout.mode).chain(exceptions).find(|mode| acting(*mode))
}

/// Stands for everything that shapes what a mechanism does and to whom.
fn policy(mechanism: Mechanism, settings: &Settings) -> u64 {
    let own = match mechanism {
        Mechanism::ContextPruning => serde_json::to_vec(&settings.prune),
        Mechanism::ResponseCaching => serde_json::to_vec(&settings.cache),
        Mechanism::PromptOptimization => serde_json::to_vec(&settings.prompt),
        Mechanism::ModelSelection => serde_json::to_vec(&settings.model),
    };
    let rollout = serde_json::to_vec(settings.rollouts.of(mechanism));
    // Settings are plain data; where they could not be written, no two would be told apart.
    fingerprint(&[&own.unwrap_or_default(), &rollout.unwrap_or_default()])
}

impl Course {
    pub(super) fn new(policy: Policy, begun: Begun) -> Self {
        Self {
            begun,
            acts: policy.acts,
            compared: policy.compared,
            calls: BTreeMap::new(),
            unused: BTreeMap::new(),
            before_after: BeforeAfter::default(),
            policy: policy.fingerprint,
            evidence: Evidence::default(),
            clusters: Clusters::default(),
        }
    }

    /// Whether what is in force is another comparison: other settings, or switched on again. One that is only switched
    /// off keeps what it found.
    pub(super) const fn is_over(&self, now: Policy) -> bool {
        now.acts && (!self.acts || self.policy != now.fingerprint)
    }

    /// Takes a call of an arm.
    pub(super) fn observe(
        &mut self,
        mechanism: Mechanism,
        arm: Arm,
        row: &Row,
        rollout: Option<&Rollout>,
    ) {
        let place = (row.route.as_deref(), row.intent.as_deref());
        if let Some(why) = self.refuses(row.generation, place, rollout) {
            *self.unused.entry(why).or_insert(0) += 1;
            return;
        }
        *self.calls.entry(arm).or_insert(0) += 1;
        if let Some(passed) = row.passed.as_ref().filter(|_| arm == Arm::Treated) {
            self.before_after.observe(passed, mechanism.bit());
        }
        self.add(row.conversation, arm, &row.sample, row.ended);
    }

    /// Takes a score that came later than its call.
    pub(super) fn judged(
        &mut self,
        arm: Arm,
        call: &Known,
        quality: f64,
        rollout: Option<&Rollout>,
        now: UnixMicros,
    ) {
        let place = (call.place.0.as_deref(), call.place.1.as_deref());
        if self.refuses(call.generation, place, rollout).is_none() {
            self.add(call.conversation, arm, &Sample::of_score(quality), now);
        }
    }

    fn refuses(
        &self,
        generation: u64,
        (route, intent): (Option<&str>, Option<&str>),
        rollout: Option<&Rollout>,
    ) -> Option<Unused> {
        if generation < self.begun.generation {
            Some(Unused::EarlierSettings)
        } else if rollout.is_some_and(|r| r.mode(route, intent) != self.compared) {
            Some(Unused::OtherMode)
        } else {
            None
        }
    }

    /// A call of nobody known was drawn by itself, so it counts by itself and at once.
    fn add(&mut self, conversation: Option<u64>, arm: Arm, sample: &Sample, at: UnixMicros) {
        match conversation {
            Some(who) => self.clusters.observe(who, arm, sample, at, &mut self.evidence),
            None => self.evidence.observe(arm, sample),
        }
    }

    /// Counts the conversations that have ended.
    pub(super) fn settle(&mut self, now: UnixMicros) {
        self.clusters.settle(now, &mut self.evidence);
    }

    pub(super) fn forget_quality(&mut self) {
        self.evidence.forget_quality();
        self.clusters.forget_quality();
    }

    pub(super) const fn switch(&mut self, acts: bool) {
        self.acts = acts;
    }

    /// What is to be seen now, conversations under way included as they stand.
    #[must_use]
    pub fn so_far(&self, alpha: f64) -> Report {
        self.clusters.so_far(&self.evidence).report(alpha)
    }

    /// What is known now and may be acted on.
    #[must_use]
    pub fn report(&self, alpha: f64) -> Report {
        self.evidence.report(alpha)
    }

    pub(super) fn quality_at_most(&self, alpha: f64) -> Option<f64> {
        self.evidence.quality_at_most(alpha)
    }

    /// Untouched and touched units compared, and conversations under way.
    #[must_use]
    pub fn counts(&self) -> (u64, u64, usize) {
        let (untouched, touched) = self.clusters.so_far(&self.evidence).counts();
        (untouched, touched, self.clusters.len())
    }
}

/// Why what is in force began: the last change that touched the mechanism, in its author's words.
pub(super) fn why(
    mechanism: Mechanism,
    history: &[crate::control::Line],
) -> Option<(UnixMicros, String)> {
    let section = match mechanism {
        Mechanism::ContextPruning => "/prune",
        Mechanism::ResponseCaching => "/cache",
        Mechanism::PromptOptimization => "/prompt",
        Mechanism::ModelSelection => "/model",
    };
    let rollout = format!("/rollouts/{}", mechanism.word());
    let touches = |path: &str| {
        path.starts_with(&rollout)
            || path.starts_with("/kill")
            || path.split('/').nth(1) == section.get(1..)
    };
    let line = history.iter().rev().find(|l| l.change.diff.iter().any(|a| touches(&a.path)))?;
    let author: &Text = &line.change.author;
    let words = format!("change {} by {author}: {}", line.change.id, line.change.reason);
    Some((line.change.at, words))
}
