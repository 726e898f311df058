//! A pretend application with a pretend provider, for a first look: no key, no network, no traces.
//!
//! Starts flowgauge itself on a temporary folder, between readers, an application and a provider that
//! are all made up. Measures nothing of its own.

pub mod app;
pub mod book;
pub mod caller;
pub mod dice;
pub mod drive;
pub mod history;
pub mod local;
pub mod model_server;
pub mod optimised;
pub mod proof;
pub mod stage;
pub mod text;
pub mod workload;

use crate::record::{Recorder, Refused};
use crate::serve;
use crate::serve::clock::Clock;
use drive::Tally;
use serde_json::Value;
use stage::Stage;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// The cheap model of the pretend provider.
pub const SMALL: &str = "demo-small";

/// The dear one.
pub const LARGE: &str = "demo-large";

/// The application's name.
pub const SERVICE: &str = "flowreader";

/// The pretend provider's name.
pub const PROVIDER: &str = "demo";

/// Intent whose answers become slower: the most frequent one, so that it shows within minutes.
pub const SLOW_INTENT: &str = "enhance";

/// Until the answers become slower: time to have looked at the page once.
pub const SLOW_AFTER: Duration = Duration::from_secs(120);

/// Rows handed over at once: a batch of some megabytes, and a dozen commits for the week.
const CHUNK: usize = 6_000;

/// What the demo may be told.
#[derive(Debug, Clone)]
pub struct DemoOptions {
    /// Address of page, API and gateway; 127.0.0.1:4000 or, where that is taken, a free port.
    pub listen: Option<SocketAddr>,
    /// Base URL of a FlowReader that runs already, instead of the demo's own; its models are [`SMALL`] and [`LARGE`].
    pub app: Option<String>,
    /// 1 is life-like, 10 answers ten times as fast.
    pub speed: f64,
    /// The same seed makes the same demo.
    pub seed: u64,
    /// Switch all four optimisations on, with 5 % held out, and score answers.
    pub optimised: bool,
    /// Begin without the made-up week.
    pub no_history: bool,
    /// Stop by itself after so many seconds.
    pub for_seconds: Option<u64>,
    /// Send so many requests in batches instead of some for ever, each scored before the next, and stop when they are compared.
    pub calls: Option<u64>,
}

impl Default for DemoOptions {
    fn default() -> Self {
        Self {
            listen: None,
            app: None,
            speed: 1.0,
            seed: 1,
            optimised: false,
            no_history: false,
            for_seconds: None,
            calls: None,
        }
    }
}

/// Why there is no demo.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// Options that make no sense.
    #[error("speed is {0}; it must be a number above 0, e.g. 1 or 10")]
    Speed(f64),
    /// An address that is none.
    #[error("app is {0:?}; it must be where a FlowReader listens, e.g. http://127.0.0.1:3000")]
    App(String),
    /// The machine refused something.
    #[error("{doing}: {source}")]
    Io {
        /// What was being done.
        doing: &'static str,
        /// Why it failed.
        source: std::io::Error,
    },
    /// flowgauge did not start.
    #[error("start flowgauge: {0}")]
    Start(#[from] serve::StartError),
    /// The optimisations were not switched on.
    #[error("switch the optimisations on: {0}")]
    Switch(#[from] crate::logic::control::state::Refused),
    /// What the optimisations did was not told.
    #[error("ask what the optimisations did: {0}")]
    Ask(String),
    /// Scores stopped coming.
    #[error("{waiting} calls wait to be scored and none was for {seconds} s")]
    Unscored {
        /// Calls that wait.
        waiting: u64,
        /// How long nothing was scored.
        seconds: u64,
    },
    /// The made-up week was not stored.
    #[error("store the made-up week: {0}")]
    History(#[from] Refused),
}

impl DemoError {
    fn io(doing: &'static str) -> impl FnOnce(std::io::Error) -> Self {
        move |source| Self::Io { doing, source }
    }
}

/// Runs the demo until Ctrl-C, SIGTERM, the end of `for_seconds` or of `calls`; then removes what it made. Returns what
/// the optimisations did, where `calls` were to be compared and were.
///
/// # Errors
/// When a part cannot start.
pub fn run(options: DemoOptions) -> Result<Option<Value>, DemoError> {
    if !(options.speed.is_finite() && options.speed > 0.0) {
        return Err(DemoError::Speed(options.speed));
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(DemoError::io("start the runtime"))?;
    let played = runtime.block_on(async {
        let ended = stage::ended(options.for_seconds);
        let ended = ended.map_err(DemoError::io("listen for Ctrl-C"))?;
        play(&options, Clock::real(), ended).await
    });
    // Nothing of ours is left to wait for; a stray blocking task must not keep the terminal.
    runtime.shutdown_timeout(Duration::from_secs(1));
    played
}

/// The same inside a program that has a runtime, until `ended`.
///
/// # Errors
/// When a part cannot start.
pub async fn play(
    options: &DemoOptions,
    clock: Clock,
    ended: impl Future<Output = ()>,
) -> Result<Option<Value>, DemoError> {
    let folder = tempfile::Builder::new()
        .prefix("flowgauge-demo-")
        .tempdir()
        .map_err(DemoError::io("make a temporary folder"))?;
    let stage = Stage::build(options, &clock).await?;
    let mut config = stage.config(options.listen, folder.path());
    if options.optimised {
        config.quality = optimised::quality();
    }
    let running = serve::start(config, clock.clone()).await?;
    stage.open(running.addr);
    if options.optimised {
        optimised::switch_on(running.switches()).await?;
    }

    // The second half of a first look is a stop in the middle of it, so every wait ends on `ended`.
    let played = tokio::select! {
        played = perform(options, &clock, &stage, &running.recorder, running.addr) => played,
        () = ended => Ok(None),
    };
    running.stop().await;
    stage.close().await.map_err(DemoError::io("stop the pretend parts"))?;
    folder.close().map_err(DemoError::io("remove the temporary folder"))?;
    played
}

/// History, then live traffic, then the incident; ends by itself only where so many calls were asked for.
async fn perform(
    options: &DemoOptions,
    clock: &Clock,
    stage: &Stage,
    recorder: &Recorder,
    addr: SocketAddr,
) -> Result<Option<Value>, DemoError> {
    let rows = if options.no_history { 0 } else { remember(options.seed, clock, recorder).await? };
    announce(addr, rows, options.calls);
    let tally = Arc::new(Tally::default());
    let stop = CancellationToken::new();
    // Dropped with this future, which ends every request under way.
    let _stop_with_us = stop.clone().drop_guard();
    if let Some(calls) = options.calls {
        return Ok(Some(proof::proved(addr, options.seed, calls, &tally).await?));
    }
    let url = format!("http://{addr}/api/chat/stream");
    let readers = drive::run(url, options.seed, drive::PER_SECOND, Arc::clone(&tally), stop);
    let incident = async {
        tokio::time::sleep(SLOW_AFTER).await;
        stage.pace.set_slow(true);
        let sent = tally.sent.load(Ordering::Relaxed);
        eprintln!(
            "now: \"{SLOW_INTENT}\" answers take 40 % longer ({sent} live requests so far); \
             compare P95 by intent"
        );
        std::future::pending::<()>().await;
    };
    tokio::join!(readers, incident);
    Ok(None)
}

/// Stores the made-up week; how many rows it has.
async fn remember(seed: u64, clock: &Clock, recorder: &Recorder) -> Result<u64, Refused> {
    let prices = crate::logic::price::PriceBook::embedded();
    let mut week = history::history(seed, clock.now(), &prices).peekable();
    let mut stored = 0;
    while week.peek().is_some() {
        let chunk = week.by_ref().take(CHUNK).collect();
        stored += recorder.submit(chunk, Vec::new()).await?.stored;
        // Others get a turn between chunks: the page is up already.
        tokio::task::yield_now().await;
    }
    Ok(stored)
}

fn announce(addr: SocketAddr, rows: u64, calls: Option<u64>) {
    let week = match rows {
        0 => "no history".to_owned(),
        rows => format!("a week of made-up history ({rows} calls)"),
    };
    eprintln!("flowgauge demo on http://{addr}");
    if let Some(calls) = calls {
        eprintln!(
            "  {week} and {calls} live requests, each scored; then what each optimisation did"
        );
    } else {
        eprintln!("  {week} and about {} live requests a second", drive::PER_SECOND);
        eprintln!("  look at: latency by intent; cost by model (translations go to the dear one)");
        eprintln!("  in two minutes \"{SLOW_INTENT}\" answers begin to take 40 % longer");
    }
    eprintln!("  everything lies in a temporary folder that is removed on exit; stop with Ctrl-C");
}
