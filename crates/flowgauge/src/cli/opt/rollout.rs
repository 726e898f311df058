//! `opt rollout`: lets one optimisation act for all, some or none, everywhere or for a part of the traffic.

use super::super::exit::{Done, Failure};
use super::super::globals::Globals;
use super::super::sure::Sure;
use super::set::Change;
use crate::logic::control::rollout::Mechanism;
use crate::tell::page::control::status::ControlView;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Options of `opt rollout`.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "\
Examples:
  flowgauge opt rollout response_caching --mode shadow --reason 'see what it would hit'
  flowgauge opt rollout context_pruning --mode canary=5% --holdout 2% --reason 'first users'
  flowgauge opt rollout model_selection --mode off --intent legal --reason 'never there'

Modes: off, shadow (works out, changes nothing), canary=5%, on, and inherit, which takes an exception
for --intent or --route away. --percent 5 is canary=5%, --percent 0 is off, --percent 100 is on.

Exit codes:
  0   changed; the id of the change is printed
  64  no such mechanism or mode, no reason, or nothing would change
  65  a hold-out outside 1 to 5 %
  69  no server answers
  75  in force, not on disk yet
  77  not confirmed, or not permitted")]
pub(crate) struct RolloutArgs {
    /// context_pruning, response_caching, prompt_optimization or model_selection
    mechanism: String,
    /// off, shadow, canary=5%, on or inherit
    #[arg(long, required_unless_present_any = ["percent", "holdout"], conflicts_with = "percent")]
    mode: Option<String>,
    /// Share of the users it acts for
    #[arg(long, value_name = "PERCENT")]
    percent: Option<String>,
    /// Share of the users never touched, for comparison: 1% to 5%, or 0
    #[arg(long, value_name = "PERCENT", conflicts_with_all = ["intent", "route"])]
    holdout: Option<String>,
    /// Only calls with this intent
    #[arg(long)]
    intent: Option<String>,
    /// Only calls of this endpoint
    #[arg(long)]
    route: Option<String>,
    #[command(flatten)]
    sure: Sure,
}

/// Runs it.
pub(super) fn run(args: &RolloutArgs, globals: &Globals) -> Done {
    let mechanism = mechanism(&args.mechanism)?;
    let mode = match (&args.mode, &args.percent) {
        (Some(text), _) => Some(mode(text)?),
        (None, Some(percent)) => Some(of_percent(percent)?),
        (None, None) => None,
    };
    let remote = globals.remote(&globals.load(false, &[])?)?;
    let place = format!("/rollouts/{}", mechanism.word());
    let mut set = BTreeMap::new();
    if let Some(holdout) = &args.holdout {
        set.insert(format!("{place}/holdout"), json!(ppm(holdout)?));
    }
    let part = args.intent.is_some() || args.route.is_some();
    if !part {
        match mode {
            Some(Set::Inherit) => {
                return Err(Failure::usage("inherit is for a part of the traffic")
                    .hint("name it with --intent or --route"));
            }
            Some(Set::Mode(mode)) => drop(set.insert(format!("{place}/mode"), mode)),
            None => {}
        }
        return Change { set, ttl: None, seen: None }.make(&remote, &args.sure);
    }
    let now: ControlView = remote.get("/api/v1/control", &[])?;
    let place = format!("{place}/exceptions");
    let before = now.settings.pointer(&place).and_then(Value::as_array).cloned();
    let after = excepted(before.unwrap_or_default(), args, mode);
    set.insert(place, Value::Array(after));
    // Made from what was read: another change in between must not be overwritten.
    Change { set, ttl: None, seen: Some(now.generation) }.make(&remote, &args.sure)
}

/// Exceptions with that of this part of the traffic set, or taken away.
fn excepted(mut all: Vec<Value>, args: &RolloutArgs, mode: Option<Set>) -> Vec<Value> {
    let same = |e: &Value, name: &str, want: &Option<String>| {
        e.get(name).and_then(Value::as_str) == want.as_deref()
    };
    all.retain(|e| !(same(e, "intent", &args.intent) && same(e, "route", &args.route)));
    if let Some(Set::Mode(mode)) = mode {
        let mut exception = json!({"mode": mode});
        for (name, value) in [("intent", &args.intent), ("route", &args.route)] {
            if let (Some(map), Some(value)) = (exception.as_object_mut(), value) {
                map.insert(name.to_owned(), json!(value));
            }
        }
        all.push(exception);
    }
    all
}

/// What is set.
#[derive(Debug, Clone, PartialEq)]
enum Set {
    /// A mode, as settings have it.
    Mode(Value),
    /// None of its own.
    Inherit,
}

/// A mechanism by name, with `-` or `_`.
pub(super) fn mechanism(word: &str) -> Result<Mechanism, Failure> {
    Mechanism::from_word(&word.trim().replace('-', "_")).ok_or_else(|| {
        let all = Mechanism::ALL.map(Mechanism::word).join(", ");
        Failure::usage(format!("{word:?} is no mechanism")).hint(format!("write one of {all}"))
    })
}

fn mode(text: &str) -> Result<Set, Failure> {
    match text.split_once('=') {
        None if ["off", "shadow", "on"].contains(&text) => Ok(Set::Mode(json!(text))),
        None if text == "inherit" => Ok(Set::Inherit),
        Some(("canary", share)) => Ok(Set::Mode(json!({"canary": ppm(share)?}))),
        _ => Err(Failure::usage(format!("{text:?} is no mode"))
            .hint("write off, shadow, canary=5%, on or inherit")),
    }
}

fn of_percent(text: &str) -> Result<Set, Failure> {
    Ok(Set::Mode(match ppm(text)? {
        0 => json!("off"),
        1_000_000 => json!("on"),
        share => json!({"canary": share}),
    }))
}

/// Percent with up to four decimals, exactly, in parts per million.
fn ppm(text: &str) -> Result<u32, Failure> {
    let wrong =
        || Failure::usage(format!("{text:?} is no share")).hint("write 5%, 0.5% or 100%, 0 to 100");
    let number = text.trim().trim_end_matches('%').trim_end();
    let (whole, decimals) = number.split_once('.').unwrap_or((number, ""));
    let digits = |t: &str| t.bytes().all(|b| b.is_ascii_digit());
    if whole.is_empty() || !digits(whole) || !digits(decimals) || decimals.len() > 4 {
        return Err(wrong());
    }
    let parts = format!("{whole}{decimals:0<4}").parse::<u32>().map_err(|_| wrong())?;
    if parts > 1_000_000 { Err(wrong()) } else { Ok(parts) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_exact_and_modes_are_words() {
        assert_eq!(ppm("5%").unwrap(), 50_000);
        assert_eq!(ppm("0.0001").unwrap(), 1);
        assert_eq!(ppm("100%").unwrap(), 1_000_000);
        for wrong in ["", "%", "101%", "-1", "1e2", "0.00001", "5 percent"] {
            assert!(ppm(wrong).is_err(), "{wrong}");
        }
        assert_eq!(mode("canary=0.5%").unwrap(), Set::Mode(json!({"canary": 5_000})));
        assert_eq!(mode("on").unwrap(), Set::Mode(json!("on")));
        assert_eq!(of_percent("100").unwrap(), Set::Mode(json!("on")));
        assert!(mode("maybe").is_err() && mode("canary").is_err());
        assert_eq!(mechanism("context-pruning").unwrap(), Mechanism::ContextPruning);
    }
}
