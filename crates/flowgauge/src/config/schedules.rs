//! What is done when: jobs with a timetable.

use crate::logic::call::Text;
use crate::logic::job::JobName;
use crate::logic::schedule::Timetable;

/// A job and its times.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scheduled {
    /// Its name; how far it was looked at is remembered by it.
    pub name: String,
    /// When.
    pub when: Timetable,
    /// What.
    pub job: JobName,
    /// Channels that hear of it; none = nobody is told.
    pub channels: Vec<Text>,
    /// After an absence at most so many missed periods are run; older ones are noted as skipped.
    pub catch_up: usize,
    /// Line and column of its channels, where they stand in a file.
    pub place: Option<String>,
}
