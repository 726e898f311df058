//! Replay: rules over what was recorded, before they count. When each would have fired and ended, and
//! how often with thresholds nearby.
//!
//! Exact where raw calls are kept, from histograms before. Refuses to tell anybody and to keep state.

use crate::judge::recent::{Long, Recent, RecentOptions};
use crate::judge::rule_set::RuleSet;
use crate::logic::alert::condition::{Bound, Condition, Expr, Predicate, Series};
use crate::logic::alert::evaluate::Compiled;
use crate::logic::alert::facts::Labels;
use crate::logic::alert::instance::Instance;
use crate::logic::alert::language;
use crate::logic::alert::law::Law;
use crate::logic::alert::metric::MetricWindow;
use crate::logic::alert::rule::Rule;
use crate::logic::alert::sample::{Evidence, Sample, Verdict, Why};
use crate::logic::alert::step::{Moved, step};
use crate::logic::budget::Budget;
use crate::logic::call::{Call, Text};
use crate::logic::rollup::Filter;
use crate::logic::unit::{Micros, UnixMicros};
use crate::logic::window::Window;
use crate::record::Heard;
use crate::store::{CallQuery, Reader, RollupQuery, Step, StoreError};
use chrono_tz::Tz;
use std::collections::BTreeMap;

/// Rules over longer windows than half an hour move slowly, and each look at them reads the store.
const SLOW: Micros = Micros::from_millis(15 * 60_000);
/// Windows up to this are answered from memory.
const SHORT: Micros = Micros::from_millis(30 * 60_000);
/// Calls are read so much at a time.
const STRIDE: i64 = 3_600_000_000;
/// Calls of one page.
const PAGE: usize = 10_000;
/// Thresholds nearby: a tenth and a fifth to either side, enough to see where noise begins.
const NEARBY: [f64; 4] = [0.8, 0.9, 1.1, 1.2];
/// Episodes listed of one rule; more of them are counted.
const LISTED: usize = 200;

/// What is replayed.
#[derive(Debug, Clone, Copy)]
pub struct Span {
    /// From when to when.
    pub window: Window,
    /// Between two evaluations.
    pub tick: Micros,
    /// Zone of days.
    pub zone: Tz,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Replayed {
    /// First moment.
    pub from: String,
    /// Behind the last.
    pub to: String,
    /// The first raw call there is; before it histograms stood in.
    pub exact_since: Option<String>,
    /// Whether there were histograms before it.
    pub histograms: bool,
    /// Every rule, in the order of the files.
    pub rules: Vec<Line>,
}

/// One rule.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Line {
    /// Its name.
    pub rule: Text,
    /// How bad.
    pub severity: &'static str,
    /// Its condition.
    pub condition: String,
    /// Times it was evaluated.
    pub evaluated: u64,
    /// Of these, how often it had a verdict.
    pub known: u64,
    /// Why it is not evaluated, or what is odd about it.
    pub note: Option<String>,
    /// How often it fired.
    pub fired: usize,
    /// Pages a day.
    pub per_day: f64,
    /// When, the first two hundred.
    pub episodes: Vec<Arc>,
    /// Pages a week with other thresholds.
    pub nearby: Vec<Nearby>,
}

/// From firing to the end.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Arc {
    /// When it fired.
    pub fired: String,
    /// When it ended; nothing where it had not.
    pub resolved: Option<String>,
    /// Its label set.
    pub labels: Labels,
}

/// The same rule with another threshold.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Nearby {
    /// Its condition.
    pub condition: String,
    /// Pages a week.
    pub per_week: f64,
}

/// A rule, or one with another threshold, on its way through time.
struct Walk {
    compiled: Compiled,
    law: Law,
    every: Micros,
    instances: BTreeMap<Labels, Instance>,
    arcs: Vec<Arc>,
    fired: usize,
    evaluated: u64,
    known: u64,
    idle: Option<String>,
}

/// Replays rules over what a store holds.
///
/// # Errors
/// When the store cannot be read.
pub fn replay(
    reader: &Reader,
    rules: &RuleSet,
    budgets: &[Budget],
    span: Span,
) -> Result<Replayed, StoreError> {
    let mut walks: Vec<(usize, Walk)> = Vec::new();
    for (at, rule) in rules.rules.iter().enumerate() {
        walks.push((at, Walk::new(rule.clone(), rules, span)));
        walks.extend(nearby(rule).into_iter().map(|rule| (at, Walk::new(rule, rules, span))));
    }
    let (exact, blurred) = (recent(&walks, span), recent(&walks, span));
    exact.refill(std::iter::empty());
    let long = Long::reading(reader.clone()).with_budgets(budgets.to_vec());
    let mut calls = Calls::new(reader, span.window);
    let mut at = first(span);
    while at < span.window.to {
        calls.feed(at, &exact)?;
        let facts = if calls.first.is_some_and(|first| first <= at) {
            exact.at(at, &long)
        } else {
            blurred.at(at, &long)
        };
        for (_, walk) in &mut walks {
            if at.0.rem_euclid(signed(walk.every)) < signed(span.tick) {
                walk.turn(&facts, at);
            }
        }
        drop(facts);
        exact.forget(UnixMicros(at.0.saturating_sub(signed(exact.options().keep))));
        at = at.after(span.tick);
    }
    let histograms = match calls.first {
        Some(first) if first <= span.window.from => false,
        first => {
            any(reader, Window { from: span.window.from, to: first.unwrap_or(span.window.to) })?
        }
    };
    Ok(Replayed {
        from: span.window.from.to_rfc3339(),
        to: span.window.to.to_rfc3339(),
        exact_since: calls.first.map(UnixMicros::to_rfc3339),
        histograms,
        rules: lines(rules, walks, span),
    })
}

fn lines(rules: &RuleSet, walks: Vec<(usize, Walk)>, span: Span) -> Vec<Line> {
    let days = days(span.window);
    let mut lines: Vec<Line> = Vec::new();
    for (at, walk) in walks {
        let Some(rule) = rules.rules.get(at) else { continue };
        if let Some(line) = lines.get_mut(at) {
            let (condition, per_week) =
                (walk.compiled.rule().text.clone(), 7.0 * rate(walk.fired, days));
            line.nearby.push(Nearby { condition, per_week });
            continue;
        }
        lines.push(Line {
            rule: rule.name.clone(),
            severity: rule.severity.word(),
            condition: rule.text.clone(),
            evaluated: walk.evaluated,
            known: walk.known,
            note: note(&walk),
            fired: walk.fired,
            per_day: rate(walk.fired, days),
            episodes: walk.arcs,
            nearby: Vec::new(),
        });
    }
    lines
}

/// What is odd about how a rule went.
fn note(walk: &Walk) -> Option<String> {
    if matches!(walk.compiled.rule().condition, Condition::Schedule(_)) {
        return Some("a schedule: it has no verdicts".to_owned());
    }
    match (&walk.idle, walk.evaluated, walk.known) {
        (Some(why), ..) => Some(format!("not evaluated: {why}")),
        (None, 0, _) => Some("never evaluated".to_owned()),
        (None, _, 0) => Some("never had enough data for a verdict: it cannot fire".to_owned()),
        _ if walk.every >= SLOW => {
            Some(format!("evaluated every {}", language::print_duration(walk.every)))
        }
        _ => None,
    }
}

impl Walk {
    fn new(rule: Rule, rules: &RuleSet, span: Span) -> Self {
        let slow = matches!(&rule.condition, Condition::When { expr, .. } if is_slow(expr));
        let every = if slow { SLOW.max(span.tick) } else { span.tick };
        Self {
            compiled: Compiled::new(&rule, &rules.slos, span.zone),
            law: Law::of(&rule, every, span.zone),
            every,
            instances: BTreeMap::new(),
            arcs: Vec::new(),
            fired: 0,
            evaluated: 0,
            known: 0,
            idle: None,
        }
    }

    fn turn(&mut self, facts: &crate::judge::recent::AtTick<'_>, at: UnixMicros) {
        self.idle = self.compiled.idle(facts);
        if self.idle.is_some() {
            return;
        }
        let mut samples = self.compiled.evaluate(facts, at);
        let silent = self.instances.keys().filter(|key| !samples.iter().any(|(l, _)| l == *key));
        let silent: Vec<Labels> = silent.cloned().collect();
        let nothing =
            || Sample { verdict: Verdict::Unknown(Why::NoData), evidence: Evidence::default() };
        samples.extend(silent.into_iter().map(|labels| (labels, nothing())));
        for (labels, sample) in samples {
            self.evaluated += 1;
            self.known +=
                u64::from(!matches!(sample.verdict, Verdict::Unknown(_) | Verdict::Failed(_)));
            let instance =
                self.instances.entry(labels.clone()).or_insert_with(|| Instance::new(at));
            match step(&self.law, instance, &sample, at).moved {
                Moved::Fired { .. } => {
                    self.fired += 1;
                    if self.arcs.len() < LISTED {
                        self.arcs.push(Arc { fired: at.to_rfc3339(), resolved: None, labels });
                    }
                }
                Moved::Resolved { .. } => {
                    let open = |arc: &&mut Arc| arc.resolved.is_none() && arc.labels == labels;
                    if let Some(arc) = self.arcs.iter_mut().rev().find(open) {
                        arc.resolved = Some(at.to_rfc3339());
                    }
                }
                Moved::Stayed | Moved::Changed { .. } => {}
            }
        }
    }
}

/// Whether anything of a condition is read from the store.
fn is_slow(expr: &Expr) -> bool {
    let long = |of: &Series| match (of.over, of.metric.window()) {
        (Some(over), _) | (None, MetricWindow::Last(over)) => over > SHORT,
        (None, MetricWindow::Short | MetricWindow::Now) => false,
        (None, _) => true,
    };
    match expr {
        Expr::And(parts) | Expr::Or(parts) => parts.iter().any(is_slow),
        Expr::Not(part) => is_slow(part),
        Expr::Is(Predicate::Compare(c)) => {
            long(c.operand.series()) || !matches!(c.bound, Bound::Quantity(_))
        }
        Expr::Is(Predicate::NoData { from, length }) => long(from) || *length > SHORT,
        Expr::Is(Predicate::Absent(of)) => long(of),
        Expr::Is(
            Predicate::BurnRate { .. } | Predicate::Regression { .. } | Predicate::Forecast { .. },
        ) => true,
    }
}

/// The same rule with thresholds nearby, where it has one that is a number.
fn nearby(rule: &Rule) -> Vec<Rule> {
    let with = |factor: f64| {
        let mut other = rule.clone();
        let Condition::When { expr: Expr::Is(Predicate::Compare(c)), .. } = &mut other.condition
        else {
            return None;
        };
        match &mut c.bound {
            Bound::Quantity(quantity) => {
                quantity.number = (quantity.number * factor * 1e6).round() / 1e6;
            }
            _ => return None,
        }
        other.text = language::print(&other.condition);
        // A threshold the metric never crosses is no neighbour.
        let context = language::Context { shipped: true, ..language::Context::default() };
        language::read(&other.text, &context).is_ok().then_some(other)
    };
    NEARBY.into_iter().filter_map(with).collect()
}

fn recent(walks: &[(usize, Walk)], span: Span) -> Recent {
    let hold = walks.iter().map(|(_, walk)| walk.law.hold.length.0).max().unwrap_or(0);
    let recent = Recent::new(RecentOptions {
        tick: span.tick,
        // What was recorded is all there: nothing comes late any more.
        eval_delay: Micros(0),
        zone: span.zone,
        keep: Micros(SHORT.0.saturating_add(hold)),
    });
    let watched: Vec<_> = walks.iter().flat_map(|(_, walk)| walk.compiled.thresholds()).collect();
    let selections: Vec<_> =
        walks.iter().flat_map(|(_, walk)| walk.compiled.selections()).collect();
    recent.watch(&watched, &selections);
    recent
}

/// Raw calls in the order of their ends, read an hour at a time.
struct Calls<'a> {
    reader: &'a Reader,
    read_to: UnixMicros,
    until: UnixMicros,
    /// Not yet over, the last to end first.
    waiting: Vec<(UnixMicros, Call)>,
    first: Option<UnixMicros>,
}

impl<'a> Calls<'a> {
    fn new(reader: &'a Reader, window: Window) -> Self {
        // The first windows reach back before the beginning.
        let read_to = UnixMicros(window.from.0.saturating_sub(STRIDE));
        Self { reader, read_to, until: window.to, waiting: Vec::new(), first: None }
    }

    fn feed(&mut self, now: UnixMicros, recent: &Recent) -> Result<(), StoreError> {
        while self.read_to <= now && self.read_to < self.until {
            let to = UnixMicros(self.read_to.0.saturating_add(STRIDE)).min(self.until);
            self.read(Window { from: self.read_to, to })?;
            self.read_to = to;
        }
        while self.waiting.last().is_some_and(|(end, _)| *end <= now) {
            if let Some((_, call)) = self.waiting.pop() {
                recent.ended(std::slice::from_ref(&call));
            }
        }
        Ok(())
    }

    fn read(&mut self, window: Window) -> Result<(), StoreError> {
        let mut query = CallQuery::newest(window, PAGE);
        loop {
            let page = self.reader.calls(&query)?;
            let over = page.len() < PAGE;
            query.after = page.last().map(|call| (call.time.start, call.id));
            for call in page {
                self.first = Some(self.first.map_or(call.time.start, |f| f.min(call.time.start)));
                let end = call.time.start.after(call.time.latency.unwrap_or_default());
                self.waiting.push((end, call));
            }
            if over {
                break;
            }
        }
        self.waiting.sort_by_key(|(end, call)| std::cmp::Reverse((*end, call.id)));
        Ok(())
    }
}

/// Whether there are rollups in a window.
fn any(reader: &Reader, window: Window) -> Result<bool, StoreError> {
    let filter = Filter::default();
    let query = RollupQuery { window, filter, group_by: Vec::new(), step: Step::Whole };
    Ok(reader.rollups(&query)?.iter().any(|group| group.rollup.requests() > 0))
}

fn first(span: Span) -> UnixMicros {
    let tick = signed(span.tick).max(1);
    UnixMicros(span.window.from.0.saturating_add(tick - 1).div_euclid(tick).saturating_mul(tick))
}

#[expect(clippy::cast_precision_loss, reason = "a count of days for people")]
fn days(window: Window) -> f64 {
    (window.to.since(window.from).0 as f64 / 86_400e6).max(1e-9)
}

#[expect(clippy::cast_precision_loss, reason = "a count of pages for people")]
fn rate(fired: usize, days: f64) -> f64 {
    fired as f64 / days
}

fn signed(length: Micros) -> i64 {
    i64::try_from(length.0).unwrap_or(i64::MAX)
}
