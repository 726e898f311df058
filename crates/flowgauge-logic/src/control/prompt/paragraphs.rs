//! Whole paragraphs of the middle go where a text is too long.

use super::spans::{covers, protected};

/// The text with as many of its middle paragraphs taken out, from the last towards the first, as are needed to fit;
/// nothing where it fits, or where that does not suffice.
///
/// The first and the last paragraph stay: one says what the text is, the other what is wanted of it. So does any that
/// asks or holds a protected span.
pub(super) fn within(text: &str, limit: u64, count: &dyn Fn(&str) -> u64) -> Option<String> {
    let mut left = count(text);
    if left <= limit {
        return None;
    }
    let spans = protected(text);
    let mut paragraphs = Vec::new();
    let mut begin = 0;
    while let Some(end) = text.get(begin..).and_then(|t| t.find("\n\n")).map(|i| begin + i + 2) {
        paragraphs.push(begin..end);
        begin = end;
    }
    paragraphs.push(begin..text.len());
    let last = paragraphs.len() - 1;
    let mut gone = vec![false; paragraphs.len()];
    for at in (1..last).rev() {
        if left <= limit {
            break;
        }
        let (Some(range), Some(slot)) = (paragraphs.get(at), gone.get_mut(at)) else { break };
        let paragraph = text.get(range.clone()).unwrap_or_default();
        if paragraph.contains('?') || covers(&spans, range) {
            continue;
        }
        left = left.saturating_sub(count(paragraph));
        *slot = true;
    }
    if left > limit {
        return None;
    }
    let kept = paragraphs.into_iter().zip(gone).filter(|(_, gone)| !gone);
    Some(kept.filter_map(|(range, _)| text.get(range)).collect())
}
