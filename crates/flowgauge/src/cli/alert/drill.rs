//! `alert drill`: a marked test message the way a real one takes, and how long that took.

use super::super::exit::{self, Done, Failure};
use super::super::globals::Globals;
use super::super::remote::{Remote, escaped};
use super::super::show::{self, Sheet, ShowArgs};
use crate::logic::alert::language;
use crate::serve::clock::Clock;
use crate::tell::page::alerts::{DeliveryView, DrillView, DrillWanted};
use bytes::Bytes;
use chrono::DateTime;
use http::Method;
use std::time::Duration;

/// Asked again so often while messages are on their way.
const PAUSE: Duration = Duration::from_millis(250);

/// Options of `alert drill`.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "\
Examples:
  flowgauge alert drill p95_latency_critical
  flowgauge alert drill --channel pagerduty
  flowgauge alert drill error_rate_critical --channel slack --json

Exit codes:
  0   every receiver took it
  1   a channel has no address
  2   a receiver refused it
  3   one has not answered in time; the message is tried further
  69  no server answers
  77  not permitted")]
pub(crate) struct DrillArgs {
    /// Name of a rule: all its channels, unless one is named
    #[arg(required_unless_present = "channel")]
    rule: Option<String>,
    /// Through this channel alone
    #[arg(long)]
    channel: Option<String>,
    /// How long to wait for receivers
    #[arg(long, default_value = "60s")]
    wait: String,
    #[command(flatten)]
    show: ShowArgs,
}

/// Sends one and waits for what comes of it.
pub(super) fn run(args: &DrillArgs, globals: &Globals) -> Done {
    let wait = language::duration(&args.wait)
        .map_err(|fault| Failure::usage(format!("--wait {}: {}", args.wait, fault.message)))?;
    let loaded = globals.load(false, &[])?;
    let remote = globals.remote(&loaded)?;
    let wanted = DrillWanted { rule: args.rule.clone(), channel: args.channel.clone() };
    let body = serde_json::to_vec(&wanted).map_err(|e| Failure::usage(e.to_string()))?;
    let json = [("content-type", "application/json")];
    let begun: DrillView =
        remote.call(Method::POST, "/api/v1/alerts/drill", &json, Bytes::from(body))?;
    let clock = Clock::real();
    let from = clock.monotonic();
    let mut drill = begun;
    while drill.deliveries.iter().any(is_open) && clock.monotonic().saturating_sub(from) < wait {
        pause(&remote);
        drill = remote.get(&format!("/api/v1/alerts/drill/{}", escaped(&drill.id)), &[])?;
    }
    let columns = vec!["channel", "result", "took", "attempts", "answer"];
    let mut sheet = Sheet { columns, rows: Vec::new() };
    for d in &drill.deliveries {
        let answer = d.answer.as_deref().unwrap_or("–");
        let took = took(d).unwrap_or_else(|| "–".to_owned());
        sheet.row([d.channel.as_str(), &d.state, &took, &d.attempts.to_string(), answer]);
    }
    args.show.print(&sheet, &show::json(&drill)?)?;
    Ok(drill.deliveries.iter().map(code).max().unwrap_or(exit::UNKNOWN))
}

fn pause(remote: &Remote) {
    remote.block_on(async { tokio::time::sleep(PAUSE).await });
}

/// Whether it is still on its way.
fn is_open(delivery: &DeliveryView) -> bool {
    matches!(delivery.state.as_str(), "queued" | "sending")
}

fn code(delivery: &DeliveryView) -> u8 {
    match delivery.state.as_str() {
        "delivered" | "merged" => exit::OK,
        "no_route" => exit::FINDING,
        "dead" => exit::CRITICAL,
        _ => exit::UNKNOWN,
    }
}

/// From when it was due to the attempt that counted.
fn took(delivery: &DeliveryView) -> Option<String> {
    let at = |text: &str| DateTime::parse_from_rfc3339(text).ok();
    let (due, done) = (at(&delivery.due)?, at(delivery.next.as_str())?);
    let delivered = matches!(delivery.state.as_str(), "delivered" | "dead");
    let took = (done - due).num_milliseconds();
    delivered.then(|| format!("{took} ms"))
}
