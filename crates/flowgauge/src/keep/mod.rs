//! What is done at set times, whoever asks: uptime checks, and jobs with a timetable.
//!
//! Refuses the request path: everything here runs on the control runtime.

pub mod backup;
pub mod bucket;
pub mod checks;
pub mod jobs;
pub mod maintain;
pub mod presence;
pub mod report;

pub use checks::Watch;
pub use jobs::Jobs;
pub use presence::Here;
