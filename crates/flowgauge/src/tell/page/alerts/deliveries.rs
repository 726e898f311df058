//! What is told and what became of it: the queue, the dead letters, the channels, the noise.

use super::super::ask::Params;
use super::super::{App, Problem};
use super::at_desk;
use super::view::ChannelView;
use crate::judge::seen::Seen;
use crate::logic::alert::notice::Kind;
use crate::store::OutboxRow;
use crate::store::alerts::{ChannelHealth, Noise};
use axum::Json;
use axum::extract::{Path, State};
use http::StatusCode;
use serde::{Deserialize, Serialize};

/// Most dead letters shown.
const MAX_DEAD: usize = 200;
/// Most waiting messages shown; how many there are is told for each channel.
const MAX_WAITING: usize = 200;
/// Window of the noise unless asked otherwise: what a weekly review looks at.
const USUAL: &str = "7d";

/// One message to one channel.
#[derive(Debug, Clone, Default, Serialize, Deserialize, utoipa::ToSchema)]
pub struct DeliveryView {
    /// Number of the message.
    pub seq: i64,
    /// Of which episode.
    pub episode: String,
    /// The rule.
    pub rule: String,
    /// fired, escalated, repeat, acknowledged, resolved, …
    pub kind: String,
    /// The channel.
    pub channel: String,
    /// queued, sending, delivered, dead, `no_route` or merged.
    pub state: String,
    /// Attempts so far.
    pub attempts: u32,
    /// When it is due.
    pub due: String,
    /// Not tried before this.
    pub next: String,
    /// Given up after this.
    pub expires: String,
    /// When it was sent last.
    pub sent: Option<String>,
    /// What came back.
    pub answer: Option<String>,
    /// Its text.
    pub text: String,
}

/// The queue, the dead letters and the channels.
#[derive(Debug, Clone, Default, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Deliveries {
    /// Messages that wait, the oldest first.
    pub waiting: Vec<DeliveryView>,
    /// Messages refused for good or given up, the latest first.
    pub dead: Vec<DeliveryView>,
    /// In the order declared.
    pub channels: Vec<ChannelView>,
}

/// How much of what was told was of use.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct NoiseView {
    /// Episodes that fired.
    pub fired: u64,
    /// Of these, acknowledged.
    pub acked: u64,
    /// Of these, something was done about.
    pub acted: u64,
    /// Of these, over by themselves before anybody did anything.
    pub resolved_alone: u64,
}

impl From<&OutboxRow> for DeliveryView {
    fn from(row: &OutboxRow) -> Self {
        let notice = &row.notice;
        Self {
            seq: row.seq,
            episode: notice.episode.to_string(),
            rule: notice.message.rule.to_string(),
            kind: kind_word(notice.message.kind).to_owned(),
            channel: notice.channel.to_string(),
            state: row.state.word().to_owned(),
            attempts: row.attempts,
            due: notice.due.to_rfc3339(),
            next: row.next.to_rfc3339(),
            expires: notice.expires.to_rfc3339(),
            sent: row.sent.map(crate::logic::unit::UnixMicros::to_rfc3339),
            answer: row.answer.clone(),
            text: notice.message.text.clone(),
        }
    }
}

const fn kind_word(kind: Kind) -> &'static str {
    match kind {
        Kind::Fired => "fired",
        Kind::Escalated => "escalated",
        Kind::Repeat => "repeat",
        Kind::Acknowledged => "acknowledged",
        Kind::Resolved => "resolved",
        Kind::FiredAndResolved => "fired_and_resolved",
        Kind::Scheduled => "scheduled",
        Kind::Digest => "digest",
        Kind::Drill => "drill",
        Kind::Change => "change",
        Kind::Heartbeat => "heartbeat",
    }
}

impl From<Noise> for NoiseView {
    fn from(noise: Noise) -> Self {
        let Noise { fired, acked, acted, resolved_alone } = noise;
        Self { fired, acked, acted, resolved_alone }
    }
}

/// Declared channels with what became of their messages; those no file names any more come last.
pub(super) fn channels(seen: &Seen, health: &[ChannelHealth]) -> Vec<ChannelView> {
    let mut all: Vec<ChannelView> = seen.channels.iter().map(ChannelView::of).collect();
    for health in health {
        let known = all.iter_mut().find(|c| c.name == health.channel.as_str());
        let with = |view: &mut ChannelView| {
            let time = crate::logic::unit::UnixMicros::to_rfc3339;
            view.delivered = health.delivered.map(time);
            view.failed = health.failed.as_ref().map(|(at, _)| time(*at));
            view.answer = health.failed.as_ref().map(|(_, answer)| answer.clone());
            view.no_route = health.no_route;
            view.queued = health.queued;
            view.dead = health.dead;
        };
        if let Some(view) = known {
            with(view);
        } else {
            let mut gone =
                ChannelView { name: health.channel.to_string(), ..ChannelView::default() };
            with(&mut gone);
            all.push(gone);
        }
    }
    all
}

/// Messages that wait, dead letters, and every channel with its last delivery.
#[utoipa::path(get, path = "/api/v1/alerts/deliveries", tag = "alerts",
    responses((status = 200, body = Deliveries)))]
pub(in super::super) async fn list(
    State(app): State<App>,
    params: Params,
) -> Result<Json<Deliveries>, Problem> {
    params.only(&[], &[])?;
    let read = at_desk(&app, |desk| {
        let store = desk.store();
        Ok((store.waiting()?, store.dead(MAX_DEAD)?, store.channels()?))
    });
    let (waiting, dead, health) = read.await?;
    Ok(Json(Deliveries {
        waiting: waiting.iter().take(MAX_WAITING).map(DeliveryView::from).collect(),
        dead: dead.iter().map(DeliveryView::from).collect(),
        channels: channels(&app.desk.seen(), &health),
    }))
}

/// Puts a dead letter back into the queue.
#[utoipa::path(post, path = "/api/v1/alerts/deliveries/{seq}/retry", tag = "alerts",
    params(("seq" = i64, Path, description = "Number of the message")),
    responses((status = 204, description = "It is tried again"),
        (status = 404, body = Problem, content_type = "application/problem+json")))]
pub(in super::super) async fn retry(
    State(app): State<App>,
    Path(seq): Path<String>,
    params: Params,
) -> Result<StatusCode, Problem> {
    params.only(&[], &[])?;
    let wanted: i64 = seq.parse().map_err(|_| {
        Problem::field("path.seq", &seq, "write the number of a message, as listed")
    })?;
    if let Some(channel) = at_desk(&app, move |desk| desk.retry(wanted)).await? {
        // Whatever the channel refused before: this is the trial. Wakes the worker.
        app.board.try_again(&channel);
        tracing::info!(seq = wanted, "a dead letter is tried again");
        return Ok(StatusCode::NO_CONTENT);
    }
    let detail = "no dead letter of this number; GET /api/v1/alerts/deliveries lists them";
    Err(Problem::field("path.seq", &seq, detail).with_status(StatusCode::NOT_FOUND))
}

/// How much of what was told was of use: episodes that fired in a window, and what people did.
#[utoipa::path(get, path = "/api/v1/alerts/noise", tag = "alerts",
    params(("since" = Option<String>, Query, description = "7d unless said"),
        ("from" = Option<String>, Query), ("to" = Option<String>, Query),
        ("day" = Option<String>, Query)),
    responses((status = 200, body = NoiseView),
        (status = 400, body = Problem, content_type = "application/problem+json")))]
pub(in super::super) async fn noise(
    State(app): State<App>,
    params: Params,
) -> Result<Json<NoiseView>, Problem> {
    params.only(&["since", "last", "from", "to", "day"], &[])?;
    let window = params.window(USUAL, app.clock.now(), app.facts.zone)?;
    let noise = at_desk(&app, move |desk| Ok(desk.store().noise(window)?)).await?;
    Ok(Json(noise.into()))
}
