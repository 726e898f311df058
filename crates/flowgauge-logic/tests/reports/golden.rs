//! Files every rendering must equal, byte for byte.

use crate::day;
use flowgauge_logic::report::mail::{self, Pictures};
use flowgauge_logic::report::{Document, csv, html, json, markdown, svg, text};
use std::path::Path;

/// Compares with a file that people read too; `FLOWGAUGE_GOLDEN=write` writes it anew.
pub(crate) fn golden(name: &str, is: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
    if std::env::var("FLOWGAUGE_GOLDEN").is_ok_and(|v| v == "write") {
        std::fs::write(&path, is).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(expected == is, "{} differs", path.display());
}

fn all(name: &str, document: &Document) {
    golden(&format!("{name}.json"), &json::render(document).unwrap());
    golden(&format!("{name}.csv"), &csv::render(document));
    golden(&format!("{name}.md"), &markdown::render(document));
    golden(&format!("{name}.txt"), &text::render(document));
    golden(&format!("{name}.html"), &html::render(document));
    let mail = mail::render(document, Some("https://gauge.example.org"), Pictures::Attached);
    golden(&format!("{name}.mail.html"), &mail.html);
    for chart in document.charts() {
        golden(&format!("{name}.{}.svg", chart.name), &svg::render(chart));
    }
}

#[test]
fn the_daily_report_is_the_same_every_time() {
    all("daily", &day::document());
}
