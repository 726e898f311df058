//! `metrics watch`: one line per interval from observed traffic, in the guide's own words.

use super::ask::Where;
use super::exit::{self, Done, Failure};
use super::globals::{Globals, Origin};
use super::show;
use crate::logic::duration;
use crate::logic::kpi::Kpi;
use crate::logic::unit::{Micros, UnixMicros};
use crate::logic::window::Window;
use crate::serve::clock::Clock;
use chrono_tz::Tz;
use std::io::IsTerminal;
use std::time::Duration;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Interval and duration where none are given, seconds (the guide's).
const INTERVAL_S: u64 = 30;
const DURATION_S: u64 = 3_600;
/// Clears the screen and goes to its top left.
const CLEAR: &str = "\u{1b}[2J\u{1b}[H";

/// Options of `metrics watch`.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "\
Examples:
  flowgauge metrics watch --interval 10 --duration 30min
  flowgauge metrics watch 30 3600 --where service=flowreader --fail-on-alert

Figures are kept by whole minutes: a line covers its interval, widened to the minute.

Exit codes:
  0    the duration is over
  1    --fail-on-alert, and there was an alert
  64   wrong usage
  69   neither a server nor a data directory
  130  interrupted")]
pub(crate) struct WatchArgs {
    /// As --interval
    #[arg(value_name = "INTERVAL", value_parser = seconds)]
    interval_first: Option<u64>,
    /// As --duration
    #[arg(value_name = "DURATION", value_parser = seconds)]
    duration_second: Option<u64>,
    /// Between two lines: 30, 10s, 1min; a bare number is seconds
    #[arg(long, value_parser = seconds)]
    interval: Option<u64>,
    /// In all: 3600, 30min; a bare number is seconds
    #[arg(long, value_parser = seconds)]
    duration: Option<u64>,
    /// On a terminal, redraw one screen until interrupted
    #[arg(long, visible_aliases = ["live", "real-time"])]
    follow: bool,
    /// End with exit code 1 where any line alerted
    #[arg(long)]
    fail_on_alert: bool,
    /// Only calls with this value of a dimension
    #[arg(long = "where", value_name = "DIM=VALUE")]
    filter: Vec<String>,
}

/// A bare number is seconds.
pub(super) fn seconds(text: &str) -> Result<u64, String> {
    let parsed = match text.parse::<u64>() {
        Ok(seconds) => Some(seconds),
        Err(_) => {
            let span = duration::parse(text).map_err(|e| e.to_string())?;
            span.as_micros().map(|m| m.0 / 1_000_000)
        }
    };
    // A year: longer is a slip of the finger.
    parsed
        .filter(|s| (1..=366 * 86_400).contains(s))
        .ok_or_else(|| format!("{text:?} must be from one second to a year"))
}

/// The figures of a line; what is not known is `n/a`.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Figures {
    p95_ms: Option<f64>,
    tokens: Option<f64>,
    quality: Option<f64>,
    cache: Option<f64>,
}

/// Prints lines until the duration is over.
pub(crate) fn run(args: &WatchArgs, globals: &Globals) -> Done {
    let loaded = globals.load(false, &[])?;
    let filter = Where::parse(&args.filter)?;
    let origin = globals.origin(&loaded)?;
    let interval = args.interval.or(args.interval_first).unwrap_or(INTERVAL_S);
    let screen = args.follow && std::io::stdout().is_terminal();
    let duration = match args.duration.or(args.duration_second) {
        None if screen => u64::MAX,
        given => given.unwrap_or(DURATION_S),
    };
    if !screen {
        show::line("Starting real-time performance monitoring...")?;
        show::line(&format!("Interval: {interval}s, Duration: {duration}s"))?;
    }
    let (runtime, mut interrupt) = waiting()?;
    let clock = Clock::real();
    let started = clock.monotonic();
    let mut alerted = false;
    loop {
        let now = clock.now();
        let figures = figures(&origin, window(interval, now), &filter)?;
        let alerts = alerts(figures);
        alerted |= !alerts.is_empty();
        let mut lines = vec![line(figures, now, loaded.config.time_zone)];
        lines.extend(alerts);
        if screen {
            let end = "\n\nCtrl-C ends.";
            show::line(&format!(
                "{CLEAR}flowgauge, every {interval} s\n\n{}{end}",
                lines.join("\n")
            ))?;
        } else {
            show::line(&lines.join("\n"))?;
        }
        let spent = clock.monotonic().saturating_sub(started).0 / 1_000_000;
        if spent.saturating_add(interval) >= duration {
            let rest = duration.saturating_sub(spent);
            let stopped = runtime.block_on(wait(rest, &mut interrupt));
            return Ok(if stopped {
                exit::INTERRUPTED
            } else {
                end(args.fail_on_alert && alerted)
            });
        }
        if runtime.block_on(wait(interval, &mut interrupt)) {
            return Ok(exit::INTERRUPTED);
        }
    }
}

fn end(finding: bool) -> u8 {
    if finding { exit::FINDING } else { exit::OK }
}

/// A runtime to wait on, and a listener that misses no interrupt between two waits.
pub(super) fn waiting() -> Result<(tokio::runtime::Runtime, Signal), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let interrupt = {
        let _inside = runtime.enter();
        signal(SignalKind::interrupt())?
    };
    Ok((runtime, interrupt))
}

/// Waits; true where the user interrupted.
pub(super) async fn wait(seconds: u64, interrupt: &mut Signal) -> bool {
    tokio::select! {
        biased;
        _ = interrupt.recv() => true,
        () = tokio::time::sleep(Duration::from_secs(seconds)) => false,
    }
}

fn window(interval: u64, now: UnixMicros) -> Window {
    let length = Micros::from_millis(interval.saturating_mul(1_000));
    Window::last(i64::try_from(length.0).unwrap_or(i64::MAX), now)
}

fn figures(origin: &Origin, window: Window, filter: &Where) -> Result<Figures, Failure> {
    // None of the four figures follows the calendar, so the zone does not matter.
    let snapshot = origin.snapshot(window, filter, Tz::UTC)?;
    let value = |name: &str| snapshot.kpis.iter().find(|k| k.name == name).and_then(|k| k.value);
    Ok(Figures {
        p95_ms: value("p95_latency"),
        tokens: value("tokens_per_request"),
        quality: value("quality_score"),
        cache: value("cache_hit_rate"),
    })
}

fn whole(value: Option<f64>, unit: &str) -> String {
    value.map_or_else(|| "n/a".to_owned(), |v| format!("{v:.0}{unit}"))
}

fn line(figures: Figures, now: UnixMicros, zone: Tz) -> String {
    let time = chrono::DateTime::from_timestamp_micros(now.0).map_or_else(
        || now.to_rfc3339(),
        |t| t.with_timezone(&zone).format("%Y-%m-%d %H:%M:%S").to_string(),
    );
    format!(
        "[{time}] P95: {} | Tokens: {} | Quality: {} | Cache: {}",
        whole(figures.p95_ms, "ms"),
        whole(figures.tokens, ""),
        whole(figures.quality, "%"),
        whole(figures.cache, "%"),
    )
}

/// The guide's two inline alerts, with the limits of the catalogue.
fn alerts(figures: Figures) -> Vec<String> {
    let mut out = Vec::new();
    let slow = Kpi::find("p95_latency").and_then(|k| k.warning);
    if let (Some(p95), Some(limit)) = (figures.p95_ms, slow)
        && p95 > limit
    {
        out.push(format!("⚠️  ALERT: P95 latency above threshold ({p95:.0}ms > {limit:.0}ms)"));
    }
    let poor = Kpi::find("quality_score").and_then(|k| k.target);
    if let (Some(quality), Some(limit)) = (figures.quality, poor)
        && quality < limit
    {
        out.push(format!("⚠️  ALERT: Quality below threshold ({quality:.0}% < {limit:.0}%)"));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixMicros = UnixMicros(1_795_514_400_000_000);

    #[test]
    fn a_line_reads_as_the_guide_prints_it() {
        let figures =
            Figures { p95_ms: Some(812.4), tokens: Some(431.0), quality: None, cache: Some(31.2) };
        let expected = "[2026-11-24 10:00:00] P95: 812ms | Tokens: 431 | Quality: n/a | Cache: 31%";
        let shown = line(figures, UnixMicros(NOW.0), Tz::UTC);
        assert_eq!(shown.split(']').next_back(), expected.split(']').next_back());
        assert!(shown.starts_with("[2026-11-2"), "{shown}");
    }

    #[test]
    fn alerts_need_a_value_beyond_the_limit() {
        assert!(alerts(Figures::default()).is_empty());
        let slow = Figures { p95_ms: Some(2_500.0), quality: Some(79.0), ..Figures::default() };
        assert_eq!(
            alerts(slow),
            [
                "⚠️  ALERT: P95 latency above threshold (2500ms > 2000ms)",
                "⚠️  ALERT: Quality below threshold (79% < 80%)",
            ]
        );
    }

    #[test]
    fn a_bare_number_is_seconds() {
        assert_eq!(seconds("30"), Ok(30));
        assert_eq!(seconds("30min"), Ok(1_800));
        assert!(seconds("0").is_err() && seconds("1month").is_err() && seconds("200ms").is_err());
    }
}
