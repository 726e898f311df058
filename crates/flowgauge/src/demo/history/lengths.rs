//! How long prompts and answers of the past were: as long as those of the live traffic, or every comparison of the demo
//! with its past would find that they grew.
//!
//! Asks application and model for their words; owns none.

use crate::demo::app::{self, ChatRequest, INSTRUCTIONS};
use crate::demo::dice::Dice;
use crate::demo::model_server;
use crate::demo::workload::{SCENARIOS, Scenario};
use std::collections::HashMap;

/// Requests of each kind that are put together and answered: their mean is within a twentieth of all's.
const SAMPLES: usize = 32;

/// Tokens of prompts and answers, by the name of the scenario.
#[derive(Debug)]
pub(super) struct Lengths(HashMap<&'static str, Vec<(u64, u64)>>);

impl Lengths {
    pub(super) fn sample(dice: &mut Dice) -> Self {
        let some = |scenario: Scenario| {
            let each = (0..SAMPLES).filter_map(|_| length(&scenario, dice)).collect();
            (scenario.name, each)
        };
        Self(SCENARIOS.into_iter().map(some).collect())
    }

    /// Tokens of prompt and answer.
    pub(super) fn draw(&self, scenario: &str, dice: &mut Dice) -> (u64, u64) {
        let known = self.0.get(scenario).and_then(|each| dice.pick(each));
        known.copied().unwrap_or_default()
    }
}

fn length(scenario: &Scenario, dice: &mut Dice) -> Option<(u64, u64)> {
    let body = scenario.request(dice, "book-1").to_string();
    let request = ChatRequest::read(body.as_bytes()).ok()?;
    let (complexity, prompt) = app::prompt(&request);
    Some(model_server::tokens(&[INSTRUCTIONS, &prompt], app::limit(complexity)))
}
