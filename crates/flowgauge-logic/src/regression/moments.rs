//! Mean and variance of a series.

/// The mean; `None` for none.
#[must_use]
pub fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

/// The sample variance, divisor n − 1; `None` for fewer than two.
#[must_use]
pub fn variance(values: &[f64]) -> Option<f64> {
    let centre = mean(values)?;
    let squares: f64 = values.iter().map(|v| (v - centre).powi(2)).sum();
    (values.len() >= 2).then(|| squares / (values.len() - 1) as f64)
}

/// Differences from the mean.
#[must_use]
pub fn residuals(values: &[f64]) -> Vec<f64> {
    let centre = mean(values).unwrap_or(0.0);
    values.iter().map(|v| v - centre).collect()
}

/// The middle value; `None` for none.
#[must_use]
pub fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    let upper = *sorted.get(middle)?;
    if sorted.len() % 2 == 1 { Some(upper) } else { Some(f64::midpoint(sorted[middle - 1], upper)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_of_too_few_values_are_unknown() {
        assert_eq!((mean(&[]), variance(&[1.0]), median(&[])), (None, None, None));
        assert_eq!((mean(&[1.0, 3.0]), variance(&[1.0, 3.0])), (Some(2.0), Some(2.0)));
        assert_eq!((median(&[3.0, 1.0, 2.0]), median(&[4.0, 1.0])), (Some(2.0), Some(2.5)));
    }
}
