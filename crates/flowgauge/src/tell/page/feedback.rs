//! `POST /api/v1/feedback` takes ratings of users, `GET` adds them up.

use super::ask::{COMMON, Params};
use super::fields::Fields;
use super::scores::{take, words};
use super::{App, Problem};
use crate::logic::call::Text;
use crate::logic::id::CallId;
use crate::logic::rollup::Dim;
use crate::logic::score::{Score, ScoreKind};
use crate::logic::unit::UnixMicros;
use crate::query::scores::{Satisfaction, satisfaction};
use crate::record::scores::Kept;
use axum::Json;
use axum::body::Bytes;
use axum::extract::State;

/// Window of the report unless asked otherwise: that of the catalogue.
const USUAL: &str = "7d";
/// Longest category: a word or two.
const MAX_CATEGORY: usize = 40;

const FIELDS: &[&str] =
    &["rating", "thumb", "type", "category", "user", "session", "comment", "time"];
/// What an application's form calls a piece of feedback.
const TYPES: &[&str] = &["bug", "feature", "general", "praise"];

/// Stores ratings of users; answers once they are durable. `rating` is 1 to 5; a `thumb` up counts
/// as 5, down as 1, and is marked. The call is named by `request_id`, `response_id`, or `trace_id`
/// with `span_id`, and may come later. Of one user about one call the last counts; sending the same
/// again changes nothing. The user is kept as a keyed hash, the comment only where content is.
#[utoipa::path(post, path = "/api/v1/feedback", tag = "quality",
    request_body(content = serde_json::Value, description = "One object or a list: rating or thumb, user or session, type, category, comment, time, and the name of the call"),
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
    take(&app, &body, FIELDS, rating).await
}

fn rating(app: &App, fields: &mut Fields<'_>, id: CallId, now: UnixMicros) -> Score {
    let mut score = Score::new(id, ScoreKind::Feedback, now, fields.reference());
    score.time = fields.time(now);
    let thumb = fields.word("thumb", "up or down", |word| match word {
        "up" => Some(5),
        "down" => Some(1),
        _ => None,
    });
    let number = fields.number("rating");
    score.thumb = thumb.is_some();
    score.rating = match (number.map(stars), thumb) {
        (Some(Some(_)), Some(_)) => {
            fields.refuse("thumb", "", "give a rating or a thumb, not both");
            None
        }
        (Some(None), _) => {
            let told = number.unwrap_or_default().to_string();
            fields.refuse("rating", &told, "write a whole number from 1 to 5");
            None
        }
        (Some(stars), None) => stars,
        (None, thumb) => thumb,
    };
    if thumb.is_none() && number.is_none() {
        fields.require("rating", "give a rating from 1 to 5, or a thumb, up or down");
    }
    score.label = fields.word("type", &format!("one of {}", TYPES.join(", ")), |word| {
        TYPES.iter().find(|t| **t == word).map(|t| Text::const_new(t))
    });
    score.category = fields.word("category", "a word in lower case, with - and _", category);
    let user = fields.text("user").or_else(|| fields.text("session"));
    score.user = user.map(|name| app.hasher.hash(name)).unwrap_or_default();
    score.explanation = words(app, fields, "comment");
    score
}

fn stars(number: f64) -> Option<u8> {
    (1..=5).find(|stars| (f64::from(*stars) - number).abs() < f64::EPSILON)
}

/// A category groups; what could be a sentence is none.
fn category(word: &str) -> Option<Text> {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_';
    (word.len() <= MAX_CATEGORY && word.bytes().all(plain)).then(|| Text::from(word))
}

/// Ratings of the calls of a window: mean, share of 4 and 5, how they spread, and the same by
/// dimensions (`intent` unless asked otherwise).
#[utoipa::path(get, path = "/api/v1/feedback", tag = "quality",
    params(("by" = Option<Vec<String>>, Query, description = "Dimensions, repeatable or with commas"),
        ("since" = Option<String>, Query, description = "By the start of the call; 7d unless said"),
        ("from" = Option<String>, Query), ("to" = Option<String>, Query),
        ("day" = Option<String>, Query), ("where" = Option<Vec<String>>, Query)),
    responses((status = 200, body = serde_json::Value, description = "Whole and groups, each with mean, n, spread"),
        (status = 400, body = Problem, content_type = "application/problem+json")))]
pub(super) async fn report(
    State(app): State<App>,
    params: Params,
) -> Result<Json<Satisfaction>, Problem> {
    params.only(COMMON, &["by"])?;
    let window = params.window(USUAL, app.clock.now(), app.facts.zone)?;
    let filter = params.filter()?;
    let mut by = params.dims()?;
    if by.is_empty() {
        by.push(Dim::Intent);
    }
    Ok(Json(app.ask(move |reader| satisfaction(reader, window, &filter, by)).await?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_are_whole_and_a_category_is_no_sentence() {
        assert_eq!(stars(5.0), Some(5));
        for wrong in [0.0, 6.0, 4.5, -1.0] {
            assert_eq!(stars(wrong), None, "{wrong}");
        }
        assert!(category("ai-interaction").is_some());
        assert!(category("it is bad").is_none() && category(&"x".repeat(41)).is_none());
    }
}
