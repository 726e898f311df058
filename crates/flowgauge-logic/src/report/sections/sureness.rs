//! How sure the report is: what was seen, what is missing, what was counted here, and whether the figures add up.

use crate::known::Known;
use crate::report::add_up::Mismatch;
use crate::report::facts::{Gap, Head, Sureness};
use crate::report::figure::{Figure, Quantity};
use crate::report::{Block, Cell, Column, Prose, Section, Table, moment, number};
use chrono_tz::Tz;

/// Gaps listed; more are one long gap to a reader.
const GAPS: usize = 10;

/// The section.
#[must_use]
pub fn sureness(head: &Head, facts: &Sureness, mismatches: &[Mismatch]) -> Section {
    let mut blocks = vec![Block::Table(table(head, facts))];
    let zone = head.period.zone;
    for gap in facts.gaps.iter().take(GAPS) {
        blocks.push(Block::Note(Prose::plain(gap_words(gap, zone))));
    }
    if let Some(more) = facts.gaps.len().checked_sub(GAPS).filter(|n| *n > 0) {
        blocks.push(Block::Note(Prose::plain(format!("{more} more gaps are on the page."))));
    }
    blocks.extend(facts.notes.iter().map(|n| Block::Note(Prose::plain(n))));
    if mismatches.is_empty() {
        let fine =
            "The figures add up: parts give the whole, means times their number give totals.";
        blocks.push(Block::Paragraph(Prose::plain(fine)));
    }
    blocks.extend(mismatches.iter().map(|m| Block::Note(Prose::plain(m.words()))));
    Section::new("how_sure", "How sure is this", blocks)
}

fn table(head: &Head, facts: &Sureness) -> Table {
    let figure = |what: &str, name: &str, value| {
        vec![Cell::words(what), Cell::Figure(Figure::new(name, value))]
    };
    let words = |what: &str, words: &str| vec![Cell::words(what), Cell::words(words)];
    let clock = match &facts.clock {
        Known::Value(words) => words.clone(),
        Known::Unknown(r) => number::unknown(*r),
    };
    let rows = vec![
        figure("Requests seen", "requests_seen", Known::Value(Quantity::Count(facts.seen))),
        figure("Requests expected", "requests_expected", facts.expected.map(Quantity::Count)),
        figure("Coverage", "coverage", coverage(facts)),
        figure("Tokens counted here", "estimated_share", facts.estimated.map(Quantity::Share)),
        figure("Gaps", "gaps", Known::Value(Quantity::Count(count(facts.gaps.len())))),
        words("Clock", &clock),
        words("Percentiles", "from merged histograms, error at most 0.5 %"),
        words("Days of", head.period.zone.name()),
        words("flowgauge", &head.version),
        words("Configuration", facts.config.as_deref().unwrap_or(number::NOT_MEASURED)),
        words("Report", &head.id),
    ];
    Table {
        name: "sureness".to_owned(),
        caption: "What the figures rest on".to_owned(),
        columns: vec![Column::words("what", "What"), Column::figures("value", "Value")],
        rows,
        empty: String::new(),
    }
}

fn coverage(facts: &Sureness) -> Known<Quantity> {
    #[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^53")]
    facts.expected.map(|expected| {
        // More than expected is not more than all.
        Quantity::Share(facts.seen.min(expected) as f64 / expected.max(1) as f64)
    })
}

fn count(n: usize) -> u64 {
    u64::try_from(n).unwrap_or(u64::MAX)
}

fn gap_words(gap: &Gap, zone: Tz) -> String {
    format!(
        "Nothing was recorded from {} to {}: {}. Figures leave this time out.",
        moment::minute(gap.from, zone),
        moment::near(gap.to, gap.from, zone),
        gap.why
    )
}
