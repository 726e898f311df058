//! Charts as SVG: one drawing for the page, for print and for pictures in mail.
//!
//! Colours are attributes that hold on white; a page with other colours overrides the classes. Every drawing has a
//! title and a description. Where nothing is known there is a gap; no coordinate is ever no number.

use self::scale::at;
use super::chart::{Chart, Plot};
use super::markup::Markup;

mod bars;
mod heat;
mod lines;
mod scale;
mod spark;

/// Size of a drawing; wide enough for a day of hours, narrow enough for a mail.
const WIDTH: f64 = 640.0;
const HEIGHT: f64 = 240.0;
/// Room for numbers at the left, names below, the legend above.
const LEFT: f64 = 72.0;
const RIGHT: f64 = 16.0;
const TOP: f64 = 28.0;
const BOTTOM: f64 = 28.0;
/// Colours of `style.md` for white paper: the accent, a second and a third line, marks, quiet lines, words.
const COLOURS: [&str; 3] = ["#1F5FBF", "#8A5A00", "#1A7F37"];
const ALERT: &str = "#B42318";
const MUTED: &str = "#57606A";
const GRID: &str = "#D0D7DE";
/// Most names along the bottom; more are not read.
const NAMES: usize = 8;
/// Characters of a name at most.
const NAME: usize = 12;
/// Width of a character of the widest usual font, and of the gap between two names.
const LETTER: usize = 7;
const GAP: usize = 8;
/// `WIDTH` − `LEFT` − `RIGHT`.
const ROOM: usize = 552;
const FONT: &str = "system-ui, -apple-system, 'Segoe UI', Helvetica, Arial, sans-serif";

/// Draws a chart.
#[must_use]
pub fn render(chart: &Chart) -> String {
    let mut m = Markup::default();
    drawing(&mut m, chart);
    m.finish()
}

/// Draws a chart into a page.
pub(super) fn drawing(m: &mut Markup, chart: &Chart) {
    let small = matches!(chart.plot, Plot::Sparkline(_));
    let (width, height) = if small { spark::SIZE } else { (WIDTH, height(&chart.plot)) };
    let view = format!("0 0 {} {}", at(width), at(height));
    let (width, height) = (at(width), at(height));
    let attributes = [
        ("xmlns", "http://www.w3.org/2000/svg"),
        ("class", "chart"),
        ("role", "img"),
        ("viewBox", view.as_str()),
        ("width", width.as_str()),
        ("height", height.as_str()),
        ("font-family", FONT),
        ("font-size", "12"),
    ];
    m.inside("svg", &attributes, |m| {
        m.element("title", &[], &chart.title);
        m.element("desc", &[], &chart.says);
        match &chart.plot {
            Plot::Lines { places, series, band, limit } => {
                lines::draw(m, places, series, band, *limit);
            }
            Plot::Bars { bars, limit } => bars::draw(m, bars, *limit),
            Plot::Histogram { edges, counts, marks } => bars::histogram(m, edges, counts, marks),
            Plot::HeatMap { columns, rows } => heat::draw(m, columns, rows),
            Plot::Sparkline(values) => spark::draw(m, values),
        }
    });
}

fn height(plot: &Plot) -> f64 {
    match plot {
        Plot::HeatMap { rows, .. } => heat::height(rows.len()),
        _ => HEIGHT,
    }
}

/// A straight line.
fn rule(m: &mut Markup, class: &str, colour: &str, dash: &str, ends: [f64; 4]) {
    let [x1, y1, x2, y2] = ends.map(at);
    m.empty(
        "line",
        &[
            ("class", class),
            ("x1", x1.as_str()),
            ("y1", y1.as_str()),
            ("x2", x2.as_str()),
            ("y2", y2.as_str()),
            ("stroke", colour),
            ("stroke-dasharray", dash),
        ],
    );
}

/// Words, with `anchor` one of `start`, `middle`, `end`.
fn words(m: &mut Markup, x: f64, y: f64, anchor: &str, text: &str) {
    let (x, y) = (at(x), at(y));
    m.element(
        "text",
        &[
            ("class", "word"),
            ("x", x.as_str()),
            ("y", y.as_str()),
            ("text-anchor", anchor),
            ("fill", MUTED),
        ],
        text,
    );
}

/// Names along the bottom, as many as fit.
fn names<'a>(
    m: &mut Markup,
    names: impl ExactSizeIterator<Item = &'a str> + Clone,
    x: impl Fn(usize) -> f64,
) {
    let longest = names.clone().map(|n| n.chars().count()).max().unwrap_or(0).min(NAME);
    let fit = (ROOM / (LETTER * longest + GAP)).clamp(1, NAMES);
    let every = names.len().div_ceil(fit).max(1);
    for (i, name) in names.enumerate().filter(|(i, _)| i.is_multiple_of(every)) {
        let name = shortened(name, NAME);
        // The first and the last stay on the paper.
        let half = count(LETTER * name.chars().count()) / 2.0;
        words(m, x(i).clamp(half, WIDTH - half), HEIGHT - 10.0, "middle", &name);
    }
}

/// A name that fits, with a sign where it was cut.
fn shortened(name: &str, most: usize) -> String {
    if name.chars().count() <= most {
        return name.to_owned();
    }
    name.chars().take(most.saturating_sub(1)).chain(['…']).collect()
}

#[expect(clippy::cast_precision_loss, reason = "places of a drawing are few")]
const fn count(n: usize) -> f64 {
    n as f64
}

#[cfg(test)]
mod tests;
