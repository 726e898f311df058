//! Durability, segments and rollups: the only crate that knows SQLite's files, Arrow and Parquet.
//!
//! An acknowledged batch is one row of `hot.db`; sealing turns batches into a Parquet segment and
//! adds their rollups to those on disk, in one transaction (decisions D4, D5, D6).

pub mod age;
pub mod alerts;
pub mod amend;
pub mod ask;
pub mod baselines;
pub mod checks;
pub mod control;
pub mod error;
pub mod event;
pub mod export;
pub mod fsck;
pub mod jobs;
pub mod presence;
pub mod pull;
pub mod read;
pub mod scores;
pub mod state;
pub mod write;

mod bytes;
mod checkpoint;
mod codec;
mod columns;
mod damage;
mod dedupe;
mod first;
mod hot;
mod ledger;
mod live;
mod locate;
mod lock;
mod newest;
mod packed;
mod pins;
mod plan;
mod rebuild;
mod replay;
mod seal;
mod sealed;
mod segment;
mod sights;
mod wal;

pub use alerts::{
    AlertChanges, AlertStore, Analysis, Attempted, ChannelHealth, Delivery, EpisodeQuery, Joined,
    Noise, OutboxRow, SavedAlerts, Transition, TransitionQuery, WayNote,
};
pub use amend::{Amended, Amendment, AmendmentRow, Change, Merge, Why};
pub use ask::{CallQuery, Gap, Group, Part, RollupQuery, Step, StoreStatus};
pub use checks::{CheckRow, CheckRun, CheckTarget, Checks};
pub use control::ControlStore;
pub use damage::Missing;
pub use error::StoreError;
pub use event::Event;
pub use jobs::{Asked, JobStore};
pub use ledger::{BudgetUse, Kept, LedgerChanges, LedgerFile};
pub use locate::Names;
pub use lock::JobTurn;
pub use pins::{Pin, PinnedSegment};
pub use presence::Presence;
pub use read::Reader;
pub use rebuild::{Rebuilt, rebuild};
pub use scores::{
    GradeGroup, JudgedBy, PulledScore, Put, ScoreGroup, ScoreQuery, ScoreRow, ScoreTable, Scores,
    Verdicts,
};
pub use state::{KeyRow, Proof, State};
pub use write::{Batch, Committed, Opened, Options, Store};
