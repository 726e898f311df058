//! What a row that counts no more knows and the one that counts does not.

use crate::call::{Call, Text};

/// Fills what `to` lacks from `from`: whose call it was, never times, tokens or money.
pub fn lend(from: &Call, to: &mut Call) {
    if to.link.trace_id.is_none() {
        to.link.trace_id = from.link.trace_id;
        to.link.span_id = from.link.span_id;
        to.link.parent_span_id = from.link.parent_span_id;
    }
    let fill = |to: &mut Option<Text>, from: &Option<Text>| {
        if to.is_none() {
            to.clone_from(from);
        }
    };
    fill(&mut to.link.conversation_id, &from.link.conversation_id);
    fill(&mut to.link.previous_response_id, &from.link.previous_response_id);
    fill(&mut to.origin.service, &from.origin.service);
    fill(&mut to.origin.environment, &from.origin.environment);
    fill(&mut to.origin.instance, &from.origin.instance);
    fill(&mut to.origin.version, &from.origin.version);
    fill(&mut to.who.user_key, &from.who.user_key);
    fill(&mut to.who.session_key, &from.who.session_key);
    fill(&mut to.what.prompt_name, &from.what.prompt_name);
    fill(&mut to.what.prompt_version, &from.what.prompt_version);
    if to.who.labels.is_empty() {
        to.who.labels.clone_from(&from.who.labels);
    }
}
