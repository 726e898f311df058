//! The last step: everything said about a span becomes a call, or a reason why not.

use super::builder::Builder;
use super::table::Meaning;
use super::tokens::usage;
use super::value::name;
use super::{MAX_AHEAD_US, MAX_LATE_US, Rejected, dialect, operation, outcome, provider};
use crate::call::{Call, Door, Text, TtftSource};
use crate::id::CallId;
use crate::unit::{Micros, NanoUsd, UnixMicros};
use serde_json::Value as Json;

/// Latest end that a signed 64-bit count of nanoseconds can say; more is damage.
const MAX_NS: u64 = i64::MAX as u64;

impl Builder<'_> {
    /// The call.
    ///
    /// # Errors
    /// With a reason where times or counts cannot be true.
    pub fn finish(
        mut self,
        received: UnixMicros,
        door: Door,
        id: CallId,
    ) -> Result<Call, Rejected> {
        let (start, latency) = self.times(received)?;
        let mut call = Call::begun(id, start, received, door);
        call.time.latency = Some(latency);
        self.resource.fill(&mut call.origin);
        call.origin.dialect = dialect::detect(self.scope.name.as_deref(), self.marks);
        call.origin.scope.clone_from(&self.scope.joined);
        call.link.trace_id = self.core.trace_id;
        call.link.span_id = self.core.span_id;
        call.link.parent_span_id = self.core.parent_span_id;
        self.what(&mut call);
        self.who(&mut call);
        call.outcome = outcome::outcome(&self);
        call.usage = usage(&self, &call.what.operation, call.what.provider.as_deref())?;
        call.cost.reported = self.reported_cost()?;
        call.cost.service_tier = self.name(Meaning::ServiceTier);
        self.ttft(&mut call)?;
        let cut = self.cut();
        if cut > 0 {
            self.raw.note("flowgauge.truncated", i64::try_from(cut).unwrap_or(i64::MAX));
        }
        // What is random and in a column weighs its bytes once.
        let held = [
            call.who.user_key.as_deref(),
            call.who.session_key.as_deref(),
            call.link.response_id.as_deref(),
        ];
        call.raw = self.raw.finish(&held);
        Ok(call)
    }

    /// Begin and length; a begin too far ahead is clamped and noted.
    fn times(&mut self, received: UnixMicros) -> Result<(UnixMicros, Micros), Rejected> {
        let (start, end) = (self.core.start_ns, self.core.end_ns);
        if start == 0 || end == 0 {
            return Err(Rejected::new("span without start or end time"));
        }
        if start >= MAX_NS || end >= MAX_NS {
            return Err(Rejected::new("span time is out of range"));
        }
        if end < start {
            return Err(Rejected::new("span ends before it starts"));
        }
        let latency = Micros((end - start) / 1_000);
        let said = UnixMicros(i64::try_from(start / 1_000).unwrap_or(i64::MAX));
        if said.0 < received.0.saturating_sub(MAX_LATE_US) {
            return Err(Rejected::new("span is more than 7 days late"));
        }
        if said.0 > received.0.saturating_add(MAX_AHEAD_US) {
            self.raw.note("flowgauge.clamped_start_us", said.0);
            return Ok((received, latency));
        }
        Ok((said, latency))
    }

    fn what(&self, call: &mut Call) {
        let what = &mut call.what;
        let provider = self.str(Meaning::Provider).or_else(|| self.str(Meaning::Maker));
        what.provider = provider.and_then(name).map(|p| provider::canonical(&p));
        (what.operation, what.leaf) = operation::operation(self);
        let api = self.str(Meaning::ApiType);
        what.protocol = operation::protocol(&what.operation, what.provider.as_deref(), api);
        what.model_requested = self.name(Meaning::RequestModel);
        what.model_used = self.name(Meaning::UsedModel);
        what.stream = self.get(Meaning::Stream).and_then(|s| s.value.truth());
        if let Some(json) = self.str(Meaning::InvocationParameters) {
            let parameters = serde_json::from_str::<Json>(json).unwrap_or_default();
            let model = parameters.get("model").and_then(Json::as_str);
            what.model_requested = what.model_requested.take().or_else(|| model.and_then(name));
            what.stream = what.stream.or_else(|| parameters.get("stream").and_then(Json::as_bool));
        }
        what.endpoint = self.name(Meaning::Endpoint);
        what.intent = self.name(Meaning::Intent);
        what.prompt_name = self.name(Meaning::PromptName);
        what.prompt_version = self.name(Meaning::PromptVersion);
        call.link.response_id = self.name(Meaning::ResponseId);
        call.link.previous_response_id = self.name(Meaning::PreviousResponse);
    }

    fn who(&mut self, call: &mut Call) {
        let hashed = |b: &Self, meaning| b.str(meaning).map(|s| (b.rules.hash)(s));
        call.who.user_key = hashed(self, Meaning::User);
        call.who.session_key = hashed(self, Meaning::Session);
        call.who.tenant = self.name(Meaning::Tenant).or_else(|| self.resource.tenant.clone());
        let conversation = self.name(Meaning::Conversation);
        call.link.conversation_id = conversation.or_else(|| call.who.session_key.clone());
        for (key, value) in self.json_labels() {
            self.label(&key, &value);
        }
        call.who.labels = std::mem::take(&mut self.labels);
    }

    fn json_labels(&self) -> Vec<(Text, Text)> {
        let mut labels = Vec::new();
        let metadata = self.str(Meaning::Metadata).and_then(|s| serde_json::from_str(s).ok());
        if let Some(Json::Object(object)) = metadata {
            for (key, value) in object {
                let text = match value {
                    Json::String(s) => s,
                    Json::Bool(_) | Json::Number(_) => value.to_string(),
                    Json::Null | Json::Array(_) | Json::Object(_) => continue,
                };
                labels.push((Text::from(key), Text::from(text)));
            }
        }
        let tags =
            self.str(Meaning::Tags).and_then(|s| serde_json::from_str::<Vec<String>>(s).ok());
        for tag in tags.into_iter().flatten() {
            labels.push((Text::const_new("tag"), Text::from(tag)));
        }
        labels
    }

    fn reported_cost(&self) -> Result<Option<NanoUsd>, Rejected> {
        let amount = |meaning| match self.get(meaning) {
            Some(seen) => seen.value.amount(seen.key),
            None => Ok(None),
        };
        let mut usd = amount(Meaning::CostTotal)?;
        if usd.is_none() {
            let parts = (amount(Meaning::CostInput)?, amount(Meaning::CostOutput)?);
            usd = if let (Some(i), Some(o)) = parts { Some(i + o) } else { None };
        }
        if usd.is_none() {
            let json = self.str(Meaning::CostJson).and_then(|s| serde_json::from_str(s).ok());
            usd = json.and_then(|j: Json| j.get("total").and_then(Json::as_f64));
        }
        usd.map(|usd| nano_usd(usd).ok_or_else(|| Rejected::new("reported cost is out of range")))
            .transpose()
    }

    /// Attribute before event before completion start; nothing where the answer was not streamed.
    fn ttft(&self, call: &mut Call) -> Result<(), Rejected> {
        if call.what.stream == Some(false) {
            return Ok(());
        }
        let scaled = |meaning, per: f64| match self.get(meaning) {
            Some(seen) => Ok(seen.value.amount(seen.key)?.and_then(|a| micros(a * per))),
            None => Ok(None),
        };
        let mut found = scaled(Meaning::TtftSeconds, 1e6)?;
        if found.is_none() {
            found = scaled(Meaning::TtftMillis, 1e3)?;
        }
        let mut source = TtftSource::Attribute;
        if found.is_none() {
            source = TtftSource::Event;
            found = self.first_token_ns.and_then(|t| t.checked_sub(self.core.start_ns));
            found = found.map(|ns| ns / 1_000);
        }
        if found.is_none() {
            source = TtftSource::CompletionStart;
            found = self.str(Meaning::CompletionStart).and_then(|s| self.since_start(s));
        }
        let Some(us) = found else { return Ok(()) };
        // A first token after the end is a producer's mistake, not a measurement.
        if call.time.latency.is_some_and(|l| us > l.0) {
            return Ok(());
        }
        call.time.ttft = Some(Micros(us));
        call.time.ttft_source = source;
        call.what.stream = Some(true);
        Ok(())
    }

    fn since_start(&self, time: &str) -> Option<u64> {
        let time = chrono::DateTime::parse_from_rfc3339(time.trim_matches('"')).ok()?;
        let ns = u64::try_from(time.timestamp_nanos_opt()?).ok()?;
        Some(ns.checked_sub(self.core.start_ns)? / 1_000)
    }
}

/// Microseconds of a number checked to be finite and not negative; nothing beyond a year.
fn micros(us: f64) -> Option<u64> {
    const YEAR_US: f64 = 365.0 * 86_400.0 * 1e6;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked")]
    (0.0..YEAR_US).contains(&us).then(|| us.round() as u64)
}

/// Nano-dollars of an amount in dollars; nothing where it leaves the range of money.
fn nano_usd(usd: f64) -> Option<NanoUsd> {
    const MAX_USD: f64 = 9e9;
    #[expect(clippy::cast_possible_truncation, reason = "checked")]
    (0.0..MAX_USD).contains(&usd).then(|| NanoUsd((usd * 1e9).round() as i64))
}
