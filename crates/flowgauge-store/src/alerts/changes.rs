//! What the engine writes after a tick and reads at start.

use super::{AlertChanges, AlertStore, Delivery, OutboxRow, SavedAlerts, Transition};
use crate::StoreError;
use crate::sealed::Sealed;
use flowgauge_logic::alert::episode::{EndReason, Episode};
use flowgauge_logic::alert::instance::{Instance, InstanceKey};
use flowgauge_logic::alert::notice::Notice;
use flowgauge_logic::alert::rule::Rule;
use flowgauge_logic::call::Text;
use flowgauge_logic::unit::UnixMicros;
use rusqlite::{Connection, OptionalExtension, Transaction, params};

impl AlertStore {
    /// Makes the changes of a tick durable together. On return they survive SIGKILL and power loss.
    ///
    /// A notice whose episode, sequence and channel are in the outbox already is left out, a scheduled
    /// run that is decided already too: the same tick evaluated again after a crash tells nothing twice.
    /// An acknowledgement stays, whether the episode handed in knows it or not.
    ///
    /// # Errors
    /// The disk refuses; nothing of them is written then.
    pub fn commit(&self, changes: &AlertChanges) -> Result<(), StoreError> {
        self.write("writing what an evaluation changed", |tx| {
            if let Some(tick) = changes.tick {
                tx.prepare_cached(
                    "INSERT OR REPLACE INTO alert_tick (one, tick_us) VALUES (1, ?1)",
                )?
                .execute([tick.0])?;
            }
            for (key, instance) in &changes.instances {
                put_instance(tx, key, instance.as_ref())?;
            }
            for episode in &changes.episodes {
                put_episode(tx, episode)?;
            }
            for transition in &changes.transitions {
                put_transition(tx, transition)?;
            }
            for notice in &changes.outbox {
                put_notice(tx, notice)?;
            }
            if let Some(rules) = &changes.rules {
                put_rules(tx, rules)?;
            }
            for (rule, start, told) in &changes.runs {
                let sql = "INSERT INTO alert_runs (rule, start_us, told) VALUES (?1, ?2, ?3)
                           ON CONFLICT DO NOTHING";
                tx.prepare_cached(sql)?.execute(params![rule.as_str(), start.0, told])?;
            }
            Ok(())
        })
    }

    /// What was there at the last tick that was written. An instance whose episode is damaged comes
    /// without it; [`AlertStore::damaged`] names it.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn load(&self) -> Result<SavedAlerts, StoreError> {
        let (tick, instances, open, rules, runs) =
            self.read("reading how alerting stood", |db| {
                let tick = db
                    .query_row("SELECT tick_us FROM alert_tick", [], |r| r.get(0))
                    .optional()?
                    .map(UnixMicros);
                let instances = keyed(db, "SELECT key, body FROM alert_instances ORDER BY key")?;
                let sql =
                    format!("{} WHERE e.ended_us IS NULL ORDER BY e.id", super::history::EPISODE);
                let open = super::history::episode_rows(db, &sql, [])?;
                let rules: Vec<(i64, Vec<u8>)> =
                    keyed(db, "SELECT place, body FROM alert_rules ORDER BY place")?;
                let sql = "SELECT rule, max(start_us) FROM alert_runs GROUP BY rule ORDER BY rule";
                let runs: Vec<(String, i64)> = keyed(db, sql)?;
                Ok((tick, instances, open, rules, runs))
            })?;
        let instance = |(key, body): (String, Vec<u8>)| {
            self.sound::<(InstanceKey, Instance)>(|| format!("instance {key}"), &body)
        };
        let rule = |(place, body): (i64, Vec<u8>)| {
            self.sound::<Rule>(|| format!("rule {place} of the last evaluation"), &body)
        };
        Ok(SavedAlerts {
            tick,
            instances: instances.into_iter().filter_map(instance).collect(),
            open: open.into_iter().filter_map(|row| self.episode_of(row)).collect(),
            rules: rules.into_iter().filter_map(rule).collect(),
            runs: runs.into_iter().map(|(r, start)| (Text::from(r), UnixMicros(start))).collect(),
        })
    }
}

fn keyed<K, V>(db: &Connection, sql: &str) -> rusqlite::Result<Vec<(K, V)>>
where
    K: rusqlite::types::FromSql,
    V: rusqlite::types::FromSql,
{
    let mut select = db.prepare_cached(sql)?;
    let rows = select.query_map([], |r| Ok((r.get(0)?, r.get(1)?)))?;
    rows.collect()
}

fn put_instance(
    tx: &Transaction<'_>,
    key: &InstanceKey,
    instance: Option<&Instance>,
) -> rusqlite::Result<()> {
    let name = serde_json::to_string(key)
        .map_err(|e| rusqlite::Error::ToSqlConversionFailure(e.into()))?;
    let Some(instance) = instance else {
        tx.prepare_cached("DELETE FROM alert_instances WHERE key = ?1")?.execute([name])?;
        return Ok(());
    };
    tx.prepare_cached("INSERT OR REPLACE INTO alert_instances (key, body) VALUES (?1, ?2)")?
        .execute(params![name, Sealed(&(key, instance))])?;
    Ok(())
}

fn put_episode(tx: &Transaction<'_>, episode: &Episode) -> rusqlite::Result<()> {
    let sql = "INSERT OR REPLACE INTO alert_episodes
               (id, rule, fired_us, ended_us, recovered, acted, body)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
    tx.prepare_cached(sql)?.execute(params![
        episode.id.0,
        episode.rule.as_str(),
        episode.fired.0,
        episode.ended.map(|(at, _)| at.0),
        matches!(episode.ended, Some((_, EndReason::Recovered))),
        !episode.actions.is_empty(),
        Sealed(episode),
    ])?;
    match &episode.acked {
        Some(ack) => super::silences::put_ack(tx, episode.id, ack),
        None => Ok(()),
    }
}

fn put_transition(tx: &Transaction<'_>, transition: &Transition) -> rusqlite::Result<()> {
    let sql = "INSERT INTO alert_transitions (at_us, rule, episode, body) VALUES (?1, ?2, ?3, ?4)";
    tx.prepare_cached(sql)?.execute(params![
        transition.at.0,
        transition.key.rule.as_str(),
        transition.episode.map(|id| id.0),
        Sealed(transition),
    ])?;
    Ok(())
}

/// Adds a notice unless its step was told to this channel before.
pub(super) fn put_notice(tx: &Transaction<'_>, notice: &Notice) -> rusqlite::Result<()> {
    let row = OutboxRow {
        seq: 0,
        notice: notice.clone(),
        state: Delivery::Queued,
        attempts: 0,
        next: notice.due,
        sent: None,
        answer: None,
        unsure: false,
        joined: None,
    };
    let sql = "INSERT INTO alert_outbox
               (episode, sequence, channel, state, due_us, expires_us, body)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT DO NOTHING";
    tx.prepare_cached(sql)?.execute(params![
        notice.episode.0,
        notice.sequence,
        notice.channel.as_str(),
        row.state.word(),
        notice.due.0,
        notice.expires.0,
        Sealed(&row),
    ])?;
    Ok(())
}

fn put_rules(tx: &Transaction<'_>, rules: &[Rule]) -> rusqlite::Result<()> {
    tx.execute("DELETE FROM alert_rules", [])?;
    let mut insert = tx.prepare_cached("INSERT INTO alert_rules (body) VALUES (?1)")?;
    for rule in rules {
        insert.execute([Sealed(rule)])?;
    }
    Ok(())
}
