//! What model selection promises.

use super::*;
use crate::call::Protocol;
use serde_json::{Value, json};

struct Fixed;

impl World for Fixed {
    fn is_healthy(&self, model: &str) -> Option<bool> {
        (model == "sick").then_some(false)
    }
    fn cost(&self, model: &str, input: u64, output: u64) -> Option<NanoUsd> {
        let rate = match model {
            "small" => 1,
            "large" | "sick" => 20,
            "huge" => 100,
            _ => return None,
        };
        i64::try_from(rate * (input + output)).ok().map(NanoUsd)
    }
}

fn model(name: &str, able: bool) -> Model {
    Model { name: name.into(), context_tokens: 8_000, tools: able, images: able, forms: able }
}

fn settings() -> Settings {
    Settings {
        models: vec![
            model("small", false),
            model("large", true),
            model("huge", true),
            model("sick", true),
        ],
        rules: vec![Rule {
            intents: vec!["translate".into()],
            up_to: Some(Complexity::Simple),
            to: vec!["free".into(), "sick".into(), "small".into()],
            ..Rule::default()
        }],
        when_failing: vec!["large".into()],
        ..Settings::default()
    }
}

fn features(body: &Value) -> Features {
    Features::read(Protocol::Chat, body.to_string().as_bytes(), &|t| t.len().div_ceil(4) as u64)
        .unwrap()
}

fn say(text: &str) -> Value {
    json!({"messages": [{"role": "user", "content": text}]})
}

fn serve(asked: &str, intent: &str, body: &Value, settings: &Settings) -> Choice {
    choose(asked, Some(intent), &features(body), settings, &Fixed)
}

#[test]
fn a_translation_goes_to_the_cheap_model_however_long_its_selection_is() {
    let body = say(&format!(
        "<context>{}</context>Translate the selection.",
        "Why compare? Prove it. ".repeat(60)
    ));
    let choice = serve("large", "translate", &body, &settings());
    assert_eq!((choice.served.as_str(), choice.why), ("small", Why::Rule(0)));
    let over: Vec<_> = choice.passed_over.iter().map(|(m, w)| (m.as_str(), *w)).collect();
    assert_eq!(over, [("free", PassedOver::Unknown), ("sick", PassedOver::Failing)]);
    assert!(choice.changes());
}

#[test]
fn without_a_fitting_rule_the_caller_gets_what_it_asked_for() {
    let choice = serve("large", "explain", &say("Explain it."), &settings());
    assert_eq!(
        (choice.served.as_str(), choice.why, choice.changes()),
        ("large", Why::NoRule, false)
    );
}

#[test]
fn a_model_that_cannot_do_what_is_asked_is_passed_over() {
    let mut body = say("Translate.");
    body["tools"] = json!([{"type": "function"}]);
    let choice = serve("large", "translate", &body, &settings());
    assert_eq!((choice.served.as_str(), choice.why), ("large", Why::NoneLeft));
    assert!(choice.passed_over.contains(&("small".into(), PassedOver::Unable)));
    let long = say(&format!("<doc>{}</doc>Translate.", "x".repeat(40_000)));
    let choice = serve("large", "translate", &long, &settings());
    assert!(choice.passed_over.contains(&("small".into(), PassedOver::TooLong)));
}

#[test]
fn a_dearer_or_unpriced_model_needs_the_rules_leave() {
    let mut settings = settings();
    settings.rules = vec![Rule { to: vec!["large".into()], ..Rule::default() }];
    let choice = serve("small", "x", &say("Hi"), &settings);
    assert_eq!(choice.passed_over, [("large".into(), PassedOver::Dearer)]);
    let choice = serve("private", "x", &say("Hi"), &settings);
    assert_eq!(choice.passed_over, [("large".into(), PassedOver::Unpriced)]);
    settings.rules[0].dearer = true;
    assert_eq!(serve("small", "x", &say("Hi"), &settings).served, "large");
    assert_eq!(serve("large", "x", &say("Hi"), &settings).why, Why::Already);
}

#[test]
fn above_the_ceiling_a_cheaper_model_is_asked_and_a_failing_provider_is_left() {
    let mut settings = settings();
    settings.ceiling = Some(NanoUsd(20_000));
    settings.above_ceiling = vec!["large".into(), "small".into()];
    let choice = serve("huge", "x", &say("Hi"), &settings);
    assert_eq!((choice.served.as_str(), choice.why), ("large", Why::Ceiling));
    let choice = serve("sick", "x", &say("Hi"), &settings);
    assert_eq!((choice.served.as_str(), choice.why), ("large", Why::Failing));
}

#[test]
fn complexity_is_that_of_the_question() {
    let of = |text: &str| features(&say(text)).complexity;
    assert_eq!(of("What is a ferry?"), Complexity::Simple);
    assert_eq!(of("Why is the harbour closed?"), Complexity::Medium);
    assert_eq!(of("Compare both and prove which is faster."), Complexity::Complex);
    assert_eq!(of("Fix ```let x = 1;```"), Complexity::Complex);
    assert_eq!(of(&"word ".repeat(151)), Complexity::Complex);
    assert_eq!(of(&format!("<doc>{}</doc>Who?", "Why compare? ".repeat(99))), Complexity::Simple);
}

#[test]
fn what_is_no_text_counts_as_a_picture() {
    let body = json!({"max_tokens": 9, "messages": [{"role": "user", "content": [
        {"type": "text", "text": "What is it?"}, {"type": "image_url", "image_url": {}}
    ]}]});
    let features = features(&body);
    assert!(features.images && !features.tools && !features.form);
    assert_eq!(features.max_answer_tokens, Some(9));
    assert!(Features::read(Protocol::Chat, b"{}", &|_| 0).is_none());
}
