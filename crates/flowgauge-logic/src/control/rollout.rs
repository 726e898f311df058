//! Whether an optimisation touches a call: mode, canary, hold-out and everything that switches it off.
//!
//! Owns the mechanisms, their modes, the sticky assignment of users to arms, and which source wins (environment,
//! then kill switch, then the request's own wish, then settings). Refuses chance: the same subject has the same arm
//! today, tomorrow and on every replica.

mod assign;
mod environment;

#[cfg(test)]
mod tests;

pub use assign::{Arm, Placement, Subject};
pub use environment::{Environment, Misread, VARIABLES};

use crate::call::{Control, Text};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// One of the four optimisations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mechanism {
    /// Leaves out context that does not matter to the question.
    ContextPruning,
    /// Answers from memory.
    ResponseCaching,
    /// Says the same in fewer words.
    PromptOptimization,
    /// Asks a model that is good enough.
    ModelSelection,
}

impl Mechanism {
    /// All, in the order of the guide.
    pub const ALL: [Self; 4] = [
        Self::ContextPruning,
        Self::ResponseCaching,
        Self::PromptOptimization,
        Self::ModelSelection,
    ];

    /// The word in commands, rules and switch keys.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::ContextPruning => "context_pruning",
            Self::ResponseCaching => "response_caching",
            Self::PromptOptimization => "prompt_optimization",
            Self::ModelSelection => "model_selection",
        }
    }

    /// The mechanism of a word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|m| m.word() == word)
    }

    /// Its bit in [`Control::applied`].
    #[must_use]
    pub const fn bit(self) -> u8 {
        match self {
            Self::ContextPruning => Control::PRUNING,
            Self::ResponseCaching => Control::CACHING,
            Self::PromptOptimization => Control::PROMPT,
            Self::ModelSelection => Control::MODEL,
        }
    }
}

/// How far a mechanism is let, from the most cautious on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// It does nothing.
    #[default]
    Off,
    /// It works out what it would do and changes nothing.
    Shadow,
    /// It acts for a share of the subjects, in parts per million.
    Canary(Share),
    /// It acts for all but the hold-out.
    On,
}

/// A share in parts per million: fine enough for a canary of 0.1 % and exact where floats are not.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Share(u32);

impl Share {
    /// Everyone.
    pub const WHOLE: Self = Self(1_000_000);

    /// From parts per million; more than all is all.
    #[must_use]
    pub const fn ppm(parts: u32) -> Self {
        if parts > Self::WHOLE.0 { Self::WHOLE } else { Self(parts) }
    }

    /// From whole percent.
    #[must_use]
    pub const fn percent(percent: u32) -> Self {
        Self::ppm(percent.saturating_mul(10_000))
    }

    /// Parts per million.
    #[must_use]
    pub const fn parts(self) -> u32 {
        self.0
    }
}

/// Smallest hold-out that is allowed where there is one: below it evidence takes weeks (regression, 3.3).
pub const LEAST_HOLDOUT: Share = Share::percent(1);
/// Largest: a hold-out costs its part of the savings (regression, 3.3).
pub const MOST_HOLDOUT: Share = Share::percent(5);

/// Another mode for a part of the traffic.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exception {
    /// Only calls of this endpoint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub route: Option<Text>,
    /// Only calls with this intent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub intent: Option<Text>,
    /// Their mode.
    pub mode: Mode,
}

/// How one mechanism is rolled out.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Rollout {
    /// Where no exception matches.
    pub mode: Mode,
    /// Parts of the traffic with a mode of their own.
    pub exceptions: Vec<Exception>,
    /// Subjects never touched, for comparison; zero is none.
    pub holdout: Share,
    /// Another number is another draw of canary and hold-out.
    pub salt: u64,
}

impl Rollout {
    /// The mode for a call: of the exceptions that match, one for route and intent wins over one for either;
    /// among equals the most cautious.
    #[must_use]
    pub fn mode(&self, route: Option<&str>, intent: Option<&str>) -> Mode {
        let fits = |want: &Option<Text>, have: Option<&str>| {
            want.as_deref().is_none_or(|w| have == Some(w))
        };
        self.exceptions
            .iter()
            .filter(|e| fits(&e.route, route) && fits(&e.intent, intent))
            .map(|e| (u8::from(e.route.is_some()) + u8::from(e.intent.is_some()), e.mode))
            .filter(|(named, _)| *named > 0)
            .max_by(|a, b| a.0.cmp(&b.0).then(b.1.cmp(&a.1)))
            .map_or(self.mode, |(_, mode)| mode)
    }

    /// Whether any call can be touched or watched, so that the rest need not be looked at.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.mode == Mode::Off && self.exceptions.iter().all(|e| e.mode == Mode::Off)
    }
}

/// The kill switch: what was switched off by a person or by a guardrail, whatever the settings say.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Kill {
    /// All four.
    pub all: bool,
    /// These.
    pub only: BTreeSet<Mechanism>,
}

impl Kill {
    /// Whether a mechanism is switched off.
    #[must_use]
    pub fn covers(&self, mechanism: Mechanism) -> bool {
        self.all || self.only.contains(&mechanism)
    }
}

/// What a request asks for itself (`x-flowgauge-optimizations: off`, `x-flowgauge-cache: bypass`).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Wish {
    /// No optimisation at all.
    pub off: bool,
    /// No answer from memory.
    pub bypass_cache: bool,
}

/// Who decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// An environment variable, read at start.
    Environment,
    /// The kill switch.
    Kill,
    /// The request.
    Request,
    /// The settings.
    Settings,
    /// The stored state could not be read, so everything is off.
    Unreadable,
}

/// What a mechanism does with one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    /// Nothing, and nobody compares.
    Nothing,
    /// It works out what it would do.
    Watch,
    /// It acts.
    Apply,
    /// Nothing, because the call's subject is kept for comparison.
    HoldOut,
}

/// The decision for one mechanism and one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decision {
    /// What it does.
    pub act: Act,
    /// Who decided.
    pub source: Source,
    /// The arm of a randomised comparison; nothing where none is made.
    pub arm: Option<Arm>,
}

/// What is in force, gathered for one decision. `rollout` is nothing where the stored state is unreadable.
#[derive(Debug, Clone, Copy)]
pub struct Force<'a> {
    /// Variables read at start.
    pub environment: &'a Environment,
    /// The kill switch.
    pub kill: &'a Kill,
    /// Settings of the mechanism.
    pub rollout: Option<&'a Rollout>,
}

impl Force<'_> {
    /// What `mechanism` does with a call.
    #[must_use]
    pub fn decide(&self, mechanism: Mechanism, call: &Placement<'_>, wish: Wish) -> Decision {
        let off = |source| Decision { act: Act::Nothing, source, arm: None };
        if self.environment.forbids(mechanism) {
            return off(Source::Environment);
        }
        if self.kill.covers(mechanism) {
            return off(Source::Kill);
        }
        let Some(rollout) = self.rollout else { return off(Source::Unreadable) };
        // A call that chose for itself is no random draw, so it is in no arm.
        if wish.off || (wish.bypass_cache && mechanism == Mechanism::ResponseCaching) {
            return off(Source::Request);
        }
        let (act, arm) = match rollout.mode(call.route, call.intent) {
            Mode::Off => (Act::Nothing, None),
            Mode::Shadow => (Act::Watch, None),
            Mode::Canary(share) => placed(assign::arm(mechanism, rollout, call.subject, share)),
            Mode::On => placed(assign::arm(mechanism, rollout, call.subject, Share::WHOLE)),
        };
        Decision { act, source: Source::Settings, arm }
    }
}

const fn placed(arm: Arm) -> (Act, Option<Arm>) {
    let act = match arm {
        Arm::Treated => Act::Apply,
        Arm::HoldOut => Act::HoldOut,
        Arm::Waiting => Act::Nothing,
    };
    (act, Some(arm))
}
