//! When an event of a schedule is due, and when a rule may notify (alerting 10.3, 2.3).
//!
//! Owns wall-clock times in a zone: a time that does not exist becomes the next valid minute, an
//! ambiguous one its first. Refuses to remember what has run.

use super::condition::{Cadence, Schedule};
use super::rule::ActiveTime;
use crate::unit::UnixMicros;
use crate::window::local_date;
use chrono::{DateTime, Datelike, Days, Months, NaiveDate, NaiveDateTime, TimeDelta, TimeZone};
use chrono::{NaiveTime, Timelike};
use chrono_tz::Tz;
use croner::Cron;
use croner::parser::{CronParser, Seconds, Year};

/// Runs missed longer ago than this are not even listed: they are caught up for six hours only.
const LOOK_BACK: i64 = 62 * UnixMicros::DAY;

/// At most so many due moments at once, the newest: a schedule of every minute and a day of absence.
const MOST_DUE: usize = 1500;

/// Zones skip at most a day (Samoa, 2011).
const LONGEST_GAP_MINUTES: i64 = 24 * 60;

const MINUTES_PER_DAY: u16 = 24 * 60;

/// Moments at which an event was due after `after`, up to and including `now`, oldest first.
/// `default_at` is the minute of the day where the schedule names none.
#[must_use]
pub fn due(
    schedule: &Schedule,
    after: UnixMicros,
    now: UnixMicros,
    zone: Tz,
    default_at: u16,
) -> Vec<UnixMicros> {
    let zone = schedule.zone.unwrap_or(zone);
    let after = after.max(UnixMicros(now.0.saturating_sub(LOOK_BACK)));
    if after >= now {
        return Vec::new();
    }
    let minute = schedule.at.unwrap_or(default_at);
    let mut moments: Vec<UnixMicros> = match &schedule.every {
        Cadence::Cron(text) => cron_times(text, after, now, zone),
        every => {
            dates(after, now, zone).filter(|d| falls_on(every, *d)).filter_map(|d| at(d, minute))
        }
        .collect(),
    }
    .into_iter()
    .filter_map(|local| moment(local, zone))
    .filter(|t| after < *t && *t <= now)
    .collect();
    moments.dedup();
    let surplus = moments.len().saturating_sub(MOST_DUE);
    moments.drain(..surplus);
    moments
}

/// Reads a cron expression of five fields.
///
/// # Errors
/// Says what is wrong with it.
pub fn read_cron(text: &str) -> Result<Cron, String> {
    let parser = CronParser::builder().seconds(Seconds::Disallowed).year(Year::Disallowed).build();
    parser.parse(text).map_err(|e| e.to_string())
}

/// Whether a rule may notify now: in any of its times, or where it has none.
#[must_use]
pub fn active(times: &[ActiveTime], now: UnixMicros, zone: Tz) -> bool {
    times.is_empty() || times.iter().any(|t| holds(t, now, zone))
}

fn holds(times: &ActiveTime, now: UnixMicros, zone: Tz) -> bool {
    let zone = times.location.unwrap_or(zone);
    let Some(local) = DateTime::from_timestamp_micros(now.0).map(|t| t.with_timezone(&zone)) else {
        return false;
    };
    let minute = local.hour() * 60 + local.minute();
    let in_times = |(from, to): &(u16, u16)| u32::from(*from) <= minute && minute < u32::from(*to);
    let weekday = local.weekday().number_from_monday();
    let in_days = |(from, to): &(u8, u8)| within(u32::from(*from), u32::from(*to), weekday);
    let in_months = |(from, to): &(u8, u8)| within(u32::from(*from), u32::from(*to), local.month());
    let in_years = |(from, to): &(i32, i32)| (*from..=*to).contains(&local.year());
    let length = days_in_month(local.date_naive());
    let in_month_days =
        |(from, to): &(i8, i8)| day_range(*from, *to, length).contains(&i64::from(local.day()));
    any(&times.times, in_times)
        && any(&times.weekdays, in_days)
        && any(&times.days_of_month, in_month_days)
        && any(&times.months, in_months)
        && any(&times.years, in_years)
}

fn any<T>(ranges: &[T], holds: impl Fn(&T) -> bool) -> bool {
    ranges.is_empty() || ranges.iter().any(holds)
}

/// Inclusive; a range that ends before it begins goes around: Friday to Monday.
const fn within(from: u32, to: u32, value: u32) -> bool {
    if from <= to { from <= value && value <= to } else { value >= from || value <= to }
}

/// Days counted from the end become days of this month: −1 is its last.
fn day_range(from: i8, to: i8, length: u32) -> std::ops::RangeInclusive<i64> {
    let day = |d: i8| if d < 0 { i64::from(length) + 1 + i64::from(d) } else { i64::from(d) };
    day(from)..=day(to)
}

fn days_in_month(date: NaiveDate) -> u32 {
    let first = date.with_day(1);
    let last = first.and_then(|f| f.checked_add_months(Months::new(1))).and_then(|d| d.pred_opt());
    last.map_or(31, |d| d.day())
}

/// Dates on the wall that may hold a moment of the window: one more at either end.
fn dates(after: UnixMicros, now: UnixMicros, zone: Tz) -> impl Iterator<Item = NaiveDate> {
    let first = local_date(after, zone).and_then(|d| d.checked_sub_days(Days::new(1)));
    let last = local_date(now, zone).and_then(|d| d.checked_add_days(Days::new(1)));
    let days = first.into_iter().flat_map(|d| d.iter_days());
    days.take_while(move |d| last.is_some_and(|last| *d <= last))
}

pub(crate) fn falls_on(every: &Cadence, date: NaiveDate) -> bool {
    match every {
        Cadence::Daily => true,
        Cadence::Weekly(day) => date.weekday().number_from_monday() == u32::from(*day),
        Cadence::Monthly(day) => date.day() == u32::from(*day).clamp(1, days_in_month(date)),
        Cadence::Cron(_) => false,
    }
}

pub(crate) fn at(date: NaiveDate, minute: u16) -> Option<NaiveDateTime> {
    let minute = u32::from(minute.min(MINUTES_PER_DAY - 1));
    Some(date.and_time(NaiveTime::from_hms_opt(minute / 60, minute % 60, 0)?))
}

/// Times on the wall at which a cron expression is due. They are looked for on the wall, so that a
/// clock change treats them as every other schedule.
fn cron_times(text: &str, after: UnixMicros, now: UnixMicros, zone: Tz) -> Vec<NaiveDateTime> {
    let Ok(cron) = read_cron(text) else { return Vec::new() };
    let local = |t: UnixMicros, hours: i64| {
        let wall = DateTime::from_timestamp_micros(t.0)?.with_timezone(&zone).naive_local();
        wall.checked_add_signed(TimeDelta::hours(hours))
    };
    // A day more at either end: so far a clock change can move the wall.
    let (Some(from), Some(to)) = (local(after, -24), local(now, 24)) else { return Vec::new() };
    let step = |from: &NaiveDateTime| cron.find_next_occurrence(from, false).ok();
    let times = std::iter::successors(step(&from), step).take_while(|t| *t <= to);
    let mut times: Vec<NaiveDateTime> = times.collect();
    // The surplus day at the end is at most as many minutes as a day has.
    let surplus = times.len().saturating_sub(MOST_DUE + 2 * usize::from(MINUTES_PER_DAY));
    times.drain(..surplus);
    times
}

/// The moment of a time on the wall: the first where there are two, the next valid minute where
/// there is none.
pub(crate) fn moment(local: NaiveDateTime, zone: Tz) -> Option<UnixMicros> {
    (0..=LONGEST_GAP_MINUTES).find_map(|minutes| {
        let t = local.checked_add_signed(TimeDelta::minutes(minutes))?;
        zone.from_local_datetime(&t).earliest().map(|m| UnixMicros(m.timestamp_micros()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::call::Text;
    use proptest::prelude::*;

    const EIGHT: u16 = 8 * 60;

    fn t(text: &str) -> UnixMicros {
        UnixMicros(DateTime::parse_from_rfc3339(text).unwrap().timestamp_micros())
    }

    fn shown(s: &Schedule, after: &str, now: &str, zone: Tz) -> Vec<String> {
        due(s, t(after), t(now), zone, EIGHT)
            .into_iter()
            .map(|m| crate::budget::local_rfc3339(m, zone))
            .collect()
    }

    fn every(every: Cadence, at: Option<u16>) -> Schedule {
        Schedule { every, at, zone: None }
    }

    #[test]
    fn a_daily_event_is_due_at_eight_unless_another_time_is_named() {
        let daily = every(Cadence::Daily, None);
        let got = shown(&daily, "2025-01-06T08:00:00Z", "2025-01-08T08:00:00Z", Tz::UTC);
        assert_eq!(got, ["2025-01-07T08:00:00+00:00", "2025-01-08T08:00:00+00:00"]);
        let late = every(Cadence::Daily, Some(23 * 60 + 59));
        let got = shown(&late, "2025-01-06T00:00:00Z", "2025-01-07T00:00:00Z", Tz::UTC);
        assert_eq!(got, ["2025-01-06T23:59:00+00:00"]);
    }

    #[test]
    fn the_zone_of_the_schedule_wins() {
        let s =
            Schedule { every: Cadence::Weekly(1), at: Some(EIGHT), zone: Some(Tz::Europe__Paris) };
        let got = shown(&s, "2025-01-01T00:00:00Z", "2025-01-14T00:00:00Z", Tz::UTC);
        assert_eq!(got, ["2025-01-06T07:00:00+00:00", "2025-01-13T07:00:00+00:00"]);
    }

    #[test]
    fn a_month_without_a_31st_is_due_on_its_last_day() {
        let s = every(Cadence::Monthly(31), None);
        let got = shown(&s, "2025-02-01T00:00:00Z", "2025-03-31T12:00:00Z", Tz::UTC);
        assert_eq!(got, ["2025-02-28T08:00:00+00:00", "2025-03-31T08:00:00+00:00"]);
    }

    #[test]
    fn a_time_that_does_not_exist_is_the_next_valid_minute() {
        // Paris, 2025-03-30: 02:00 becomes 03:00.
        let s = every(Cadence::Daily, Some(2 * 60 + 30));
        let got = shown(&s, "2025-03-29T12:00:00Z", "2025-03-30T12:00:00Z", Tz::Europe__Paris);
        assert_eq!(got, ["2025-03-30T03:00:00+02:00"]);
        let cron = every(Cadence::Cron(Text::from("30 2 * * *")), None);
        let got = shown(&cron, "2025-03-29T12:00:00Z", "2025-03-30T12:00:00Z", Tz::Europe__Paris);
        assert_eq!(got, ["2025-03-30T03:00:00+02:00"]);
    }

    #[test]
    fn an_ambiguous_time_is_its_first() {
        // Paris, 2025-10-26: 03:00 becomes 02:00 again.
        let s = every(Cadence::Daily, Some(2 * 60 + 30));
        let got = shown(&s, "2025-10-25T12:00:00Z", "2025-10-26T12:00:00Z", Tz::Europe__Paris);
        assert_eq!(got, ["2025-10-26T02:30:00+02:00"]);
    }

    #[test]
    fn cron_is_read_as_cron_reads_it() {
        let s = every(Cadence::Cron(Text::from("0 9 * * 1-5")), None);
        let got = shown(&s, "2025-01-03T10:00:00Z", "2025-01-07T09:00:00Z", Tz::UTC);
        assert_eq!(got, ["2025-01-06T09:00:00+00:00", "2025-01-07T09:00:00+00:00"]);
        assert!(read_cron("0 9 * * 1-5 2025").is_err() && read_cron("nonsense").is_err());
    }

    #[test]
    fn what_was_due_is_listed_once_and_not_again() {
        let s = every(Cadence::Daily, None);
        let all = due(&s, t("2025-01-01T00:00:00Z"), t("2025-01-20T12:00:00Z"), Tz::UTC, EIGHT);
        let last = *all.last().unwrap();
        assert_eq!(all.len(), 20);
        assert!(due(&s, last, t("2025-01-20T12:00:00Z"), Tz::UTC, EIGHT).is_empty());
        assert!(due(&s, last, last, Tz::UTC, EIGHT).is_empty());
        assert!(due(&s, UnixMicros(i64::MIN), last, Tz::UTC, EIGHT).len() >= 61);
    }

    fn weekdays_nine_to_five() -> ActiveTime {
        ActiveTime {
            times: vec![(9 * 60, 17 * 60)],
            weekdays: vec![(1, 5)],
            location: Some(Tz::Asia__Kolkata),
            ..ActiveTime::default()
        }
    }

    #[test]
    fn a_rule_notifies_only_in_its_times() {
        let times = [weekdays_nine_to_five()];
        assert!(active(&[], t("2025-01-05T00:00:00Z"), Tz::UTC));
        assert!(active(&times, t("2025-01-06T09:00:00+05:30"), Tz::UTC));
        assert!(!active(&times, t("2025-01-06T17:00:00+05:30"), Tz::UTC));
        assert!(!active(&times, t("2025-01-05T10:00:00+05:30"), Tz::UTC), "a Sunday");
    }

    #[test]
    fn days_are_counted_from_the_end_of_the_month() {
        let last_three = [ActiveTime { days_of_month: vec![(-3, -1)], ..ActiveTime::default() }];
        assert!(active(&last_three, t("2025-02-26T00:00:00Z"), Tz::UTC));
        assert!(!active(&last_three, t("2025-02-25T00:00:00Z"), Tz::UTC));
        assert!(active(&last_three, t("2024-02-29T00:00:00Z"), Tz::UTC));
    }

    #[test]
    fn months_and_years_narrow_further() {
        let winter = [ActiveTime {
            months: vec![(11, 2)],
            years: vec![(2025, 2026)],
            ..ActiveTime::default()
        }];
        assert!(active(&winter, t("2025-12-24T00:00:00Z"), Tz::UTC));
        assert!(!active(&winter, t("2025-06-24T00:00:00Z"), Tz::UTC));
        assert!(!active(&winter, t("2027-01-24T00:00:00Z"), Tz::UTC));
    }

    proptest! {
        #[test]
        fn every_day_has_exactly_one_daily_event(
            day in 0i64..20_000, minute in 0u16..1440,
            zone in prop::sample::select(&chrono_tz::TZ_VARIANTS[..]),
        ) {
            let from = UnixMicros(day * UnixMicros::DAY);
            let to = UnixMicros(from.0 + 10 * UnixMicros::DAY);
            let got = due(&every(Cadence::Daily, Some(minute)), from, to, zone, EIGHT);
            prop_assert!((9..=11).contains(&got.len()), "{}", got.len());
            prop_assert!(got.windows(2).all(|w| w[0] < w[1]));
        }

        #[test]
        fn no_text_of_a_cron_expression_panics(text in ".{0,40}", now in 0i64..4_102_444_800_000_000) {
            let s = every(Cadence::Cron(Text::from(text)), None);
            let after = UnixMicros(now - UnixMicros::DAY);
            let _ = due(&s, after, UnixMicros(now), Tz::UTC, EIGHT);
        }
    }
}
