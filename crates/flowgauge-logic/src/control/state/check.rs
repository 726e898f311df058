//! What is wrong with settings: out of range, in contradiction, or naming what does not exist.

use super::{Semantic, Settings};
use crate::control::rollout::{LEAST_HOLDOUT, MOST_HOLDOUT, Mechanism, Mode, Share};
use serde::{Deserialize, Serialize};

/// Ranges of the application's own variables (catalogue E.2).
const CONTEXT_TOKENS: std::ops::RangeInclusive<u64> = 500..=2_000;
const ANSWER_TOKENS: std::ops::RangeInclusive<u64> = 200..=1_000;
/// Intents whose limits differ: the least, the usual, the most.
const INTENTS: [Option<&str>; 3] = [Some("simple"), None, Some("complex")];

/// How bad a problem is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// It works, and is probably not meant.
    Warning,
    /// It is refused.
    Error,
}

/// A problem.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// How bad.
    pub level: Level,
    /// Which setting.
    pub place: String,
    /// What is wrong and what to do.
    pub says: String,
}

/// What is known of models.
pub trait Market {
    /// Whether there is a price for a model.
    fn has_price(&self, model: &str) -> bool;
}

/// All problems of settings.
#[must_use]
pub fn check(settings: &Settings, market: &dyn Market) -> Vec<Problem> {
    let mut found = Found(Vec::new());
    found.rollouts(settings);
    found.cache(settings);
    found.lengths(settings);
    found.models(settings, market);
    found.guardrail(settings);
    found.0
}

struct Found(Vec<Problem>);

impl Found {
    fn add(&mut self, level: Level, place: impl Into<String>, says: impl Into<String>) {
        self.0.push(Problem { level, place: place.into(), says: says.into() });
    }

    fn rollouts(&mut self, settings: &Settings) {
        for mechanism in Mechanism::ALL {
            let rollout = settings.rollouts.of(mechanism);
            let place = format!("/rollouts/{}", mechanism.word());
            let held = rollout.holdout;
            if held != Share::default() && !(LEAST_HOLDOUT..=MOST_HOLDOUT).contains(&held) {
                let percent = f64::from(held.parts()) / 10_000.0;
                self.add(
                    Level::Error,
                    format!("{place}/holdout"),
                    format!("a hold-out of {percent} %: 1 to 5 %, or none"),
                );
            }
            for exception in &rollout.exceptions {
                if exception.route.is_none() && exception.intent.is_none() {
                    self.add(
                        Level::Error,
                        format!("{place}/exceptions"),
                        "an exception names neither route nor intent: set the mode instead",
                    );
                }
            }
            if rollout.mode == Mode::Canary(Share::default()) {
                self.add(Level::Warning, format!("{place}/mode"), "a canary of 0 % reaches nobody");
            }
        }
    }

    fn cache(&mut self, settings: &Settings) {
        let cache = &settings.cache;
        if cache.limits.ttl.0 == 0 || cache.limits.max_entries == 0 || cache.limits.max_bytes == 0 {
            self.add(Level::Error, "/cache/limits", "time to live, entries and bytes must be above 0; to switch the cache off, use its mode");
        }
        let like = &cache.likeness;
        let share = |v: f32| (0.0..=1.0).contains(&v);
        if !share(like.serve) || !share(like.report) || like.report > like.serve {
            self.add(
                Level::Error,
                "/cache/likeness",
                "thresholds lie between 0 and 1, and what is reported begins below what is served",
            );
        }
        if cache.semantic != Semantic::Off && settings.rollouts.response_caching.is_idle() {
            self.add(
                Level::Warning,
                "/cache/semantic",
                "questions in other words are looked for only where response caching is on",
            );
        }
    }

    /// Limits of the same text must leave room for the question (catalogue E.4, 6).
    fn lengths(&mut self, settings: &Settings) {
        let (prune, prompt) = (&settings.prune, &settings.prompt);
        if !CONTEXT_TOKENS.contains(&prune.context_tokens) {
            let says = format!("{} tokens of context: 500 to 2000", prune.context_tokens);
            self.add(Level::Error, "/prune/context_tokens", says);
        }
        if prune.top_k == 0 || !(0.5..=1.0).contains(&prune.duplicate) {
            self.add(
                Level::Error,
                "/prune",
                "at least one passage is kept, and duplicates share half their words or more",
            );
        }
        if let Some(answer) = prompt.max_answer_tokens.filter(|a| !ANSWER_TOKENS.contains(a)) {
            self.add(
                Level::Error,
                "/prompt/max_answer_tokens",
                format!("{answer} tokens of an answer: 200 to 1000"),
            );
        }
        if let Some(user) = prompt.max_user_tokens {
            let context = INTENTS.iter().map(|i| prune.limit(*i)).max().unwrap_or(0);
            if user <= context {
                let says = format!(
                    "a user text of {user} tokens has no room for the question beside {context} tokens of context: raise one or lower the other"
                );
                self.add(Level::Error, "/prompt/max_user_tokens", says);
            }
        }
        for variant in &prompt.variants {
            if variant.to.trim().is_empty() {
                self.add(
                    Level::Error,
                    "/prompt/variants",
                    "a variant would send an empty system prompt",
                );
            } else if variant.to.len() >= variant.from.len() {
                self.add(
                    Level::Warning,
                    "/prompt/variants",
                    "a variant is no shorter than what it stands for",
                );
            }
        }
    }

    fn models(&mut self, settings: &Settings, market: &dyn Market) {
        let model = &settings.model;
        let known = |name: &str| model.models.iter().any(|m| m.name == name);
        let of_rules = model.rules.iter().flat_map(|r| &r.to);
        for name in of_rules.chain(&model.above_ceiling).chain(&model.when_failing) {
            if !known(name) {
                self.add(
                    Level::Error,
                    "/model/models",
                    format!("{name} is chosen by a rule and not described among the models"),
                );
            }
        }
        for described in &model.models {
            if !market.has_price(&described.name) {
                self.add(
                    Level::Warning,
                    "/model/models",
                    format!(
                        "{} has no price: it is chosen only where a rule allows dearer models",
                        described.name
                    ),
                );
            }
        }
        if model.rules.iter().any(|r| r.to.is_empty()) {
            self.add(Level::Error, "/model/rules", "a rule names no model to ask");
        }
        if model.ceiling.is_some() == model.above_ceiling.is_empty() {
            self.add(
                Level::Warning,
                "/model/ceiling",
                "a ceiling and the models above it go together",
            );
        }
    }

    fn guardrail(&mut self, settings: &Settings) {
        let guard = &settings.guardrail;
        if !(guard.alpha > 0.0 && guard.alpha <= 0.2) || guard.confirm == 0 || guard.per_day == 0 {
            self.add(
                Level::Error,
                "/guardrail",
                "the error rate lies between 0 and 0.2, looks and actions a day are at least 1",
            );
        }
        if guard.floor.is_some_and(|f| !(0.0..=100.0).contains(&f)) {
            self.add(Level::Error, "/guardrail/floor", "quality lies between 0 and 100");
        }
        for mechanism in Mechanism::ALL {
            let rollout = settings.rollouts.of(mechanism);
            let unwatched = rollout.mode == Mode::On && rollout.holdout == Share::default();
            if guard.acts && unwatched && guard.floor.is_none() && !guard.on_critical_alert {
                let place = format!("/rollouts/{}/holdout", mechanism.word());
                self.add(
                    Level::Warning,
                    place,
                    "without a hold-out the guardrail has nothing to compare with",
                );
            }
        }
    }
}
