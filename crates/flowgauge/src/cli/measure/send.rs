//! Sends one probe, reads its answer to the end, and later asks the server what it recorded of it.

use super::super::exit::Failure;
use super::super::globals::Origin;
use super::super::remote::Remote;
use super::report::Probe;
use crate::logic::call::{CacheOutcome, Status};
use crate::query::view::RequestView;
use crate::serve::clock::Clock;
use bytes::Bytes;
use http::Method;
use http_body_util::BodyExt;
use std::time::Duration;

/// Longest a probe may take; the gateway's own limit is the same.
const PROBE_TIMEOUT: Duration = Duration::from_secs(600);
/// A row is durable within milliseconds of the answer's end; two seconds cover a busy disk.
const LOOKS: u32 = 40;
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// What every probe sends.
#[derive(Debug, Clone)]
pub(super) struct Request {
    pub(super) path: String,
    pub(super) body: String,
    pub(super) headers: Vec<(String, String)>,
}

/// Sends a probe. A refused or broken answer is a failed probe; no connection is a failure.
pub(super) async fn probe(remote: &Remote, request: &Request) -> Result<Probe, Failure> {
    let clock = Clock::real();
    let started = clock.monotonic();
    let mut headers = vec![
        ("content-type", "application/json"),
        ("accept", "text/event-stream"),
        ("x-flowgauge-source", "probe"),
    ];
    headers.extend(request.headers.iter().map(|(n, v)| (n.as_str(), v.as_str())));
    let since = |clock: &Clock| clock.monotonic().saturating_sub(started).as_millis_f64();
    let exchange = async {
        let body = Bytes::from(request.body.clone());
        let answer = remote.send(Method::POST, &request.path, &headers, body).await?;
        let id = answer.headers().get("x-flowgauge-request-id");
        let id = id.and_then(|v| v.to_str().ok()).map(str::to_owned);
        let mut ok = answer.status().is_success();
        let mut body = answer.into_body();
        let mut tail: Vec<u8> = Vec::new();
        while let Some(frame) = body.frame().await {
            let Ok(frame) = frame else {
                ok = false;
                break;
            };
            if let Some(data) = frame.data_ref() {
                ok &= !holds_error(&mut tail, data);
            }
        }
        Ok(Probe { id, ok, latency_ms: since(&clock), ..Probe::default() })
    };
    match tokio::time::timeout(PROBE_TIMEOUT, exchange).await {
        Ok(done) => done,
        Err(_) => Ok(Probe { ok: false, latency_ms: since(&clock), ..Probe::default() }),
    }
}

/// Whether an error event lies in what has come so far; keeps enough to find one across two chunks.
fn holds_error(tail: &mut Vec<u8>, data: &[u8]) -> bool {
    const MARK: &[u8] = b"event: error";
    tail.extend_from_slice(data);
    let found = memchr::memmem::find(tail, MARK).is_some();
    let keep = tail.len().min(MARK.len() - 1);
    tail.drain(..tail.len() - keep);
    found
}

/// Replaces what the client saw by what the server recorded, where it knows the probe.
pub(super) fn look_up(origin: &Origin, probes: &mut [Probe]) {
    let Origin::Server(remote) = origin else { return };
    let mut looks = LOOKS;
    for probe in probes {
        let Some(id) = probe.id.clone() else { continue };
        loop {
            if let Ok(view) = origin.request(&id) {
                take(probe, &view);
                break;
            }
            if looks == 0 {
                break;
            }
            looks -= 1;
            remote.block_on(async { tokio::time::sleep(LOOK_EVERY).await });
        }
    }
}

fn take(probe: &mut Probe, view: &RequestView) {
    probe.ok = view.status == Status::Ok;
    if let Some(latency) = view.latency_us {
        probe.latency_ms = latency.as_millis_f64();
    }
    probe.ttft_ms = view.ttft_us.map(crate::logic::unit::Micros::as_millis_f64);
    probe.input = view.input_tokens.map(|t| t.0);
    probe.output = view.output_tokens.map(|t| t.0);
    probe.cost_nanos = view.cost_nanos.map(|c| c.0);
    probe.cache_hit = match view.cache_outcome {
        CacheOutcome::HitExact | CacheOutcome::HitSemantic => Some(true),
        CacheOutcome::Miss => Some(false),
        CacheOutcome::Disabled | CacheOutcome::Bypass => None,
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_event_is_found_across_two_chunks() {
        let mut tail = Vec::new();
        assert!(!holds_error(&mut tail, b"event: token\n\neven"));
        assert!(holds_error(&mut tail, b"t: error\ndata: {}"));
    }
}
