//! A bounded sample of rows, spread over the window: what rollups do not keep.

use super::Question;
use crate::logic::call::{Call, Control, Counts, Text};
use crate::logic::diagnose::different::{Different, Sample};
use crate::logic::diagnose::spread::{Extreme, Metric};
use crate::logic::diagnose::tokens::{INEFFECTIVE, Saved};
use crate::logic::quantile::{Histogram, exact};
use crate::logic::window::Window;
use crate::query::sample::sample;
use crate::store::{Part, Reader, StoreError};
use std::collections::BTreeMap;

/// Calls shown at the high end.
const EXTREMES: usize = 10;
/// Users shown.
const USERS: usize = 10;

/// Mechanisms by their bit.
const MECHANISMS: [(u8, &str); 4] = [
    (Control::PRUNING, "context_pruning"),
    (Control::CACHING, "response_caching"),
    (Control::PROMPT, "prompt_optimization"),
    (Control::MODEL, "model_selection"),
];

/// What rows tell of a distribution.
#[derive(Debug)]
pub(super) struct Seen {
    pub(super) histogram: Histogram,
    pub(super) different: Option<Different>,
    pub(super) extremes: Vec<Extreme>,
    pub(super) read: u64,
}

/// Reads the window and its reference.
pub(super) fn look(
    reader: &Reader,
    question: &Question,
    window: Window,
    before: &[Window],
) -> Result<Seen, StoreError> {
    let now = sample(reader, &question.filter, &[window], Part::Figures)?;
    let earlier = sample(reader, &question.filter, before, Part::Figures)?;
    let sizes = deciles(&earlier);
    let metric = question.metric;
    let samples =
        |calls: &[Call]| calls.iter().filter_map(|c| one(c, metric, &sizes)).collect::<Vec<_>>();
    let different = Different::between(&samples(&earlier), &samples(&now));
    let mut histogram = Histogram::default();
    let mut valued: Vec<(f64, &Call)> =
        now.iter().filter_map(|c| Some((value(c, metric)?, c))).collect();
    for (value, _) in &valued {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "from u64s")]
        histogram.record(*value as u64);
    }
    valued.sort_by(|a, b| b.0.total_cmp(&a.0));
    let extremes =
        valued.iter().take(EXTREMES).map(|(value, call)| extreme(*value, call)).collect();
    Ok(Seen { histogram, different, extremes, read: now.len() as u64 })
}

/// What optimisation saved, who used the tokens and what that cost.
pub(super) fn saved(reader: &Reader, question: &Question) -> Result<Saved, StoreError> {
    let calls = sample(reader, &question.filter, &[question.window], Part::Tokens)?;
    let mut out = Saved::default();
    let mut users: BTreeMap<Text, (u64, u64)> = BTreeMap::new();
    for call in &calls {
        out.spenders.record(call);
        if let (Some(user), Some(tokens)) = (&call.who.user_key, value(call, Metric::Tokens)) {
            let slot = users.entry(user.clone()).or_default();
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "from u64s"
            )]
            let tokens = tokens as u64;
            *slot = (slot.0 + 1, slot.1 + tokens);
        }
        let sizes = call.control.original_input_tokens.zip(call.usage.input_total());
        let Some((original, sent)) = sizes else { continue };
        out.known += 1;
        #[expect(clippy::cast_precision_loss, reason = "tokens of a call")]
        let kept = sent.0 as f64 / (original.0.max(1)) as f64;
        out.ineffective += u64::from(1.0 - kept < INEFFECTIVE);
        let acted = MECHANISMS.iter().filter(|(bit, _)| call.control.applied & bit != 0);
        for (_, name) in acted {
            match out.mechanisms.iter_mut().find(|m| m.0 == *name) {
                Some(m) => *m = (m.0, m.1 + 1, m.2 + original.0, m.3 + sent.0),
                None => out.mechanisms.push((name, 1, original.0, sent.0)),
            }
        }
    }
    let mut users: Vec<_> = users.into_iter().map(|(u, (n, t))| (u, n, t)).collect();
    users.sort_by_key(|(_, _, tokens)| std::cmp::Reverse(*tokens));
    users.truncate(USERS);
    out.users = users;
    Ok(out)
}

/// A call's figure: of successes alone, as KPIs count it.
#[expect(clippy::cast_precision_loss, reason = "a statistic; sums stay integers")]
fn value(call: &Call, metric: Metric) -> Option<f64> {
    if call.outcome.counts() != Counts::Success {
        return None;
    }
    match metric {
        Metric::Latency => call.time.latency.map(|t| t.0 as f64),
        Metric::Ttft => call.time.ttft.map(|t| t.0 as f64),
        Metric::Tokens => {
            let (input, output) = (call.usage.input_total(), call.usage.output_total());
            let known = input.into_iter().chain(output).reduce(|a, b| a + b);
            known.map(|t| t.0 as f64)
        }
        Metric::Cost => call.cost.nanos.map(|c| c.0.max(0) as f64),
    }
}

fn one(call: &Call, metric: Metric, deciles: &[f64]) -> Option<Sample> {
    let value = value(call, metric)?;
    let text = |t: Option<&Text>| t.cloned().unwrap_or_default();
    let mut traits = vec![
        ("model", text(call.model())),
        ("provider", text(call.what.provider.as_ref())),
        ("endpoint", text(call.what.endpoint.as_ref())),
        ("intent", text(call.what.intent.as_ref())),
        ("cache", Text::const_new(call.control.cache.word())),
        ("instance", text(call.origin.instance.as_ref())),
        ("version", text(call.origin.version.as_ref())),
        ("tenant", text(call.who.tenant.as_ref())),
        ("generation", Text::from(call.control.generation.to_string())),
    ];
    if let Some(stream) = call.what.stream {
        traits.push(("stream", Text::const_new(if stream { "true" } else { "false" })));
    }
    traits.extend(decile(call, deciles).map(|d| ("prompt size", d)));
    Some(Sample { value, traits })
}

/// The inner edges of the reference's tenths by prompt size.
#[expect(clippy::cast_precision_loss, reason = "tokens of a call")]
fn deciles(calls: &[Call]) -> Vec<f64> {
    let mut sizes: Vec<f64> =
        calls.iter().filter_map(|c| c.usage.input_total()).map(|t| t.0 as f64).collect();
    (1..10).filter_map(|i| exact(&mut sizes, f64::from(i) / 10.0)).collect()
}

#[expect(clippy::cast_precision_loss, reason = "tokens of a call")]
fn decile(call: &Call, edges: &[f64]) -> Option<Text> {
    let size = call.usage.input_total()?.0 as f64;
    let last = edges.len();
    let at = edges.iter().position(|edge| size <= *edge).unwrap_or(last);
    let low = at.checked_sub(1).and_then(|i| edges.get(i));
    Some(match (low, edges.get(at)) {
        (Some(low), Some(high)) => Text::from(format!("{low:.0}–{high:.0} tokens")),
        (None, Some(high)) => Text::from(format!("up to {high:.0} tokens")),
        (Some(low), None) => Text::from(format!("over {low:.0} tokens")),
        (None, None) => return None,
    })
}

fn extreme(value: f64, call: &Call) -> Extreme {
    let words = [call.what.endpoint.as_ref(), call.what.intent.as_ref(), call.model()];
    let what: Vec<&str> = words.into_iter().flatten().map(Text::as_str).collect();
    Extreme {
        id: call.id.to_string(),
        start: call.time.start.to_rfc3339(),
        value,
        what: what.join(" "),
    }
}
