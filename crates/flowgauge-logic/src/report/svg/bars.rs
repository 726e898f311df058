//! Bars by name, and how often values fell between edges.

use super::scale::{Scale, at};
use super::{ALERT, BOTTOM, COLOURS, HEIGHT, LEFT, RIGHT, TOP, WIDTH, count, names, rule, words};
use crate::known::Known;
use crate::report::figure::Quantity;
use crate::report::markup::Markup;
use crate::report::number;

/// Of its room, what a bar takes.
const FILL: f64 = 0.7;

pub(super) fn draw(m: &mut Markup, bars: &[(String, Known<Quantity>)], limit: Option<Quantity>) {
    let known = bars.iter().filter_map(|(_, v)| v.value());
    let all: Vec<_> = known.chain(limit).collect();
    let scale = Scale::over(all.iter().map(|q| q.number()), true);
    if let Some(like) = all.first() {
        scale.axis(m, *like);
    }
    names(m, bars.iter().map(|(n, _)| n.as_str()), |i| middle(i, bars.len()));
    for (i, (name, value)) in bars.iter().enumerate() {
        let Some(q) = value.value().filter(|q| q.number().is_finite()) else { continue };
        bar(
            m,
            &scale,
            (i, bars.len()),
            (q.number(), FILL),
            &format!("{name}: {}", number::text(q)),
        );
    }
    if let Some(limit) = limit {
        let y = scale.y(limit.number());
        rule(m, "limit", ALERT, "4 4", [LEFT, y, WIDTH - RIGHT, y]);
        words(m, WIDTH - RIGHT, y - 4.0, "end", &format!("limit {}", number::text(limit)));
    }
}

pub(super) fn histogram(
    m: &mut Markup,
    edges: &[Quantity],
    counts: &[u64],
    marks: &[(String, Quantity)],
) {
    let numbers: Vec<_> = counts.iter().map(|n| Quantity::Count(*n).number()).collect();
    let scale = Scale::over(numbers.iter().copied(), true);
    scale.axis(m, Quantity::Count(0));
    let bins = counts.len();
    let labels: Vec<_> = edges.iter().map(|e| number::text(*e)).collect();
    names(m, labels.iter().map(String::as_str), |i| edge(count(i), bins));
    for (i, n) in numbers.iter().enumerate() {
        let between = |i: usize| labels.get(i).map_or("", String::as_str);
        let title = format!("{} to {}: {n}", between(i), between(i + 1));
        bar(m, &scale, (i, bins), (*n, 1.0), &title);
    }
    for (i, (name, value)) in marks.iter().enumerate() {
        let Some(place) = place_of(edges, value.number()) else { continue };
        let x = edge(place, bins);
        rule(m, "limit", ALERT, "4 4", [x, TOP, x, HEIGHT - BOTTOM]);
        // Marks that lie close are named on lines of their own.
        let y = TOP - 4.0 + 12.0 * count(i % 3);
        words(m, x + 4.0, y, "start", &format!("{name} {}", number::text(*value)));
    }
}

/// Where a value lies among edges, in bins from the left.
fn place_of(edges: &[Quantity], value: f64) -> Option<f64> {
    edges.windows(2).enumerate().find_map(|(i, pair)| {
        let [low, high] = pair else { return None };
        let (low, high) = (low.number(), high.number());
        let inside = low <= value && value <= high && high > low;
        inside.then(|| count(i) + ((value - low) / (high - low)).clamp(0.0, 1.0))
    })
}

fn edge(place: f64, of: usize) -> f64 {
    LEFT + (WIDTH - LEFT - RIGHT) * place / count(of.max(1))
}

fn middle(i: usize, of: usize) -> f64 {
    edge(count(i) + 0.5, of)
}

fn bar(
    m: &mut Markup,
    scale: &Scale,
    (i, of): (usize, usize),
    (value, fill): (f64, f64),
    title: &str,
) {
    let width = (WIDTH - LEFT - RIGHT) / count(of.max(1)) * fill;
    let (zero, top) = (scale.y(0.0), scale.y(value));
    let (x, y) = (at(middle(i, of) - width / 2.0), at(zero.min(top)));
    let (width, height) = (at(width), at((zero - top).abs()));
    // Of a bar without height nothing is seen, and who draws it complains.
    if height == "0" {
        return;
    }
    let attributes = [
        ("class", "bar"),
        ("x", x.as_str()),
        ("y", y.as_str()),
        ("width", width.as_str()),
        ("height", height.as_str()),
        ("fill", COLOURS[0]),
    ];
    m.inside("rect", &attributes, |m| m.element("title", &[], title));
}
