//! Calls and evaluations of a window, and which earlier window they are compared with.

use super::{Against, Name, Question};
use crate::logic::call::{CacheOutcome, Text};
use crate::logic::diagnose::quality;
use crate::logic::diagnose::test_of_difference::LEAST;
use crate::logic::diagnose::{Cell, CellKey, Cells, Facts, Grade, Reference, Side};
use crate::logic::rollup::{Dim, Rollup, Spreads};
use crate::logic::unit::UnixMicros;
use crate::logic::window::Window;
use crate::store::{GradeGroup, Reader, RollupQuery, Step, StoreError};

/// A week: traffic repeats by weekday and hour.
const WEEK: i64 = 7 * UnixMicros::DAY;
/// A reference with less than this part of the window's requests is another time of the
/// application's life.
const PART: u64 = 10;
/// Steps of quality over time: days of a week.
const GRADE_STEPS: i64 = 7;

/// What was gathered.
#[derive(Debug)]
pub(super) struct Gathered {
    pub(super) facts: Facts,
    /// The window looked at: the spike, where one is named.
    pub(super) window: Window,
    /// The windows compared with.
    pub(super) before: Vec<Window>,
    pub(super) references: Vec<Reference>,
}

/// The time before, of the same length.
pub(super) fn previous(window: Window) -> Window {
    let length = window.to.0.saturating_sub(window.from.0);
    earlier(window, length)
}

fn earlier(window: Window, by: i64) -> Window {
    let back = |t: UnixMicros| UnixMicros(t.0.saturating_sub(by));
    Window { from: back(window.from), to: back(window.to) }
}

/// Windows worth comparing with, the best first.
fn candidates(question: &Question) -> Vec<(String, Vec<Window>)> {
    let window = question.window;
    if let Some(spike) = question.spike {
        let rest = [
            Window { from: window.from, to: spike.from },
            Window { from: spike.to, to: window.to },
        ];
        return vec![(
            "the rest of the window".to_owned(),
            rest.into_iter().filter(|w| w.from < w.to).collect(),
        )];
    }
    let previous = ("the time before".to_owned(), vec![previous(window)]);
    if question.against == Against::Previous {
        return vec![previous];
    }
    // Evaluations are few: a whole week of them is compared with.
    if question.name == Name::QualityRegress {
        let week = Window { from: UnixMicros(window.from.0.saturating_sub(WEEK)), to: window.from };
        let baseline = question.baseline.iter().filter(|(_, windows)| !windows.is_empty());
        let baseline =
            baseline.map(|(name, windows)| (format!("baseline {name}"), windows.clone()));
        return baseline.chain([("the week before".to_owned(), vec![week])]).collect();
    }
    let length = window.to.0.saturating_sub(window.from.0);
    let mut out = Vec::new();
    if length <= WEEK {
        out.push(("a week earlier".to_owned(), vec![earlier(window, WEEK)]));
    }
    if length <= UnixMicros::DAY {
        out.push(("a day earlier".to_owned(), vec![earlier(window, UnixMicros::DAY)]));
    }
    out.push(previous);
    out
}

/// Reads the window and the first candidate with enough requests.
pub(super) fn gather(reader: &Reader, question: &Question) -> Result<Gathered, StoreError> {
    let window = question.spike.unwrap_or(question.window).whole_minutes();
    let now = side(reader, question, &[window])?;
    let n = now.cells.requests();
    let mut facts = Facts { now, before: Side::default() };
    let (mut references, mut before) = (Vec::new(), Vec::new());
    let of_quality = question.name == Name::QualityRegress;
    for (name, windows) in candidates(question) {
        let found = side(reader, question, &windows)?;
        let requests = found.cells.requests();
        let enough = requests >= LEAST && requests.saturating_mul(PART) >= n;
        let used = before.is_empty() && enough && (!of_quality || facts.now.shares_a_judge(&found));
        let (Some(first), Some(last)) = (windows.first(), windows.last()) else { continue };
        let window = Window { from: first.from, to: last.to };
        references.push(Reference { name, window, n: requests, used });
        if used {
            facts.before = found;
            before = windows;
        }
    }
    Ok(Gathered { facts, window, before, references })
}

/// What a diagnosis looks at beside counts: evaluations are weighed by calls alone.
const fn spreads(name: Name) -> Spreads {
    match name {
        Name::QualityTrends | Name::QualityImpact | Name::QualityRegress => Spreads::NONE,
        Name::Errors
        | Name::Distribution
        | Name::Bottlenecks
        | Name::Trends
        | Name::Tokens
        | Name::Reduction => Spreads::ALL,
    }
}

fn side(reader: &Reader, question: &Question, windows: &[Window]) -> Result<Side, StoreError> {
    let spreads = spreads(question.name);
    let mut cells = Vec::new();
    let mut grades: Vec<Grade> = Vec::new();
    for window in windows {
        let query = |group_by| RollupQuery {
            window: *window,
            filter: question.filter.clone(),
            group_by,
            step: Step::Whole,
        };
        let by = vec![Dim::Endpoint, Dim::Intent, Dim::Model, Dim::Cache];
        let groups = reader.rollups_of(&query(by), spreads)?;
        cells.extend(groups.into_iter().filter_map(|g| cell(&g.key, g.rollup)));
        for group in reader.grades(&query(Vec::new()))? {
            let grade = grade(group);
            match grades.iter_mut().find(|g| g.is_like(&grade)) {
                Some(known) => {
                    known.n += grade.n;
                    known.sum += grade.sum;
                    known.squares += grade.squares;
                }
                None => grades.push(grade),
            }
        }
    }
    Ok(Side { cells: cells.into_iter().collect::<Cells>(), grades })
}

fn cell(key: &[Text], rollup: Rollup) -> Option<Cell> {
    let [endpoint, intent, model, cache] = key else { return None };
    let lookup = CacheOutcome::from_word(cache)?.into();
    let (endpoint, intent, model) = (endpoint.clone(), intent.clone(), model.clone());
    Some(Cell { key: CellKey { endpoint, intent, model, lookup }, rollup })
}

pub(super) fn grade(group: GradeGroup) -> Grade {
    let GradeGroup { intent, evaluator, version, n, sum, squares, .. } = group;
    Grade { intent, evaluator, version, n, sum, squares }
}

/// All calls of a window as one rollup.
pub(super) fn whole(
    reader: &Reader,
    question: &Question,
    window: Window,
) -> Result<Rollup, StoreError> {
    let query = RollupQuery {
        window,
        filter: question.filter.clone(),
        group_by: Vec::new(),
        step: Step::Whole,
    };
    let mut groups = reader.rollups(&query)?;
    Ok(groups.pop().map(|g| g.rollup).unwrap_or_default())
}

/// Evaluations of the window in steps.
pub(super) fn grade_steps(
    reader: &Reader,
    question: &Question,
) -> Result<Vec<quality::Step>, StoreError> {
    let window = question.window;
    let minutes = (window.to.0.saturating_sub(window.from.0)) / UnixMicros::MINUTE;
    let step = u32::try_from((minutes / GRADE_STEPS).max(1)).unwrap_or(u32::MAX);
    let groups = reader.grades(&RollupQuery {
        window,
        filter: question.filter.clone(),
        group_by: Vec::new(),
        step: Step::Minutes(step),
    })?;
    let mut steps: Vec<quality::Step> = Vec::new();
    for group in groups {
        let from = group.from.to_rfc3339();
        match steps.last_mut().filter(|s| s.from == from) {
            Some(step) => step.grades.push(grade(group)),
            None => steps.push(quality::Step { from, grades: vec![grade(group)] }),
        }
    }
    Ok(steps)
}
