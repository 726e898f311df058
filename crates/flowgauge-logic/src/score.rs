//! What others think of an answer: evaluations (0–100 on one scale) and ratings of users (1–5).
//!
//! Refuses to compare evaluators: name and version are part of what a score is. A value outside its
//! evaluator's scale stays as it came, with quality unknown.

use crate::call::{Call, Text, closed_set};
use crate::id::{CallId, SpanId, TraceId};
use crate::rollup::SeriesKey;
use crate::unit::{NanoUsd, Tokens, UnixMicros};
use serde::{Deserialize, Serialize};

pub use self::evaluator::{Evaluator, of_record};
pub use self::sums::{ScoreSums, overall, overall_variance};

mod evaluator;
mod sums;

pub mod agreed;
pub mod answer;
pub mod audit;
pub mod drift;
pub mod grounded;
pub mod judging;
pub mod language;
pub mod material;
pub mod reference;
pub mod rules;
pub mod sampling;
pub mod schema;
pub mod verdict;
mod words;

closed_set!(
    /// Who judged, in what form.
    ScoreKind {
        /// An evaluator gave a value on its scale.
        #[default]
        Evaluation = "evaluation",
        /// A user gave a rating.
        Feedback = "feedback",
    }
);

closed_set!(
    /// What kind of evaluator it was.
    Annotator {
        /// Not said.
        #[default]
        Unknown = "unknown",
        /// A person.
        Human = "human",
        /// A model.
        Llm = "llm",
        /// A program.
        Code = "code",
    }
);

closed_set!(
    /// Why an evaluation has no quality.
    NoQuality {
        /// It has one.
        #[default]
        None = "none",
        /// The value lies outside the evaluator's scale.
        Scale = "scale",
        /// Only a label was given.
        NoValue = "no_value",
    }
);

/// The ends of an evaluator's scale, worst first.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Scale {
    worst: f64,
    best: f64,
}

impl Default for Scale {
    /// 0 to 1, unless an evaluator declares another.
    fn default() -> Self {
        Self { worst: 0.0, best: 1.0 }
    }
}

impl Scale {
    /// A scale between two different finite numbers; one where less is better runs downwards.
    #[must_use]
    pub fn new(worst: f64, best: f64) -> Option<Self> {
        let usable = worst.is_finite() && best.is_finite() && (best - worst).abs() > f64::EPSILON;
        usable.then_some(Self { worst, best })
    }

    /// Its ends, worst first.
    #[must_use]
    pub const fn ends(&self) -> (f64, f64) {
        (self.worst, self.best)
    }

    /// The value as 0–100; nothing outside the scale.
    #[must_use]
    pub fn quality(&self, value: f64) -> Option<f64> {
        let inside = value >= self.worst.min(self.best) && value <= self.worst.max(self.best);
        inside.then(|| 100.0 * (value - self.worst) / (self.best - self.worst))
    }
}

/// What a score says it is about. The first that leads to a call counts, in this order.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reference {
    /// flowgauge's id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub call: Option<CallId>,
    /// W3C trace, with or without a span.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace: Option<TraceId>,
    /// W3C span of the trace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub span: Option<SpanId>,
    /// The provider's id of its answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response: Option<Text>,
}

impl Reference {
    /// Whether it could lead to a call at all.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.call.is_none() && self.trace.is_none() && self.response.is_none()
    }

    /// Whether a row may be the one meant.
    #[must_use]
    pub fn may_mean(&self, call: &Call) -> bool {
        let link = &call.link;
        self.call == Some(call.id)
            || (self.trace.is_some()
                && self.trace == link.trace_id
                && (self.span.is_none() || self.span == link.span_id))
            || (self.response.is_some() && self.response == link.response_id)
    }

    /// As one text, equal for equal references.
    #[must_use]
    pub fn text(&self) -> String {
        match (&self.call, &self.trace, &self.span, &self.response) {
            (Some(call), ..) => format!("call:{call}"),
            (None, Some(trace), Some(span), _) => format!("span:{trace}/{span}"),
            (None, Some(trace), None, _) => format!("trace:{trace}"),
            (None, None, _, Some(response)) => format!("response:{response}"),
            (None, None, _, None) => "nothing".to_owned(),
        }
    }
}

/// One evaluation or rating.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Score {
    /// flowgauge's id of it.
    pub id: CallId,
    /// What form it has.
    pub kind: ScoreKind,
    /// When it was given.
    pub time: UnixMicros,
    /// When it came here.
    pub received: UnixMicros,
    /// Evaluator; empty for feedback.
    pub evaluator: Text,
    /// Its version; empty where none was named.
    pub version: Text,
    /// 0–100, where the value lies on the scale.
    pub quality: Option<f64>,
    /// Why there is no quality.
    pub no_quality: NoQuality,
    /// The value as it came.
    pub raw: Option<f64>,
    /// The scale it was read on.
    pub scale: Scale,
    /// A word for it, e.g. `relevant`.
    pub label: Option<Text>,
    /// Why, in the evaluator's or the user's words; kept only where content may be.
    pub explanation: Option<Box<str>>,
    /// What kind of evaluator it was.
    pub annotator: Annotator,
    /// Who rated, as a keyed hash; empty where nobody was named.
    pub user: Text,
    /// 1–5, of feedback.
    pub rating: Option<u8>,
    /// Whether the rating was a thumb, up for 5 and down for 1.
    pub thumb: bool,
    /// What the feedback is about, e.g. `performance`.
    pub category: Option<Text>,
    /// How many calls of its kind it stands for, where it was given to a sample: the inverse of the
    /// chance its call was chosen with. Scores before samples were drawn say nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weight: Option<f64>,
    /// The call it is about, as named by its sender.
    pub about: Reference,
}

impl Score {
    /// A score about `about`, of which nothing else is known.
    #[must_use]
    pub fn new(id: CallId, kind: ScoreKind, now: UnixMicros, about: Reference) -> Self {
        Self {
            id,
            kind,
            time: now,
            received: now,
            evaluator: Text::default(),
            version: Text::default(),
            quality: None,
            no_quality: NoQuality::None,
            raw: None,
            scale: Scale::default(),
            label: None,
            explanation: None,
            annotator: Annotator::Unknown,
            user: Text::default(),
            rating: None,
            thumb: false,
            category: None,
            weight: None,
            about,
        }
    }

    /// Reads the value on a scale.
    pub fn read_on(&mut self, scale: Scale, raw: Option<f64>) {
        self.scale = scale;
        self.raw = raw;
        self.quality = raw.and_then(|v| scale.quality(v));
        self.no_quality = match (raw, self.quality) {
            (_, Some(_)) => NoQuality::None,
            (Some(_), None) => NoQuality::Scale,
            (None, None) => NoQuality::NoValue,
        };
    }

    /// Of the scores of one call, those equal in this are one: the last counts.
    #[must_use]
    pub fn judge(&self) -> String {
        let Self { kind, evaluator, version, user, .. } = self;
        format!("{}\u{1f}{evaluator}\u{1f}{version}\u{1f}{user}", kind.word())
    }

    /// Whether it takes the place of an earlier one of the same judge about the same call.
    #[must_use]
    pub fn follows(&self, other: &Self) -> bool {
        (self.time, self.received) >= (other.time, other.received)
    }

    /// Whether it says the same, whenever it does: a resend changes nothing.
    #[must_use]
    pub fn says_what(&self, other: &Self) -> bool {
        let mut same = other.clone();
        (same.id, same.time, same.received) = (self.id, self.time, self.received);
        *self == same
    }
}

/// The call a score is attached to, and what KPIs need of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attached {
    /// The row that counts.
    pub call: CallId,
    /// Its start: the window the score counts in.
    pub start: UnixMicros,
    /// Its dimensions.
    pub series: SeriesKey,
    /// Its input and output tokens.
    pub tokens: Option<Tokens>,
    /// Its cost.
    pub cost: Option<NanoUsd>,
}

impl Attached {
    /// To a row.
    #[must_use]
    pub fn to(call: &Call) -> Self {
        // An embedding has no output: what is known is what was billed.
        let known = [call.usage.input_total(), call.usage.output_total()];
        let tokens = known.into_iter().flatten().reduce(|a, b| a + b);
        Self {
            call: call.id,
            start: call.time.start,
            series: SeriesKey::of(call),
            tokens,
            cost: call.cost.nanos,
        }
    }
}

#[cfg(test)]
mod tests;
