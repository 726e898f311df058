//! Diagnoses: gathers the facts of a window and of the one it is compared with, and asks
//! `logic::diagnose` what follows from them.
//!
//! Figures come from rollups; what rollups do not keep (instance, prompt size, users, single calls)
//! from a bounded sample of rows. Refuses to judge.

mod facts;
mod rows;

use crate::logic::baseline::Baseline;
use crate::logic::diagnose::bottlenecks::{self, Own};
use crate::logic::diagnose::failures::{self, Class};
use crate::logic::diagnose::quality::impact::Drawn;
use crate::logic::diagnose::spread::{Metric, Spread};
use crate::logic::diagnose::trends::levels::Course;
use crate::logic::diagnose::trends::{Happened, Moves};
use crate::logic::diagnose::{Diagnosis, Reference, quality, tokens};
use crate::logic::rollup::{Dim, Filter};
use crate::logic::unit::UnixMicros;
use crate::logic::window::Window;
use crate::query::errors;
use crate::store::{Reader, RollupQuery, Step, StoreError};
use facts::Gathered;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Steps of a trend: enough for a slope, each long enough to hold requests.
const STEPS: i64 = 24;
/// Changes looked at beside a trend: a busy team deploys ten times a day.
const MAX_EVENTS: usize = 300;
/// Points of the course that is looked at closely: the window and as long a time before it.
const CLOSE_POINTS: i64 = 240;
/// How far back levels are looked for in hours: three weeks show a habit of the week.
const LEVELS: i64 = 21 * UnixMicros::DAY;
/// A fall of quality that counts as a regression unless asked otherwise (catalogue, C08).
pub const THRESHOLD: f64 = 0.05;

/// Which diagnosis.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Name {
    /// Failed requests.
    Errors,
    /// How a figure spreads, and what is different about the high ones.
    Distribution,
    /// What limits users.
    Bottlenecks,
    /// How figures move, and why.
    Trends,
    /// Where tokens go.
    Tokens,
    /// What optimisation saves.
    Reduction,
    /// Quality over time.
    QualityTrends,
    /// What optimisation does to quality.
    QualityImpact,
    /// Whether quality fell.
    QualityRegress,
}

impl Name {
    /// All of them.
    pub const ALL: &'static [Self] = &[
        Self::Errors,
        Self::Distribution,
        Self::Bottlenecks,
        Self::Trends,
        Self::Tokens,
        Self::Reduction,
        Self::QualityTrends,
        Self::QualityImpact,
        Self::QualityRegress,
    ];

    /// The word in addresses.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Errors => "errors",
            Self::Distribution => "distribution",
            Self::Bottlenecks => "bottlenecks",
            Self::Trends => "trends",
            Self::Tokens => "tokens",
            Self::Reduction => "reduction",
            Self::QualityTrends => "quality_trends",
            Self::QualityImpact => "quality_impact",
            Self::QualityRegress => "quality_regress",
        }
    }

    /// The diagnosis of a word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|n| n.word() == word)
    }

    /// The window looked at unless asked otherwise (catalogue, B8).
    #[must_use]
    pub const fn usual(self) -> &'static str {
        match self {
            Self::Errors => "30min",
            Self::Bottlenecks => "15min",
            Self::Trends => "2h",
            Self::Distribution | Self::Tokens | Self::Reduction | Self::QualityRegress => "24h",
            Self::QualityTrends | Self::QualityImpact => "7d",
        }
    }
}

/// What a window is compared with.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Against {
    /// The same time a week earlier, else a day earlier, else the time before: hours and weekdays
    /// have habits. Quality: the promoted baseline, else the week before.
    #[default]
    Usual,
    /// The time before, of the same length.
    Previous,
}

impl Against {
    /// The reference of a word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        match word {
            "usual" => Some(Self::Usual),
            "previous" => Some(Self::Previous),
            _ => None,
        }
    }
}

/// A question about causes.
#[derive(Debug, Clone, PartialEq)]
pub struct Question {
    /// Which diagnosis.
    pub name: Name,
    /// The window.
    pub window: Window,
    /// Series that count.
    pub filter: Filter,
    /// What to compare with.
    pub against: Against,
    /// The figure of a distribution.
    pub metric: Metric,
    /// A stretch inside the window that is compared with the rest of it.
    pub spike: Option<Window>,
    /// A fall of quality that counts, 0–1.
    pub threshold: f64,
    /// Name of the promoted baseline, and the stretches it was built from: what quality is compared
    /// with where there is one.
    pub baseline: Option<(String, Vec<Window>)>,
}

impl Question {
    /// With what is usual.
    #[must_use]
    pub const fn new(name: Name, window: Window, filter: Filter) -> Self {
        Self {
            name,
            window,
            filter,
            against: Against::Usual,
            metric: Metric::Latency,
            spike: None,
            threshold: THRESHOLD,
            baseline: None,
        }
    }

    /// With a baseline to compare with, as far as it lies before the window.
    #[must_use]
    pub fn against_baseline(mut self, baseline: &Baseline) -> Self {
        let before = |w: Window| Window { from: w.from, to: w.to.min(self.window.from) };
        let windows = baseline.learned().into_iter().map(before).filter(|w| w.from < w.to);
        self.baseline = Some((baseline.name.to_string(), windows.collect()));
        self
    }
}

/// Answers a question. `own` is what a running server knows of itself.
///
/// # Errors
/// When the store cannot be read.
pub fn answer(reader: &Reader, question: &Question, own: &Own) -> Result<Diagnosis, StoreError> {
    let question = Question { window: question.window.whole_minutes(), ..question.clone() };
    let gathered = facts::gather(reader, &question)?;
    let Gathered { facts, references, .. } = &gathered;
    let (window, references) = (gathered.window, references.clone());
    Ok(match question.name {
        Name::Errors => failures::diagnose(facts, &classes(reader, &question)?, window, references),
        Name::Bottlenecks => {
            let mut own = own.clone();
            own.damage = reader.status()?.damage;
            bottlenecks::diagnose(facts, &own, window, references)
        }
        Name::Distribution => distribution(reader, &question, gathered)?,
        Name::Trends => trends(reader, &question, gathered)?,
        Name::Tokens => {
            tokens::analyze(facts, &rows::saved(reader, &question)?, window, references)
        }
        Name::Reduction => {
            tokens::status(facts, &rows::saved(reader, &question)?, window, references)
        }
        Name::QualityTrends => {
            let steps = facts::grade_steps(reader, &question)?;
            quality::trends(facts, &steps, window, references)
        }
        Name::QualityImpact => {
            quality::impact::impact(facts, &drawn(reader, &question)?, window, references)
        }
        Name::QualityRegress => quality::regress(facts, question.threshold, window, references),
    })
}

fn classes(reader: &Reader, question: &Question) -> Result<Vec<Class>, StoreError> {
    let report = errors::report(reader, question.window, &question.filter)?;
    let place = |p: &errors::Place| format!("{} {}", p.name, p.count);
    let one = |group: &errors::ErrorGroup| Class {
        name: group.class.clone(),
        count: group.count,
        seen: (group.first_seen.clone(), group.last_seen.clone()),
        places: group
            .by_model
            .iter()
            .take(2)
            .chain(group.by_endpoint.iter().take(2))
            .map(place)
            .collect::<Vec<_>>()
            .join(", "),
        example: group.examples.first().cloned().unwrap_or_default(),
    };
    Ok(report.groups.iter().map(one).collect())
}

fn distribution(
    reader: &Reader,
    question: &Question,
    gathered: Gathered,
) -> Result<Diagnosis, StoreError> {
    let Gathered { facts, references, window, before } = gathered;
    let seen = rows::look(reader, question, window, &before)?;
    let total = facts.now.cells.requests();
    let histogram = match question.metric {
        Metric::Latency => facts.now.cells.whole().latency.histogram,
        Metric::Ttft => facts.now.cells.whole().ttft.histogram,
        Metric::Tokens | Metric::Cost => seen.histogram,
    };
    let read = (seen.read.min(total), total);
    let metric = question.metric;
    let spread = Spread {
        metric,
        facts,
        histogram,
        different: seen.different,
        extremes: seen.extremes,
        read,
    };
    Ok(spread.diagnose(window, references))
}

fn trends(
    reader: &Reader,
    question: &Question,
    gathered: Gathered,
) -> Result<Diagnosis, StoreError> {
    let Gathered { facts, references, window, .. } = gathered;
    let minutes = (window.to.0 - window.from.0) / UnixMicros::MINUTE;
    let step = u32::try_from((minutes / STEPS).max(1)).unwrap_or(u32::MAX);
    let steps = reader.rollups(&RollupQuery {
        window,
        filter: question.filter.clone(),
        group_by: Vec::new(),
        step: Step::Minutes(step),
    })?;
    let previous = facts::whole(reader, question, facts::previous(window))?;
    let steps = steps.into_iter().map(|g| (g.from, g.rollup)).collect();
    let (courses, since) = courses(reader, question, window)?;
    let happened = |e: crate::store::Event| Happened {
        at: e.time,
        time: e.time.to_rfc3339(),
        what: match &e.service {
            Some(service) => format!("{} of {service}", e.name),
            None => e.name.to_string(),
        },
    };
    let events = reader.events(Window { from: since, to: window.to }, MAX_EVENTS)?;
    let events = events.into_iter().filter(|e| is_change(&e.name)).map(happened).collect();
    Ok(Moves { facts, steps, previous, courses, events }.diagnose(window, references))
}

/// The window with the time before it in small steps, and weeks in hours; where they begin.
fn courses(
    reader: &Reader,
    question: &Question,
    window: Window,
) -> Result<(Vec<Course>, UnixMicros), StoreError> {
    let close = Window { from: facts::previous(window).from, to: window.to };
    let minutes = (close.to.0 - close.from.0) / UnixMicros::MINUTE;
    let mut wanted = vec![(close, (minutes / CLOSE_POINTS).max(1))];
    // Whole hours, so that every look cuts them alike.
    let from = window.to.0.saturating_sub(LEVELS);
    let from = UnixMicros(from - from.rem_euclid(UnixMicros::HOUR));
    let weeks = Window { from, to: window.to };
    if close.from > weeks.from {
        wanted.push((weeks, 60));
    }
    let since = close.from.min(weeks.from);
    let mut courses = Vec::new();
    for (window, minutes) in wanted {
        let minutes = u32::try_from(minutes).unwrap_or(u32::MAX);
        let groups = reader.rollups(&RollupQuery {
            window,
            filter: question.filter.clone(),
            group_by: Vec::new(),
            step: Step::Minutes(minutes),
        })?;
        let steps = groups.into_iter().map(|g| (g.from, g.rollup)).collect();
        courses.push(Course { minutes, steps });
    }
    Ok((courses, since))
}

/// Whether an event tells of something that was changed.
fn is_change(name: &str) -> bool {
    ["deploy", "config", "release", "rollback", "change"].iter().any(|w| name.contains(w))
}

/// Evaluations of the window by optimisation and arm.
fn drawn(reader: &Reader, question: &Question) -> Result<Vec<Drawn>, StoreError> {
    let groups = reader.grades(&RollupQuery {
        window: question.window,
        filter: question.filter.clone(),
        group_by: vec![Dim::Arm],
        step: Step::Whole,
    })?;
    let mut drawn: BTreeMap<String, Drawn> = BTreeMap::new();
    for group in groups {
        let Some(arms) = group.key.first().cloned() else { continue };
        let grade = facts::grade(group);
        for (mechanism, touched) in Drawn::arms(&arms) {
            let one = drawn
                .entry(mechanism.to_owned())
                .or_insert_with(|| Drawn { mechanism: mechanism.to_owned(), ..Drawn::default() });
            one.add(grade.clone(), touched);
        }
    }
    Ok(drawn.into_values().collect())
}

/// References as people read them.
#[must_use]
pub fn compared(references: &[Reference]) -> Option<&Reference> {
    references.iter().find(|r| r.used)
}
