//! Evaluations as telemetry carries them: `gen_ai.evaluation.result` events, and the annotations of
//! OpenInference on a span, which may stand for another span, a trace or a session.
//!
//! Refuses scales: the value is handed on as it came.

use super::value::{cut, name};
use super::{MAX_VALUE, Rejected, Rules, Value};
use crate::call::Text;
use crate::id::{SpanId, TraceId};
use crate::score::{Annotator, Reference};
use std::collections::BTreeMap;

/// Annotations of one span that are read; evaluators write a handful.
const MAX_ANNOTATIONS: usize = 64;
/// Longest label, bytes.
const MAX_LABEL: usize = 64;
/// Words of a label: `not very relevant`.
const MAX_LABEL_WORDS: usize = 3;

/// One evaluation as it was sent.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Judged {
    /// Who judged.
    pub evaluator: Text,
    /// What tells several annotations of one name apart; its version where it names one.
    pub version: Text,
    /// The value as it came.
    pub value: Option<f64>,
    /// A word for it.
    pub label: Option<Text>,
    /// Why; kept only where content may be.
    pub explanation: Option<Box<str>>,
    /// What kind of evaluator it was.
    pub annotator: Annotator,
    /// The call it is about.
    pub about: Reference,
}

impl Judged {
    /// From the attributes of a `gen_ai.evaluation.result` event; nothing where the evaluator
    /// failed. `about` is the span the event belongs to.
    ///
    /// # Errors
    /// Without a name, or with a value that is no finite number.
    pub fn from_event<'a>(
        attributes: impl Iterator<Item = (&'a str, &'a Value<'a>)>,
        about: Reference,
        rules: &Rules<'_>,
    ) -> Result<Option<Self>, Rejected> {
        let mut judged = Self { about, ..Self::default() };
        for (key, value) in attributes {
            match key {
                "error.type" => return Ok(None),
                "gen_ai.response.id" => judged.about.response = value.name(),
                _ => {
                    if let Some(field) = key.strip_prefix("gen_ai.evaluation.") {
                        judged.set(field, value, rules)?;
                    }
                }
            }
        }
        if judged.evaluator.is_empty() {
            return Err(Rejected::new("gen_ai.evaluation.result without gen_ai.evaluation.name"));
        }
        Ok(Some(judged))
    }

    fn set(&mut self, field: &str, value: &Value<'_>, rules: &Rules<'_>) -> Result<(), Rejected> {
        match field {
            "name" => self.evaluator = value.name().unwrap_or_default(),
            "identifier" | "version" => self.version = value.name().unwrap_or_default(),
            "score" | "score.value" => self.value = number(value)?,
            "label" | "score.label" => {
                self.label = value.text().and_then(label).filter(|_| !rules.metrics_only);
            }
            "explanation" if rules.store_content => {
                let text = value.text().filter(|text| !text.is_empty());
                self.explanation = text.map(|text| Box::from(cut(text, MAX_VALUE)));
            }
            "annotator_kind" => {
                let word = value.text().unwrap_or_default().to_ascii_lowercase();
                self.annotator = Annotator::from_word(&word).unwrap_or_default();
            }
            _ => {}
        }
        Ok(())
    }
}

/// A word or three for a score. What is longer is prose, which may hold anything, and no label.
#[must_use]
pub fn label(text: &str) -> Option<Text> {
    let text = text.trim();
    let short = text.len() <= MAX_LABEL && text.split_whitespace().count() <= MAX_LABEL_WORDS;
    if short { name(text) } else { None }
}

/// A number of either sign; text that is none is no value.
fn number(value: &Value<'_>) -> Result<Option<f64>, Rejected> {
    let number = match value {
        Value::Double(d) => *d,
        #[expect(clippy::cast_precision_loss, reason = "scores are small")]
        Value::Int(i) => *i as f64,
        Value::Bool(yes) => f64::from(u8::from(*yes)),
        Value::Str(s) => match s.trim().parse() {
            Ok(d) => d,
            Err(_) => return Ok(None),
        },
        Value::Json(_) | Value::Bytes(_) => return Ok(None),
    };
    if number.is_finite() {
        Ok(Some(number))
    } else {
        Err(Rejected::new("the score of an evaluation is not a finite number"))
    }
}

/// What an annotation on a span is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Level {
    Span,
    Trace,
    Session,
}

/// Annotations of one span.
#[derive(Debug, Default)]
pub struct Annotations {
    drafts: BTreeMap<(Level, u16), Judged>,
    links: Vec<(TraceId, SpanId)>,
    rejected: Option<Rejected>,
}

impl Annotations {
    /// Takes an attribute. False where it is no part of an annotation.
    pub fn attr(&mut self, key: &str, value: &Value<'_>, rules: &Rules<'_>) -> bool {
        let Some((level, index, field)) = place(key) else { return false };
        if self.drafts.len() >= MAX_ANNOTATIONS && !self.drafts.contains_key(&(level, index)) {
            return true;
        }
        let draft = self.drafts.entry((level, index)).or_default();
        if let Err(rejected) = draft.set(field, value, rules) {
            self.rejected.get_or_insert(rejected);
        }
        true
    }

    /// Takes a link of the span.
    pub fn link(&mut self, trace: TraceId, span: SpanId) {
        // One more than one is all that matters.
        if self.links.len() < 2 {
            self.links.push((trace, span));
        }
    }

    /// The evaluations: about the linked span where there is exactly one, else about this one.
    ///
    /// # Errors
    /// Where a score is no finite number.
    pub fn finish(self, trace: TraceId, span: SpanId) -> Result<Vec<Judged>, Rejected> {
        if let Some(rejected) = self.rejected {
            return Err(rejected);
        }
        let (trace, span) = match self.links.as_slice() {
            [linked] => *linked,
            _ => (trace, span),
        };
        let named = self.drafts.into_iter().filter(|(_, judged)| !judged.evaluator.is_empty());
        let about = |level| match level {
            Level::Span => {
                Reference { trace: Some(trace), span: Some(span), ..Reference::default() }
            }
            Level::Trace => Reference { trace: Some(trace), ..Reference::default() },
            // A session is no call: kept, attached to nothing.
            Level::Session => Reference::default(),
        };
        Ok(named.map(|((level, _), judged)| Judged { about: about(level), ..judged }).collect())
    }
}

/// Level, number and field of `annotations.<i>.annotation.<field>` and its like.
fn place(key: &str) -> Option<(Level, u16, &str)> {
    if !matches!(key.as_bytes().first(), Some(b'a' | b'e' | b't' | b's')) {
        return None;
    }
    let (level, rest) = match key.split_once('.') {
        Some(("trace", rest)) => (Level::Trace, rest),
        Some(("session", rest)) => (Level::Session, rest),
        _ => (Level::Span, key),
    };
    let (list, item) = match rest.split_once('.')? {
        ("annotations", rest) => ("annotation", rest),
        ("evaluations", rest) => ("evaluation", rest),
        _ => return None,
    };
    let (index, rest) = item.split_once('.')?;
    let field = rest.strip_prefix(list)?.strip_prefix('.')?;
    Some((level, index.parse().ok()?, field))
}

/// A text as a name of bounded length, for doors that read scores themselves.
#[must_use]
pub fn bounded_name(text: &str) -> Option<Text> {
    name(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const TRACE: TraceId = TraceId([1; 16]);
    const SPAN: SpanId = SpanId([2; 8]);

    fn hash(_: &str) -> Text {
        Text::const_new("h")
    }

    fn rules(store_content: bool) -> Rules<'static> {
        Rules { hash: &hash, store_content, metrics_only: false }
    }

    fn of(pairs: &[(&str, Value<'static>)], links: usize) -> Vec<Judged> {
        let mut annotations = Annotations::default();
        for (key, value) in pairs {
            annotations.attr(key, value, &rules(false));
        }
        (0..links).for_each(|n| {
            annotations.link(TraceId([9; 16]), SpanId([u8::try_from(n).unwrap(); 8]));
        });
        annotations.finish(TRACE, SPAN).unwrap()
    }

    #[test]
    fn annotations_and_evaluations_are_one_thing() {
        for (list, item) in [("annotations", "annotation"), ("evaluations", "evaluation")] {
            let key = |n: u8, field: &str| format!("{list}.{n}.{item}.{field}");
            let mut annotations = Annotations::default();
            for (n, field, value) in [
                (0, "name", Value::Str("relevance")),
                (0, "score", Value::Double(0.75)),
                (0, "annotator_kind", Value::Str("LLM")),
                (0, "explanation", Value::Str("SECRET words")),
                (1, "name", Value::Str("tone")),
                (1, "label", Value::Str("friendly")),
                (2, "score", Value::Int(1)),
            ] {
                assert!(annotations.attr(&key(n, field), &value, &rules(false)));
            }
            let judged = annotations.finish(TRACE, SPAN).unwrap();
            assert_eq!(judged.len(), 2, "one without a name is none");
            assert_eq!((judged[0].value, judged[0].annotator), (Some(0.75), Annotator::Llm));
            assert_eq!(judged[0].explanation, None, "content is not asked for");
            assert_eq!(judged[0].about.span, Some(SPAN));
            assert_eq!((judged[1].label.as_deref(), judged[1].value), (Some("friendly"), None));
        }
    }

    #[test]
    fn a_label_is_a_few_words_and_no_sentence() {
        assert_eq!(label(" not very relevant ").as_deref(), Some("not very relevant"));
        assert_eq!(label("the answer names the customer"), None);
        assert_eq!(label(&"x".repeat(65)), None);
        assert_eq!(label(""), None);
    }

    #[test]
    fn a_carrier_with_exactly_one_link_is_about_the_linked_span() {
        let pairs = [
            ("annotations.0.annotation.name", Value::Str("a")),
            ("trace.annotations.0.annotation.name", Value::Str("b")),
            ("session.evaluations.7.evaluation.name", Value::Str("c")),
        ];
        let abouts = |links| -> Vec<Reference> {
            of(&pairs, links).into_iter().map(|judged| judged.about).collect()
        };
        let linked = abouts(1);
        assert_eq!(
            (linked[0].trace, linked[0].span),
            (Some(TraceId([9; 16])), Some(SpanId([0; 8])))
        );
        assert_eq!((linked[1].trace, linked[1].span), (Some(TraceId([9; 16])), None));
        assert!(linked[2].is_empty());
        for links in [0, 2, 3] {
            assert_eq!(abouts(links)[0].span, Some(SPAN), "{links} links");
        }
    }

    #[test]
    fn an_evaluator_that_failed_gives_no_score_and_one_without_a_name_is_refused() {
        let event = |pairs: &[(&str, Value<'_>)]| {
            let pairs = pairs.iter().map(|(k, v)| (*k, v));
            Judged::from_event(pairs, Reference::default(), &rules(true))
        };
        let name = ("gen_ai.evaluation.name", Value::Str("relevance"));
        let value = ("gen_ai.evaluation.score.value", Value::Double(0.5));
        let why = ("gen_ai.evaluation.explanation", Value::Str("it fits"));
        let judged = event(&[name.clone(), value.clone(), why]).unwrap().unwrap();
        assert_eq!((judged.value, judged.explanation.as_deref()), (Some(0.5), Some("it fits")));
        let failed = ("error.type", Value::Str("timeout"));
        assert_eq!(event(&[name.clone(), value.clone(), failed]), Ok(None));
        assert!(event(&[value]).is_err());
        assert!(
            event(&[name, ("gen_ai.evaluation.score.value", Value::Double(f64::NAN))]).is_err()
        );
    }

    proptest! {
        #[test]
        fn any_key_is_read_or_left(key in "(trace\\.|session\\.)?(annotations|evaluations|x)?[.a-z0-9]{0,30}") {
            if let Some((_, _, field)) = place(&key) {
                prop_assert!(key.ends_with(field));
            }
        }
    }
}
