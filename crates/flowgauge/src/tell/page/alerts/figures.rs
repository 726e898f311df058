//! Figures of an evaluation as JSON, numbers and words as messages have them.

use super::view::{FiguresView, seconds};
use crate::logic::alert::episode::Episode;
use crate::logic::alert::facts::Labels;
use crate::logic::alert::rule::Rule;
use crate::logic::alert::sample::Evidence;
use crate::logic::alert::template::{Figure, Moment, Template, UNKNOWN, figures, vars};
use crate::logic::unit::{Micros, UnixMicros};

/// The metric a rule is about; none where its condition compares nothing.
pub(super) fn metric(rule: &Rule) -> Option<String> {
    Figure::of(&rule.condition).map(|figure| figure.metric.word().to_owned())
}

/// Of an evaluation of a rule.
pub(super) fn of(rule: &Rule, evidence: &Evidence) -> FiguresView {
    let numbers = figures(rule, evidence);
    let moment = Moment { at: UnixMicros(0), episode: None, url: None };
    let words = vars(rule, &Vec::new(), evidence, &moment);
    let known = |known: bool, text: String| Some(text).filter(|t| known && t != UNKNOWN);
    FiguresView {
        value: numbers.as_ref().and_then(|n| n.value),
        threshold: numbers.as_ref().and_then(|n| n.threshold),
        unit: numbers.map(|n| n.unit.to_string()),
        value_text: known(evidence.value.is_some(), words.value_with_unit),
        threshold_text: known(evidence.threshold.is_some(), words.threshold_with_unit),
        n: evidence.n,
        exceed: evidence.exceed,
        window_s: seconds(Micros(evidence.window_us)),
        approx: evidence.approx,
        sentence: evidence.sentence.clone(),
    }
}

/// The message of a rule about an evaluation.
pub(in crate::tell::page) fn message(
    rule: &Rule,
    labels: &Labels,
    evidence: &Evidence,
    at: UnixMicros,
    episode: Option<&Episode>,
) -> String {
    let vars = vars(rule, labels, evidence, &Moment { at, episode, url: None });
    Template::parse(&rule.message).map_or_else(|_| rule.message.clone(), |t| t.render(&vars))
}
