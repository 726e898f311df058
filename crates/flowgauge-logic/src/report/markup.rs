//! The one encoder of HTML and SVG: whatever came from outside passes through it, and what is opened is closed.
//!
//! Its output is well-formed XML too. Refuses raw strings that are not constants of ours.

/// A document being written.
#[derive(Debug, Default)]
pub(super) struct Markup(String);

/// An attribute: a name of ours, any value.
pub(super) type Attribute<'a> = (&'static str, &'a str);

impl Markup {
    /// A constant of ours, as it is.
    pub(super) fn raw(&mut self, constant: &'static str) {
        self.0.push_str(constant);
    }

    /// Text.
    pub(super) fn text(&mut self, text: &str) {
        encode(&mut self.0, text);
    }

    /// An element and what is inside.
    pub(super) fn inside(
        &mut self,
        tag: &'static str,
        attributes: &[Attribute<'_>],
        fill: impl FnOnce(&mut Self),
    ) {
        self.begin(tag, attributes);
        self.0.push('>');
        fill(self);
        self.0.push_str("</");
        self.0.push_str(tag);
        self.0.push('>');
    }

    /// An element that holds text.
    pub(super) fn element(&mut self, tag: &'static str, attributes: &[Attribute<'_>], text: &str) {
        self.inside(tag, attributes, |m| m.text(text));
    }

    /// An element that holds nothing.
    pub(super) fn empty(&mut self, tag: &'static str, attributes: &[Attribute<'_>]) {
        self.begin(tag, attributes);
        self.0.push_str("/>");
    }

    /// A line end, for people who read the source.
    pub(super) fn line(&mut self) {
        self.0.push('\n');
    }

    /// What was written.
    pub(super) fn finish(self) -> String {
        self.0
    }

    fn begin(&mut self, tag: &'static str, attributes: &[Attribute<'_>]) {
        self.0.push('<');
        self.0.push_str(tag);
        for (name, value) in attributes {
            self.0.push(' ');
            self.0.push_str(name);
            self.0.push_str("=\"");
            encode(&mut self.0, value);
            self.0.push('"');
        }
    }
}

fn encode(out: &mut String, text: &str) {
    for c in text.chars() {
        match visible(c) {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
}

/// A character that is shown as itself; those that hide or reorder others become a replacement.
#[must_use]
pub(super) fn visible(c: char) -> char {
    match c {
        '\n' | '\t' => c,
        // Marks that change the direction of what follows (Boucher and Anderson, Trojan Source, 2021).
        '\u{061C}'
        | '\u{200E}'
        | '\u{200F}'
        | '\u{202A}'..='\u{202E}'
        | '\u{2066}'..='\u{2069}' => '\u{FFFD}',
        // Not characters of XML 1.0.
        '\u{FFFE}' | '\u{FFFF}' => '\u{FFFD}',
        c if c.is_control() => '\u{FFFD}',
        c => c,
    }
}

/// Text on one line, with nothing that hides or reorders.
#[must_use]
pub(super) fn one_line(text: &str) -> String {
    let visible = text.chars().map(|c| if c.is_whitespace() { ' ' } else { visible(c) });
    visible.collect::<String>().trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_attributes_pass_one_encoder() {
        let mut m = Markup::default();
        m.inside("p", &[("title", "\"><script>")], |m| m.text("<b> & 'x' \u{202E}\u{0}\u{FFFF}"));
        assert_eq!(
            m.finish(),
            "<p title=\"&quot;&gt;&lt;script&gt;\">&lt;b&gt; &amp; &#39;x&#39; \u{FFFD}\u{FFFD}\u{FFFD}</p>"
        );
    }

    #[test]
    fn one_line_has_no_line_ends() {
        assert_eq!(one_line(" a\r\nb\u{2028}c\u{85}d\t"), "a  b c d");
    }
}
