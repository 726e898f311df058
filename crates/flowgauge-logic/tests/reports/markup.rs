//! A small reader of well-formed XML, stricter than browsers: what passes here nests everywhere alike.

use crate::{day, hostile};
use flowgauge_logic::report::mail::{self, Pictures};
use flowgauge_logic::report::{Document, html};

/// An element.
#[derive(Debug, Default)]
pub(crate) struct Element {
    pub(crate) name: String,
    pub(crate) attributes: Vec<(String, String)>,
    pub(crate) children: Vec<Node>,
}

/// What an element holds.
#[derive(Debug)]
pub(crate) enum Node {
    Element(Element),
    Text(String),
}

impl Element {
    pub(crate) fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
    }

    /// All elements below, itself first.
    pub(crate) fn all(&self) -> Vec<&Self> {
        let below = self.children.iter().flat_map(|n| match n {
            Node::Element(e) => e.all(),
            Node::Text(_) => Vec::new(),
        });
        std::iter::once(self).chain(below).collect()
    }

    pub(crate) fn named(&self, name: &str) -> Vec<&Self> {
        self.all().into_iter().filter(|e| e.name == name).collect()
    }

    pub(crate) fn text(&self) -> String {
        let words = self.children.iter().map(|n| match n {
            Node::Element(e) if e.name == "br" => "\n".to_owned(),
            Node::Element(e) => e.text(),
            Node::Text(t) => t.clone(),
        });
        words.collect()
    }

    /// The cells of all rows of all tables that hold no table.
    pub(crate) fn rows(&self) -> Vec<Vec<String>> {
        let rows = self.named("tr").into_iter().filter(|r| r.named("tr").len() == 1);
        rows.map(|r| {
            let cells = r.all().into_iter().filter(|c| c.name == "td" || c.name == "th");
            cells.map(Self::text).collect()
        })
        .collect()
    }
}

/// Reads a document of one element; the error says where it is not well-formed.
pub(crate) fn parse(text: &str) -> Result<Element, String> {
    let mut rest = text.trim_start_matches("<!DOCTYPE html>").trim();
    let mut open: Vec<Element> = vec![Element::default()];
    while !rest.is_empty() {
        if let Some(tag) = rest.strip_prefix("</") {
            let (name, after) = tag.split_once('>').ok_or("an open end tag")?;
            let done = open.pop().ok_or("too many ends")?;
            if done.name != name {
                return Err(format!("<{}> ended by </{name}>", done.name));
            }
            open.last_mut().ok_or("too many ends")?.children.push(Node::Element(done));
            rest = after;
        } else if let Some(tag) = rest.strip_prefix('<') {
            let end = end_of_tag(tag)?;
            let (inside, after) = (&tag[..end], &tag[end + 1..]);
            let element = element(inside.trim_end_matches('/'))?;
            if inside.ends_with('/') {
                open.last_mut().ok_or("nothing is open")?.children.push(Node::Element(element));
            } else {
                open.push(element);
            }
            rest = after;
        } else {
            let end = rest.find('<').unwrap_or(rest.len());
            let text = decoded(&rest[..end])?;
            open.last_mut().ok_or("text outside")?.children.push(Node::Text(text));
            rest = &rest[end..];
        }
    }
    let mut root = open.pop().ok_or("nothing")?;
    match (open.is_empty(), root.children.len(), root.children.pop()) {
        (true, 1, Some(Node::Element(e))) => Ok(e),
        _ => Err("not one element that is closed".to_owned()),
    }
}

/// The end of a tag, past `>` in attributes.
fn end_of_tag(tag: &str) -> Result<usize, String> {
    let mut quoted = false;
    for (i, c) in tag.char_indices() {
        match c {
            '"' => quoted = !quoted,
            '>' if !quoted => return Ok(i),
            '<' => return Err(format!("`<` inside a tag: {}", &tag[..i])),
            _ => {}
        }
    }
    Err("a tag without end".to_owned())
}

fn element(tag: &str) -> Result<Element, String> {
    let (name, mut rest) = tag.split_once(' ').unwrap_or((tag, ""));
    if name.is_empty() || !name.chars().all(|c| c.is_ascii_alphanumeric()) {
        return Err(format!("a strange element {name:?}"));
    }
    let mut attributes: Vec<(String, String)> = Vec::new();
    while !rest.trim().is_empty() {
        let (key, value) =
            rest.trim_start().split_once("=\"").ok_or("an attribute without value")?;
        let (value, after) = value.split_once('"').ok_or("an attribute without end")?;
        if attributes.iter().any(|(k, _)| k == key) {
            return Err(format!("{key} twice"));
        }
        attributes.push((key.to_owned(), decoded(value)?));
        rest = after;
    }
    Ok(Element { name: name.to_owned(), attributes, children: Vec::new() })
}

fn decoded(text: &str) -> Result<String, String> {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        out.push_str(&rest[..at]);
        let (name, after) = rest[at + 1..].split_once(';').ok_or("a bare &")?;
        out.push(match name {
            "amp" => '&',
            "lt" => '<',
            "gt" => '>',
            "quot" => '"',
            "#39" => '\'',
            other => return Err(format!("an unknown entity {other}")),
        });
        rest = after;
    }
    out.push_str(rest);
    let allowed = |c: char| matches!(c, '\n' | '\t') || (!c.is_control() && c != '\u{FFFF}');
    if out.chars().all(allowed) { Ok(out) } else { Err("a character XML does not have".to_owned()) }
}

/// Both kinds of HTML of a document, read.
pub(crate) fn both(document: &Document) -> [Element; 2] {
    let mail = mail::render(document, Some("https://gauge.example.org"), Pictures::Attached);
    [parse(&html::render(document)).unwrap(), parse(&mail.html).unwrap()]
}

#[test]
fn html_mail_and_drawings_are_well_formed() {
    for document in [day::document(), hostile::document()] {
        both(&document);
        for picture in mail::render(&document, None, Pictures::Attached).pictures {
            assert_eq!(parse(&picture.svg).unwrap().name, "svg");
        }
    }
}

#[test]
fn the_html_file_runs_and_loads_nothing() {
    let [page, _] = both(&day::document());
    for e in page.all() {
        assert!(!matches!(
            e.name.as_str(),
            "script" | "iframe" | "object" | "link" | "img" | "form"
        ));
        assert!(e.attributes.iter().all(|(n, _)| !n.starts_with("on") && n != "src"));
    }
    assert_eq!(page.named("style").len(), 1);
    let ids: Vec<_> = page.all().iter().filter_map(|e| e.attribute("id")).collect();
    let unique: std::collections::BTreeSet<_> = ids.iter().collect();
    assert_eq!(ids.len(), unique.len(), "{ids:?}");
}

#[test]
fn a_mail_is_tables_with_inline_styles_and_pictures_by_id() {
    let mail =
        mail::render(&day::document(), Some("https://gauge.example.org/"), Pictures::Attached);
    assert!(mail.html.len() < mail::LIMIT, "{}", mail.html.len());
    let page = parse(&mail.html).unwrap();
    let known = [
        "html", "head", "meta", "title", "body", "table", "tr", "td", "th", "p", "h1", "h2", "ul",
        "li", "a", "code", "strong", "span", "img", "br", "wbr",
    ];
    for e in page.all() {
        assert!(known.contains(&e.name.as_str()), "{}", e.name);
        let style = e.attribute("style").unwrap_or_default();
        assert!(!style.contains("flex") && !style.contains("url(") && !style.contains("var("));
        assert!(e.attribute("class").is_none());
        if let Some(href) = e.attribute("href") {
            assert!(href.starts_with("https://gauge.example.org/"), "{href}");
        }
    }
    let images = page.named("img");
    assert_eq!(images.len(), 2);
    for (image, picture) in images.iter().zip(&mail.pictures) {
        assert_eq!(image.attribute("src"), Some(format!("cid:{}", picture.cid).as_str()));
        assert_eq!(image.attribute("alt"), Some(picture.alt.as_str()));
        assert!(picture.alt.chars().any(|c| c.is_ascii_digit()), "{}", picture.alt);
        assert!(page.text().contains(picture.alt.split(". ").last().unwrap()));
    }
    let plain = mail::render(&day::document(), None, Pictures::None);
    assert!(
        plain.pictures.is_empty() && !plain.html.contains("<img") && !plain.html.contains("<a ")
    );
}

#[test]
fn an_incomplete_period_says_so_in_every_format() {
    let mut facts = day::facts();
    facts.head.period.partial = true;
    let document = flowgauge_logic::report::daily::document(&facts);
    let html = html::render(&document);
    assert!(
        html.contains("class=\"watermark\"") && html.contains("PARTIAL: the period was not over")
    );
    for text in [
        mail::render(&document, None, Pictures::None).html,
        flowgauge_logic::report::markdown::render(&document),
        flowgauge_logic::report::text::render(&document),
    ] {
        assert!(text.contains("PARTIAL: the period was not over"));
    }
    assert!(document.subject.contains("2026-11-23 (partial): "), "{}", document.subject);
    let json = flowgauge_logic::report::json::render(&document).unwrap();
    assert!(json.contains("\"partial\": true"));
}
