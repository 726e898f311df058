//! Streams and bodies in the shapes providers send, read in every way they can be cut.

use super::*;
use crate::call::{InputTokens, OutputTokens, UsageSource};
use crate::unit::Tokens;

mod properties;

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

const COMPLETIONS: &str = concat!(
    "data: {\"id\":\"t-1\",\"object\":\"text_completion\",\"model\":\"gpt-3.5-turbo-instruct\",\"choices\":[{\"text\":\"\",\"index\":0,\"finish_reason\":null}]}\r\n\r\n",
    "data: {\"id\":\"t-1\",\"model\":\"gpt-3.5-turbo-instruct\",\"choices\":[{\"text\":\"Ja\",\"index\":0,\"finish_reason\":\"length\"}]}\r\n\r\n",
    "data: {\"id\":\"t-1\",\"model\":\"gpt-3.5-turbo-instruct\",\"choices\":[],\"usage\":{\"prompt_tokens\":4,\"completion_tokens\":1,\"total_tokens\":5}}\r\n\r\n",
    "data: [DONE]\r\n\r\n",
);

const RESPONSES: &str = concat!(
    "event: response.created\ndata: {\"type\":\"response.created\",\"response\":{\"id\":\"resp_1\",\"model\":\"gpt-5\",\"status\":\"in_progress\",\"usage\":null,\"error\":null,\"output\":[]}}\n\n",
    "event: response.output_item.added\ndata: {\"type\":\"response.output_item.added\",\"item\":{\"type\":\"message\",\"content\":[]}}\n\n",
    "event: response.output_text.delta\ndata: {\"type\":\"response.output_text.delta\",\"delta\":\"Hi\",\"obfuscation\":\"zz\"}\n\n",
    "event: response.completed\ndata: {\"type\":\"response.completed\",\"response\":{\"id\":\"resp_1\",\"model\":\"gpt-5\",\"status\":\"completed\",\"service_tier\":\"flex\",\"error\":null,\"output\":[{\"type\":\"web_search_call\",\"action\":{\"type\":\"search\"}},{\"type\":\"web_search_call\",\"action\":{\"type\":\"open_page\"}},{\"type\":\"message\"}],\"usage\":{\"input_tokens\":40,\"input_tokens_details\":{\"cached_tokens\":8},\"output_tokens\":30,\"output_tokens_details\":{\"reasoning_tokens\":10},\"total_tokens\":70}}}\n\n",
);

const MESSAGES: &str = concat!(
    "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"msg_1\",\"type\":\"message\",\"role\":\"assistant\",\"model\":\"claude-sonnet-4-5-20250929\",\"content\":[],\"stop_reason\":null,\"usage\":{\"input_tokens\":3,\"cache_creation_input_tokens\":30,\"cache_read_input_tokens\":7,\"cache_creation\":{\"ephemeral_5m_input_tokens\":10,\"ephemeral_1h_input_tokens\":20},\"output_tokens\":1,\"service_tier\":\"standard\"}}}\n\n",
    "event: ping\ndata: {\"type\": \"ping\"}\n\n",
    "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\n",
    "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"Grüße\"}}\n\n",
    "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":0}\n\n",
    "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\",\"stop_sequence\":null},\"usage\":{\"output_tokens\":25,\"server_tool_use\":{\"web_search_requests\":2}}}\n\n",
    "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n",
);

const FLOWREADER: &str = concat!(
    "event: sources\ndata: {\"sources\":[{\"title\":\"Dune\",\"type\":\"book\",\"selection\":true}]}\n\n",
    "event: token\ndata: {\"token\":\"He said \"no\". \"}\n\n",
    "event: token\ndata: {\"token\":\"Then left.\"}\n\n",
    "event: usage\ndata: {\"prompt_tokens\":900,\"completion_tokens\":100,\"total_tokens\":1000,\"cost_usd\":0.002,\"model_used\":\"gpt-3.5-turbo\",\"cached\":true,\"budget_strategy\":\"balanced\",\"estimated_savings\":0.1}\n\n",
    "event: done\ndata: {\"timestamp\":\"2025-01-01T00:00:00Z\"}\n\n",
);

/// Every family's recorded-shape stream.
const STREAMS: [(Protocol, &str); 5] = [
    (Protocol::Chat, CHAT),
    (Protocol::Completions, COMPLETIONS),
    (Protocol::Responses, RESPONSES),
    (Protocol::Messages, MESSAGES),
    (Protocol::FlowReader, FLOWREADER),
];

#[test]
fn every_place_to_cut_a_stream_gives_the_same_reading() {
    for (protocol, stream) in STREAMS {
        let uncut = read(protocol, stream, usize::MAX);
        assert!(uncut.complete && uncut.first_content == Some(Micros(7)), "{protocol:?}");
        assert_eq!(uncut.usage.flags, 0, "{protocol:?}");
        for size in 1..=16 {
            assert_eq!(read(protocol, stream, size), uncut, "{protocol:?} in pieces of {size}");
        }
        for cut in 0..=stream.len() {
            let (head, tail) = stream.as_bytes().split_at(cut);
            let mut observer = Observer::new(protocol, true);
            observer.feed(head, Micros(7));
            observer.feed(tail, Micros(7));
            assert_eq!(observer.finish(true), uncut, "{protocol:?} cut at {cut}");
        }
    }
}

#[test]
fn every_line_end_gives_the_same_reading() {
    for (protocol, stream) in STREAMS {
        let lf = stream.replace("\r\n", "\n");
        let uncut = read(protocol, &lf, usize::MAX);
        for end in ["\r", "\r\n"] {
            let other = format!("\u{feff}{}", lf.replace('\n', end));
            assert_eq!(read(protocol, &other, 1), uncut, "{protocol:?} with {end:?}");
        }
    }
}

#[test]
fn a_stream_cut_anywhere_is_never_complete_before_its_end_mark() {
    for (protocol, stream) in STREAMS {
        let last = stream.trim_end().rfind("data: ").unwrap();
        for cut in 0..last {
            let mut observer = Observer::new(protocol, true);
            observer.feed(&stream.as_bytes()[..cut], Micros(1));
            let between = observer.at_boundary();
            let ends_blank = stream[..].as_bytes()[..cut].ends_with(b"\n\n");
            assert!(!between || cut == 0 || stream.as_bytes()[cut - 1].is_ascii_whitespace());
            assert!(!ends_blank || between, "{protocol:?} at {cut}");
            assert!(!observer.finish(false).complete, "{protocol:?} at {cut}");
        }
    }
}

#[test]
fn the_first_content_is_the_first_text_not_the_first_chunk() {
    let mut observer = Observer::new(Protocol::Chat, true);
    let mut at = 0;
    for event in CHAT.split_inclusive("\n\n") {
        // Role-only chunk at 0.1 s, comment at 1.05 s, first text at 2 s.
        at += if at == 0 { 100_000 } else { 950_000 };
        observer.feed(event.as_bytes(), Micros(at));
    }
    let first = observer.finish(true).first_content;
    assert_eq!(first, Some(Micros(2_000_000)));
}

#[test]
fn tool_arguments_reasoning_and_refusals_are_content_and_names_are_not() {
    let first = |delta: &str| {
        let chunk = format!("data: {{\"choices\":[{{\"delta\":{delta}}}]}}\n\n");
        read(Protocol::Chat, &chunk, usize::MAX).first_content.is_some()
    };
    assert!(first(r#"{"tool_calls":[{"index":0,"function":{"arguments":"{\""}}]}"#));
    assert!(first(r#"{"reasoning_content":"hm"}"#));
    assert!(first(r#"{"refusal":"no"}"#));
    assert!(!first(
        r#"{"tool_calls":[{"index":0,"id":"c","function":{"name":"f","arguments":""}}]}"#
    ));
    assert!(!first(r#"{"role":"assistant","content":null}"#));
    assert!(!first("{}"));
}

#[test]
fn an_unstreamed_answer_has_no_first_content() {
    let body = r#"{"id":"c","model":"m","choices":[{"message":{"content":"Hi"},"finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":2,"total_tokens":3}}"#;
    let seen = whole(Protocol::Chat, body);
    assert!(seen.complete);
    assert_eq!(seen.first_content, None);
    assert_eq!(seen.usage.total(), Some(Tokens(3)));
}

#[test]
fn responses_state_usage_tier_and_searches_at_the_end() {
    let seen = read(Protocol::Responses, RESPONSES, usize::MAX);
    assert_eq!(seen.usage.input.map(|i| (i.text, i.cache_read)), Some((32, 8)));
    assert_eq!(seen.usage.output.map(|o| (o.visible, o.reasoning)), Some((20, 10)));
    assert_eq!(seen.usage.web_searches, 1);
    assert_eq!(seen.service_tier.as_deref(), Some("flex"));
    assert_eq!(seen.finish_reason.as_deref(), Some("completed"));
}

#[test]
fn uses_are_counted_by_item_and_code_by_container() {
    let body = r#"{"id":"r","model":"m","status":"completed","output":[
        {"type":"file_search_call","id":"a","queries":["x","y"]},{"type":"file_search_call","id":"b"},
        {"type":"code_interpreter_call","container_id":"c1","code":"1"},
        {"type":"code_interpreter_call","container_id":"c1"},
        {"type":"code_interpreter_call","container_id":"c2"},{"type":"message","content":[]}],
        "usage":{"input_tokens":4,"output_tokens":3,"total_tokens":7}}"#;
    let usage = whole(Protocol::Responses, body).usage;
    assert_eq!((usage.file_searches, usage.code_sessions, usage.web_searches), (2, 2, 0));
    let body = r#"{"id":"m","model":"m","content":[],"stop_reason":"end_turn","usage":{"input_tokens":4,
        "output_tokens":3,"server_tool_use":{"web_search_requests":1,"web_fetch_requests":2}}}"#;
    let usage = whole(Protocol::Messages, body).usage;
    assert_eq!((usage.web_searches, usage.web_fetches, usage.total()), (1, 2, Some(Tokens(7))));
}

#[test]
fn a_message_delta_replaces_and_never_adds() {
    let seen = read(Protocol::Messages, MESSAGES, usize::MAX);
    let input = InputTokens {
        text: 3,
        cache_read: 7,
        cache_write_5m: 10,
        cache_write_1h: 20,
        ..Default::default()
    };
    assert_eq!(seen.usage.input, Some(input));
    assert_eq!(seen.usage.output_total(), Some(Tokens(25)));
    assert_eq!(seen.usage.web_searches, 2);
    let zeroed = MESSAGES.replace("\"output_tokens\":25", "\"output_tokens\":0");
    let seen = read(Protocol::Messages, &zeroed, usize::MAX);
    assert_eq!(seen.usage.output_total(), Some(Tokens(0)));
}

#[test]
fn flowreaders_three_usages_never_invent_a_split() {
    let seen = read(Protocol::FlowReader, FLOWREADER, usize::MAX);
    assert_eq!(seen.usage.total(), Some(Tokens(1000)));
    assert_eq!(seen.reported_cost, Some(NanoUsd(2_000_000)));
    assert_eq!(seen.model.as_deref(), Some("gpt-3.5-turbo"));
    assert!(seen.cached);
    for (usage, nanos) in [
        (
            r#"{"tokens_used":640,"cost_usd":0.00128,"enhancement_type":"concept","cached":false}"#,
            1_280_000,
        ),
        (r#"{"tokens":640,"cost":0.001}"#, 1_000_000),
    ] {
        let stream = format!("event: usage\ndata: {usage}\n\n");
        let seen = read(Protocol::FlowReader, &stream, usize::MAX);
        assert_eq!((seen.usage.input, seen.usage.output), (None, None));
        assert_eq!(seen.usage.source, UsageSource::Absent);
        assert_eq!(seen.unsplit_tokens, Some(640));
        assert_eq!(seen.reported_cost, Some(NanoUsd(nanos)));
        assert!(!seen.cached && !seen.complete);
    }
}

#[test]
fn an_unescaped_quote_as_first_token_is_content_and_an_empty_token_is_not() {
    let first = |data: &str| {
        let stream = format!("event: token\ndata: {data}\n\n");
        let seen = read(Protocol::FlowReader, &stream, usize::MAX);
        assert_eq!(seen.usage.flags, 0);
        seen.first_content.is_some()
    };
    assert!(first(r#"{"token":"""}"#));
    assert!(first(r#"{"token":"a"#));
    assert!(!first(r#"{"token":""}"#));
}

#[test]
fn an_error_inside_a_successful_stream_is_an_error() {
    for (protocol, event, kind, code) in [
        (
            Protocol::Chat,
            "data: {\"error\":{\"message\":\"m\",\"type\":\"server_error\",\"code\":503}}\n\n",
            Some("server_error"),
            Some("503"),
        ),
        (Protocol::Chat, "data: {\"error\":\"out of memory\"}\n\n", None, None),
        (
            Protocol::Messages,
            "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"m\"}}\n\n",
            Some("overloaded_error"),
            None,
        ),
        (
            Protocol::Responses,
            "data: {\"type\":\"error\",\"code\":\"ERR\",\"message\":\"m\"}\n\n",
            None,
            Some("ERR"),
        ),
        (
            Protocol::Responses,
            "data: {\"type\":\"response.failed\",\"response\":{\"status\":\"failed\",\"error\":{\"code\":\"server_error\",\"message\":\"m\"}}}\n\n",
            None,
            Some("server_error"),
        ),
        (
            Protocol::FlowReader,
            "event: error\ndata: {\"code\":404,\"message\":\"Book not found\"}\n\n",
            None,
            Some("404"),
        ),
        (Protocol::FlowReader, "event: error\ndata: {\"error\":\"Access denied\"}\n\n", None, None),
        (Protocol::FlowReader, "event: error\ndata: not json\n\n", None, None),
    ] {
        let seen = read(protocol, event, usize::MAX);
        let expected = SeenError { kind: kind.map(Text::from), code: code.map(Text::from) };
        assert_eq!(seen.error, Some(expected), "{event}");
    }
    let body = r#"{"type":"error","error":{"type":"rate_limit_error","message":"m"}}"#;
    let error = whole(Protocol::Messages, body).error.unwrap();
    assert_eq!(error.kind.as_deref(), Some("rate_limit_error"));
}

#[test]
fn usage_that_contradicts_itself_is_flagged() {
    let usage = |usage: &str| {
        let body = format!("{{\"choices\":[],\"usage\":{usage}}}");
        whole(Protocol::Chat, &body).usage
    };
    let additive = usage(
        r#"{"prompt_tokens":5,"completion_tokens":1,"prompt_tokens_details":{"cached_tokens":100}}"#,
    );
    assert_eq!(additive.flags, Usage::ADDITIVE_GUARD);
    assert_eq!(additive.input_total(), Some(Tokens(105)));
    let capped = usage(
        r#"{"prompt_tokens":5,"completion_tokens":3,"completion_tokens_details":{"reasoning_tokens":9}}"#,
    );
    assert_eq!(capped.flags, Usage::PART_CAPPED);
    assert_eq!(capped.output_total(), Some(Tokens(3)));
    let total = usage(r#"{"prompt_tokens":5,"completion_tokens":3,"total_tokens":9}"#);
    assert_eq!((total.flags, total.total()), (Usage::TOTAL_DISAGREES, Some(Tokens(8))));
    for absurd in ["-1", "9007199254740993", "1e300", "1.5", "\"7\"", "{}"] {
        let seen = usage(&format!("{{\"prompt_tokens\":{absurd},\"completion_tokens\":3}}"));
        assert_eq!((seen.input, seen.output), (None, None), "{absurd}");
        assert_eq!((seen.source, seen.flags), (UsageSource::Absent, Usage::PARSE_FAILED));
    }
    let both_names = usage(
        r#"{"prompt_tokens":5,"completion_tokens":3,"input_tokens":0,"output_tokens":0,"input_tokens_details":null}"#,
    );
    assert_eq!((both_names.total(), both_names.flags), (Some(Tokens(8)), 0));
}

#[test]
fn usage_that_is_null_or_missing_is_absent_and_zero_stays_zero() {
    for body in [r#"{"choices":[]}"#, r#"{"usage":null}"#, r#"{"usage":{}}"#] {
        assert_eq!(whole(Protocol::Chat, body).usage, Usage::default(), "{body}");
    }
    let zero = whole(Protocol::Chat, r#"{"usage":{"prompt_tokens":0,"completion_tokens":0}}"#);
    assert_eq!((zero.usage.total(), zero.usage.source), (Some(Tokens(0)), UsageSource::Provider));
}

#[test]
fn a_final_event_without_its_blank_line_still_counts() {
    let cut = CHAT.strip_suffix("\n\ndata: [DONE]\n\n").unwrap();
    let seen = read(Protocol::Chat, cut, 5);
    assert_eq!(seen.usage.total(), Some(Tokens(6970)));
    assert!(!seen.complete);
    let trailing = CHAT.replace("[DONE]", "[DONE] \u{0}trailing");
    assert!(read(Protocol::Chat, &trailing, 5).complete);
}

#[test]
fn an_answer_too_large_or_unreadable_is_flagged_and_costs_no_memory() {
    let mut observer = Observer::new(Protocol::Chat, false);
    let megabyte = vec![b' '; 1 << 20];
    for _ in 0..17 {
        observer.feed(&megabyte, Micros(1));
    }
    assert!(matches!(observer.body, Body::Ignored));
    assert_eq!(observer.finish(true).usage.flags, Usage::PARSE_FAILED);
    assert_eq!(whole(Protocol::Chat, "<html>").usage.flags, Usage::PARSE_FAILED);
    let later = format!("data: {{nonsense\n\n{CHAT}");
    let seen = read(Protocol::Chat, &later, usize::MAX);
    assert_eq!(seen.usage.flags, Usage::PARSE_FAILED);
    assert_eq!(seen.usage.total(), Some(Tokens(6970)));
}

#[test]
fn what_is_said_to_the_user_is_told_from_reasoning_and_arguments() {
    let kept = |protocol, stream: &str| {
        let mut observer = Observer::new(protocol, true).keeping_text();
        observer.feed(stream.as_bytes(), Micros(7));
        observer.finish(true).produced
    };
    let chat = concat!(
        "data: {\"choices\":[{\"delta\":{\"reasoning_content\":\"Hm, \"}}]}\n\n",
        "data: {\"choices\":[{\"delta\":{\"reasoning_content\":\"Alice.\"}}]}\n\n",
        "data: {\"choices\":[{\"delta\":{\"content\":\"Alice \"}}]}\n\n",
        "data: {\"choices\":[{\"delta\":{\"tool_calls\":[{\"function\":{\"arguments\":\"{}\"}}]}}]}\n\n",
        "data: {\"choices\":[{\"delta\":{\"content\":\"fell.\"}}]}\n\n",
    );
    let messages = concat!(
        "data: {\"type\":\"content_block_delta\",\"delta\":{\"type\":\"thinking_delta\",\"thinking\":\"Hm.\"}}\n\n",
        "data: {\"type\":\"content_block_delta\",\"delta\":{\"type\":\"text_delta\",\"text\":\"Alice fell.\"}}\n\n",
    );
    let responses = concat!(
        "data: {\"type\":\"response.reasoning_summary_text.delta\",\"delta\":\"Hm.\"}\n\n",
        "data: {\"type\":\"response.output_text.delta\",\"delta\":\"Alice fell.\"}\n\n",
    );
    let reader = concat!(
        "event: token\ndata: {\"token\":\"Alice \"}\n\n",
        "event: token\ndata: {\"token\":\"\"fell\"\"}\n\n",
        "event: token\ndata: {\"token\":\".\"}\n\n",
    );
    for (protocol, stream) in
        [(Protocol::Chat, chat), (Protocol::Messages, messages), (Protocol::Responses, responses)]
    {
        let produced = kept(protocol, stream);
        assert_eq!(produced.spoken(), "Alice fell.", "{protocol:?}");
        assert!(produced.text.starts_with("Hm") && produced.bytes == produced.text.len() as u64);
    }
    assert_eq!(kept(Protocol::FlowReader, reader).spoken(), "Alice \"fell\".");
}
