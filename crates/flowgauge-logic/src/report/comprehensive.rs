//! The comprehensive analysis: everything known of a month in one document, each part as its own report has it.
//!
//! Refuses to say anything of its own: sections come from the other reports, under names of their own.

use super::body::Body;
use super::document::{Block, Document, Kind, Section};
use super::{cost, monthly, recommendations, weekly};
use serde::{Deserialize, Serialize};

/// What it is made of.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Facts {
    /// The monthly review.
    pub month: monthly::Facts,
    /// Each metric of this month beside the month before.
    pub compared: Vec<weekly::Compared>,
    /// A candidate for the baseline.
    pub proposal: Option<weekly::Proposal>,
    /// Limits under review.
    pub thresholds: Vec<weekly::Threshold>,
    /// How often each rule fired.
    pub noise: Vec<weekly::Noise>,
    /// Every comparison tested.
    pub tested: Vec<super::facts::Regression>,
    /// What it cost.
    pub cost: cost::Facts,
    /// What to change.
    pub recommendations: recommendations::Facts,
}

/// The analysis.
#[must_use]
pub fn document(facts: &Facts) -> Document {
    let month: &Body = &facts.month.month;
    let review = monthly::document(&facts.month);
    let (mut sections, mut last) = (Vec::new(), Vec::new());
    for section in review.sections {
        if section.name == "how_sure" { &mut last } else { &mut sections }.push(section);
    }
    sections.push(weekly::compared(&facts.compared, ("month", "Month")));
    sections.extend(of("cost", cost::document(&facts.cost)));
    sections.extend(of("advice", recommendations::document(&facts.recommendations)));
    sections.push(weekly::baseline(facts.proposal.as_ref()));
    sections.push(weekly::thresholds(&facts.thresholds));
    sections.push(weekly::noise(&facts.noise));
    sections.append(&mut last);
    sections.push(weekly::appendix(&facts.tested));
    let title = format!("Comprehensive Performance Analysis - {}", month.head.period.name);
    let verdict_of_subject = review.subject.split_once(": ").map_or("", |(_, said)| said);
    Document {
        kind: Kind::Comprehensive,
        subject: format!("{title}: {verdict_of_subject}"),
        title,
        id: month.head.id.clone(),
        sections,
        verdict: review.verdict,
        period: review.period,
        generated_at: review.generated_at,
        version: review.version,
    }
}

/// Sections of another report, under names that say whose they are; its key table stays there.
fn of(whose: &str, document: Document) -> impl Iterator<Item = Section> {
    let whose = whose.to_owned();
    document.sections.into_iter().map(move |section| Section {
        name: format!("{whose}_{}", section.name),
        blocks: section.blocks.into_iter().filter(|b| !matches!(b, Block::Key(_))).collect(),
        ..section
    })
}
