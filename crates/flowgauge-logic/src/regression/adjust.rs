//! Several tests at once: adjusted p-values, and the selection of e-values.

use super::settings::Adjustment;

/// Adjusted p-values, in the order given.
#[must_use]
pub fn adjusted(p_values: &[f64], by: Adjustment) -> Vec<f64> {
    match by {
        Adjustment::Holm => holm(p_values),
        Adjustment::Bh => step_up(p_values, 1.0),
        Adjustment::By => {
            let harmonic = (1..=p_values.len()).map(|i| 1.0 / i as f64).sum();
            step_up(p_values, harmonic)
        }
    }
}

/// Places of p-values, smallest first.
fn order(p_values: &[f64]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..p_values.len()).collect();
    order.sort_by(|a, b| p_values[*a].total_cmp(&p_values[*b]));
    order
}

/// Holm's step-down.
fn holm(p_values: &[f64]) -> Vec<f64> {
    let count = p_values.len();
    let mut adjusted = vec![1.0; count];
    let mut least: f64 = 0.0;
    for (rank, at) in order(p_values).into_iter().enumerate() {
        least = least.max(p_values[at] * (count - rank) as f64).min(1.0);
        adjusted[at] = least;
    }
    adjusted
}

/// Benjamini–Hochberg's step-up, every p-value first multiplied by `factor`.
fn step_up(p_values: &[f64], factor: f64) -> Vec<f64> {
    let count = p_values.len();
    let mut adjusted = vec![1.0; count];
    let mut most: f64 = 1.0;
    for (rank, at) in order(p_values).into_iter().enumerate().rev() {
        most = most.min(p_values[at] * factor * count as f64 / (rank + 1) as f64);
        adjusted[at] = most;
    }
    adjusted
}

/// e-BH (Wang and Ramdas 2022): which e-values are findings at level `alpha`, under any dependence.
#[must_use]
pub fn e_bh(e_values: &[f64], alpha: f64) -> Vec<bool> {
    let mut sorted = e_values.to_vec();
    sorted.sort_by(|a, b| b.total_cmp(a));
    let count = sorted.len() as f64;
    let holds = |(rank, e): (usize, &f64)| *e * alpha * (rank + 1) as f64 >= count;
    let least = sorted.iter().enumerate().rev().find(|at| holds(*at)).map(|(_, e)| *e);
    e_values.iter().map(|e| least.is_some_and(|least| *e >= least)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(found: &[f64], expected: &[f64]) {
        assert_eq!(found.len(), expected.len());
        for (a, b) in found.iter().zip(expected) {
            assert!((a - b).abs() < 1e-12, "{found:?} is not {expected:?}");
        }
    }

    #[test]
    fn adjusted_p_values_are_those_of_statsmodels() {
        // [multipletests(p, method=m)[1] for m in ("holm", "fdr_bh", "fdr_by")], statsmodels 0.15.0.
        let p = [0.01, 0.04, 0.03, 0.005, 0.2];
        close(&adjusted(&p, Adjustment::Holm), &[0.04, 0.09, 0.09, 0.025, 0.2]);
        close(&adjusted(&p, Adjustment::Bh), &[0.025, 0.05, 0.05, 0.025, 0.2]);
        let by: Vec<f64> = [0.025, 0.05, 0.05, 0.025, 0.2].map(|q| q * 137.0 / 60.0).to_vec();
        close(&adjusted(&p, Adjustment::By), &by);
        close(&adjusted(&[], Adjustment::Holm), &[]);
    }

    #[test]
    fn e_values_are_selected_from_the_largest() {
        assert_eq!(e_bh(&[100.0, 30.0, 1.0], 0.05), [true, true, false]);
        assert_eq!(e_bh(&[50.0, 1.0, 1.0], 0.05), [false, false, false]);
        assert_eq!(e_bh(&[], 0.05), Vec::<bool>::new());
    }
}
