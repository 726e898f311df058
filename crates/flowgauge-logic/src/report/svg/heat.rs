//! A cell for each pair of names, the fuller the more; an empty frame where nothing is known.

use super::scale::{Scale, at};
use super::{COLOURS, GRID, LEFT, RIGHT, TOP, WIDTH, count, shortened, words};
use crate::known::Known;
use crate::report::figure::Quantity;
use crate::report::markup::Markup;
use crate::report::number;

/// Height of a row.
const ROW: f64 = 22.0;
/// The faintest cell that can be told from paper.
const FAINT: f64 = 0.08;
/// Names along the bottom that fit.
const NAMES: usize = 8;

pub(super) fn height(rows: usize) -> f64 {
    TOP + ROW * count(rows) + 32.0
}

pub(super) fn draw(m: &mut Markup, columns: &[String], rows: &[(String, Vec<Known<Quantity>>)]) {
    let known = || rows.iter().flat_map(|(_, v)| v).filter_map(|v| v.value());
    let scale = Scale::over(known().map(Quantity::number), false);
    legend(m, known());
    let width = (WIDTH - LEFT - RIGHT) / count(columns.len().max(1));
    for (r, (name, values)) in rows.iter().enumerate() {
        let y = TOP + ROW * count(r);
        words(m, LEFT - 6.0, y + 15.0, "end", &shortened(name, 10));
        for (c, column) in columns.iter().enumerate() {
            let value = values.get(c).and_then(|v| v.value());
            let title = format!(
                "{name}, {column}: {}",
                value.map_or_else(|| number::NOT_MEASURED.to_owned(), number::text)
            );
            cell(
                m,
                [LEFT + width * count(c), y, width],
                value.map(|q| scale.part(q.number())),
                &title,
            );
        }
    }
    let every = columns.len().div_ceil(NAMES).max(1);
    for (c, column) in columns.iter().enumerate().filter(|(c, _)| c.is_multiple_of(every)) {
        let x = LEFT + width * (count(c) + 0.5);
        words(m, x, TOP + ROW * count(rows.len()) + 18.0, "middle", &shortened(column, 12));
    }
}

fn cell(m: &mut Markup, [x, y, width]: [f64; 3], part: Option<f64>, title: &str) {
    let (x, y, width, height) = (at(x), at(y), at((width - 1.0).max(0.5)), at(ROW - 1.0));
    let part = part.filter(|p| p.is_finite());
    let opacity =
        part.map_or_else(|| "0".to_owned(), |p| format!("{:.2}", FAINT + (1.0 - FAINT) * p));
    let attributes = [
        ("class", if part.is_some() { "cell" } else { "cell none" }),
        ("x", x.as_str()),
        ("y", y.as_str()),
        ("width", width.as_str()),
        ("height", height.as_str()),
        ("fill", COLOURS[0]),
        ("fill-opacity", opacity.as_str()),
        ("stroke", GRID),
        ("stroke-dasharray", if part.is_some() { "none" } else { "2 2" }),
    ];
    m.inside("rect", &attributes, |m| m.element("title", &[], title));
}

/// What the faintest and the fullest cell mean.
fn legend(m: &mut Markup, values: impl Iterator<Item = Quantity>) {
    let range = values.filter(|q| q.number().is_finite()).fold(None, |range, q| match range {
        None => Some((q, q)),
        Some((low, high)) => {
            let low = if q.number() < low.number() { q } else { low };
            Some((low, if q.number() > high.number() { q } else { high }))
        }
    });
    let text = match range {
        None => "Nothing was measured.".to_owned(),
        Some((low, high)) => {
            format!("faint {}, full {}, dashed not measured", number::text(low), number::text(high))
        }
    };
    words(m, LEFT, 16.0, "start", &text);
}
