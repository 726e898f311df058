//! Alerts that others posted. Durable before the call returns.

use super::AlertStore;
use crate::StoreError;
use crate::sealed::Sealed;
use flowgauge_logic::alert::posted::Posted;
use flowgauge_logic::unit::UnixMicros;
use rusqlite::params;

/// What ended so long ago was told of, or nobody wants to hear it any more.
const KEPT_US: i64 = 24 * 3_600_000_000;

impl AlertStore {
    /// Alerts of others, those that ended within the last day too.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn posted(&self) -> Result<Vec<Posted>, StoreError> {
        let rows = self.read("reading posted alerts", |db| {
            let mut select =
                db.prepare_cached("SELECT key, body FROM alert_posted ORDER BY key")?;
            let rows = select.query_map([], |r| Ok((r.get(0)?, r.get(1)?)))?;
            rows.collect::<rusqlite::Result<Vec<(String, Vec<u8>)>>>()
        })?;
        let posted =
            |(key, body): (String, Vec<u8>)| self.sound(|| format!("posted alert {key}"), &body);
        Ok(rows.into_iter().filter_map(posted).collect())
    }

    /// Stores alerts of others as they stand, each in place of what was known of it, and lets go of
    /// what ended long ago.
    ///
    /// # Errors
    /// The disk refuses; none of them is stored then.
    pub fn put_posted(&self, posted: &[Posted], now: UnixMicros) -> Result<(), StoreError> {
        self.write("storing posted alerts", |tx| {
            tx.prepare_cached("DELETE FROM alert_posted WHERE ends_us < ?1")?
                .execute([now.0.saturating_sub(KEPT_US)])?;
            let mut put = tx.prepare_cached(
                "INSERT OR REPLACE INTO alert_posted (key, ends_us, body) VALUES (?1, ?2, ?3)",
            )?;
            for posted in posted {
                let key = format!("{:?}", posted.alert.labels);
                put.execute(params![key, posted.ends.0, Sealed(posted)])?;
            }
            Ok(())
        })
    }
}
