//! Names by pattern: a row of the operator's file under `re:PATTERN` prices every model it matches.
//!
//! Owns which pattern wins. Refuses patterns in any other table: a shipped price is of one model.

use super::table::Row;
use regex_lite::{Regex, RegexBuilder};
use std::collections::BTreeMap;

/// Beginning of a key that is a pattern.
pub(super) const PREFIX: &str = "re:";

/// Bytes a compiled pattern may take: names are short, and so are honest patterns about them.
const MAX_COMPILED: usize = 64 << 10;

/// A compiled pattern and the key it stands under.
#[derive(Debug, Clone)]
pub(super) struct Pattern {
    key: String,
    regex: Regex,
}

/// The pattern of a key; nothing for an ordinary name.
pub(super) fn compile(key: &str) -> Option<Result<Pattern, &'static str>> {
    let text = key.strip_prefix(PREFIX)?;
    let built = RegexBuilder::new(text).size_limit(MAX_COMPILED).build();
    let pattern = built.map(|regex| Pattern { key: key.to_owned(), regex });
    Some(pattern.map_err(|_| "the pattern after re: is no regular expression"))
}

/// The row of the first pattern, in the order of keys, that matches a name. A pattern matches
/// anywhere in the name unless it is anchored with `^` and `$`.
pub(super) fn first_match<'a>(
    patterns: &'a [Pattern],
    rows: &'a BTreeMap<String, Row>,
    name: &str,
) -> Option<(&'a str, &'a Row)> {
    let found = patterns.iter().find(|p| p.regex.is_match(name))?;
    rows.get_key_value(&found.key).map(|(key, row)| (key.as_str(), row))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn any_pattern_is_compiled_or_refused_and_any_name_tried(
            text in "(re:)?([\\[\\](){}^$*+?|.a-z0-9\\\\-]{0,40}|\\PC{0,20})", name in "\\PC{0,40}",
        ) {
            let read = compile(&text);
            prop_assert_eq!(read.is_some(), text.starts_with(PREFIX));
            if let Some(Ok(pattern)) = read {
                prop_assert!(first_match(&[pattern], &BTreeMap::new(), &name).is_none());
            }
        }
    }
}
