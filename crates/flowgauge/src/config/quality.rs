//! Which calls are scored online, by whom, and what that may cost. Off unless asked.

use crate::logic::budget::{Budget, Per, Period, Trait, Unpriced};
use crate::logic::call::{Source, Text};
use crate::logic::retry::Policy;
use crate::logic::score::judging::Rubric;
use crate::logic::score::language::Language;
use crate::logic::score::sampling::Plan;
use crate::logic::unit::{Micros, NanoUsd};
use chrono_tz::Tz;

/// Name of the budget of the judging model, beside those of `budgets`.
pub const JUDGE_BUDGET: &str = "quality.judge";

/// Online scoring.
#[derive(Debug, Clone, PartialEq)]
pub struct Quality {
    /// Shares by intent, and limits.
    pub plan: Plan,
    /// Evaluators of ours that score every sampled call, by full name.
    pub scorers: Vec<&'static str>,
    /// What differs for an intent.
    pub intents: Vec<IntentWants>,
    /// Longest request that is scored, bytes.
    pub max_content: usize,
    /// Content held in memory at most, bytes.
    pub max_in_memory: usize,
    /// A judging model.
    pub judge: Option<Judge>,
}

/// What is known of good answers of one intent.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct IntentWants {
    /// The intent.
    pub intent: Text,
    /// Its evaluators instead of those for all.
    pub scorers: Option<Vec<&'static str>>,
    /// The language its answers are in; that of the question unless said.
    pub language: Option<Language>,
    /// Fewest and most words.
    pub words: Option<(u32, u32)>,
    /// Whether its answers are JSON.
    pub json: bool,
}

/// A model that grades answers.
#[derive(Debug, Clone, PartialEq)]
pub struct Judge {
    /// The model.
    pub model: String,
    /// Name of the provider that is asked.
    pub provider: String,
    /// What it grades by.
    pub rubric: Rubric,
    /// Share of sampled calls it is asked about, above 0 to 1.
    pub share: f64,
    /// What it may cost a day, in the reporting zone.
    pub budget_per_day: NanoUsd,
    /// How long a verdict may take.
    pub timeout: Micros,
    /// Whether a failed request is made again.
    pub retry: Policy,
    /// Verdicts under way at once.
    pub concurrency: usize,
}

impl Default for Quality {
    /// Off. 60 a minute are more than a KPI needs; a request of 256 KiB is more text than models take.
    fn default() -> Self {
        Self {
            plan: Plan { max_per_minute: 60, ..Plan::default() },
            scorers: vec![crate::logic::score::reference::LOCAL.name],
            intents: Vec::new(),
            max_content: 256 << 10,
            max_in_memory: 32 << 20,
            judge: None,
        }
    }
}

impl Quality {
    /// What is known of good answers of an intent.
    #[must_use]
    pub fn wants(&self, intent: &str) -> Option<&IntentWants> {
        self.intents.iter().find(|i| i.intent == intent)
    }

    /// The evaluators of an intent.
    #[must_use]
    pub fn scorers(&self, intent: &str) -> &[&'static str] {
        self.wants(intent).and_then(|i| i.scorers.as_deref()).unwrap_or(&self.scorers)
    }

    /// The budget its judging model spends from: one account a day, of calls of that source alone. A
    /// model without a price is not asked, for its cost could not be held.
    #[must_use]
    pub fn budget(&self, zone: Tz) -> Option<Budget> {
        let judge = self.judge.as_ref().filter(|_| self.plan.is_on())?;
        Some(Budget {
            name: Text::const_new(JUDGE_BUDGET),
            per: Per::All,
            matches: vec![(Trait::Source, Text::const_new(Source::Evaluation.word()))],
            period: Period::Day,
            limit: judge.budget_per_day,
            zone,
            unpriced: Unpriced::Deny,
            default_max_tokens: crate::logic::budget::DEFAULT_MAX_TOKENS,
        })
    }
}
