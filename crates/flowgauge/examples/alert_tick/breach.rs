//! From the moment calls break a limit to the moment a receiver on this machine has read the message.

use super::bench::{call, parts, quantile, rules};
use anyhow::{Context, Result};
use flowgauge::config::Config;
use flowgauge::judge::engine::{Engine, Reload, Reloads};
use flowgauge::logic::call::Text;
use flowgauge::logic::unit::Micros;
use flowgauge::record::Heard;
use flowgauge::serve::clock::Clock;
use flowgauge::store::AlertStore;
use flowgauge::tell::deliver::ways::Ways;
use flowgauge::tell::deliver::{Channels, Deliver};
use std::fmt::Write as _;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, mpsc};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

const BREACHES: usize = 100;
/// Enough for the fewest samples of an error rate.
const CALLS: u64 = 60;
/// Longer than any tick here.
const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) fn measure(tick_ms: u64) -> Result<String> {
    let dir = tempfile::tempdir()?;
    let clock = Clock::real();
    let (listener, came) = receiver(clock.clone())?;
    let mut config = Config::default();
    config.alerts.tick = Micros::from_millis(tick_ms);
    let text = text(&listener);
    let store = Arc::new(AlertStore::open(dir.path())?);
    let ways = Arc::new(Ways::new(&config.alerts, Vec::new(), clock.clone())?);
    let channels = Channels::new(&rules(&text, &config)?.channels, None);
    let deliver = Deliver::new(Arc::clone(&store), ways, channels, clock.clone());
    let parts = parts(dir.path(), &text, &config, &clock, (store, deliver.bell()))?;
    let recent = Arc::clone(&parts.recent);
    let engine = Engine::open(parts)?;
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let stop = CancellationToken::new();
    let reloads = Reloads {
        wanted: Arc::default(),
        read: Box::new(|| Reload::Refused("nothing is read again".to_owned())),
        config: config.alerts.clone(),
    };
    runtime.spawn(engine.run(reloads, stop.clone()));
    runtime.spawn(deliver.run(stop.clone()));
    let mut took = Vec::with_capacity(BREACHES);
    for breach in 0..BREACHES {
        // Breaches fall anywhere between two ticks.
        #[expect(
            clippy::disallowed_methods,
            reason = "breaches come when they come, not when something is ready"
        )]
        std::thread::sleep(Duration::from_millis(7 + (breach as u64 * 37) % tick_ms));
        let now = clock.now();
        let calls: Vec<_> = (0..CALLS)
            .map(|n| {
                let mut call = call(breach as u64 * CALLS + n, now, true);
                call.what.model_requested = Some(Text::from(format!("broken-{breach}")));
                call
            })
            .collect();
        let begun = clock.monotonic();
        recent.ended(&calls);
        let wanted = format!("r{breach}!");
        loop {
            let (body, at) = came.recv_timeout(PATIENCE).context("a breach was not told")?;
            if body.contains(&wanted) {
                took.push(at.saturating_sub(begun).0 as f64 / 1e3);
                break;
            }
        }
    }
    stop.cancel();
    runtime.shutdown_timeout(Duration::from_secs(5));
    Ok(format!(
        "p50 {:.1} ms, p99 {:.1} ms of {BREACHES}",
        quantile(&mut took.clone(), 0.5),
        quantile(&mut took, 0.99)
    ))
}

fn text(listener: &str) -> String {
    let mut text = format!(
        "channels:\n  hook: {{type: webhook, url: \"{listener}\", per_second: 1000}}\nalerts:\n"
    );
    for n in 0..BREACHES {
        // Writing to a text cannot fail.
        let _ = write!(
            text,
            "- alert: r{n}\n  condition: 'error_rate{{model=\"broken-{n}\"}} > 5%'\n  severity: critical\n  \
             channels: [hook]\n  message: \"r{n}! {{{{value}}}}%\"\n"
        );
    }
    text
}

/// A receiver that accepts everything: its address, and what came when.
fn receiver(clock: Clock) -> Result<(String, mpsc::Receiver<(String, Micros)>)> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = format!("http://{}/hook", listener.local_addr()?);
    // One message for each breach.
    let (tell, came) = mpsc::sync_channel(BREACHES);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let (tell, clock) = (tell.clone(), clock.clone());
            std::thread::spawn(move || serve(stream, &tell, &clock));
        }
    });
    Ok((address, came))
}

fn serve(mut stream: TcpStream, tell: &mpsc::SyncSender<(String, Micros)>, clock: &Clock) {
    let mut read = Vec::new();
    let mut chunk = [0; 16_384];
    while let Ok(n) = stream.read(&mut chunk) {
        if n == 0 {
            return;
        }
        read.extend_from_slice(chunk.get(..n).unwrap_or_default());
        if let Some(body) = whole(&read) {
            let at = clock.monotonic();
            if tell.send((body, at)).is_err() {
                return;
            }
            read.clear();
            if stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").is_err() {
                return;
            }
        }
    }
}

/// The body of a request that has come in whole.
fn whole(read: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(read);
    let (head, body) = text.split_once("\r\n\r\n")?;
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok())?
    })?;
    (body.len() >= length).then(|| body.to_owned())
}
