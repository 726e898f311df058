//! Failed requests: how many, what kind first, since when.

use super::causes::errors;
use super::facts::Facts;
use super::finding::{Datum, Diagnosis, Reference, Sheet};
use crate::kpi::Unit;
use crate::window::Window;

/// Failures of one class, as the caller counted them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Class {
    /// In one word.
    pub name: String,
    /// How many.
    pub count: u64,
    /// First and last, RFC 3339.
    pub seen: (Option<String>, Option<String>),
    /// Where: the most frequent models and endpoints.
    pub places: String,
    /// The newest call.
    pub example: String,
}

/// Names the class of failures to look at, where they are too many.
#[must_use]
pub fn diagnose(
    facts: &Facts,
    classes: &[Class],
    window: Window,
    references: Vec<Reference>,
) -> Diagnosis {
    let mut out = Diagnosis::new("errors", window, references);
    let columns = [
        ("class", None),
        ("count", Some(Unit::Count)),
        ("first seen", None),
        ("last seen", None),
        ("where", None),
        ("example", None),
    ];
    let mut sheet = Sheet::new("failed requests", &columns);
    for c in classes {
        let text = |t: &Option<String>| t.clone().map_or(Datum::Nothing, Datum::Text);
        sheet.rows.push(vec![
            c.name.clone().into(),
            Datum::count(c.count),
            text(&c.seen.0),
            text(&c.seen.1),
            c.places.clone().into(),
            c.example.clone().into(),
        ]);
    }
    out.sheets.push(sheet);
    out.findings = errors::look(facts);
    if let (Some(finding), Some(example)) =
        (out.findings.first_mut(), classes.first().map(|c| &c.example))
        && !example.is_empty()
    {
        finding.next = format!("flowgauge requests get {example}");
    }
    let calm = "The error rate keeps its limit and is no higher than before.";
    out.concluded(facts.now.cells.requests() > 0, calm)
}
