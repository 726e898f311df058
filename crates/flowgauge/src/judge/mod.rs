//! Decides every few seconds which rules fire, and plans what is told.
//!
//! Owns rule files, what rules look at (`recent`), the engine and its proofs (tests, replay). The
//! decisions themselves are in `logic::alert`; sending is for `tell`.

pub mod analysis;
pub mod desk;
pub mod engine;
pub mod evidence;
pub mod incidents;
pub mod proof;
pub mod quality;
pub mod recent;
pub mod regressions;
pub mod rule_set;
pub mod rules;
pub mod seen;
pub mod thresholds;

pub use desk::{Desk, DeskError};
pub use evidence::Trials;
pub use incidents::Incidents;
pub use quality::Quality;
pub use regressions::Regressions;
pub use rule_set::RuleSet;
