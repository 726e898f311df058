//! Why a mean moved: what users asked for, which model it went to, what the cache did, and what
//! changed within calls alike in all of that. The four parts sum to the whole change.
//!
//! One share after the other is set from before to after (Oaxaca 1973; Blinder 1973, in the order
//! within, cache, model, traffic). A mean that rises because traffic moved is no regression (Simpson).

use super::cells::{CellKey, Cells, Figure};
use super::finding::whole;
use super::test_of_difference::Difference;
use crate::call::Text;
use crate::rollup::Rollup;
use std::collections::BTreeMap;

/// The change of a mean and its parts.
#[derive(Debug, Clone, PartialEq)]
pub struct Split {
    /// Mean before.
    pub before: f64,
    /// Mean after.
    pub after: f64,
    /// Calls after.
    pub n: u64,
    /// By calls alike in kind, model and cache outcome.
    pub within: f64,
    /// The test of that part; nothing where no cell stands in both windows.
    pub within_test: Option<Difference>,
    /// By other cache outcomes.
    pub cache: f64,
    /// By other models.
    pub model: f64,
    /// By other kinds of requests.
    pub traffic: f64,
    /// What each kind of requests added within it, the largest first: endpoint, intent, part.
    pub within_by_kind: Vec<(Text, Text, f64)>,
}

/// A cell's share and mean in both windows.
#[derive(Debug, Clone, Copy)]
struct Both {
    n: (f64, f64),
    mean: (Option<f64>, Option<f64>),
    /// Variance of the mean, in both.
    variance: (f64, f64),
}

impl Split {
    /// Of a figure between two windows; nothing where either has no call with it.
    #[must_use]
    pub fn of(figure: Figure, before: &Cells, after: &Cells) -> Option<Self> {
        let mut cells: Vec<(&CellKey, Both)> = Vec::new();
        for key in before.keys_with(after) {
            let side = |cells: &Cells| {
                let rollup = cells.get(key);
                let n = rollup.map_or(0, |r| figure.n(r));
                let mean = rollup.and_then(|r| figure.mean(r));
                let moments = rollup.and_then(|r: &Rollup| figure.moments(r));
                (whole(n), mean, moments.map_or(0.0, |m| m.of_mean()))
            };
            let ((n0, m0, v0), (n1, m1, v1)) = (side(before), side(after));
            if n0 + n1 > 0.0 {
                cells.push((key, Both { n: (n0, n1), mean: (m0, m1), variance: (v0, v1) }));
            }
        }
        let (n0, n1) = cells.iter().fold((0.0, 0.0), |n, (_, c)| (n.0 + c.n.0, n.1 + c.n.1));
        if n0 <= 0.0 || n1 <= 0.0 {
            return None;
        }
        let stages = stages(&cells, (n0, n1));
        let [start, within, cache, model, end] = stages;
        let n = after.iter().map(|(_, r)| figure.n(r)).sum();
        let mut split = Self {
            before: start,
            after: end,
            n,
            within: within - start,
            within_test: None,
            cache: cache - within,
            model: model - cache,
            traffic: end - model,
            within_by_kind: Vec::new(),
        };
        split.look_within(&cells, n0);
        Some(split)
    }

    /// The part relative to the mean before.
    #[must_use]
    pub fn relative(&self, part: f64) -> Option<f64> {
        super::finding::relative(self.before + part, self.before)
    }

    fn look_within(&mut self, cells: &[(&CellKey, Both)], n0: f64) {
        let mut variance = 0.0;
        let mut kinds: BTreeMap<(&Text, &Text), f64> = BTreeMap::new();
        for (key, c) in cells {
            let (Some(m0), Some(m1)) = c.mean else { continue };
            let share = c.n.0 / n0;
            variance += share * share * (c.variance.0 + c.variance.1);
            *kinds.entry(key.kind()).or_default() += share * (m1 - m0);
        }
        self.within_test = Difference::normal(self.within, variance.sqrt());
        self.within_by_kind =
            kinds.into_iter().map(|((e, i), part)| (e.clone(), i.clone(), part)).collect();
        self.within_by_kind.sort_by(|a, b| b.2.abs().total_cmp(&a.2.abs()));
    }
}

/// The mean with means, cache shares, model shares and traffic shares set to after, one by one.
fn stages(cells: &[(&CellKey, Both)], (n0, n1): (f64, f64)) -> [f64; 5] {
    type Kind<'a> = (&'a Text, &'a Text);
    let mut kinds: BTreeMap<Kind<'_>, (f64, f64)> = BTreeMap::new();
    let mut models: BTreeMap<(Kind<'_>, &Text), (f64, f64)> = BTreeMap::new();
    for (key, c) in cells {
        let add = |sums: &mut (f64, f64)| *sums = (sums.0 + c.n.0, sums.1 + c.n.1);
        add(kinds.entry(key.kind()).or_default());
        add(models.entry((key.kind(), &key.model)).or_default());
    }
    let mut means = [0.0; 5];
    for (key, c) in cells {
        let kind = kinds.get(&key.kind()).copied().unwrap_or_default();
        let model = models.get(&(key.kind(), &key.model)).copied().unwrap_or_default();
        let traffic = (kind.0 / n0, kind.1 / n1);
        let routed = shares(model, kind);
        let cached = shares(c.n, model);
        let (m0, m1) = match c.mean {
            (Some(m0), Some(m1)) => (m0, m1),
            (Some(m), None) | (None, Some(m)) => (m, m),
            (None, None) => continue,
        };
        let steps = [
            traffic.0 * routed.0 * cached.0 * m0,
            traffic.0 * routed.0 * cached.0 * m1,
            traffic.0 * routed.0 * cached.1 * m1,
            traffic.0 * routed.1 * cached.1 * m1,
            traffic.1 * routed.1 * cached.1 * m1,
        ];
        means.iter_mut().zip(steps).for_each(|(mean, step)| *mean += step);
    }
    means
}

/// The share before and after; what is empty on one side is taken as it was on the other.
fn shares(part: (f64, f64), of: (f64, f64)) -> (f64, f64) {
    let share = |part: f64, of: f64| (of > 0.0).then(|| part / of);
    match (share(part.0, of.0), share(part.1, of.1)) {
        (Some(before), Some(after)) => (before, after),
        (Some(only), None) | (None, Some(only)) => (only, only),
        (None, None) => (0.0, 0.0),
    }
}

#[cfg(test)]
mod tests {
    use super::super::cells::{Cell, Lookup};
    use super::*;
    use proptest::prelude::*;

    fn cell(intent: &str, model: &str, lookup: Lookup, n: u64, tokens: u64) -> Cell {
        let mut rollup = Rollup::default();
        for i in 0..n {
            rollup.success += 1;
            rollup.input.record(tokens + i % 3);
            rollup.output.record(1);
        }
        let (endpoint, intent, model) = ("chat".into(), intent.into(), model.into());
        Cell { key: CellKey { endpoint, intent, model, lookup }, rollup }
    }

    #[test]
    fn traffic_that_moves_to_long_prompts_is_all_traffic() {
        let before =
            [cell("ask", "m", Lookup::None, 90, 100), cell("analyze", "m", Lookup::None, 9, 1_000)];
        let after = [
            cell("ask", "m", Lookup::None, 48, 100),
            cell("analyze", "m", Lookup::None, 51, 1_000),
        ];
        let split =
            Split::of(Figure::Input, &before.into_iter().collect(), &after.into_iter().collect());
        let split = split.unwrap();
        assert!(split.within.abs() < 1e-9 && split.traffic > 300.0, "{split:?}");
    }

    #[test]
    fn another_model_and_a_lost_cache_are_told_apart() {
        let before: Cells =
            [cell("ask", "small", Lookup::Hit, 60, 0), cell("ask", "small", Lookup::Miss, 60, 300)]
                .into_iter()
                .collect();
        let missed: Cells = [cell("ask", "small", Lookup::Miss, 120, 300)].into_iter().collect();
        let split = Split::of(Figure::Input, &before, &missed).unwrap();
        assert!((split.cache - (split.after - split.before)).abs() < 1e-9, "{split:?}");
        let routed: Cells =
            [cell("ask", "large", Lookup::Hit, 60, 0), cell("ask", "large", Lookup::Miss, 60, 900)]
                .into_iter()
                .collect();
        let split = Split::of(Figure::Input, &before, &routed).unwrap();
        assert!(split.model > 290.0 && split.within.abs() < 1e-9, "{split:?}");
    }

    proptest! {
        #[test]
        fn the_parts_sum_to_the_change(
            before in prop::collection::vec((0usize..3, 0usize..2, 0usize..2, 0u64..40, 1u64..500), 1..8),
            after in prop::collection::vec((0usize..3, 0usize..2, 0usize..2, 0u64..40, 1u64..500), 1..8),
        ) {
            let cells = |rows: Vec<(usize, usize, usize, u64, u64)>| -> Cells {
                rows.into_iter().map(|(i, m, l, n, t)| {
                    cell(["a", "b", "c"][i], ["m", "k"][m], [Lookup::Hit, Lookup::Miss][l], n, t)
                }).collect()
            };
            let (before, after) = (cells(before), cells(after));
            if let Some(s) = Split::of(Figure::Tokens, &before, &after) {
                let sum = s.within + s.cache + s.model + s.traffic;
                prop_assert!((s.after - s.before - sum).abs() < 1e-6, "{s:?}");
                let mean = |c: &Cells| Figure::Tokens.mean(&c.whole()).unwrap_or_default();
                prop_assert!((s.before - mean(&before)).abs() < 1e-6, "{s:?}");
                prop_assert!((s.after - mean(&after)).abs() < 1e-6, "{s:?}");
            }
        }
    }
}
