//! A model that is good enough: rules by intent, size and complexity, within price, health and ability.
//!
//! Owns the choice and its reasons. Refuses model calls (a choice costs microseconds), a dearer model than was asked
//! for unless a rule says so, and any model of which it is not known that it can do what is asked.

mod features;

#[cfg(test)]
mod tests;

pub use features::{Complexity, Features};

use crate::call::Text;
use crate::unit::NanoUsd;
use serde::{Deserialize, Serialize};

/// Tokens an answer is thought to take where the request has no limit: the application's own (catalogue E.2).
const ANSWER_TOKENS: u64 = 400;

/// A model that may be chosen, and what it can do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Model {
    /// As requests name it.
    pub name: Text,
    /// Tokens of prompt and answer together.
    pub context_tokens: u64,
    /// Whether it uses tools.
    #[serde(default)]
    pub tools: bool,
    /// Whether it sees pictures.
    #[serde(default)]
    pub images: bool,
    /// Whether it keeps to a given form of answer.
    #[serde(default)]
    pub forms: bool,
}

/// Which requests go to which model.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Rule {
    /// Intents; empty is all.
    pub intents: Vec<Text>,
    /// Models asked for; empty is all.
    pub asked: Vec<Text>,
    /// Most tokens of the request.
    pub max_input_tokens: Option<u64>,
    /// Most complex question.
    pub up_to: Option<Complexity>,
    /// Models in order of preference.
    pub to: Vec<Text>,
    /// Whether a dearer model than the one asked for may be chosen.
    pub dearer: bool,
}

/// What is chosen from, and how.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Models that may be chosen.
    pub models: Vec<Model>,
    /// The first that fits counts.
    pub rules: Vec<Rule>,
    /// Most that one call may be expected to cost.
    pub ceiling: Option<NanoUsd>,
    /// Models for calls above the ceiling, in order of preference.
    pub above_ceiling: Vec<Text>,
    /// Models in the place of one whose provider fails, in order of preference.
    pub when_failing: Vec<Text>,
}

/// What is known of the world at the moment of a call.
pub trait World {
    /// Whether the model's provider answers; nothing where that is not known, which counts as healthy.
    fn is_healthy(&self, model: &str) -> Option<bool>;
    /// What so many tokens would cost; nothing where there is no price.
    fn cost(&self, model: &str, input: u64, output: u64) -> Option<NanoUsd>;
}

/// Why a model is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// No rule fits.
    NoRule,
    /// A rule does; its place among the rules.
    Rule(usize),
    /// The model asked for would cost more than the ceiling.
    Ceiling,
    /// Its provider fails.
    Failing,
    /// Another was wanted, and none of those can be asked.
    NoneLeft,
    /// The one asked for is the one a rule prefers.
    Already,
}

/// Why a model was passed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PassedOver {
    /// It is not among the models that may be chosen.
    Unknown,
    /// The request does not fit into its context.
    TooLong,
    /// It lacks tools, pictures or forms.
    Unable,
    /// Its provider fails.
    Failing,
    /// It has no price, or the model asked for has none, so that it may be dearer.
    Unpriced,
    /// It is dearer than the one asked for.
    Dearer,
    /// It would cost more than the ceiling.
    AboveCeiling,
}

/// What was asked for, what is asked, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Choice {
    /// The caller's.
    pub asked: Text,
    /// Ours; the same where nothing is changed.
    pub served: Text,
    /// The reason.
    pub why: Why,
    /// Models considered first.
    pub passed_over: Vec<(Text, PassedOver)>,
}

impl Choice {
    /// Whether another model is asked.
    #[must_use]
    pub fn changes(&self) -> bool {
        self.asked != self.served
    }
}

/// Chooses the model of a request.
pub fn choose(
    asked: &str,
    intent: Option<&str>,
    features: &Features,
    settings: &Settings,
    world: &dyn World,
) -> Choice {
    let output = features.max_answer_tokens.unwrap_or(ANSWER_TOKENS);
    let price = |model: &str| world.cost(model, features.input_tokens, output);
    let mut desk = Desk { asked, features, settings, world, output, passed_over: Vec::new() };
    let chosen = |model: &str, why, passed_over| Choice {
        asked: Text::from(asked),
        served: Text::from(model),
        why,
        passed_over,
    };
    if world.is_healthy(asked) == Some(false) && !settings.when_failing.is_empty() {
        let found = desk.first(&settings.when_failing, true);
        return match found {
            Some(model) => chosen(&model, Why::Failing, desk.passed_over),
            None => chosen(asked, Why::NoneLeft, desk.passed_over),
        };
    }
    let matching =
        settings.rules.iter().enumerate().find(|(_, rule)| rule.fits(asked, intent, features));
    if let Some((place, rule)) = matching {
        match desk.first(&rule.to, rule.dearer) {
            Some(model) if model == asked => return chosen(asked, Why::Already, desk.passed_over),
            Some(model) => return chosen(&model, Why::Rule(place), desk.passed_over),
            None => {}
        }
    }
    let above = matches!((settings.ceiling, price(asked)), (Some(most), Some(cost)) if cost > most);
    if above && let Some(model) = desk.first(&settings.above_ceiling, false) {
        return chosen(&model, Why::Ceiling, desk.passed_over);
    }
    let why = if matching.is_some() || above { Why::NoneLeft } else { Why::NoRule };
    chosen(asked, why, desk.passed_over)
}

impl Rule {
    fn fits(&self, asked: &str, intent: Option<&str>, features: &Features) -> bool {
        let one_of = |list: &[Text], have: Option<&str>| {
            list.is_empty() || list.iter().any(|w| Some(w.as_str()) == have)
        };
        one_of(&self.intents, intent)
            && one_of(&self.asked, Some(asked))
            && self.max_input_tokens.is_none_or(|most| features.input_tokens <= most)
            && self.up_to.is_none_or(|most| features.complexity <= most)
    }
}

struct Desk<'a> {
    asked: &'a str,
    features: &'a Features,
    settings: &'a Settings,
    world: &'a dyn World,
    output: u64,
    passed_over: Vec<(Text, PassedOver)>,
}

impl Desk<'_> {
    /// The first model that can be asked.
    fn first(&mut self, models: &[Text], dearer: bool) -> Option<Text> {
        for model in models {
            match self.obstacle(model, dearer) {
                None => return Some(model.clone()),
                Some(why) => self.passed_over.push((model.clone(), why)),
            }
        }
        None
    }

    fn obstacle(&self, name: &str, dearer: bool) -> Option<PassedOver> {
        // The caller chose it: nothing about it needs to be known.
        if name == self.asked {
            return None;
        }
        let Some(model) = self.settings.models.iter().find(|m| m.name == name) else {
            return Some(PassedOver::Unknown);
        };
        let wants = self.features;
        if wants.input_tokens.saturating_add(self.output) > model.context_tokens {
            return Some(PassedOver::TooLong);
        }
        if wants.tools && !model.tools
            || wants.images && !model.images
            || wants.form && !model.forms
        {
            return Some(PassedOver::Unable);
        }
        if self.world.is_healthy(name) == Some(false) {
            return Some(PassedOver::Failing);
        }
        let cost = |model: &str| self.world.cost(model, wants.input_tokens, self.output);
        let (own, asked) = (cost(name), cost(self.asked));
        match (own, asked) {
            (None, _) if self.settings.ceiling.is_some() || !dearer => Some(PassedOver::Unpriced),
            (_, None) if !dearer => Some(PassedOver::Unpriced),
            (Some(own), Some(asked)) if !dearer && own > asked => Some(PassedOver::Dearer),
            (Some(own), _) if self.settings.ceiling.is_some_and(|most| own > most) => {
                Some(PassedOver::AboveCeiling)
            }
            _ => None,
        }
    }
}
