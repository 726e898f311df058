//! What the gateway asks of whoever keeps flowgauge's keys.

use crate::logic::call::Text;

/// Whose key it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyInfo {
    /// Its id, which is no secret.
    pub key_id: Text,
    /// Tenant it belongs to.
    pub tenant: Option<Text>,
}

/// Checks keys. Asked on every request: must neither wait nor read a disk.
pub trait CallerKeys: Send + Sync {
    /// The owner of a valid key.
    fn check(&self, token: &str) -> Option<KeyInfo>;
    /// Whether there is any key at all.
    fn any(&self) -> bool;
}

/// An installation without keys.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoKeys;

impl CallerKeys for NoKeys {
    fn check(&self, _token: &str) -> Option<KeyInfo> {
        None
    }

    fn any(&self) -> bool {
        false
    }
}
