//! Chores of optimising: bounds of the memory of answers, limits of tokens. Proposals only.

use super::super::jobs::Occasion;
use super::Parts;
use crate::control::memory::ThresholdAdvice;
use crate::logic::call::Call;
use crate::logic::control::cache::semantic::Likeness;
use crate::logic::control::cache::tune::Advice;
use crate::logic::control::lengths::{Length, Lengths, MIN_CALLS};
use crate::logic::job::Outcome;
use crate::store::CallQuery;

/// Newest calls looked at: a p99 of so many has fifty of them beyond it.
const CALLS: usize = 5_000;

/// What other bounds of the memory of answers would have done.
pub(super) fn cache(parts: &Parts) -> Result<Outcome, String> {
    let (bounds, likeness) = advice(parts);
    let text = match &likeness {
        ThresholdAdvice::Change { serve, reason, .. } => {
            format!("{bounds}; likeness {serve:.2} would be better: {reason}")
        }
        _ => bounds.to_string(),
    };
    let changes = matches!(bounds, Advice::Change { .. })
        || matches!(likeness, ThresholdAdvice::Change { .. });
    Ok(match &bounds {
        _ if changes => Outcome::finding(format!("{text}; flowgauge cache tune --apply sets it")),
        Advice::TooLittle { .. } => Outcome::skipped(text),
        _ => Outcome::done(text),
    })
}

/// Everything that `opt propose` looks at.
pub(super) fn parameters(parts: &Parts, of: &Occasion) -> Result<Outcome, String> {
    let (bounds, _) = advice(parts);
    let query = CallQuery::newest(of.window, CALLS);
    let calls = parts.reader()?.calls(&query).map_err(|e| e.to_string())?;
    let lengths: Vec<Length> = calls.iter().map(length).collect();
    let state = parts.control.desk.live().get();
    let settings = state.settings.as_ref().ok_or("the settings of control cannot be read")?;
    let found = Lengths::of(&lengths).check(settings.prompt.max_answer_tokens);
    let mut told = vec![format!("cache: {bounds}")];
    told.extend(found.iter().map(ToString::to_string));
    if calls.len() < MIN_CALLS {
        told.push(format!("limits of tokens: {} calls; {MIN_CALLS} are needed", calls.len()));
    }
    let text = told.join("; ");
    Ok(if !found.is_empty() || matches!(bounds, Advice::Change { .. }) {
        Outcome::finding(format!("{text}; flowgauge opt propose --data-driven --apply sets it"))
    } else {
        Outcome::done(text)
    })
}

fn advice(parts: &Parts) -> (Advice, ThresholdAdvice) {
    let (log, limits) = parts.control.memory.accesses();
    let state = parts.control.desk.live().get();
    let serve = state.settings.as_ref().map(|s| s.cache.likeness.serve);
    let serve = serve.unwrap_or_else(|| Likeness::default().serve);
    let likeness = parts.control.memory.contents().shadow.threshold(serve);
    (log.tune(limits, false).advice, likeness)
}

fn length(call: &Call) -> Length {
    let (input, output) = (call.usage.input_total(), call.usage.output_total());
    Length {
        input: input.map(|t| t.0),
        output: output.map(|t| t.0),
        cut: call.outcome.finish_reason.as_deref().map(Length::is_cut),
    }
}
