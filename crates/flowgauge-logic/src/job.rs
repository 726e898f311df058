//! Work that is done once per period: its runs, their steps, and what may follow what.
//!
//! Owns the words and the decisions: which periods are caught up and which are only noted as skipped,
//! which run is next, which step may run after which, when a failed run is tried again. Refuses to run anything and to
//! remember: the store does that.

mod catch_up;
mod name;
mod run;
mod step;
mod turns;

pub use catch_up::{Planned, plan};
pub use name::{JobName, NoSuchJob};
pub use run::{Run, RunKey, RunState};
pub use step::{Outcome, Step, StepPlan, StepState, Turn, next_step};
pub use turns::Turns;
