//! Analyses that run beside an alert: what was asked, how far it is, what came of it.

use super::AlertStore;
use crate::StoreError;
use crate::sealed::Sealed;
use flowgauge_logic::alert::episode::EpisodeId;
use flowgauge_logic::call::Text;
use flowgauge_logic::diagnose::Diagnosis;
use flowgauge_logic::unit::UnixMicros;
use rusqlite::params;
use serde::{Deserialize, Serialize};

/// Analyses that are kept, the newest: each is some ten kilobytes.
const KEPT: i64 = 500;

/// One analysis.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Analysis {
    /// Its id, ordered by time.
    pub id: Text,
    /// The alert it was asked for.
    pub episode: Option<EpisodeId>,
    /// How deep: `warning` or `critical`.
    pub depth: Text,
    /// When it was asked for.
    pub started: UnixMicros,
    /// When it came to an end.
    pub ended: Option<UnixMicros>,
    /// What was found; nothing while it runs.
    pub found: Vec<Diagnosis>,
    /// Why nothing was.
    pub failed: Option<String>,
}

impl AlertStore {
    /// Keeps an analysis as it stands.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn put_analysis(&self, analysis: &Analysis) -> Result<(), StoreError> {
        self.write("keeping an analysis", |tx| {
            let sql = "INSERT OR REPLACE INTO alert_analyses (id, episode, open, body)
                       VALUES (?1, ?2, ?3, ?4)";
            tx.prepare_cached(sql)?.execute(params![
                analysis.id.as_str(),
                analysis.episode.map(|e| e.0),
                analysis.ended.is_none(),
                Sealed(analysis),
            ])?;
            let sql = "DELETE FROM alert_analyses WHERE id NOT IN
                       (SELECT id FROM alert_analyses ORDER BY id DESC LIMIT ?1)";
            tx.prepare_cached(sql)?.execute([KEPT]).map(drop)
        })
    }

    /// One analysis.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn analysis(&self, id: &str) -> Result<Option<Analysis>, StoreError> {
        Ok(self.analyses_where("id = ?1", id)?.pop())
    }

    /// Those of an alert, the first first.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn analyses_of(&self, episode: EpisodeId) -> Result<Vec<Analysis>, StoreError> {
        self.analyses_where("episode = ?1", episode.0)
    }

    /// Those that have not come to an end.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn open_analyses(&self) -> Result<Vec<Analysis>, StoreError> {
        self.analyses_where("open = ?1", true)
    }

    fn analyses_where(
        &self,
        which: &str,
        value: impl rusqlite::ToSql,
    ) -> Result<Vec<Analysis>, StoreError> {
        let sql = format!("SELECT id, body FROM alert_analyses WHERE {which} ORDER BY id");
        let rows = self.read("reading analyses", |db| {
            let mut select = db.prepare_cached(&sql)?;
            let rows = select.query_map([value], |r| Ok((r.get(0)?, r.get(1)?)))?;
            rows.collect::<rusqlite::Result<Vec<(String, Vec<u8>)>>>()
        })?;
        let read = |(id, body): (String, Vec<u8>)| self.sound(|| format!("analysis {id}"), &body);
        Ok(rows.into_iter().filter_map(read).collect())
    }
}
