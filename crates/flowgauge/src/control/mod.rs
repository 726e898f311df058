//! What is switched how: the state every request reads, the log it follows from, and the memory of answers.
//!
//! The flow: `desk` takes a change, `live` makes it the state of the next request, `keeper` makes it durable. Owns the
//! order of these three: a change counts at once, and whether the disk has it is said, never waited for by a request.
//! Refuses to decide: what a change means is `flowgauge-logic`'s, who may make one is the API's.

mod desk;
mod keeper;
mod live;

pub use desk::{Desk, Line, Made, Wanted};
pub use live::{Live, Snapshot};
