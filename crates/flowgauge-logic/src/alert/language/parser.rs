//! Recursive descent over the grammar of alerting 4. Each predicate is checked as soon as it is read,
//! while its places are known; faults of meaning are gathered, a fault of grammar ends the reading.

use super::super::condition::{
    Cmp, Comparison, Condition, Expr, Hold, Operand, Predicate, Series, Tolerance,
};
use super::check::{self, At};
use super::cursor::Cursor;
use super::length::length;
use super::lexer::Kind;
use super::operand::{bound, cmp, guards, operand, reference};
use super::schedule;
use super::{Context, Fault};

/// Parentheses and `not` within each other: more than a person can follow, few enough for any stack.
pub(super) const DEEPEST: usize = 32;

/// Example at the places where nothing was written.
const EXAMPLE: &str = "write for example `p95_latency > 2500ms for 5m`";

struct Parser<'t, 'c> {
    cursor: Cursor<'t>,
    context: &'c Context<'c>,
    faults: Vec<Fault>,
    splits: check::Splits,
    depth: usize,
}

/// Reads a whole condition.
pub(super) fn condition(text: &str, context: &Context<'_>) -> Result<Condition, Vec<Fault>> {
    read(text, context, |parser| parser.condition())
}

/// Reads an expression and nothing behind it.
pub(super) fn expression(text: &str, context: &Context<'_>) -> Result<Expr, Vec<Fault>> {
    read(text, context, |parser| {
        let expr = parser.expr()?;
        if parser.cursor.is_word("for") {
            return Err(Fault::new(parser.cursor.span(), "`for` has no place here")
                .hint("leave it out; `keep:` says for how long an alert must be clear"));
        }
        Ok(expr)
    })
}

fn read<'c, T>(
    text: &str,
    context: &'c Context<'c>,
    inner: impl FnOnce(&mut Parser<'_, 'c>) -> Result<T, Fault>,
) -> Result<T, Vec<Fault>> {
    let cursor = Cursor::new(text).map_err(|fault| vec![fault])?;
    let splits = check::Splits::default();
    let mut parser = Parser { cursor, context, faults: Vec::new(), splits, depth: 0 };
    if parser.cursor.is_end() {
        return Err(vec![Fault::new(0..text.len(), "the condition is empty").hint(EXAMPLE)]);
    }
    let tree = inner(&mut parser).and_then(|tree| parser.ended().map(|()| tree));
    let Parser { mut faults, splits, .. } = parser;
    splits.check(&mut faults);
    match tree {
        Ok(tree) if faults.is_empty() => return Ok(tree),
        Ok(_) => {}
        Err(fault) => faults.push(fault),
    }
    faults.sort_by_key(|f| f.span.start);
    Err(faults)
}

impl Parser<'_, '_> {
    fn condition(&mut self) -> Result<Condition, Fault> {
        if let Some(schedule) = schedule::schedule(&mut self.cursor)? {
            if self.cursor.is_word("for") {
                return Err(Fault::new(self.cursor.span(), "a schedule has no `for`")
                    .hint("a schedule is an event, not a state: leave `for` out"));
            }
            return Ok(Condition::Schedule(schedule));
        }
        let expr = self.expr()?;
        let hold = self.hold()?;
        Ok(Condition::When { expr, hold })
    }

    /// Reads `for 5m (4 of 5)`, if it is there.
    fn hold(&mut self) -> Result<Hold, Fault> {
        let start = self.cursor.span().start;
        if !self.cursor.take_word("for") {
            return Ok(Hold::default());
        }
        let length = length(&mut self.cursor, "a length of time after `for`")?;
        let tolerance = if self.cursor.take_sign("(") { Some(self.tolerance()?) } else { None };
        let hold = Hold { length, tolerance };
        check::hold(&hold, &(start..self.cursor.end()), &mut self.faults);
        Ok(hold)
    }

    fn tolerance(&mut self) -> Result<Tolerance, Fault> {
        let k = self.cursor.need_whole("a number of ticks, e.g. `(4 of 5)`")?;
        self.cursor.need_word("of", "in `(4 of 5)`")?;
        let n = self.cursor.need_whole("a number of ticks, e.g. `(4 of 5)`")?;
        self.cursor.need_sign(")", "after `4 of 5`")?;
        Ok(Tolerance { k, n })
    }

    fn ended(&self) -> Result<(), Fault> {
        let cursor = &self.cursor;
        if cursor.is_end() {
            return Ok(());
        }
        let to_write = match cursor.text_ahead(0).to_ascii_lowercase().as_str() {
            "," | "&&" => Some("write `and` between two comparisons".to_owned()),
            ")" => Some("there is no open `(` for it".to_owned()),
            "during" | "while" | "within" => Some("write `for 5m`".to_owned()),
            "unless" | "except" => Some("write `and not`".to_owned()),
            _ => cursor.did_you_mean(["and", "or", "for", "with", "min", "over", "by", "of"]),
        };
        Err(cursor.expected("`and`, `or`, `for` or the end").maybe(to_write))
    }

    fn expr(&mut self) -> Result<Expr, Fault> {
        let mut parts = vec![self.conj()?];
        while self.cursor.take_word("or") {
            parts.push(self.conj()?);
        }
        Ok(joined(parts, Expr::Or))
    }

    fn conj(&mut self) -> Result<Expr, Fault> {
        let mut parts = vec![self.unary()?];
        while self.cursor.take_word("and") {
            parts.push(self.unary()?);
        }
        Ok(joined(parts, Expr::And))
    }

    fn unary(&mut self) -> Result<Expr, Fault> {
        let span = self.cursor.span();
        if !self.cursor.take_word("not") {
            return self.term();
        }
        if self.cursor.is_word("not") {
            return Err(Fault::new(span.start..self.cursor.span().end, "`not not`")
                .hint("leave both out, or write `not (not …)`"));
        }
        Ok(Expr::Not(Box::new(self.term()?)))
    }

    fn term(&mut self) -> Result<Expr, Fault> {
        if !self.cursor.is_sign("(") {
            return Ok(Expr::Is(self.predicate()?));
        }
        self.depth += 1;
        if self.depth > DEEPEST {
            let message = format!("more than {DEEPEST} parentheses within each other");
            return Err(Fault::new(self.cursor.span(), message).hint("split it into several rules"));
        }
        self.cursor.step();
        let expr = self.expr()?;
        self.cursor.need_sign(")", "to close a parenthesis")?;
        self.depth -= 1;
        Ok(expr)
    }

    fn predicate(&mut self) -> Result<Predicate, Fault> {
        let mut at = At::default();
        let start = self.cursor.span().start;
        let predicate = self.predicate_here(&mut at)?;
        at.whole = start..self.cursor.end();
        check::predicate(&predicate, &at, self.context, &mut self.faults);
        self.splits.add(&predicate, &at);
        Ok(predicate)
    }

    fn predicate_here(&mut self, at: &mut At) -> Result<Predicate, Fault> {
        let calls = matches!(self.cursor.ahead(1).kind, Kind::Sign("("));
        let cursor = &mut self.cursor;
        if cursor.is_word("no") && cursor.is_word_ahead(1, "data") {
            return no_data(cursor, at);
        }
        if calls && cursor.is_word("absent") {
            cursor.step();
            cursor.step();
            let series = plain(cursor, at, "absent")?;
            cursor.need_sign(")", "to close `absent(`")?;
            return Ok(Predicate::Absent(series));
        }
        if calls && cursor.is_word("burn_rate") {
            return burn_rate(cursor, at);
        }
        if calls && cursor.is_word("regression") {
            return regression(cursor, at);
        }
        if calls && cursor.is_word("forecast") {
            return forecast(cursor, at, self.context, &mut self.faults);
        }
        check_start(cursor)?;
        let operand = operand(cursor, at)?;
        let sign = cursor.span();
        let cmp = cmp(cursor)?;
        at.cmp = sign.start..cursor.end();
        let mut bound = bound(cursor, at)?;
        if let Operand::Of(series) = &operand {
            bound = check::plain_share(bound, series.metric, at, self.context, &mut self.faults);
        }
        let guards = guards(cursor, at)?;
        let comparison = Comparison { operand, cmp, bound, guards };
        Ok(Predicate::Compare(comparison))
    }
}

/// Says what is wrong where no metric can begin.
fn check_start(cursor: &Cursor<'_>) -> Result<(), Fault> {
    match cursor.ahead(0).kind {
        Kind::End => Err(cursor.expected("a comparison").hint(EXAMPLE)),
        Kind::Number => Err(cursor
            .expected("a metric on the left")
            .hint("write the metric first: `p95_latency > 2500ms`")),
        _ => Ok(()),
    }
}

fn joined(mut parts: Vec<Expr>, join: fn(Vec<Expr>) -> Expr) -> Expr {
    match parts.pop() {
        Some(only) if parts.is_empty() => only,
        Some(last) => {
            parts.push(last);
            join(parts)
        }
        None => join(parts),
    }
}

fn no_data(cursor: &mut Cursor<'_>, at: &mut At) -> Result<Predicate, Fault> {
    cursor.step();
    cursor.step();
    cursor.need_word("for", "as in `no data for 10m from throughput`")?;
    let start = cursor.span().start;
    let length = length(cursor, "a length of time after `no data for`")?;
    at.bound = start..cursor.end();
    cursor.need_word("from", "as in `no data for 10m from throughput`")?;
    Ok(Predicate::NoData { from: plain(cursor, at, "no data")?, length })
}

/// A series where a change makes no sense.
fn plain(cursor: &mut Cursor<'_>, at: &mut At, what: &str) -> Result<Series, Fault> {
    let start = cursor.span().start;
    match operand(cursor, at)? {
        Operand::Of(series) => Ok(series),
        Operand::Change { .. } => Err(Fault::new(
            start..cursor.end(),
            format!("`{what}` takes a metric, not a change of it"),
        )
        .hint("write the metric alone")),
    }
}

fn burn_rate(cursor: &mut Cursor<'_>, at: &mut At) -> Result<Predicate, Fault> {
    cursor.step();
    cursor.step();
    let name = cursor.span();
    let slo = match cursor.quoted() {
        Some(quoted) => quoted,
        None => match cursor.any_word() {
            Some(word) => word.to_owned(),
            None => return Err(cursor.expected("the name of an objective under `slos:`")),
        },
    };
    at.series.metric = name;
    cursor.need_sign(")", "after the name of the objective")?;
    let sign = cursor.span();
    if cmp(cursor)? != Cmp::Above {
        return Err(Fault::new(sign, "a burn rate can only be above a factor")
            .hint(format!("write `burn_rate({slo}) > 14.4 over 1h and 5m`")));
    }
    let start = cursor.span();
    let factor = cursor.need_number("a factor, e.g. 14.4")?;
    at.bound = start;
    let windows = cursor.span().start;
    cursor.need_word("over", "and two windows, e.g. `over 1h and 5m`")?;
    let long = length(cursor, "the long window")?;
    cursor.need_word("and", "and the short window, e.g. `over 1h and 5m`")?;
    let short = length(cursor, "the short window")?;
    at.series.over = windows..cursor.end();
    Ok(Predicate::BurnRate { slo: slo.into(), factor, long, short })
}

fn regression(cursor: &mut Cursor<'_>, at: &mut At) -> Result<Predicate, Fault> {
    cursor.step();
    cursor.step();
    let of = plain(cursor, at, "regression")?;
    let start = cursor.span().start;
    let against =
        if cursor.take_word("vs") { Some(reference(cursor, &mut at.other)?) } else { None };
    at.against = start..cursor.end().max(start);
    cursor.need_sign(")", "to close `regression(`")?;
    let sign = cursor.span();
    let compares =
        matches!(cursor.ahead(0).kind, Kind::Sign(">" | ">=" | "<" | "<=" | "==" | "!=" | "="))
            || cursor.is_word("is");
    let beyond = if compares {
        let cmp = cmp(cursor)?;
        at.cmp = sign.start..cursor.end();
        let number = cursor.span();
        let percent = cursor.need_number("a percent, e.g. 5%")?;
        cursor.need_sign("%", "after the number: a regression is a share")?;
        at.bound = number.start..cursor.end();
        Some((cmp, percent))
    } else {
        None
    };
    let guards = guards(cursor, at)?;
    Ok(Predicate::Regression { of, against, beyond, guards })
}

fn forecast(
    cursor: &mut Cursor<'_>,
    at: &mut At,
    context: &Context<'_>,
    faults: &mut Vec<Fault>,
) -> Result<Predicate, Fault> {
    cursor.step();
    cursor.step();
    let of = plain(cursor, at, "forecast")?;
    let start = cursor.span().start;
    let ahead = if cursor.take_sign(",") { Some(length(cursor, "how far ahead")?) } else { None };
    at.against = start..cursor.end().max(start);
    cursor.need_sign(")", "to close `forecast(`")?;
    let sign = cursor.span();
    let cmp = cmp(cursor)?;
    at.cmp = sign.start..cursor.end();
    let bound = check::plain_share(bound(cursor, at)?, of.metric, at, context, faults);
    Ok(Predicate::Forecast { of, ahead, cmp, bound })
}
