//! Diagnoses: what is wrong, why, what shows it, and what to ask next.
//!
//! Facts of a window and of the one it is compared with come in, a [`Diagnosis`] goes out. Its first
//! finding is the named cause; without findings nothing is claimed. Traffic that merely moved between
//! kinds of requests is a note, never a cause. Refuses to read anything and to know the time.

pub use self::cells::{Cell, CellKey, Cells, Figure, Lookup};
pub use self::facts::{Facts, Grade, Side};
pub use self::finding::{
    Cause, Column, Datum, Diagnosis, Evidence, Finding, Interval, Reference, Severity, Sheet,
    Verdict,
};

pub mod bottlenecks;
pub mod causes;
pub mod cells;
pub mod different;
pub mod facts;
pub mod failures;
pub mod finding;
pub mod quality;
pub mod spenders;
pub mod split;
pub mod spread;
pub mod test_of_difference;
pub mod tokens;
pub mod trends;
