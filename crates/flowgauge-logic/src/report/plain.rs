//! The words of an HTML file, for the plain half of a letter: tags away, rows and paragraphs on lines of their own.
//!
//! Refuses to understand pages: what it makes is read by people only.

/// Elements of which nothing is said.
const SILENT: [&str; 4] = ["style", "script", "head", "svg"];
/// Elements that end a line.
const LINES: [&str; 9] = ["p", "tr", "h1", "h2", "h3", "li", "br", "div", "table"];

/// The words.
#[must_use]
pub fn of_html(html: &str) -> String {
    let mut out = String::new();
    let mut silent: Option<String> = None;
    let mut rest = html;
    while let Some((text, tag, after)) = next(rest) {
        let name = tag.trim_start_matches('/').split([' ', '>', '/', '\n', '\t']).next();
        let name = name.unwrap_or_default().to_ascii_lowercase();
        let ends = tag.starts_with('/');
        match &silent {
            Some(open) if ends && *open == name => silent = None,
            Some(_) => {}
            None => {
                say(&mut out, text);
                if !ends && SILENT.contains(&name.as_str()) {
                    silent = Some(name);
                } else if LINES.contains(&name.as_str()) {
                    line(&mut out);
                } else if ends && matches!(name.as_str(), "td" | "th") {
                    out.push(' ');
                }
            }
        }
        rest = after;
    }
    if silent.is_none() {
        say(&mut out, rest);
    }
    let lines = out.lines().map(str::trim).filter(|l| !l.is_empty());
    lines.collect::<Vec<_>>().join("\n")
}

/// Words up to a tag, the tag without its brackets, and what follows it.
fn next(html: &str) -> Option<(&str, &str, &str)> {
    let (text, rest) = html.split_once('<')?;
    let (tag, after) = rest.split_once('>')?;
    Some((text, tag, after))
}

fn say(out: &mut String, text: &str) {
    let words: Vec<&str> = text.split_whitespace().collect();
    if words.is_empty() {
        return;
    }
    if !out.is_empty() && !out.ends_with(['\n', ' ']) {
        out.push(' ');
    }
    // The ampersand last: `&amp;lt;` is the text `&lt;`.
    let plain = words.join(" ");
    let plain = plain.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"");
    out.push_str(&plain.replace("&#39;", "'").replace("&nbsp;", " ").replace("&amp;", "&"));
}

fn line(out: &mut String) {
    if !out.is_empty() && !out.ends_with('\n') {
        out.push('\n');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_stand_on_their_lines_and_styles_say_nothing() {
        let html = "<html><head><style>p { x: 1 }</style></head><body><h1>Week</h1><table><tr><td>P95</td>\
                    <td>1 &lt; 2</td></tr></table><p>A &amp;lt; B</p> end</body>";
        assert_eq!(of_html(html), "Week\nP95 1 < 2\nA &lt; B\nend");
        assert_eq!(of_html("no tags"), "no tags");
        assert_eq!(of_html("<unclosed"), "<unclosed");
    }
}
