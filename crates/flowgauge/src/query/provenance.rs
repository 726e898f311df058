//! Where every number of one call comes from, in words, and the arithmetic behind its cost.
//!
//! Owns the words. Refuses to measure or to price: it tells what the row and the price tables say,
//! and says so where the two no longer agree.

use super::prices::way_out;
use super::view::RequestView;
use crate::logic::call::{
    CacheOutcome, Call, Cost, CostSource, CostUnknown, Door, Text, TtftSource, Usage, UsageSource,
};
use crate::logic::id::CallId;
use crate::logic::price::PriceBook;
use crate::logic::unit::NanoUsd;
use crate::store::{AmendmentRow, Reader, StoreError};
use serde::{Deserialize, Serialize};

pub use self::amended::AmendmentView;
pub use self::arithmetic::breakdown;

mod amended;
mod arithmetic;

/// One number, and whose word it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Fact {
    /// Name of the field.
    pub field: String,
    /// The value as text; `null` where it is not known.
    pub value: Option<String>,
    /// Where it comes from, in a few words.
    pub source: String,
    /// Why it is so, or why it is not known; empty where there is nothing to add.
    pub why: String,
}

/// One bucket at its rate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct PriceLine {
    /// The bucket.
    pub bucket: String,
    /// How many.
    pub count: u64,
    /// Key of the rate.
    pub rate: String,
    /// US dollars of one.
    pub usd_each: String,
    /// US dollars per million tokens; `null` where it is no token.
    pub usd_per_million: Option<String>,
    /// The product in US dollars, exactly; `null` beyond the range of money.
    pub usd: Option<String>,
    /// Another rate stood in for a missing one.
    pub substituted: bool,
}

/// The arithmetic behind one cost: of the call, or of one attempt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Breakdown {
    /// Number of the attempt; `null` for the call as a whole.
    pub attempt: Option<u16>,
    /// The model priced.
    #[schema(value_type = Option<String>)]
    pub model: Option<Text>,
    /// Row it was found in.
    pub row: Option<String>,
    /// `shipped` or `operator`.
    pub table: Option<String>,
    /// How the name led to the row.
    pub matched: Option<String>,
    /// Version of the tables in force when the cost was frozen.
    #[schema(value_type = Option<String>)]
    pub priced_with: Option<Text>,
    /// Version of the tables these lines are from.
    pub lines_from: String,
    /// Bucket by bucket.
    pub lines: Vec<PriceLine>,
    /// Their sum, rounded once, nano-dollars.
    #[schema(value_type = Option<i64>)]
    pub sum_nanos: Option<NanoUsd>,
    /// The cost as stored, nano-dollars.
    #[schema(value_type = Option<i64>)]
    pub cost_nanos: Option<NanoUsd>,
    /// What is to be said about it; empty where the sum is the cost.
    pub note: String,
}

/// One request with all that can be said about its numbers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct RequestDetail {
    /// The request.
    #[serde(flatten)]
    pub request: RequestView,
    /// Where each number comes from.
    pub provenance: Vec<Fact>,
    /// The arithmetic behind the cost; one for each attempt where there was more than one.
    pub price_breakdown: Vec<Breakdown>,
    /// What was changed of it since it was stored, oldest first.
    #[serde(default)]
    pub amendments: Vec<AmendmentView>,
}

impl RequestDetail {
    /// Everything about a call, with the prices in force now.
    #[must_use]
    pub fn of(call: &Call, amendments: &[AmendmentRow], book: &PriceBook) -> Self {
        let mut provenance = facts(call);
        provenance.extend(amendments.iter().map(amended::fact));
        Self {
            request: RequestView::from(call),
            provenance,
            price_breakdown: breakdown(call, book),
            amendments: amendments.iter().map(AmendmentView::from).collect(),
        }
    }

    /// The same, read from the store; nothing where there is no such call.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn read(reader: &Reader, id: CallId, book: &PriceBook) -> Result<Option<Self>, StoreError> {
        let Some(call) = reader.call(id)? else { return Ok(None) };
        Ok(Some(Self::of(&call, &reader.amendments(id)?, book)))
    }
}

struct Facts(Vec<Fact>);

impl Facts {
    fn add<T: ToString>(
        &mut self,
        field: &str,
        value: Option<T>,
        source: impl Into<String>,
        why: impl Into<String>,
    ) {
        let value = value.map(|value| value.to_string());
        let field = field.to_owned();
        self.0.push(Fact { field, value, source: source.into(), why: why.into() });
    }
}

/// Where each number of a call comes from.
#[must_use]
pub fn facts(call: &Call) -> Vec<Fact> {
    let mut facts = Facts(Vec::new());
    times(call, &mut facts);
    model(call, &mut facts);
    tokens(call, &mut facts);
    money(call, &mut facts);
    ending(call, &mut facts);
    facts.0
}

const fn clock(door: Door) -> &'static str {
    match door {
        Door::Gateway => "gateway clock",
        Door::OtlpGrpc | Door::OtlpHttp => "span times",
        Door::Import => "imported file",
    }
}

fn times(call: &Call, facts: &mut Facts) {
    let (time, door) = (&call.time, call.origin.door);
    let begun = match door {
        Door::Gateway => "the request's head was received",
        Door::OtlpGrpc | Door::OtlpHttp => "begin of the span",
        Door::Import => "as the file says",
    };
    facts.add("start_time", Some(time.start.to_rfc3339()), clock(door), begun);
    let whole = if time.latency.is_some() { "begin to the last byte" } else { "no end is known" };
    facts.add("latency_us", time.latency.map(|t| t.0), clock(door), whole);
    let (source, why) = first_token(call);
    facts.add("ttft_us", time.ttft.map(|t| t.0), source, why);
    if let Some(upstream) = time.upstream {
        facts.add("upstream_us", Some(upstream.0), clock(door), "waiting for head and bytes");
        facts.add("gateway_us", call.gateway_time().map(|t| t.0), "computed", "latency − upstream");
    }
    if let Some(head) = time.upstream_head {
        facts.add("upstream_head_us", Some(head.0), clock(door), "begin to the upstream's head");
    }
    if let (Some(latency), Some(ttft)) = (time.latency, time.ttft) {
        let generation = latency.saturating_sub(ttft);
        facts.add("generation_us", Some(generation.0), "computed", "latency − first token");
    }
}

fn first_token(call: &Call) -> (&'static str, &'static str) {
    let source = match call.time.ttft_source {
        TtftSource::Gateway => "gateway clock",
        TtftSource::Attribute => "span attribute",
        TtftSource::Event => "span event",
        TtftSource::CompletionStart => "completion start time",
        TtftSource::None => "none",
    };
    let why = match (call.time.ttft, call.what.stream) {
        (Some(_), _) => "first text, refusal, reasoning or tool call",
        (None, Some(false)) => "not streamed: there is no first token",
        (None, Some(true)) if call.origin.door == Door::Gateway => "no content came",
        (None, _) => "the producer gave none",
    };
    (source, why)
}

fn model(call: &Call, facts: &mut Facts) {
    let (source, why) = match (&call.what.model_used, &call.what.model_requested) {
        (Some(_), _) => ("answer", "named by the answer"),
        (None, Some(_)) => ("request", "as asked for: the answer named none"),
        (None, None) => ("none", "neither request nor answer named one"),
    };
    facts.add("model", call.model(), source, why);
}

fn tokens(call: &Call, facts: &mut Facts) {
    let usage = &call.usage;
    let source = usage.source.word();
    let why = usage_words(usage);
    facts.add("input_tokens", usage.input_total().map(|t| t.0), source, why.clone());
    if let Some(input) = usage.input {
        for (field, count) in [
            ("input_text", input.text),
            ("input_audio", input.audio),
            ("input_image", input.image),
            ("cache_read", input.cache_read),
            ("cache_write_5m", input.cache_write_5m),
            ("cache_write_1h", input.cache_write_1h),
        ] {
            if count > 0 {
                facts.add(field, Some(count), source, "part of input_tokens");
            }
        }
    }
    facts.add("output_tokens", usage.output_total().map(|t| t.0), source, why);
    if let Some(output) = usage.output {
        for (field, count) in [
            ("output_visible", output.visible),
            ("output_audio", output.audio),
            ("output_image", output.image),
            ("reasoning", output.reasoning),
            ("rejected_prediction", output.rejected),
        ] {
            if count > 0 {
                facts.add(field, Some(count), source, "part of output_tokens");
            }
        }
    }
    for (field, count, why) in [
        ("web_searches", usage.web_searches, "billed per use"),
        ("web_fetches", usage.web_fetches, "billed by their tokens alone"),
        ("file_searches", usage.file_searches, "billed per use"),
        ("code_sessions", usage.code_sessions, "billed per container"),
    ] {
        if count > 0 {
            facts.add(field, Some(count), source, why);
        }
    }
}

/// Flags of usage in words.
const FLAGS: [(u8, &str); 6] = [
    (Usage::ADDITIVE_GUARD, "the cache parts exceed the stated input, so it was read without them"),
    (Usage::TOTAL_DISAGREES, "the stated total is not the sum of the parts"),
    (Usage::PARSE_FAILED, "the answer could not be read to its end"),
    (Usage::PART_CAPPED, "a part was larger than its whole and was cut to it"),
    (Usage::INCLUDE_USAGE_REFUSED, "the provider refused to send usage in the stream"),
    (Usage::NOT_AWAITED, "the client left and the usage was not waited for"),
];

fn usage_words(usage: &Usage) -> String {
    let who = match usage.source {
        UsageSource::Provider => "counted by the provider",
        UsageSource::Estimated => "counted here: the provider sent no usage",
        UsageSource::Absent => "nobody counted",
    };
    let flags = FLAGS.iter().filter(|(bit, _)| usage.flags & bit != 0).map(|(_, words)| *words);
    std::iter::once(who).chain(flags).collect::<Vec<_>>().join("; ")
}

fn money(call: &Call, facts: &mut Facts) {
    let cost = &call.cost;
    facts.add("cost_nanos", cost.nanos.map(|n| n.0), cost.source.word(), cost_words(call));
    if let Some(reported) = cost.reported {
        facts.add("reported_cost_nanos", Some(reported.0), "reported", "the producer's own figure");
    }
    if let Some(avoided) = cost.avoided {
        let why = "what the call would have cost without flowgauge's cache or optimisation";
        facts.add("avoided_cost_nanos", Some(avoided.0), "computed", why);
    }
    if let Some(tier) = &cost.service_tier {
        facts.add("service_tier", Some(tier), "answer", "rates of this tier apply");
    }
}

/// How the cost came about, or why there is none and what to do.
fn cost_words(call: &Call) -> String {
    let cost = &call.cost;
    let version = cost.price_version.as_deref().unwrap_or("unknown");
    let mut words = match (cost.source, cost.unknown_reason) {
        (CostSource::Computed, _) => format!("tokens × rates of price tables {version}"),
        (CostSource::Reported, _) => "reported by the producer; not priced here".to_owned(),
        (CostSource::Unknown, CostUnknown::NoPrice) => {
            call.model().map_or_else(|| "no model".to_owned(), |model| way_out(model))
        }
        (CostSource::Unknown, CostUnknown::NoUsage) => "no token counts to price".to_owned(),
        (CostSource::Unknown, CostUnknown::NoModel) => "no model is known to price".to_owned(),
        (CostSource::Unknown, CostUnknown::UnitUnpriced) => {
            "something billed per use has no price per use in the tables".to_owned()
        }
        (CostSource::Unknown, CostUnknown::None) if call.link.merged_into.is_some() => {
            "counted in the row that stands in this one's place".to_owned()
        }
        (CostSource::Unknown, CostUnknown::None) if !call.what.leaf => {
            "no model call: its cost is that of the calls inside".to_owned()
        }
        (CostSource::Unknown, CostUnknown::None) => "it was not priced".to_owned(),
    };
    for (bit, flag) in [
        (Cost::RATE_SUBSTITUTED, "; a missing rate was replaced by the base rate"),
        (Cost::SATURATED, "; the sum left the range of money and was cut"),
    ] {
        if cost.flags & bit != 0 {
            words.push_str(flag);
        }
    }
    if matches!(call.control.cache, CacheOutcome::HitExact | CacheOutcome::HitSemantic) {
        words.push_str("; answered from flowgauge's cache, so nothing was charged");
    }
    words
}

fn ending(call: &Call, facts: &mut Facts) {
    let outcome = &call.outcome;
    if let Some(status) = outcome.http_status {
        facts.add("http_status", Some(status), "answer", outcome.class.word());
    }
    let tries = match outcome.fallback_reason.as_deref() {
        Some(reason) => format!("another target answered: {reason}"),
        None => "upstream requests made for this call".to_owned(),
    };
    facts.add("attempts", Some(outcome.attempts), clock(call.origin.door), tries);
    for attempt in &call.attempts {
        let field = format!("attempt {} cost_nanos", attempt.number);
        let model = attempt.model.as_deref().unwrap_or("an unknown model");
        let why = format!("{}, priced as {model}", attempt.reason.word());
        facts.add(&field, attempt.cost.nanos.map(|n| n.0), attempt.cost.source.word(), why);
    }
    if let Some(other) = call.link.merged_into {
        facts.add("merged_into", Some(other), "pairing", "the row that counts in this one's place");
    }
}

#[cfg(test)]
mod tests;
