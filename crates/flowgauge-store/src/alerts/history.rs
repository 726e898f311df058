//! Episodes and transitions as people look at them, and how long they are kept.

use super::{AlertStore, Transition};
use crate::StoreError;
use crate::hot::count;
use flowgauge_logic::alert::episode::{Ack, Episode, EpisodeId};
use flowgauge_logic::call::Text;
use flowgauge_logic::id::CallId;
use flowgauge_logic::unit::UnixMicros;
use flowgauge_logic::window::Window;
use rusqlite::{Connection, Params, params};

/// As many as a page shows.
const PAGE: usize = 100;

/// An episode and its acknowledgement.
pub(super) const EPISODE: &str = "SELECT e.id, e.body, a.body FROM alert_episodes e
     LEFT JOIN alert_acks a ON a.episode = e.id";

/// Which episodes are wanted, the latest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EpisodeQuery {
    /// Only those of this rule.
    pub rule: Option<Text>,
    /// Only those that fired then or later.
    pub from: Option<UnixMicros>,
    /// Only those that fired before.
    pub to: Option<UnixMicros>,
    /// Only those without an end, or only those with one.
    pub open: Option<bool>,
    /// At most so many.
    pub limit: usize,
    /// Only those that come after this one, which is the last of the page before.
    pub after: Option<EpisodeId>,
}

impl Default for EpisodeQuery {
    fn default() -> Self {
        Self { rule: None, from: None, to: None, open: None, limit: PAGE, after: None }
    }
}

/// Which lines of the history are wanted, the latest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TransitionQuery {
    /// Only those of this rule.
    pub rule: Option<Text>,
    /// Only those of this episode.
    pub episode: Option<EpisodeId>,
    /// Only those of then or later.
    pub from: Option<UnixMicros>,
    /// Only those before.
    pub to: Option<UnixMicros>,
    /// At most so many.
    pub limit: usize,
}

impl Default for TransitionQuery {
    fn default() -> Self {
        Self { rule: None, episode: None, from: None, to: None, limit: PAGE }
    }
}

/// What became of the episodes that fired in a window: how much of it was worth telling.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Noise {
    /// All of them.
    pub fired: u64,
    /// Somebody acknowledged them.
    pub acked: u64,
    /// Something was done about them.
    pub acted: u64,
    /// They recovered, and nobody had acknowledged them or done anything.
    pub resolved_alone: u64,
}

/// An episode as its columns.
pub(super) type EpisodeRow = (EpisodeId, Vec<u8>, Option<Vec<u8>>);

impl AlertStore {
    /// Episodes, the latest first.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn episodes(&self, query: &EpisodeQuery) -> Result<Vec<Episode>, StoreError> {
        let mut sql = format!("{EPISODE} WHERE (?1 IS NULL OR e.id < ?1)");
        for (wanted, clause) in [
            (query.rule.is_some(), " AND e.rule = ?2"),
            (query.from.is_some(), " AND e.fired_us >= ?3"),
            (query.to.is_some(), " AND e.fired_us < ?4"),
            (query.open == Some(true), " AND e.ended_us IS NULL"),
            (query.open == Some(false), " AND e.ended_us IS NOT NULL"),
        ] {
            sql.push_str(if wanted { clause } else { "" });
        }
        sql.push_str(" ORDER BY e.id DESC LIMIT ?5");
        let rows = self.read("reading episodes", |db| {
            let values = params![
                query.after.map(|id| id.0),
                query.rule.as_ref().map(Text::as_str),
                query.from.map(|t| t.0),
                query.to.map(|t| t.0),
                limit(query.limit),
            ];
            episode_rows(db, &sql, values)
        })?;
        Ok(rows.into_iter().filter_map(|row| self.episode_of(row)).collect())
    }

    /// One episode.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn episode(&self, id: EpisodeId) -> Result<Option<Episode>, StoreError> {
        let sql = format!("{EPISODE} WHERE e.id = ?1");
        let rows = self.read("reading an episode", |db| episode_rows(db, &sql, [id.0]))?;
        Ok(rows.into_iter().find_map(|row| self.episode_of(row)))
    }

    /// Lines of the history, the latest first.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn transitions(&self, query: &TransitionQuery) -> Result<Vec<Transition>, StoreError> {
        let mut sql = "SELECT id, body FROM alert_transitions WHERE true".to_owned();
        for (wanted, clause) in [
            (query.rule.is_some(), " AND rule = ?1"),
            (query.episode.is_some(), " AND episode = ?2"),
            (query.from.is_some(), " AND at_us >= ?3"),
            (query.to.is_some(), " AND at_us < ?4"),
        ] {
            sql.push_str(if wanted { clause } else { "" });
        }
        sql.push_str(" ORDER BY at_us DESC, id DESC LIMIT ?5");
        let rows = self.read("reading the history of alerts", |db| {
            let values = params![
                query.rule.as_ref().map(Text::as_str),
                query.episode.map(|id| id.0),
                query.from.map(|t| t.0),
                query.to.map(|t| t.0),
                limit(query.limit),
            ];
            let mut select = db.prepare_cached(&sql)?;
            let rows = select.query_map(values, |r| Ok((r.get(0)?, r.get(1)?)))?;
            rows.collect::<rusqlite::Result<Vec<(i64, Vec<u8>)>>>()
        })?;
        let line = |(id, body): (i64, Vec<u8>)| self.sound(|| format!("transition {id}"), &body);
        Ok(rows.into_iter().filter_map(line).collect())
    }

    /// How much of what fired in a window was worth telling.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn noise(&self, window: Window) -> Result<Noise, StoreError> {
        let sql = "SELECT count(*), count(a.episode), ifnull(sum(e.acted), 0),
                ifnull(sum(e.recovered AND NOT e.acted AND a.episode IS NULL), 0)
            FROM alert_episodes e LEFT JOIN alert_acks a ON a.episode = e.id
            WHERE e.fired_us >= ?1 AND e.fired_us < ?2";
        self.read("adding up episodes", |db| {
            db.prepare_cached(sql)?.query_row(params![window.from.0, window.to.0], |r| {
                let (fired, acked) = (count(r, 0)?, count(r, 1)?);
                Ok(Noise { fired, acked, acted: count(r, 2)?, resolved_alone: count(r, 3)? })
            })
        })
    }

    /// Deletes what was over before a moment, and tells how many rows that were. Open episodes keep all
    /// that hangs off them; of the runs of a schedule the last stays, so that it is not run again.
    ///
    /// # Errors
    /// The disk refuses; nothing is deleted then.
    pub fn forget(&self, before: UnixMicros) -> Result<u64, StoreError> {
        let open = "(SELECT id FROM alert_episodes WHERE ended_us IS NULL)";
        let statements = [
            "DELETE FROM alert_episodes WHERE ended_us < ?1".to_owned(),
            "DELETE FROM alert_acks WHERE episode NOT IN (SELECT id FROM alert_episodes)
                AND ?1 IS NOT NULL"
                .to_owned(),
            format!(
                "DELETE FROM alert_transitions WHERE at_us < ?1
                    AND (episode IS NULL OR episode NOT IN {open})"
            ),
            format!(
                "DELETE FROM alert_outbox WHERE expires_us < ?1
                    AND state NOT IN ('queued', 'sending') AND episode NOT IN {open}"
            ),
            "DELETE FROM alert_letters WHERE made_us < ?1
                AND id NOT IN (SELECT episode FROM alert_outbox WHERE state IN ('queued', 'sending'))"
                .to_owned(),
            "DELETE FROM alert_silences WHERE ends_us < ?1".to_owned(),
            "DELETE FROM alert_runs WHERE start_us < ?1
                AND start_us < (SELECT max(start_us) FROM alert_runs r WHERE r.rule = alert_runs.rule)"
                .to_owned(),
        ];
        self.write("deleting old alerts", |tx| {
            let mut gone = 0u64;
            for sql in &statements {
                let rows = tx.prepare_cached(sql)?.execute([before.0])?;
                gone = gone.saturating_add(u64::try_from(rows).unwrap_or(u64::MAX));
            }
            Ok(gone)
        })
    }

    /// The content of the columns.
    pub(super) fn episode_of(&self, (id, body, ack): EpisodeRow) -> Option<Episode> {
        let mut episode: Episode = self.sound(|| format!("episode {id}"), &body)?;
        let ack = ack
            .and_then(|ack| self.sound::<Ack>(|| format!("acknowledgement of episode {id}"), &ack));
        if ack.is_some() {
            episode.acked = ack;
        }
        Some(episode)
    }
}

/// Rows of a statement that begins with [`EPISODE`].
pub(super) fn episode_rows(
    db: &Connection,
    sql: &str,
    values: impl Params,
) -> rusqlite::Result<Vec<EpisodeRow>> {
    let mut select = db.prepare_cached(sql)?;
    let rows = select.query_map(values, |r| Ok((CallId(r.get(0)?), r.get(1)?, r.get(2)?)))?;
    rows.collect()
}

/// A limit as SQLite counts.
pub(super) fn limit(rows: usize) -> i64 {
    i64::try_from(rows).unwrap_or(i64::MAX)
}
