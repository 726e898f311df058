//! The condition of a rule: text or mapping, with `for`, `window` and `by` where they stand as
//! keys beside it.

use super::holding::length;
use super::{inside, missing};
use crate::config::problem::Problem;
use crate::config::read::Findings;
use crate::config::tree::{Node, Value};
use crate::judge::rules::fields::{Fields, item_texts};
use crate::judge::rules::mapping;
use crate::judge::rules::parts::Part;
use crate::logic::alert::condition::{
    Condition, Expr, Hold, Operand, Predicate, Series, Tolerance,
};
use crate::logic::alert::language::{self, Context};
use crate::logic::rollup::Dim;
use crate::logic::unit::Micros;

/// The condition, or nothing where it is refused.
pub(super) fn condition(
    f: &mut Findings,
    part: &Part<'_>,
    fields: Fields<'_>,
    context: &Context<'_>,
) -> Option<Condition> {
    let Some(node) = (Fields { defaults: None, ..fields }).get("condition") else {
        let hint = "add for example `condition: p95_latency > 2500ms for 5 minutes`";
        missing(f, part, "condition", hint);
        return None;
    };
    let mut condition = written(f, part, node, context)?;
    hold(f, fields, &mut condition)?;
    narrow(f, fields, &mut condition, context)?;
    Some(condition)
}

fn written(
    f: &mut Findings,
    part: &Part<'_>,
    node: &Node,
    context: &Context<'_>,
) -> Option<Condition> {
    let read = match &node.value {
        Value::Text(text) => language::read(text, context),
        Value::Map(_) => match mapping::condition(node) {
            Ok(condition) => {
                let faults = language::check(&condition, context);
                if faults.is_empty() { Ok(condition) } else { Err(faults) }
            }
            Err(problem) => {
                f.add(problem);
                return None;
            }
        },
        Value::Null | Value::List(_) => {
            f.add(Problem::new(node.place.clone(), "`condition` is a text or a section"));
            return None;
        }
    };
    match read {
        Ok(condition) => Some(condition),
        Err(faults) => {
            f.0.extend(faults.into_iter().map(|fault| inside(part, node, fault)));
            None
        }
    }
}

/// `for: 5m` or `for: 5m (4 of 5)`; in the defaults it yields to what the condition says.
fn hold(f: &mut Findings, fields: Fields<'_>, condition: &mut Condition) -> Option<()> {
    let Some((text, place)) = fields.text(f, "for") else { return Some(()) };
    let own = fields.own.child("for").is_some_and(|n| n.value != Value::Null);
    let Condition::When { hold, .. } = condition else {
        if own {
            let problem = Problem::new(place.clone(), "a schedule has no `for`");
            f.add(problem.hint("leave it out: an event is due at once"));
        }
        return Some(());
    };
    if !hold.is_none() {
        if own {
            let problem = Problem::new(place.clone(), "`for` is said twice");
            f.add(problem.hint("it stands in the condition already; leave one of them out"));
            return None;
        }
        return Some(());
    }
    match held(text) {
        Ok(found) => *hold = found,
        Err(why) => {
            f.add(Problem::new(place.clone(), why));
            return None;
        }
    }
    Some(())
}

fn held(text: &str) -> Result<Hold, String> {
    let (time, rest) = text.split_once('(').map_or((text, None), |(t, r)| (t, Some(r)));
    let tolerance = match rest {
        None => None,
        Some(rest) => {
            let (k, n) = rest
                .trim_end()
                .strip_suffix(')')
                .and_then(|inner| inner.split_once("of"))
                .and_then(|(k, n)| Some((k.trim().parse().ok()?, n.trim().parse().ok()?)))
                .ok_or_else(|| {
                    format!("{text:?} is not understood; write for example 5m (4 of 5)")
                })?;
            Some(Tolerance { k, n })
        }
    };
    Ok(Hold { length: length(time.trim())?, tolerance })
}

/// `window` and `by`, for every series that does not say its own.
fn narrow(
    f: &mut Findings,
    fields: Fields<'_>,
    condition: &mut Condition,
    context: &Context<'_>,
) -> Option<()> {
    let window = fields.parsed(f, "window", None, |t| length(t).map(Some));
    let mut by = Vec::new();
    for (text, place) in item_texts(f, fields.get("by"), "by") {
        match Dim::from_word(text) {
            Ok(dim) => by.push(dim),
            Err(why) => f.add(Problem::new(place.clone(), why.to_string())),
        }
    }
    if window.is_none() && by.is_empty() {
        return Some(());
    }
    let place = fields.get("window").or_else(|| fields.get("by")).map(|n| n.place.clone())?;
    let Condition::When { expr, .. } = condition else {
        f.add(Problem::new(place, "a schedule has neither `window` nor `by`"));
        return None;
    };
    each_series(expr, &mut |series| fill(series, window, &by));
    let faults = language::check(condition, context);
    for fault in &faults {
        let problem = Problem::new(place.clone(), fault.message.clone());
        f.add(match &fault.hint {
            Some(hint) => problem.hint(hint.clone()),
            None => problem,
        });
    }
    faults.is_empty().then_some(())
}

fn fill(series: &mut Series, window: Option<Micros>, by: &[Dim]) {
    series.over = series.over.or(window);
    if series.by.is_empty() {
        series.by = by.to_vec();
    }
}

/// The series every predicate is about; what they are compared with keeps its own.
fn each_series(expr: &mut Expr, act: &mut dyn FnMut(&mut Series)) {
    match expr {
        Expr::And(parts) | Expr::Or(parts) => parts.iter_mut().for_each(|p| each_series(p, act)),
        Expr::Not(inner) => each_series(inner, act),
        Expr::Is(Predicate::Compare(comparison)) => match &mut comparison.operand {
            Operand::Of(series) | Operand::Change { of: series, .. } => act(series),
        },
        Expr::Is(
            Predicate::NoData { from: series, .. }
            | Predicate::Absent(series)
            | Predicate::Regression { of: series, .. }
            | Predicate::Forecast { of: series, .. },
        ) => act(series),
        Expr::Is(Predicate::BurnRate { .. }) => {}
    }
}
