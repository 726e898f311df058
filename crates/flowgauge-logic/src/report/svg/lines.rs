//! Lines with a band and a limit; lines differ by dash as well as by colour.

use super::scale::{Scale, at};
use super::{ALERT, COLOURS, LEFT, RIGHT, WIDTH, count, names, rule, shortened, words};
use crate::known::Known;
use crate::report::chart::Series;
use crate::report::figure::Quantity;
use crate::report::markup::Markup;
use crate::report::number;

/// How lines are dashed: whole, long, short.
const DASHES: [&str; 3] = ["none", "7 4", "2 3"];
/// Room for a name in the legend.
const LEGEND: f64 = 130.0;

type Band = [Known<(Quantity, Quantity)>];

pub(super) fn draw(
    m: &mut Markup,
    places: &[String],
    series: &[Series],
    band: &Band,
    limit: Option<Quantity>,
) {
    let lines = series.iter().flat_map(|s| &s.values).filter_map(|v| v.value());
    let edges = band.iter().filter_map(|b| b.value()).flat_map(|(l, h)| [l, h]);
    let all: Vec<_> = lines.chain(edges).chain(limit).collect();
    let scale = Scale::over(all.iter().map(|q| q.number()), false);
    if let Some(like) = all.first() {
        scale.axis(m, *like);
    }
    let x = |i: usize| x_of(i, places.len());
    names(m, places.iter().map(String::as_str), x);
    area(m, band, &scale, x);
    for (i, s) in series.iter().enumerate() {
        let colour = COLOURS[i % COLOURS.len()];
        let (class, dash) = (class(i), DASHES[i % DASHES.len()]);
        line(m, (class, colour, dash), &s.values, &scale, x);
        let left = LEFT + LEGEND * count(i);
        rule(m, class, colour, dash, [left, 12.0, left + 24.0, 12.0]);
        words(m, left + 30.0, 16.0, "start", &shortened(&s.name, 14));
    }
    if let Some(limit) = limit {
        let y = scale.y(limit.number());
        rule(m, "limit", ALERT, "4 4", [LEFT, y, WIDTH - RIGHT, y]);
        words(m, WIDTH - RIGHT, y - 4.0, "end", &format!("target {}", number::text(limit)));
    }
}

const fn class(i: usize) -> &'static str {
    match i % 3 {
        0 => "line a",
        1 => "line b",
        _ => "line c",
    }
}

fn x_of(i: usize, places: usize) -> f64 {
    let room = WIDTH - LEFT - RIGHT;
    LEFT + room * (count(i) + 0.5) / count(places.max(1))
}

/// A line, broken where nothing is known; a place alone is a dot.
fn line(
    m: &mut Markup,
    (class, colour, dash): (&str, &str, &str),
    values: &[Known<Quantity>],
    scale: &Scale,
    x: impl Fn(usize) -> f64,
) {
    for (start, run) in runs(values) {
        let place = |(i, v): (usize, &f64)| (at(x(start + i)), at(scale.y(*v)));
        if let [only] = run.as_slice() {
            let (cx, cy) = place((0, only));
            let dot = [("class", class), ("cx", &cx), ("cy", &cy), ("r", "2.5"), ("fill", colour)];
            m.empty("circle", &dot);
            continue;
        }
        let points: Vec<_> = run.iter().enumerate().map(place).collect();
        let points = points.iter().map(|(x, y)| format!("{x},{y}")).collect::<Vec<_>>().join(" ");
        m.empty(
            "polyline",
            &[
                ("class", class),
                ("points", points.as_str()),
                ("fill", "none"),
                ("stroke", colour),
                ("stroke-width", "2"),
                ("stroke-dasharray", dash),
            ],
        );
    }
}

/// Stretches of known values, each with the place it begins at.
pub(super) fn runs(values: &[Known<Quantity>]) -> Vec<(usize, Vec<f64>)> {
    let mut runs: Vec<(usize, Vec<f64>)> = Vec::new();
    let mut open = false;
    for (i, value) in values.iter().enumerate() {
        let known = value.value().map(Quantity::number).filter(|v| v.is_finite());
        match (known, open, runs.last_mut()) {
            (Some(v), true, Some((_, run))) => run.push(v),
            (Some(v), _, _) => runs.push((i, vec![v])),
            (None, _, _) => {}
        }
        open = known.is_some();
    }
    runs
}

fn area(m: &mut Markup, band: &Band, scale: &Scale, x: impl Fn(usize) -> f64) {
    let end = |of: fn((Quantity, Quantity)) -> Quantity| -> Vec<Known<Quantity>> {
        band.iter().map(|b| b.map(of)).collect()
    };
    let (lows, highs) = (runs(&end(|b| b.0)), runs(&end(|b| b.1)));
    // A pair with one end that is no number leaves the other alone: then nothing is drawn there.
    for ((start, low), (other, high)) in lows.iter().zip(&highs) {
        if start != other || low.len() != high.len() {
            continue;
        }
        let up = high.iter().enumerate();
        let down = low.iter().enumerate().rev();
        let points =
            up.chain(down).map(|(i, v)| format!("{},{}", at(x(start + i)), at(scale.y(*v))));
        let points = points.collect::<Vec<_>>().join(" ");
        m.empty(
            "polygon",
            &[
                ("class", "band"),
                ("points", points.as_str()),
                ("fill", COLOURS[0]),
                ("fill-opacity", "0.18"),
            ],
        );
    }
}
