//! One call as people and programs are shown it: flat, named like the SQL columns, unknown as `null`.
//!
//! The HTTP API, the live stream, `requests list --format json` and NDJSON export share this shape.
//! Refuses to decide anything: every figure is taken from the stored row.

use crate::logic::call::{
    Attempt, CacheOutcome, Call, Control, Cost, CostSource, CostUnknown, Dialect, Door, ErrorClass,
    Protocol, Source, Status, Text, TtftSource, Usage, UsageSource,
};
use crate::logic::id::{CallId, SpanId, TraceId};
use crate::logic::unit::{Micros, NanoUsd, Tokens};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// One call, flat.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct RequestView {
    /// flowgauge's id, answered in `x-flowgauge-request-id`.
    #[schema(value_type = String)]
    pub call_id: CallId,
    /// When it began, RFC 3339 in UTC.
    pub start_time: String,
    /// The same moment, under the name events use.
    pub event_time: String,
    /// When flowgauge learnt of it.
    pub received_time: String,
    /// Start to the last byte, µs.
    #[schema(value_type = Option<u64>)]
    pub latency_us: Option<Micros>,
    /// Start to the first content, µs.
    #[schema(value_type = Option<u64>)]
    pub ttft_us: Option<Micros>,
    /// Where that came from.
    #[schema(value_type = String)]
    pub ttft_source: TtftSource,
    /// Spent waiting for the upstream, µs.
    #[schema(value_type = Option<u64>)]
    pub upstream_us: Option<Micros>,
    /// Start to the upstream's response head, µs.
    #[schema(value_type = Option<u64>)]
    pub upstream_head_us: Option<Micros>,
    /// flowgauge's own share, µs.
    #[schema(value_type = Option<u64>)]
    pub gateway_us: Option<Micros>,
    /// First content to the last byte, µs.
    #[schema(value_type = Option<u64>)]
    pub generation_us: Option<Micros>,
    /// `observed`, `import`, `probe` or `replay`.
    #[schema(value_type = String)]
    pub source: Source,
    /// `gateway`, `otlp_grpc`, `otlp_http` or `import`.
    #[schema(value_type = String)]
    pub door: Door,
    /// Naming convention of the attributes.
    #[schema(value_type = String)]
    pub dialect: Dialect,
    /// Application.
    #[schema(value_type = Option<String>)]
    pub service: Option<Text>,
    /// Deployment environment.
    #[schema(value_type = Option<String>)]
    pub environment: Option<Text>,
    /// Replica of the application.
    #[schema(value_type = Option<String>)]
    pub instance: Option<Text>,
    /// Version of the application.
    #[schema(value_type = Option<String>)]
    pub version: Option<Text>,
    /// `chat`, `embeddings`, …
    #[schema(value_type = String)]
    pub operation: Text,
    /// Shape of request and answer.
    #[schema(value_type = String)]
    pub protocol: Protocol,
    /// Who served it.
    #[schema(value_type = Option<String>)]
    pub provider: Option<Text>,
    /// Model asked for.
    #[schema(value_type = Option<String>)]
    pub model_requested: Option<Text>,
    /// Model that answered.
    #[schema(value_type = Option<String>)]
    pub model_used: Option<Text>,
    /// Route as the application knows it.
    #[schema(value_type = Option<String>)]
    pub endpoint: Option<Text>,
    /// Purpose.
    #[schema(value_type = Option<String>)]
    pub intent: Option<Text>,
    /// Whether the answer was streamed.
    pub stream: Option<bool>,
    /// How it ended.
    #[schema(value_type = String)]
    pub status: Status,
    /// Which kind of failure; `none` where it did not fail.
    #[schema(value_type = String)]
    pub error_class: ErrorClass,
    /// HTTP status of the answer.
    pub http_status: Option<u16>,
    /// Code or type as the provider names it.
    #[schema(value_type = Option<String>)]
    pub error_type: Option<Text>,
    /// Why generation ended.
    #[schema(value_type = Option<String>)]
    pub finish_reason: Option<Text>,
    /// The client's own retry count.
    pub client_retry: u16,
    /// Upstream requests made for this call.
    pub attempts: u16,
    /// Each of them, where there was more than one, or the provider billed several passes.
    #[schema(value_type = Vec<Object>)]
    pub attempt_rows: Vec<Attempt>,
    /// Why another target than the first answered.
    #[schema(value_type = Option<String>)]
    pub fallback_reason: Option<Text>,
    /// The row that counts in this one's place.
    #[schema(value_type = Option<String>)]
    pub merged_into: Option<CallId>,
    /// Σ of the input buckets.
    #[schema(value_type = Option<u64>)]
    pub input_tokens: Option<Tokens>,
    /// Σ of the output buckets.
    #[schema(value_type = Option<u64>)]
    pub output_tokens: Option<Tokens>,
    /// Input text from no cache.
    pub input_text: Option<u64>,
    /// Input audio.
    pub input_audio: Option<u64>,
    /// Input images.
    pub input_image: Option<u64>,
    /// Read from the provider's prompt cache.
    pub cache_read: Option<u64>,
    /// Written to it for 5 minutes.
    pub cache_write_5m: Option<u64>,
    /// Written to it for 1 hour.
    pub cache_write_1h: Option<u64>,
    /// Text the user sees.
    pub output_visible: Option<u64>,
    /// Output audio.
    pub output_audio: Option<u64>,
    /// Output images.
    pub output_image: Option<u64>,
    /// Reasoning.
    pub reasoning: Option<u64>,
    /// Predicted output that was rejected and billed.
    pub rejected_prediction: Option<u64>,
    /// Web searches billed per use.
    #[serde(default)]
    pub web_searches: u32,
    /// Pages fetched by the provider.
    #[serde(default)]
    pub web_fetches: u32,
    /// Searches of stored files billed per use.
    #[serde(default)]
    pub file_searches: u32,
    /// Containers in which code ran.
    #[serde(default)]
    pub code_sessions: u32,
    /// Who counted: `provider`, `estimated` or `absent`.
    #[schema(value_type = String)]
    pub usage_source: UsageSource,
    /// What was odd about the counts.
    pub usage_flags: Vec<String>,
    /// Cost in nano-dollars.
    #[schema(value_type = Option<i64>)]
    pub cost_nanos: Option<NanoUsd>,
    /// The same as exact decimal dollars.
    pub cost_usd: Option<String>,
    /// `computed`, `reported` or `unknown`.
    #[schema(value_type = String)]
    pub cost_source: CostSource,
    /// Why there is no cost; `null` where there is one.
    #[schema(value_type = Option<String>)]
    pub cost_unknown_reason: Option<CostUnknown>,
    /// What was odd about the cost.
    pub cost_flags: Vec<String>,
    /// Price tables in force at the time.
    #[schema(value_type = Option<String>)]
    pub price_version: Option<Text>,
    /// What the producer says it cost, nano-dollars.
    #[schema(value_type = Option<i64>)]
    pub reported_cost_nanos: Option<NanoUsd>,
    /// What a cache hit or an optimisation saved, nano-dollars.
    #[schema(value_type = Option<i64>)]
    pub avoided_cost_nanos: Option<NanoUsd>,
    /// Tier named by the answer.
    #[schema(value_type = Option<String>)]
    pub service_tier: Option<Text>,
    /// Input tokens before any optimisation.
    #[schema(value_type = Option<u64>)]
    pub original_input_tokens: Option<Tokens>,
    /// What the response cache said.
    #[schema(value_type = String)]
    pub cache_outcome: CacheOutcome,
    /// How old the answer was that a hit gave again, µs; `null` where it is not known.
    #[serde(default)]
    pub cache_age_us: Option<u64>,
    /// Optimisations that acted.
    pub optimizations: Vec<String>,
    /// Experiment arm.
    #[schema(value_type = Option<String>)]
    pub arm: Option<Text>,
    /// Tenant or project.
    #[schema(value_type = Option<String>)]
    pub tenant: Option<Text>,
    /// flowgauge key that was used.
    #[schema(value_type = Option<String>)]
    pub key_id: Option<Text>,
    /// End user, as a keyed hash.
    #[schema(value_type = Option<String>)]
    pub user_key: Option<Text>,
    /// Session, as a keyed hash.
    #[schema(value_type = Option<String>)]
    pub session_key: Option<Text>,
    /// Free labels.
    #[schema(value_type = BTreeMap<String, String>)]
    pub labels: BTreeMap<Text, Text>,
    /// W3C trace.
    #[schema(value_type = Option<String>)]
    pub trace_id: Option<TraceId>,
    /// W3C span of this call.
    #[schema(value_type = Option<String>)]
    pub span_id: Option<SpanId>,
    /// W3C span that made it.
    #[schema(value_type = Option<String>)]
    pub parent_span_id: Option<SpanId>,
    /// The provider's id of its answer.
    #[schema(value_type = Option<String>)]
    pub response_id: Option<Text>,
    /// The upstream's `x-request-id`.
    #[schema(value_type = Option<String>)]
    pub upstream_request_id: Option<Text>,
    /// Conversation.
    #[schema(value_type = Option<String>)]
    pub conversation_id: Option<Text>,
    /// Whether it is a model call that costs; agent and workflow spans are not.
    pub leaf: bool,
    /// Attributes as received, without content.
    #[schema(value_type = Option<Object>)]
    pub attributes: Option<serde_json::Value>,
}

const USAGE_FLAGS: [(u8, &str); 7] = [
    (Usage::ADDITIVE_GUARD, "additive_guard"),
    (Usage::TOTAL_DISAGREES, "total_disagrees"),
    (Usage::PARSE_FAILED, "parse_failed"),
    (Usage::PART_CAPPED, "part_capped"),
    (Usage::INCLUDE_USAGE_REFUSED, "include_usage_refused"),
    (Usage::NOT_AWAITED, "not_awaited"),
    (Usage::APP_CACHED, "app_cached"),
];

const COST_FLAGS: [(u8, &str); 2] =
    [(Cost::RATE_SUBSTITUTED, "rate_substituted"), (Cost::SATURATED, "saturated")];

const OPTIMIZATIONS: [(u8, &str); 4] = [
    (Control::PRUNING, "context_pruning"),
    (Control::CACHING, "response_caching"),
    (Control::PROMPT, "prompt_optimization"),
    (Control::MODEL, "model_selection"),
];

fn words(bits: u8, names: &[(u8, &str)]) -> Vec<String> {
    names.iter().filter(|(bit, _)| bits & bit != 0).map(|(_, word)| (*word).to_owned()).collect()
}

impl From<&Call> for RequestView {
    fn from(call: &Call) -> Self {
        let Call {
            id,
            link,
            origin,
            what,
            who,
            time,
            usage,
            cost,
            outcome,
            attempts,
            control,
            raw,
        } = call;
        let start = time.start.to_rfc3339();
        Self {
            call_id: *id,
            event_time: start.clone(),
            start_time: start,
            received_time: time.received.to_rfc3339(),
            latency_us: time.latency,
            ttft_us: time.ttft,
            ttft_source: time.ttft_source,
            upstream_us: time.upstream,
            upstream_head_us: time.upstream_head,
            gateway_us: call.gateway_time(),
            generation_us: time
                .latency
                .zip(time.ttft)
                .map(|(all, first)| all.saturating_sub(first)),
            source: origin.source,
            door: origin.door,
            dialect: origin.dialect,
            service: origin.service.clone(),
            environment: origin.environment.clone(),
            instance: origin.instance.clone(),
            version: origin.version.clone(),
            operation: what.operation.clone(),
            protocol: what.protocol,
            provider: what.provider.clone(),
            model_requested: what.model_requested.clone(),
            model_used: what.model_used.clone(),
            endpoint: what.endpoint.clone(),
            intent: what.intent.clone(),
            stream: what.stream,
            status: outcome.status,
            error_class: outcome.class,
            http_status: outcome.http_status,
            error_type: outcome.error_type.clone(),
            finish_reason: outcome.finish_reason.clone(),
            client_retry: outcome.client_retry,
            attempts: outcome.attempts,
            attempt_rows: attempts.clone(),
            fallback_reason: outcome.fallback_reason.clone(),
            merged_into: link.merged_into,
            input_tokens: usage.input_total(),
            output_tokens: usage.output_total(),
            input_text: usage.input.map(|i| i.text),
            input_audio: usage.input.map(|i| i.audio),
            input_image: usage.input.map(|i| i.image),
            cache_read: usage.input.map(|i| i.cache_read),
            cache_write_5m: usage.input.map(|i| i.cache_write_5m),
            cache_write_1h: usage.input.map(|i| i.cache_write_1h),
            output_visible: usage.output.map(|o| o.visible),
            output_audio: usage.output.map(|o| o.audio),
            output_image: usage.output.map(|o| o.image),
            reasoning: usage.output.map(|o| o.reasoning),
            rejected_prediction: usage.output.map(|o| o.rejected),
            web_searches: usage.web_searches,
            web_fetches: usage.web_fetches,
            file_searches: usage.file_searches,
            code_sessions: usage.code_sessions,
            usage_source: usage.source,
            usage_flags: words(usage.flags, &USAGE_FLAGS),
            cost_nanos: cost.nanos,
            cost_usd: cost.nanos.map(NanoUsd::to_decimal),
            cost_source: cost.source,
            cost_unknown_reason: Some(cost.unknown_reason).filter(|r| *r != CostUnknown::None),
            cost_flags: words(cost.flags, &COST_FLAGS),
            price_version: cost.price_version.clone(),
            reported_cost_nanos: cost.reported,
            avoided_cost_nanos: cost.avoided,
            service_tier: cost.service_tier.clone(),
            original_input_tokens: control.original_input_tokens,
            cache_outcome: control.cache,
            cache_age_us: control.cache_age.map(|t| t.0),
            optimizations: words(control.applied, &OPTIMIZATIONS),
            arm: control.arm.clone(),
            tenant: who.tenant.clone(),
            key_id: who.key_id.clone(),
            user_key: who.user_key.clone(),
            session_key: who.session_key.clone(),
            labels: who.labels.iter().cloned().collect(),
            trace_id: link.trace_id,
            span_id: link.span_id,
            parent_span_id: link.parent_span_id,
            response_id: link.response_id.clone(),
            upstream_request_id: link.upstream_request_id.clone(),
            conversation_id: link.conversation_id.clone(),
            leaf: what.leaf,
            attributes: raw.as_deref().and_then(|text| serde_json::from_str(text).ok()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::logic::unit::UnixMicros;

    fn call() -> Call {
        let at = UnixMicros(1_700_000_000_123_456);
        Call::begun(CallId::new(at, [1; 10]), at, at, Door::Gateway)
    }

    #[test]
    fn unknown_is_null_and_never_absent_or_zero() {
        let json = serde_json::to_value(RequestView::from(&call())).unwrap();
        for name in
            ["latency_us", "input_tokens", "cost_nanos", "cost_usd", "trace_id", "attributes"]
        {
            assert_eq!(json.get(name), Some(&serde_json::Value::Null), "{name}");
        }
        assert_eq!(json["start_time"], "2023-11-14T22:13:20.123456Z");
        assert_eq!(json["cost_unknown_reason"], serde_json::Value::Null);
    }

    #[test]
    fn a_view_survives_json() {
        let mut call = call();
        call.time.latency = Some(Micros(900));
        call.time.ttft = Some(Micros(400));
        call.cost.nanos = Some(NanoUsd(54_399_000));
        call.usage.flags = Usage::PART_CAPPED | Usage::ADDITIVE_GUARD;
        call.control.applied = Control::CACHING;
        call.raw = Some(r#"{"gen_ai.system":"openai"}"#.into());
        let view = RequestView::from(&call);
        assert_eq!(view.generation_us, Some(Micros(500)));
        assert_eq!(view.cost_usd.as_deref(), Some("0.054399000"));
        assert_eq!(view.usage_flags, ["additive_guard", "part_capped"]);
        let text = serde_json::to_string(&view).unwrap();
        assert_eq!(serde_json::from_str::<RequestView>(&text).unwrap(), view);
    }
}
