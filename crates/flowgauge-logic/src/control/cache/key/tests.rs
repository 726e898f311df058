//! One field changed is another request; another order of members is not.

use super::*;
use proptest::prelude::*;
use serde_json::{Map, Value, json};

const SCOPE: Scope<'static> = Scope {
    tenant: Some("acme"),
    credential: "key-1",
    target: "openai",
    path: "/v1/chat/completions",
    headers: &[],
    protocol: Protocol::Chat,
    policy: 7,
};

fn key(scope: &Scope<'_>, body: &str) -> Result<Key, Bypass> {
    exact(scope, &Policy::default(), body.as_bytes())
}

fn chat() -> Value {
    json!({
        "model": "gpt-4o", "temperature": 0.7, "seed": 1, "top_p": 1, "stream": true, "user": "u",
        "stream_options": {"include_usage": true}, "stop": ["a", "b"], "max_tokens": 300,
        "response_format": {"type": "json_schema", "json_schema": {"schema": {"a": {"b": 1}}}},
        "messages": [
            {"role": "system", "content": "Be \u{e9} brief.\n"},
            {"role": "user", "content": [
                {"type": "text", "text": "What is it?"},
                {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
            ]}
        ]
    })
}

/// Every body that differs from `value` in one place: a leaf changed, a member or item left out.
fn neighbours(value: &Value) -> Vec<Value> {
    let mut all = Vec::new();
    match value {
        Value::Object(map) => {
            for (name, inner) in map {
                let with = |new: Option<Value>| {
                    let mut map = map.clone();
                    match new {
                        Some(new) => map.insert(name.clone(), new),
                        None => map.remove(name),
                    };
                    Value::Object(map)
                };
                all.push(with(None));
                all.extend(neighbours(inner).into_iter().map(|n| with(Some(n))));
                let mut renamed = map.clone();
                renamed.remove(name);
                renamed.insert(format!("{name}x"), inner.clone());
                all.push(Value::Object(renamed));
            }
        }
        Value::Array(items) => {
            for (i, inner) in items.iter().enumerate() {
                let mut shorter = items.clone();
                shorter.remove(i);
                all.push(Value::Array(shorter));
                all.extend(neighbours(inner).into_iter().map(|n| {
                    let mut items = items.clone();
                    items[i] = n;
                    Value::Array(items)
                }));
            }
            all.push(Value::Array(items.iter().rev().cloned().collect()));
        }
        Value::String(text) => {
            all.extend([
                json!(format!("{text}x")),
                json!(format!(" {text}")),
                json!(text.to_uppercase()),
                json!(""),
            ]);
        }
        Value::Number(n) => all.extend([json!(n.as_f64().unwrap() + 1.0), json!(n.to_string())]),
        Value::Bool(b) => all.extend([json!(!b), Value::Null]),
        Value::Null => all.push(json!(false)),
    }
    all.retain(|n| n != value);
    all
}

/// Reliability C01: one field of a request changed is a miss.
#[test]
fn any_one_field_changed_is_another_key() {
    let body = chat();
    let own = key(&SCOPE, &body.to_string()).unwrap();
    let all = neighbours(&body);
    assert!(all.len() > 80, "{}", all.len());
    for other in all {
        assert_ne!(key(&SCOPE, &other.to_string()), Ok(own), "{other}");
    }
}

#[test]
fn caller_rules_and_route_are_part_of_the_key() {
    let body = chat().to_string();
    let own = key(&SCOPE, &body);
    let header: [(&str, &[u8]); 1] = [("openai-beta", b"x")];
    for other in [
        Scope { tenant: Some("acme2"), ..SCOPE },
        Scope { tenant: None, ..SCOPE },
        Scope { credential: "key-12", ..SCOPE },
        Scope { target: "azure", ..SCOPE },
        Scope { path: "/v1/chat/completions?x=1", ..SCOPE },
        Scope { headers: &header, ..SCOPE },
        Scope { policy: 8, ..SCOPE },
        Scope { protocol: Protocol::Messages, ..SCOPE },
        // Parts do not run into each other.
        Scope { credential: "key-1openai", target: "", ..SCOPE },
        Scope { tenant: Some(""), ..SCOPE },
    ] {
        assert_ne!(key(&other, &body), own, "{other:?}");
        assert!(key(&other, &body).is_ok());
    }
}

/// Writes a value with its members in another order and other whitespace and escapes.
fn rewritten(value: &Value, turn: usize, out: &mut String) {
    let space = [" ", "", "\n\t"][turn % 3];
    match value {
        Value::Object(map) => {
            let mut members: Vec<_> = map.iter().collect();
            let by = turn % members.len().max(1);
            members.rotate_left(by);
            out.push('{');
            for (i, (name, inner)) in members.iter().enumerate() {
                out.push_str(if i > 0 { "," } else { "" });
                out.push_str(&format!("{space}{}{space}:{space}", json!(name)));
                rewritten(inner, turn + i, out);
            }
            out.push('}');
        }
        Value::Array(items) => {
            out.push('[');
            for (i, inner) in items.iter().enumerate() {
                out.push_str(if i > 0 { "," } else { "" });
                out.push_str(space);
                rewritten(inner, turn + i, out);
            }
            out.push_str(&format!("{space}]"));
        }
        Value::String(text) => {
            out.push('"');
            let mut units = [0; 2];
            for c in text.chars() {
                for unit in c.encode_utf16(&mut units) {
                    out.push_str(&format!("\\u{unit:04x}"));
                }
            }
            out.push('"');
        }
        plain => out.push_str(&plain.to_string()),
    }
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        ".{0,8}".prop_map(Value::from),
        Just(Value::Null),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::btree_map(".{0,4}", inner, 0..4)
                .prop_map(|m| Value::Object(m.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

proptest! {
    #[test]
    fn order_of_members_whitespace_and_escapes_do_not_matter(extra in any_json(), turn in 0usize..9) {
        let mut body = chat();
        body["metadata"] = extra;
        let mut other = String::new();
        rewritten(&body, turn, &mut other);
        prop_assert_eq!(key(&SCOPE, &other), key(&SCOPE, &body.to_string()));
    }

    #[test]
    fn two_different_bodies_have_two_keys(a in any_json(), b in any_json()) {
        let of = |v: &Value| key(&SCOPE, &json!({"model": "m", "metadata": v}).to_string()).unwrap();
        prop_assert_eq!(of(&a) == of(&b), a == b);
    }

    #[test]
    fn any_bytes_have_a_key_or_a_reason(body in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = exact(&SCOPE, &Policy::default(), &body);
        let _ = asked(&SCOPE, &Policy::default(), &body);
    }
}

#[test]
fn what_is_never_answered_from_memory_says_why() {
    let with = |name: &str, value: Value| {
        let mut body = chat();
        body[name] = value;
        key(&SCOPE, &body.to_string()).unwrap_err()
    };
    assert_eq!(with("tools", json!([{"type": "function"}])), Bypass::Tools);
    assert_eq!(with("functions", json!([{}])), Bypass::Tools);
    // Empty means yes here.
    assert_eq!(with("web_search_options", json!({})), Bypass::Tools);
    assert_eq!(with("search_parameters", json!({"mode": "auto"})), Bypass::Tools);
    assert_eq!(with("n", json!(2)), Bypass::SeveralAnswers);
    assert_eq!(with("store", json!(true)), Bypass::Stateful);
    assert_eq!(with("previous_response_id", json!("r")), Bypass::Stateful);
    for message in [
        json!({"role": "tool", "tool_call_id": "c", "content": "x"}),
        json!({"role": "assistant", "content": null, "tool_calls": [{"id": "c"}]}),
        json!({"role": "user", "content": [{"type": "tool_result", "tool_use_id": "c"}]}),
        json!({"type": "function_call_output", "call_id": "c", "output": "x"}),
    ] {
        assert_eq!(with("messages", json!([message])), Bypass::Tools, "{message}");
    }
    assert_eq!(key(&SCOPE, "{\"a\":1,\"a\":1}"), Err(Bypass::Unreadable));
    assert_eq!(key(&SCOPE, "{\"a\":\"\\ud800\"}"), Err(Bypass::Unreadable));
    assert_eq!(key(&SCOPE, "[]"), Err(Bypass::Unreadable));
    let deep = format!("{{\"a\":{}{}}}", "[".repeat(100), "]".repeat(100));
    assert_eq!(key(&SCOPE, &deep), Err(Bypass::Unreadable));
    let large = format!("{{\"a\":\"{}\"}}", "x".repeat(1 << 20));
    assert_eq!(key(&SCOPE, &large), Err(Bypass::TooLarge));
    assert_eq!(key(&Scope { protocol: Protocol::FlowReader, ..SCOPE }, "{}"), Err(Bypass::Route));
    let policy = Policy { max_temperature_milli: Some(500), ..Policy::default() };
    assert_eq!(exact(&SCOPE, &policy, chat().to_string().as_bytes()), Err(Bypass::Temperature));
    assert_eq!(exact(&SCOPE, &policy, b"{\"model\":\"m\"}"), Err(Bypass::Temperature));
    assert!(exact(&SCOPE, &policy, b"{\"temperature\":0.2}").is_ok());
}

#[test]
fn empty_tools_are_none_and_a_default_count_is_one() {
    let mut body = chat();
    body["tools"] = json!([]);
    body["n"] = json!(1);
    assert!(key(&SCOPE, &body.to_string()).is_ok());
}

fn asks(question: &str, system: &str) -> Result<Asked, Bypass> {
    let body = json!({"model": "m", "messages": [
        {"role": "system", "content": system}, {"role": "user", "content": question}
    ]});
    asked(&SCOPE, &Policy::default(), body.to_string().as_bytes())
}

#[test]
fn only_the_last_question_is_left_out_of_the_scope() {
    let one = asks("What is a ferry?", "Be brief.").unwrap();
    assert_eq!(one.question, "What is a ferry?");
    assert_eq!(one.scope, asks("And a boat?", "Be brief.").unwrap().scope);
    assert_ne!(one.scope, asks("What is a ferry?", "Be long.").unwrap().scope);
    let own = key(
        &SCOPE,
        r#"{"model":"m","messages":[{"role":"system","content":"Be brief."},{"role":"user","content":""}]}"#,
    );
    assert_ne!(Ok(one.scope), own);
    let body = br#"{"input":"Hello"}"#;
    let responses = Scope { protocol: Protocol::Responses, ..SCOPE };
    assert_eq!(asked(&responses, &Policy::default(), body).unwrap().question, "Hello");
}

#[test]
fn a_last_turn_that_is_not_one_text_of_the_user_has_no_question() {
    for messages in [
        json!([{"role": "assistant", "content": "x"}]),
        json!([{"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}]),
        json!([{"role": "user", "content": [{"type": "image_url", "image_url": {}}]}]),
        json!([]),
    ] {
        let body = json!({"messages": messages}).to_string();
        assert_eq!(asked(&SCOPE, &Policy::default(), body.as_bytes()), Err(Bypass::NoQuestion));
    }
}
