//! When something is due by the wall clock, and which days a report is about.
//!
//! Owns timetables (the guide's `daily_schedule`, a time of day, or five cron fields) and the complete
//! periods before a moment. A wall-clock time that a clock change skips is due once, at the next valid
//! minute; one that comes twice is due at its first. Refuses to remember what has run.

mod period;
mod timetable;

pub use period::{BadPeriod, Every, Period};
pub use timetable::{BadTimetable, Due, Timetable};

#[cfg(test)]
mod tests;
