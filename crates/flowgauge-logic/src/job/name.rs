//! Jobs by name: what there is to do once per period.

use crate::nearest::nearest;
use crate::schedule::Every;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// A job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum JobName {
    /// The weekly chores.
    MaintainWeekly,
    /// The monthly chores.
    MaintainMonthly,
    /// The report about yesterday.
    ReportDaily,
    /// The report about seven complete days.
    ReportWeekly,
    /// The report about the last complete month.
    ReportMonthly,
}

/// A word that names no job.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no job; {1}")]
pub struct NoSuchJob(String, String);

impl JobName {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::MaintainWeekly,
        Self::MaintainMonthly,
        Self::ReportDaily,
        Self::ReportWeekly,
        Self::ReportMonthly,
    ];

    /// The word used everywhere.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::MaintainWeekly => "maintain-weekly",
            Self::MaintainMonthly => "maintain-monthly",
            Self::ReportDaily => "report-daily",
            Self::ReportWeekly => "report-weekly",
            Self::ReportMonthly => "report-monthly",
        }
    }

    /// The period one run is about.
    #[must_use]
    pub const fn every(self) -> Every {
        match self {
            Self::ReportDaily => Every::Day,
            Self::MaintainWeekly | Self::ReportWeekly => Every::Week,
            Self::MaintainMonthly | Self::ReportMonthly => Every::Month,
        }
    }

    /// What it does, in a line.
    #[must_use]
    pub const fn about(self) -> &'static str {
        match self {
            Self::MaintainWeekly => "weekly chores: checks, proposals, old data put away",
            Self::MaintainMonthly => {
                "monthly chores: checks, proposals, old data put away, the book and the page"
            }
            Self::ReportDaily => "the report about yesterday",
            Self::ReportWeekly => "the report about seven complete days",
            Self::ReportMonthly => "the report about the last complete month",
        }
    }

    /// Whether it makes a report; such a job needs somebody who renders.
    #[must_use]
    pub const fn is_report(self) -> bool {
        matches!(self, Self::ReportDaily | Self::ReportWeekly | Self::ReportMonthly)
    }
}

impl fmt::Display for JobName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl FromStr for JobName {
    type Err = NoSuchJob;

    fn from_str(text: &str) -> Result<Self, NoSuchJob> {
        Self::ALL.into_iter().find(|job| job.word() == text).ok_or_else(|| {
            let words = Self::ALL.map(Self::word);
            let tip = match nearest(text, words) {
                Some(near) => format!("did you mean {near}?"),
                None => format!("there are {}", words.join(", ")),
            };
            NoSuchJob(text.to_owned(), tip)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_job_is_found_by_its_word_and_a_near_miss_is_helped() {
        for job in JobName::ALL {
            assert_eq!(job.word().parse(), Ok(job));
            assert_eq!(serde_json::to_value(job).unwrap(), job.word());
        }
        let error = "maintain-weakly".parse::<JobName>().unwrap_err().to_string();
        assert!(error.ends_with("did you mean maintain-weekly?"), "{error}");
    }
}
