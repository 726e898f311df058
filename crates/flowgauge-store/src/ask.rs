//! Questions to the store and the shapes of its answers.

use crate::locate::Names;
use flowgauge_logic::call::{Call, Source, Status, Text};
use flowgauge_logic::rollup::{Dim, Filter, Rollup};
use flowgauge_logic::unit::UnixMicros;
use flowgauge_logic::window::Window;
use serde::{Deserialize, Serialize};

/// Rollups of a window.
#[derive(Debug, Clone, PartialEq)]
pub struct RollupQuery {
    /// Widened to whole minutes.
    pub window: Window,
    /// Series that count.
    pub filter: Filter,
    /// One group per combination of these; empty = one group.
    pub group_by: Vec<Dim>,
    /// One group per step of time.
    pub step: Step,
}

/// How time is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Not at all: the whole window is one group.
    Whole,
    /// Into steps of so many minutes, aligned to the epoch.
    Minutes(u32),
}

/// Merged rollup of one group.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Group {
    /// First moment of the step; the window's start for [`Step::Whole`].
    pub from: UnixMicros,
    /// Values of the `group_by` dimensions, in their order.
    pub key: Vec<Text>,
    /// What is known of it.
    pub rollup: Rollup,
}

/// Raw rows, newest first.
#[derive(Debug, Clone, PartialEq)]
pub struct CallQuery {
    /// By start time.
    pub window: Window,
    /// Dimensions that must match.
    pub filter: Filter,
    /// Only this status.
    pub status: Option<Status>,
    /// Only this user (keyed hash).
    pub user_key: Option<Text>,
    /// Only calls of this trace, as 32 hex digits.
    pub trace_id: Option<flowgauge_logic::id::TraceId>,
    /// Only calls of this answer, by the provider's response id.
    pub response_id: Option<Text>,
    /// Whether spans that are no model call are wanted too.
    pub with_spans: bool,
    /// At most so many.
    pub limit: usize,
    /// Only rows that sort after this one (start, id), for the next page.
    pub after: Option<(UnixMicros, flowgauge_logic::id::CallId)>,
    /// What is read of a row in a file, beside what the question itself looks at. Rows not yet in files are whole.
    pub part: Part,
    /// Look through at most so many groups of rows of files: the newest. What is not found there is left out.
    pub groups: usize,
}

/// What is read of a row in a file; the rest is as of a call about which nothing is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// All of it.
    Whole,
    /// Figures, and what may tell high ones from the others.
    Figures,
    /// Tokens, what they cost, and what optimisations did about them.
    Tokens,
    /// How old an answer from memory was.
    CacheAge,
}

impl Part {
    /// Its columns; nothing for all of them.
    pub(crate) fn columns(self) -> Option<Vec<&'static str>> {
        match self {
            Self::Whole => None,
            Self::Figures => Some([USAGE, FIGURES].concat()),
            Self::Tokens => Some([USAGE, TOKENS].concat()),
            Self::CacheAge => Some(vec!["cache_outcome", "cache_age_us"]),
        }
    }
}

/// How a call ended, and its tokens.
const USAGE: &[&str] = &[
    "status",
    "error_class",
    "input_text",
    "input_audio",
    "input_image",
    "cache_read",
    "cache_write_5m",
    "cache_write_1h",
    "output_visible",
    "output_audio",
    "output_image",
    "reasoning",
    "rejected_prediction",
];
const FIGURES: &[&str] = &[
    "latency_us",
    "ttft_us",
    "cost_nanos",
    "model_requested",
    "model_used",
    "provider",
    "endpoint",
    "intent",
    "stream",
    "cache_outcome",
    "instance",
    "version",
    "tenant",
    "control_generation",
];
const TOKENS: &[&str] =
    &["usage_source", "cost_nanos", "original_input_tokens", "optimisations", "user_key"];

/// Columns that tell the value of a dimension.
const fn columns_of(dim: Dim) -> &'static [&'static str] {
    match dim {
        Dim::Source => &["source"],
        Dim::Service => &["service"],
        Dim::Environment => &["environment"],
        Dim::Version => &["version"],
        Dim::Endpoint => &["endpoint"],
        Dim::Intent => &["intent"],
        Dim::Model => &["model_used", "model_requested"],
        Dim::Provider => &["provider"],
        Dim::Protocol => &["protocol"],
        Dim::Cache => &["cache_outcome"],
        Dim::Arm => &["arm"],
        Dim::Tenant => &["tenant"],
        Dim::Retry => &["client_retry"],
    }
}

impl CallQuery {
    /// The newest `limit` calls of a window.
    #[must_use]
    pub fn newest(window: Window, limit: usize) -> Self {
        Self {
            window,
            filter: Filter::default(),
            status: None,
            user_key: None,
            trace_id: None,
            response_id: None,
            with_spans: false,
            limit,
            after: None,
            part: Part::Whole,
            groups: usize::MAX,
        }
    }

    /// Asks for everything of an answer or a trace, whatever sent it: rows that count in another's
    /// place too. Without either name it asks as before.
    pub fn by_name(
        &mut self,
        response_id: Option<Text>,
        trace_id: Option<flowgauge_logic::id::TraceId>,
    ) {
        if response_id.is_none() && trace_id.is_none() {
            return;
        }
        (self.response_id, self.trace_id, self.with_spans) = (response_id, trace_id, true);
        if !self.filter.terms.iter().any(|(dim, _)| *dim == Dim::Source) {
            let any = Source::ALL.iter().map(|s| s.word().to_owned()).collect();
            self.filter.terms.push((Dim::Source, any));
        }
    }

    /// What the rows wanted are found by, instead of reading through the window. A response id names
    /// fewer rows than a trace.
    pub(crate) fn names(&self) -> Option<Names> {
        let mut names = Names::default();
        match (&self.response_id, self.trace_id) {
            (Some(id), _) => drop(names.responses.insert(id.to_string())),
            (None, Some(trace)) => drop(names.traces.insert(trace)),
            (None, None) => return None,
        }
        Some(names)
    }

    /// Columns that say whether a row is wanted. Ids are the largest of all; they are looked at for the next page, and
    /// where rows have `amended` forms.
    pub(crate) fn deciding(&self, amended: bool) -> Vec<&'static str> {
        let mut columns = vec!["start_time", "leaf", "source"];
        let fields = [
            ("call_id", amended || self.after.is_some()),
            ("status", self.status.is_some()),
            ("user_key", self.user_key.is_some()),
            ("response_id", self.response_id.is_some()),
            ("trace_id", self.trace_id.is_some()),
        ];
        columns.extend(fields.into_iter().filter(|(_, asked)| *asked).map(|(name, _)| name));
        columns.extend(self.filter.terms.iter().flat_map(|(dim, _)| columns_of(*dim)));
        columns
    }

    /// What rows wanted have in some columns: one of the texts in one of the columns, of each of these. What is told of a
    /// group of rows in a file may rule it out by that.
    pub(crate) fn demands(&self) -> Vec<(&'static [&'static str], Vec<&str>)> {
        let texts = |values: &'_ [String]| !values.iter().any(String::is_empty);
        let of_filter = self
            .filter
            .terms
            .iter()
            .filter(|(dim, values)| !matches!(dim, Dim::Retry) && texts(values));
        let mut demands: Vec<_> = of_filter
            .map(|(dim, values)| (columns_of(*dim), values.iter().map(String::as_str).collect()))
            .collect();
        if let Some(status) = self.status {
            demands.push((&["status"], vec![status.word()]));
        }
        if let Some(user) = &self.user_key {
            demands.push((&["user_key"], vec![user.as_str()]));
        }
        demands
    }

    /// Whether a row is wanted, limit and page aside.
    #[must_use]
    pub fn wants(&self, call: &Call) -> bool {
        self.window.contains(call.time.start)
            && (self.with_spans || call.what.leaf)
            && self.status.is_none_or(|s| s == call.outcome.status)
            && self.user_key.as_ref().is_none_or(|u| Some(u) == call.who.user_key.as_ref())
            && self.response_id.as_ref().is_none_or(|r| Some(r) == call.link.response_id.as_ref())
            && self.trace_id.is_none_or(|t| Some(t) == call.link.trace_id)
            && self.filter.accepts(&flowgauge_logic::rollup::SeriesKey::of(call))
    }
}

/// A stretch of time in which calls passed that could not be recorded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gap {
    /// First loss.
    pub from: UnixMicros,
    /// Last loss.
    pub to: UnixMicros,
    /// Exact number of calls lost.
    pub lost: u64,
    /// Why, in a few words.
    pub reason: String,
}

/// State of the store, for health and people.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoreStatus {
    /// Batches not yet sealed.
    pub batches: u64,
    /// Bytes of those.
    pub batch_bytes: u64,
    /// Parquet segments.
    pub segments: u64,
    /// Rows in segments.
    pub segment_rows: u64,
    /// Bytes of segments.
    pub segment_bytes: u64,
    /// Rows acknowledged and not yet sealed.
    pub unsealed_rows: u64,
    /// Damage found at start, named; empty in health.
    pub damage: Vec<String>,
    /// What is missing from answers because of damage, as far as it is known.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<crate::Missing>,
    /// Raw rows before this moment were dropped because of their age.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub raw_from: Option<UnixMicros>,
    /// Rollups before this moment are kept by the hour only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub minutes_from: Option<UnixMicros>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::columns::ALL;

    #[test]
    fn every_column_that_is_named_exists() {
        let parts = [Part::Figures, Part::Tokens, Part::CacheAge].map(|p| p.columns().unwrap());
        let dims = Dim::ALL.iter().flat_map(|dim| columns_of(*dim)).copied();
        let window = Window { from: UnixMicros(0), to: UnixMicros(1) };
        let mut query = CallQuery::newest(window, 1);
        query.by_name(Some(Text::const_new("r")), None);
        (query.status, query.user_key) = (Some(Status::Ok), Some(Text::const_new("u")));
        query.trace_id = Some(flowgauge_logic::id::TraceId([1; 16]));
        let deciding = query.deciding(true);
        for name in parts.into_iter().flatten().chain(dims).chain(deciding) {
            assert!(ALL.iter().any(|column| column.name == name), "{name}");
        }
    }
}
