//! `/api/v1/cache`: what the memory of answers holds and did, and emptying it.

use super::super::ask::{COMMON, Params};
use super::super::guard::Caller;
use super::super::{App, Problem, kpis};
use crate::control::encoder::Encoded;
use crate::control::memory::{Contents, Near};
use crate::control::shared::SharedCounts;
use crate::logic::call::Text;
use crate::logic::control::cache::store::{Limits, Purge};
use crate::logic::unit::{Micros, Ratio};
use crate::query::ages::{self, Ages};
use axum::body::Bytes;
use axum::extract::State;
use axum::{Extension, Json};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The memory of answers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct CacheView {
    /// Answers held.
    pub entries: u64,
    /// Bytes held.
    pub bytes: u64,
    /// Of those there may be, 0–1.
    pub fullness: Option<f64>,
    /// Questions that are found in other words.
    pub questions: u64,
    /// Bounds in force.
    pub limits: CacheLimits,
    /// Sums since the start.
    pub counts: CacheCounts,
    /// What it would have done where it only watches.
    pub shadow: CacheShadow,
    /// What other instances share; nothing where nothing is shared.
    #[serde(default)]
    pub shared: Option<CacheShared>,
    /// What makes vectors of questions; nothing where their words do.
    #[serde(default)]
    pub encoder: Option<CacheEncoder>,
}

/// Answers shared with other instances.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct CacheShared {
    /// Answers found there since the start.
    pub hits: u64,
    /// Answers not found there.
    pub misses: u64,
    /// Lookups that failed or took too long; the request went on.
    pub failed: u64,
    /// Lookups left out while it is in trouble.
    pub passed: u64,
    /// Answers not handed over, because too many were on their way.
    pub dropped: u64,
    /// Questions of other instances, found here in other words.
    #[serde(default)]
    pub questions: u64,
    /// Answers that another instance's users or evaluators found wrong.
    #[serde(default)]
    pub disputed: u64,
    /// Whether a clearing has still to reach it; nothing is read from it until then.
    pub behind: bool,
}

/// What a provider's model did to make vectors of questions, since the start.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct CacheEncoder {
    /// Provider and model.
    pub name: String,
    /// Questions it was asked about.
    pub asked: u64,
    /// Vectors it gave.
    pub made: u64,
    /// Questions passed over because a vector took too long.
    pub late: u64,
    /// Questions passed over because it failed or gave no vector.
    pub failed: u64,
    /// Questions passed over because its budget has no room, or the model no price.
    pub denied: u64,
    /// Questions passed over while it rests after failures, or because they are too long.
    pub rested: u64,
}

impl CacheEncoder {
    fn of(app: &App) -> Option<Self> {
        let encoder = app.control.memory.encoder();
        let Encoded { asked, made, late, failed, denied, rested } = encoder.counts()?;
        let name = encoder.name().to_owned();
        Some(Self { name, asked, made, late, failed, denied, rested })
    }
}

impl CacheShared {
    fn of(app: &App) -> Option<Self> {
        let shared = app.control.memory.shared()?;
        let counts = shared.counts();
        let SharedCounts { hits, misses, failed, passed, dropped, questions, disputed } = counts;
        let behind = shared.is_behind();
        Some(Self { hits, misses, failed, passed, dropped, questions, disputed, behind })
    }
}

/// Bounds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct CacheLimits {
    /// Bytes of all answers.
    pub max_bytes: u64,
    /// Number of answers.
    pub max_entries: u64,
    /// Life of an answer, s.
    pub ttl_seconds: f64,
    /// Who goes first: lru, lfu or fifo.
    pub eviction: String,
}

/// Sums since the start.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct CacheCounts {
    /// Lookups that found an answer.
    pub hits: u64,
    /// Lookups that did not.
    pub misses: u64,
    /// Hits among lookups, 0–1.
    pub hit_rate: Option<f64>,
    /// Answers kept.
    pub kept: u64,
    /// Answers not kept: too large, or purged meanwhile.
    pub refused: u64,
    /// Answers that reached their end.
    pub expired: u64,
    /// Answers that made room.
    pub evicted: u64,
    /// Answers replaced or purged by what they are.
    pub invalidated: u64,
    /// Answers cleared all together.
    pub cleared: u64,
    /// Entries whose answer a user or an evaluator found wrong; they stay out for a life.
    #[serde(default)]
    pub disputed: u64,
    /// Time lived of the time that could be lived, 0–1.
    pub ttl_effectiveness: Option<f64>,
    /// Share of expired and evicted answers that were used, 0–1.
    pub reuse: Option<f64>,
    /// Tokens that hits saved.
    pub saved_tokens: u64,
    /// Known cost that hits saved, dollars.
    pub saved_cost_usd: String,
    /// Latency of the answers that hits gave again, ms.
    pub saved_latency_ms: u64,
}

/// What the cache would have done.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct CacheShadow {
    /// Equal requests whose answer was there.
    pub exact: u64,
    /// The same question in other words, whose answer was there.
    pub semantic: u64,
    /// Fresh answers compared with the one that would have been given.
    pub compared: u64,
    /// Of these, those that say the same.
    pub agreed: u64,
    /// Near questions that are others, by what tells them apart.
    pub different: BTreeMap<String, u64>,
    /// The same questions, not like enough.
    pub below: u64,
    /// All of these by their likeness, the least first.
    #[serde(default)]
    pub near: Vec<CacheNear>,
}

/// Near misses of one likeness.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct CacheNear {
    /// In whole percents, rounded down.
    pub percent: u8,
    /// The same question, by its meaning.
    pub same: u64,
    /// Another question.
    pub different: u64,
}

impl CacheView {
    pub(super) fn of(app: &App) -> Self {
        let contents = app.control.memory.contents();
        let state = app.control.desk.live().load();
        let limits = state.settings.as_ref().map(|s| s.cache.limits).unwrap_or_default();
        Self {
            entries: contents.entries as u64,
            bytes: contents.bytes,
            fullness: contents.fullness.map(|f| f.0),
            questions: contents.questions as u64,
            limits: CacheLimits::from(limits),
            counts: CacheCounts::of(&contents),
            shadow: CacheShadow::of(&contents),
            shared: CacheShared::of(app),
            encoder: CacheEncoder::of(app),
        }
    }
}

impl From<Limits> for CacheLimits {
    fn from(limits: Limits) -> Self {
        use crate::logic::control::cache::store::Eviction;
        let eviction = match limits.eviction {
            Eviction::Lru => "lru",
            Eviction::Lfu => "lfu",
            Eviction::Fifo => "fifo",
        };
        Self {
            max_bytes: limits.max_bytes,
            max_entries: limits.max_entries as u64,
            ttl_seconds: limits.ttl.as_millis_f64() / 1e3,
            eviction: eviction.to_owned(),
        }
    }
}

impl CacheCounts {
    fn of(contents: &Contents) -> Self {
        let c = &contents.counts;
        let share = |r: Option<Ratio>| r.map(|r| r.0);
        Self {
            hits: c.hits,
            misses: c.misses,
            hit_rate: share(c.hit_rate()),
            kept: c.kept,
            refused: c.refused,
            expired: c.expired,
            evicted: c.evicted,
            invalidated: c.invalidated,
            cleared: c.cleared,
            disputed: c.disputed,
            ttl_effectiveness: share(c.ttl_effectiveness()),
            reuse: share(c.reuse()),
            saved_tokens: c.saved_tokens,
            saved_cost_usd: c.saved_cost.to_decimal(),
            saved_latency_ms: c.saved_latency / 1_000,
        }
    }
}

impl CacheShadow {
    fn of(contents: &Contents) -> Self {
        let s = &contents.shadow;
        let different = s.different.iter();
        Self {
            exact: s.exact,
            semantic: s.semantic,
            compared: s.compared,
            agreed: s.agreed,
            different: different
                .map(|(d, n)| (format!("{d:?}").to_ascii_lowercase(), *n))
                .collect(),
            below: s.below,
            near: s.near.iter().map(near).collect(),
        }
    }
}

fn near((percent, near): (&u8, &Near)) -> CacheNear {
    CacheNear { percent: *percent, same: near.same, different: near.different }
}

/// What the memory of answers holds and did.
#[utoipa::path(get, path = "/api/v1/cache", tag = "control",
    responses((status = 200, body = CacheView)))]
pub(in super::super) async fn show(
    State(app): State<App>,
    params: Params,
) -> Result<Json<CacheView>, Problem> {
    params.only(&[], &[])?;
    Ok(Json(CacheView::of(&app)))
}

/// How old answers were when they were given again: of hits in a window, of all or of some of every part of it.
#[utoipa::path(get, path = "/api/v1/cache/ages", tag = "control",
    params(("since" = Option<String>, Query), ("from" = Option<String>, Query),
        ("to" = Option<String>, Query), ("day" = Option<String>, Query),
        ("where" = Option<Vec<String>>, Query, description = "dimension=value, repeatable")),
    responses((status = 200, body = Ages),
        (status = 400, body = Problem, content_type = "application/problem+json")))]
pub(in super::super) async fn ages(
    State(app): State<App>,
    params: Params,
) -> Result<Json<Ages>, Problem> {
    params.only(COMMON, &[])?;
    let window = params.window(kpis::USUAL, app.clock.now(), app.facts.zone)?;
    let filter = params.filter()?;
    Ok(Json(app.ask(move |reader| ages::ages(reader, window, &filter)).await?))
}

/// Which answers go. Several conditions must all hold; none at all is every answer.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct WantedClear {
    /// Of this tenant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
    /// Of this model.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// With this intent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub intent: Option<String>,
    /// Of this endpoint.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub route: Option<String>,
    /// At least this old, s.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub older_than_seconds: Option<u64>,
    /// Who asks.
    pub author: String,
    /// Why.
    pub reason: String,
}

/// What went.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Cleared {
    /// Answers that went.
    pub entries: u64,
    /// Bytes that went.
    pub bytes: u64,
    /// Questions in other words that went with them.
    pub questions: u64,
    /// Answers left.
    pub left: u64,
}

/// Takes answers out of memory. Answers on their way are not kept when they come.
#[utoipa::path(post, path = "/api/v1/cache/clear", tag = "control", request_body = WantedClear,
    responses((status = 200, body = Cleared),
        (status = 400, body = Problem, content_type = "application/problem+json")))]
pub(in super::super) async fn clear(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    params: Params,
    body: Bytes,
) -> Result<Json<Cleared>, Problem> {
    params.only(&[], &[])?;
    let wanted: WantedClear = super::super::regressions::read_body(&body)?;
    let text = |t: &Option<String>| t.as_deref().map(Text::from);
    let seconds = |s: u64| Micros(s.saturating_mul(1_000_000));
    let purge = Purge {
        tenant: text(&wanted.tenant),
        model: text(&wanted.model),
        intent: text(&wanted.intent),
        route: text(&wanted.route),
        older_than: wanted.older_than_seconds.map(seconds),
    };
    let cleared = purged(&app, &purge);
    let (by, reason) = (caller.name(&wanted.author), wanted.reason);
    tracing::info!(%by, reason, entries = cleared.entries, bytes = cleared.bytes, "cleared answers");
    Ok(Json(cleared))
}

/// Takes out what fits.
pub(super) fn purged(app: &App, purge: &Purge) -> Cleared {
    let memory = &app.control.memory;
    let before = memory.contents().questions;
    let (entries, bytes) = memory.clear(purge, app.clock.now());
    let after = memory.contents();
    let questions = before.saturating_sub(after.questions) as u64;
    Cleared { entries, bytes, questions, left: after.entries as u64 }
}
