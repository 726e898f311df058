//! `alert send` and `alert notify`: telling people by hand, through the same pipeline as rules: deduplicated, grouped,
//! silenced and repeated like any other alert.

use super::super::ask::Where;
use super::super::exit::{self, BAD_CONFIG, CRITICAL, Done, Failure, TRY_LATER};
use super::super::globals::{self, Globals};
use super::super::period;
use super::super::remote::{Remote, escaped};
use super::super::show;
use crate::logic::alert::language;
use crate::logic::incident::Grade;
use crate::logic::kpi::State;
use crate::query::health::{Health, Verdict};
use crate::serve::clock::Clock;
use crate::tell::page::alerts::{EpisodeDetail, EpisodePage};
use bytes::Bytes;
use http::Method;
use http::StatusCode;
use std::collections::BTreeMap;
use std::time::Duration;

/// Asked again so often while the message is on its way.
const PAUSE: Duration = Duration::from_millis(250);
/// Open episodes of one name that are looked through: teams and grades are a handful.
const OPEN_OF_A_NAME: &str = "100";
/// The receiver that every alert has: nobody is told by it.
const SHOWN_ONLY: &str = "flowgauge";
/// What a magnitude may be: a thousandfold change is a mistake of a decimal point.
const MOST: f64 = 1_000.0;

/// What is told of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Kind {
    /// A value and the threshold it crossed
    Threshold,
    /// A figure that got worse, and by how much
    Regression,
}

/// Options of `alert send`.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "\
Examples:
  flowgauge alert send --kind threshold --type p95_latency --value 2600ms --threshold 2500ms
  flowgauge alert send --kind regression --type latency --magnitude 0.24 --severity warning

It goes to the channels of alerts.posted_to, ends by itself after five minutes, and is one with the same alert sent
meanwhile.

Exit codes:
  0   every receiver took it
  2   a receiver refused it
  64  wrong usage
  69  no server answers
  75  accepted, and not delivered when --wait was over
  77  not permitted
  78  no channel hears of it: alerts.posted_to is empty")]
pub(crate) struct SendArgs {
    /// What is told of
    #[arg(long, value_enum)]
    kind: Kind,
    /// Of what: latency, token, quality, or a name of your own
    #[arg(long = "type", value_name = "TYPE")]
    what: String,
    /// The value
    #[arg(long, required_if_eq("kind", "threshold"))]
    value: Option<String>,
    /// The threshold it crossed
    #[arg(long, required_if_eq("kind", "threshold"))]
    threshold: Option<String>,
    /// Relative change with its sign: 0.24 is 24 % more
    #[arg(long, allow_negative_numbers = true, required_if_eq("kind", "regression"), value_parser = fraction)]
    magnitude: Option<f64>,
    /// critical, warning or info
    #[arg(long, default_value = "warning", value_parser = ["critical", "warning", "info"])]
    severity: String,
    #[command(flatten)]
    wait: WaitArgs,
}

/// Options of `alert notify`.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "\
Examples:
  flowgauge alert notify emergency-team --severity critical
  flowgauge alert notify operations-team --severity medium --message \"costs rise\"

How things stand goes with it. The team is a label, by which routes of an Alertmanager and silences may tell them apart.

Exit codes:
  0   every receiver took it
  2   a receiver refused it
  64  wrong usage
  69  no server answers
  75  accepted, and not delivered when --wait was over
  77  not permitted
  78  no channel hears of it: alerts.posted_to is empty")]
pub(crate) struct NotifyArgs {
    /// Who
    #[arg(value_parser = ["emergency-team", "operations-team"])]
    team: String,
    /// critical, high or medium
    #[arg(long, default_value = "high", value_parser = ["critical", "high", "medium"])]
    severity: String,
    /// What to say
    #[arg(long, default_value = "")]
    message: String,
    #[command(flatten)]
    wait: WaitArgs,
}

/// How long a command looks after what it sent.
#[derive(Debug, Clone, clap::Args)]
struct WaitArgs {
    /// How long to wait for receivers: an evaluation is every 10 s
    #[arg(long, default_value = "15s")]
    wait: String,
}

/// An alert as it is posted.
#[derive(Debug)]
struct Told {
    name: String,
    severity: String,
    labels: Vec<(&'static str, String)>,
    annotations: Vec<(&'static str, String)>,
}

fn fraction(text: &str) -> Result<f64, String> {
    let parsed = text.parse::<f64>().ok().filter(|m| m.is_finite() && m.abs() <= MOST);
    parsed.ok_or_else(|| format!("{text:?} is no relative change; write for example 0.24"))
}

/// Tells of a threshold or a regression.
pub(super) fn send(args: &SendArgs, globals: &Globals) -> Done {
    let what = args.what.trim();
    if what.is_empty() {
        return Err(Failure::usage("--type is empty"));
    }
    let summary = match (args.kind, args.magnitude) {
        (Kind::Regression, Some(magnitude)) => regressed(what, magnitude),
        _ => {
            let word = |text: &Option<String>| text.clone().unwrap_or_default();
            format!("{what}: {} (threshold {})", word(&args.value), word(&args.threshold))
        }
    };
    let kind = if args.kind == Kind::Regression { "regression" } else { "threshold" };
    let mut annotations = vec![("summary", summary)];
    annotations.extend(args.value.clone().map(|v| ("value", v)));
    annotations.extend(args.threshold.clone().map(|t| ("threshold", t)));
    annotations.extend(args.magnitude.map(|m| ("magnitude", m.to_string())));
    let told = Told {
        name: format!("{what}_{kind}"),
        severity: args.severity.clone(),
        labels: vec![("kind", kind.to_owned()), ("type", what.to_owned())],
        annotations,
    };
    tell(&told, &args.wait, globals)
}

/// The guide's words for it; a fraction inside is a percentage for people (S58).
fn regressed(what: &str, magnitude: f64) -> String {
    let way = if magnitude < 0.0 { "fell" } else { "rose" };
    format!("{what} {way} by {:.1}%", magnitude.abs() * 100.0)
}

/// Tells a team how things stand.
pub(super) fn notify(args: &NotifyArgs, globals: &Globals) -> Done {
    let loaded = globals.load(false, &[])?;
    let zone = loaded.config.time_zone;
    let window = period::PeriodArgs::default().window(period::STATUS, globals::now(), zone)?;
    let health = globals.origin(&loaded)?.health(window, false, &Where::default(), zone)?;
    let grade = match args.severity.as_str() {
        "critical" => Grade::Critical,
        "high" => Grade::High,
        _ => Grade::Medium,
    };
    let message = match args.message.trim() {
        "" => String::new(),
        text => format!(": {text}"),
    };
    let told = Told {
        name: format!("notify_{}", args.team.replace('-', "_")),
        severity: grade.alert().to_owned(),
        labels: vec![("team", args.team.clone()), ("grade", args.severity.clone())],
        annotations: vec![
            ("summary", format!("{}, {} ({}){message}", args.team, args.severity, grade.level())),
            ("description", standing(&health)),
        ],
    };
    tell(&told, &args.wait, globals)
}

/// How things stand, in a line.
fn standing(health: &Health) -> String {
    let off = health.kpis.iter().filter(|k| matches!(k.state, State::Alert | State::Critical));
    let mut parts: Vec<String> = off
        .map(|k| format!("{} {} ({})", k.name, super::super::health::shown(k), k.state.words()))
        .collect();
    let troubled = health.components.iter().filter(|c| c.state != Verdict::Ok);
    parts.extend(troubled.map(|c| format!("{}: {}", c.name, c.detail)));
    if !parts.is_empty() {
        return parts.join(", ");
    }
    let quiet = health.overall == Verdict::Unknown;
    if quiet { "no requests in the last 15 minutes" } else { "all figures within limits" }
        .to_owned()
}

fn tell(told: &Told, wait: &WaitArgs, globals: &Globals) -> Done {
    let limit = language::duration(&wait.wait)
        .map_err(|fault| Failure::usage(format!("--wait {}: {}", wait.wait, fault.message)))?;
    let loaded = globals.load(false, &[])?;
    let remote = globals.remote(&loaded)?;
    let clock = Clock::real();
    let begun = clock.now();
    post(&remote, told)?;
    if !is_told(&remote, &told.name)? {
        let message =
            "no channel hears of it, it is only shown: the server's alerts.posted_to is empty";
        return Err(Failure::new(BAD_CONFIG, message)
            .hint("write for example `alerts: {posted_to: [slack, email]}`, and restart"));
    }
    let from = clock.monotonic();
    let mut seen = None;
    while clock.monotonic().saturating_sub(from) < limit {
        seen = episode(&remote, told)?;
        if let Some(code) = seen.as_ref().and_then(settled) {
            show::line(&seen.map(|e| e.episode.id).unwrap_or_default())?;
            return Ok(code);
        }
        remote.block_on(async { tokio::time::sleep(PAUSE).await });
    }
    if let Some(episode) = seen {
        show::line(&episode.episode.id)?;
    }
    show::note(&format!(
        "accepted at {}, not delivered yet: `flowgauge alert history --rule {}` shows it",
        begun.to_rfc3339(),
        told.name
    ));
    Ok(TRY_LATER)
}

fn post(remote: &Remote, told: &Told) -> Result<(), Failure> {
    let map = |pairs: &[(&'static str, String)]| -> serde_json::Map<String, serde_json::Value> {
        pairs.iter().map(|(k, v)| ((*k).to_owned(), v.clone().into())).collect()
    };
    let mut labels = map(&told.labels);
    labels.insert("alertname".to_owned(), told.name.clone().into());
    labels.insert("severity".to_owned(), told.severity.clone().into());
    let alert = serde_json::json!([{ "labels": labels, "annotations": map(&told.annotations) }]);
    let json = [("content-type", "application/json")];
    let body = Bytes::from(alert.to_string());
    let sent = remote.block_on(remote.send(Method::POST, "/api/v2/alerts", &json, body))?;
    match sent.status() {
        status if status.is_success() => Ok(()),
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
            Err(Failure::new(exit::NOT_PERMITTED, "the key may not send alerts"))
        }
        status => Err(Failure::new(TRY_LATER, format!("the server answered {status}"))),
    }
}

/// Whether a channel hears of the alert: the server lists its receivers, of which one is the list itself.
fn is_told(remote: &Remote, name: &str) -> Result<bool, Failure> {
    let alerts: Vec<serde_json::Value> = remote.get("/api/v2/alerts", &[])?;
    let own = alerts.iter().filter(|a| a.pointer("/labels/alertname").is_some_and(|n| n == name));
    let receivers = own.filter_map(|a| a.get("receivers")?.as_array()).flatten();
    Ok(receivers.filter_map(|r| r.get("name")?.as_str()).any(|name| name != SHOWN_ONLY))
}

/// The open episode of the alert, with its messages. Another team's or grade's has the same name.
fn episode(remote: &Remote, told: &Told) -> Result<Option<EpisodeDetail>, Failure> {
    let query = [
        ("since", "15min".to_owned()),
        ("rule", told.name.clone()),
        ("open", "true".to_owned()),
        ("limit", OPEN_OF_A_NAME.to_owned()),
    ];
    let page: EpisodePage = remote.get("/api/v1/alerts/episodes", &query)?;
    let is_ours = |labels: &BTreeMap<String, String>| {
        told.labels.iter().all(|(name, value)| labels.get(*name) == Some(value))
    };
    let Some(found) = page.items.into_iter().find(|e| is_ours(&e.labels)) else { return Ok(None) };
    remote.get(&format!("/api/v1/alerts/episodes/{}", escaped(&found.id)), &[]).map(Some)
}

/// The exit code once nothing is on its way any more.
fn settled(episode: &EpisodeDetail) -> Option<u8> {
    let states: Vec<&str> = episode.deliveries.iter().map(|d| d.state.as_str()).collect();
    if states.is_empty() || states.iter().any(|s| matches!(*s, "queued" | "sending")) {
        return None;
    }
    let refused = states.iter().any(|s| matches!(*s, "dead" | "no_route"));
    Some(if refused { CRITICAL } else { exit::OK })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_magnitude_is_a_fraction_inside_and_a_percentage_for_people() {
        assert_eq!(regressed("latency", 0.244), "latency rose by 24.4%");
        assert_eq!(regressed("quality", -0.05), "quality fell by 5.0%");
        assert!(fraction("nan").is_err() && fraction("24%").is_err());
    }
}
