//! Counts against published ones.

use super::*;
use crate::config::TokenizerFile;
use proptest::prelude::*;
use serde_json::json;

fn built_in() -> Vocabularies {
    Vocabularies::new(&[]).unwrap()
}

fn input(model: &str, protocol: Protocol, body: &serde_json::Value) -> Option<u64> {
    let body = body.to_string();
    let produced = Produced::default();
    let order =
        Order { protocol, model: Some(model), request: Some(body.as_bytes()), produced: &produced };
    built_in().usage(&order).input_total().map(|t| t.0)
}

/// Figures of OpenAI's cookbook, "How to count tokens with tiktoken".
#[test]
fn texts_count_as_tiktoken_counts_them() {
    let vocabularies = built_in();
    for (model, text, tokens) in [
        ("gpt-4", "tiktoken is great!", 6),
        ("gpt-4", "antidisestablishmentarianism", 6),
        ("gpt-4o", "antidisestablishmentarianism", 6),
        ("gpt-4", "2 + 2 = 4", 7),
        ("gpt-4o", "2 + 2 = 4", 7),
        ("gpt-4", "お誕生日おめでとう", 9),
        ("gpt-4o", "お誕生日おめでとう", 8),
        ("gpt-4o", "", 0),
    ] {
        assert_eq!(vocabularies.of(model).count(text), tokens, "{model} {text:?}");
    }
}

/// The same cookbook's conversation, for which OpenAI billed these prompt tokens.
#[test]
fn a_conversation_counts_as_openai_bills_it() {
    let says =
        |name: &str, content: &str| json!({ "role": "system", "name": name, "content": content });
    let body = json!({ "messages": [
        {
            "role": "system",
            "content": "You are a helpful, pattern-following assistant that translates corporate jargon into plain English.",
        },
        says("example_user", "New synergies will help drive top-line growth."),
        says("example_assistant", "Things working well together will increase revenue."),
        says("example_user", "Let's circle back when we have more bandwidth to touch base on opportunities for increased leverage."),
        says("example_assistant", "Let's talk later when we're less busy about how to do better."),
        {
            "role": "user",
            "content": "This late pivot means we don't have time to boil the ocean for the client deliverable.",
        },
    ]});
    assert_eq!(input("gpt-3.5-turbo", Protocol::Chat, &body), Some(129));
    assert_eq!(input("gpt-4", Protocol::Chat, &body), Some(129));
    assert_eq!(input("gpt-4o", Protocol::Chat, &body), Some(124));
}

#[test]
fn every_family_s_request_is_counted() {
    let text = "tiktoken is great!";
    let said = built_in().of("gpt-4").count(text);
    let user = built_in().of("gpt-4").count("user");
    let parts = json!([{ "type": "text", "text": text }, { "type": "image_url", "image_url": {} }]);
    for (protocol, body, tokens) in [
        (Protocol::Completions, json!({ "prompt": text }), said),
        (Protocol::Completions, json!({ "prompt": [text, text] }), 2 * said),
        (Protocol::Embeddings, json!({ "input": [[1, 2, 3], [4]] }), 4),
        (Protocol::Embeddings, json!({ "input": [5, 6, 7] }), 3),
        (Protocol::Responses, json!({ "input": text }), said + 6),
        (Protocol::Messages, json!({ "system": text, "messages": [] }), said + 6),
        (
            Protocol::Chat,
            json!({ "messages": [{ "role": "user", "content": parts }] }),
            said + user + 6,
        ),
    ] {
        assert_eq!(input("gpt-4", protocol, &body), Some(tokens), "{body}");
    }
    assert_eq!(input("gpt-4", Protocol::Chat, &json!([])), None);
}

#[test]
fn what_was_not_kept_of_an_answer_counts_like_what_was() {
    let text = "tiktoken is great! ".repeat(10);
    let kept = Produced { bytes: text.len() as u64, text, ..Produced::default() };
    let vocabularies = built_in();
    let gpt = vocabularies.of("gpt-4");
    let longer = Produced { bytes: 3 * kept.bytes, text: kept.text.clone(), ..Produced::default() };
    assert_eq!(produced(&gpt, &longer), 3 * produced(&gpt, &kept));
}

#[test]
fn a_file_of_the_user_s_counts_its_models_and_a_broken_one_falls_back() {
    let dir = tempfile::tempdir().unwrap();
    let words = dir.path().join("tokenizer.json");
    let vocabulary = json!({
        "version": "1.0", "truncation": null, "padding": null, "added_tokens": [],
        "normalizer": null, "pre_tokenizer": { "type": "Whitespace" }, "post_processor": null,
        "decoder": null,
        "model": { "type": "WordLevel", "vocab": { "[UNK]": 0, "hello": 1 }, "unk_token": "[UNK]" },
    });
    std::fs::write(&words, vocabulary.to_string()).unwrap();
    let broken = dir.path().join("broken.json");
    std::fs::write(&broken, "{").unwrap();
    let file = |model: &str, file: &std::path::Path| TokenizerFile {
        model: model.into(),
        file: file.into(),
    };
    let vocabularies =
        Vocabularies::new(&[file("llama-*", &words), file("mistral", &broken)]).unwrap();
    let text = "hello antidisestablishmentarianism hello";
    assert_eq!(vocabularies.of("llama-3").count(text), 3);
    assert_eq!(vocabularies.of("mistral").count(text), vocabularies.of("gpt-4o").count(text));
}

proptest! {
    #[test]
    fn any_request_and_any_answer_are_counted_or_refused(
        request in proptest::collection::vec(any::<u8>(), 0..200),
        text in ".{0,200}",
        bytes in any::<u64>(),
    ) {
        let vocabularies = built_in();
        let produced = Produced { text: text.clone(), bytes, ..Produced::default() };
        for protocol in Protocol::ALL {
            for model in ["gpt-4", "gpt-4o"] {
                let body = json!({ "messages": [{ "content": text, "role": [] }], "prompt": text });
                for request in [&request[..], body.to_string().as_bytes()] {
                    let order = Order {
                        protocol: *protocol,
                        model: Some(model),
                        request: Some(request),
                        produced: &produced,
                    };
                    prop_assert_eq!(vocabularies.usage(&order).source, UsageSource::Estimated);
                }
            }
        }
    }
}
