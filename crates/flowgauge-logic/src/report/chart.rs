//! Charts of a report: what is drawn, in units, with what it says in words.
//!
//! A gap is drawn where nothing is known. Every chart has the same numbers as a table.

use super::figure::{Figure, Quantity};
use super::number;
use super::table::{Cell, Column, Table};
use crate::known::{Known, Reason};

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

impl Chart {
    /// The numbers of the chart as a table.
    #[must_use]
    pub fn twin(&self) -> Table {
        let (heads, rows) = self.plot.numbers();
        let names = heads.iter().enumerate().map(|(i, title)| match i {
            0 => Column::words("place", title),
            i => Column::figures(format!("c{i}"), title),
        });
        Table {
            name: format!("{}_numbers", self.name),
            caption: self.title.clone(),
            columns: names.collect(),
            rows,
            empty: "Nothing was measured.".to_owned(),
        }
    }
}

impl Plot {
    /// Heads and rows of the numbers drawn.
    fn numbers(&self) -> (Vec<String>, Vec<Vec<Cell>>) {
        let figure = |value| Cell::Figure(Figure::new("value", value));
        let none = Known::Unknown(Reason::NoData);
        let row = |name: &str, values: Vec<Known<Quantity>>| {
            std::iter::once(Cell::words(name)).chain(values.into_iter().map(figure)).collect()
        };
        match self {
            Self::Lines { places, series, .. } => {
                let heads =
                    std::iter::once(String::new()).chain(series.iter().map(|s| s.name.clone()));
                let value = |s: &Series, i: usize| s.values.get(i).copied().unwrap_or(none);
                let rows = places.iter().enumerate();
                let rows = rows.map(|(i, p)| row(p, series.iter().map(|s| value(s, i)).collect()));
                (heads.collect(), rows.collect())
            }
            Self::Bars { bars, .. } => {
                let rows = bars.iter().map(|(name, value)| row(name, vec![*value]));
                (vec![String::new(), "Value".to_owned()], rows.collect())
            }
            Self::Histogram { edges, counts, .. } => {
                let between = edges.windows(2).map(|pair| match pair {
                    [low, high] => format!("{} to {}", number::text(*low), number::text(*high)),
                    _ => String::new(),
                });
                let rows = between.zip(counts);
                let rows = rows.map(|(b, n)| row(&b, vec![Known::Value(Quantity::Count(*n))]));
                (vec![String::new(), "Count".to_owned()], rows.collect())
            }
            Self::HeatMap { columns, rows } => {
                let heads = std::iter::once(String::new()).chain(columns.iter().cloned()).collect();
                let value = |v: &[Known<Quantity>], i| v.get(i).copied().unwrap_or(none);
                let all = |v: &[Known<Quantity>]| (0..columns.len()).map(|i| value(v, i)).collect();
                (heads, rows.iter().map(|(name, v)| row(name, all(v))).collect())
            }
            Self::Sparkline(values) => {
                let rows =
                    values.iter().enumerate().map(|(i, v)| row(&(i + 1).to_string(), vec![*v]));
                (vec![String::new(), "Value".to_owned()], rows.collect())
            }
        }
    }
}
