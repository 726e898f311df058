//! Log records that carry meaning for LLM calls (evaluations, exceptions), kept as they came.

use flowgauge_logic::call::Text;
use flowgauge_logic::id::{CallId, SpanId, TraceId};
use flowgauge_logic::unit::UnixMicros;
use serde::{Deserialize, Serialize};

/// One event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// flowgauge's id of the event.
    pub id: CallId,
    /// When it happened.
    pub time: UnixMicros,
    /// Event name, e.g. `gen_ai.evaluation.result`.
    pub name: Text,
    /// Trace it belongs to.
    pub trace_id: Option<TraceId>,
    /// Span it belongs to.
    pub span_id: Option<SpanId>,
    /// Severity number of OpenTelemetry, 1–24.
    pub severity: u8,
    /// Application.
    pub service: Option<Text>,
    /// Attributes as a JSON object, content dropped.
    pub attributes: Box<str>,
}
