//! Streams and bodies in the shapes providers send, read in every way they can be cut.

use super::*;
use crate::call::{InputTokens, OutputTokens, UsageSource};
use crate::unit::Tokens;

/// Feeds a whole stream in pieces of `size` bytes, all at the same moment.
fn read(protocol: Protocol, stream: &str, size: usize) -> Observed {
    let mut observer = Observer::new(protocol, true);
    for piece in stream.as_bytes().chunks(size.max(1)) {
        observer.feed(piece, Micros(7));
    }
    observer.finish(true)
}

fn whole(protocol: Protocol, body: &str) -> Observed {
    let mut observer = Observer::new(protocol, false);
    observer.feed(body.as_bytes(), Micros(7));
    observer.finish(true)
}

const CHAT: &str = concat!(
    "data: {\"id\":\"c-1\",\"object\":\"chat.completion.chunk\",\"model\":\"gpt-4o-2024-08-06\",\"service_tier\":\"default\",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\",\"refusal\":null},\"logprobs\":null,\"finish_reason\":null}],\"usage\":null,\"obfuscation\":\"aB3\"}\n\n",
    ": keep-alive\n\n",
    "data: {\"id\":\"c-1\",\"model\":\"gpt-4o-2024-08-06\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"H\\u00e9 \\\"ø\"},\"finish_reason\":null}],\"usage\":null}\n\n",
    "data: {\"id\":\"c-1\",\"model\":\"gpt-4o-2024-08-06\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}],\"usage\":null}\n\n",
    "data: {\"id\":\"c-1\",\"model\":\"gpt-4o-2024-08-06\",\"choices\":[],\"usage\":{\"prompt_tokens\":5000,\"completion_tokens\":1970,\"total_tokens\":6970,\"prompt_tokens_details\":{\"cached_tokens\":1000,\"cache_write_tokens\":3000,\"audio_tokens\":0},\"completion_tokens_details\":{\"reasoning_tokens\":956,\"audio_tokens\":0,\"accepted_prediction_tokens\":0,\"rejected_prediction_tokens\":0}}}\n\n",
    "data: [DONE]\n\n",
);

#[test]
fn a_streamed_chat_states_exclusive_buckets() {
    let seen = read(Protocol::Chat, CHAT, usize::MAX);
    let input =
        InputTokens { text: 1000, cache_read: 1000, cache_write_5m: 3000, ..Default::default() };
    assert_eq!(seen.usage.input, Some(input));
    let output = OutputTokens { visible: 1014, reasoning: 956, ..Default::default() };
    assert_eq!(seen.usage.output, Some(output));
    assert_eq!(seen.usage.total(), Some(Tokens(6970)));
    assert_eq!((seen.usage.source, seen.usage.flags), (UsageSource::Provider, 0));
    assert_eq!(seen.model.as_deref(), Some("gpt-4o-2024-08-06"));
    assert_eq!(seen.finish_reason.as_deref(), Some("stop"));
    assert_eq!(seen.response_id.as_deref(), Some("c-1"));
    assert!(seen.complete && seen.error.is_none());
}
