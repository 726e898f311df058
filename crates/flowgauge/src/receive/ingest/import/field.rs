//! Which column is which field of a call.

use std::collections::BTreeMap;

macro_rules! fields {
    ($($variant:ident: $($word:literal)|+),+ $(,)?) => {
        /// A field of a call that a column can fill.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Field { $(#[doc = concat!("`", $($word, "` "),+)] $variant),+ }

        const WORDS: &[(&str, Field)] = &[$($(($word, Field::$variant)),+),+];
    };
}

fields!(
    Start: "start_time" | "timestamp" | "time",
    LatencyUs: "latency_us",
    LatencyMs: "latency_ms",
    LatencyS: "latency_s",
    TtftUs: "ttft_us",
    TtftMs: "ttft_ms",
    TtftS: "ttft_s",
    Model: "model",
    ModelRequested: "model_requested",
    Provider: "provider",
    Endpoint: "endpoint",
    Intent: "intent",
    Service: "service" | "app",
    Environment: "environment",
    Version: "version",
    Tenant: "tenant",
    InputTokens: "input_tokens" | "prompt_tokens",
    OutputTokens: "output_tokens" | "completion_tokens",
    CacheRead: "cache_read" | "cache_read_tokens",
    CacheWrite: "cache_write" | "cache_write_tokens",
    Reasoning: "reasoning" | "reasoning_tokens",
    CostUsd: "cost_usd" | "cost",
    Status: "status",
    HttpStatus: "http_status",
    ErrorType: "error_type",
    FinishReason: "finish_reason",
    User: "user" | "user_id",
    Session: "session" | "session_id",
    TraceId: "trace_id",
    SpanId: "span_id",
    ResponseId: "response_id",
    Conversation: "conversation_id",
    Stream: "stream",
    Operation: "operation",
    Ignore: "ignore",
);

/// A word that names no field.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("--map {text}: {problem}{}", suggestion.map(|s| format!("; did you mean `{s}`?")).unwrap_or_default())]
pub struct UnknownField {
    /// As it was written.
    pub text: String,
    /// What is wrong with it.
    pub problem: &'static str,
    /// The nearest field.
    pub suggestion: Option<&'static str>,
}

/// Columns and their fields.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Mapping {
    named: BTreeMap<String, Field>,
}

impl Mapping {
    /// From `column=field,column=field`; an empty text maps nothing by name.
    ///
    /// # Errors
    /// When a pair is incomplete or its field unknown.
    pub fn parse(text: &str) -> Result<Self, UnknownField> {
        let mut named = BTreeMap::new();
        for pair in text.split(',').map(str::trim).filter(|p| !p.is_empty()) {
            let unknown =
                |problem, suggestion| UnknownField { text: pair.to_owned(), problem, suggestion };
            let (column, word) =
                pair.rsplit_once('=').ok_or_else(|| unknown("expected column=field", None))?;
            let field = Field::named(word.trim())
                .ok_or_else(|| unknown("no such field", nearest(word.trim())))?;
            named.insert(column.trim().to_owned(), field);
        }
        Ok(Self { named })
    }

    /// The field of a column: as mapped, else the one of the column's own name.
    #[must_use]
    pub fn field(&self, column: &str) -> Option<Field> {
        let column = column.trim();
        let field = self.named.get(column).copied().or_else(|| Field::named(column));
        field.filter(|f| *f != Field::Ignore)
    }

    /// Columns mapped by name, for finding those a file does not have.
    pub fn columns(&self) -> impl Iterator<Item = &str> {
        self.named.keys().map(String::as_str)
    }

    /// The mapping as text, part of every id: another mapping makes other calls.
    pub(super) fn fingerprint(&self) -> String {
        format!("{:?}", self.named)
    }
}

impl Field {
    /// The field of a word, in any case.
    #[must_use]
    pub fn named(word: &str) -> Option<Self> {
        WORDS.iter().find(|(w, _)| w.eq_ignore_ascii_case(word)).map(|(_, f)| *f)
    }
}

/// The word at the smallest edit distance, unless all are far off.
fn nearest(word: &str) -> Option<&'static str> {
    let best = WORDS.iter().map(|(w, _)| (distance(word, w), *w)).min()?;
    (best.0 <= 4).then_some(best.1)
}

fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.bytes().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        if let Some(first) = row.first_mut() {
            *first = left;
        }
        for (slot, y) in row.iter_mut().skip(1).zip(b.bytes()) {
            let replaced = diagonal + usize::from(x != y);
            diagonal = *slot;
            left = replaced.min(diagonal + 1).min(left + 1);
            *slot = left;
        }
    }
    row.last().copied().unwrap_or(usize::MAX)
}
