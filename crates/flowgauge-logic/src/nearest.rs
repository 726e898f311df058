//! "Did you mean": the known word nearest to a mistyped one.

/// The candidate nearest to `word` by edit distance, if any is near: a third of its letters may differ.
#[must_use]
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let best = candidates.into_iter().map(|c| (distance(word, c), c)).min()?;
    (best.0 <= word.len().div_ceil(3)).then_some(best.1)
}

/// Levenshtein distance, for "did you mean".
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, ca) in a.chars().enumerate() {
        let mut diagonal = i;
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
        for (j, cb) in b.iter().enumerate() {
            let (Some(left), Some(up)) = (row.get(j).copied(), row.get(j + 1).copied()) else {
                break;
            };
            let cost = diagonal + usize::from(ca != *cb);
            diagonal = up;
            if let Some(slot) = row.get_mut(j + 1) {
                *slot = cost.min(left + 1).min(up + 1);
            }
        }
    }
    row.last().copied().unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_finds_its_word_and_nonsense_finds_none() {
        let words = ["upstream", "providers", "routes"];
        assert_eq!(nearest("upstrem", words), Some("upstream"));
        assert_eq!(nearest("xyz", words), None);
    }
}
