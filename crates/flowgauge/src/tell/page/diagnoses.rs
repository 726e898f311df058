//! Diagnoses: what is wrong, why, what shows it, and what to ask next.

use super::ask::{COMMON, Params, moment};
use super::{App, Problem, Shared};
use crate::logic::diagnose::Diagnosis;
use crate::logic::diagnose::bottlenecks::Own;
use crate::logic::diagnose::spread::Metric;
use crate::logic::window::Window;
use crate::query::diagnose::{self, Against, Name, Question};
use axum::Json;
use axum::extract::{Path, State};
use http::StatusCode;

/// One diagnosis of a window.
#[utoipa::path(get, path = "/api/v1/diagnoses/{name}", tag = "diagnoses",
    params(("name" = String, Path, description = "errors, distribution, bottlenecks, trends, tokens, reduction, quality_trends, quality_impact or quality_regress"),
        ("metric" = Option<String>, Query, description = "Of a distribution: latency, ttft, tokens or cost"),
        ("spike_from" = Option<String>, Query, description = "Of a distribution: a stretch compared with the rest of the window"),
        ("spike_to" = Option<String>, Query),
        ("against" = Option<String>, Query, description = "usual or previous"),
        ("threshold" = Option<f64>, Query, description = "Of quality_regress: a fall that counts, 0 to 1"),
        ("since" = Option<String>, Query), ("from" = Option<String>, Query),
        ("to" = Option<String>, Query), ("day" = Option<String>, Query),
        ("where" = Option<Vec<String>>, Query, description = "dimension=value, repeatable")),
    responses((status = 200, body = serde_json::Value, description = "Verdict, ranked findings with evidence, tables"),
        (status = 400, body = Problem, content_type = "application/problem+json"),
        (status = 404, body = Problem, content_type = "application/problem+json")))]
pub(super) async fn one(
    State(app): State<App>,
    Path(name): Path<String>,
    params: Params,
) -> Result<Json<Diagnosis>, Problem> {
    params.only(COMMON, &["metric", "spike_from", "spike_to", "against", "threshold"])?;
    let Some(known) = Name::from_word(&name) else {
        let all: Vec<&str> = Name::ALL.iter().map(|n| n.word()).collect();
        let detail = format!("no such diagnosis; there are {}", all.join(", "));
        return Err(Problem::field("path.name", &name, detail).with_status(StatusCode::NOT_FOUND));
    };
    let window = params.window(known.usual(), app.clock.now(), app.facts.zone)?;
    let mut question = Question::new(known, window, params.filter()?);
    if let Some(word) = params.one("metric")? {
        question.metric = Metric::from_word(word).ok_or_else(|| {
            Problem::field("query.metric", word, "write latency, ttft, tokens or cost")
        })?;
    }
    if let Some(word) = params.one("against")? {
        question.against = Against::from_word(word)
            .ok_or_else(|| Problem::field("query.against", word, "write usual or previous"))?;
    }
    if let Some(text) = params.one("threshold")? {
        let share = text.parse().ok().filter(|t: &f64| (0.0..1.0).contains(t));
        let detail = "write a share from 0 to below 1, e.g. 0.05";
        question.threshold =
            share.ok_or_else(|| Problem::field("query.threshold", text, detail))?;
    }
    question.spike = spike(&params, window)?;
    if known == Name::QualityRegress {
        // Nothing promoted, or nothing readable: the week before serves.
        if let Ok((baseline, _)) = app.regressions.baseline(None) {
            question = question.against_baseline(&baseline);
        }
    }
    let own = own(&app);
    Ok(Json(app.ask(move |reader| diagnose::answer(reader, &question, &own)).await?))
}

fn spike(params: &Params, window: Window) -> Result<Option<Window>, Problem> {
    let (from, to) = (params.one("spike_from")?, params.one("spike_to")?);
    let Some(start) = from else {
        return match to {
            Some(to) => Err(Problem::field("query.spike_to", to, "give spike_from as well")),
            None => Ok(None),
        };
    };
    let end = to.map_or(Ok(window.to), |to| moment("query.spike_to", to))?;
    let spike = Window { from: moment("query.spike_from", start)?, to: end };
    let inside = window.from <= spike.from && spike.from < spike.to && spike.to <= window.to;
    let detail = "the spike lies inside the window and ends after it begins";
    if inside { Ok(Some(spike)) } else { Err(Problem::field("query.spike_from", start, detail)) }
}

/// What the running server knows of itself.
pub(super) fn own(app: &Shared) -> Own {
    let stats = app.recorder.stats();
    Own {
        queued: Some(stats.queued),
        lost: Some(stats.lost),
        refuses: stats.degraded,
        damage: Vec::new(),
        disk: None,
    }
}
