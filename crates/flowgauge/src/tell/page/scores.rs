//! `POST /api/v1/scores` takes evaluations, `GET` shows evaluations and ratings one by one.

use super::ask::Params;
use super::fields::{Fields, Wrong, fresh_id, objects};
use super::{App, Problem};
use crate::logic::alias;
use crate::logic::id::CallId;
use crate::logic::score::{Annotator, Score, ScoreKind};
use crate::logic::unit::UnixMicros;
use crate::query::scores::ScoreView;
use crate::record::scores::Kept;
use crate::store::ScoreQuery;
use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use serde::{Deserialize, Serialize};

/// Window of a list unless asked otherwise.
const USUAL: &str = "7d";
/// Rows of a list unless asked otherwise.
const USUAL_ROWS: usize = 50;
/// Rows of a list at most.
const MAX_ROWS: usize = 1_000;
/// Longest explanation kept, characters: a paragraph or two.
const MAX_WORDS: usize = 4_000;

const FIELDS: &[&str] =
    &["evaluator", "evaluator_version", "score", "label", "explanation", "annotator", "time"];

/// Scores, the latest given first.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ScoreList {
    /// At most `limit`.
    pub items: Vec<ScoreView>,
}

/// Stores evaluations of answers; answers once they are durable. The call is named by
/// `request_id`, `response_id`, or `trace_id` with `span_id`, and may come later. Of one evaluator
/// in one version about one call the last counts; sending the same again changes nothing.
#[utoipa::path(post, path = "/api/v1/scores", tag = "quality",
    request_body(content = serde_json::Value, description = "One object or a list: evaluator, evaluator_version, score, label, explanation, annotator, time, and the name of the call"),
    responses((status = 200, body = Kept),
        (status = 400, body = Problem, content_type = "application/problem+json"),
        (status = 422, body = Problem, content_type = "application/problem+json"),
        (status = 503, body = Problem, content_type = "application/problem+json")))]
pub(super) async fn submit(
    State(app): State<App>,
    params: Params,
    body: Bytes,
) -> Result<Json<Kept>, Problem> {
    params.only(&[], &[])?;
    take(&app, &body, FIELDS, evaluation).await
}

fn evaluation(app: &App, fields: &mut Fields<'_>, id: CallId, now: UnixMicros) -> Score {
    let mut score = Score::new(id, ScoreKind::Evaluation, now, fields.reference());
    score.time = fields.time(now);
    match fields.name("evaluator") {
        Some(name) => score.evaluator = name,
        None => fields.require("evaluator", "name who judged"),
    }
    score.version = fields.name("evaluator_version").unwrap_or_default();
    score.raw = fields.number("score");
    score.label = fields.word("label", "at most three words", alias::label);
    if score.raw.is_none() && score.label.is_none() {
        fields.require("score", "give a score, a label, or both");
    }
    let kinds = "one of human, llm, code";
    score.annotator = fields.word("annotator", kinds, annotator).unwrap_or_default();
    score.explanation = words(app, fields, "explanation");
    score
}

fn annotator(word: &str) -> Option<Annotator> {
    Annotator::from_word(word).filter(|kind| *kind != Annotator::Unknown)
}

/// What somebody wrote: content, kept only where content may be.
pub(super) fn words(app: &App, fields: &mut Fields<'_>, name: &str) -> Option<Box<str>> {
    let text = fields.text(name)?;
    if text.chars().count() > MAX_WORDS {
        fields.refuse(name, "", format!("longer than {MAX_WORDS} characters"));
    }
    app.facts.store_content.then(|| Box::from(text))
}

/// Reads the objects of a body and keeps what they say.
pub(super) async fn take(
    app: &App,
    body: &[u8],
    own: &[&str],
    read: impl Fn(&App, &mut Fields<'_>, CallId, UnixMicros) -> Score,
) -> Result<Json<Kept>, Problem> {
    let now = app.clock.now();
    let objects = objects(body)?;
    let listed = objects.len() > 1;
    let mut wrong = Wrong::default();
    let mut scores = Vec::with_capacity(objects.len());
    for (at, map) in objects.iter().enumerate() {
        let mut fields = Fields::of(listed.then_some(at), map, own, &mut wrong);
        scores.push(read(app, &mut fields, fresh_id(now)?, now));
    }
    wrong.none()?;
    match app.scores.keep(scores).await {
        Ok(kept) => Ok(Json(kept)),
        Err(refused) => Err(Problem::later(refused.reason, refused.retry_after_s)),
    }
}

/// Evaluations and ratings, the latest given first.
#[utoipa::path(get, path = "/api/v1/scores", tag = "quality",
    params(("limit" = Option<u32>, Query, description = "1 to 1000, 50 unless given"),
        ("kind" = Option<String>, Query, description = "evaluation or feedback"),
        ("call" = Option<String>, Query, description = "Only those of this call"),
        ("since" = Option<String>, Query, description = "By the time they were given; 7d unless said"),
        ("from" = Option<String>, Query), ("to" = Option<String>, Query),
        ("day" = Option<String>, Query)),
    responses((status = 200, body = ScoreList),
        (status = 400, body = Problem, content_type = "application/problem+json")))]
pub(super) async fn list(
    State(app): State<App>,
    params: Params,
) -> Result<Json<ScoreList>, Problem> {
    params.only(&["since", "last", "from", "to", "day"], &["limit", "kind", "call"])?;
    let mut window = params.window(USUAL, app.clock.now(), app.facts.zone)?;
    // A score given at this very moment is shown: the end of a window lies outside it.
    window.to = UnixMicros(window.to.0.saturating_add(1));
    let kind =
        match params.one("kind")? {
            Some(word) => Some(ScoreKind::from_word(word).ok_or_else(|| {
                Problem::field("query.kind", word, "write evaluation or feedback")
            })?),
            None => None,
        };
    let call = match params.one("call")? {
        Some(text) => Some(text.parse::<CallId>().map_err(|_| {
            Problem::field("query.call", text, "write the 32 hexadecimal digits of a request id")
        })?),
        None => None,
    };
    let limit = params.number("limit", USUAL_ROWS, MAX_ROWS)?;
    let query = ScoreQuery { window, kind, call, limit };
    let rows = app.ask(move |reader| reader.scores(&query)).await?;
    Ok(Json(ScoreList { items: rows.iter().map(ScoreView::from).collect() }))
}
