//! The demo with all four optimisations on: how FlowReader's operator would set them.
//!
//! Owns these settings (catalogue E.2) and the scoring that shows what they cost in quality.

use super::{LARGE, SMALL};
use crate::config::quality::Quality;
use crate::control::{Control, Wanted};
use crate::logic::call::Text;
use crate::logic::control::model::{Model, Rule};
use crate::logic::control::prompt::Variant;
use crate::logic::control::rollout::{Mechanism, Mode, Share};
use crate::logic::control::state::{Refused, Settings};
use crate::logic::score::sampling::Plan;
use std::sync::Arc;

/// The application's system prompt, and the same in fewer words.
const CONCISE: &str = "Answer briefly from the passages; say so where they do not.";
/// Tokens that the pretend models take.
const CONTEXT: u64 = 16_000;

/// Every answer is scored by flowgauge's own evaluator, but for translations: it does not know whether those are right,
/// and takes their language for a fault.
#[must_use]
pub fn quality() -> Quality {
    let by_intent = vec![(Text::const_new("translate"), 0.0)];
    let plan = Plan { default: 1.0, by_intent, max_per_minute: 0, ..Plan::default() };
    Quality { plan, ..Quality::default() }
}

/// Switches all four on, 5 % of the readers held out of each.
///
/// # Errors
/// The settings contradict each other.
pub async fn switch_on(control: &Arc<Control>) -> Result<(), Refused> {
    let wanted = Wanted::by("demo", "all four optimisations, 5 % held out");
    control.desk.change(&wanted, set).await.map(drop)
}

fn set(settings: &mut Settings) {
    for mechanism in Mechanism::ALL {
        let rollout = settings.rollouts.of_mut(mechanism);
        rollout.mode = Mode::On;
        rollout.holdout = Share::percent(5);
    }
    settings.prompt.variants.push(Variant {
        intents: Vec::new(),
        from: super::app::INSTRUCTIONS.to_owned(),
        to: CONCISE.to_owned(),
    });
    let model = |name: &str| Model {
        name: Text::from(name),
        context_tokens: CONTEXT,
        tools: false,
        images: false,
        forms: false,
    };
    settings.model.models = vec![model(SMALL), model(LARGE)];
    // Translations do not need the dear model: the application's classifier takes their length for difficulty.
    settings.model.rules.push(Rule {
        intents: vec![Text::const_new("translate")],
        asked: vec![Text::from(LARGE)],
        to: vec![Text::from(SMALL)],
        ..Rule::default()
    });
}

#[cfg(test)]
mod tests;
