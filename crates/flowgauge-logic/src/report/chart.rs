//! Charts of a report: what is drawn, in units, with what it says in words.
//!
//! A gap is drawn where nothing is known. Every chart has the same numbers as a table.

use super::figure::Quantity;
use crate::known::Known;

/// A chart.
#[derive(Debug, Clone, PartialEq)]
pub struct Chart {
    /// The name machines use, unique in the document.
    pub name: String,
    /// What it shows.
    pub title: String,
    /// What it says, with the number that matters: for those who do not see it.
    pub says: String,
    /// What is drawn.
    pub plot: Plot,
}

/// What is drawn.
#[derive(Debug, Clone, PartialEq)]
pub enum Plot {
    /// Lines over places, with an optional band around the first.
    Lines {
        /// Names of the places along the bottom, evenly spaced.
        places: Vec<String>,
        /// Lines.
        series: Vec<Series>,
        /// Around the first line, where it is known.
        band: Vec<Known<(Quantity, Quantity)>>,
        /// A limit drawn across.
        limit: Option<Quantity>,
    },
    /// A bar for each name.
    Bars {
        /// Names and values.
        bars: Vec<(String, Known<Quantity>)>,
        /// A limit drawn across.
        limit: Option<Quantity>,
    },
    /// How often values fell between edges.
    Histogram {
        /// Lower edge of each bin, and the upper one of the last.
        edges: Vec<Quantity>,
        /// How many in each bin.
        counts: Vec<u64>,
        /// Places marked across, e.g. the percentiles.
        marks: Vec<(String, Quantity)>,
    },
    /// A cell for each pair of names.
    HeatMap {
        /// Names along the bottom.
        columns: Vec<String>,
        /// Names and values of the rows.
        rows: Vec<(String, Vec<Known<Quantity>>)>,
    },
    /// A line as small as a word.
    Sparkline(Vec<Known<Quantity>>),
}

/// A line of a chart.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    /// What it is.
    pub name: String,
    /// A value for each place.
    pub values: Vec<Known<Quantity>>,
}

impl Plot {
    /// The unit of what is drawn, of the first value known; that of the edges for a histogram.
    #[must_use]
    pub fn unit(&self) -> Option<&'static str> {
        self.any().map(Quantity::unit)
    }

    /// Some value that is drawn.
    fn any(&self) -> Option<Quantity> {
        let first = |values: &[Known<Quantity>]| values.iter().find_map(|v| v.value());
        match self {
            Self::Lines { series, .. } => series.iter().find_map(|s| first(&s.values)),
            Self::Bars { bars, .. } => bars.iter().find_map(|(_, v)| v.value()),
            Self::Histogram { edges, .. } => edges.first().copied(),
            Self::HeatMap { rows, .. } => rows.iter().find_map(|(_, v)| first(v)),
            Self::Sparkline(values) => first(values),
        }
    }
}
