//! Streams of each family, event by event.

use serde_json::{Value, json};

fn data(value: &Value) -> String {
    format!("data: {value}\n\n")
}

fn named(name: &str, value: &Value) -> String {
    format!("event: {name}\ndata: {value}\n\n")
}

/// Words of content: `word0 `, `word1 `, …
pub(super) fn words(count: usize) -> impl Iterator<Item = String> {
    (0..count).map(|i| format!("word{i} "))
}

/// OpenAI chat completions: a role-only chunk first.
pub(super) fn chat(model: &str, count: usize, usage: bool) -> Vec<String> {
    let chunk = |delta: Value, finish: Value| {
        let mut c = json!({
            "id": "chatcmpl-fixed", "object": "chat.completion.chunk", "created": 1_700_000_000,
            "model": model,
            "choices": [{ "index": 0, "delta": delta, "finish_reason": finish }],
        });
        if usage {
            c["usage"] = Value::Null;
        }
        data(&c)
    };
    let mut all = vec![chunk(json!({ "role": "assistant", "content": "" }), Value::Null)];
    all.extend(words(count).map(|w| chunk(json!({ "content": w }), Value::Null)));
    all.push(chunk(json!({}), json!("stop")));
    if usage {
        all.push(data(&json!({
            "id": "chatcmpl-fixed", "object": "chat.completion.chunk", "created": 1_700_000_000,
            "model": model, "choices": [], "usage": super::answer::openai_usage(count),
        })));
    }
    all.push("data: [DONE]\n\n".to_owned());
    all
}

/// OpenAI legacy completions.
pub(super) fn completions(model: &str, count: usize, usage: bool) -> Vec<String> {
    let chunk = |text: &str, finish: Value| {
        let mut c = json!({
            "id": "cmpl-fixed", "object": "text_completion", "created": 1_700_000_000,
            "model": model, "choices": [{ "index": 0, "text": text, "finish_reason": finish }],
        });
        if usage {
            c["usage"] = Value::Null;
        }
        data(&c)
    };
    let mut all: Vec<_> = words(count).map(|w| chunk(&w, Value::Null)).collect();
    all.push(chunk("", json!("stop")));
    if usage {
        all.push(data(&json!({
            "id": "cmpl-fixed", "object": "text_completion", "created": 1_700_000_000,
            "model": model, "choices": [], "usage": super::answer::openai_usage(count),
        })));
    }
    all.push("data: [DONE]\n\n".to_owned());
    all
}

/// OpenAI responses.
pub(super) fn responses(model: &str, count: usize) -> Vec<String> {
    let done = super::answer::responses(model, count);
    let mut begun = done.clone();
    begun["status"] = json!("in_progress");
    begun["output"] = json!([]);
    begun["usage"] = Value::Null;
    let mut number = 0u64;
    let mut event = |name: &str, mut value: Value| {
        value["type"] = json!(name);
        value["sequence_number"] = json!(number);
        number += 1;
        named(name, &value)
    };
    let mut all = vec![event("response.created", json!({ "response": begun }))];
    for word in words(count) {
        let delta = json!({
            "item_id": "msg_fixed", "output_index": 0, "content_index": 0, "delta": word,
        });
        all.push(event("response.output_text.delta", delta));
    }
    all.push(event("response.completed", json!({ "response": done })));
    all
}

/// Anthropic messages.
pub(super) fn messages(model: &str, count: usize, usage: Option<&Value>) -> Vec<String> {
    let start = json!({
        "type": "message_start",
        "message": {
            "id": "msg_fixed", "type": "message", "role": "assistant", "model": model,
            "content": [], "stop_reason": null, "stop_sequence": null,
            "usage": { "input_tokens": 12, "output_tokens": 1 },
        },
    });
    let block = json!({
        "type": "content_block_start", "index": 0, "content_block": { "type": "text", "text": "" },
    });
    let mut all = vec![named("message_start", &start), named("content_block_start", &block)];
    all.push(named("ping", &json!({ "type": "ping" })));
    for word in words(count) {
        let delta = json!({
            "type": "content_block_delta", "index": 0,
            "delta": { "type": "text_delta", "text": word },
        });
        all.push(named("content_block_delta", &delta));
    }
    all.push(named("content_block_stop", &json!({ "type": "content_block_stop", "index": 0 })));
    let end = json!({
        "type": "message_delta", "delta": { "stop_reason": "end_turn", "stop_sequence": null },
        "usage": usage.cloned().unwrap_or_else(|| json!({ "output_tokens": count })),
    });
    all.push(named("message_delta", &end));
    all.push(named("message_stop", &json!({ "type": "message_stop" })));
    all
}

/// FlowReader's chat stream.
pub(super) fn flowreader(count: usize, cached: bool) -> Vec<String> {
    let sources =
        json!({ "sources": [{ "title": "Selection", "type": "book", "selection": true }] });
    let mut all = vec![named("sources", &sources)];
    all.extend(words(count).map(|w| named("token", &json!({ "token": w }))));
    all.push(named(
        "usage",
        &json!({
            "prompt_tokens": 12, "completion_tokens": count, "total_tokens": 12 + count,
            "cost_usd": 0.001, "model_used": "gpt-4o-mini", "cached": cached,
        }),
    ));
    all.push(named("done", &json!({ "timestamp": "2026-01-01T00:00:00Z" })));
    all
}

/// An error event of the family of a path.
pub(super) fn error(path: &str) -> String {
    if path.starts_with("/v1/messages") {
        let e = json!({
            "type": "error",
            "error": { "type": "overloaded_error", "message": "scripted" },
        });
        named("error", &e)
    } else if path.starts_with("/v1/") {
        data(&json!({ "error": {
            "message": "scripted", "type": "server_error", "param": null, "code": "scripted_error",
        }}))
    } else {
        named("error", &json!({ "code": "scripted_error", "message": "scripted" }))
    }
}
