//! What KPIs need of many scores: counts and sums that merge by addition.

use crate::unit::NanoUsd;

/// Sums over the scores of some calls.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct ScoreSums {
    /// Evaluations with a quality.
    pub evaluations: u64,
    /// Σ weight · quality, 0–100 each; the weight of a score that names none is 1.
    pub quality: f64,
    /// Σ weight · quality².
    pub squares: f64,
    /// Σ (weight − 1): how many calls they stand for beyond their own.
    pub surplus: f64,
    /// Σ (weight² − 1).
    pub surplus_squares: f64,
    /// Evaluations without one: outside their scale, or only a label.
    pub without_quality: u64,
    /// Σ tokens of the calls of evaluations with a quality, where they are known.
    pub tokens: u64,
    /// Σ quality of the same.
    pub quality_of_tokens: f64,
    /// How many those are.
    pub with_tokens: u64,
    /// Σ cost of the calls of evaluations with a quality, where it is known.
    pub cost: NanoUsd,
    /// Σ quality of the same.
    pub quality_of_cost: f64,
    /// How many those are.
    pub with_cost: u64,
    /// Ratings by value, 1 to 5.
    pub ratings: [u64; 5],
    /// Ratings that were thumbs.
    pub thumbs: u64,
}

impl ScoreSums {
    /// Adds others.
    pub fn merge(&mut self, other: &Self) {
        let Self {
            evaluations,
            quality,
            squares,
            surplus,
            surplus_squares,
            without_quality,
            tokens,
            quality_of_tokens,
            with_tokens,
            cost,
            quality_of_cost,
            with_cost,
            ratings,
            thumbs,
        } = other;
        for (mine, theirs) in [
            (&mut self.evaluations, evaluations),
            (&mut self.without_quality, without_quality),
            (&mut self.tokens, tokens),
            (&mut self.with_tokens, with_tokens),
            (&mut self.with_cost, with_cost),
            (&mut self.thumbs, thumbs),
        ] {
            *mine = mine.saturating_add(*theirs);
        }
        self.quality += quality;
        self.squares += squares;
        self.surplus += surplus;
        self.surplus_squares += surplus_squares;
        self.quality_of_tokens += quality_of_tokens;
        self.quality_of_cost += quality_of_cost;
        self.cost = self.cost.saturating_add(*cost);
        self.ratings.iter_mut().zip(ratings).for_each(|(m, t)| *m = m.saturating_add(*t));
    }

    /// Ratings in all.
    #[must_use]
    pub fn rated(&self) -> u64 {
        self.ratings.iter().sum()
    }

    /// Mean rating, 1–5.
    #[must_use]
    pub fn mean_rating(&self) -> Option<f64> {
        let sum: u64 = self.ratings.iter().zip(1u64..).map(|(n, stars)| n * stars).sum();
        ratio(count(sum), count(self.rated()))
    }

    /// Ratings of 4 and 5 among all, 0–1.
    #[must_use]
    pub fn satisfied(&self) -> Option<f64> {
        let [.., four, five] = self.ratings;
        ratio(count(four + five), count(self.rated()))
    }

    /// Mean quality, 0–100: of scores given to a sample, the mean of the calls it was drawn from
    /// (Hájek 1971: Σ w q / Σ w).
    #[must_use]
    pub fn mean_quality(&self) -> Option<f64> {
        ratio(self.quality, self.weight()).filter(|_| self.evaluations > 0)
    }

    /// Sample variance of the qualities, where there are two. What rounding leaves below 0 is 0.
    #[must_use]
    pub fn variance(&self) -> Option<f64> {
        let n = count(self.evaluations);
        let spread = self.squares - self.quality * self.quality / self.weight();
        ratio(spread.max(0.0) * n / self.weight(), n - 1.0)
    }

    /// How many scores of equal weight tell the mean as surely as these: (Σ w)² / Σ w² (Kish 1965).
    #[must_use]
    pub fn effective(&self) -> f64 {
        let squares = count(self.evaluations) + self.surplus_squares;
        ratio(self.weight() * self.weight(), squares).unwrap_or(0.0)
    }

    fn weight(&self) -> f64 {
        count(self.evaluations) + self.surplus
    }

    /// Count, Σ quality and Σ quality² of scores of equal weight with the same mean, of which it is as
    /// sure: for those who compare means of plain scores.
    #[must_use]
    pub fn as_equals(&self) -> (u64, f64, f64) {
        let n = count(self.evaluations);
        let (Some(mean), Some(variance)) = (self.mean_quality(), self.variance()) else {
            return (self.evaluations, self.mean_quality().unwrap_or(0.0) * n, self.squares);
        };
        if self.surplus.abs() < f64::EPSILON && self.surplus_squares.abs() < f64::EPSILON {
            return (self.evaluations, self.quality, self.squares);
        }
        let spread = variance * n / self.effective();
        (self.evaluations, mean * n, spread * (n - 1.0) + mean * mean * n)
    }

    /// Tokens per perfect answer: Σ tokens / Σ (quality / 100).
    #[must_use]
    pub fn tokens_per_unit(&self) -> Option<f64> {
        ratio(count(self.tokens), self.quality_of_tokens / 100.0)
    }

    /// Dollars per perfect answer.
    #[must_use]
    pub fn cost_per_unit(&self) -> Option<f64> {
        ratio(self.cost.as_usd_f64(), self.quality_of_cost / 100.0)
    }
}

/// The variance of [`overall`]: Σ w² s²/n over (n as [`ScoreSums::effective`] has it) the intents that have a score, weights as shares.
/// Nothing where an intent with weight has fewer than two scores: its spread is not known.
#[must_use]
pub fn overall_variance(intents: &[(u64, ScoreSums)]) -> Option<f64> {
    let scored: Vec<_> = intents.iter().filter(|(_, s)| s.evaluations > 0).collect();
    let total: u64 = scored.iter().map(|(requests, _)| requests).sum();
    if total == 0 {
        let mut all = ScoreSums::default();
        scored.iter().for_each(|(_, sums)| all.merge(sums));
        return Some(all.variance()? / all.effective());
    }
    let weighed = scored.iter().filter(|(requests, _)| *requests > 0).map(|(requests, sums)| {
        let share = count(*requests) / count(total);
        Some(share * share * sums.variance()? / sums.effective())
    });
    weighed.sum()
}

/// Overall quality, Σ w q: the mean of each intent, weighed by its share of the requests. Intents
/// without a score are left out; without any request known, every evaluation weighs the same.
#[must_use]
pub fn overall(intents: &[(u64, ScoreSums)]) -> Option<f64> {
    let scored = intents.iter().filter_map(|(requests, s)| Some((*requests, s.mean_quality()?)));
    let (mut weighed, mut weights) = (0.0, 0.0);
    for (requests, quality) in scored {
        weighed += count(requests) * quality;
        weights += count(requests);
    }
    if weights > 0.0 {
        return Some(weighed / weights);
    }
    let mut all = ScoreSums::default();
    intents.iter().for_each(|(_, sums)| all.merge(sums));
    all.mean_quality()
}

fn ratio(part: f64, whole: f64) -> Option<f64> {
    (whole > 0.0).then(|| part / whole)
}

#[expect(clippy::cast_precision_loss, reason = "counts and sums stay below 2^53")]
fn count(n: u64) -> f64 {
    n as f64
}
