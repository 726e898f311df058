//! What a model declined to answer, and whether the provider bills it.
//!
//! A refusal after some output is billed like any answer. One before any output is stated with its
//! tokens, but billed for some kinds of refusal only.

use crate::call::{InputTokens, OutputTokens, Text, Usage};
use crate::wire::json::{Object, Objects, Said, Word};
use serde::Deserialize;

/// Kinds of refusal that are billed even where nothing was said (Anthropic, "How refusals are billed",
/// September 2026).
const BILLED: [&str; 3] = ["bio", "frontier_llm", "reasoning_extraction"];

/// One block of an answer's content.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Block<'a> {
    #[serde(rename = "type")]
    kind: Word,
    #[serde(borrow)]
    pub(super) text: Said<'a>,
    #[serde(borrow)]
    pub(super) thinking: Said<'a>,
    from: Object<Named>,
    trigger: Object<Kind>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Named {
    model: Word,
}

/// Kind of a refusal.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Kind {
    category: Word,
}

/// The refusals of one answer.
#[derive(Debug, Default)]
pub(in crate::wire) struct Declined {
    /// Models that declined before another took over, and the kind.
    handed_over: Vec<(Text, Option<Text>)>,
    /// The answer itself is a refusal of this kind.
    last: Option<Option<Text>>,
}

impl Declined {
    /// Reads where models took over from each other.
    pub(super) fn saw(&mut self, blocks: Objects<Block<'_>>) {
        for block in blocks.0 {
            let from = block.from.0.and_then(|named| named.model.0);
            if let (Some("fallback"), Some(model)) = (block.kind.0.as_deref(), from) {
                let kind = block.trigger.0.and_then(|kind| kind.category.0);
                self.handed_over.push((model, kind));
            }
        }
    }

    /// Reads why the answer ended.
    pub(super) fn ended(&mut self, reason: &Word, details: Object<Kind>) {
        if reason.0.as_deref() == Some("refusal") {
            self.last = Some(details.0.and_then(|kind| kind.category.0));
        }
    }

    /// What is billed of a pass that handed over to another one.
    pub(super) fn billed_pass(&self, model: Option<&Text>, stated: Usage) -> Usage {
        let kind = self.handed_over.iter().find(|(from, _)| Some(from) == model);
        billed(kind.map(|(_, kind)| kind.as_deref()), stated)
    }

    /// What is billed of the pass that ended the answer.
    pub(super) fn billed_last(&self, stated: Usage) -> Usage {
        billed(self.last.as_ref().map(Option::as_deref), stated)
    }
}

/// `declined` is the kind of refusal, where there was one.
fn billed(declined: Option<Option<&str>>, stated: Usage) -> Usage {
    let Some(kind) = declined else { return stated };
    let silent = stated.output.is_some_and(|o| o.total().0 == 0);
    if !silent || kind.is_some_and(|kind| BILLED.contains(&kind)) {
        return stated;
    }
    let (input, output) = (Some(InputTokens::default()), Some(OutputTokens::default()));
    Usage { input, output, ..stated }
}

#[cfg(test)]
mod tests {
    use crate::call::Protocol;
    use crate::unit::Micros;
    use crate::wire::{Observed, Observer};

    fn observed(event_stream: bool, text: &str) -> Observed {
        let mut observer = Observer::new(Protocol::Messages, event_stream);
        observer.feed(text.as_bytes(), Micros(7));
        observer.finish(true)
    }

    /// The same answer whole and streamed: one block, why it ended, its usage.
    fn both_forms(block: &str, end: &str, usage: &str) -> Observed {
        let whole = observed(
            false,
            &format!(r#"{{"id":"m","model":"b","content":[{block},7],{end},"usage":{usage}}}"#),
        );
        let stream = observed(
            true,
            &format!(
                "data: {{\"type\":\"message_start\",\"message\":{{\"id\":\"m\",\"model\":\"b\",\"content\":[],\
                 \"stop_reason\":null,\"usage\":{{\"input_tokens\":9,\"output_tokens\":0}}}}}}\n\n\
                 data: {{\"type\":\"content_block_start\",\"index\":0,\"content_block\":{block}}}\n\n\
                 data: {{\"type\":\"message_delta\",\"delta\":{{{end}}},\"usage\":{usage}}}\n\n\
                 data: {{\"type\":\"message_stop\"}}\n\n"
            ),
        );
        assert_eq!(stream, whole);
        whole
    }

    const END: &str = r#""stop_reason":"end_turn","stop_details":null"#;

    fn handed_over(category: &str, output: u64) -> Observed {
        let block = format!(
            r#"{{"type":"fallback","from":{{"model":"a"}},"to":{{"model":"b"}},"trigger":{{"type":"refusal","category":{category}}}}}"#
        );
        let usage = format!(
            r#"{{"input_tokens":400,"output_tokens":200,"iterations":[
            {{"type":"message","model":"a","input_tokens":500,"output_tokens":{output}}},
            {{"type":"fallback_message","model":"b","input_tokens":400,"output_tokens":200}}]}}"#
        );
        both_forms(&block, END, &usage.replace('\n', ""))
    }

    fn totals(seen: &Observed) -> (Option<u64>, Option<u64>) {
        (seen.usage.input_total().map(|t| t.0), seen.usage.output_total().map(|t| t.0))
    }

    #[test]
    fn a_pass_declined_before_any_output_is_billed_for_some_kinds_only() {
        for unbilled in [r#""cyber""#, r#""general_harms""#, "null", "[]"] {
            let seen = handed_over(unbilled, 0);
            assert_eq!(totals(&seen), (Some(400), Some(200)), "{unbilled}");
            assert_eq!(seen.passes.len(), 2, "the pass is still there");
            assert_eq!(seen.passes[0].usage.total().map(|t| t.0), Some(0));
        }
        for billed in [r#""bio""#, r#""frontier_llm""#, r#""reasoning_extraction""#] {
            assert_eq!(totals(&handed_over(billed, 0)), (Some(900), Some(200)), "{billed}");
        }
        assert_eq!(totals(&handed_over(r#""cyber""#, 24)), (Some(900), Some(224)));
    }

    #[test]
    fn a_silent_pass_that_was_not_declined_is_billed() {
        let usage = r#"{"iterations":[{"model":"a","input_tokens":5,"output_tokens":0},{"model":"b","input_tokens":4,"output_tokens":2}]}"#;
        let text = r#"{"type":"text","text":""}"#;
        assert_eq!(totals(&both_forms(text, END, usage)), (Some(9), Some(2)));
    }

    #[test]
    fn a_refusal_before_any_output_is_billed_for_some_kinds_only() {
        let text = r#"{"type":"text","text":""}"#;
        let refusal = |category: &str, output: u64| {
            let end =
                format!(r#""stop_reason":"refusal","stop_details":{{"category":{category}}}"#);
            let usage = format!(r#"{{"input_tokens":9,"output_tokens":{output}}}"#);
            totals(&both_forms(text, &end, &usage))
        };
        assert_eq!(refusal(r#""cyber""#, 0), (Some(0), Some(0)));
        assert_eq!(refusal("null", 0), (Some(0), Some(0)));
        assert_eq!(refusal(r#""bio""#, 0), (Some(9), Some(0)));
        assert_eq!(refusal(r#""cyber""#, 3), (Some(9), Some(3)));
    }
}
