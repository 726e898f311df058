//! The best split where there is no season: the same statistic from prefix sums, since it is asked for in long histories.
//!
//! Owns the shortcut only. Lifting a step out of the scores, fitting φ and weighing a place all follow from sums that are
//! known once; a place costs a few operations that do not wait for each other.

use super::{EXACT, PHI_MAX, ROUNDS, Split, Step, largest};

/// Sums of the pairs `(z_t, z_{t−1})`.
struct Sums<'a> {
    scores: &'a [f64],
    /// Sum of all scores before a place.
    upto: Vec<f64>,
    /// Σ z_t z_{t−1} over pairs.
    products: f64,
    /// Σ z².
    squares: f64,
}

/// Moments of the pairs, each side less its mean.
#[derive(Clone, Copy)]
struct Moments {
    now: f64,
    before: f64,
    both: f64,
}

pub(super) fn best_split(scores: &[f64], min: usize) -> Option<Split> {
    let n = scores.len();
    let sums = Sums::of(scores);
    let flat = sums.moments(None);
    let phi_flat = flat.phi();
    let left_flat = flat.left(phi_flat);
    if left_flat <= 0.0 || flat.now <= 0.0 {
        return None;
    }
    let mut phi = phi_flat;
    let mut step = sums.scan(phi, min)?;
    for _ in 0..ROUNDS {
        phi = sums.moments(Some(step)).phi();
        step = sums.scan(phi, min)?;
    }
    let least = EXACT * flat.now;
    let left = (flat.left(phi) - step.gain).max(least);
    let ratio = (n as f64 * (left_flat.max(least) / left).ln()).max(0.0);
    Some(Split { at: step.at, ratio, phi, free: n })
}

impl Moments {
    /// As with seasons: negative values are taken as none.
    fn phi(&self) -> f64 {
        if self.before > 0.0 { (self.both / self.before).clamp(0.0, PHI_MAX) } else { 0.0 }
    }

    fn left(&self, phi: f64) -> f64 {
        self.now - 2.0 * phi * self.both + phi * phi * self.before
    }
}

impl<'a> Sums<'a> {
    fn of(scores: &'a [f64]) -> Self {
        let mut upto = Vec::with_capacity(scores.len() + 1);
        let mut sum = 0.0;
        upto.push(sum);
        for z in scores {
            sum += z;
            upto.push(sum);
        }
        let products = scores.windows(2).map(|w| w[0] * w[1]).sum();
        let squares = scores.iter().map(|z| z * z).sum();
        Self { scores, upto, products, squares }
    }

    /// Sum of the scores from a place on.
    fn from(&self, at: usize) -> f64 {
        self.upto[self.scores.len()] - self.upto[at]
    }

    /// Moments once a step is lifted out of the scores.
    fn moments(&self, step: Option<Step>) -> Moments {
        let n = self.scores.len();
        let (first, last) = (self.scores[0], self.scores[n - 1]);
        let pairs = (n - 1) as f64;
        let mut sums = [self.from(1), self.from(0) - last];
        let mut squares = [self.squares - first * first, self.squares - last * last];
        let mut both = self.products;
        if let Some(Step { at, height, .. }) = step {
            // Scores from `at` on, and those among them that have one after.
            let (after, later) = (self.from(at), self.from(at) - last);
            let (points, earlier) = ((n - at) as f64, (n - 1 - at) as f64);
            sums[0] -= height * points;
            sums[1] -= height * earlier;
            squares[0] -= height * (2.0 * after - height * points);
            squares[1] -= height * (2.0 * later - height * earlier);
            // Each lifted score times the one before it, and each with a lifted one before it.
            let before_them = later + self.scores[at - 1];
            let after_them = self.from(at + 1);
            both += height * (height * earlier - before_them - after_them);
        }
        Moments {
            now: squares[0] - sums[0] * sums[0] / pairs,
            before: squares[1] - sums[1] * sums[1] / pairs,
            both: both - sums[0] * sums[1] / pairs,
        }
    }

    /// The step that explains most under φ, over all places with `min` points a side.
    fn scan(&self, phi: f64, min: usize) -> Option<Step> {
        let n = self.scores.len();
        let pairs = (n - 1) as f64;
        let later = 1.0 - phi;
        let (total, last) = (self.upto[n], self.scores[n - 1]);
        let mean = (self.from(1) - phi * (self.from(0) - last)) / pairs;
        // The weight of a step with so many pairs after its first: a square of their number.
        let linear = later * later - 2.0 * later / pairs;
        let (constant, square) = (1.0 - pairs.recip(), -later * later / pairs);
        // Of a step at `k`, by the scores at and before it and the sums up to it and past it: what it explains.
        let overlap = |points: f64, here: f64, earlier: f64, upto: f64, past: f64| {
            let white = here - phi * earlier - mean;
            white + later * (total - past - phi * (total - upto - last) - points * mean)
        };
        let weight = |points: f64| constant + points * (linear + points * square);
        let most_points = (n - 1 - min) as f64;
        let mut gains = vec![0.0; n + 1 - 2 * min];
        let scores = self.scores[min..].iter().zip(&self.scores[min - 1..]);
        let sums = self.upto[min..].iter().zip(&self.upto[min + 1..]);
        for (i, ((gain, (here, earlier)), (upto, past))) in
            (0_i32..).zip(gains.iter_mut().zip(scores).zip(sums))
        {
            let points = most_points - f64::from(i);
            let overlap = overlap(points, *here, *earlier, *upto, *past);
            *gain = overlap * overlap / weight(points);
        }
        let most = largest(&gains);
        // The last of equals, as a scan from the end finds it.
        let at = min + gains.iter().rposition(|g| *g >= most)?;
        let points = (n - 1 - at) as f64;
        let found =
            overlap(points, self.scores[at], self.scores[at - 1], self.upto[at], self.upto[at + 1]);
        Some(Step { at, height: found / weight(points), gain: most })
    }
}
