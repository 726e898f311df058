//! A simulated year of periods and timetables in several zones.

use super::*;
use crate::budget::local_rfc3339;
use crate::unit::UnixMicros;
use chrono::{DateTime, Datelike, NaiveDate};
use chrono_tz::Tz;
use proptest::prelude::*;

const ZONES: [Tz; 3] = [Tz::Europe__Berlin, Tz::America__New_York, Tz::Australia__Lord_Howe];

fn t(text: &str) -> UnixMicros {
    UnixMicros(DateTime::parse_from_rfc3339(text).unwrap().timestamp_micros())
}

fn table(text: &str, zone: Tz) -> Timetable {
    Timetable::read(text, zone).unwrap()
}

fn shown(text: &str, zone: Tz, after: &str, now: &str) -> Vec<String> {
    let due = table(text, zone).due_between(t(after), t(now), usize::MAX);
    due.latest.into_iter().map(|m| local_rfc3339(m, zone)).collect()
}

#[test]
fn a_timetable_is_a_time_the_guides_word_or_five_fields() {
    for (text, means) in [
        ("08:00", "every day at 08:00 (Europe/Berlin)"),
        ("daily_schedule", "every day at 08:00 (Europe/Berlin)"),
        ("weekly_schedule on monday at 03:00", "every Monday at 03:00 (Europe/Berlin)"),
        ("monthly_schedule on 1 at 04:30 tz \"UTC\"", "on day 1 of every month at 04:30 (UTC)"),
        ("0 3 * * 1", "cron 0 3 * * 1 (Europe/Berlin)"),
    ] {
        assert_eq!(table(text, Tz::Europe__Berlin).to_string(), means);
    }
}

#[test]
fn what_is_no_timetable_is_refused_with_the_text_and_the_way_out() {
    for (text, says) in [
        ("8:00", "says no times; write 08:00 for every day"),
        ("24:00", "says no times"),
        ("", "says no times"),
        ("daily_schedule at 25:00", "is no time of day"),
        ("* * * * *", "more often than once an hour"),
        ("0 0 30 2 *", "is never due"),
        ("0 3 * * mon-", ""),
        ("p95_latency > 2s", "says no times"),
    ] {
        let error = Timetable::read(text, Tz::UTC).unwrap_err().to_string();
        assert!(error.contains(says) && error.contains(text), "{error}");
    }
}

#[test]
fn a_skipped_time_is_due_once_at_the_next_valid_minute() {
    // Berlin, 2026-03-29: 02:00 becomes 03:00. Lord Howe, 2026-10-04: 02:00 becomes 02:30.
    for text in ["02:15", "15 2 * * *"] {
        let berlin =
            shown(text, Tz::Europe__Berlin, "2026-03-28T12:00:00Z", "2026-03-30T12:00:00Z");
        assert_eq!(berlin, ["2026-03-29T03:00:00+02:00", "2026-03-30T02:15:00+02:00"]);
        let howe =
            shown(text, Tz::Australia__Lord_Howe, "2026-10-03T04:00:00Z", "2026-10-04T04:00:00Z");
        assert_eq!(howe, ["2026-10-04T02:30:00+11:00"]);
    }
}

#[test]
fn a_repeated_time_is_due_once() {
    // New York, 2026-11-01: 02:00 becomes 01:00 again.
    for text in ["01:30", "30 1 * * *"] {
        let got =
            shown(text, Tz::America__New_York, "2026-11-01T00:00:00Z", "2026-11-02T00:00:00Z");
        assert_eq!(got, ["2026-11-01T01:30:00-04:00"]);
    }
}

#[test]
fn the_next_moment_of_a_leap_day_is_found_years_ahead() {
    let leap = table("0 6 29 2 *", Tz::UTC);
    assert_eq!(leap.next_after(t("2096-03-01T00:00:00Z")), Some(t("2104-02-29T06:00:00Z")));
    let last = table("monthly_schedule on 31 at 06:00", Tz::UTC);
    assert_eq!(last.next_after(t("2026-02-01T00:00:00Z")), Some(t("2026-02-28T06:00:00Z")));
}

#[test]
fn what_is_older_than_asked_for_is_kept_apart() {
    let daily = table("08:00", Tz::UTC);
    let due = daily.due_between(t("2026-01-01T08:00:00Z"), t("2026-01-11T08:00:00Z"), 3);
    assert_eq!((due.older.len(), due.latest.len()), (7, 3));
    assert_eq!(due.latest.last(), Some(&t("2026-01-11T08:00:00Z")));
    let years = daily.due_between(UnixMicros(0), t("2026-01-11T08:00:00Z"), 1);
    assert_eq!(years.older.len() + years.latest.len(), 400, "a year back is enough");
}

#[test]
fn periods_are_yesterday_seven_complete_days_and_the_last_month() {
    let now = t("2026-03-01T00:30:00Z");
    let named = |every, zone| Period::complete_before(now, every, zone).unwrap().to_string();
    assert_eq!(named(Every::Day, Tz::UTC), "2026-02-28");
    assert_eq!(named(Every::Week, Tz::UTC), "2026-02-22_2026-02-28");
    assert_eq!(named(Every::Month, Tz::UTC), "2026-02");
    // It is still February there.
    assert_eq!(named(Every::Day, Tz::America__New_York), "2026-02-27");
    assert_eq!(named(Every::Month, Tz::America__New_York), "2026-01");
}

#[test]
fn days_of_a_month_are_the_month_with_its_clock_change() {
    for zone in ZONES {
        let mut month: Period = "2026-01".parse().unwrap();
        while month.first.year() == 2026 {
            let windows: Vec<_> = month.days().map(|d| d.window(zone).unwrap()).collect();
            let whole = month.window(zone).unwrap();
            assert!(windows.windows(2).all(|w| w[0].to == w[1].from), "{zone} {month}");
            assert_eq!(windows.first().unwrap().from, whole.from);
            assert_eq!(windows.last().unwrap().to, whole.to);
            month = month.next().unwrap();
        }
    }
    let hours = |text: &str, zone| {
        let window = text.parse::<Period>().unwrap().window(zone).unwrap();
        (window.to.0 - window.from.0) / UnixMicros::MINUTE
    };
    assert_eq!(hours("2026-03-29", Tz::Europe__Berlin), 23 * 60);
    assert_eq!(hours("2026-10-25", Tz::Europe__Berlin), 25 * 60);
    assert_eq!(hours("2026-10-04", Tz::Australia__Lord_Howe), 23 * 60 + 30);
    assert_eq!(hours("2026-10", Tz::Europe__Berlin), 31 * 24 * 60 + 60);
}

/// A year of somebody who looks every so often and is away now and then.
fn year(text: &str, every: Every, zone: Tz) -> Vec<Period> {
    let table = table(text, zone);
    let (mut seen, end) = (t("2026-01-01T12:00:00Z"), t("2027-01-01T12:00:00Z"));
    let (mut step, mut periods) = (0_i64, Vec::new());
    while seen < end {
        step += 1;
        // Every 97 minutes, every two hundredth time after five days.
        let pause = if step % 200 == 0 { 5 * UnixMicros::DAY } else { 97 * UnixMicros::MINUTE };
        let now = UnixMicros(seen.0 + pause).min(end);
        let due = table.due_between(seen, now, usize::MAX);
        let of = |m: &UnixMicros| Period::complete_before(*m, every, zone).unwrap();
        periods.extend(due.latest.iter().map(of));
        seen = now;
    }
    periods
}

#[test]
fn in_a_year_with_both_clock_changes_every_period_comes_exactly_once() {
    for zone in ZONES {
        for text in ["00:00", "02:15", "02:30", "23:59", "0 2 * * *", "30 1 * * *"] {
            let days = year(text, Every::Day, zone);
            assert!(days.windows(2).all(|w| w[0].next() == Some(w[1])), "{zone} {text}");
            assert!((364..=366).contains(&days.len()), "{zone} {text} {}", days.len());
        }
        for text in ["weekly_schedule on sunday at 02:30", "30 2 * * 0"] {
            let weeks = year(text, Every::Week, zone);
            assert!(weeks.windows(2).all(|w| w[0].next() == Some(w[1])), "{zone} {text}");
            assert_eq!(weeks.len(), 52);
        }
        for text in ["monthly_schedule on 1 at 00:00", "0 0 1 * *"] {
            let months = year(text, Every::Month, zone);
            assert!(months.windows(2).all(|w| w[0].next() == Some(w[1])), "{zone} {text}");
            assert!((11..=12).contains(&months.len()), "{zone} {text}");
        }
    }
}

fn any_zone() -> impl Strategy<Value = Tz> {
    prop::sample::select(&chrono_tz::TZ_VARIANTS[..])
}

fn any_table() -> impl Strategy<Value = String> {
    prop_oneof![
        (0..24u8, 0..60u8).prop_map(|(h, m)| format!("{h:02}:{m:02}")),
        (0..24u8, 0..60u8, 0..7u8).prop_map(|(h, m, d)| format!("{m} {h} * * {d}")),
        (0..24u8, 0..60u8, 1..29u8).prop_map(|(h, m, d)| format!("{m} {h} {d} * *")),
        (0..60u8).prop_map(|m| format!("{m} * * * *")),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn it_does_not_matter_how_often_one_looks(
        text in any_table(), zone in any_zone(), day in 0i64..20_000,
        mut cuts in prop::collection::vec(0i64..40 * UnixMicros::DAY, 0..6),
    ) {
        let (from, table) = (day * UnixMicros::DAY, table(&text, zone));
        cuts.extend([0, 40 * UnixMicros::DAY]);
        cuts.sort_unstable();
        let due = |a: i64, b: i64| {
            table.due_between(UnixMicros(from + a), UnixMicros(from + b), usize::MAX).latest
        };
        let parts: Vec<UnixMicros> = cuts.windows(2).flat_map(|w| due(w[0], w[1])).collect();
        prop_assert_eq!(&parts, &due(0, 40 * UnixMicros::DAY));
        prop_assert!(parts.windows(2).all(|w| w[0] < w[1]));
        prop_assert_eq!(parts.first().copied(), table.next_after(UnixMicros(from)).filter(|t| t.0 <= from + 40 * UnixMicros::DAY));
    }

    #[test]
    fn a_period_reads_as_it_is_shown(day in -200_000i32..200_000, zone in any_zone()) {
        let date = NaiveDate::from_num_days_from_ce_opt(730_000 + day).unwrap();
        let now = UnixMicros(i64::from(date.num_days_from_ce() - 719_163) * UnixMicros::DAY);
        for every in [Every::Day, Every::Week, Every::Month] {
            let period = Period::complete_before(now, every, zone).unwrap();
            prop_assert_eq!(period.to_string().parse(), Ok(period));
            prop_assert_eq!(period.next().unwrap().previous(), Some(period));
            let window = period.window(zone).unwrap();
            prop_assert!(window.from < window.to && window.to.0 <= now.0);
            prop_assert_eq!(period.next().unwrap().window(zone).unwrap().from, window.to);
        }
    }

    #[test]
    fn no_text_panics(text in ".{0,40}", period in ".{0,24}") {
        let _ = Timetable::read(&text, Tz::UTC);
        let _ = period.parse::<Period>();
    }
}
