//! Prompts and answers of the same kind that grew or shrank.

use super::super::cells::Figure;
use super::super::facts::{EFFECT, Facts, PART_OF_WHOLE, named, only, percent};
use super::super::finding::{Cause, Evidence, Finding, Severity};
use super::super::split::Split;
use super::super::test_of_difference::{ALPHA, LEAST, benjamini_hochberg};
use super::cache::upstream;
use crate::call::Text;
use crate::kpi::Unit;

/// How prompts and answers changed, by kind of request.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Sizes {
    changes: Vec<Change>,
}

/// A kind whose prompts or answers changed more than chance and gate allow.
#[derive(Debug, Clone, PartialEq)]
struct Change {
    figure: Figure,
    endpoint: Text,
    intent: Text,
    split: Split,
    relative: f64,
    p: f64,
    /// What it does to all tokens, relative.
    of_whole: f64,
}

/// Looks at every kind of request, calls of one model and cache outcome apart.
#[must_use]
pub fn look(facts: &Facts) -> Sizes {
    let (before, now) = (upstream(&facts.before.cells), upstream(&facts.now.cells));
    let total = Figure::Tokens.mean(&before.whole());
    let calls = Figure::Tokens.n(&now.whole());
    let mut kinds: Vec<(Text, Text)> =
        now.iter().map(|(k, _)| (k.endpoint.clone(), k.intent.clone())).collect();
    kinds.dedup();
    let mut changes = Vec::new();
    for figure in [Figure::Input, Figure::Output] {
        for (endpoint, intent) in &kinds {
            let of_kind = |c: &super::super::Cells| {
                c.only(|k| (&k.endpoint, &k.intent) == (endpoint, intent))
            };
            let (b, n) = (of_kind(&before), of_kind(&now));
            let enough = figure.n(&b.whole()) >= LEAST && figure.n(&n.whole()) >= LEAST;
            let Some(split) = Split::of(figure, &b, &n).filter(|_| enough) else { continue };
            let (Some(relative), Some(test)) = (split.relative(split.within), split.within_test)
            else {
                continue;
            };
            let share =
                super::super::finding::whole(split.n) / super::super::finding::whole(calls.max(1));
            let of_whole = total.filter(|t| *t > 0.0).map_or(0.0, |t| share * split.within / t);
            let (endpoint, intent) = (endpoint.clone(), intent.clone());
            changes.push(Change { figure, endpoint, intent, p: test.p, split, relative, of_whole });
        }
    }
    let adjusted = benjamini_hochberg(&changes.iter().map(|c| c.p).collect::<Vec<_>>());
    changes.iter_mut().zip(adjusted).for_each(|(c, p)| c.p = p);
    changes.retain(|c| c.p <= ALPHA && c.relative.abs() >= EFFECT);
    Sizes { changes }
}

impl Sizes {
    /// What prompts of an intent lost, relative and positive, with the evidence.
    #[must_use]
    pub fn cut(&self, intent: &str) -> Option<(f64, Evidence)> {
        let cut = |c: &&Change| c.figure == Figure::Input && c.intent == intent && c.relative < 0.0;
        self.changes.iter().find(cut).map(|c| (-c.relative, c.evidence()))
    }

    /// The largest growth of prompts and of answers, relative; 0 where there is none.
    #[must_use]
    pub fn growth(&self) -> (f64, f64) {
        let most = |figure| {
            let grown = self.changes.iter().filter(|c| c.figure == figure).map(|c| c.relative);
            grown.fold(0.0, f64::max)
        };
        (most(Figure::Input), most(Figure::Output))
    }

    /// Growth that moves the whole, one finding for prompts and one for answers.
    #[must_use]
    pub fn claims(&self) -> Vec<Finding> {
        [Figure::Input, Figure::Output]
            .into_iter()
            .filter_map(|figure| self.claim(figure))
            .collect()
    }

    fn claim(&self, figure: Figure) -> Option<Finding> {
        let grown =
            |c: &&Change| c.figure == figure && c.relative > 0.0 && c.of_whole >= PART_OF_WHOLE;
        let mut grown: Vec<&Change> = self.changes.iter().filter(grown).collect();
        grown.sort_by(|a, b| b.of_whole.total_cmp(&a.of_whole));
        let first = grown.first()?;
        let (cause, what) = match figure {
            Figure::Input => (Cause::PromptGrowth, "Prompts"),
            _ => (Cause::AnswerGrowth, "Answers"),
        };
        let sentence = format!(
            "{what} of {} grew by {}, from {:.0} to {:.0} tokens, on the same model{}.",
            named(&first.intent),
            percent(first.relative),
            first.split.before,
            first.split.before + first.split.within,
            match grown.len() {
                1 => String::new(),
                n => format!("; so did those of {} other kinds", n - 1),
            }
        );
        let whole: f64 = grown.iter().map(|c| c.of_whole).sum();
        Some(Finding {
            cause,
            severity: Severity::Warning,
            sentence,
            evidence: grown.iter().take(5).map(|c| c.evidence()).collect(),
            next: format!("flowgauge tokens analyze --since 24h{}", only("intent", &first.intent)),
            strength: (1.0 + whole.max(0.0)).ln().max((1.0 + first.relative).ln() / 2.0),
        })
    }
}

impl Change {
    fn evidence(&self) -> Evidence {
        let what = match self.figure {
            Figure::Input => "input tokens of",
            _ => "output tokens of",
        };
        let both = (Some(self.split.before + self.split.within), Some(self.split.before));
        let interval = self.split.within_test.and_then(|t| t.relative_to(self.split.before));
        Evidence::change(
            format!("{what} {}", named(&self.intent)),
            Unit::Tokens,
            both,
            self.split.n,
        )
        .tested(self.p, interval)
    }
}
