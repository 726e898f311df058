//! A line as small as a word.

use super::COLOURS;
use super::count;
use super::lines::runs;
use super::scale::{Scale, at};
use crate::known::Known;
use crate::report::figure::Quantity;
use crate::report::markup::Markup;

/// Width and height.
pub(super) const SIZE: (f64, f64) = (120.0, 24.0);
/// Kept free around it, so that its stroke is not cut.
const EDGE: f64 = 2.0;

pub(super) fn draw(m: &mut Markup, values: &[Known<Quantity>]) {
    let known = values.iter().filter_map(|v| v.value()).map(Quantity::number);
    let scale = Scale::over(known, false);
    let (width, height) = (SIZE.0 - 2.0 * EDGE, SIZE.1 - 2.0 * EDGE);
    let step = width / count(values.len().saturating_sub(1).max(1));
    for (start, run) in runs(values) {
        let points = run.iter().enumerate().map(|(i, v)| {
            let y = EDGE + height * (1.0 - scale.part(*v));
            format!("{},{}", at(EDGE + step * count(start + i)), at(y))
        });
        let mut points: Vec<_> = points.collect();
        if points.len() == 1 {
            // A stroke of no length is not drawn.
            let x = at(EDGE + step * count(start) + 1.0);
            let y = run.first().map(|v| at(EDGE + height * (1.0 - scale.part(*v))));
            points.extend(y.map(|y| format!("{x},{y}")));
        }
        m.empty(
            "polyline",
            &[
                ("class", "line a"),
                ("points", points.join(" ").as_str()),
                ("fill", "none"),
                ("stroke", COLOURS[0]),
                ("stroke-width", "1.5"),
            ],
        );
    }
}
