//! `state.db`, alerting: instances, episodes, transitions, the outbox, silences. What an evaluation
//! changed is one transaction, so that a crash leaves all of it or nothing.
//!
//! Owns its tables. Every row carries a checksum; a damaged one is reported and not used. Refuses to
//! decide anything: it keeps what it is handed.

mod analyses;
mod changes;
mod history;
mod letters;
mod notes;
mod outbox;
mod posted;
mod silences;
mod tables;

pub use analyses::Analysis;
pub use history::{EpisodeQuery, Noise, TransitionQuery};
pub use notes::WayNote;
pub use outbox::ChannelHealth;

use crate::{StoreError, sealed, state};
use flowgauge_logic::alert::episode::{Episode, EpisodeId};
use flowgauge_logic::alert::instance::{Instance, InstanceKey};
use flowgauge_logic::alert::notice::Notice;
use flowgauge_logic::alert::rule::Rule;
use flowgauge_logic::call::Text;
use flowgauge_logic::unit::UnixMicros;
use parking_lot::Mutex;
use rusqlite::{Connection, Transaction, TransactionBehavior};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::Path;

/// There are about forty statements; the default of sixteen would prepare some of them every tick.
const STATEMENTS: usize = 64;

/// At most so many damaged rows are named; more of them need no names to be acted on.
const NAMED: usize = 100;

/// Alerting on disk. Writes have a connection of their own, so that no list keeps a tick waiting.
#[derive(Debug)]
pub struct AlertStore {
    /// Missing where it was opened to read.
    write: Option<Mutex<Connection>>,
    read: Mutex<Connection>,
    /// Which rows, and how it shows.
    damaged: Mutex<BTreeMap<String, String>>,
}

impl AlertStore {
    /// Opens the tables, creating them where they are missing.
    ///
    /// # Errors
    /// When the database cannot be opened.
    pub fn open(dir: &Path) -> Result<Self, StoreError> {
        let write = state::connect(dir)?;
        write
            .execute_batch(tables::TABLES)
            .map_err(StoreError::io("preparing the tables of alerting"))?;
        let read = state::connect(dir)?;
        read.pragma_update(None, "query_only", true)
            .map_err(StoreError::io("preparing the tables of alerting"))?;
        Ok(Self::over(Some(write), read))
    }

    /// Opens what is there to read; nothing where there is no file, or one older than alerting.
    ///
    /// # Errors
    /// When the database cannot be opened.
    pub fn open_reader(dir: &Path) -> Result<Option<Self>, StoreError> {
        let Some(read) = state::open_reader(dir)? else { return Ok(None) };
        let there = read
            .table_exists(None, "alert_outbox")
            .map_err(StoreError::io("looking for the tables of alerting"))?;
        Ok(there.then(|| Self::over(None, read)))
    }

    /// Damaged rows met so far: which, and how it shows.
    #[must_use]
    pub fn damaged(&self) -> Vec<(String, String)> {
        self.damaged.lock().iter().map(|(row, how)| (row.clone(), how.clone())).collect()
    }

    fn over(write: Option<Connection>, read: Connection) -> Self {
        for db in write.iter().chain([&read]) {
            db.set_prepared_statement_cache_capacity(STATEMENTS);
        }
        Self {
            write: write.map(Mutex::new),
            read: Mutex::new(read),
            damaged: Mutex::new(BTreeMap::new()),
        }
    }

    /// One transaction; durable on return. It takes the file's lock at once: one that asked for it only
    /// after reading would be refused where another wrote in between, without waiting.
    fn write<T>(
        &self,
        doing: &'static str,
        act: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T>,
    ) -> Result<T, StoreError> {
        let Some(db) = &self.write else {
            return Err(StoreError::io(doing)("it was opened to read"));
        };
        let mut db = db.lock();
        let run = || {
            let tx = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let out = act(&tx)?;
            tx.commit()?;
            Ok(out)
        };
        run().map_err(StoreError::io::<rusqlite::Error>(doing))
    }

    /// One look at one moment.
    fn read<T>(
        &self,
        doing: &'static str,
        act: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, StoreError> {
        let db = self.read.lock();
        let run = || {
            let tx = db.unchecked_transaction()?;
            act(&tx)
        };
        run().map_err(StoreError::io::<rusqlite::Error>(doing))
    }

    /// The content of a row; nothing, and a report, where it is damaged.
    fn sound<T: DeserializeOwned>(&self, row: impl FnOnce() -> String, body: &[u8]) -> Option<T> {
        match sealed::open(body) {
            Ok(value) => Some(value),
            Err(how) => {
                let row = row();
                let mut damaged = self.damaged.lock();
                if !damaged.contains_key(&row) && damaged.len() < NAMED {
                    tracing::error!(%row, %how, "a row of alerting is damaged and is not used");
                    damaged.insert(row, how);
                }
                None
            }
        }
    }
}

/// What one evaluation changed.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct AlertChanges {
    /// The tick up to which everything is evaluated now.
    pub tick: Option<UnixMicros>,
    /// Instances as they stand; nothing = forgotten.
    pub instances: Vec<(InstanceKey, Option<Instance>)>,
    /// Episodes as they stand.
    pub episodes: Vec<Episode>,
    /// What moved.
    pub transitions: Vec<Transition>,
    /// What is to be told.
    pub outbox: Vec<Notice>,
    /// All rules as they are now, where they changed.
    pub rules: Option<Vec<Rule>>,
    /// Scheduled runs that are decided now: (rule, start of the period, told).
    pub runs: Vec<(Text, UnixMicros, bool)>,
}

/// One line of the alert history.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Transition {
    /// The tick.
    pub at: UnixMicros,
    /// Which instance.
    pub key: InstanceKey,
    /// From which state, as its word.
    pub from: Text,
    /// To which state, as its word.
    pub to: Text,
    /// Of which episode.
    pub episode: Option<EpisodeId>,
    /// Why, in a few words.
    pub why: String,
}

/// What was there at start.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SavedAlerts {
    /// The tick up to which everything was evaluated.
    pub tick: Option<UnixMicros>,
    /// Instances.
    pub instances: Vec<(InstanceKey, Instance)>,
    /// Episodes without an end.
    pub open: Vec<Episode>,
    /// The rules of the last evaluation.
    pub rules: Vec<Rule>,
    /// The last decided run of each scheduled rule: start of its period.
    pub runs: Vec<(Text, UnixMicros)>,
}

/// A row of the outbox and what became of it so far.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OutboxRow {
    /// Number of the row: order of planning.
    pub seq: i64,
    /// What is told, and where.
    pub notice: Notice,
    /// Where it stands.
    pub state: Delivery,
    /// Attempts so far.
    pub attempts: u32,
    /// Not tried before this.
    pub next: UnixMicros,
    /// When it was sent last, whatever came back.
    pub sent: Option<UnixMicros>,
    /// What came back last.
    pub answer: Option<String>,
    /// The receiver may have it: the last attempt ended without an answer.
    #[serde(default)]
    pub unsure: bool,
    /// What it was sent as last, where that spoke for several rows. While nobody knows whether it
    /// arrived, the same is sent again.
    #[serde(default)]
    pub joined: Option<Box<Joined>>,
}

/// One message that speaks for several rows; the first of them carries it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Joined {
    /// The message.
    pub notice: Notice,
    /// The rows it speaks for, the one that carries it first.
    pub rows: Vec<i64>,
    /// Those of `rows` that a later row of the same episode says too.
    pub merged: Vec<i64>,
}

/// Where a row of the outbox stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Delivery {
    /// Waits for its turn.
    Queued,
    /// Being sent; after a crash it is sent again.
    Sending,
    /// The receiver has it.
    Delivered,
    /// Refused for good, or given up: in the dead letters.
    Dead,
    /// The channel has no address.
    NoRoute,
    /// Merged into a later row, or no longer needed.
    Merged,
}

impl Delivery {
    /// The word used everywhere.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Sending => "sending",
            Self::Delivered => "delivered",
            Self::Dead => "dead",
            Self::NoRoute => "no_route",
            Self::Merged => "merged",
        }
    }
}

/// What an attempt came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempted {
    /// Where the row stands now.
    pub state: Delivery,
    /// Not tried again before this.
    pub next: UnixMicros,
    /// What came back, shortened.
    pub answer: String,
    /// The receiver may have it all the same.
    pub unsure: bool,
}
