//! Live views: something said at every interval, until a duration is over or somebody interrupts.

use super::exit::Failure;
use super::show;
use super::watch::{seconds, wait, waiting};
use crate::logic::unit::{Micros, UnixMicros};
use crate::logic::window::Window;
use crate::serve::clock::Clock;
use std::io::IsTerminal as _;

/// Clears the screen and goes to its top left.
const CLEAR: &str = "\u{1b}[2J\u{1b}[H";

/// Options of a live view.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct CadenceArgs {
    /// Between two lines: 30, 10s, 1min; a bare number is seconds
    #[arg(long, value_parser = seconds)]
    interval: Option<u64>,
    /// In all: 3600, 30min; until interrupted unless given
    #[arg(long, value_parser = seconds)]
    duration: Option<u64>,
    /// On a terminal, redraw one screen
    #[arg(long, visible_aliases = ["live", "real-time"])]
    follow: bool,
}

/// How a live view ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ended {
    /// Its duration was over.
    Over,
    /// Somebody interrupted.
    Interrupted,
}

/// One look.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Look {
    /// Now.
    pub(crate) now: UnixMicros,
    /// The last interval.
    pub(crate) window: Window,
}

impl CadenceArgs {
    /// Says lines at every interval, `usual` seconds unless told otherwise; to `say`, or to a screen that is redrawn.
    pub(crate) fn run(
        &self,
        usual: u64,
        say: fn(&str) -> Result<(), Failure>,
        mut lines: impl FnMut(Look) -> Result<Vec<String>, Failure>,
    ) -> Result<Ended, Failure> {
        let interval = self.interval.unwrap_or(usual);
        let screen = self.follow && std::io::stdout().is_terminal();
        let duration = self.duration.unwrap_or(u64::MAX);
        let (runtime, mut interrupt) = waiting()?;
        let clock = Clock::real();
        let started = clock.monotonic();
        loop {
            let now = clock.now();
            let length = Micros::from_millis(interval.saturating_mul(1_000));
            let window = Window::last(i64::try_from(length.0).unwrap_or(i64::MAX), now);
            let text = lines(Look { now, window })?.join("\n");
            if screen {
                let head = format!("{CLEAR}flowgauge, every {interval} s");
                show::line(&format!("{head}\n\n{text}\n\nCtrl-C ends."))?;
            } else {
                say(&text)?;
            }
            let spent = clock.monotonic().saturating_sub(started).0 / 1_000_000;
            let left = duration.saturating_sub(spent);
            if runtime.block_on(wait(interval.min(left), &mut interrupt)) {
                return Ok(Ended::Interrupted);
            }
            if left <= interval {
                return Ok(Ended::Over);
            }
        }
    }
}

/// `[2026-11-23 10:00:00]` in a zone.
pub(crate) fn stamp(now: UnixMicros, zone: chrono_tz::Tz) -> String {
    chrono::DateTime::from_timestamp_micros(now.0).map_or_else(
        || now.to_rfc3339(),
        |t| t.with_timezone(&zone).format("[%Y-%m-%d %H:%M:%S]").to_string(),
    )
}
