//! Anthropic messages, streamed and whole.
//!
//! Owns the additive usage object, that `message_delta` replaces what `message_start` said, the sampling
//! passes of one answer, and what of them is billed. Refuses to add cumulative figures up.

use super::buckets::Additive;
use super::json::{self, Count, Object, Objects, Said, Word};
use super::openai::ErrorField;
use super::{Pass, Seen, keep};
use crate::call::{InputTokens, OutputTokens, Usage, UsageSource};
use crate::unit::Micros;
use serde::Deserialize;

use self::declined::{Block, Kind};

pub(super) use self::declined::Declined;

mod declined;

#[derive(Deserialize, Default)]
#[serde(default)]
struct StreamEvent<'a> {
    #[serde(rename = "type")]
    kind: Word,
    #[serde(borrow)]
    message: Option<Message<'a>>,
    #[serde(borrow)]
    content_block: Object<Block<'a>>,
    #[serde(borrow)]
    delta: Option<Delta<'a>>,
    usage: Option<RawUsage>,
    error: ErrorField,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Message<'a> {
    #[serde(borrow)]
    content: Objects<Block<'a>>,
    id: Word,
    model: Word,
    stop_reason: Word,
    stop_details: Object<Kind>,
    usage: Option<RawUsage>,
    error: ErrorField,
}

/// A piece of a content block.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Delta<'a> {
    #[serde(borrow)]
    text: Said<'a>,
    #[serde(borrow)]
    thinking: Said<'a>,
    #[serde(borrow)]
    partial_json: Said<'a>,
    stop_reason: Word,
    stop_details: Object<Kind>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct RawUsage {
    model: Word,
    input_tokens: Count,
    cache_read_input_tokens: Count,
    cache_creation_input_tokens: Count,
    cache_creation: Option<Creation>,
    output_tokens: Count,
    output_tokens_details: Option<OutputDetails>,
    server_tool_use: Option<ServerTools>,
    service_tier: Word,
    iterations: Option<Vec<RawUsage>>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Creation {
    ephemeral_5m_input_tokens: Count,
    ephemeral_1h_input_tokens: Count,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct OutputDetails {
    thinking_tokens: Count,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct ServerTools {
    web_search_requests: Count,
    web_fetch_requests: Count,
}

impl RawUsage {
    fn stated(&self) -> Additive {
        let mut stated = Additive {
            input: self.input_tokens,
            cache_read: self.cache_read_input_tokens,
            cache_write: self.cache_creation_input_tokens,
            output: self.output_tokens,
            ..Additive::default()
        };
        if let Some(creation) = &self.cache_creation {
            stated.cache_write_5m = creation.ephemeral_5m_input_tokens;
            stated.cache_write_1h = creation.ephemeral_1h_input_tokens;
        }
        if let Some(details) = &self.output_tokens_details {
            stated.reasoning = details.thinking_tokens;
        }
        if let Some(tools) = &self.server_tool_use {
            stated.web_searches = tools.web_search_requests;
            stated.web_fetches = tools.web_fetch_requests;
        }
        stated
    }
}

/// One `data:` payload of a stream.
pub(super) fn event(seen: &mut Seen, data: &[u8], at: Micros) {
    let Some(event) = json::object::<StreamEvent<'_>>(data) else {
        seen.unreadable();
        return;
    };
    if let Some(message) = event.message {
        seen.out.usage_opening = message.usage.is_some();
        take(seen, message);
    }
    if let Some(block) = event.content_block.0 {
        seen.declined.saw(Objects(vec![block]));
    }
    if let Some(delta) = event.delta {
        for said in [&delta.text, &delta.thinking, &delta.partial_json] {
            if said.filled {
                seen.content(at);
            }
        }
        seen.say(&delta.text);
        seen.mutter(&delta.thinking);
        seen.mutter(&delta.partial_json);
        seen.declined.ended(&delta.stop_reason, delta.stop_details);
        seen.finish_reason(delta.stop_reason);
    }
    if let Some(usage) = event.usage {
        seen.out.usage_opening = false;
        take_usage(seen, usage);
    }
    match event.kind.0.as_deref() {
        Some("message_stop") => seen.out.complete = true,
        Some("error") => seen.out.error = Some(event.error.0.unwrap_or_default()),
        _ => {}
    }
}

/// A whole answer.
pub(super) fn whole(seen: &mut Seen, body: &[u8]) {
    let Some(message) = json::object::<Message<'_>>(body) else {
        seen.unreadable();
        return;
    };
    take(seen, message);
    seen.out.complete = true;
}

fn take(seen: &mut Seen, message: Message<'_>) {
    for block in &message.content.0 {
        seen.say(&block.text);
        seen.mutter(&block.thinking);
    }
    keep(&mut seen.out.response_id, message.id);
    keep(&mut seen.out.model, message.model);
    seen.declined.saw(message.content);
    seen.declined.ended(&message.stop_reason, message.stop_details);
    seen.finish_reason(message.stop_reason);
    if let Some(usage) = message.usage {
        take_usage(seen, usage);
    }
    if let Some(error) = message.error.0 {
        seen.out.error = Some(error);
    }
}

fn take_usage(seen: &mut Seen, usage: RawUsage) {
    seen.messages = seen.messages.replaced_by(usage.stated());
    let passes = usage.iterations.unwrap_or_default();
    if !passes.is_empty() {
        let pass = |p: RawUsage| Pass { usage: p.stated().usage(), model: p.model.0 };
        seen.out.passes = passes.into_iter().map(pass).collect();
    }
    let mut stated = seen.messages.usage();
    if let Some((last, earlier)) = seen.out.passes.split_last_mut() {
        for pass in earlier {
            pass.usage = seen.declined.billed_pass(pass.model.as_ref(), pass.usage);
        }
        last.usage = seen.declined.billed_last(last.usage);
        // Uses are stated for the whole answer only.
        last.usage.web_searches = stated.web_searches;
        last.usage.web_fetches = stated.web_fetches;
        stated = sum(&seen.out.passes, &stated);
    } else {
        stated = seen.declined.billed_last(stated);
    }
    seen.state_usage(stated);
    if usage.service_tier.0.is_some() {
        seen.out.service_tier = usage.service_tier.0;
    }
}

/// What all passes were billed; unknown where one of them is.
///
/// The passes are the record of what is billed. What the top level states besides them differs by
/// feature: the pass that answered (fallback models), all passes of one model (advisors), all but
/// summaries (compaction). So its tokens are left out, whatever they are, and only its split of the
/// output is taken over, which passes lack.
fn sum(passes: &[Pass], top: &Usage) -> Usage {
    let mut input = InputTokens::default();
    let mut output = OutputTokens::default();
    let mut flags = 0;
    let used =
        Usage { web_searches: top.web_searches, web_fetches: top.web_fetches, ..Usage::default() };
    for pass in passes {
        flags |= pass.usage.flags;
        let (Some(i), Some(o)) = (pass.usage.input, pass.usage.output) else {
            let flags = flags | Usage::PARSE_FAILED;
            return Usage { flags, ..used };
        };
        input.text = input.text.saturating_add(i.text);
        input.cache_read = input.cache_read.saturating_add(i.cache_read);
        input.cache_write_5m = input.cache_write_5m.saturating_add(i.cache_write_5m);
        input.cache_write_1h = input.cache_write_1h.saturating_add(i.cache_write_1h);
        output.visible = output.visible.saturating_add(o.visible);
        output.reasoning = output.reasoning.saturating_add(o.reasoning);
    }
    if output.reasoning == 0
        && let Some(split) = top.output
    {
        output.reasoning = split.reasoning.min(output.visible);
        output.visible -= output.reasoning;
    }
    Usage { input: Some(input), output: Some(output), source: UsageSource::Provider, flags, ..used }
}
