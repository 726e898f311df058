//! `POST /api/v1/reports/letters`: a letter made elsewhere, through the outbox; and what became of it.
//!
//! The same letter to the same channels on one day is sent once, however often it is handed in.

use super::super::alerts::deliveries::DeliveryView;
use super::super::ask::Params;
use super::super::{App, Problem};
use super::shelf::failed;
use crate::logic::alert::episode::EpisodeId;
use crate::logic::alert::letter::{File, Letter};
use crate::logic::call::Text;
use crate::logic::fingerprint::fingerprint;
use crate::logic::id::CallId;
use crate::logic::unit::UnixMicros;
use crate::store::AlertStore;
use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::StatusCode;
use serde::{Deserialize, Serialize};

/// Largest letter: mail servers take 25 MB, and base64 adds a third.
const MAX_LETTER: usize = 18 << 20;
/// Files beside one letter.
const MAX_FILES: usize = 16;

/// A letter to send.
#[derive(Debug, Clone, Default, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct LetterWanted {
    /// Its subject.
    pub subject: String,
    /// For programs that show no HTML; needed.
    pub text: String,
    /// As HTML.
    pub html: String,
    /// Files beside it.
    pub files: Vec<FileWanted>,
    /// Channels it goes to.
    pub channels: Vec<String>,
}

/// A file beside a letter.
#[derive(Debug, Clone, Default, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct FileWanted {
    /// Its name, without a folder.
    pub name: String,
    /// `application/json`.
    pub content_type: String,
    /// What is in it, base64.
    pub base64: String,
}

/// A letter in the outbox.
#[derive(Debug, Clone, Default, Serialize, Deserialize, utoipa::ToSchema)]
pub struct LetterView {
    /// Its id.
    pub id: String,
    /// One message for each channel, as it stands.
    pub messages: Vec<DeliveryView>,
}

/// Puts a letter into the outbox.
#[utoipa::path(post, path = "/api/v1/reports/letters", tag = "reports", request_body = LetterWanted,
    responses((status = 202, body = LetterView),
        (status = 400, body = Problem, content_type = "application/problem+json")))]
pub(in crate::tell::page) async fn letter(
    State(app): State<App>,
    params: Params,
    body: Bytes,
) -> Result<(StatusCode, Json<LetterView>), Problem> {
    params.only(&[], &[])?;
    let wanted: LetterWanted =
        serde_json::from_slice(&body).map_err(|e| Problem::field("body", "", e.to_string()))?;
    let channels: Vec<Text> = wanted.channels.iter().map(|c| Text::from(c.as_str())).collect();
    if channels.is_empty() {
        return Err(Problem::field("body.channels", "", "name at least one channel"));
    }
    app.desk
        .know_channels(&channels)
        .map_err(|e| Problem::field("body.channels", "", e.to_string()))?;
    let now = app.clock.now();
    let id = name(&wanted, now);
    let letter = read(wanted)?;
    let (desk, dir) = (std::sync::Arc::clone(&app.desk), app.facts.data_dir.clone());
    let put = tokio::task::spawn_blocking(move || {
        desk.keep_letter(id, &letter, now)?;
        desk.tell_of_job("letter", &letter.subject, &channels, id)?;
        view(&dir, id)
    });
    let put = put.await.map_err(|e| Problem::later(format!("it was not put: {e}"), 5))?;
    Ok((StatusCode::ACCEPTED, Json(put.map_err(|e| failed(&e))?)))
}

/// What became of a letter.
#[utoipa::path(get, path = "/api/v1/reports/letters/{id}", tag = "reports",
    params(("id" = String, Path, description = "As the answer to sending it says")),
    responses((status = 200, body = LetterView),
        (status = 404, body = Problem, content_type = "application/problem+json")))]
pub(in crate::tell::page) async fn sent(
    State(app): State<App>,
    Path(id): Path<String>,
    params: Params,
) -> Result<Json<LetterView>, Problem> {
    params.only(&[], &[])?;
    let none = || Problem::new(StatusCode::NOT_FOUND, format!("no letter {id:?} was handed in"));
    let known: EpisodeId = id.parse().map_err(|_| none())?;
    let dir = app.facts.data_dir.clone();
    let read = tokio::task::spawn_blocking(move || view(&dir, known)).await;
    let read = read.map_err(|e| Problem::later(format!("it was not read: {e}"), 5))?;
    let found = read.map_err(|e| failed(&e))?;
    if found.messages.is_empty() { Err(none()) } else { Ok(Json(found)) }
}

fn view(dir: &std::path::Path, id: EpisodeId) -> Result<LetterView, crate::store::StoreError> {
    let rows = match AlertStore::open_reader(dir)? {
        Some(store) => store.outbox_of(id)?,
        None => Vec::new(),
    };
    let messages = rows.iter().map(DeliveryView::from).collect();
    Ok(LetterView { id: id.to_string(), messages })
}

/// The same for the same letter on one day.
fn name(wanted: &LetterWanted, now: UnixMicros) -> EpisodeId {
    let files = wanted.files.iter().flat_map(|f| [f.name.as_bytes(), f.base64.as_bytes()]);
    let head = [&wanted.subject, &wanted.text, &wanted.html].map(|t| t.as_bytes());
    let channels = wanted.channels.iter().map(|c| c.as_bytes());
    let parts: Vec<&[u8]> = head.into_iter().chain(files).chain(channels).collect();
    let hash = fingerprint(&parts).to_be_bytes();
    let mut random = [0; 10];
    random.iter_mut().zip(hash).for_each(|(to, from)| *to = from);
    CallId::new(UnixMicros(now.0.div_euclid(UnixMicros::DAY) * UnixMicros::DAY), random)
}

fn read(wanted: LetterWanted) -> Result<Letter, Problem> {
    if wanted.subject.trim().is_empty() || wanted.text.trim().is_empty() {
        return Err(Problem::field("body", "", "subject and text must say something"));
    }
    if wanted.files.len() > MAX_FILES {
        let told = format!("{} files; there may be {MAX_FILES}", wanted.files.len());
        return Err(Problem::field("body.files", "", told));
    }
    let file = |f: FileWanted| {
        let bytes = STANDARD
            .decode(f.base64.as_bytes())
            .map_err(|e| Problem::field("body.files.base64", "", e.to_string()))?;
        Ok(File { name: f.name, content_type: f.content_type, bytes })
    };
    let files = wanted.files.into_iter().map(file).collect::<Result<_, Problem>>()?;
    let (subject, text, html) = (wanted.subject, wanted.text, wanted.html);
    let letter = Letter { subject, text, html, pictures: Vec::new(), files };
    if letter.size() > MAX_LETTER {
        let told = format!("{} bytes; mail servers take {MAX_LETTER}", letter.size());
        return Err(Problem::field("body", "", told));
    }
    Ok(letter)
}
