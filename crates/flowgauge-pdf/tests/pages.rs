//! A day's report on paper, its drawings as pictures.

#[cfg(test)]
#[path = "../../flowgauge-logic/tests/reports/day.rs"]
mod day;

use flowgauge_logic::known::Known;
use flowgauge_logic::report::chart::{Chart, Plot};
use flowgauge_logic::report::{
    Block, Cell, Column, Document, Prose, Quantity, Section, Table, svg,
};
use flowgauge_pdf::{pdf, png};

fn with(mut document: Document, block: Block) -> Document {
    document.sections.push(Section::new("more", "More", vec![block]));
    document
}

fn table(rows: usize, words: &str) -> Block {
    Block::Table(Table {
        name: "long".to_owned(),
        caption: words.to_owned(),
        columns: vec![Column::words("a", words), Column::words("b", "Second")],
        rows: (0..rows)
            .map(|n| vec![Cell::words(format!("{words} {n}")), Cell::words("x")])
            .collect(),
        empty: String::new(),
    })
}

#[test]
fn the_same_report_gives_the_same_bytes() {
    let first = pdf(&day::document()).unwrap();
    assert!(first.starts_with(b"%PDF-"));
    assert_eq!(first, pdf(&day::document()).unwrap());
    if let Ok(path) = std::env::var("FLOWGAUGE_PDF") {
        std::fs::write(path, &first).unwrap();
    }
}

#[test]
fn a_table_longer_than_a_page_and_a_report_that_is_not_over_are_laid_out() {
    let mut document = with(day::document(), table(400, "row"));
    document.period.partial = true;
    let long = pdf(&document).unwrap();
    assert!(long.len() > pdf(&day::document()).unwrap().len());
}

#[test]
fn a_table_of_many_columns_and_rows_stays_readable() {
    let columns: Vec<Column> =
        (0..14).map(|n| Column::figures(format!("c{n}"), format!("Column {n}"))).collect();
    let row: Vec<Cell> = (0..14).map(|_| Cell::words("not measured (no data)")).collect();
    let wide = |rows: usize| {
        Block::Table(Table {
            name: "wide".to_owned(),
            caption: "Wide".to_owned(),
            columns: columns.clone(),
            rows: vec![row.clone(); rows],
            empty: String::new(),
        })
    };
    let most = pdf(&with(day::document(), wide(10_000))).unwrap();
    let many = pdf(&with(day::document(), wide(150))).unwrap();
    assert!(most.len() < many.len() + 10_000, "{} and {}", most.len(), many.len());
}

#[test]
fn words_of_the_page_language_stay_words() {
    let hostile = "#panic(\"x\") *bold* $x$ `raw` @ref <label> \\ #read(\"/etc/passwd\") // c";
    let mut document = with(day::document(), table(2, hostile));
    document.title = hostile.to_owned();
    document.verdict = hostile.to_owned();
    let link = Prose::default().link("here", "javascript:alert(1)").code(hostile);
    let document = with(document, Block::Note(link));
    assert!(pdf(&document).unwrap().starts_with(b"%PDF-"));
}

#[test]
fn words_of_any_script_can_be_put_on_paper() {
    for words in ["长い名前", "مرحبا", "🚀\u{fe0f} fast", "a\u{202e}b\u{0}c", "e\u{301}\u{10ffff}"]
    {
        let mut document = with(day::document(), table(2, words));
        document.title = words.to_owned();
        document.verdict = words.to_owned();
        for section in &mut document.sections {
            section.title = words.to_owned();
            for block in &mut section.blocks {
                if let Block::Chart(chart) = block {
                    (chart.title, chart.says) = (words.to_owned(), words.to_owned());
                }
            }
        }
        assert!(pdf(&document).is_ok(), "{words}: {:?}", pdf(&document).err());
    }
}

#[test]
fn a_drawing_becomes_a_picture_with_letters_in_it() {
    let chart = |title: &str| Chart {
        name: "latency".to_owned(),
        title: title.to_owned(),
        says: "Three values.".to_owned(),
        plot: Plot::Bars {
            bars: vec![(title.to_owned(), Known::Value(Quantity::Count(2)))],
            limit: None,
        },
    };
    let with_words = png(&svg::render(&chart("latency"))).unwrap();
    assert_eq!(&with_words[1..4], b"PNG");
    assert_ne!(with_words, png(&svg::render(&chart(" "))).unwrap(), "letters are drawn");
    assert!(png("<svg").is_err());
    let huge = "<svg xmlns='http://www.w3.org/2000/svg' width='99999' height='9'/>";
    assert!(png(huge).is_err());
}
