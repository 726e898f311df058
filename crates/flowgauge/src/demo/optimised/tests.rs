//! What pruning costs in quality, in pairs: the same question with its whole prompt and with the pruned one. Both are
//! scored against all passages, as the gateway does.

use crate::demo::app::{self, ChatRequest};
use crate::demo::dice::Dice;
use crate::demo::workload::{Complexity, Scenario};
use crate::demo::{SMALL, model_server, text};
use crate::logic::call::Protocol;
use crate::logic::control::prune::{Prefix, Settings, prune};
use crate::logic::score::answer::{Answer, Ending};
use crate::logic::score::{material::Material, reference};
use serde_json::{Value, json};

/// Requests drawn of the mix.
const DRAWN: usize = 600;

/// One question, asked twice.
struct Pair {
    whole: f64,
    pruned: f64,
    removed: u64,
}

#[test]
fn pruning_costs_less_than_a_twentieth_of_the_quality() {
    let mut dice = Dice::new(77);
    let scenarios = (0..DRAWN).map(|_| Scenario::draw(&mut dice)).collect::<Vec<_>>();
    let pairs: Vec<Pair> = scenarios.iter().filter_map(|s| pair(s, &mut dice)).collect();
    let mean = |of: fn(&Pair) -> f64| pairs.iter().map(of).sum::<f64>() / pairs.len() as f64;
    let (whole, pruned) = (mean(|p| p.whole), mean(|p| p.pruned));
    assert!(pruned > 0.95 * whole, "{whole} {pruned}");
    let shorter = pairs.iter().filter(|p| p.removed > 0).count();
    assert!(shorter * 5 > pairs.len(), "{shorter} of {}", pairs.len());
}

/// Nothing for translations: the evaluator does not know whether they are right.
fn pair(scenario: &Scenario, dice: &mut Dice) -> Option<Pair> {
    if scenario.intent == "translate" {
        return None;
    }
    let asked = scenario.request(dice, "book-1").to_string();
    let (complexity, prompt) = app::prompt(&ChatRequest::read(asked.as_bytes()).unwrap());
    let message = |role: &str, content: &str| json!({ "role": role, "content": content });
    let messages = [message("system", app::INSTRUCTIONS), message("user", &prompt)];
    let body = json!({ "model": SMALL, "messages": messages }).to_string();
    let settings = Settings::default();
    let count = |words: &str| text::tokens(words);
    let intent = Some(scenario.intent);
    let pruned =
        prune(Protocol::Chat, body.as_bytes(), intent, &settings, Prefix::default(), &count).ok();
    let material = Material::read(Protocol::Chat, body.as_bytes())?;
    let sent = pruned.as_ref().map_or(body.as_bytes(), |p| &p.body);
    let sent: Value = serde_json::from_slice(sent).unwrap();
    Some(Pair {
        whole: quality(&material, &prompt, complexity),
        pruned: quality(&material, sent["messages"][1]["content"].as_str()?, complexity),
        removed: pruned.map_or(0, |p| p.removed.iter().map(|r| r.tokens).sum()),
    })
}

fn quality(material: &Material, prompt: &str, complexity: Complexity) -> f64 {
    let full = model_server::answer_to(prompt);
    let said = text::cut(&full, app::limit(complexity));
    let context: Vec<&str> = material.context.iter().map(String::as_str).collect();
    let ending = if said.len() < full.len() { Ending::CutOff } else { Ending::Complete };
    let question = &material.question;
    let answer = Answer { question, context: &context, text: &said, ending, ..Answer::default() };
    reference::local(&answer).unwrap().quality
}
