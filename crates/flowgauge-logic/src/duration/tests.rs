//! Literals, calendar months and what is refused.

use super::*;
use proptest::prelude::*;

fn fixed(text: &str) -> i64 {
    let span = parse(text).unwrap();
    assert_eq!(span.months, 0, "{text}");
    span.micros
}

fn moment(text: &str) -> UnixMicros {
    UnixMicros(chrono::DateTime::parse_from_rfc3339(text).unwrap().timestamp_micros())
}

#[test]
fn every_literal_of_the_guide_is_read() {
    assert_eq!(fixed("30min"), 30 * UnixMicros::MINUTE);
    assert_eq!(fixed("2hours"), 2 * UnixMicros::HOUR);
    assert_eq!(fixed("24h"), UnixMicros::DAY);
    assert_eq!(fixed("48h"), 2 * UnixMicros::DAY);
    assert_eq!(fixed("7d"), 7 * UnixMicros::DAY);
    assert_eq!(fixed("30days"), 30 * UnixMicros::DAY);
    assert_eq!(fixed("5 minutes"), 5 * UnixMicros::MINUTE);
    assert_eq!(fixed("5m"), 5 * UnixMicros::MINUTE);
    assert_eq!(fixed("200ms"), 200_000);
    assert_eq!(fixed("2w"), 14 * UnixMicros::DAY);
    assert_eq!(parse("3months"), Ok(Span { months: 3, micros: 0 }));
    assert_eq!(parse("1mo"), Ok(Span { months: 1, micros: 0 }));
}

#[test]
fn parts_add_up_and_fractions_are_exact() {
    assert_eq!(fixed("1h30min"), 90 * UnixMicros::MINUTE);
    assert_eq!(fixed("1h 30 min"), 90 * UnixMicros::MINUTE);
    assert_eq!(fixed("0.5h"), 30 * UnixMicros::MINUTE);
    assert_eq!(fixed("1.25s"), 1_250_000);
}

#[test]
fn what_is_not_understood_is_named() {
    assert_eq!(parse(""), Err(BadDuration::Empty));
    assert_eq!(parse("90"), Err(BadDuration::NoUnit("90".to_owned())));
    assert_eq!(parse("5parsecs"), Err(BadDuration::Unit("parsecs".to_owned())));
    assert_eq!(parse("-5m"), Err(BadDuration::NoNumber("-5m".to_owned())));
    assert!(matches!(parse("1.5months"), Err(BadDuration::NoNumber(_))));
    assert!(matches!(parse("1..5h"), Err(BadDuration::NoNumber(_))));
    assert!(matches!(parse("99999999999d"), Err(BadDuration::TooLong(_))));
}

#[test]
fn months_follow_the_calendar() {
    let month = parse("1month").unwrap();
    let utc = Tz::UTC;
    assert_eq!(month.before(moment("2026-03-31T10:00:00Z"), utc), moment("2026-02-28T10:00:00Z"));
    assert_eq!(month.as_micros(), None);
    let zone = Tz::America__Los_Angeles;
    // The clock changed on 8 March: the same time of day, 28 days less an hour earlier.
    let now = moment("2026-03-15T09:00:00-07:00");
    assert_eq!(month.before(now, zone), moment("2026-02-15T09:00:00-08:00"));
}

#[test]
fn a_fixed_length_is_subtracted_as_it_is() {
    let now = moment("2026-03-31T10:00:00Z");
    assert_eq!(parse("24h").unwrap().before(now, Tz::UTC), moment("2026-03-30T10:00:00Z"));
    assert_eq!(parse("2s").unwrap().as_micros(), Some(Micros(2_000_000)));
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(text in ".{0,24}") {
        if let Ok(span) = parse(&text) {
            let _moment = span.before(UnixMicros(1_700_000_000_000_000), Tz::Europe__Berlin);
        }
    }

    #[test]
    fn number_like_texts_do_not_panic(text in "[0-9.]{0,22} ?(ms|s|m|h|d|w|mo|months)?") {
        let _answer = parse(&text);
    }

    #[test]
    fn a_length_survives_being_written(micros in 0i64..i64::MAX / 2, months in 0u32..600) {
        let span = Span { months, micros };
        prop_assert_eq!(parse(&span.to_string()), Ok(span));
    }
}
