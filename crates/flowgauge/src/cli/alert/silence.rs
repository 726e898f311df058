//! `alert silence add|list|expire`: what is not told for a while.

use super::super::exit::{self, Done, Failure};
use super::super::globals::Globals;
use super::super::remote::escaped;
use super::super::show::{self, Sheet, ShowArgs};
use crate::tell::page::alerts::{Preview, SilenceView, WantedSilence};
use bytes::Bytes;
use http::Method;

/// Verbs of `alert silence`.
#[derive(Debug, Clone, clap::Subcommand)]
pub(crate) enum SilenceCommand {
    /// Hide what matches, from now on
    #[command(after_help = "\
Examples:
  flowgauge alert silence add alertname=p95_latency_critical --for 2h --comment 'provider incident'
  flowgauge alert silence add 'model=~\"gpt-4.*\"' severity=warning --dry-run

Exit codes:
  0   silenced; its id is printed
  64  no matcher, or one that would hide everything
  69  no server answers
  77  not permitted")]
    Add {
        /// label=value, label!=value, label=~regex or label!~regex; all must match
        #[arg(required = true)]
        matchers: Vec<String>,
        /// How long
        #[arg(long = "for", value_name = "LENGTH", default_value = "2h")]
        length: String,
        /// Why
        #[arg(long, default_value = "")]
        comment: String,
        /// Who wants it
        #[arg(long, env = "USER", hide_env_values = true, default_value = "")]
        by: String,
        /// Only say what it would have hidden in the last 7 days
        #[arg(long)]
        dry_run: bool,
    },
    /// Silences, those in force first
    #[command(after_help = "\
Examples:
  flowgauge alert silence list
  flowgauge alert silence list --state active --json

Exit codes:
  0   listed
  64  no such state
  69  no server answers
  77  not permitted")]
    List {
        /// Only those in this state: pending, active or expired
        #[arg(long)]
        state: Option<String>,
        #[command(flatten)]
        show: ShowArgs,
    },
    /// End silences now
    #[command(after_help = "\
Examples:
  flowgauge alert silence expire 2f1c7c6e-4a52-4b0e-9a57-0d8a4f5f3c11

Exit codes:
  0   ended
  64  no such silence
  69  no server answers
  77  not permitted")]
    Expire {
        /// Their ids
        #[arg(required = true)]
        ids: Vec<String>,
    },
}

/// Runs one verb.
pub(super) fn run(command: &SilenceCommand, globals: &Globals) -> Done {
    let loaded = globals.load(false, &[])?;
    let remote = globals.remote(&loaded)?;
    match command {
        SilenceCommand::Add { matchers, dry_run: true, .. } => {
            let query: Vec<(&str, String)> =
                matchers.iter().map(|m| ("match", m.clone())).collect();
            let found: Preview = remote.get("/api/v1/alerts/silences/preview", &query)?;
            show::line(&format!(
                "would have hidden {} episodes since {}; {} are open now",
                found.episodes, found.from, found.open
            ))?;
            for episode in &found.latest {
                show::line(&show::printable(&format!("  {}  {}", episode.fired, episode.rule)))?;
            }
        }
        SilenceCommand::Add { matchers, length, comment, by, dry_run: false } => {
            let wanted = WantedSilence {
                matching: matchers.clone(),
                length: Some(length.clone()),
                created_by: by.clone(),
                comment: comment.clone(),
                ..WantedSilence::default()
            };
            let body = serde_json::to_vec(&wanted).map_err(|e| Failure::usage(e.to_string()))?;
            let json = [("content-type", "application/json")];
            let path = "/api/v1/alerts/silences";
            let made: SilenceView = remote.call(Method::POST, path, &json, Bytes::from(body))?;
            show::note(&show::printable(&format!("silenced {} until {}", made.text, made.ends)));
            show::line(&made.id)?;
        }
        SilenceCommand::List { state, show } => {
            let query: Vec<(&str, String)> =
                state.iter().map(|state| ("state", state.clone())).collect();
            let all: Vec<SilenceView> = remote.get("/api/v1/alerts/silences", &query)?;
            let columns = vec!["id", "state", "matches", "starts", "ends", "by", "comment"];
            let mut sheet = Sheet { columns, rows: Vec::new() };
            for s in &all {
                sheet.row([
                    &s.id,
                    &s.state,
                    &s.text,
                    &s.starts,
                    &s.ends,
                    &s.created_by,
                    &s.comment,
                ]);
            }
            show.print(&sheet, &show::json(&all)?)?;
        }
        SilenceCommand::Expire { ids } => {
            for id in ids {
                let path = format!("/api/v1/alerts/silences/{}", escaped(id));
                remote.change(Method::DELETE, &path)?;
                show::note(&format!("{id} is over"));
            }
        }
    }
    Ok(exit::OK)
}
