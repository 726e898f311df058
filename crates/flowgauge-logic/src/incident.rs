//! Incidents: a log of lines, the incidents that follow from it, and the timeline that is read afterwards.
//!
//! Owns the severities of emergencies, which are not those of alerts (catalogue A14): critical is SEV1, high SEV2,
//! medium SEV3. Lines are only ever added. Refuses unknown severities before anything is logged (S45).

#[cfg(test)]
mod tests;

use crate::call::{Text, closed_set};
use crate::unit::UnixMicros;
use serde::{Deserialize, Serialize};
use std::fmt::Write as _;

closed_set!(
    /// How bad an incident is.
    Grade {
        /// SEV1: everything is rolled back at once.
        #[default]
        Critical = "critical",
        /// SEV2: safer settings.
        High = "high",
        /// SEV3: looked at more often.
        Medium = "medium",
    }
);

impl Grade {
    /// The word of those who count severities.
    #[must_use]
    pub const fn level(self) -> &'static str {
        match self {
            Self::Critical => "SEV1",
            Self::High => "SEV2",
            Self::Medium => "SEV3",
        }
    }

    /// The severity of the alert by which people are told.
    #[must_use]
    pub const fn alert(self) -> &'static str {
        match self {
            Self::Critical => "critical",
            Self::High | Self::Medium => "warning",
        }
    }
}

/// One line of the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// When.
    pub at: UnixMicros,
    /// Number of the incident, from 1; 0 for what belongs to none.
    pub incident: u64,
    /// Who.
    pub by: Text,
    /// What happened.
    pub what: What,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum What {
    /// It was opened.
    Opened {
        /// How bad.
        grade: Grade,
        /// What is wrong, in the words of who opened it.
        note: String,
    },
    /// A step was taken, and what came of it.
    Step {
        /// Which, e.g. `rollback`.
        name: Text,
        /// Whether it worked.
        done: bool,
        /// What came of it.
        detail: String,
    },
    /// It was closed.
    Closed {
        /// Why.
        note: String,
    },
}

/// An incident as its lines say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Incident {
    /// Its number.
    pub id: u64,
    /// How bad.
    pub grade: Grade,
    /// What is wrong.
    pub note: String,
    /// When it was opened.
    pub opened: UnixMicros,
    /// By whom.
    pub by: Text,
    /// When it was closed.
    pub closed: Option<UnixMicros>,
    /// Its lines, the oldest first.
    pub lines: Vec<Line>,
}

/// The incidents of a log, the oldest first. Lines of one that was never opened are passed over.
#[must_use]
pub fn incidents(log: &[Line]) -> Vec<Incident> {
    let mut found: Vec<Incident> = Vec::new();
    for line in log {
        if let What::Opened { grade, note } = &line.what {
            found.push(Incident {
                id: line.incident,
                grade: *grade,
                note: note.clone(),
                opened: line.at,
                by: line.by.clone(),
                closed: None,
                lines: Vec::new(),
            });
        }
        if let Some(incident) = found.iter_mut().find(|i| i.id == line.incident) {
            incident.lines.push(line.clone());
            if matches!(line.what, What::Closed { .. }) {
                incident.closed.get_or_insert(line.at);
            }
        }
    }
    found
}

/// Something that happened meanwhile: a change of control, an alert that fired or ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// When.
    pub at: UnixMicros,
    /// What, in a sentence.
    pub what: String,
}

/// What a review answers (catalogue BP14, BP15); the answers are people's.
const REVIEW: &str = "
## Review

- What was the cause, and what let it reach users?
- What told us, and how long after it began?
- What helped, and what was in the way?
- What is changed so that it does not come back: by whom, until when?
";

/// The timeline of an incident as Markdown: its lines and what happened meanwhile, by time; then what a review begins with.
#[must_use]
pub fn report(incident: &Incident, meanwhile: &[Event]) -> String {
    let mut events: Vec<Event> = incident.lines.iter().map(told).collect();
    let until = incident.closed.unwrap_or(UnixMicros(i64::MAX));
    let within = |e: &&Event| e.at >= incident.opened && e.at <= until;
    events.extend(meanwhile.iter().filter(within).cloned());
    events.sort_by_key(|event| event.at);
    let ended = incident.closed.map_or("still open".to_owned(), UnixMicros::to_rfc3339);
    let mut text = format!(
        "# Incident {}: {}\n\n- severity: {} ({})\n- opened: {} by {}\n- closed: {ended}\n\n| time | what |\n|---|---|\n",
        incident.id,
        cell(&incident.note),
        incident.grade.word(),
        incident.grade.level(),
        incident.opened.to_rfc3339(),
        cell(&incident.by),
    );
    for event in &events {
        // Writing to a string never fails.
        let _written = writeln!(text, "| {} | {} |", event.at.to_rfc3339(), cell(&event.what));
    }
    text.push_str(REVIEW);
    for line in &incident.lines {
        if let What::Step { name, done: false, detail } = &line.what {
            let _written = writeln!(text, "- Why did {} fail: {}?", cell(name), cell(detail));
        }
    }
    text
}

fn told(line: &Line) -> Event {
    let what = match &line.what {
        What::Opened { grade, note } => {
            format!("opened as {} by {}: {note}", grade.word(), line.by)
        }
        What::Step { name, done: true, detail } => format!("{name}: {detail}"),
        What::Step { name, done: false, detail } => format!("{name} failed: {detail}"),
        What::Closed { note } => format!("closed by {}: {note}", line.by),
    };
    Event { at: line.at, what }
}

/// Text in a cell of a table: no bar ends it, and no line.
fn cell(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect::<String>()
        .replace('|', "\\|")
}
