//! Schedules: `daily_schedule at 08:00 tz "Europe/Paris"`, `weekly_schedule on monday`, `cron "…"`.

use super::super::condition::{Cadence, Schedule};
use super::Fault;
use super::cursor::{Cursor, did_you_mean};
use super::lexer::Kind;
use chrono_tz::{TZ_VARIANTS, Tz};
use croner::parser::{CronParser, Seconds, Year};
use std::ops::Range;

/// Days of the week, 1 = Monday.
pub(super) const WEEKDAYS: [&str; 7] =
    ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];

/// Reads a schedule, if one begins here.
pub(super) fn schedule(cursor: &mut Cursor<'_>) -> Result<Option<Schedule>, Fault> {
    let every = if cursor.take_word("daily_schedule") {
        Cadence::Daily
    } else if cursor.take_word("weekly_schedule") {
        Cadence::Weekly(1)
    } else if cursor.take_word("monthly_schedule") {
        Cadence::Monthly(1)
    } else if cursor.is_word("cron") {
        cron(cursor)?
    } else {
        return Ok(None);
    };
    let mut schedule = Schedule { every, at: None, zone: None };
    if cursor.is_word("on") {
        let span = cursor.span();
        cursor.step();
        schedule.every = on(cursor, &schedule.every, span)?;
    }
    if cursor.is_word("at") {
        let span = cursor.span();
        cursor.step();
        let at = time_of_day(cursor)?;
        if matches!(schedule.every, Cadence::Cron(_)) {
            return Err(Fault::new(
                span.start..cursor.end(),
                "a cron expression has its time within",
            )
            .hint("leave `at` out"));
        }
        schedule.at = Some(at);
    }
    if cursor.take_word("tz") {
        let span = cursor.span();
        let name = cursor.need_quoted("a time zone in quotes, e.g. \"Europe/Paris\"")?;
        schedule.zone = Some(zone(&name, span)?);
    }
    Ok(Some(schedule))
}

fn cron(cursor: &mut Cursor<'_>) -> Result<Cadence, Fault> {
    cursor.step();
    let span = cursor.span();
    let pattern = cursor.need_quoted("a cron expression in quotes, e.g. cron \"0 8 * * 1-5\"")?;
    cron_fault(&pattern, span).map_or_else(|| Ok(Cadence::Cron(pattern.into())), Err)
}

/// What is wrong with a cron expression.
pub(super) fn cron_fault(pattern: &str, span: Range<usize>) -> Option<Fault> {
    let parser = CronParser::builder().seconds(Seconds::Disallowed).year(Year::Disallowed).build();
    let error = parser.parse(pattern).err()?;
    let message = format!("\"{pattern}\" is no cron expression: {}", lower(&error.to_string()));
    Some(Fault::new(span, message).hint(
        "five fields are needed: minute, hour, day of month, month, day of week, e.g. \"0 8 * * 1-5\"",
    ))
}

fn lower(sentence: &str) -> String {
    let sentence = sentence.trim_end_matches('.');
    let mut chars = sentence.chars();
    chars.next().map_or_else(String::new, |c| c.to_lowercase().chain(chars).collect())
}

/// Reads what follows `on`, which stands at `span`.
fn on(cursor: &mut Cursor<'_>, every: &Cadence, span: Range<usize>) -> Result<Cadence, Fault> {
    let day = cursor.span();
    let number = (cursor.ahead(0).kind == Kind::Number).then(|| cursor.text_ahead(0));
    let word = (cursor.ahead(0).kind == Kind::Word).then(|| cursor.text_ahead(0));
    let text = cursor.text_ahead(0);
    let in_range =
        |most: u8| number.and_then(|n| n.parse::<u8>().ok()).filter(|n| (1..=most).contains(n));
    match every {
        Cadence::Daily => Err(Fault::new(span, "a daily schedule has no day")
            .hint("leave `on` out, or write weekly_schedule on monday")),
        Cadence::Cron(_) => {
            Err(Fault::new(span, "a cron expression has its days within").hint("leave `on` out"))
        }
        Cadence::Weekly(_) => {
            if let Some(day) = in_range(7).or_else(|| word.and_then(weekday)) {
                cursor.step();
                return Ok(Cadence::Weekly(day));
            }
            let near = word.and_then(|w| did_you_mean(w, WEEKDAYS));
            Err(Fault::new(day, format!("`{text}` is no day of the week")).hint(
                near.unwrap_or_else(|| "write monday to sunday, or 1 (Monday) to 7".to_owned()),
            ))
        }
        Cadence::Monthly(_) => {
            if let Some(day) = in_range(31) {
                cursor.step();
                return Ok(Cadence::Monthly(day));
            }
            Err(Fault::new(day, format!("`{text}` is no day of the month"))
                .hint("write 1 to 31; a month that is shorter takes its last day"))
        }
    }
}

/// A day by its name or its first three letters.
fn weekday(word: &str) -> Option<u8> {
    let lower = word.to_ascii_lowercase();
    let at = WEEKDAYS.iter().position(|d| *d == lower || d.get(..3) == Some(lower.as_str()))?;
    u8::try_from(at + 1).ok()
}

/// Reads `08:00`.
fn time_of_day(cursor: &mut Cursor<'_>) -> Result<u16, Fault> {
    const EXAMPLE: &str = "a time of day, e.g. 08:00";
    let start = cursor.span().start;
    let hour: u16 = cursor.need_whole(EXAMPLE)?;
    cursor.need_sign(":", "after the hour, e.g. 08:00")?;
    let digits = cursor.text_ahead(0).len();
    let minute: u16 = cursor.need_whole(EXAMPLE)?;
    if hour < 24 && minute < 60 && digits == 2 {
        return Ok(hour * 60 + minute);
    }
    let span = start..cursor.end();
    let message = format!("`{}` is no time of day", cursor.slice(span.clone()));
    Err(Fault::new(span, message).hint("write 00:00 to 23:59"))
}

fn zone(name: &str, span: Range<usize>) -> Result<Tz, Fault> {
    name.parse().map_err(|_| {
        let names = TZ_VARIANTS.iter().map(|z| z.name());
        let same = names.clone().find(|n| n.eq_ignore_ascii_case(name));
        let near = same.or_else(|| crate::nearest::nearest(name, names));
        let hint = near.map_or_else(
            || "write a name of the IANA list, e.g. \"Europe/Paris\" or \"UTC\"".to_owned(),
            |n| format!("did you mean \"{n}\"?"),
        );
        Fault::new(span, format!("\"{name}\" is no time zone")).hint(hint)
    })
}
