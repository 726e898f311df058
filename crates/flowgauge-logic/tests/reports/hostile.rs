//! Words from outside stay words, whatever they are.

use crate::day;
use crate::equal::{cells, records};
use crate::markup::both;
use flowgauge_logic::report::daily::{self, Facts};
use flowgauge_logic::report::mail::{self, Pictures};
use flowgauge_logic::report::{Document, How, csv, html, json, markdown, text};
use proptest::prelude::*;

const HOSTILE: &str = "=cmd()|'<script>alert(1)</script>\"\r\n# [x](javascript:alert(1)) `|` | ![i](http://evil.example/p.png) \u{202E}\u{0}&amp;<!--";

/// The day with these words wherever words from outside can stand.
fn facts(words: &str) -> Facts {
    let mut facts = day::facts();
    let words = || words.to_owned();
    facts.head.id = words();
    if let Some(worst) = &mut facts.extra.worst_intent {
        worst.name = words();
    }
    for change in &mut facts.changes {
        (change.what, change.by, change.id) = (words(), Some(words()), Some(words()));
    }
    for found in &mut facts.regressions.found {
        (found.metric, found.slice) = (words(), words());
        (found.cause, found.ended) = (Some(words()), Some(words()));
    }
    for episode in &mut facts.episodes {
        (episode.rule, episode.severity) = (words(), words());
        (episode.acted, episode.action) = (Some(words()), Some(words()));
        episode.link = Some("javascript:alert(1)".to_owned());
    }
    for switch in &mut facts.switches {
        (switch.name, switch.state, switch.reason) = (words(), words(), words());
    }
    for mover in &mut facts.movers {
        (mover.by, mover.name) = (words(), words());
    }
    for budget in &mut facts.budgets {
        budget.name = words();
    }
    for request in facts.looks.slowest.iter_mut().chain(&mut facts.looks.dearest) {
        (request.id, request.model, request.route) = (words(), words(), words());
        request.link = Some(words());
    }
    for action in &mut facts.actions {
        (action.what, action.why) = (words(), Some(words()));
        action.how = match &action.how {
            How::Command(_) => How::Command(words()),
            How::Link(_) => How::Link(words()),
        };
    }
    for hour in &mut facts.stretches {
        hour.name = words();
    }
    facts.sureness.notes = vec![words()];
    for gap in &mut facts.sureness.gaps {
        gap.why = words();
    }
    facts
}

pub(crate) fn document() -> Document {
    daily::document(&facts(HOSTILE))
}

#[test]
fn nothing_hostile_becomes_markup_or_leads_anywhere() {
    for page in both(&document()) {
        assert!(page.text().contains("<script>alert(1)</script>"));
        for e in page.all() {
            assert!(!matches!(e.name.as_str(), "script" | "iframe" | "object" | "form" | "base"));
            for (name, value) in &e.attributes {
                assert!(!name.starts_with("on"), "{name}");
                let leads = matches!(name.as_str(), "href" | "src");
                let safe = ["https://gauge.example.org/", "/", "cid:"];
                assert!(!leads || safe.iter().any(|s| value.starts_with(s)), "{value}");
            }
        }
        assert!(!page.text().contains('\u{202E}'), "nothing turns the direction of reading");
    }
}

#[test]
fn a_table_of_markdown_keeps_its_columns_and_has_no_live_html() {
    let markdown = markdown::render(&document());
    let calm = markdown::render(&day::document());
    let shape = |text: &str| -> Vec<usize> {
        text.lines().filter(|l| l.starts_with('|')).map(|l| cells(l).len()).collect()
    };
    assert_eq!(shape(&markdown), shape(&calm));
    // Outside code, `<` and `]` are protected.
    for live in ["<script", "](javascript"] {
        for (i, _) in markdown.match_indices(live) {
            let before = &markdown[..i];
            let line = before.rsplit('\n').next().unwrap();
            assert!(before.ends_with('\\') || line.contains('`'), "{live} in {line:?}");
        }
    }
    assert!(!markdown.contains("](<javascript"));
    assert!(markdown.chars().all(|c| c == '\n' || !(c.is_control() || c == '\u{202E}')));
}

#[test]
fn no_cell_of_csv_begins_a_formula() {
    let records = records(&csv::render(&document()));
    let ours = ["value", "low", "high", "baseline", "before", "text"];
    for record in &records {
        assert_eq!(record.len(), csv::COLUMNS.len(), "{record:?}");
        for (name, field) in csv::COLUMNS.iter().zip(record) {
            let formula = field.starts_with(['=', '@', '|', '%']);
            let signed = field.starts_with(['+', '-']) && !ours.contains(name);
            assert!(!formula && !signed, "{name}: {field}");
        }
    }
    assert!(records.iter().flatten().any(|f| f.starts_with("'=cmd()")));
}

#[test]
fn text_and_json_keep_the_words() {
    let text = text::render(&document());
    assert!(text.chars().all(|c| c == '\n' || !c.is_control()));
    let root: serde_json::Value =
        serde_json::from_str(&json::render(&document()).unwrap()).unwrap();
    assert_eq!(root["id"], HOSTILE);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn any_words_give_well_formed_pages(words in any::<String>()) {
        let document = daily::document(&facts(&words));
        both(&document);
        let lines = records(&csv::render(&document));
        prop_assert!(lines.iter().all(|r| r.len() == csv::COLUMNS.len()));
        let calm = day::document();
        let rows = |text: String| text.lines().filter(|l| l.starts_with('|')).map(|l| cells(l).len()).collect::<Vec<_>>();
        prop_assert_eq!(rows(markdown::render(&document)), rows(markdown::render(&calm)));
        prop_assert!(text::render(&document).chars().all(|c| c == '\n' || !c.is_control()));
        prop_assert_eq!(html::render(&document), html::render(&document));
    }

    #[test]
    fn a_mail_stays_below_its_limit(words in "[a-z<&]{0,2000}") {
        let mail = mail::render(&daily::document(&facts(&words)), None, Pictures::Attached);
        prop_assert!(mail.html.len() < mail::LIMIT, "{}", mail.html.len());
    }
}
