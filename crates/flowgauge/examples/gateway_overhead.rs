//! Added latency and CPU per request of the gateway, socket to socket.
//!
//! Starts the release binaries of flowgauge and of the scripted upstream as processes of their own,
//! then measures direct and through in interleaved rounds (performance.md protocol): p50 and p99 at
//! one connection, p50 and p99 at a fixed open-loop rate counted from the planned send time, and
//! CPU time of the server per request at eight connections. Recording is on and durable.

#![expect(clippy::print_stdout, reason = "a benchmark reports on stdout")]
#![expect(clippy::disallowed_methods, reason = "a benchmark reads the machine's clock")]

use anyhow::{Context, Result, bail};
use flowgauge_testkit::processes::Server;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

const ROUNDS: usize = 40;
const PER_ROUND: usize = 250;
const OPEN_LOOP_RATE: u32 = 2_000;
const OPEN_LOOP_REQUESTS: u32 = 20_000;
const OPEN_LOOP_CONNECTIONS: u32 = 8;
const CPU_REQUESTS: usize = 40_000;
const STATEMENT_ROUNDS: usize = 5;
/// They last less than the statements beside them.
const STATEMENT_REQUESTS: usize = 5_000;
const STATEMENT_PART: usize = 500;

fn main() -> Result<()> {
    let upstream = Server::upstream()?;
    let gauge = Server::gauge(upstream.addr)?;
    let body = chat_body(600);
    let (mut direct, mut through) = (Vec::new(), Vec::new());
    let mut to_upstream = Connection::open(upstream.addr)?;
    let mut to_gauge = Connection::open(gauge.addr)?;
    closed_loop(&mut to_upstream, &body, 500)?;
    closed_loop(&mut to_gauge, &body, 500)?;
    for _ in 0..ROUNDS {
        direct.extend(closed_loop(&mut to_upstream, &body, PER_ROUND)?);
        through.extend(closed_loop(&mut to_gauge, &body, PER_ROUND)?);
    }
    report("c=1", &mut direct, &mut through);

    let mut direct = open_loop(upstream.addr, &body)?;
    let mut through = open_loop(gauge.addr, &body)?;
    report(&format!("open loop {OPEN_LOOP_RATE}/s"), &mut direct, &mut through);

    let before = cpu_us(&gauge)?;
    let started = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| -> Result<()> {
                let mut connection = Connection::open(gauge.addr)?;
                closed_loop(&mut connection, &body, CPU_REQUESTS / 8)?;
                Ok(())
            });
        }
    });
    let per_request = (cpu_us(&gauge)? - before) as f64 / CPU_REQUESTS as f64;
    let rate = CPU_REQUESTS as f64 / started.elapsed().as_secs_f64();
    println!(
        "c=8: {per_request:.1} µs CPU per request (floor 120, limit 16–25), {rate:.0} requests/s"
    );
    println!("RSS after load: {:.1} MiB", rss_mib(&gauge)?);
    beside_statements(&gauge, &mut to_gauge, &body)
}

/// Latency through the gateway while two statements use all the processors they are given, and while none runs.
fn beside_statements(gauge: &Server, to_gauge: &mut Connection, body: &[u8]) -> Result<()> {
    let text = "SELECT sum(a.value * b.value) FROM generate_series(1, 1000000) a(value), \
                generate_series(1, 1000000) b(value)";
    let json = format!(r#"{{"sql":"{text}","timeout_s":2}}"#);
    let statement = format!(
        "POST /api/v1/sql HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\nconnection: close\r\n\
         content-length: {}\r\n\r\n{json}",
        json.len()
    );
    let (mut alone, mut beside) = (Vec::new(), Vec::new());
    for _ in 0..STATEMENT_ROUNDS {
        alone.extend(closed_loop(to_gauge, body, STATEMENT_REQUESTS)?);
        std::thread::scope(|scope| -> Result<()> {
            let running: Vec<_> =
                (0..2).map(|_| scope.spawn(|| ask(gauge.addr, &statement))).collect();
            beside.extend(closed_loop(to_gauge, body, STATEMENT_REQUESTS)?);
            for statement in running {
                let said =
                    statement.join().map_err(|_| anyhow::anyhow!("a statement panicked"))??;
                anyhow::ensure!(
                    said.contains("longer than 2 s"),
                    "a statement ended early: {said}"
                );
            }
            Ok(())
        })?;
    }
    // Parts before the whole, which sorts.
    let (usual_alone, usual_beside) = (usual_p99(&alone), usual_p99(&beside));
    let (a50, a99) = (percentile(&mut alone, 0.50), percentile(&mut alone, 0.99));
    let (b50, b99) = (percentile(&mut beside, 0.50), percentile(&mut beside, 0.99));
    println!(
        "beside two statements: through p50 {b50:.0} p99 {b99:.0} µs; without p50 {a50:.0} p99 {a99:.0} µs; \
         ratio {:.2} and {:.2}; median p99 of {STATEMENT_PART} requests {usual_beside:.0} and {usual_alone:.0} µs, ratio {:.2}",
        b50 / a50,
        b99 / a99,
        usual_beside / usual_alone
    );
    Ok(())
}

/// The median of the p99 of parts: what else the machine does for a moment disturbs some of them.
fn usual_p99(values: &[f64]) -> f64 {
    let parts = values.chunks(STATEMENT_PART);
    let mut each: Vec<f64> = parts.map(|part| percentile(&mut part.to_vec(), 0.99)).collect();
    percentile(&mut each, 0.5)
}

/// A whole answer, whatever it is.
fn ask(addr: SocketAddr, request: &str) -> Result<String> {
    let mut stream = TcpStream::connect(addr)?;
    stream.write_all(request.as_bytes())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

fn report(name: &str, direct: &mut [f64], through: &mut [f64]) {
    let (d50, d99) = (percentile(direct, 0.50), percentile(direct, 0.99));
    let (t50, t99) = (percentile(through, 0.50), percentile(through, 0.99));
    println!(
        "{name}: direct p50 {d50:.0} p99 {d99:.0} µs; through p50 {t50:.0} p99 {t99:.0} µs; \
         added p50 {:.0} µs (floor 150, limit ~20), p99 {:.0} µs",
        t50 - d50,
        t99 - d99
    );
}

fn percentile(values: &mut [f64], q: f64) -> f64 {
    flowgauge::logic::quantile::exact(values, q).unwrap_or(f64::NAN)
}

fn chat_body(size: usize) -> Vec<u8> {
    let text = "word ".repeat(size / 5);
    let json =
        format!(r#"{{"model":"gpt-4o-mini","messages":[{{"role":"user","content":"{text}"}}]}}"#);
    let head = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n\
         authorization: Bearer test\r\ncontent-length: {}\r\n\r\n",
        json.len()
    );
    [head.into_bytes(), json.into_bytes()].concat()
}

fn closed_loop(connection: &mut Connection, request: &[u8], n: usize) -> Result<Vec<f64>> {
    (0..n).map(|_| connection.exchange(request).map(|d| d.as_secs_f64() * 1e6)).collect()
}

/// Latency counts from the planned send time, so that a stall is not hidden by waiting for it.
fn open_loop(addr: SocketAddr, request: &[u8]) -> Result<Vec<f64>> {
    let gap = Duration::from_secs(1) / (OPEN_LOOP_RATE / OPEN_LOOP_CONNECTIONS);
    let workers: Vec<_> = (0..OPEN_LOOP_CONNECTIONS)
        .map(|i| {
            let request = request.to_vec();
            std::thread::spawn(move || -> Result<Vec<f64>> {
                let mut connection = Connection::open(addr)?;
                let mut planned = Instant::now() + gap * i / OPEN_LOOP_CONNECTIONS;
                let mut out = Vec::new();
                for _ in 0..OPEN_LOOP_REQUESTS / OPEN_LOOP_CONNECTIONS {
                    if let Some(wait) = planned.checked_duration_since(Instant::now()) {
                        std::thread::sleep(wait);
                    }
                    connection.exchange(&request)?;
                    out.push(planned.elapsed().as_secs_f64() * 1e6);
                    planned += gap;
                }
                Ok(out)
            })
        })
        .collect();
    let mut all = Vec::new();
    for worker in workers {
        all.extend(worker.join().map_err(|_| anyhow::anyhow!("a worker panicked"))??);
    }
    Ok(all)
}

struct Connection(BufReader<TcpStream>);

impl Connection {
    fn open(addr: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(addr)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(Duration::from_secs(10)))?;
        Ok(Self(BufReader::new(stream)))
    }

    fn exchange(&mut self, request: &[u8]) -> Result<Duration> {
        let started = Instant::now();
        self.0.get_mut().write_all(request)?;
        let mut line = String::new();
        self.0.read_line(&mut line)?;
        if !line.starts_with("HTTP/1.1 200") {
            bail!("unexpected answer {line:?}");
        }
        let mut length = None;
        loop {
            line.clear();
            self.0.read_line(&mut line)?;
            if line == "\r\n" {
                break;
            }
            let lower = line.to_ascii_lowercase();
            if let Some(value) = lower.strip_prefix("content-length:") {
                length = Some(value.trim().parse::<usize>()?);
            }
        }
        let mut body = vec![0; length.context("the answer has no content-length")?];
        self.0.read_exact(&mut body)?;
        Ok(started.elapsed())
    }
}

/// Processor time of a process so far.
fn cpu_us(server: &Server) -> Result<u64> {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", server.id()))?;
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or("").split_whitespace().collect();
    let ticks = |i: usize| fields.get(i).and_then(|f| f.parse::<u64>().ok());
    // utime and stime, in ticks of 10 ms; after the command they are fields 11 and 12.
    Ok((ticks(11).context("utime")? + ticks(12).context("stime")?) * 10_000)
}

fn rss_mib(server: &Server) -> Result<f64> {
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.id()))?;
    let line = status.lines().find(|l| l.starts_with("VmRSS")).context("VmRSS")?;
    let kib = line.split_whitespace().nth(1).context("VmRSS")?.parse::<f64>()?;
    Ok(kib / 1024.0)
}
