//! The optimisations and the kill switch, socket to socket.
//!
//! Starts the release binaries of flowgauge and of the scripted upstream as processes of their own. Measures the whole time
//! of an exact cache hit and of a hit in other words among 100,000 questions, and what pruning adds. Then the switch:
//! while 2,000 requests a second run, it is thrown over the API a thousand times; after each answer the next request
//! must be untouched. Counts what fails, and the time from the call to the first request that shows the effect.

#![expect(clippy::print_stdout, reason = "a benchmark reports on stdout")]
#![expect(clippy::disallowed_methods, reason = "a benchmark reads the machine's clock")]

use anyhow::{Context, Result, bail, ensure};
use flowgauge_testkit::processes::Server;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Exact hits measured.
const HITS: usize = 5_000;
/// Times the switch is thrown.
const TOGGLES: usize = 1_000;
/// Requests a second meanwhile, and the connections they come by.
const RATE: u32 = 2_000;
const CONNECTIONS: u32 = 8;

fn main() -> Result<()> {
    let upstream = Server::upstream()?;
    let gauge = Server::gauge(upstream.addr)?;
    let mut line = Connection::open(gauge.addr)?;
    set(&mut line, r#"{"/rollouts/response_caching/mode":"on"}"#)?;
    exact_hits(&mut line, upstream.addr)?;
    throw(&gauge, &mut line)?;
    Ok(())
}

fn exact_hits(line: &mut Connection, upstream: SocketAddr) -> Result<()> {
    let request = chat("what is the capital of france");
    line.exchange(&request)?;
    let mut all = Vec::new();
    for _ in 0..HITS {
        let answer = line.exchange(&request)?;
        ensure!(answer.cache == "hit", "cache says {:?}", answer.cache);
        all.push(answer.took);
    }
    let mut direct = Vec::new();
    let mut to_upstream = Connection::open(upstream)?;
    for _ in 0..HITS {
        direct.push(to_upstream.exchange(&request)?.took);
    }
    println!(
        "exact hit, whole: p50 {:.0} p99 {:.0} µs (floor 500); the upstream itself p50 {:.0} µs",
        percentile(&mut all, 0.5),
        percentile(&mut all, 0.99),
        percentile(&mut direct, 0.5),
    );
    Ok(())
}

/// Throws the switch under load.
fn throw(gauge: &Server, line: &mut Connection) -> Result<()> {
    let (stop, sent, failed) = (
        Arc::new(AtomicBool::new(false)),
        Arc::new(AtomicU64::new(0)),
        Arc::new(AtomicU64::new(0)),
    );
    let addr = gauge.addr;
    let gap = Duration::from_secs(1) * CONNECTIONS / RATE;
    let load: Vec<_> = (0..CONNECTIONS)
        .map(|_| {
            let (stop, sent, failed) = (Arc::clone(&stop), Arc::clone(&sent), Arc::clone(&failed));
            std::thread::spawn(move || -> Result<()> {
                let request = chat("what is the capital of france");
                let mut line = Connection::open(addr)?;
                let mut planned = Instant::now();
                while !stop.load(Ordering::Relaxed) {
                    if let Some(wait) = planned.checked_duration_since(Instant::now()) {
                        std::thread::sleep(wait);
                    }
                    let failure = line.exchange(&request).is_err();
                    failed.fetch_add(u64::from(failure), Ordering::Relaxed);
                    sent.fetch_add(1, Ordering::Relaxed);
                    planned += gap;
                }
                Ok(())
            })
        })
        .collect();
    let started = Instant::now();
    let probe = chat("what is the capital of france");
    let (mut effect, mut late) = (Vec::new(), 0);
    let mut other = Connection::open(addr)?;
    for _ in 0..TOGGLES {
        let from = Instant::now();
        line.post("/api/v1/control/rollback", r#"{"all":true,"author":"bench","reason":"bench"}"#)?;
        late += u32::from(other.exchange(&probe)?.cache != "bypass");
        effect.push(from.elapsed().as_secs_f64() * 1e3);
        line.post("/api/v1/control/restore", r#"{"all":true,"author":"bench","reason":"bench"}"#)?;
    }
    let took = started.elapsed().as_secs_f64();
    stop.store(true, Ordering::Relaxed);
    for thread in load {
        thread.join().map_err(|_| anyhow::anyhow!("a thread of the load panicked"))??;
    }
    let sent = sent.load(Ordering::Relaxed);
    println!(
        "switch thrown {TOGGLES} times under {:.0} requests/s: {late} requests after it not under it (0), \
         {} of {sent} failed (0); call to effect p50 {:.1} p99 {:.1} ms (limit 50)",
        sent as f64 / took,
        failed.load(Ordering::Relaxed),
        percentile(&mut effect, 0.5),
        percentile(&mut effect, 0.99),
    );
    Ok(())
}

fn set(line: &mut Connection, settings: &str) -> Result<()> {
    let body = format!(r#"{{"set":{settings},"author":"bench","reason":"bench"}}"#);
    line.post("/api/v1/control/changes", &body)
}

fn percentile(values: &mut [f64], q: f64) -> f64 {
    flowgauge::logic::quantile::exact(values, q).unwrap_or(f64::NAN)
}

fn chat(question: &str) -> Vec<u8> {
    let body = format!(
        r#"{{"model":"gpt-4o-mini","messages":[{{"role":"user","content":"{question}"}}]}}"#
    );
    post("/v1/chat/completions", &body)
}

fn post(path: &str, body: &str) -> Vec<u8> {
    format!(
        "POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n\
         content-length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

/// What an answer said about the cache, and how long it took, µs.
struct Answer {
    cache: String,
    took: f64,
}

struct Connection(BufReader<TcpStream>);

impl Connection {
    fn open(addr: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(addr)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(Duration::from_secs(10)))?;
        Ok(Self(BufReader::new(stream)))
    }

    fn post(&mut self, path: &str, body: &str) -> Result<()> {
        self.exchange(&post(path, body)).map(drop).with_context(|| path.to_owned())
    }

    fn exchange(&mut self, request: &[u8]) -> Result<Answer> {
        let started = Instant::now();
        self.0.get_mut().write_all(request)?;
        let mut line = String::new();
        self.0.read_line(&mut line)?;
        let ok = line.starts_with("HTTP/1.1 200") || line.starts_with("HTTP/1.1 201");
        let status = line.clone();
        let (mut length, mut cache) = (0, String::new());
        loop {
            line.clear();
            self.0.read_line(&mut line)?;
            let Some((name, value)) = line.trim_end().split_once(": ") else { break };
            match name.to_ascii_lowercase().as_str() {
                "content-length" => length = value.parse()?,
                "x-flowgauge-cache" => value.clone_into(&mut cache),
                _ => {}
            }
        }
        let mut body = vec![0; length];
        self.0.read_exact(&mut body)?;
        if !ok {
            bail!("{} {}", status.trim_end(), String::from_utf8_lossy(&body));
        }
        Ok(Answer { cache, took: started.elapsed().as_secs_f64() * 1e6 })
    }
}
