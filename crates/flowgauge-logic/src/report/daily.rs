//! The daily report: the guide's five rows first, then what changed, what got worse, what was done, and how sure it is.

use super::body::{Body, Wording};
use super::document::{Document, Kind};

/// What the daily report is made of; the period's name is the date, its stretches are hours.
pub type Facts = Body;

const WORDING: Wording = Wording {
    title: "Daily Performance Report",
    span: "day",
    stretch: "hour",
    before: "vs same day last week",
    next: "Tomorrow",
};

/// The daily report. Its title is the subject under the guide's command names.
#[must_use]
pub fn document(facts: &Facts) -> Document {
    let mut sections = vec![facts.summary(WORDING)];
    sections.extend(facts.account(WORDING));
    sections.push(facts.sureness(WORDING));
    facts.document(Kind::Daily, WORDING, sections)
}
