//! `alert ack`: somebody looks after it.

use super::super::exit::{self, Done, Failure};
use super::super::globals::Globals;
use super::super::remote::escaped;
use super::super::show;
use crate::logic::alert::episode::EpisodeId;
use crate::tell::page::alerts::{Acknowledgement, EpisodePage, EpisodeView};
use bytes::Bytes;
use http::Method;

/// Options of `alert ack`.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "\
Examples:
  flowgauge alert ack p95_latency_critical --note 'provider incident, watching'
  flowgauge alert ack 019e0d3fb5f07101810101010101010a --by ada

Exit codes:
  0   acknowledged
  64  nothing open of this name, or the episode is over
  69  no server answers
  77  not permitted")]
pub(crate) struct AckArgs {
    /// Id of an episode, or name of a rule: all its open episodes
    name: String,
    /// Who looks after it
    #[arg(long, env = "USER", hide_env_values = true, default_value = "")]
    by: String,
    /// What they say
    #[arg(long)]
    note: Option<String>,
}

/// Acknowledges.
pub(super) fn run(args: &AckArgs, globals: &Globals) -> Done {
    let loaded = globals.load(false, &[])?;
    let remote = globals.remote(&loaded)?;
    let ids = if args.name.parse::<EpisodeId>().is_ok() {
        vec![args.name.clone()]
    } else {
        // However long it has been firing: since the beginning.
        let query = [
            ("rule", args.name.clone()),
            ("open", "true".to_owned()),
            ("from", "0".to_owned()),
            ("limit", "500".to_owned()),
        ];
        let open: EpisodePage = remote.get("/api/v1/alerts/episodes", &query)?;
        open.items.into_iter().map(|episode| episode.id).collect()
    };
    if ids.is_empty() {
        return Err(Failure::usage(format!("nothing is open of rule {:?}", args.name))
            .hint("`flowgauge alert list --state firing` shows what is"));
    }
    let said = Acknowledgement { by: args.by.clone(), note: args.note.clone() };
    let body = serde_json::to_vec(&said).map_err(|e| Failure::usage(e.to_string()))?;
    for id in ids {
        let path = format!("/api/v1/alerts/episodes/{}/ack", escaped(&id));
        let json = [("content-type", "application/json")];
        let done: EpisodeView =
            remote.call(Method::POST, &path, &json, Bytes::from(body.clone()))?;
        let by = done.acked_by.as_deref().unwrap_or("unnamed");
        show::note(&show::printable(&format!("{} {id}: acknowledged by {by}", done.rule)));
    }
    Ok(exit::OK)
}
