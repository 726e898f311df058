//! Charts, read back: a place without a value has none, for no reason that is known here.

use super::NoReport;
use super::figure::quantity;
use crate::known::{Known, Reason};
use crate::report::chart::{Chart, Plot, Series};
use crate::report::figure::Quantity;
use serde::Deserialize;

#[derive(Deserialize)]
pub(super) struct ChartRead {
    name: String,
    title: String,
    says: String,
    plot: String,
    unit: Option<String>,
    places: Vec<String>,
    series: Vec<SeriesRead>,
    limit: Option<f64>,
}

#[derive(Deserialize)]
struct SeriesRead {
    name: String,
    values: Vec<Option<f64>>,
}

pub(super) fn chart(read: ChartRead) -> Result<Chart, NoReport> {
    let unit = read.unit.as_deref();
    let limit = read.limit.map(|l| quantity(l, unit)).transpose()?;
    let known = |value: Option<f64>| match value {
        Some(value) => quantity(value, unit).map(Known::Value),
        None => Ok(Known::Unknown(Reason::NoData)),
    };
    let mut series: Vec<Series> = Vec::with_capacity(read.series.len());
    for line in read.series {
        let values = line.values.into_iter().map(known).collect::<Result<_, _>>()?;
        series.push(Series { name: line.name, values });
    }
    let plot = match read.plot.as_str() {
        "lines" => {
            let band = band(&mut series);
            Plot::Lines { places: read.places, series, band, limit }
        }
        "bars" => {
            let values = series.into_iter().next().map(|s| s.values).unwrap_or_default();
            Plot::Bars { bars: read.places.into_iter().zip(values).collect(), limit }
        }
        "heat_map" => {
            let rows = series.into_iter().map(|s| (s.name, s.values)).collect();
            Plot::HeatMap { columns: read.places, rows }
        }
        "sparkline" => {
            let values = series.into_iter().next().map(|s| s.values).unwrap_or_default();
            Plot::Sparkline(values)
        }
        other => return Err(NoReport(format!("a chart of {other:?} cannot be drawn again"))),
    };
    Ok(Chart { name: read.name, title: read.title, says: read.says, plot })
}

/// The ends of a band come after the lines, under names of their own.
fn band(series: &mut Vec<Series>) -> Vec<Known<(Quantity, Quantity)>> {
    let ends = matches!(series.as_slice(), [.., lower, upper] if lower.name == "lower" && upper.name == "upper");
    let at = series.len().saturating_sub(2);
    if !ends || at == 0 {
        return Vec::new();
    }
    let mut ends = series.split_off(at).into_iter().map(|s| s.values);
    let (low, high) = (ends.next().unwrap_or_default(), ends.next().unwrap_or_default());
    let both = low.into_iter().zip(high).map(|pair| match pair {
        (Known::Value(low), Known::Value(high)) => Known::Value((low, high)),
        _ => Known::Unknown(Reason::NoData),
    });
    both.collect()
}
