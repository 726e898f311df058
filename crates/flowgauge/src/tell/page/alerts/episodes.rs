//! Episodes: a page of the newest, and one with what moved and what was told.

use super::super::analyses::AnalysisView;
use super::super::ask::Params;
use super::super::{App, Problem};
use super::at_desk;
use super::deliveries::DeliveryView;
use super::figures;
use super::view::{FiguresView, label_map, seconds};
use crate::judge::seen::Seen;
use crate::logic::alert::episode::{Ack, Episode, EpisodeId};
use crate::logic::alert::sample::Evidence;
use crate::logic::call::Text;
use crate::logic::unit::UnixMicros;
use crate::store::Transition;
use crate::store::alerts::{EpisodeQuery, TransitionQuery};
use axum::Json;
use axum::extract::{Path, State};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Window of a list unless asked otherwise.
const USUAL: &str = "7d";
/// Rows of a page unless asked otherwise.
const USUAL_ROWS: usize = 50;
/// Rows of a page at most.
const MAX_ROWS: usize = 500;
/// Most lines of history shown of one episode: it flapped for hours then.
const MAX_TRANSITIONS: usize = 500;

/// A firing…resolved arc.
#[derive(Debug, Clone, Default, Serialize, Deserialize, utoipa::ToSchema)]
pub struct EpisodeView {
    /// Its id, ordered by time.
    pub id: String,
    /// The rule.
    pub rule: String,
    /// Its label set.
    pub labels: BTreeMap<String, String>,
    /// How bad, at its worst.
    pub severity: String,
    /// The first evaluation that violated.
    pub started: String,
    /// When it fired.
    pub fired: String,
    /// When it ended; `null` = it is open.
    pub ended: Option<String>,
    /// Why it ended: recovered, `rule_changed`, `rule_removed`, `period_ended` or `no_data_ok`.
    pub end_reason: Option<String>,
    /// From firing to the end, or to now, seconds.
    pub lasted_s: f64,
    /// The worst value, in the unit of the figures.
    pub peak: Option<f64>,
    /// The same in words.
    pub peak_text: Option<String>,
    /// Figures of the last violation.
    pub figures: FiguresView,
    /// When that was.
    pub last_violation: String,
    /// Evaluations that violated.
    pub violations: u64,
    /// Evaluated after a restart, later than due.
    pub late: bool,
    /// When it was acknowledged.
    pub acked: Option<String>,
    /// By whom.
    pub acked_by: Option<String>,
    /// What they said.
    pub ack_note: Option<String>,
    /// What was done about it.
    pub actions: Vec<String>,
}

/// A page of episodes.
#[derive(Debug, Clone, Default, Serialize, Deserialize, utoipa::ToSchema)]
pub struct EpisodePage {
    /// The latest first.
    pub items: Vec<EpisodeView>,
    /// Handed back as `cursor` for the next page; `null` at the end.
    pub next_cursor: Option<String>,
}

/// An episode with its history.
#[derive(Debug, Clone, Default, Serialize, Deserialize, utoipa::ToSchema)]
pub struct EpisodeDetail {
    /// The episode.
    #[serde(flatten)]
    pub episode: EpisodeView,
    /// What moved, oldest first.
    pub transitions: Vec<TransitionView>,
    /// What was told, in the order planned.
    pub deliveries: Vec<DeliveryView>,
    /// Analyses attached to it, the first first.
    pub analyses: Vec<AnalysisView>,
}

/// One line of the history.
#[derive(Debug, Clone, Default, Serialize, Deserialize, utoipa::ToSchema)]
pub struct TransitionView {
    /// The evaluation.
    pub at: String,
    /// From which state.
    pub from: String,
    /// To which state.
    pub to: String,
    /// Why.
    pub why: String,
}

impl EpisodeView {
    /// An episode, with figures in the unit of its rule where that rule is there still.
    pub(super) fn of(seen: &Seen, episode: &Episode) -> Self {
        let rule = seen.rules.iter().find(|r| r.rule.name == episode.rule).map(|r| &r.rule);
        let of = |evidence: &Evidence| {
            rule.map_or_else(FiguresView::default, |rule| figures::of(rule, evidence))
        };
        let peak = of(&Evidence { value: episode.peak, ..Evidence::default() });
        let until = episode.ended.map(|(at, _)| at).or(seen.at).unwrap_or(episode.fired);
        let acked = episode.acked.as_ref();
        Self {
            id: episode.id.to_string(),
            rule: episode.rule.to_string(),
            labels: label_map(&episode.labels),
            severity: episode.severity.word().to_owned(),
            started: episode.first_true.to_rfc3339(),
            fired: episode.fired.to_rfc3339(),
            ended: episode.ended.map(|(at, _)| at.to_rfc3339()),
            end_reason: episode.ended.map(|(_, why)| why.word().to_owned()),
            lasted_s: seconds(until.since(episode.fired)),
            peak: peak.value,
            peak_text: peak.value_text,
            figures: of(&episode.last_violation),
            last_violation: episode.last_violation_at.to_rfc3339(),
            violations: episode.violations,
            late: episode.late,
            acked: acked.map(|ack| ack.at.to_rfc3339()),
            acked_by: acked.map(|ack| ack.by.to_string()),
            ack_note: acked.and_then(|Ack { note, .. }| note.clone()),
            actions: episode.actions.iter().map(ToString::to_string).collect(),
        }
    }
}

impl From<Transition> for TransitionView {
    fn from(t: Transition) -> Self {
        let Transition { at, from, to, why, .. } = t;
        Self { at: at.to_rfc3339(), from: from.to_string(), to: to.to_string(), why }
    }
}

/// Reads an id of an episode.
pub(super) fn episode_id(text: &str) -> Result<EpisodeId, Problem> {
    let advice = "write the 32 hexadecimal digits of an episode id";
    text.parse().map_err(|_| Problem::field("path.id", text, advice))
}

/// There is none of this id.
pub(super) fn unknown(id: EpisodeId) -> Problem {
    let detail = "no episode of this id; GET /api/v1/alerts/episodes lists them";
    Problem::field("path.id", &id.to_string(), detail).with_status(StatusCode::NOT_FOUND)
}

/// Episodes that fired in a window, the latest first.
#[utoipa::path(get, path = "/api/v1/alerts/episodes", tag = "alerts",
    params(("rule" = Option<String>, Query, description = "Only of this rule"),
        ("open" = Option<bool>, Query, description = "Only those that are not over"),
        ("limit" = Option<u32>, Query, description = "1 to 500, 50 unless given"),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before"),
        ("since" = Option<String>, Query, description = "7d unless said"),
        ("from" = Option<String>, Query), ("to" = Option<String>, Query),
        ("day" = Option<String>, Query)),
    responses((status = 200, body = EpisodePage),
        (status = 400, body = Problem, content_type = "application/problem+json")))]
pub(in super::super) async fn list(
    State(app): State<App>,
    params: Params,
) -> Result<Json<EpisodePage>, Problem> {
    let own = ["rule", "open", "limit", "cursor"];
    params.only(&["since", "last", "from", "to", "day"], &own)?;
    let limit = params.number("limit", USUAL_ROWS, MAX_ROWS)?;
    let window = params.window(USUAL, app.clock.now(), app.facts.zone)?;
    let after = match params.one("cursor")? {
        Some(text) => Some(text.parse::<EpisodeId>().map_err(|_| {
            let advice = "hand back next_cursor of the page before unchanged";
            Problem::field("query.cursor", text, advice)
        })?),
        None => None,
    };
    let question = EpisodeQuery {
        rule: params.one("rule")?.map(Text::from),
        from: Some(window.from),
        // What fired at this very moment is shown: the end of a window lies outside it.
        to: Some(UnixMicros(window.to.0.saturating_add(1))),
        open: params.flag("open")?.then_some(true),
        // One more than asked for tells whether another page follows.
        limit: limit + 1,
        after,
    };
    let rows = at_desk(&app, move |desk| Ok(desk.store().episodes(&question)?)).await?;
    let seen = app.desk.seen();
    let shown = rows.get(..limit).unwrap_or(&rows);
    Ok(Json(EpisodePage {
        items: shown.iter().map(|e| EpisodeView::of(&seen, e)).collect(),
        next_cursor: shown.last().filter(|_| rows.len() > limit).map(|e| e.id.to_string()),
    }))
}

/// One episode with what moved and what was told.
#[utoipa::path(get, path = "/api/v1/alerts/episodes/{id}", tag = "alerts",
    params(("id" = String, Path, description = "Of the episode")),
    responses((status = 200, body = EpisodeDetail),
        (status = 404, body = Problem, content_type = "application/problem+json")))]
pub(in super::super) async fn one(
    State(app): State<App>,
    Path(id): Path<String>,
    params: Params,
) -> Result<Json<EpisodeDetail>, Problem> {
    params.only(&[], &[])?;
    let id = episode_id(&id)?;
    let read = at_desk(&app, move |desk| {
        let store = desk.store();
        let Some(episode) = store.episode(id)? else { return Ok(None) };
        let moved = TransitionQuery {
            episode: Some(id),
            limit: MAX_TRANSITIONS,
            ..TransitionQuery::default()
        };
        let analyses = store.analyses_of(id)?;
        Ok(Some((episode, store.transitions(&moved)?, store.outbox_of(id)?, analyses)))
    });
    let (episode, mut transitions, told, analyses) = read.await?.ok_or_else(|| unknown(id))?;
    // The store tells the latest first; a story is told from its beginning.
    transitions.reverse();
    Ok(Json(EpisodeDetail {
        episode: EpisodeView::of(&app.desk.seen(), &episode),
        transitions: transitions.into_iter().map(TransitionView::from).collect(),
        deliveries: told.iter().map(DeliveryView::from).collect(),
        analyses: analyses.into_iter().map(AnalysisView::from).collect(),
    }))
}
