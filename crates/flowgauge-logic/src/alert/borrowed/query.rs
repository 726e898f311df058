//! The little of PromQL that says how many calls there were: `sum(rate(name{label="value"}[window]))`,
//! one taken from another, one divided by another.
//!
//! Owns the reading. Refuses everything else by name: a query half understood is a wrong objective.

use crate::alert::condition::MatchOp;

/// A series that counts, and its selector.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Counted<'a> {
    pub name: &'a str,
    pub labels: Vec<Label>,
}

/// One term of a selector.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Label {
    pub name: String,
    /// As it is written: `=`, `!=`, `=~` or `!~`.
    pub op: &'static str,
    pub value: String,
}

/// The longer first, so that `=~` is not read as `=`.
const OPS: [(&str, MatchOp); 4] = [
    ("=~", MatchOp::Matches),
    ("!~", MatchOp::NotMatches),
    ("!=", MatchOp::NotEqual),
    ("=", MatchOp::Equal),
];

impl Label {
    pub(super) fn op(&self) -> MatchOp {
        let found = OPS.iter().find(|(text, _)| *text == self.op);
        found.map_or(MatchOp::Equal, |(_, op)| *op)
    }
}

/// A count of calls over the window that is asked about.
pub(super) fn counted(text: &str) -> Result<Counted<'_>, String> {
    let text = bare(text);
    for call in ["sum", "rate", "increase"] {
        let inner = text.strip_prefix(call).map(str::trim_start);
        if let Some(inner) = inner.filter(|rest| enclosed(rest)) {
            return counted(inner);
        }
    }
    selector(text)
}

/// Both sides of a sign that stands outside of all brackets and quotes; the last of them.
pub(super) fn split(text: &str, sign: char) -> Option<(&str, &str)> {
    let text = bare(text);
    let mut at = None;
    walk(text, |place, c, depth| {
        if depth == 0 && c == sign {
            at = Some(place);
        }
    });
    let (left, right) = text.split_at_checked(at?)?;
    Some((left, right.get(sign.len_utf8()..)?))
}

/// Without blanks and brackets around it.
fn bare(text: &str) -> &str {
    let mut text = text.trim();
    while enclosed(text) {
        text = text.get(1..text.len() - 1).unwrap_or_default().trim();
    }
    text
}

/// Whether its first bracket is closed by its last character.
fn enclosed(text: &str) -> bool {
    if !text.starts_with('(') || !text.ends_with(')') {
        return false;
    }
    let mut closed = None;
    walk(text, |place, _, depth| {
        if depth == 0 && closed.is_none() {
            closed = Some(place);
        }
    });
    closed == Some(text.len() - 1)
}

/// Every character outside of quotes with the depth of brackets after it.
fn walk(text: &str, mut visit: impl FnMut(usize, char, usize)) {
    let (mut depth, mut quote, mut escaped) = (0usize, None, false);
    for (place, c) in text.char_indices() {
        if let Some(open) = quote {
            let ends = c == open && !escaped;
            escaped = c == '\\' && !escaped;
            quote = (!ends).then_some(open);
            continue;
        }
        match c {
            '"' | '\'' => quote = Some(c),
            '(' | '{' | '[' => depth += 1,
            ')' | '}' | ']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        visit(place, c, depth);
    }
}

/// `name{label="value"}[window]`; which window does not matter, it is that of the objective.
fn selector(text: &str) -> Result<Counted<'_>, String> {
    let refused = || format!("only sum(rate(name{{…}}[window])) is read, not {text:?}");
    let end = text.find(|c: char| !c.is_ascii_alphanumeric() && c != '_' && c != ':');
    let (name, rest) = text.split_at(end.unwrap_or(text.len()));
    if name.is_empty() {
        return Err(refused());
    }
    let mut rest = rest.trim();
    if rest.ends_with(']') {
        // Templates of others stand in it too: `[{{.window}}]`.
        rest = rest.rfind('[').and_then(|at| rest.get(..at)).unwrap_or_default().trim_end();
    }
    let labels = match rest.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) {
        Some(inner) => labels(inner).ok_or_else(refused)?,
        None if rest.is_empty() => Vec::new(),
        None => return Err(refused()),
    };
    Ok(Counted { name, labels })
}

fn labels(mut text: &str) -> Option<Vec<Label>> {
    let mut all = Vec::new();
    loop {
        text = text.trim_start();
        if text.is_empty() {
            all.sort();
            return Some(all);
        }
        let end = text.find(|c: char| !c.is_ascii_alphanumeric() && c != '_')?;
        let (name, rest) = text.split_at(end);
        let rest = rest.trim_start();
        let (op, _) = OPS.iter().find(|(op, _)| rest.starts_with(op))?;
        let (value, rest) = quoted(rest.get(op.len()..)?.trim_start())?;
        all.push(Label { name: name.to_owned(), op, value });
        let rest = rest.trim_start();
        text = rest.strip_prefix(',').unwrap_or(rest);
        if !rest.is_empty() && !rest.starts_with(',') {
            return None;
        }
    }
}

/// A quoted text at the start, and what follows it.
fn quoted(text: &str) -> Option<(String, &str)> {
    let open = text.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    let mut value = String::new();
    let mut escaped = false;
    for (place, c) in text.char_indices().skip(1) {
        match c {
            // Of its escapes those of quotes and of the escape itself; others mean other things.
            _ if escaped && !matches!(c, '"' | '\'' | '\\') => return None,
            _ if escaped => value.push(c),
            '\\' => {}
            _ if c == open => return Some((value, text.get(place + 1..)?)),
            _ => value.push(c),
        }
        escaped = c == '\\' && !escaped;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_rate_is_read_through_its_brackets() {
        let read =
            counted("( sum( rate(calls_count{a=\"x, y\",b=~'(5..|4\\\\d)'}[{{.window}}]) ) )");
        let read = read.unwrap();
        assert_eq!(read.name, "calls_count");
        let labels: Vec<_> =
            read.labels.iter().map(|l| (l.name.as_str(), l.op, l.value.as_str())).collect();
        assert_eq!(labels, [("a", "=", "x, y"), ("b", "=~", "(5..|4\\d)")]);
        assert_eq!(counted("calls_total").unwrap().labels, []);
    }

    #[test]
    fn signs_split_outside_of_brackets_and_quotes_only() {
        let (left, right) = split("(sum(rate(a{x=\"p-q\"}[5m])) - sum(rate(b[5m])))", '-').unwrap();
        assert_eq!(counted(left).unwrap().name, "a");
        assert_eq!(counted(right).unwrap().name, "b");
        assert_eq!(split("sum(rate(a[5m] - b[5m]))", '-'), None);
    }

    #[test]
    fn what_is_not_read_is_refused() {
        for text in [
            "",
            "sum by (job) (rate(a[5m]))",
            "histogram_quantile(0.9, a)",
            "a{b}",
            "a{b=\"c\" d=\"e\"}",
            "a > 5",
            "a{b=\"\\n\"}",
        ] {
            assert!(counted(text).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_query_makes_it_panic(text in "[a-z_(){}\\[\\]=!~\"'\\\\ ,-]{0,60}|\\PC{0,30}") {
            let _read = counted(&text);
            let _split = split(&text, '-');
        }
    }
}
