//! What evaluators of ours say about a sampled call.
//!
//! Owns what is known of good answers of its intent. Refuses to score: evaluators are in `logic::score`.

use super::Read;
use crate::config::quality::Quality;
use crate::logic::score::answer::{Answer, Ending, NotScored, ScoreOf, Wanted};
use crate::logic::score::reference;
use crate::logic::score::schema::Schema;
use serde_json::json;

/// Every evaluator of the intent, in the order of the configuration.
pub(super) fn scores(quality: &Quality, read: &Read) -> Vec<Result<ScoreOf, NotScored>> {
    let passages = read.passages();
    let shape = any_json(quality, read);
    let mut answer = answer(quality, read, &passages);
    answer.wanted.schema = shape.as_ref();
    let names = quality.scorers(&read.sample.intent).iter();
    names.filter_map(|name| reference::by_name(name, &answer)).collect()
}

/// A sampled call as evaluators and models look at it.
pub(super) fn answer<'a>(quality: &Quality, read: &'a Read, passages: &'a [&'a str]) -> Answer<'a> {
    let wants = quality.wants(&read.sample.intent);
    let finish = read.sample.finish_reason.as_deref();
    Answer {
        question: &read.material.question,
        context: passages,
        text: &read.sample.answer,
        ending: finish.map_or(Ending::Unknown, Ending::of),
        wanted: Wanted {
            language: wants.and_then(|w| w.language),
            words: wants.and_then(|w| w.words),
            ..Wanted::default()
        },
    }
}

/// The shape that every JSON value has, where answers of the intent are JSON.
fn any_json(quality: &Quality, read: &Read) -> Option<Schema> {
    quality.wants(&read.sample.intent).filter(|w| w.json)?;
    Schema::read(&json!({})).ok()
}
