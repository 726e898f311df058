//! A timetable: read from text, and the moments it names.

use crate::alert::condition::{Cadence, Condition, Schedule};
use crate::alert::language;
use crate::alert::schedule::{at, falls_on, moment, read_cron};
use crate::call::Text;
use crate::unit::UnixMicros;
use crate::window::local_date;
use chrono::{DateTime, Days, NaiveDateTime, TimeDelta};
use chrono_tz::Tz;
use std::fmt;

/// The time of day where a text names none: the guide's reports are there when work begins.
const EIGHT: u16 = 8 * 60;
/// The 29th of February is at most eight years away (1896 to 1904).
const LONGEST_PAUSE_YEARS: u32 = 9;
/// Nothing here is due more often: the shortest period that a job is about is a day, and the hours
/// between are for attempts after a failure.
const MOST_OFTEN: i64 = UnixMicros::HOUR;
/// Moments looked at to learn how often a timetable is due: five days of every hour.
const LOOKED_AT: usize = 120;
/// Absence beyond this is not counted in moments any more; a year back no report is missed by anyone.
const LOOK_BACK: i64 = 400 * UnixMicros::DAY;

/// When something is due, in a zone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Timetable {
    schedule: Schedule,
    zone: Tz,
}

/// Moments that were due in a stretch.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Due {
    /// The latest of them, oldest first.
    pub latest: Vec<UnixMicros>,
    /// Those before, oldest first: due as well, and more than were asked for.
    pub older: Vec<UnixMicros>,
}

/// Why a text is no timetable.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BadTimetable(String);

impl Timetable {
    /// Reads `08:00`, `daily_schedule`, `weekly_schedule on monday at 03:00`,
    /// `monthly_schedule on 1 at 04:00`, or five cron fields such as `0 3 * * 1`. A zone in the text
    /// goes before `zone`.
    ///
    /// # Errors
    /// Says what is wrong with the text and what to write instead.
    pub fn read(text: &str, zone: Tz) -> Result<Self, BadTimetable> {
        let schedule = read(text.trim())?;
        let table = Self { zone: schedule.zone.unwrap_or(zone), schedule };
        table.check(text)?;
        Ok(table)
    }

    /// The zone its times are in.
    #[must_use]
    pub fn zone(&self) -> Tz {
        self.zone
    }

    /// The first moment after another; nothing where there is none within nine years.
    #[must_use]
    pub fn next_after(&self, after: UnixMicros) -> Option<UnixMicros> {
        self.moments(after).next()
    }

    /// Moments after `last` up to and including `now`; `most` of them count as the latest.
    #[must_use]
    pub fn due_between(&self, last: UnixMicros, now: UnixMicros, most: usize) -> Due {
        let last = last.max(UnixMicros(now.0.saturating_sub(LOOK_BACK)));
        let mut older: Vec<UnixMicros> = self.moments(last).take_while(|t| *t <= now).collect();
        let latest = older.split_off(older.len().saturating_sub(most));
        Due { latest, older }
    }

    /// All moments after one, in order, each once.
    fn moments(&self, after: UnixMicros) -> impl Iterator<Item = UnixMicros> {
        let zone = self.zone;
        let mut last = after;
        self.wall_times(after).filter_map(move |local| moment(local, zone)).filter(move |t| {
            // Skipped times share the next valid minute.
            let new = *t > last;
            last = last.max(*t);
            new
        })
    }

    /// Times on the wall from a day before a moment on: so far a clock change can move the wall.
    fn wall_times(&self, after: UnixMicros) -> Box<dyn Iterator<Item = NaiveDateTime> + '_> {
        match &self.schedule.every {
            Cadence::Cron(text) => {
                let from = DateTime::from_timestamp_micros(after.0)
                    .map(|t| t.with_timezone(&self.zone).naive_local())
                    .and_then(|t| t.checked_sub_signed(TimeDelta::days(1)));
                let (Some(from), Ok(cron)) = (from, read_cron(text)) else {
                    return Box::new(std::iter::empty());
                };
                let step = move |t: &NaiveDateTime| cron.find_next_occurrence(t, false).ok();
                Box::new(std::iter::successors(step(&from), step))
            }
            every => {
                let minute = self.schedule.at.unwrap_or(EIGHT);
                let from =
                    local_date(after, self.zone).and_then(|d| d.checked_sub_days(Days::new(1)));
                let days = from.into_iter().flat_map(|d| d.iter_days());
                let days = days.take(366 * LONGEST_PAUSE_YEARS as usize);
                Box::new(days.filter(|d| falls_on(every, *d)).filter_map(move |d| at(d, minute)))
            }
        }
    }

    fn check(&self, text: &str) -> Result<(), BadTimetable> {
        // Any Thursday: how often something is due is the same from wherever one counts.
        let moments: Vec<UnixMicros> = self.moments(UnixMicros(0)).take(LOOKED_AT).collect();
        if moments.is_empty() {
            return Err(BadTimetable(format!("{text:?} is never due")));
        }
        let near = moments.iter().zip(moments.iter().skip(1)).any(|(a, b)| b.0 - a.0 < MOST_OFTEN);
        if near {
            let why = "is due more often than once an hour; write one minute, such as 0 8 * * *";
            return Err(BadTimetable(format!("{text:?} {why}")));
        }
        Ok(())
    }
}

impl fmt::Display for Timetable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Schedule { every, at, .. } = &self.schedule;
        let minute = at.unwrap_or(EIGHT);
        let at = format!("{:02}:{:02}", minute / 60, minute % 60);
        match every {
            Cadence::Daily => write!(f, "every day at {at}")?,
            Cadence::Weekly(day) => {
                let names = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
                let name = names.get(usize::from(*day).wrapping_sub(1)).copied();
                write!(f, "every {} at {at}", name.unwrap_or("Sunday"))?;
            }
            Cadence::Monthly(day) => write!(f, "on day {day} of every month at {at}")?,
            Cadence::Cron(text) => write!(f, "cron {text}")?,
        }
        write!(f, " ({})", self.zone.name())
    }
}

fn read(text: &str) -> Result<Schedule, BadTimetable> {
    if let Some(minute) = time_of_day(text) {
        return Ok(Schedule { every: Cadence::Daily, at: Some(minute), zone: None });
    }
    if text.contains("_schedule") || text.starts_with("cron") {
        return match language::read(text, &language::Context::default()) {
            Ok(Condition::Schedule(schedule)) => Ok(schedule),
            Ok(_) => Err(unknown(text)),
            Err(faults) => {
                let all: Vec<String> = faults.iter().map(ToString::to_string).collect();
                Err(BadTimetable(format!("{text:?}: {}", all.join("; "))))
            }
        };
    }
    if text.split_whitespace().count() == 5 {
        read_cron(text).map_err(|why| BadTimetable(format!("{text:?}: {why}")))?;
        return Ok(Schedule { every: Cadence::Cron(Text::from(text)), at: None, zone: None });
    }
    Err(unknown(text))
}

fn unknown(text: &str) -> BadTimetable {
    BadTimetable(format!(
        "{text:?} says no times; write 08:00 for every day, `weekly_schedule on monday at 03:00`, \
         `monthly_schedule on 1 at 04:00`, or five cron fields such as `0 3 * * 1`"
    ))
}

/// `08:00` as minutes after midnight.
fn time_of_day(text: &str) -> Option<u16> {
    let (hour, minute) = text.split_once(':')?;
    let two = |t: &str| t.len() == 2 && t.bytes().all(|b| b.is_ascii_digit());
    if !two(hour) || !two(minute) {
        return None;
    }
    let (hour, minute): (u16, u16) = (hour.parse().ok()?, minute.parse().ok()?);
    (hour < 24 && minute < 60).then_some(hour * 60 + minute)
}
