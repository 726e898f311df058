//! What is kept per minute and series: counts, sums and histograms that merge by addition.
//!
//! KPIs, alerts, dashboards and reports read these; only drill-down reads raw rows (decision D5).

use crate::call::{CacheOutcome, Call, Counts, ErrorClass, Source, Status, Text, UsageSource};
use crate::known::{Known, Reason};
use crate::quantile::Histogram;
use serde::{Deserialize, Serialize};

pub use self::distinct::Distinct;
pub use self::series::{BadDim, Dim, Filter, SeriesKey};
pub use self::spreads::Spreads;

mod distinct;
mod series;
mod spreads;

/// One minute of one series, or any sum of such.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rollup {
    /// Successful calls.
    pub success: u64,
    /// Failed calls, those of the error rate.
    pub failure: u64,
    /// Neither: cancelled, refused, or a wrong request.
    pub apart: u64,
    /// Calls by [`Status`] code.
    pub by_status: [u64; 6],
    /// Calls by [`ErrorClass`] code.
    pub by_class: [u64; 11],
    /// Calls by [`CacheOutcome`] code.
    pub by_cache: [u64; 5],
    /// Successes and failures that were the client's own retries.
    pub retries: u64,
    /// Streamed calls.
    pub streamed: u64,
    /// Latency of successes, µs.
    pub latency: Dist,
    /// Time to first token of successes, µs.
    pub ttft: Dist,
    /// flowgauge's own share of the latency of successes, µs.
    pub overhead: Dist,
    /// Time per output token after the first, of streamed successes, µs.
    pub tpot: Dist,
    /// Input tokens of calls that have them.
    pub input: Dist,
    /// Output tokens of calls that have them.
    pub output: Dist,
    /// Tokens read from the provider's prompt cache.
    pub cache_read: u64,
    /// Tokens written to it.
    pub cache_write: u64,
    /// Reasoning tokens.
    pub reasoning: u64,
    /// Calls whose tokens were counted locally.
    pub usage_estimated: u64,
    /// Successes without any token count.
    pub usage_absent: u64,
    /// Input tokens before optimisation, of calls that know it.
    pub original_input: u64,
    /// Input tokens sent, of the same calls.
    pub original_sent: u64,
    /// Calls with a cost.
    pub priced: u64,
    /// Calls with usage but without a price.
    pub unpriced: u64,
    /// Σ cost, nano-dollars.
    pub cost_nanos: i64,
    /// Σ cost of successes, nano-dollars.
    pub cost_success_nanos: i64,
    /// Σ cost avoided, nano-dollars.
    pub avoided_nanos: i64,
    /// Users, else sessions, whose calls these are, without the client's own retries.
    #[serde(default, skip_serializing_if = "Distinct::is_empty")]
    pub users: Distinct,
}

/// A distribution: its histogram and its exact sum.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dist {
    /// Counts per bucket.
    pub histogram: Histogram,
    /// Exact sum of the values.
    pub sum: u64,
}

impl Dist {
    /// Adds one value.
    pub fn record(&mut self, value: u64) {
        self.histogram.record(value);
        self.sum = self.sum.saturating_add(value);
    }

    /// Adds another distribution.
    pub fn merge(&mut self, other: &Self) {
        self.histogram.merge(&other.histogram);
        self.sum = self.sum.saturating_add(other.sum);
    }

    /// Takes away another distribution that was added before.
    pub fn unmerge(&mut self, other: &Self) {
        self.histogram.unmerge(&other.histogram);
        self.sum = self.sum.saturating_sub(other.sum);
    }

    /// How many values.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.histogram.count()
    }

    /// The exact mean.
    #[must_use]
    pub fn mean(&self) -> Option<f64> {
        let n = self.count();
        #[expect(clippy::cast_precision_loss, reason = "a statistic; sums stay integers")]
        (n > 0).then(|| self.sum as f64 / n as f64)
    }
}

impl Rollup {
    /// All calls.
    #[must_use]
    pub fn requests(&self) -> u64 {
        self.success + self.failure + self.apart
    }

    /// Input tokens as they came and as they were sent, of all calls with counts: a call that nothing was taken off
    /// came as it was sent. Unknown where no call was changed, and where only changed ones have counts.
    #[must_use]
    pub fn counterfactual(&self) -> Known<(u64, u64)> {
        let sent = self.input.sum;
        if self.original_input == 0 {
            return Known::Unknown(Reason::SwitchedOff);
        }
        if self.usage_absent > 0 && sent == self.original_sent {
            return Known::Unknown(Reason::NotReported);
        }
        let came = sent.saturating_add(self.original_input).saturating_sub(self.original_sent);
        Known::Value((came, sent))
    }

    /// Adds one finished call. Rows that are no model call (`leaf` false) must not come here.
    pub fn record(&mut self, call: &Call) {
        let counts = call.outcome.counts();
        match counts {
            Counts::Success => self.success += 1,
            Counts::Failure => self.failure += 1,
            Counts::Apart => self.apart += 1,
        }
        bump(&mut self.by_status, Status::code(call.outcome.status));
        bump(&mut self.by_class, ErrorClass::code(call.outcome.class));
        bump(&mut self.by_cache, CacheOutcome::code(call.control.cache));
        let retried = call.outcome.client_retry > 0 && counts != Counts::Apart;
        self.retries += u64::from(retried);
        self.streamed += u64::from(call.what.stream == Some(true));
        if call.outcome.client_retry == 0
            && let Some(user) = call.who.user_key.as_ref().or(call.who.session_key.as_ref())
        {
            self.users.add(user);
        }
        if counts == Counts::Success {
            self.record_times(call);
        }
        self.record_tokens(call, counts);
        self.record_money(call, counts);
    }

    fn record_times(&mut self, call: &Call) {
        let Some(latency) = call.time.latency else { return };
        self.latency.record(latency.0);
        if let Some(own) = call.gateway_time() {
            self.overhead.record(own.0);
        }
        let Some(ttft) = call.time.ttft else { return };
        self.ttft.record(ttft.0);
        if let Some(out) = call.usage.output_total().filter(|t| t.0 > 1) {
            self.tpot.record(latency.saturating_sub(ttft).0 / (out.0 - 1));
        }
    }

    fn record_tokens(&mut self, call: &Call, counts: Counts) {
        let usage = &call.usage;
        self.usage_estimated += u64::from(usage.source == UsageSource::Estimated);
        let absent = usage.source == UsageSource::Absent;
        self.usage_absent += u64::from(counts == Counts::Success && absent);
        if let Some(input) = usage.input {
            self.input.record(input.total().0);
            self.cache_read = self.cache_read.saturating_add(input.cache_read);
            let written = input.cache_write_5m.saturating_add(input.cache_write_1h);
            self.cache_write = self.cache_write.saturating_add(written);
            if let Some(original) = call.control.original_input_tokens {
                self.original_input = self.original_input.saturating_add(original.0);
                self.original_sent = self.original_sent.saturating_add(input.total().0);
            }
        }
        if let Some(output) = usage.output {
            self.output.record(output.total().0);
            self.reasoning = self.reasoning.saturating_add(output.reasoning);
        }
    }

    fn record_money(&mut self, call: &Call, counts: Counts) {
        if let Some(saved) = call.cost.avoided {
            self.avoided_nanos = self.avoided_nanos.saturating_add(saved.0);
        }
        match call.cost.nanos {
            Some(cost) => {
                self.priced += 1;
                self.cost_nanos = self.cost_nanos.saturating_add(cost.0);
                if counts == Counts::Success {
                    self.cost_success_nanos = self.cost_success_nanos.saturating_add(cost.0);
                }
            }
            None => self.unpriced += u64::from(call.usage.source != UsageSource::Absent),
        }
    }

    /// Adds another rollup.
    pub fn merge(&mut self, other: &Self) {
        self.combine(other, &MERGE);
        self.users.merge(&other.users);
    }

    /// Adds another rollup's counts and sums, neither its distributions nor its users.
    pub fn merge_sums(&mut self, other: &Self) {
        self.combine(other, &MERGE_SUMS);
    }

    /// Takes away another rollup that was added before: the exact inverse of `merge`, users aside.
    pub fn unmerge(&mut self, other: &Self) {
        self.combine(other, &UNMERGE);
    }

    /// Takes away one call that was recorded before: the exact inverse of `record`, users aside.
    pub fn forget(&mut self, call: &Call) {
        let mut one = Self::default();
        one.record(call);
        self.unmerge(&one);
    }

    /// Whether no call is left in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.requests() == 0
    }

    fn combine(&mut self, other: &Self, how: &Combine) {
        // Destructured without `..`, so that a new field cannot be forgotten here.
        let Self {
            success,
            failure,
            apart,
            by_status,
            by_class,
            by_cache,
            retries,
            streamed,
            latency,
            ttft,
            overhead,
            tpot,
            input,
            output,
            cache_read,
            cache_write,
            reasoning,
            usage_estimated,
            usage_absent,
            original_input,
            original_sent,
            priced,
            unpriced,
            cost_nanos,
            cost_success_nanos,
            avoided_nanos,
            // A union cannot be undone, and who made a call taken out made the one that counts.
            users: _,
        } = other;
        for (mine, theirs) in [
            (&mut self.success, success),
            (&mut self.failure, failure),
            (&mut self.apart, apart),
            (&mut self.retries, retries),
            (&mut self.streamed, streamed),
            (&mut self.cache_read, cache_read),
            (&mut self.cache_write, cache_write),
            (&mut self.reasoning, reasoning),
            (&mut self.usage_estimated, usage_estimated),
            (&mut self.usage_absent, usage_absent),
            (&mut self.original_input, original_input),
            (&mut self.original_sent, original_sent),
            (&mut self.priced, priced),
            (&mut self.unpriced, unpriced),
        ] {
            *mine = (how.count)(*mine, *theirs);
        }
        each(&mut self.by_status, by_status, how.count);
        each(&mut self.by_class, by_class, how.count);
        each(&mut self.by_cache, by_cache, how.count);
        for (mine, theirs) in [
            (&mut self.latency, latency),
            (&mut self.ttft, ttft),
            (&mut self.overhead, overhead),
            (&mut self.tpot, tpot),
            (&mut self.input, input),
            (&mut self.output, output),
        ] {
            (how.dist)(mine, theirs);
        }
        self.cost_nanos = (how.money)(self.cost_nanos, *cost_nanos);
        self.cost_success_nanos = (how.money)(self.cost_success_nanos, *cost_success_nanos);
        self.avoided_nanos = (how.money)(self.avoided_nanos, *avoided_nanos);
    }
}

/// How two rollups become one: every field is combined by the same rule, forwards or backwards.
struct Combine {
    count: fn(u64, u64) -> u64,
    money: fn(i64, i64) -> i64,
    dist: fn(&mut Dist, &Dist),
}

const MERGE: Combine =
    Combine { count: u64::saturating_add, money: i64::saturating_add, dist: Dist::merge };
const MERGE_SUMS: Combine = Combine { dist: |_, _| (), ..MERGE };
const UNMERGE: Combine =
    Combine { count: u64::saturating_sub, money: i64::saturating_sub, dist: Dist::unmerge };

fn bump(counts: &mut [u64], code: u8) {
    if let Some(slot) = counts.get_mut(usize::from(code)) {
        *slot += 1;
    }
}

fn each(mine: &mut [u64], theirs: &[u64], count: fn(u64, u64) -> u64) {
    mine.iter_mut().zip(theirs).for_each(|(m, t)| *m = count(*m, *t));
}

impl Source {
    /// Whether KPIs read this traffic unless asked otherwise: what users did, seen live or
    /// imported as history; never probes, replays and judging, which are made on purpose.
    #[must_use]
    pub const fn is_real(self) -> bool {
        match self {
            Self::Observed | Self::Import => true,
            Self::Probe | Self::Replay | Self::Evaluation | Self::Embedding => false,
        }
    }
}

/// The text of an optional dimension value; what is not known groups under the empty text.
pub(crate) fn or_empty(t: Option<&Text>) -> Text {
    t.cloned().unwrap_or_else(|| Text::const_new(""))
}

#[cfg(test)]
mod tests;
