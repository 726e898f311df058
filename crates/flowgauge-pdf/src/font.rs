//! The one family of letters: Inter (SIL Open Font License 1.1), upright, regular and semi-bold.
//!
//! It has Latin, Greek and Cyrillic. Fonts of all scripts would be larger than the program, and the standard refuses
//! letters that cannot be shown: they are named by their numbers, so that two names never read alike.

use std::fmt::Write as _;
use std::sync::LazyLock;
use typst::foundations::Bytes;
use typst::text::Font;

/// Its name in drawings and pages.
pub(crate) const FAMILY: &str = "Inter";
/// Its faces.
pub(crate) const FACES: [&[u8]; 2] =
    [include_bytes!("../assets/Inter-Regular.ttf"), include_bytes!("../assets/Inter-SemiBold.ttf")];

/// The faces, read.
pub(crate) static FONTS: LazyLock<Vec<Font>> = LazyLock::new(|| {
    let face = |bytes: &'static [u8]| Font::new(Bytes::new(bytes), 0);
    FACES.into_iter().filter_map(face).collect()
});

/// Numbers told of one run of letters, the last four among them. More would make a cell higher than a page: a name may have
/// hundreds of letters.
const TOLD: usize = 28;
/// Of them those at the end.
const LAST: usize = 4;

/// Words in letters that every face has; of others their numbers, as in `[U+524D U+7528]`.
pub(crate) fn spelled(text: &str) -> String {
    if text.bytes().all(|b| b == b'\n' || (b' '..=b'~').contains(&b)) {
        return text.to_owned();
    }
    let mut out = String::with_capacity(text.len());
    let mut unknown = Vec::new();
    for letter in text.chars().filter(|c| !is_unseen(*c)) {
        if letter.is_whitespace() || has(letter) {
            number(&mut out, &mut unknown);
            out.push(letter);
        } else {
            unknown.push(letter);
        }
    }
    number(&mut out, &mut unknown);
    out
}

/// Writes a run of letters as their numbers, and forgets it.
fn number(out: &mut String, letters: &mut Vec<char>) {
    let left_out = letters.len().saturating_sub(TOLD);
    let (first, last) = letters.split_at(letters.len().min(TOLD - LAST));
    let told = |some: &[char]| {
        some.iter().map(|c| format!("U+{:04X}", u32::from(*c))).collect::<Vec<_>>().join(" ")
    };
    // Writing to a text in memory cannot fail.
    let _ = match (letters.len(), left_out) {
        (0, _) => Ok(()),
        (_, 0) => write!(out, "[{}]", told(letters)),
        _ => {
            let last = last.get(left_out..).unwrap_or_default();
            write!(out, "[{} … {left_out} more … {}]", told(first), told(last))
        }
    };
    letters.clear();
}

fn has(letter: char) -> bool {
    FONTS.iter().all(|font| font.info().coverage.contains(u32::from(letter)))
}

/// Letters that show nothing by themselves: joiners, directions, variants, controls.
fn is_unseen(letter: char) -> bool {
    match letter {
        '\n' | '\t' => false,
        '\u{ad}'
        | '\u{200b}'..='\u{200f}'
        | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}'
        | '\u{fe00}'..='\u{fe0f}'
        | '\u{feff}' => true,
        other => other.is_control(),
    }
}

/// A drawing in our letters: what it names first may not be there where it is drawn.
pub(crate) fn lettered(svg: &str) -> String {
    const BEGIN: &str = "font-family=\"";
    let Some((before, rest)) = svg.split_once(BEGIN) else { return svg.to_owned() };
    let Some((_, after)) = rest.split_once('"') else { return svg.to_owned() };
    format!("{before}{BEGIN}{FAMILY}\"{after}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_there_are_stay_and_others_are_named_by_their_numbers() {
        for text in ["größe ≤ 5 · ✓ ▲ ■ ○ −1…+2", "Ωμέγα", "цена", "plain\nlines"]
        {
            assert_eq!(spelled(text), text);
        }
        assert_eq!(spelled("a 模型 b"), "a [U+6A21 U+578B] b");
        assert_eq!(spelled("🚀"), "[U+1F680]");
        let long = spelled(&format!("a{}用b", "前".repeat(99)));
        assert_eq!(long.matches("U+524D").count(), TOLD - 1, "{long}");
        assert!(long.starts_with("a[U+524D U+524D") && long.ends_with("U+524D U+7528]b"), "{long}");
        assert!(long.contains(" … 72 more … "), "{long}");
        assert_eq!(spelled("\u{202e}a\u{0}b\u{fe0f}"), "ab");
    }
}
