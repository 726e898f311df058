//! Pretended lengths of time: how long requests take, drawn from a distribution.
//!
//! The same seed gives the same numbers on every machine and in every version.

use crate::logic::alert::language;
use crate::logic::unit::Micros;

/// The 95th percentile of the standard normal distribution.
const Z95: f64 = 1.644_853_626_951_472_2;
/// No request is drawn longer than this: a tail that is cut, not an endless one.
const LONGEST_S: f64 = 24.0 * 3_600.0;

/// How lengths are spread.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Spread {
    /// Always the same.
    Const(Micros),
    /// Every length between two is as likely.
    Uniform(Micros, Micros),
    /// Lognormal, by its median and 95th percentile.
    Lognormal {
        /// Half are shorter.
        p50: Micros,
        /// One in twenty is longer.
        p95: Micros,
    },
}

impl Spread {
    /// `lognormal(p50=900ms, p95=4000ms)`, `uniform(100ms, 2s)`, `const(800ms)`, `800ms`.
    pub(super) fn read(text: &str) -> Result<Self, String> {
        let Some((name, rest)) = text.split_once('(') else {
            return length(text).map(Self::Const);
        };
        let inner = rest.trim().strip_suffix(')').ok_or_else(|| wrong(text))?;
        let parts: Vec<(&str, &str)> = inner
            .split(',')
            .map(|part| part.split_once('=').unwrap_or(("", part)))
            .map(|(key, value)| (key.trim(), value.trim()))
            .collect();
        let spread = match (name.trim(), parts.as_slice()) {
            ("const", [("", value)]) => Self::Const(length(value)?),
            ("uniform", [("" | "from", from), ("" | "to", to)]) => {
                Self::Uniform(length(from)?, length(to)?)
            }
            ("lognormal", [("" | "p50", p50), ("" | "p95", p95)]) => {
                Self::Lognormal { p50: length(p50)?, p95: length(p95)? }
            }
            _ => return Err(wrong(text)),
        };
        match spread {
            Self::Uniform(low, high) | Self::Lognormal { p50: low, p95: high } if low > high => {
                Err(format!("{text:?}: the second length is shorter than the first"))
            }
            Self::Lognormal { p50: Micros(0), .. } => {
                Err(format!("{text:?}: a lognormal distribution has no median of 0"))
            }
            _ => Ok(spread),
        }
    }

    /// One length.
    pub(super) fn draw(self, dice: &mut Dice) -> Micros {
        match self {
            Self::Const(length) => length,
            Self::Uniform(from, to) => {
                micros(seconds(from) + dice.fraction() * (seconds(to) - seconds(from)))
            }
            Self::Lognormal { p50, p95 } => {
                let sigma = (seconds(p95) / seconds(p50)).ln() / Z95;
                micros(seconds(p50) * (sigma * dice.normal()).exp())
            }
        }
    }
}

fn wrong(text: &str) -> String {
    format!(
        "{text:?} is no distribution; write for example lognormal(p50=900ms, p95=4s), \
         uniform(100ms, 2s) or const(800ms)"
    )
}

fn length(text: &str) -> Result<Micros, String> {
    language::duration(text).map_err(|fault| match fault.hint {
        Some(hint) => format!("{}; {hint}", fault.message),
        None => fault.message,
    })
}

#[expect(clippy::cast_precision_loss, reason = "lengths of requests stay far below 2^53 µs")]
fn seconds(length: Micros) -> f64 {
    length.0 as f64 / 1e6
}

fn micros(seconds: f64) -> Micros {
    let micros = (seconds.clamp(0.0, LONGEST_S) * 1e6).round();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "clamped to a day, not negative"
    )]
    Micros(micros as u64)
}

/// Numbers by chance that are the same every time (SplitMix64: Steele, Lea, Flood, 2014).
#[derive(Debug, Clone)]
pub(super) struct Dice(u64);

impl Dice {
    pub(super) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(super) const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// At least 0, below 1.
    #[expect(clippy::cast_precision_loss, reason = "53 bits fit exactly")]
    pub(super) const fn fraction(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Standard normal (Box and Muller, 1958).
    fn normal(&mut self) -> f64 {
        let u = 1.0 - self.fraction();
        let v = self.fraction();
        (-2.0 * u.ln()).sqrt() * (std::f64::consts::TAU * v).cos()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lognormal_distribution_has_the_median_and_the_tail_it_is_named_by() {
        let spread = Spread::read("lognormal(p50=900ms, p95=4000ms)").unwrap();
        let mut dice = Dice::new(7);
        let mut all: Vec<u64> = (0..20_000).map(|_| spread.draw(&mut dice).0).collect();
        all.sort_unstable();
        let at = |q: usize| all[all.len() * q / 100] / 1_000;
        assert!((870..930).contains(&at(50)), "{}", at(50));
        assert!((3_800..4_200).contains(&at(95)), "{}", at(95));
    }

    #[test]
    fn a_distribution_that_means_nothing_says_what_to_write() {
        for text in
            ["normal(1s, 2s)", "lognormal(p50=2s, p95=1s)", "uniform(1s)", "const(fast)", "8"]
        {
            assert!(Spread::read(text).is_err(), "{text}");
        }
        assert_eq!(Spread::read("800ms"), Ok(Spread::Const(Micros(800_000))));
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "[a-z]{0,9}\\(?[a-z0-9=,. ]{0,20}\\)?") {
            let _read = Spread::read(&text);
        }

        #[test]
        fn uniform_lengths_stay_between_their_ends(seed: u64) {
            let spread = Spread::Uniform(Micros(100), Micros(200));
            let length = spread.draw(&mut Dice::new(seed)).0;
            proptest::prop_assert!((100..=200).contains(&length));
        }
    }
}
