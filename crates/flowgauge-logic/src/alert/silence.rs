//! Silences: what is not told for a while, and how long that is remembered.

use crate::unit::UnixMicros;
use serde::{Deserialize, Serialize};

/// A silence, as Alertmanager's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Silence {
    /// A UUID.
    pub id: String,
    /// All must match.
    pub matchers: Vec<SilenceMatcher>,
    /// From when on.
    pub starts: UnixMicros,
    /// Until when.
    pub ends: UnixMicros,
    /// Who made it.
    pub created_by: String,
    /// Why.
    pub comment: String,
    /// When it was changed last.
    pub updated: UnixMicros,
}

/// One matcher of a silence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SilenceMatcher {
    /// Label; `alertname` is the rule's name.
    pub name: String,
    /// Value, or an anchored regular expression.
    pub value: String,
    /// Whether it is one.
    pub is_regex: bool,
    /// Whether it must match; else it must not.
    pub is_equal: bool,
}
