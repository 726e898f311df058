//! Who hears of calls at once, on the writer's thread: rules must see them before the disk does.
//!
//! Calls of the gateway are told of when they arrive, so that a full disk blinds nobody; submitted
//! rows after their commit, because a refused sender sends them again.

use crate::logic::call::Call;
use crate::logic::id::CallId;
use crate::logic::unit::UnixMicros;
use crate::store::Merge;
use std::fmt::Debug;

/// Hears of calls. Runs on the writer's thread, so it must be quick and never wait.
pub trait Heard: Send + Sync + Debug {
    /// A call was forwarded. Its row says `interrupted`, as it stands if flowgauge dies now.
    fn started(&self, call: &Call);
    /// The first token of a call in flight arrived.
    fn first_token(&self, call: CallId, at: UnixMicros);
    /// The client of a call in flight went away; its row may follow much later.
    fn left(&self, call: CallId);
    /// Calls ended: those of the gateway, and rows sent by others that are stored now. Rows that
    /// count in another's place say so.
    fn ended(&self, calls: &[Call]);
    /// Rows told of before that count in another's place from now on.
    fn merged(&self, merges: &[Merge]);
    /// A call in flight ended, but there was no room for its row.
    fn lost(&self, call: CallId);
}
