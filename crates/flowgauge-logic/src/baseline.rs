//! A baseline: how an application was over a window, by endpoint, intent and model, kept so that
//! later can be compared with it (S40).
//!
//! Owns what a baseline holds, how one is built from a collected history, and who may become the
//! promoted one. Refuses to judge: what differs is said by `regression`. Refuses to learn from bad
//! times: stretches that the caller names are left out, and are listed.

use crate::call::{Text, closed_set};
use crate::score::Evaluator;
use crate::unit::UnixMicros;
use crate::window::Window;
use serde::{Deserialize, Serialize};

pub use self::build::{Builder, Key, TooLittle};
pub use self::cell::{Cell, Point, Quality};
pub use self::like::{mix_effect, without_mix};
pub use self::promote::{Refusal, refuse};
pub use self::series::{period, points_of};

mod build;
mod cell;
mod like;
mod promote;
mod series;
mod usual;

closed_set!(
    /// What a baseline may be used for.
    Standing {
        /// It was proposed and waits for a person.
        #[default]
        Candidate = "candidate",
        /// It is what later is compared with. There is one.
        Promoted = "promoted",
        /// Another took its place; it can be promoted again.
        Retired = "retired",
    }
);

/// A baseline. What it holds never changes once it is made; only its standing does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Baseline {
    /// Its name, e.g. `2026-w48`.
    pub name: Text,
    /// The window it was built from.
    pub window: Window,
    /// When it was made.
    pub made: UnixMicros,
    /// By whom.
    pub made_by: Text,
    /// From where.
    pub origin: Origin,
    /// Whose evaluations its quality is.
    pub evaluator: Option<Evaluator>,
    /// Minutes of one point.
    pub bucket_minutes: u32,
    /// Everything together.
    pub whole: Cell,
    /// One for each endpoint × intent × model, the busiest first.
    pub cells: Vec<Cell>,
    /// Stretches of the window it did not learn from.
    pub left_out: Vec<LeftOut>,
}

/// Where a baseline came from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// The store's own rows.
    Measured,
    /// A file with the three lists of the guide; it has points, but no requests behind them.
    Imported {
        /// Name of the file.
        file: Text,
    },
}

/// A stretch that nothing was learned from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftOut {
    /// Which.
    pub window: Window,
    /// Why, e.g. `alert p95_latency_critical`.
    pub why: Text,
}

/// How a baseline stands, and how it came to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// What it may be used for.
    pub standing: Standing,
    /// When and by whom it was promoted last.
    pub promoted: Option<(UnixMicros, Text)>,
    /// Whether it is pinned: kept for ever, and what slow drift is measured against.
    pub pinned: bool,
}

impl Baseline {
    /// Of everything, or of one endpoint, intent or model: the cells that match, as one.
    #[must_use]
    pub fn of(&self, wanted: impl Fn(&Cell) -> bool) -> Cell {
        let mut sum = Cell::default();
        self.cells.iter().filter(|cell| wanted(cell)).for_each(|cell| sum.merge(cell));
        sum
    }

    /// The stretches it was built from, in order of time: its window without what was left out.
    /// Nothing where it was imported: there are no requests behind its points.
    #[must_use]
    pub fn learned(&self) -> Vec<Window> {
        if self.origin != Origin::Measured {
            return Vec::new();
        }
        let mut left: Vec<Window> = self.left_out.iter().map(|l| l.window).collect();
        left.sort_by_key(|window| window.from);
        let mut from = self.window.from;
        let mut learned = Vec::new();
        for out in left {
            learned.push(Window { from, to: out.from.min(self.window.to) });
            from = from.max(out.to);
        }
        learned.push(Window { from, to: self.window.to });
        learned.retain(|window| window.from < window.to);
        learned
    }
}

#[cfg(test)]
mod tests;
