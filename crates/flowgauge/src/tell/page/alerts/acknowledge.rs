//! Acknowledging an episode: through the API, or by the signed address in a message.
//!
//! A GET changes nothing: mail scanners follow every address. It shows what is asked and a button.

use super::super::ask::Params;
use super::super::guard::Caller;
use super::super::{App, Problem};
use super::at_desk;
use super::episodes::{EpisodeView, episode_id};
use crate::logic::alert::episode::Episode;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::response::{Html, IntoResponse, Response};
use axum::{Extension, Json};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderValue, StatusCode, header};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// Who an address in a message acknowledges for, unless they say.
const BY_LINK: &str = "link in a message";
/// Most of a form that is read: a name, and what a browser adds.
const MAX_FORM: usize = 4_096;
/// Readable on a phone, in both themes, without loading anything.
const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;max-width:34rem;margin:3rem auto;\
    padding:0 1rem;background:#fff;color:#171a1f}dt{color:#57606a}dd{margin:0 0 .6rem}\
    input,button{font:inherit;padding:.5rem .8rem;border:1px solid #848d97;border-radius:6px}\
    button{background:#1f5fbf;color:#fff;border-color:#1f5fbf}label{display:block;margin:.8rem 0}\
    @media(prefers-color-scheme:dark){body{background:#14171b;color:#e8ebef}dt{color:#a0a8b2}\
    input{background:#1e2227;color:#e8ebef}button{background:#7ab0ff;color:#10151d}}";

/// Who acknowledges, and what they say.
#[derive(Debug, Clone, Default, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Acknowledgement {
    /// Who.
    pub by: String,
    /// What they say.
    pub note: Option<String>,
}

/// Acknowledges an episode: it is told no more until it is over. The first acknowledgement counts.
#[utoipa::path(post, path = "/api/v1/alerts/episodes/{id}/ack", tag = "alerts",
    params(("id" = String, Path, description = "Of the episode")),
    request_body = Acknowledgement,
    responses((status = 200, body = EpisodeView, description = "Acknowledged, and durable"),
        (status = 404, body = Problem, content_type = "application/problem+json"),
        (status = 409, body = Problem, content_type = "application/problem+json", description = "It is over")))]
pub(in super::super) async fn by_api(
    State(app): State<App>,
    Path(id): Path<String>,
    Extension(caller): Extension<Caller>,
    params: Params,
    body: Bytes,
) -> Result<Json<EpisodeView>, Problem> {
    params.only(&[], &[])?;
    let id = episode_id(&id)?;
    let wanted: Acknowledgement = if body.is_empty() {
        Acknowledgement::default()
    } else {
        let wrong = |e: serde_json::Error| {
            Problem::field("body", "", format!("{e}; write {{\"by\", \"note\"}}"))
        };
        serde_json::from_slice(&body).map_err(wrong)?
    };
    let by = caller.name(&wanted.by);
    let done = at_desk(&app, move |d| d.acknowledge(id, &by, wanted.note.as_deref()));
    let episode = done.await?.ok_or_else(|| super::episodes::unknown(id))?;
    tracing::info!(episode = %episode.id, rule = %episode.rule, "acknowledged an alert");
    Ok(Json(EpisodeView::of(&app.desk.seen(), &episode)))
}

/// Asks whether to acknowledge what a message was about.
#[utoipa::path(get, path = "/alerts/ack/{token}", tag = "alerts",
    params(("token" = String, Path, description = "As in the message")),
    responses((status = 200, body = String, content_type = "text/html"),
        (status = 404, body = String, content_type = "text/html")))]
pub(in super::super) async fn asked(State(app): State<App>, Path(token): Path<String>) -> Response {
    match by_token(&app, &token).await {
        Ok(episode) => page(StatusCode::OK, &question(&episode)),
        Err(problem) => failed(&problem),
    }
}

/// Acknowledges what a message was about.
#[utoipa::path(post, path = "/alerts/ack/{token}", tag = "alerts",
    params(("token" = String, Path, description = "As in the message")),
    request_body(content = String, content_type = "application/x-www-form-urlencoded", description = "by=NAME, or nothing"),
    responses((status = 200, body = String, content_type = "text/html"),
        (status = 404, body = String, content_type = "text/html"),
        (status = 409, body = String, content_type = "text/html", description = "It is over")))]
pub(in super::super) async fn confirmed(
    State(app): State<App>,
    Path(token): Path<String>,
    body: Bytes,
) -> Response {
    let Some(id) = app.desk.check_link(&token) else { return failed(&no_token()) };
    let by = named(&body).unwrap_or_else(|| BY_LINK.to_owned());
    match at_desk(&app, move |desk| desk.acknowledge(id, &by, None)).await {
        Ok(Some(episode)) => {
            tracing::info!(episode = %id, rule = %episode.rule, "acknowledged an alert by its link");
            page(StatusCode::OK, &standing(&episode))
        }
        Ok(None) => failed(&no_token()),
        Err(problem) => failed(&problem),
    }
}

async fn by_token(app: &App, token: &str) -> Result<Episode, Problem> {
    let id = app.desk.check_link(token).ok_or_else(no_token)?;
    let found = at_desk(app, move |desk| Ok(desk.store().episode(id)?)).await?;
    found.ok_or_else(no_token)
}

fn no_token() -> Problem {
    let detail = "this address acknowledges nothing: it was cut short, or its alert is long gone";
    Problem::new(StatusCode::NOT_FOUND, detail)
}

/// The field `by` of a form.
fn named(body: &[u8]) -> Option<String> {
    let body = body.get(..MAX_FORM.min(body.len()))?;
    let text = std::str::from_utf8(body).ok()?;
    let uri = format!("/?{text}").parse::<http::Uri>().ok()?;
    let axum::extract::Query(pairs) =
        axum::extract::Query::<Vec<(String, String)>>::try_from_uri(&uri).ok()?;
    let by = pairs.into_iter().find(|(name, _)| name == "by").map(|(_, by)| by)?;
    Some(by.trim().to_owned()).filter(|by| !by.is_empty())
}

fn question(episode: &Episode) -> String {
    if episode.acked.is_some() || episode.ended.is_some() {
        return standing(episode);
    }
    format!(
        "<h1>Acknowledge {}?</h1>{}<p>It will not be told again until it is over.</p>\
         <form method=\"post\"><label>Your name <input name=\"by\" maxlength=\"200\" \
         autocomplete=\"name\"></label><button>Acknowledge</button></form>",
        escaped(&episode.rule),
        facts(episode)
    )
}

fn standing(episode: &Episode) -> String {
    let said = match (&episode.ended, &episode.acked) {
        (Some((at, _)), _) => format!("It is over since {}.", at.to_rfc3339()),
        (None, Some(ack)) => {
            format!("Acknowledged by {} at {}.", escaped(&ack.by), ack.at.to_rfc3339())
        }
        (None, None) => "It is not acknowledged.".to_owned(),
    };
    format!("<h1>{}</h1><p>{said}</p>{}", escaped(&episode.rule), facts(episode))
}

fn facts(episode: &Episode) -> String {
    let mut rows = vec![
        ("Severity", episode.severity.word().to_owned()),
        ("Fired", episode.fired.to_rfc3339()),
    ];
    rows.extend(episode.labels.iter().map(|(k, v)| (k.as_str(), v.to_string())));
    let row = |(k, v): &(&str, String)| format!("<dt>{}</dt><dd>{}</dd>", escaped(k), escaped(v));
    format!("<dl>{}</dl>", rows.iter().map(row).collect::<String>())
}

fn failed(problem: &Problem) -> Response {
    page(
        problem.status(),
        &format!("<h1>Not acknowledged</h1><p>{}</p>", escaped(problem.detail())),
    )
}

fn page(status: StatusCode, body: &str) -> Response {
    let html = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <title>Alert · flowgauge</title><style>{STYLE}</style><main>{body}</main></html>"
    );
    let mut response = (status, Html(html)).into_response();
    let hash = STANDARD.encode(Sha256::digest(STYLE.as_bytes()));
    let policy = format!(
        "default-src 'none'; style-src 'sha256-{hash}'; form-action 'self'; base-uri 'none'; \
         frame-ancestors 'none'"
    );
    let headers = response.headers_mut();
    if let Ok(policy) = HeaderValue::from_str(&policy) {
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    // Without a referrer a browser names no origin when the form is sent, and it would be refused.
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    response
}

/// Text inside HTML.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_read_from_a_form_and_nothing_else_is() {
        assert_eq!(named(b"by=Ada+L%C3%B6w"), Some("Ada L\u{f6}w".to_owned()));
        for none in [&b""[..], b"by=", b"by=++", b"other=x", b"\xff\xfe", b"by"] {
            assert_eq!(named(none), None, "{none:?}");
        }
    }

    #[test]
    fn markup_in_labels_is_shown_as_text() {
        assert_eq!(escaped("<b>&\"'"), "&lt;b&gt;&amp;&quot;&#39;");
    }
}
