//! Read-only handles: rollups, raw rows, events, gaps.

use crate::ask::{CallQuery, Gap, Group, RollupQuery, StoreStatus};
use crate::{Event, StoreError};
use flowgauge_logic::call::Call;
use flowgauge_logic::id::CallId;
use flowgauge_logic::window::Window;
use std::path::Path;

/// A cheap, cloneable handle. Answers include everything acknowledged before the call.
#[derive(Debug, Clone)]
pub struct Reader {}

impl Reader {
    /// Opens a data directory that no process serves, without writing to it.
    pub fn open(dir: &Path) -> Result<Self, StoreError> {
        Err(StoreError::Absent(dir.to_owned()))
    }

    /// Merged rollups, groups sorted by step, then key. No group for what holds no call.
    pub fn rollups(&self, _query: &RollupQuery) -> Result<Vec<Group>, StoreError> {
        Ok(Vec::new())
    }

    /// Raw rows, newest first.
    pub fn calls(&self, _query: &CallQuery) -> Result<Vec<Call>, StoreError> {
        Ok(Vec::new())
    }

    /// One row.
    pub fn call(&self, _id: CallId) -> Result<Option<Call>, StoreError> {
        Ok(None)
    }

    /// Events of a window, newest first.
    pub fn events(&self, _window: Window, _limit: usize) -> Result<Vec<Event>, StoreError> {
        Ok(Vec::new())
    }

    /// Stretches of the window in which calls were lost.
    pub fn gaps(&self, _window: Window) -> Result<Vec<Gap>, StoreError> {
        Ok(Vec::new())
    }

    /// Sizes and health.
    pub fn status(&self) -> Result<StoreStatus, StoreError> {
        Ok(StoreStatus::default())
    }
}
