//! Analyses in the background: what moved, since when and why, attached to the alert that made
//! somebody ask (catalogue, C17).
//!
//! One at a time: each reads weeks of rollups, and whoever is on call waits for one answer. Refuses to
//! act on what it finds.

use super::{Desk, DeskError};
use crate::logic::alert::episode::Episode;
use crate::logic::alert::rule::Severity;
use crate::logic::call::Text;
use crate::logic::diagnose::bottlenecks::Own;
use crate::logic::diagnose::spread::Metric;
use crate::logic::id::CallId;
use crate::logic::rollup::Filter;
use crate::logic::unit::UnixMicros;
use crate::logic::window::Window;
use crate::query::diagnose::{Name, Question, answer};
use crate::store::alerts::EpisodeQuery;
use crate::store::{AlertStore, Analysis, Reader, StoreError};

/// Open alerts looked at for the one that is meant: more are a storm, in which any will do.
const MAX_OPEN: usize = 200;

/// How deep to look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// What moved in two hours, and why.
    Warning,
    /// In six hours; also what limits users, what fails, what is different about slow calls.
    Critical,
}

impl Depth {
    /// The depth of a word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        match word {
            "warning" => Some(Self::Warning),
            "critical" => Some(Self::Critical),
            _ => None,
        }
    }

    /// Its word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }

    const fn window(self) -> i64 {
        match self {
            Self::Warning => 2 * UnixMicros::HOUR,
            Self::Critical => 6 * UnixMicros::HOUR,
        }
    }

    const fn questions(self) -> &'static [Name] {
        match self {
            Self::Warning => &[Name::Trends],
            Self::Critical => &[Name::Trends, Name::Bottlenecks, Name::Errors, Name::Distribution],
        }
    }

    const fn severity(self) -> Severity {
        match self {
            Self::Warning => Severity::Warning,
            Self::Critical => Severity::Critical,
        }
    }
}

/// What came of asking.
#[derive(Debug, Clone, PartialEq)]
pub enum Begun {
    /// It was noted and is to be carried out, over these windows.
    Started(Box<Analysis>, Question),
    /// Another one runs.
    Busy(Text),
}

/// Notes an analysis for the open alert of this severity, else the worst one that is open.
///
/// # Errors
/// The store refuses.
pub fn begin(desk: &Desk, depth: Depth, filter: Filter) -> Result<Begun, DeskError> {
    let store = desk.store();
    if let Some(running) = store.open_analyses()?.pop() {
        return Ok(Begun::Busy(running.id));
    }
    let now = desk.now();
    let open = EpisodeQuery { open: Some(true), limit: MAX_OPEN, ..EpisodeQuery::default() };
    let episode = meant(store.episodes(&open)?, depth.severity());
    // From before it began, so that the beginning is seen.
    let since =
        episode.as_ref().map_or(now, |e| e.first_true.max(UnixMicros(now.0 - UnixMicros::DAY)));
    let window = Window { from: UnixMicros(since.0 - depth.window()), to: now };
    let mut chance = [0; 10];
    getrandom::fill(&mut chance).map_err(|e| StoreError::io("drawing an id for an analysis")(e))?;
    let analysis = Analysis {
        id: Text::from(CallId::new(now, chance).to_string()),
        episode: episode.map(|e| e.id),
        depth: Text::const_new(depth.word()),
        started: now,
        ended: None,
        found: Vec::new(),
        failed: None,
    };
    store.put_analysis(&analysis)?;
    Ok(Begun::Started(Box::new(analysis), Question::new(Name::Trends, window, filter)))
}

/// Carries out what was noted, and keeps what came of it. Blocks for as long as the questions take.
///
/// # Errors
/// The store refuses to keep it.
pub fn carry_out(
    desk: &Desk,
    reader: &Reader,
    (mut analysis, question): (Analysis, Question),
    own: &Own,
) -> Result<Analysis, DeskError> {
    let depth = Depth::from_word(&analysis.depth).unwrap_or(Depth::Warning);
    for name in depth.questions() {
        let question = Question { name: *name, metric: Metric::Latency, ..question.clone() };
        match answer(reader, &question, own) {
            Ok(told) => analysis.found.push(told),
            Err(error) => analysis.failed = Some(error.to_string()),
        }
    }
    analysis.ended = Some(desk.now());
    desk.store().put_analysis(&analysis)?;
    Ok(analysis)
}

/// Ends what ran when flowgauge stopped: it never comes to an end by itself.
///
/// # Errors
/// The store refuses.
pub fn break_off(store: &AlertStore, now: UnixMicros) -> Result<(), StoreError> {
    for mut analysis in store.open_analyses()? {
        analysis.ended = Some(now);
        analysis.failed = Some("flowgauge stopped while it ran; start it again".to_owned());
        store.put_analysis(&analysis)?;
    }
    Ok(())
}

/// The newest open alert of a severity, else the newest of the worst.
fn meant(open: Vec<Episode>, severity: Severity) -> Option<Episode> {
    let exact = open.iter().position(|e| e.severity == severity);
    let worst = open.iter().map(|e| e.severity).max();
    let place = exact.or_else(|| open.iter().position(|e| Some(e.severity) == worst))?;
    open.into_iter().nth(place)
}
