//! The figures of one report are the same in every format, field by field.

use crate::day;
use crate::markup::both;
use flowgauge_logic::report::{Document, csv, html, json, markdown, text};
use serde_json::Value;
use std::collections::BTreeMap;

/// A figure by its field: value, words, samples.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Seen {
    value: Option<f64>,
    text: String,
    n: String,
}

fn parts(document: &Document) -> Vec<Value> {
    let root: Value = serde_json::from_str(&json::render(document).unwrap()).unwrap();
    let sections = root["sections"].as_array().unwrap();
    let blocks = sections.iter().flat_map(|s| s["blocks"].as_array().unwrap());
    let rows =
        blocks.filter(|b| b["type"] == "key_table").flat_map(|b| b["rows"].as_array().unwrap());
    rows.flat_map(|r| r["parts"].as_array().unwrap()).cloned().collect()
}

fn in_json(document: &Document) -> BTreeMap<String, Seen> {
    let seen = |part: &Value| {
        let figure = &part["figure"];
        let n = figure["n"].as_u64().map_or_else(|| "–".to_owned(), grouped);
        let text = figure["text"].as_str().unwrap().to_owned();
        (
            figure["field"].as_str().unwrap().to_owned(),
            Seen { value: figure["value"].as_f64(), text, n },
        )
    };
    let parts = parts(document);
    let all: BTreeMap<_, _> = parts.iter().map(seen).collect();
    assert_eq!(all.len(), parts.len(), "every field has its own name");
    all
}

/// Written here anew, so that it does not agree with the formatter by being it.
fn grouped(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::new();
    for (i, c) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(c);
    }
    out
}

/// Records of a CSV file.
pub(crate) fn records(text: &str) -> Vec<Vec<String>> {
    let mut all = vec![vec![String::new()]];
    let mut quoted = false;
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        let record = all.last_mut().unwrap();
        match c {
            '"' if quoted && chars.peek() == Some(&'"') => {
                chars.next();
                record.last_mut().unwrap().push('"');
            }
            '"' => quoted = !quoted,
            ',' if !quoted => record.push(String::new()),
            '\n' if !quoted => all.push(vec![String::new()]),
            c => record.last_mut().unwrap().push(c),
        }
    }
    assert!(!quoted, "a quote is open");
    all.pop();
    all
}

fn column(name: &str) -> usize {
    csv::COLUMNS.iter().position(|c| *c == name).unwrap()
}

/// Cells of a line of a Markdown table, without what protects them.
pub(crate) fn cells(line: &str) -> Vec<String> {
    let mut cells = vec![String::new()];
    let mut chars = line.trim().trim_start_matches('|').chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => cells.last_mut().unwrap().extend(chars.next()),
            '|' => cells.push(String::new()),
            c => cells.last_mut().unwrap().push(c),
        }
    }
    cells.pop();
    cells.iter().map(|c| c.trim().to_owned()).collect()
}

/// From rows `field, value, n, method` of the last section.
fn by_field(rows: impl Iterator<Item = Vec<String>>) -> BTreeMap<String, (String, String)> {
    let rows = rows.filter(|r| r.len() == 4);
    rows.map(|r| (r[0].trim_matches('`').to_owned(), (r[1].clone(), r[2].clone()))).collect()
}

/// From rows whose second cell has a line for each of `Value`, `n`, `Method`.
fn by_field_in_lines(rows: Vec<Vec<String>>) -> BTreeMap<String, (String, String)> {
    let rows = rows.into_iter().filter(|r| r.len() == 2 && r[1].starts_with("Value: "));
    rows.map(|r| {
        let of = |name: &str| r[1].lines().find_map(|l| l.strip_prefix(name)).unwrap().to_owned();
        (r[0].clone(), (of("Value: "), of("n: ")))
    })
    .collect()
}

fn in_text(document: &Document) -> BTreeMap<String, (String, String)> {
    let text = text::render(document);
    let (_, last) = text.split_once("Figures and methods").unwrap();
    let entries = last.replace("\n      ", " ");
    let of = |entry: &str, name: &str| -> String {
        let line = entry.lines().find_map(|l| l.trim().strip_prefix(name));
        line.unwrap_or_default().trim().to_owned()
    };
    let entries = entries.split("\n\n").filter(|e| e.contains("Field: "));
    entries.map(|e| (of(e, "Field:"), (of(e, "Value:"), of(e, "n:")))).collect()
}

#[test]
fn every_field_has_the_same_value_words_and_samples_in_all_six_formats() {
    let document = day::document();
    let expected = in_json(&document);
    assert_eq!(expected.len(), 21);
    let csv: BTreeMap<_, _> = records(&csv::render(&document))
        .into_iter()
        .filter(|r| r[column("table")] == "key")
        .map(|r| (r[column("field")].clone(), r))
        .collect();
    let markdown = markdown::render(&document);
    let markdown = by_field(markdown.lines().filter(|l| l.starts_with("| `")).map(cells));
    let [page, mail] = both(&document);
    let data: BTreeMap<_, _> = page
        .named("data")
        .into_iter()
        .filter_map(|d| Some((d.attribute("data-field")?.to_owned(), d)))
        .collect();
    let (page, mail) = (by_field(page.rows().into_iter()), by_field_in_lines(mail.rows()));
    let text = in_text(&document);
    for (field, seen) in &expected {
        let words = (seen.text.clone(), seen.n.clone());
        for (format, all) in
            [("markdown", &markdown), ("html", &page), ("mail", &mail), ("text", &text)]
        {
            assert_eq!(all.get(field), Some(&words), "{field} in {format}");
        }
        let record = &csv[field];
        assert_eq!(record[column("text")], seen.text, "{field}");
        assert_eq!(record[column("value")].parse::<f64>().ok(), seen.value, "{field}");
        let n = record[column("n")].parse().map_or_else(|_| "–".to_owned(), grouped);
        assert_eq!(n, seen.n, "{field}");
        assert_eq!(data[field].attribute("value").unwrap().parse::<f64>().ok(), seen.value);
        assert!(data[field].text().contains(&seen.text), "{field}");
    }
}

/// Targets, statuses and both comparisons stand in the row of their figure in every format.
#[test]
fn what_judges_a_figure_stands_beside_it_in_every_format() {
    let document = day::document();
    let markdown = markdown::render(&document);
    let [page, mail] = both(&document);
    let (page, mail) = (page.rows(), mail.rows());
    let text = text::render(&document).replace('\n', " ");
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let csv = records(&csv::render(&document));
    let root: Value = serde_json::from_str(&json::render(&document).unwrap()).unwrap();
    for row in root["sections"][0]["blocks"][0]["rows"].as_array().unwrap() {
        let metric = row["metric"].as_str().unwrap();
        let find = |rows: &[Vec<String>]| {
            rows.iter().find(|r| r.len() == 6 && r[0] == metric).unwrap().clone()
        };
        let markdown: Vec<_> = markdown.lines().filter(|l| l.starts_with('|')).map(cells).collect();
        let (md, page) = (find(&markdown), find(&page));
        assert_eq!(md, page);
        // A letter has the guide's four columns, and below them what the figures are compared with.
        let at = mail.iter().position(|r| r.len() == 4 && r[0] == metric).unwrap();
        assert_eq!(md[..4], mail[at]);
        let before = root["sections"][0]["blocks"][0]["before"].as_str().unwrap();
        for (head, said) in [("vs baseline", &md[4]), (before, &md[5])] {
            let below = format!("{head}: {said}");
            assert_eq!(said != "–", mail[at + 1].len() == 1 && mail[at + 1][0].contains(&below));
        }
        assert!(text.contains(&format!("{metric}: {}", md[1])), "{metric}");
        assert!(text.contains(&format!("Status: {} Target: {}", md[3], md[2])), "{metric}");
        for part in row["parts"].as_array().unwrap() {
            let words = |key: &str| part[key]["text"].as_str().unwrap_or_default().to_owned();
            for (column, said) in [(1, "figure"), (2, "target"), (4, "baseline"), (5, "before")] {
                assert!(md[column].contains(&words(said)), "{metric} {said}");
            }
            let field = part["figure"]["field"].as_str().unwrap();
            let record = csv.iter().find(|r| r[column("field")] == field).unwrap();
            for (name, said) in
                [("target", "target"), ("baseline", "baseline"), ("before", "before")]
            {
                assert_eq!(record[column(name)], words(said), "{field} {name}");
            }
        }
    }
}

/// Breakdowns: each figure of each table of JSON is in CSV and in the table of the page.
#[test]
fn breakdowns_are_equal_in_json_csv_and_html() {
    let document = day::document();
    let records = records(&csv::render(&document));
    let page = html::render(&document);
    let root: Value = serde_json::from_str(&json::render(&document).unwrap()).unwrap();
    let mut compared = 0;
    for section in root["sections"].as_array().unwrap() {
        for table in section["blocks"].as_array().unwrap().iter().filter(|b| b["type"] == "table") {
            for row in table["rows"].as_array().unwrap() {
                for (name, cell) in row.as_object().unwrap() {
                    if cell["type"] != "figure" {
                        continue;
                    }
                    let text = cell["text"].as_str().unwrap();
                    let found = records.iter().any(|r| {
                        table["name"] == r[column("table")].as_str()
                            && r[column("field")] == *name
                            && r[column("text")] == text
                            && r[column("value")].parse::<f64>().ok() == cell["value"].as_f64()
                    });
                    assert!(found, "{name} of {}", table["name"]);
                    assert!(page.contains(text), "{text}");
                    compared += 1;
                }
            }
        }
    }
    assert!(compared > 20, "{compared}");
}
