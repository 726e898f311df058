//! `opt set`: settings by JSON pointer; and how every change of settings is shown, asked about and made.

use super::super::exit::{self, Done, Failure, TRY_LATER};
use super::super::globals::Globals;
use super::super::remote::Remote;
use super::super::show;
use super::super::sure::Sure;
use crate::logic::duration;
use crate::tell::page::control::MadeChange;
use crate::tell::page::control::changes::WantedSettings;
use bytes::Bytes;
use http::Method;
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;

/// Options of `opt set`.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "\
Examples:
  flowgauge opt set /prune/context_tokens=1200 --reason 'provider is slow' --ttl 1h
  flowgauge opt set /cache/semantic=shadow /cache/likeness/serve=0.97 --reason 'try it' --dry-run

`flowgauge opt status --json` shows all settings under `settings`.

Exit codes:
  0   changed; the id of the change is printed
  64  no reason, another change came first, or nothing would change
  65  no such setting, or a value that does not fit
  69  no server answers
  75  in force, not on disk yet
  77  not confirmed, or not permitted")]
pub(crate) struct SetArgs {
    /// Settings by JSON pointer; what is no JSON is text
    #[arg(required = true, value_name = "POINTER=JSON")]
    settings: Vec<String>,
    /// Ends by itself after so long
    #[arg(long, value_name = "LENGTH")]
    ttl: Option<String>,
    #[command(flatten)]
    sure: Sure,
}

/// Runs it.
pub(super) fn run(args: &SetArgs, globals: &Globals) -> Done {
    let set = args.settings.iter().map(|text| assignment(text)).collect::<Result<_, _>>()?;
    let ttl = args.ttl.as_deref().map(seconds).transpose()?;
    let remote = globals.remote(&globals.load(false, &[])?)?;
    Change { set, ttl, seen: None }.make(&remote, &args.sure)
}

/// `POINTER=JSON`; a word that is no JSON is text, so that `=on` needs no quotes.
fn assignment(text: &str) -> Result<(String, Value), Failure> {
    let Some((path, value)) = text.split_once('=') else {
        return Err(
            Failure::usage(format!("{text:?} has no `=`")).hint("write /prune/context_tokens=1200")
        );
    };
    let path = path.trim();
    let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
    let value = serde_json::from_str(value).unwrap_or_else(|_| Value::from(value));
    Ok((path, value))
}

/// A length of time in whole seconds.
pub(in super::super) fn seconds(text: &str) -> Result<u64, Failure> {
    let span = duration::parse(text).map_err(|e| Failure::usage(e.to_string()))?;
    let micros = span.as_micros().ok_or_else(|| {
        Failure::usage(format!("{text:?} has no fixed length")).hint("write 1h, 30min or 2d")
    })?;
    Ok(micros.0 / 1_000_000)
}

/// A change of settings to be shown, asked about and made.
#[derive(Debug, Clone)]
pub(in super::super) struct Change {
    pub(in super::super) set: BTreeMap<String, Value>,
    pub(in super::super) ttl: Option<u64>,
    pub(in super::super) seen: Option<u64>,
}

impl Change {
    pub(in super::super) fn make(self, remote: &Remote, sure: &Sure) -> Done {
        let wanted = |dry_run, seen| WantedSettings {
            set: self.set.clone(),
            author: sure.by.clone(),
            reason: sure.reason.clone(),
            ttl_seconds: self.ttl,
            seen,
            dry_run,
        };
        let path = "/api/v1/control/changes";
        made(remote, sure, path, |dry_run, seen| wanted(dry_run, self.seen.or(seen)))
    }
}

/// Shows what would change, asks, and makes it. `body` is asked for twice: to look, and to do it against what was seen.
pub(in super::super) fn made<T: Serialize>(
    remote: &Remote,
    sure: &Sure,
    path: &str,
    body: impl Fn(bool, Option<u64>) -> T,
) -> Done {
    sure.why()?;
    let would: MadeChange = post(remote, path, &body(true, None))?;
    note(&would);
    if sure.dry_run {
        sure.print("", &would)?;
        return Ok(exit::OK);
    }
    sure.ask("change this")?;
    let made: MadeChange = post(remote, path, &body(false, Some(would.generation)))?;
    tell(sure, &made)
}

/// Says what was made.
pub(super) fn tell(sure: &Sure, made: &MadeChange) -> Done {
    for warning in &made.warnings {
        show::note(&show::printable(&format!("warning: {warning}")));
    }
    if let Some(undo) = &made.undo {
        show::note(&format!("generation {}; take it back with `{undo}`", made.generation));
    }
    sure.print(&made.change.id.to_string(), made)?;
    if made.stored {
        return Ok(exit::OK);
    }
    show::note("in force, not on disk yet: a restart would forget it");
    Ok(TRY_LATER)
}

/// A line for each setting that changes.
pub(super) fn note(made: &MadeChange) {
    for setting in &made.change.diff {
        let text = format!("  {}  {} -> {}", setting.path, setting.before, setting.after);
        show::note(&show::printable(&text));
    }
    if let Some(end) = &made.change.expires {
        show::note(&format!("  until {end}"));
    }
}

/// Sends JSON.
pub(super) fn post<T: serde::de::DeserializeOwned>(
    remote: &Remote,
    path: &str,
    body: &impl Serialize,
) -> Result<T, Failure> {
    let body = serde_json::to_vec(body).map_err(|e| Failure::usage(e.to_string()))?;
    let json = [("content-type", "application/json")];
    remote.call(Method::POST, path, &json, Bytes::from(body))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_setting_is_json_or_a_word() {
        let read = |text: &str| assignment(text).unwrap();
        assert_eq!(read("/prune/top_k=3"), ("/prune/top_k".to_owned(), json!(3)));
        assert_eq!(read("cache/semantic=shadow").1, json!("shadow"));
        assert_eq!(read("/a={\"canary\": 5}").1, json!({"canary": 5}));
        assert_eq!(assignment("/prune/top_k").unwrap_err().code, exit::USAGE);
        assert_eq!(seconds("1h").unwrap(), 3_600);
        assert_eq!(seconds("soon").unwrap_err().code, exit::USAGE);
    }
}
