//! What pruning promises.

use super::*;
use proptest::prelude::*;
use serde_json::{Value, json};

/// Four characters a token, the application's own estimate (catalogue E.3).
fn count(text: &str) -> u64 {
    text.chars().count().div_ceil(4) as u64
}

fn run(body: &Value, settings: &Settings) -> Result<Pruned, Kept> {
    prune(Protocol::Chat, body.to_string().as_bytes(), None, settings, Prefix::default(), &count)
}

const QUESTION: &str = "\nQuestion: When does the ferry leave the harbour?";

fn asking(passages: &[&str]) -> Value {
    let context: Vec<String> = passages.iter().map(|p| format!("<doc>{p}</doc>")).collect();
    json!({"model": "m", "messages": [
        {"role": "system", "content": "Answer from the documents."},
        {"role": "user", "content": format!("{}{QUESTION}", context.join("\n"))}
    ]})
}

fn user(pruned: &Pruned) -> String {
    let body: Value = serde_json::from_slice(&pruned.body).unwrap();
    body["messages"].as_array().unwrap().last().unwrap()["content"].as_str().unwrap().to_owned()
}

const PASSAGES: [&str; 5] = [
    "The harbour was built by the old king.",
    "The ferry leaves the harbour at noon, said the captain.",
    "Bread is baked every morning.",
    "The ferry leaves the harbour at noon, said the captain!",
    "A ferry is a boat.",
];

#[test]
fn duplicates_and_what_matters_least_go_and_the_question_stays() {
    let settings = Settings { top_k: 2, ..Settings::default() };
    let pruned = run(&asking(&PASSAGES), &settings).unwrap();
    let said = user(&pruned);
    assert!(said.ends_with(QUESTION), "{said}");
    assert!(said.contains("at noon") && !said.contains("Bread"), "{said}");
    let why: Vec<(usize, Because)> = pruned.removed.iter().map(|r| (r.place, r.because)).collect();
    assert!(why.contains(&(3, Because::Duplicate)) && why.contains(&(2, Because::TopK)), "{why:?}");
    assert!(pruned.after < pruned.before);
}

#[test]
fn the_token_limit_follows_the_intent_and_the_best_passage_stays_even_above_it() {
    let settings = Settings { context_tokens: 10, top_k: 9, ..Settings::default() };
    let pruned = run(&asking(&PASSAGES), &settings).unwrap();
    assert!(user(&pruned).contains("at noon"));
    assert!(pruned.removed.iter().any(|r| r.because == Because::Limit));
    let of = |intent| Settings::default().limit(intent);
    assert_eq!((of(Some("simple")), of(Some("explain")), of(Some("analyze"))), (900, 1_500, 1_800));
    assert_eq!((of(Some("definition")), of(None)), (900, 1_500));
}

#[test]
fn a_text_that_is_asked_about_leaves_room_for_what_is_said_of_it() {
    let handed_in =
        "The ferry leaves the harbour at noon, said the captain. Bread is baked every morning.";
    let passages = [
        "The ferry leaves the harbour at noon, said the captain.",
        "Bread is baked every morning.",
        "The captain of the ferry was born in the harbour.",
        "Salt is sold on Mondays.",
    ];
    let context: Vec<String> = passages.iter().map(|p| format!("<doc>{p}</doc>")).collect();
    let say = format!("{}\nExplain: {handed_in}", context.join("\n"));
    let body = json!({"messages": [{"role": "user", "content": say}]});
    let pruned = run(&body, &Settings { top_k: 1, ..Settings::default() }).unwrap();
    let gone: Vec<usize> = pruned.removed.iter().map(|r| r.place).collect();
    assert_eq!(gone, [3]);
}

#[test]
fn on_any_doubt_the_request_stays_as_it_came() {
    let settings = Settings { top_k: 1, ..Settings::default() };
    let say = |content: &str| json!({"messages": [{"role": "user", "content": content}]});
    assert_eq!(run(&say("Why?"), &settings), Err(Kept::NoContext));
    assert_eq!(run(&say("<doc>a</doc><doc>b</doc>"), &settings), Err(Kept::NoQuestion));
    assert_eq!(
        run(&say("<doc>bread</doc><doc>salt</doc>Why?"), &settings),
        Err(Kept::NoneRelevant)
    );
    assert_eq!(run(&say("<doc>bread</doc>Why bread?"), &settings), Err(Kept::Fits));
    assert_eq!(
        run(&json!({"messages": [{"role": "tool", "tool_call_id": "1"}]}), &settings),
        Err(Kept::Unread)
    );
    assert_eq!(run(&json!([]), &settings), Err(Kept::Unread));
    let twice = br#"{"messages":[],"messages":[]}"#;
    assert_eq!(
        prune(Protocol::Chat, twice, None, &settings, Prefix::default(), &count),
        Err(Kept::Unread)
    );
}

#[test]
fn every_byte_outside_the_changed_text_stays() {
    let body = asking(&PASSAGES)
        .to_string()
        .replace("\"model\":\"m\"", "\"model\" : \"m\", \"seed\":1.50");
    let settings = Settings { top_k: 1, ..Settings::default() };
    let pruned =
        prune(Protocol::Chat, body.as_bytes(), None, &settings, Prefix::default(), &count).unwrap();
    let out = String::from_utf8(pruned.body).unwrap();
    let from = body.find("<doc>").unwrap();
    assert_eq!(out[..from], body[..from]);
    assert_eq!(out[out.len() - 40..], body[body.len() - 40..]);
}

#[test]
fn a_prompt_cache_worth_more_than_the_saving_is_kept() {
    let mut body = asking(&PASSAGES);
    let long = "Rules. ".repeat(400);
    body["messages"][0]["content"] = json!(format!("<doc>Bread.</doc><doc>The ferry.</doc>{long}"));
    let settings = Settings { top_k: 1, ..Settings::default() };
    let with = |tokens, price_milli| {
        let prefix = Prefix { tokens, price_milli };
        prune(Protocol::Chat, body.to_string().as_bytes(), None, &settings, prefix, &count)
    };
    assert_eq!(with(700, 100), Err(Kept::Prefix));
    assert!(with(0, 100).is_ok() && with(700, 1_000).is_ok());
    body["messages"][1]["content"] = json!([
        {"type": "text", "text": "<doc>Bread.</doc><doc>The ferry.</doc> Which ferry?", "cache_control": {"type": "ephemeral"}}
    ]);
    assert_eq!(run(&body, &settings), Err(Kept::Marked));
}

#[test]
fn a_prompt_cache_before_the_change_costs_nothing() {
    let mut body = asking(&PASSAGES);
    body["messages"][0]["content"] = json!("Rules. ".repeat(400));
    let prefix = Prefix { tokens: 700, price_milli: 100 };
    let settings = Settings { top_k: 1, ..Settings::default() };
    assert!(
        prune(Protocol::Chat, body.to_string().as_bytes(), None, &settings, prefix, &count).is_ok()
    );
}

/// Whether a provider would take these messages: each result right behind its calls, none left open.
fn is_legal(messages: &[Value]) -> bool {
    let mut open: Vec<&str> = Vec::new();
    for m in messages {
        match m["role"].as_str().unwrap() {
            "tool" => {
                let id = m["tool_call_id"].as_str().unwrap();
                let Some(at) = open.iter().position(|o| *o == id) else { return false };
                open.remove(at);
            }
            _ if !open.is_empty() => return false,
            _ => {}
        }
        for call in m["tool_calls"].as_array().into_iter().flatten() {
            open.push(call["id"].as_str().unwrap());
        }
    }
    open.is_empty()
}

fn turn(id: usize, calls: usize, words: usize) -> Vec<Value> {
    let mut turn = vec![json!({"role": "user", "content": "ask ".repeat(words)})];
    if calls > 0 {
        let list: Vec<Value> =
            (0..calls).map(|c| json!({"id": format!("{id}-{c}"), "type": "function"})).collect();
        turn.push(json!({"role": "assistant", "content": null, "tool_calls": list}));
        turn.extend((0..calls).rev().map(|c| {
            json!({"role": "tool", "tool_call_id": format!("{id}-{c}"), "content": "result ".repeat(words)})
        }));
    }
    turn.push(json!({"role": "assistant", "content": "done"}));
    turn
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 10_000, ..ProptestConfig::default() })]

    #[test]
    fn a_trimmed_history_is_legal_and_keeps_system_and_last_turn(
        turns in proptest::collection::vec((0usize..4, 1usize..30), 1..40), limit in 0u64..2_000, ends in any::<bool>(),
    ) {
        let mut messages = vec![json!({"role": "system", "content": "Be brief."})];
        for (id, (calls, words)) in turns.iter().enumerate() {
            messages.extend(turn(id, *calls, *words));
        }
        // The last turn may be in the middle of using tools.
        let last = messages.iter().rposition(|m| m["role"] == "user").unwrap();
        if ends { messages.truncate(last + 1); }
        let body = json!({"messages": messages});
        let settings = Settings { history_tokens: Some(limit), ..Settings::default() };
        match run(&body, &settings) {
            Err(why) => prop_assert_eq!(why, Kept::Fits),
            Ok(pruned) => {
                let out: Value = serde_json::from_slice(&pruned.body).unwrap();
                let left = out["messages"].as_array().unwrap();
                prop_assert!(is_legal(left));
                prop_assert_eq!(&left[0], &messages[0]);
                prop_assert!(left.ends_with(&messages[last..]));
                prop_assert!(left.len() < messages.len());
                prop_assert!(pruned.after <= limit || left.len() == 1 + messages.len() - last);
            }
        }
    }

    #[test]
    fn the_question_is_never_cut(
        passages in proptest::collection::vec("[a-z ]{0,60}", 1..8), question in "[a-zA-Z ?é\"]{1,80}",
        top_k in 0usize..4, limit in 0u64..60,
    ) {
        let context: Vec<String> = passages.iter().map(|p| format!("<doc>{p}</doc>")).collect();
        let content = format!("Rules first.{}{question}", context.join("\n"));
        let body = json!({"messages": [{"role": "user", "content": content}]});
        let settings = Settings { top_k, context_tokens: limit, ..Settings::default() };
        if let Ok(pruned) = run(&body, &settings) {
            let said = user(&pruned);
            prop_assert!(said.starts_with("Rules first.") && said.ends_with(&question), "{}", said);
            prop_assert!(said.contains("<doc>"), "{}", said);
        }
    }
}

/// Scenario 18: six hundred messages full of tools.
#[test]
fn a_conversation_of_six_hundred_messages_stays_legal_and_keeps_its_last_turn() {
    let mut messages = vec![json!({"role": "system", "content": "Be brief."})];
    let mut id = 0;
    while messages.len() < 600 {
        messages.extend(turn(id, id % 4, 5 + id % 20));
        id += 1;
    }
    let last = messages.iter().rposition(|m| m["role"] == "user").unwrap();
    let body = json!({"messages": messages});
    for limit in [0, 500, 2_000, 5_000] {
        let settings = Settings { history_tokens: Some(limit), ..Settings::default() };
        let pruned = run(&body, &settings).unwrap();
        let out: Value = serde_json::from_slice(&pruned.body).unwrap();
        let left = out["messages"].as_array().unwrap();
        assert!(is_legal(left) && left.len() < messages.len(), "{limit}");
        assert!(left[0] == messages[0] && left.ends_with(&messages[last..]), "{limit}");
        assert!(pruned.after <= limit, "{limit}: {}", pruned.after);
    }
}

#[test]
fn the_two_other_families_are_pruned_alike() {
    let content = format!("<doc>{}</doc><doc>{}</doc>{QUESTION}", PASSAGES[1], PASSAGES[2]);
    let settings = Settings { top_k: 1, ..Settings::default() };
    for (protocol, body) in [
        (
            Protocol::Messages,
            json!({"system": "s", "messages": [{"role": "user", "content": content}]}),
        ),
        (Protocol::Responses, json!({"input": content})),
        (
            Protocol::Responses,
            json!({"input": [{"role": "user", "content": [{"type": "input_text", "text": content}]}]}),
        ),
    ] {
        let pruned = prune(
            protocol,
            body.to_string().as_bytes(),
            None,
            &settings,
            Prefix::default(),
            &count,
        )
        .unwrap();
        let out = String::from_utf8(pruned.body).unwrap();
        assert!(out.contains("noon") && !out.contains("Bread"), "{out}");
    }
}
