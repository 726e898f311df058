//! The outbox: what waits to be told, what is being told, and what could not be.

use super::changes::put_notice;
use super::notes::{WayNote, put_notes};
use super::{AlertStore, Attempted, Delivery, Joined, OutboxRow};
use crate::StoreError;
use crate::hot::count;
use crate::sealed::Sealed;
use flowgauge_logic::alert::episode::EpisodeId;
use flowgauge_logic::alert::notice::Notice;
use flowgauge_logic::call::Text;
use flowgauge_logic::unit::UnixMicros;
use rusqlite::{OptionalExtension, Params, Transaction, params};

/// How a channel does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChannelHealth {
    /// Its name.
    pub channel: Text,
    /// When the receiver took something last.
    pub delivered: Option<UnixMicros>,
    /// When it did not last, and what came back.
    pub failed: Option<(UnixMicros, String)>,
    /// Rows that wait or are being sent.
    pub queued: u64,
    /// Since when the oldest of them is due.
    pub oldest: Option<UnixMicros>,
    /// Rows in the dead letters.
    pub dead: u64,
    /// Rows recorded without an address.
    pub no_route: u64,
}

impl AlertStore {
    /// Rows that wait or were being sent, in the order of planning. After a crash those being sent are
    /// sent again with the same key.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn waiting(&self) -> Result<Vec<OutboxRow>, StoreError> {
        let sql = "SELECT seq, body FROM alert_outbox WHERE state IN ('queued', 'sending')
                   ORDER BY seq";
        self.rows(sql, [])
    }

    /// Everything told about an episode, and how that went.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn outbox_of(&self, id: EpisodeId) -> Result<Vec<OutboxRow>, StoreError> {
        self.rows("SELECT seq, body FROM alert_outbox WHERE episode = ?1 ORDER BY seq", [id.0])
    }

    /// The last step told to a channel of every episode that is open or ended since a moment, in the
    /// order of planning.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn told_last(
        &self,
        channel: &Text,
        since: UnixMicros,
    ) -> Result<Vec<OutboxRow>, StoreError> {
        let told = "o.channel = ?1 AND o.state IN ('delivered', 'merged')";
        let sql = format!(
            "SELECT seq, body FROM alert_outbox WHERE seq IN (
                SELECT max(o.seq) FROM alert_episodes e JOIN alert_outbox o ON o.episode = e.id
                WHERE {told} AND e.ended_us IS NULL GROUP BY o.episode
                UNION ALL
                SELECT max(o.seq) FROM alert_episodes e JOIN alert_outbox o ON o.episode = e.id
                WHERE {told} AND e.ended_us >= ?2 GROUP BY o.episode)
             ORDER BY seq"
        );
        self.rows(&sql, params![channel.as_str(), since.0])
    }

    /// Rows given up or without an address, the latest first.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn dead(&self, limit: usize) -> Result<Vec<OutboxRow>, StoreError> {
        let sql = "SELECT seq, body FROM alert_outbox WHERE state IN ('dead', 'no_route')
                   ORDER BY seq DESC LIMIT ?1";
        self.rows(sql, [super::history::limit(limit)])
    }

    /// Notes that rows are about to be sent.
    ///
    /// # Errors
    /// The disk refuses; they must not be sent then.
    pub fn lease(&self, rows: &[i64], at: UnixMicros) -> Result<(), StoreError> {
        self.write("leasing rows of the outbox", |tx| {
            for seq in rows {
                self.change(tx, *seq, |row| {
                    row.state = Delivery::Sending;
                    row.sent = Some(at);
                })?;
            }
            Ok(())
        })
    }

    /// Notes that several rows are about to be sent as one message, and as which.
    ///
    /// # Errors
    /// The disk refuses; it must not be sent then.
    pub fn lease_joined(&self, joined: &Joined, at: UnixMicros) -> Result<(), StoreError> {
        self.write("leasing rows of the outbox", |tx| {
            for (place, seq) in joined.rows.iter().enumerate() {
                self.change(tx, *seq, |row| {
                    row.state = Delivery::Sending;
                    row.sent = Some(at);
                    row.joined = (place == 0).then(|| Box::new(joined.clone()));
                })?;
            }
            Ok(())
        })
    }

    /// Notes what came of rows.
    ///
    /// # Errors
    /// The disk refuses; they count as being sent still.
    pub fn attempted(
        &self,
        rows: &[i64],
        came_of_it: &Attempted,
        at: UnixMicros,
    ) -> Result<(), StoreError> {
        self.settle(&[(rows, came_of_it)], at, &[], &[])
    }

    /// Notes what came of rows, what their ways remember of it, and plans what is told elsewhere
    /// because of it, in one transaction.
    ///
    /// # Errors
    /// The disk refuses; all of them count as being sent still, and nothing more is planned.
    pub fn settle(
        &self,
        came: &[(&[i64], &Attempted)],
        at: UnixMicros,
        tell: &[Notice],
        notes: &[WayNote],
    ) -> Result<(), StoreError> {
        self.write("noting what came of a delivery", |tx| {
            for (rows, came_of_it) in came {
                for seq in *rows {
                    let row = self.change(tx, *seq, |row| came_of_it.note(row, at))?;
                    if let Some(row) = row {
                        note_channel(tx, &row.notice.channel, came_of_it, at)?;
                    }
                }
            }
            tell.iter().try_for_each(|notice| put_notice(tx, notice))?;
            put_notes(tx, notes)
        })
    }

    /// Gives a row that was given up another chance, with as much time as it had at first. Its
    /// channel, or nothing where no such row is in the dead letters.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn retry_dead(&self, seq: i64, at: UnixMicros) -> Result<Option<Text>, StoreError> {
        self.write("queueing a dead letter again", |tx| {
            let sql = "SELECT 1 FROM alert_outbox WHERE seq = ?1 AND state IN ('dead', 'no_route')";
            if !tx.prepare_cached(sql)?.exists([seq])? {
                return Ok(None);
            }
            let row = self.change(tx, seq, |row| {
                let horizon = row.notice.expires.since(row.notice.due);
                row.state = Delivery::Queued;
                row.attempts = 0;
                row.unsure = false;
                row.next = at;
                row.notice.due = at;
                row.notice.expires = at.after(horizon);
            })?;
            Ok(row.map(|row| row.notice.channel))
        })
    }

    /// How every channel does that something was ever planned for, by name.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn channels(&self) -> Result<Vec<ChannelHealth>, StoreError> {
        let sql = "
            WITH rows AS (SELECT channel,
                    sum(state IN ('queued', 'sending')) AS queued,
                    min(CASE WHEN state IN ('queued', 'sending') THEN due_us END) AS oldest,
                    sum(state = 'dead') AS dead, sum(state = 'no_route') AS no_route
                FROM alert_outbox GROUP BY channel)
            SELECT names.channel, c.delivered_us, c.failed_us, c.failure,
                ifnull(r.queued, 0), r.oldest, ifnull(r.dead, 0), ifnull(r.no_route, 0)
            FROM (SELECT channel FROM rows UNION SELECT channel FROM alert_channels) names
            LEFT JOIN rows r ON r.channel = names.channel
            LEFT JOIN alert_channels c ON c.channel = names.channel ORDER BY names.channel";
        self.read("reading how channels do", |db| {
            let mut select = db.prepare_cached(sql)?;
            let rows = select.query_map([], |r| {
                let failed: Option<i64> = r.get(2)?;
                let failure: Option<String> = r.get(3)?;
                Ok(ChannelHealth {
                    channel: Text::from(r.get::<_, String>(0)?),
                    delivered: r.get::<_, Option<i64>>(1)?.map(UnixMicros),
                    failed: failed.map(|t| (UnixMicros(t), failure.unwrap_or_default())),
                    queued: count(r, 4)?,
                    oldest: r.get::<_, Option<i64>>(5)?.map(UnixMicros),
                    dead: count(r, 6)?,
                    no_route: count(r, 7)?,
                })
            })?;
            rows.collect()
        })
    }

    fn rows(&self, sql: &str, values: impl Params) -> Result<Vec<OutboxRow>, StoreError> {
        let rows = self.read("reading the outbox", |db| {
            let mut select = db.prepare_cached(sql)?;
            let rows = select.query_map(values, |r| Ok((r.get(0)?, r.get(1)?)))?;
            rows.collect::<rusqlite::Result<Vec<(i64, Vec<u8>)>>>()
        })?;
        Ok(rows.into_iter().filter_map(|(seq, body)| self.outbox_row(seq, &body)).collect())
    }

    fn outbox_row(&self, seq: i64, body: &[u8]) -> Option<OutboxRow> {
        let row: OutboxRow = self.sound(|| format!("row {seq} of the outbox"), body)?;
        Some(OutboxRow { seq, ..row })
    }

    /// Changes a row. Nothing where there is none of this number, or it is damaged.
    fn change(
        &self,
        tx: &Transaction<'_>,
        seq: i64,
        how: impl FnOnce(&mut OutboxRow),
    ) -> rusqlite::Result<Option<OutboxRow>> {
        let body: Option<Vec<u8>> = tx
            .prepare_cached("SELECT body FROM alert_outbox WHERE seq = ?1")?
            .query_row([seq], |r| r.get(0))
            .optional()?;
        let Some(mut row) = body.and_then(|body| self.outbox_row(seq, &body)) else {
            return Ok(None);
        };
        how(&mut row);
        let sql = "UPDATE alert_outbox SET state = ?2, due_us = ?3, expires_us = ?4, body = ?5
                   WHERE seq = ?1";
        tx.prepare_cached(sql)?.execute(params![
            seq,
            row.state.word(),
            row.notice.due.0,
            row.notice.expires.0,
            Sealed(&row),
        ])?;
        Ok(Some(row))
    }
}

impl Attempted {
    fn note(&self, row: &mut OutboxRow, at: UnixMicros) {
        row.state = self.state;
        row.next = self.next;
        row.answer = Some(self.answer.clone());
        row.unsure = self.unsure;
        if !self.unsure {
            row.joined = None;
        }
        if !matches!(self.state, Delivery::NoRoute | Delivery::Merged) {
            row.attempts = row.attempts.saturating_add(1);
            row.sent = Some(at);
        }
    }
}

fn note_channel(
    tx: &Transaction<'_>,
    channel: &Text,
    came_of_it: &Attempted,
    at: UnixMicros,
) -> rusqlite::Result<()> {
    match came_of_it.state {
        Delivery::Delivered => {
            let sql = "INSERT INTO alert_channels (channel, delivered_us) VALUES (?1, ?2)
                       ON CONFLICT DO UPDATE SET delivered_us = excluded.delivered_us";
            tx.prepare_cached(sql)?.execute(params![channel.as_str(), at.0])?;
        }
        Delivery::Merged => {}
        Delivery::Queued | Delivery::Sending | Delivery::Dead | Delivery::NoRoute => {
            let sql = "INSERT INTO alert_channels (channel, failed_us, failure) VALUES (?1, ?2, ?3)
                       ON CONFLICT DO UPDATE SET
                           failed_us = excluded.failed_us, failure = excluded.failure";
            let values = params![channel.as_str(), at.0, came_of_it.answer];
            tx.prepare_cached(sql)?.execute(values)?;
        }
    }
    Ok(())
}
