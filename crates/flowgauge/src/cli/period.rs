//! `--since`, `--from`/`--to`, `--day`, `--now`: which stretch of time a command is about.

use super::exit::Failure;
use crate::logic::duration::{self, Span};
use crate::logic::unit::UnixMicros;
use crate::logic::window::{Window, local_date};
use chrono::{NaiveDate, NaiveDateTime, TimeZone};
use chrono_tz::Tz;

/// Stretch of time for status and health.
pub(crate) const STATUS: Span = Span::fixed(15 * UnixMicros::MINUTE);
/// Stretch of time for failures (catalogue B8, C11).
pub(crate) const ERRORS: Span = Span::fixed(30 * UnixMicros::MINUTE);
/// Stretch of time for analysis.
pub(crate) const ANALYSIS: Span = Span::fixed(UnixMicros::DAY);

/// Options that choose a stretch of time.
#[derive(Debug, Clone, Default, clap::Args)]
pub(crate) struct PeriodArgs {
    /// The last so long: 15min, 24h, 7d, 3months
    #[arg(long, visible_alias = "last", value_name = "DURATION", conflicts_with_all = ["from", "day", "now"])]
    pub(crate) since: Option<String>,
    /// First moment: 2026-11-23, "2026-11-23 10:00", RFC 3339 or now-6h
    #[arg(long, value_name = "TIME", conflicts_with_all = ["day", "now"])]
    pub(crate) from: Option<String>,
    /// First moment after; now where left out
    #[arg(long, value_name = "TIME", requires = "from")]
    pub(crate) to: Option<String>,
    /// One calendar day: 2026-11-23, today or yesterday
    #[arg(long, value_name = "DATE", conflicts_with = "now")]
    pub(crate) day: Option<String>,
    /// The last 15 minutes
    #[arg(long)]
    pub(crate) now: bool,
}

impl PeriodArgs {
    /// Whether no option was given.
    pub(crate) fn is_unset(&self) -> bool {
        self.since.is_none() && self.from.is_none() && self.day.is_none() && !self.now
    }

    /// The window meant, in the calendar of `zone`; `default` where no option was given.
    pub(crate) fn window(
        &self,
        default: Span,
        now: UnixMicros,
        zone: Tz,
    ) -> Result<Window, Failure> {
        if let Some(day) = &self.day {
            let date = date(day, now, zone)?;
            return Window::day(date, zone).ok_or_else(|| no_time(day));
        }
        if let Some(from) = &self.from {
            let to = self.to.as_ref().map_or(Ok(now), |to| moment(to, now, zone))?;
            let from_moment = moment(from, now, zone)?;
            if from_moment >= to {
                return Err(Failure::usage(format!("--from {from} does not lie before --to")));
            }
            return Ok(Window { from: from_moment, to });
        }
        let span = match &self.since {
            Some(text) => duration::parse(text).map_err(|e| Failure::usage(e.to_string()))?,
            None if self.now => STATUS,
            None => default,
        };
        Ok(Window { from: span.before(now, zone), to: now })
    }
}

fn date(text: &str, now: UnixMicros, zone: Tz) -> Result<NaiveDate, Failure> {
    let today = || local_date(now, zone).ok_or_else(|| no_time(text));
    match text {
        "today" => today(),
        "yesterday" => today()?.pred_opt().ok_or_else(|| no_time(text)),
        _ => text.parse().map_err(|_| no_time(text)),
    }
}

fn no_time(text: &str) -> Failure {
    Failure::usage(format!("{text:?} is no time"))
        .hint("write 2026-11-23, \"2026-11-23 10:00\", 2026-11-23T10:00:00Z or now-6h")
}

/// A moment as people write it.
pub(crate) fn moment(text: &str, now: UnixMicros, zone: Tz) -> Result<UnixMicros, Failure> {
    let text = text.trim();
    if text == "now" {
        return Ok(now);
    }
    if let Some(back) = text.strip_prefix("now-") {
        let span = duration::parse(back).map_err(|e| Failure::usage(e.to_string()))?;
        return Ok(span.before(now, zone));
    }
    if let Ok(exact) = chrono::DateTime::parse_from_rfc3339(text) {
        return Ok(UnixMicros(exact.timestamp_micros()));
    }
    if let Ok(day) = date(text, now, zone) {
        return Window::day(day, zone).map(|w| w.from).ok_or_else(|| no_time(text));
    }
    let formats = ["%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M"];
    let local = formats.iter().find_map(|f| NaiveDateTime::parse_from_str(text, f).ok());
    let found = local.and_then(|l| zone.from_local_datetime(&l).earliest());
    found.map(|t| UnixMicros(t.timestamp_micros())).ok_or_else(|| no_time(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixMicros = UnixMicros(1_795_518_000_000_000); // 2026-11-24T11:00:00Z

    fn period(f: impl FnOnce(&mut PeriodArgs)) -> Result<Window, Failure> {
        let mut args = PeriodArgs::default();
        f(&mut args);
        args.window(ANALYSIS, NOW, Tz::Europe__Berlin)
    }

    #[test]
    fn the_default_counts_back_from_now() {
        let window = period(|_| {}).unwrap();
        assert_eq!((window.to, window.to.0 - window.from.0), (NOW, UnixMicros::DAY));
        let window = period(|a| a.now = true).unwrap();
        assert_eq!(window.to.0 - window.from.0, 15 * UnixMicros::MINUTE);
    }

    #[test]
    fn days_follow_the_zone() {
        let day = period(|a| a.day = Some("yesterday".to_owned())).unwrap();
        assert_eq!(day.from.to_rfc3339(), "2026-11-22T23:00:00.000000Z");
        assert_eq!(day.to.0 - day.from.0, UnixMicros::DAY);
        let month = Window::month_to_date(NOW, Tz::Europe__Berlin).unwrap();
        assert_eq!(month.from.to_rfc3339(), "2026-10-31T23:00:00.000000Z");
    }

    #[test]
    fn moments_are_read_in_many_forms() {
        for text in ["2026-11-24 10:00", "2026-11-24T09:00:00Z", "now-2h"] {
            let window = period(|a| a.from = Some(text.to_owned())).unwrap();
            assert_eq!(window.from.to_rfc3339(), "2026-11-24T09:00:00.000000Z", "{text}");
        }
        assert_eq!(period(|a| a.from = Some("soon".to_owned())).unwrap_err().code, 64);
        let reversed = period(|a| {
            a.from = Some("now".to_owned());
            a.to = Some("now-1h".to_owned());
        });
        assert_eq!(reversed.unwrap_err().code, 64);
    }
}
