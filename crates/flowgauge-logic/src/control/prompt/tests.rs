//! What prompt optimisation promises.

use super::*;
use proptest::prelude::*;
use serde_json::{Value, json};

fn count(text: &str) -> u64 {
    text.chars().count().div_ceil(4) as u64
}

fn run(
    body: &Value,
    intent: Option<&str>,
    settings: &Settings,
) -> Result<(Value, Vec<Step>), Kept> {
    let done = shorten(Protocol::Chat, body.to_string().as_bytes(), intent, settings, &count)?;
    assert!(done.after <= done.before);
    Ok((serde_json::from_slice(&done.body).unwrap(), done.steps))
}

fn chat(system: &str, user: &str) -> Value {
    json!({"model": "m", "messages": [
        {"role": "system", "content": system}, {"role": "user", "content": user}
    ]})
}

fn texts(body: &Value) -> (&str, &str) {
    (
        body["messages"][0]["content"].as_str().unwrap(),
        body["messages"][1]["content"].as_str().unwrap(),
    )
}

#[test]
fn blanks_and_instructions_said_twice_go() {
    let system = "You are a  reader's guide.   \nAlways answer in plain English.\n\n\n\nCite the page. \
                  always answer in plain English!\n";
    let (body, steps) = run(&chat(system, "Why  so?"), None, &Settings::default()).unwrap();
    let want = "You are a reader's guide.\nAlways answer in plain English.\n\nCite the page.";
    assert_eq!(texts(&body), (want, "Why so?"));
    assert_eq!(steps, [Step::Repeated, Step::Whitespace]);
}

#[test]
fn protected_text_stays_as_it_is() {
    for text in [
        "Use ```\nif  x:\n    y\n``` only.",
        "Answer {\"a\":  1,  \"b\": [1,  2]} exactly.",
        "Say \"two  blanks\" now.",
        "a   b   c\n1   2   3",
        "| a | b |\n| 1  | 2 |",
        "  indented\n    more",
        "1. Answer in plain English please.\n2. Answer in plain English please.",
        "Say `Answer in plain English please.` Say `Answer in plain English please.`",
        "Add 5 to every total. Add -5 to every total.",
        "Keep values > 5 of the list. Keep values < 5 of the list.",
        "Write it in C for me. Write it in C++ for me.",
        "Give the value of X first. Give the value of x first.",
        "For children:\nAnswer in plain short words.\nFor experts:\nAnswer in plain short words.",
        "User: Is it late?\nBot: Please wait a moment.\nUser: Is it lost?\nBot: Please wait a moment.",
    ] {
        assert_eq!(
            run(&chat(text, "Why?"), None, &Settings::default()),
            Err(Kept::Nothing),
            "{text}"
        );
    }
}

#[test]
fn the_operators_variant_is_sent_word_by_word_for_its_intents_only() {
    let variant = Variant {
        intents: vec!["translate".into()],
        from: "You are a very long prompt indeed.".to_owned(),
        to: "Translate  it.".to_owned(),
    };
    let settings = Settings { variants: vec![variant], ..Settings::default() };
    let body = chat(" You are a very long prompt indeed.\n", "Hi");
    let (new, steps) = run(&body, Some("translate"), &settings).unwrap();
    assert_eq!((texts(&new).0, steps), ("Translate  it.", vec![Step::Variant]));
    let (other, _) = run(&body, Some("explain"), &settings).unwrap();
    assert!(texts(&other).0.contains("very long"));
}

#[test]
fn a_long_text_loses_paragraphs_of_its_middle_and_never_the_question() {
    let middle = ["One. ".repeat(40), "Two. ".repeat(40), "Really? ".repeat(10)].join("\n\n");
    let user = format!("A text follows.\n\n{middle}\n\nWhat does it say about boats");
    let settings = Settings { max_user_tokens: Some(100), ..Settings::default() };
    let (body, steps) = run(&chat("s", &user), None, &settings).unwrap();
    let said = texts(&body).1;
    assert!(said.starts_with("A text follows.") && said.ends_with("about boats"), "{said}");
    assert!(said.contains("Really?") && said.contains("One.") && !said.contains("Two."), "{said}");
    assert!(steps.contains(&Step::Paragraphs));
    // Where paragraphs do not suffice, nothing is cut.
    let settings = Settings { max_user_tokens: Some(10), whitespace: false, ..Settings::default() };
    assert_eq!(
        run(&chat("s", &user.replace("\n\n", "\n").replace(". ", ".")), None, &settings),
        Err(Kept::Nothing)
    );
}

#[test]
fn an_answers_limit_is_lowered_and_never_raised() {
    let settings = Settings { max_answer_tokens: Some(400), ..Settings::default() };
    let limits: Vec<_> =
        [Some("definition"), None, Some("analyze")].map(|i| settings.answer_limit(i)).into();
    assert_eq!(limits, [Some(280), Some(400), Some(480)]);
    let mut body = chat("s", "u");
    assert_eq!(run(&body, None, &settings), Err(Kept::Nothing));
    body["max_tokens"] = json!(1000);
    assert_eq!(run(&body, Some("define"), &settings).unwrap().0["max_tokens"], 280);
    body["max_tokens"] = json!(100);
    assert_eq!(run(&body, None, &settings), Err(Kept::Nothing));
    body["max_tokens"] = Value::Null;
    let insert = Settings { insert: Insert::MaxCompletionTokens, ..settings.clone() };
    assert_eq!(run(&body, None, &insert).unwrap().0["max_completion_tokens"], 400);
    body["response_format"] = json!({"type": "json_object"});
    assert_eq!(run(&body, None, &insert), Err(Kept::Nothing));
}

#[test]
fn a_marked_prompt_and_an_unread_one_stay() {
    let marked = json!({"messages": [{"role": "user", "content": [
        {"type": "text", "text": "a  b", "cache_control": {"type": "ephemeral"}}
    ]}]});
    assert_eq!(run(&marked, None, &Settings::default()), Err(Kept::Marked));
    assert_eq!(run(&json!({"messages": "x"}), None, &Settings::default()), Err(Kept::Unread));
}

proptest! {
    #[test]
    fn no_word_is_lost_and_protected_spans_stay(text in "([a-z]{1,5}| {1,4}|\n{1,4}|\"[a-z ]{0,5}\"|`[a-z ]{0,5}`|\\{[a-z ]{0,5}\\}|[.!?']){1,30}") {
        if let Some(new) = tidy::blanks(&text) {
            let words = |t: &str| t.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
            prop_assert_eq!(words(&new), words(&text));
            let kept = |t: &str| spans::protected(t).into_iter().map(|s| t[s].to_owned()).collect::<Vec<_>>();
            prop_assert_eq!(kept(&new), kept(&text));
        }
    }

    #[test]
    fn shortening_twice_is_shortening_once(system in "[a-z .\n]{0,80}", user in "[a-z ?\n\"{}]{1,60}") {
        let body = chat(&system, &user);
        if let Ok((once, _)) = run(&body, None, &Settings::default()) {
            prop_assert_eq!(run(&once, None, &Settings::default()), Err(Kept::Nothing));
        }
    }
}
