//! OpenAI Responses, streamed and whole.
//!
//! Owns which `response.*` events carry content, and that usage, tier and outcome come with the
//! response object of the last event. Refuses to read anything else of an item.

use super::json::{self, Said, Word};
use super::openai::{ErrorField, RawUsage};
use super::{Seen, keep};
use crate::call::Usage;
use crate::unit::Micros;
use serde::Deserialize;
use std::collections::BTreeSet;

#[derive(Deserialize, Default)]
#[serde(default)]
struct StreamEvent<'a> {
    #[serde(rename = "type")]
    kind: Word,
    #[serde(borrow)]
    delta: Said<'a>,
    #[serde(borrow)]
    response: Option<Response<'a>>,
    error: ErrorField,
    code: Word,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Response<'a> {
    id: Word,
    model: Word,
    status: Word,
    service_tier: Word,
    incomplete_details: Option<Incomplete>,
    #[serde(borrow)]
    output: Option<Vec<Item<'a>>>,
    usage: Option<RawUsage>,
    error: ErrorField,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Item<'a> {
    #[serde(rename = "type")]
    kind: Word,
    #[serde(borrow)]
    content: Option<Vec<Part<'a>>>,
    #[serde(borrow)]
    arguments: Said<'a>,
    action: Option<Action>,
    container_id: Word,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Part<'a> {
    #[serde(borrow)]
    text: Said<'a>,
    #[serde(borrow)]
    refusal: Said<'a>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Action {
    #[serde(rename = "type")]
    kind: Word,
}

impl Item<'_> {
    fn is(&self, kind: &str) -> bool {
        self.kind.0.as_deref() == Some(kind)
    }

    /// Opening a page found before is part of the search; only searches are billed.
    fn is_billed_search(&self) -> bool {
        let action = self.action.as_ref().and_then(|a| a.kind.0.as_deref());
        self.is("web_search_call") && matches!(action, None | Some("search"))
    }
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Incomplete {
    reason: Word,
}

/// One `data:` payload of a stream.
pub(super) fn event(seen: &mut Seen, data: &[u8], at: Micros) {
    if data.starts_with(b"[DONE]") {
        seen.out.complete = true;
        return;
    }
    let Some(event) = json::object::<StreamEvent<'_>>(data) else {
        seen.unreadable();
        return;
    };
    let kind = event.kind.0.unwrap_or_default();
    if event.delta.filled && is_content(&kind) {
        seen.content(at);
        let aloud = matches!(&*kind, "response.output_text.delta" | "response.refusal.delta");
        seen.keep(&event.delta, aloud);
    }
    let last = matches!(
        kind.as_str(),
        "response.completed" | "response.incomplete" | "response.failed" | "response.cancelled"
    );
    if let Some(response) = event.response {
        take(seen, response, last);
    }
    seen.out.complete |= last;
    if let Some(error) = event.error.0 {
        seen.out.error = Some(error);
    }
    if kind == "error" {
        let error = seen.out.error.get_or_insert_default();
        if error.code.is_none() {
            error.code = event.code.0;
        }
    }
}

/// Deltas that show the user something: text, refusal, reasoning, arguments of a call, code.
fn is_content(kind: &str) -> bool {
    kind.starts_with("response.") && kind.ends_with(".delta") && !kind.starts_with("response.audio")
}

/// A whole answer.
pub(super) fn whole(seen: &mut Seen, body: &[u8]) {
    let Some(response) = json::object::<Response<'_>>(body) else {
        seen.unreadable();
        return;
    };
    for item in response.output.iter().flatten() {
        seen.mutter(&item.arguments);
        for part in item.content.iter().flatten() {
            seen.say(&part.text);
            seen.say(&part.refusal);
        }
    }
    take(seen, response, true);
    seen.out.complete = true;
}

/// What is billed per use. Code that runs in one container is one session, however often.
fn used(items: &[Item<'_>], usage: &mut Usage) {
    let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    usage.web_searches = count(items.iter().filter(|i| i.is_billed_search()).count());
    usage.file_searches = count(items.iter().filter(|i| i.is("file_search_call")).count());
    let ran = items.iter().filter(|i| i.is("code_interpreter_call"));
    let containers: BTreeSet<Option<&str>> = ran.map(|i| i.container_id.0.as_deref()).collect();
    usage.code_sessions = count(containers.len());
}

fn take(seen: &mut Seen, response: Response<'_>, last: bool) {
    keep(&mut seen.out.response_id, response.id);
    keep(&mut seen.out.model, response.model);
    if response.service_tier.0.is_some() {
        seen.out.service_tier = response.service_tier.0;
    }
    if let Some(raw) = response.usage {
        let mut usage = raw.responses().usage(false);
        used(response.output.as_deref().unwrap_or_default(), &mut usage);
        seen.state_usage(usage);
        seen.out.reported_cost = raw.cost().or(seen.out.reported_cost);
    }
    if last {
        let reason = response.incomplete_details.map(|i| i.reason).filter(|r| r.0.is_some());
        seen.finish_reason(reason.unwrap_or(response.status));
    }
    if let Some(error) = response.error.0 {
        seen.out.error = Some(error);
    }
}
