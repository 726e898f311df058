//! Unstreamed answers of each family.

use serde_json::{Value, json};

use super::events::words;

fn text(count: usize) -> String {
    words(count).collect()
}

/// Usage of a chat completion of so many words.
pub(super) fn openai_usage(count: usize) -> Value {
    json!({
        "prompt_tokens": 12, "completion_tokens": count, "total_tokens": 12 + count,
        "prompt_tokens_details": { "cached_tokens": 4, "audio_tokens": 0 },
        "completion_tokens_details": { "reasoning_tokens": 0, "audio_tokens": 0 },
    })
}

pub(super) fn chat(model: &str, count: usize) -> Value {
    json!({
        "id": "chatcmpl-fixed", "object": "chat.completion", "created": 1_700_000_000,
        "model": model,
        "choices": [{
            "index": 0, "finish_reason": "stop",
            "message": { "role": "assistant", "content": text(count), "refusal": null },
        }],
        "usage": openai_usage(count),
    })
}

pub(super) fn completions(model: &str, count: usize) -> Value {
    json!({
        "id": "cmpl-fixed", "object": "text_completion", "created": 1_700_000_000, "model": model,
        "choices": [{ "index": 0, "finish_reason": "stop", "text": text(count), "logprobs": null }],
        "usage": openai_usage(count),
    })
}

pub(super) fn embeddings(model: &str) -> Value {
    json!({
        "object": "list", "model": model,
        "data": [{ "object": "embedding", "index": 0, "embedding": [0.5, -0.25, 0.125] }],
        "usage": { "prompt_tokens": 5, "total_tokens": 5 },
    })
}

pub(super) fn responses(model: &str, count: usize) -> Value {
    json!({
        "id": "resp_fixed", "object": "response", "created_at": 1_700_000_000,
        "status": "completed", "model": model, "error": null, "incomplete_details": null,
        "instructions": null, "metadata": {}, "parallel_tool_calls": true, "temperature": 1.0,
        "tool_choice": "auto", "tools": [], "top_p": 1.0,
        "output": [{
            "type": "message", "id": "msg_fixed", "status": "completed", "role": "assistant",
            "content": [{ "type": "output_text", "text": text(count), "annotations": [] }],
        }],
        "usage": {
            "input_tokens": 12, "input_tokens_details": { "cached_tokens": 4 },
            "output_tokens": count, "output_tokens_details": { "reasoning_tokens": 0 },
            "total_tokens": 12 + count,
        },
    })
}

pub(super) fn messages(model: &str, count: usize, usage: Option<&Value>) -> Value {
    let usual = || json!({ "input_tokens": 12, "output_tokens": count });
    json!({
        "id": "msg_fixed", "type": "message", "role": "assistant", "model": model,
        "content": [{ "type": "text", "text": text(count) }],
        "stop_reason": "end_turn", "stop_sequence": null,
        "usage": usage.cloned().unwrap_or_else(usual),
    })
}

pub(super) fn models() -> Value {
    json!({ "object": "list", "data": [
        { "id": "gpt-4o-mini", "object": "model", "created": 1_700_000_000, "owned_by": "scripted" },
    ]})
}

/// The error of a provider that does not know `stream_options`.
pub(super) fn refused_option() -> Value {
    json!({ "error": {
        "message": "Unrecognized request argument supplied: stream_options",
        "type": "invalid_request_error", "param": "stream_options", "code": "unknown_parameter",
    }})
}

/// An error of a status, in the family of a path.
pub(super) fn error(path: &str, status: u16) -> Value {
    let (kind, code) = match status {
        429 => ("rate_limit_error", "rate_limit_exceeded"),
        500.. => ("server_error", "scripted_error"),
        _ => ("invalid_request_error", "scripted_refusal"),
    };
    if path.starts_with("/v1/messages") {
        json!({ "type": "error", "error": { "type": kind, "message": "scripted" } })
    } else {
        json!({ "error": { "message": "scripted", "type": kind, "param": null, "code": code } })
    }
}
