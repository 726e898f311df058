//! Replay: rules over what was recorded, before they count. When each would have fired and ended, what
//! would have been told, and how often with thresholds nearby.
//!
//! Exact where raw calls are kept, from histograms before. What is told is planned as in operation:
//! grouped, paced, inhibited. Refuses to tell anybody and to keep state.

mod calls;
mod nearby;
mod told;
mod walk;

use crate::judge::recent::{Long, Recent, RecentOptions};
use crate::judge::rule_set::RuleSet;
use crate::logic::alert::condition::Condition;
use crate::logic::alert::facts::Labels;
use crate::logic::alert::language;
use crate::logic::budget::Budget;
use crate::logic::rollup::Filter;
use crate::logic::unit::{Micros, UnixMicros};
use crate::logic::window::Window;
use crate::store::{Reader, RollupQuery, Step, StoreError};
use calls::Calls;
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use told::Told;
use walk::Walk;

/// Rules over longer windows than half an hour move slowly, and each look at them reads the store.
const SLOW: Micros = Micros::from_millis(15 * 60_000);
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
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Replayed {
    /// First moment.
    pub from: String,
    /// Behind the last.
    pub to: String,
    /// The first raw call there is; before it histograms stood in.
    pub exact_since: Option<String>,
    /// Whether there were histograms before it.
    pub histograms: bool,
    /// Messages that would have been sent to each channel, groups counted once.
    pub messages: BTreeMap<String, u64>,
    /// Every rule, in the order of the files.
    pub rules: Vec<Line>,
}

/// One rule.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = ReplayedRule)]
pub struct Line {
    /// Its name.
    pub rule: String,
    /// How bad.
    pub severity: String,
    /// Its condition.
    pub condition: String,
    /// Times it was evaluated.
    pub evaluated: u64,
    /// Of these, how often it had a verdict.
    pub known: u64,
    /// Why it is not evaluated, or what is odd about it.
    pub note: Option<String>,
    /// How often it fired.
    pub fired: u64,
    /// Episodes that nobody would have been told of: another rule said it all, or it was outside the
    /// rule's hours.
    pub untold: u64,
    /// Pages: messages about a beginning or a repeat, those of one group and moment counted once.
    pub pages: u64,
    /// Pages a day.
    pub per_day: f64,
    /// When, the first two hundred.
    pub episodes: Vec<Arc>,
    /// Firings a week with other thresholds.
    pub nearby: Vec<Nearby>,
}

/// From firing to the end.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = ReplayedEpisode)]
pub struct Arc {
    /// When it fired.
    pub fired: String,
    /// When it ended; nothing where it had not.
    pub resolved: Option<String>,
    /// Its label set.
    pub labels: BTreeMap<String, String>,
}

/// The same rule with another threshold.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = ReplayedNearby)]
pub struct Nearby {
    /// Its condition.
    pub condition: String,
    /// How often it would have fired in a week.
    pub per_week: f64,
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
    let mut walks: Vec<Walk> = Vec::new();
    for (at, rule) in rules.rules.iter().enumerate() {
        walks.push(Walk::new(at, rule.clone(), rules, span).told());
        let others = nearby::rules(rule).into_iter();
        walks.extend(others.map(|rule| Walk::new(at, rule, rules, span)));
    }
    let (exact, blurred) = (recent(&walks, rules, span), recent(&walks, rules, span));
    exact.refill(std::iter::empty());
    let long = Long::reading(reader.clone()).with_budgets(budgets.to_vec());
    let mut calls = Calls::new(reader, span.window);
    let mut told = Told::new(rules, span.zone);
    let mut at = first(span);
    while at < span.window.to {
        calls.feed(at, &exact)?;
        let is_exact = calls.first.is_some_and(|first| first <= at);
        let facts = if is_exact { exact.at(at, &long) } else { blurred.at(at, &long) };
        for walk in walks.iter_mut().filter(|walk| walk.is_due(at, span.tick)) {
            walk.turn(&facts, at, &mut told);
        }
        told.plan(&walks, &facts, at);
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
        messages: told.messages(),
        rules: lines(rules, walks, &told, span),
    })
}

fn lines(rules: &RuleSet, walks: Vec<Walk>, told: &Told, span: Span) -> Vec<Line> {
    let days = days(span.window);
    let mut lines: Vec<Line> = Vec::new();
    for walk in walks {
        let Some(rule) = rules.rules.get(walk.rule) else { continue };
        if let Some(line) = lines.get_mut(walk.rule) {
            let condition = walk.compiled.rule().text.clone();
            let per_week = 7.0 * rate(walk.fired, days);
            line.nearby.push(Nearby { condition, per_week });
            continue;
        }
        let pages = told.pages(&rule.name);
        lines.push(Line {
            rule: rule.name.to_string(),
            severity: rule.severity.word().to_owned(),
            condition: rule.text.clone(),
            evaluated: walk.evaluated,
            known: walk.known,
            note: note(&walk),
            fired: walk.fired,
            untold: told.never_told(&rule.name),
            pages,
            per_day: rate(pages, days),
            episodes: walk.arcs.into_iter().map(Into::into).collect(),
            nearby: Vec::new(),
        });
    }
    lines
}

impl From<walk::Arc> for Arc {
    fn from(arc: walk::Arc) -> Self {
        let named = |labels: Labels| labels.into_iter().map(|(n, v)| (n.into(), v.into()));
        Self {
            fired: arc.fired.to_rfc3339(),
            resolved: arc.resolved.map(UnixMicros::to_rfc3339),
            labels: named(arc.labels).collect(),
        }
    }
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

fn recent(walks: &[Walk], rules: &RuleSet, span: Span) -> Recent {
    let recent = Recent::new(RecentOptions {
        tick: span.tick,
        // What was recorded is all there: nothing comes late any more.
        eval_delay: Micros(0),
        zone: span.zone,
        keep: rules.reach(),
    });
    let watched: Vec<_> = walks.iter().flat_map(|walk| walk.compiled.thresholds()).collect();
    let selections: Vec<_> = walks.iter().flat_map(|walk| walk.compiled.selections()).collect();
    recent.watch(&watched, &selections);
    recent
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
fn rate(times: u64, days: f64) -> f64 {
    times as f64 / days
}

fn signed(length: Micros) -> i64 {
    i64::try_from(length.0).unwrap_or(i64::MAX)
}
