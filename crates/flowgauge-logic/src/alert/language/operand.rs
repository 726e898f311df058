//! Both sides of a comparison: metric, selector, window, labels; quantity, percent of, reference.

use super::super::condition::{
    Bound, ChangeKind, Cmp, Guards, MatchOp, Matcher, Offset, Operand, Quantity, Reference, Series,
    Written,
};
use super::super::metric::Metric;
use super::check::{At, SeriesAt};
use super::cursor::{Cursor, did_you_mean};
use super::length::length;
use super::lexer::Kind;
use super::{Fault, unit};
use crate::rollup::Dim;
use std::ops::Range;

/// Words that begin a reference.
const REFERENCES: &[&str] =
    &["baseline", "budget", "target", "capacity", "previous", "yesterday", "last_week"];

/// Longest list of labels or matchers: every dimension once, and some over.
const MAX_LIST: usize = 32;

/// Reads the left side of a comparison.
pub(super) fn operand(cursor: &mut Cursor<'_>, at: &mut At) -> Result<Operand, Fault> {
    let Some(kind) = change_kind(cursor) else {
        return Ok(Operand::Of(series(cursor, &mut at.series)?));
    };
    cursor.step();
    cursor.step();
    let inner = cursor.span();
    if change_kind(cursor).is_some() {
        return Err(Fault::new(inner, "a change of a change cannot be compared")
            .hint("write `increase of METRIC vs yesterday > 15%`"));
    }
    let of = series(cursor, &mut at.series)?;
    cursor.need_word("vs", "and what it is compared with, e.g. `vs last_week`")?;
    let start = cursor.span().start;
    let against = reference(cursor, &mut at.other)?;
    at.against = start..cursor.end();
    Ok(Operand::Change { kind, of, against })
}

fn change_kind(cursor: &Cursor<'_>) -> Option<ChangeKind> {
    let kinds = [
        ("increase", ChangeKind::Increase),
        ("decrease", ChangeKind::Decrease),
        ("change", ChangeKind::Change),
    ];
    let (_, kind) = kinds.into_iter().find(|(w, _)| cursor.is_word(w))?;
    cursor.is_word_ahead(1, "of").then_some(kind)
}

/// Reads `metric {selector} over 1h by (label)`.
pub(super) fn series(cursor: &mut Cursor<'_>, at: &mut SeriesAt) -> Result<Series, Fault> {
    let mut series = narrowed(cursor, at)?;
    loop {
        let start = cursor.span().start;
        if series.over.is_none() && cursor.take_word("over") {
            series.over = Some(length(cursor, "a window after `over`")?);
            at.over = start..cursor.end();
        } else if series.by.is_empty() && cursor.take_word("by") {
            series.by = labels(cursor)?;
            at.by = start..cursor.end();
        } else {
            return Ok(series);
        }
    }
}

/// Reads `metric {selector}`, which is all that a reference may be.
fn narrowed(cursor: &mut Cursor<'_>, at: &mut SeriesAt) -> Result<Series, Fault> {
    at.metric = cursor.span();
    let metric = metric(cursor)?;
    let mut series =
        Series { metric, selector: Vec::new(), calendar_day: false, over: None, by: Vec::new() };
    if cursor.is_sign("{") {
        selector(cursor, &mut series, at)?;
    }
    Ok(series)
}

fn metric(cursor: &mut Cursor<'_>) -> Result<Metric, Fault> {
    if cursor.ahead(0).kind != Kind::Word {
        let fault = cursor.expected("a metric");
        return Err(fault.hint("write for example `p95_latency > 2500ms for 5m`"));
    }
    let (word, span) = (cursor.text_ahead(0), cursor.span());
    if let Some(metric) = Metric::from_word(word) {
        cursor.step();
        return Ok(metric);
    }
    Err(Fault::new(span, format!("\"{word}\" is no metric")).hint(metric_hint(word)))
}

/// The nearest metric, trying a quantile from the other end too (`latency_p95`, `p95_ttft`).
fn metric_hint(word: &str) -> String {
    let lower = word.to_ascii_lowercase();
    let turned = lower.split_once('_').map(|(a, b)| format!("{b}_{a}"));
    let exact = [Some(lower.clone()), turned]
        .into_iter()
        .flatten()
        .find_map(|w| Metric::from_word(&w))
        .map(|m| format!("did you mean `{}`?", m.word()));
    let near = || did_you_mean(word, Metric::ALL.iter().map(|m| m.word()));
    exact.or_else(near).unwrap_or_else(|| {
        let all: Vec<&str> = Metric::ALL.iter().map(|m| m.word()).collect();
        format!("there are {}", all.join(", "))
    })
}

fn selector(cursor: &mut Cursor<'_>, series: &mut Series, at: &mut SeriesAt) -> Result<(), Fault> {
    let open = cursor.span();
    cursor.step();
    if cursor.is_sign("}") {
        return Err(Fault::new(open.start..cursor.span().end, "a selector without a label")
            .hint("write for example {model=\"gpt-4o\"}, or leave the braces out"));
    }
    loop {
        let span = cursor.span();
        if cursor.is_word("calendar") {
            calendar(cursor)?;
            series.calendar_day = true;
            at.calendar = span.start..cursor.end();
        } else {
            let matcher = matcher(cursor)?;
            series.selector.push(matcher);
            at.labels.push(span.start..cursor.end());
        }
        too_many(series.selector.len(), &span)?;
        if cursor.take_sign("}") {
            return Ok(());
        }
        cursor.need_sign(",", "or `}` after a label")?;
    }
}

fn too_many(length: usize, span: &Range<usize>) -> Result<(), Fault> {
    if length <= MAX_LIST {
        return Ok(());
    }
    Err(Fault::new(span.clone(), format!("more than {MAX_LIST} labels")))
}

fn matcher(cursor: &mut Cursor<'_>) -> Result<Matcher, Fault> {
    let dim = label(cursor)?;
    let ops = [
        ("=", MatchOp::Equal),
        ("==", MatchOp::Equal),
        ("!=", MatchOp::NotEqual),
        ("=~", MatchOp::Matches),
        ("!~", MatchOp::NotMatches),
    ];
    let Some((_, op)) = ops.into_iter().find(|(sign, _)| cursor.is_sign(sign)) else {
        return Err(cursor.expected("`=`, `!=`, `=~` or `!~` after a label"));
    };
    cursor.step();
    let value = cursor.need_quoted("a value in quotes")?;
    Ok(Matcher { dim, op, value: value.into() })
}

fn calendar(cursor: &mut Cursor<'_>) -> Result<(), Fault> {
    let start = cursor.span().start;
    cursor.step();
    let equal = cursor.take_sign("=");
    let value = cursor.quoted();
    if equal && value.as_deref() == Some("day") {
        return Ok(());
    }
    let span = start..cursor.end().max(start);
    Err(Fault::new(span, "the calendar can only be that of days").hint("write calendar=\"day\""))
}

fn label(cursor: &mut Cursor<'_>) -> Result<Dim, Fault> {
    let (word, span) = (cursor.text_ahead(0), cursor.span());
    if cursor.ahead(0).kind != Kind::Word {
        return Err(cursor.expected("a label, e.g. model"));
    }
    cursor.step();
    Dim::from_word(word).map_err(|_| {
        let all: Vec<&str> = Dim::ALL.iter().map(|d| d.word()).collect();
        let near = did_you_mean(word, all.iter().copied());
        Fault::new(span, format!("\"{word}\" is no label"))
            .hint(near.unwrap_or_else(|| format!("there are {}", all.join(", "))))
    })
}

fn labels(cursor: &mut Cursor<'_>) -> Result<Vec<Dim>, Fault> {
    cursor.need_sign("(", "after `by`, e.g. `by (model)`")?;
    let mut labels: Vec<Dim> = Vec::new();
    loop {
        let span = cursor.span();
        labels.push(label(cursor)?);
        too_many(labels.len(), &span)?;
        if cursor.take_sign(")") {
            return Ok(labels);
        }
        cursor.need_sign(",", "or `)` after a label")?;
    }
}

/// Reads a reference.
pub(super) fn reference(cursor: &mut Cursor<'_>, at: &mut SeriesAt) -> Result<Reference, Fault> {
    if cursor.take_word("baseline") {
        return Ok(Reference::Baseline(name(cursor)?.map(Into::into)));
    }
    if cursor.take_word("budget") {
        return Ok(Reference::Budget(name(cursor)?.map(Into::into)));
    }
    if cursor.take_word("previous") {
        let length = length(cursor, "a length of time after `previous`")?;
        return Ok(Reference::Previous(length));
    }
    let words = [
        ("target", Reference::Target),
        ("capacity", Reference::Capacity),
        ("yesterday", Reference::Yesterday),
        ("last_week", Reference::LastWeek),
    ];
    for (word, reference) in words {
        if cursor.take_word(word) {
            return Ok(reference);
        }
    }
    let (word, span) = (cursor.text_ahead(0), cursor.span());
    if cursor.ahead(0).kind != Kind::Word {
        return Err(cursor.expected("a quantity, a reference or a metric"));
    }
    if Metric::from_word(word).is_none() {
        let known = REFERENCES.iter().copied().chain(Metric::ALL.iter().map(|m| m.word()));
        let hint = did_you_mean(word, known)
            .unwrap_or_else(|| format!("there are {}, or any metric", REFERENCES.join(", ")));
        return Err(Fault::new(span, format!("\"{word}\" is nothing to compare with")).hint(hint));
    }
    Ok(Reference::Metric(narrowed(cursor, at)?))
}

/// Reads `("name")`, if it is there.
fn name(cursor: &mut Cursor<'_>) -> Result<Option<String>, Fault> {
    if !cursor.take_sign("(") {
        return Ok(None);
    }
    let name = cursor.need_quoted("a name in quotes")?;
    cursor.need_sign(")", "after the name")?;
    Ok(Some(name))
}

/// Reads a comparison sign.
pub(super) fn cmp(cursor: &mut Cursor<'_>) -> Result<Cmp, Fault> {
    let signs = [
        (">", Cmp::Above),
        (">=", Cmp::AtLeast),
        ("<", Cmp::Below),
        ("<=", Cmp::AtMost),
        ("==", Cmp::Equal),
        ("!=", Cmp::NotEqual),
    ];
    if let Some((_, cmp)) = signs.into_iter().find(|(sign, _)| cursor.is_sign(sign)) {
        cursor.step();
        return Ok(cmp);
    }
    if cursor.is_word("is") {
        cursor.step();
        return if cursor.take_word("above") {
            Ok(Cmp::Above)
        } else if cursor.take_word("below") {
            Ok(Cmp::Below)
        } else {
            Err(cursor.expected("`above` or `below` after `is`"))
        };
    }
    let to_write = match cursor.text_ahead(0).to_ascii_lowercase().as_str() {
        "=" => Some("write `==` for equal, or `>` or `<`"),
        "above" | "exceeds" | "gt" => Some("write `is above` or `>`"),
        "below" | "under" | "lt" => Some("write `is below` or `<`"),
        _ => None,
    };
    let fault = cursor.expected("a comparison (`>`, `>=`, `<`, `<=`)");
    Err(fault.maybe(to_write.map(str::to_owned)))
}

/// Reads the right side of a comparison.
pub(super) fn bound(cursor: &mut Cursor<'_>, at: &mut At) -> Result<Bound, Fault> {
    let start = cursor.span().start;
    let bound = bound_here(cursor, at)?;
    at.bound = start..cursor.end();
    Ok(bound)
}

fn bound_here(cursor: &mut Cursor<'_>, at: &mut At) -> Result<Bound, Fault> {
    if !unit::begins(cursor) {
        let reference = reference(cursor, &mut at.other)?;
        return Ok(Bound::Reference { reference, offset: offset(cursor)? });
    }
    let start = cursor.span().start;
    let quantity = unit::quantity(cursor)?;
    if !cursor.is_word("of") {
        return Ok(Bound::Quantity(quantity));
    }
    let span = start..cursor.end();
    cursor.step();
    if quantity.unit != Written::Percent {
        let message = format!("`{} of` needs a percent", cursor.slice(span.clone()));
        return Err(Fault::new(span, message).hint(format!("write {}% of …", quantity.number)));
    }
    let of = reference(cursor, &mut at.other)?;
    Ok(Bound::PercentOf { percent: quantity.number, of })
}

fn offset(cursor: &mut Cursor<'_>) -> Result<Option<Offset>, Fault> {
    let minus = cursor.is_sign("-");
    if !minus && !cursor.is_sign("+") {
        return Ok(None);
    }
    cursor.step();
    if cursor.is_sign("-") {
        return Err(cursor.expected("an amount without a sign"));
    }
    let amount: Quantity = unit::quantity(cursor)?;
    Ok(Some(Offset { minus, amount }))
}

/// Reads `with 95% confidence` and `min 200 samples`, in any order.
pub(super) fn guards(cursor: &mut Cursor<'_>, at: &mut At) -> Result<Guards, Fault> {
    let start = cursor.span().start;
    let mut guards = Guards::default();
    loop {
        let span = cursor.span();
        if cursor.take_word("with") {
            let percent =
                cursor.need_number("a percent after `with`, e.g. `with 95% confidence`")?;
            cursor.need_sign("%", "after the number, e.g. `with 95% confidence`")?;
            cursor.need_word("confidence", "after the percent")?;
            twice(guards.confidence.replace(percent / 100.0).is_some(), "with", &span)?;
        } else if cursor.take_word("min") {
            let n = cursor.need_whole::<u64>("a number of samples after `min`")?;
            if !cursor.take_word("sample") {
                cursor.need_word("samples", "after the number, e.g. `min 200 samples`")?;
            }
            twice(guards.min_samples.replace(n).is_some(), "min", &span)?;
        } else {
            at.guards = start..cursor.end().max(start);
            return Ok(guards);
        }
    }
}

fn twice(already: bool, word: &str, span: &Range<usize>) -> Result<(), Fault> {
    if !already {
        return Ok(());
    }
    Err(Fault::new(span.clone(), format!("`{word}` is said twice")).hint("leave one of them out"))
}
