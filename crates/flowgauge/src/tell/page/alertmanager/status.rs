//! `/api/v2/status` and `/api/v2/receivers`.

use super::super::App;
use super::SHOWN_ONLY;
use crate::judge::seen::Seen;
use axum::Json;
use axum::extract::State;
use serde::Serialize;
use std::collections::BTreeSet;
use std::fmt::Write as _;

/// The release of Alertmanager whose API this is.
const API_OF: &str = "0.28.1";

/// How this Alertmanager is.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in super::super) struct StatusAnswer {
    cluster: Cluster,
    config: ConfigText,
    uptime: String,
    version_info: VersionInfo,
}

#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
struct Cluster {
    name: String,
    status: &'static str,
    peers: Vec<String>,
}

#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
struct ConfigText {
    original: String,
}

#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
struct VersionInfo {
    version: String,
    revision: String,
    branch: String,
    build_user: String,
    build_date: String,
    go_version: String,
}

/// Somebody who is told.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, utoipa::ToSchema)]
#[schema(as = AlertmanagerReceiver)]
pub(in super::super) struct Receiver {
    pub(super) name: String,
}

/// Alertmanager's status: version, uptime, and the rules' routes as its configuration.
#[utoipa::path(get, path = "/api/v2/status", tag = "alertmanager",
    responses((status = 200, body = StatusAnswer)))]
pub(in super::super) async fn status(State(app): State<App>) -> Json<StatusAnswer> {
    Json(StatusAnswer {
        cluster: Cluster { name: String::new(), status: "disabled", peers: Vec::new() },
        config: ConfigText { original: config(&app.desk.seen()) },
        uptime: app.started.to_rfc3339(),
        version_info: VersionInfo {
            version: API_OF.to_owned(),
            revision: concat!("flowgauge ", env!("CARGO_PKG_VERSION")).to_owned(),
            branch: String::new(),
            build_user: String::new(),
            build_date: String::new(),
            go_version: String::new(),
        },
    })
}

/// The channels of the rules, and one for alerts that are only shown.
#[utoipa::path(get, path = "/api/v2/receivers", tag = "alertmanager",
    responses((status = 200, body = Vec<Receiver>)))]
pub(in super::super) async fn receivers(State(app): State<App>) -> Json<Vec<Receiver>> {
    Json(names(&app.desk.seen()).into_iter().map(|name| Receiver { name }).collect())
}

fn names(seen: &Seen) -> BTreeSet<String> {
    let used = seen.rules.iter().flat_map(|r| &r.rule.channels);
    let all = used.chain(seen.channels.iter().map(|c| &c.name)).map(ToString::to_string);
    all.chain([SHOWN_ONLY.to_owned()]).collect()
}

/// The routes of the rules in Alertmanager's own format; `amtool config routes` draws them.
fn config(seen: &Seen) -> String {
    let mut text = format!("route:\n  receiver: {SHOWN_ONLY}\n  group_by: [alertname]\n");
    let mut routes = String::new();
    for rule in &seen.rules {
        for channel in &rule.rule.channels {
            // Writing to a String cannot fail.
            let _ = write!(
                routes,
                "  - receiver: {}\n    continue: true\n    matchers: [{}]\n",
                quoted(channel),
                quoted(&format!("alertname=\"{}\"", rule.rule.name))
            );
        }
    }
    if !routes.is_empty() {
        text.push_str("  routes:\n");
        text.push_str(&routes);
    }
    text.push_str("receivers:\n");
    for name in names(seen) {
        let _ = writeln!(text, "- name: {}", quoted(&name));
    }
    text
}

/// A text in single quotes, as YAML reads it.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}
