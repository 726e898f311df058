//! `key create`, `key list`, `key revoke`: API keys of a running server. A key is shown once.

use super::exit::{self, Done};
use super::globals::Globals;
use super::remote::escaped;
use super::show::{self, Sheet, ShowArgs};
use crate::tell::page::{KeyList, MadeKey};
use bytes::Bytes;
use http::Method;

/// Verbs of `key`.
#[derive(Debug, Clone, clap::Subcommand)]
pub(crate) enum KeyCommand {
    /// Make a key and print it; it cannot be shown again
    #[command(after_help = "\
Examples:
  flowgauge key create ci --scope viewer
  flowgauge key create app --scope gateway --expires-in 90d

Exit codes:
  0   made
  64  wrong usage
  69  no server answers
  77  not permitted")]
    Create {
        /// What it is for
        name: String,
        /// What it may do
        #[arg(long, default_value = "viewer", value_parser = ["gateway", "viewer", "operator", "admin"])]
        scope: String,
        /// How long it works, e.g. 90d; for ever where left out
        #[arg(long, value_name = "DURATION")]
        expires_in: Option<String>,
        /// The key with its facts as JSON
        #[arg(long)]
        json: bool,
    },
    /// Every key ever made, without the keys themselves
    #[command(after_help = "\
Examples:
  flowgauge key list
  flowgauge key list --json

Exit codes:
  0   listed
  69  no server answers
  77  not permitted")]
    List {
        #[command(flatten)]
        show: ShowArgs,
    },
    /// End a key at once
    #[command(after_help = "\
Examples:
  flowgauge key revoke key_0123456789ab
  flowgauge key revoke key_0123456789ab --server http://10.0.0.5:4000

Exit codes:
  0   revoked
  64  no key of this id is in force
  69  no server answers
  77  not permitted")]
    Revoke {
        /// Its id, as listed
        id: String,
    },
}

/// Runs one verb.
pub(crate) fn run(command: &KeyCommand, globals: &Globals) -> Done {
    let loaded = globals.load(false, &[])?;
    let remote = globals.remote(&loaded)?;
    let json = [("content-type", "application/json")];
    match command {
        KeyCommand::Create { name, scope, expires_in, json: as_json } => {
            let body = serde_json::json!({"name": name, "scope": scope, "expires_in": expires_in});
            let body = Bytes::from(body.to_string());
            let made: MadeKey = remote.call(Method::POST, "/api/v1/keys", &json, body)?;
            if *as_json {
                let text = show::json(&made)?;
                show::line(&format!("{text:#}"))?;
            } else {
                show::line(&made.key)?;
            }
            show::note(&format!(
                "{} may {scope}; keep the key, it is not shown again",
                made.view.id
            ));
        }
        KeyCommand::List { show } => {
            let list: KeyList = remote.get("/api/v1/keys", &[])?;
            let columns = vec!["id", "name", "scope", "created", "expires", "revoked"];
            let mut sheet = Sheet { columns, rows: Vec::new() };
            for k in &list.keys {
                let or_dash = |t: &Option<String>| t.clone().unwrap_or_else(|| "–".to_owned());
                let (expires, revoked) = (or_dash(&k.expires), or_dash(&k.revoked));
                sheet.row(
                    [&k.id, &k.name, &k.scope, &k.created, &expires, &revoked].map(String::as_str),
                );
            }
            show.print(&sheet, &super::show::json(&list.keys)?)?;
        }
        KeyCommand::Revoke { id } => {
            let path = format!("/api/v1/keys/{}", escaped(id));
            remote.change(Method::DELETE, &path)?;
            show::note(&format!("{id} is revoked"));
        }
    }
    Ok(exit::OK)
}
