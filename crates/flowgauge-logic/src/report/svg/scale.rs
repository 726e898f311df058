//! From values to places on the paper: finite whatever comes in.

use super::{BOTTOM, GRID, HEIGHT, LEFT, RIGHT, TOP, WIDTH, rule, words};
use crate::report::figure::{Quantity, nano_usd};
use crate::report::markup::Markup;
use crate::report::number;
use crate::unit::{Micros, NanoUsd};

/// Values beyond are drawn at the edge: differences of larger ones would be infinite.
const LARGEST: f64 = 1e18;
/// Lines across the paper; more is a grid nobody reads.
const TICKS: u32 = 4;

/// A range of values, never empty.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scale {
    low: f64,
    high: f64,
}

impl Scale {
    /// Over values; `grounded` begins at zero, as bars must.
    pub(super) fn over(values: impl Iterator<Item = f64>, grounded: bool) -> Self {
        let tame = values.filter(|v| v.is_finite()).map(|v| v.clamp(-LARGEST, LARGEST));
        let range = tame.fold(None, |range: Option<(f64, f64)>, v| {
            Some(range.map_or((v, v), |(l, h)| (l.min(v), h.max(v))))
        });
        let (mut low, mut high) = range.unwrap_or((0.0, 1.0));
        // A line far above zero would be flat on a scale from zero.
        if grounded || (low > 0.0 && low < 0.5 * high) {
            low = low.min(0.0);
            high = high.max(0.0);
        }
        if high - low <= f64::EPSILON * high.abs().max(low.abs()) {
            let room = if high.abs() > 0.0 { 0.5 * high.abs() } else { 1.0 };
            (low, high) = (if grounded { low } else { low - room }, high + room);
        }
        Self { low, high }
    }

    /// How far up a value lies, 0–1.
    pub(super) fn part(&self, value: f64) -> f64 {
        let value = value.clamp(-LARGEST, LARGEST);
        ((value - self.low) / (self.high - self.low)).clamp(0.0, 1.0)
    }

    /// The height of a value on the paper.
    pub(super) fn y(&self, value: f64) -> f64 {
        HEIGHT - BOTTOM - self.part(value) * (HEIGHT - TOP - BOTTOM)
    }

    /// Round values to label: steps of 1, 2 or 5 (Heckbert, Nice numbers for graph labels, 1990).
    fn ticks(&self) -> Vec<f64> {
        let rough = (self.high - self.low) / f64::from(TICKS);
        let power = 10_f64.powf(rough.log10().floor());
        let nice = [1.0, 2.0, 5.0, 10.0].into_iter().find(|n| n * power >= rough * 0.999);
        let step = nice.unwrap_or(10.0) * power;
        let first = (self.low / step).ceil();
        (0..=2 * TICKS)
            .map(|i| (first + f64::from(i)) * step)
            .take_while(|t| *t <= self.high + step * 1e-9)
            .filter(|t| t.is_finite())
            .collect()
    }

    /// Lines across with their values at the left, in the unit of `like`.
    pub(super) fn axis(&self, m: &mut Markup, like: Quantity) {
        for tick in self.ticks() {
            let y = self.y(tick);
            rule(m, "grid", GRID, "none", [LEFT, y, WIDTH - RIGHT, y]);
            words(m, LEFT - 6.0, y + 4.0, "end", &number::short(alike(like, tick)));
        }
    }
}

/// Another value in the same unit.
pub(super) fn alike(like: Quantity, value: f64) -> Quantity {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "`as` saturates; counts are not negative"
    )]
    let whole = |v: f64| v.round().max(0.0) as u64;
    match like {
        Quantity::Ms(_) => Quantity::Ms(value),
        Quantity::Lasting(_) => Quantity::Lasting(Micros(whole(value * 1e6))),
        Quantity::Tokens(_) => Quantity::Tokens(value),
        Quantity::Usd(_) => Quantity::Usd(money(value)),
        Quantity::Share(_) => Quantity::Share(value),
        Quantity::Quality(_) => Quantity::Quality(value),
        Quantity::Points(_) => Quantity::Points(value),
        Quantity::Count(_) => Quantity::Count(whole(value)),
        Quantity::Rating(_) => Quantity::Rating(value),
        Quantity::PerMinute(_) => Quantity::PerMinute(value),
        Quantity::Bytes(_) => Quantity::Bytes(whole(value)),
        Quantity::Times(_) => Quantity::Times(value),
        Quantity::Months(_) => Quantity::Months(value),
    }
}

fn money(dollars: f64) -> NanoUsd {
    nano_usd(dollars)
}

/// A place on the paper, to a tenth.
pub(super) fn at(place: f64) -> String {
    // Nothing is drawn so far off; a stray value stays at the edge.
    let place = if place.is_finite() { place.clamp(-1e5, 1e5) } else { 0.0 };
    let text = format!("{place:.1}");
    let text = text.strip_suffix(".0").unwrap_or(&text);
    if text == "-0" { "0".to_owned() } else { text.to_owned() }
}
