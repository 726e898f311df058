//! An engine over a store on disk, with a clock that is moved by hand.

use anyhow::{Result, anyhow};
use flowgauge::config::Config;
use flowgauge::judge::engine::{Engine, Parts};
use flowgauge::judge::recent::{Long, Recent, RecentOptions};
use flowgauge::judge::rules::{World, load_text};
use flowgauge::judge::{Desk, RuleSet};
use flowgauge::logic::call::{Call, Door, ErrorClass, OutputTokens, Status, Text};
use flowgauge::logic::id::CallId;
use flowgauge::logic::quantile::exact;
use flowgauge::logic::unit::{Micros, NanoUsd, UnixMicros};
use flowgauge::record::{Heard, Recorder};
use flowgauge::serve::clock::{Clock, Hand};
use flowgauge::store::{AlertStore, Options};
use std::path::Path;
use std::sync::Arc;
use tokio::sync::Notify;

/// Monday, 2025-01-06 09:00 UTC.
const T0: i64 = 1_736_154_000_000_000;
const TICK_S: u64 = 10;
/// Calls a second.
const RATE: u64 = 100;
/// Calls told of together, as a group commit does.
const GROUP: usize = 512;

pub(crate) struct Bench {
    _dir: tempfile::TempDir,
    recent: Arc<Recent>,
    engine: Engine,
    clock: Clock,
    hand: Hand,
    wall: Clock,
    made: u64,
    failing: bool,
}

/// A call that ends at a moment: as ten models and ten intents make them.
pub(crate) fn call(n: u64, end: UnixMicros, failing: bool) -> Call {
    // Spread over 0.1 to 2 s by a multiplicative hash (Knuth, vol. 3, 6.4).
    let latency = 100_000 + n.wrapping_mul(2_654_435_761) % 1_900_000;
    let start = UnixMicros(end.0 - latency.cast_signed());
    let mut random = [0; 10];
    random[2..].copy_from_slice(&n.to_be_bytes());
    let mut call = Call::begun(CallId::new(start, random), start, end, Door::Gateway);
    call.what.leaf = true;
    call.what.stream = Some(true);
    call.what.model_requested = Some(Text::from(format!("model-{}", n % 10)));
    call.what.intent = Some(Text::from(format!("intent-{}", n / 10 % 10)));
    call.time.latency = Some(Micros(latency));
    call.time.ttft = Some(Micros(latency / 4));
    call.usage.output = Some(OutputTokens { visible: 100, ..OutputTokens::default() });
    call.cost.nanos = Some(NanoUsd(10_000_000));
    if failing || n.is_multiple_of(100) {
        (call.outcome.status, call.outcome.class) = (Status::Error, ErrorClass::Upstream5xx);
    }
    call
}

pub(crate) fn rules(text: &str, config: &Config) -> Result<RuleSet> {
    let env = |name: &str| (name == "SLACK_WEBHOOK_URL").then(|| "http://127.0.0.1:9/x".to_owned());
    load_text("alerts.yaml", text, &World { config, env: &env }).map_err(|p| anyhow!("{p}"))
}

/// What an engine over a directory is built from; its store and `Recent` are in there.
pub(crate) fn parts(
    dir: &Path,
    text: &str,
    config: &Config,
    clock: &Clock,
    (store, bell): (Arc<AlertStore>, Arc<Notify>),
) -> Result<Parts> {
    let options = RecentOptions {
        tick: config.alerts.tick,
        eval_delay: config.alerts.eval_delay,
        zone: chrono_tz::UTC,
        keep: Micros::from_millis(40 * 60_000),
    };
    Ok(Parts {
        rules: rules(text, config)?,
        config: config.alerts.clone(),
        zone: chrono_tz::UTC,
        desk: Desk::new(Arc::clone(&store), clock.clone(), [7; 32], Arc::clone(&bell))?,
        store,
        recent: Arc::new(Recent::new(options)),
        long: Long::none(),
        past: Recorder::start(&dir.join("calls"), Options::default(), clock.clone())?,
        clock: clock.clone(),
        bell,
    })
}

impl Bench {
    pub(crate) fn new(text: &str) -> Result<Self> {
        let dir = tempfile::tempdir()?;
        let (clock, hand) = Clock::frozen(UnixMicros(T0));
        let store = Arc::new(AlertStore::open(dir.path())?);
        let outbox = (store, Arc::default());
        let parts = parts(dir.path(), text, &Config::default(), &clock, outbox)?;
        let recent = Arc::clone(&parts.recent);
        let engine = Engine::open(parts)?;
        recent.refill(std::iter::empty());
        let wall = Clock::real();
        let mut bench =
            Self { _dir: dir, recent, engine, clock, hand, wall, made: 0, failing: false };
        // Half an hour of calls before the first tick.
        (0..30 * 60 / TICK_S).for_each(|_| bench.calls());
        Ok(bench)
    }

    /// Time passes up to the next tick, with its calls.
    fn calls(&mut self) {
        let from = self.clock.now();
        let gap = 1_000_000 / RATE;
        let calls: Vec<Call> = (0..RATE * TICK_S)
            .map(|n| call(self.made + n, from.after(Micros(n * gap + gap / 2)), self.failing))
            .collect();
        self.made += RATE * TICK_S;
        calls.chunks(GROUP).for_each(|group| self.recent.ended(group));
        self.hand.advance(Micros::from_millis(TICK_S * 1_000));
    }

    pub(crate) fn tick(&mut self) {
        self.calls();
        self.engine.advance(self.clock.now());
    }

    /// CPU and wall time of the engine's part of a tick, ms.
    fn measured(&mut self) -> (f64, f64) {
        self.calls();
        let (cpu, wall) = (cpu_ns(), self.wall.monotonic());
        self.engine.advance(self.clock.now());
        let wall = self.wall.monotonic().saturating_sub(wall);
        ((cpu_ns() - cpu) as f64 / 1e6, wall.0 as f64 / 1e3)
    }

    pub(crate) fn tell(&mut self, ticks: usize) -> String {
        let all: Vec<(f64, f64)> = (0..ticks).map(|_| self.measured()).collect();
        let mut cpu: Vec<f64> = all.iter().map(|(cpu, _)| *cpu).collect();
        let mut wall: Vec<f64> = all.iter().map(|(_, wall)| *wall).collect();
        format!(
            "CPU p50 {:.1} ms, most {:.1} ms; wall p50 {:.1} ms",
            quantile(&mut cpu, 0.5),
            quantile(&mut cpu, 1.0),
            quantile(&mut wall, 0.5)
        )
    }

    /// All calls fail for a tick, then none for long enough.
    pub(crate) fn storms(&mut self, cycles: usize) -> String {
        let (mut loud, mut quiet) = (Vec::new(), Vec::new());
        (0..WINDOW).for_each(|_| self.tick());
        for _ in 0..cycles {
            self.failing = true;
            loud.push(self.measured().1);
            self.failing = false;
            quiet.extend((0..WINDOW * 2).map(|_| self.measured().1));
        }
        // Of the ticks after it the slowest is the one at which they resolve; others change nothing.
        let resolved: Vec<f64> = quiet
            .chunks(WINDOW * 2)
            .map(|ticks| ticks.iter().copied().fold(0.0, f64::max))
            .collect();
        format!(
            "firing p50 {:.2} ms, most {:.2} ms; resolving p50 {:.2} ms; a tick that changes nothing p50 {:.2} ms",
            quantile(&mut loud.clone(), 0.5),
            quantile(&mut loud, 1.0),
            quantile(&mut resolved.clone(), 0.5),
            quantile(&mut quiet, 0.5)
        )
    }
}

/// Ticks of the window of `error_rate`.
const WINDOW: usize = 6;

pub(crate) fn quantile(values: &mut [f64], q: f64) -> f64 {
    exact(values, q).unwrap_or(f64::NAN)
}

/// CPU time of this thread so far, as the kernel counts it.
fn cpu_ns() -> u64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    text.split(' ').next().and_then(|first| first.parse().ok()).unwrap_or(0)
}
