//! What the log promises.

use super::*;

fn line(at: i64, incident: u64, what: What) -> Line {
    Line { at: UnixMicros(at * 1_000_000), incident, by: Text::from("ann"), what }
}

fn log() -> Vec<Line> {
    let opened = |note: &str| What::Opened { grade: Grade::High, note: note.to_owned() };
    let step =
        What::Step { name: Text::from("notify"), done: false, detail: "a | b\nc".to_owned() };
    vec![
        line(1, 1, opened("slow answers")),
        line(2, 1, step),
        line(3, 2, opened("another")),
        line(9, 1, What::Closed { note: "it was the provider".to_owned() }),
    ]
}

#[test]
fn incidents_follow_from_the_lines_of_the_log() {
    let found = incidents(&log());
    assert_eq!(found.iter().map(|i| (i.id, i.lines.len())).collect::<Vec<_>>(), [(1, 3), (2, 1)]);
    assert_eq!(found[0].closed, Some(UnixMicros(9_000_000)));
    assert_eq!(found[1].closed, None);
}

#[test]
fn a_report_is_in_the_order_of_time_and_text_of_outsiders_stays_in_its_cell() {
    let meanwhile = [(5, "p95_critical fired"), (20, "too late")]
        .map(|(at, what)| Event { at: UnixMicros(at * 1_000_000), what: what.to_owned() });
    let text = report(&incidents(&log())[0], &meanwhile);
    let rows: Vec<&str> = text.lines().filter(|l| l.starts_with("| 1970")).collect();
    assert_eq!(rows.len(), 4, "{text}");
    assert!(rows[1].contains("notify failed: a \\| b c"), "{text}");
    assert!(rows[2].contains("p95_critical fired"), "{text}");
    assert!(text.starts_with("# Incident 1: slow answers\n"), "{text}");
}

#[test]
fn a_report_ends_with_what_a_review_asks_and_with_every_step_that_failed() {
    let text = report(&incidents(&log())[0], &[]);
    let (_, review) = text.split_once("\n## Review\n").unwrap();
    assert!(review.contains("so that it does not come back: by whom, until when?"), "{review}");
    assert!(review.ends_with("- Why did notify fail: a \\| b c?\n"), "{review}");
    let nothing_failed = report(&incidents(&log())[1], &[]);
    assert!(!nothing_failed.contains("Why did"), "{nothing_failed}");
}

#[test]
fn severities_of_emergencies_are_three_words_and_no_other() {
    assert_eq!(Grade::from_word("high").map(Grade::level), Some("SEV2"));
    assert_eq!(Grade::from_word("warning"), None);
}
