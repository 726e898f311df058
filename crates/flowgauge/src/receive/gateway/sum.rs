//! What the calls made for an application's call add up to.
//!
//! Refuses to guess: a call that may have been billed and has no figures leaves the sum unknown.

use crate::logic::call::{
    CacheOutcome, Call, Cost, CostSource, CostUnknown, InputTokens, OutputTokens, Protocol, Taken,
    Text, Usage, UsageSource,
};
use crate::logic::unit::{NanoUsd, Tokens};

/// What inner calls add up to.
#[derive(Debug, Default)]
pub(super) struct Sum {
    /// Those that did work.
    calls: u32,
    input: InputTokens,
    output: OutputTokens,
    /// What is billed per use, and nothing else.
    uses: Usage,
    flags: u8,
    cost: NanoUsd,
    cost_flags: u8,
    estimated: bool,
    tokens_unknown: bool,
    cost_unknown: bool,
    /// Of the first that generated something.
    model: Option<Text>,
    provider: Option<Text>,
    control: Controlled,
}

/// What the optimisations made of the calls together.
#[derive(Debug, Default)]
struct Controlled {
    cache: CacheOutcome,
    applied: u8,
    /// Tokens of input as the application sent them.
    original: u64,
    taken: Taken,
    changed: bool,
    /// A call of which the tokens are not known may have been changed too.
    unknown: bool,
    avoided: NanoUsd,
}

impl Controlled {
    /// Adds one call that ended.
    fn add(&mut self, call: &Call) {
        let control = &call.control;
        // Together they came from memory only where each did that was looked up.
        self.cache = match (self.cache, control.cache) {
            (CacheOutcome::Disabled, new) | (CacheOutcome::Bypass, new) => new,
            (_, CacheOutcome::Miss) | (CacheOutcome::Miss, _) => CacheOutcome::Miss,
            (old, _) => old,
        };
        self.applied |= control.applied;
        self.taken.pruning = self.taken.pruning.saturating_add(control.taken.pruning);
        self.taken.prompt = self.taken.prompt.saturating_add(control.taken.prompt);
        self.taken.caching = self.taken.caching.saturating_add(control.taken.caching);
        self.changed |= control.original_input_tokens.is_some();
        let tokens = control.original_input_tokens.or_else(|| call.usage.input_total());
        match tokens {
            Some(tokens) => self.original = self.original.saturating_add(tokens.0),
            None => self.unknown = true,
        }
        if let Some(avoided) = call.cost.avoided {
            self.avoided = self.avoided.saturating_add(avoided);
        }
    }

    fn complete(&self, call: &mut Call) {
        if matches!(call.control.cache, CacheOutcome::Disabled | CacheOutcome::Bypass) {
            call.control.cache = self.cache;
        }
        call.control.applied |= self.applied;
        if self.changed && !self.unknown {
            call.control.original_input_tokens = Some(Tokens(self.original));
            call.control.taken = self.taken;
        }
    }
}

impl Sum {
    /// Whether any of the calls did work.
    pub(super) const fn has_figures(&self) -> bool {
        self.calls > 0
    }

    /// Adds one call that ended.
    pub(super) fn add(&mut self, call: &Call) {
        let usage = &call.usage;
        self.control.add(call);
        if !call.may_be_billed() {
            return;
        }
        self.calls = self.calls.saturating_add(1);
        match (usage.input, usage.output) {
            (Some(input), Some(output)) => {
                add_input(&mut self.input, &input);
                add_output(&mut self.output, &output);
            }
            _ => self.tokens_unknown = true,
        }
        add_uses(&mut self.uses, usage);
        self.flags |= usage.flags;
        self.estimated |= usage.source == UsageSource::Estimated;
        match call.cost.nanos {
            Some(nanos) => self.cost = self.cost.saturating_add(nanos),
            None => self.cost_unknown = true,
        }
        self.cost_flags |= call.cost.flags;
        if self.model.is_none() && call.what.protocol != Protocol::Embeddings {
            self.model = call.model().cloned();
            self.provider.clone_from(&call.what.provider);
        }
    }

    /// Completes what the application said about its call; its own usage stays, unless it `spent`
    /// nothing itself.
    pub(super) fn complete(&self, call: &mut Call, spent: bool) {
        if call.what.model_used.is_none() {
            call.what.model_used.clone_from(&self.model);
        }
        if call.what.provider.is_none() {
            call.what.provider.clone_from(&self.provider);
        }
        self.control.complete(call);
        let own = call.usage.source != UsageSource::Absent && spent;
        if own || self.tokens_unknown {
            return;
        }
        let source = if self.estimated { UsageSource::Estimated } else { UsageSource::Provider };
        let flags = self.flags | call.usage.flags & Usage::APP_CACHED;
        let (input, output) = (Some(self.input), Some(self.output));
        call.usage = Usage { input, output, source, flags, ..self.uses };
    }

    /// What they cost together, exactly, as the models are known; nothing where one has no price.
    pub(super) fn charge(&self, cost: &mut Cost) {
        if self.control.avoided > NanoUsd(0) {
            cost.avoided = Some(self.control.avoided);
        }
        if self.cost_unknown {
            return;
        }
        cost.nanos = Some(self.cost);
        cost.source = CostSource::Computed;
        cost.unknown_reason = CostUnknown::None;
        cost.flags = self.cost_flags;
    }
}

fn add_uses(sum: &mut Usage, more: &Usage) {
    for (sum, more) in [
        (&mut sum.web_searches, more.web_searches),
        (&mut sum.web_fetches, more.web_fetches),
        (&mut sum.file_searches, more.file_searches),
        (&mut sum.code_sessions, more.code_sessions),
    ] {
        *sum = sum.saturating_add(more);
    }
}

fn add_input(sum: &mut InputTokens, more: &InputTokens) {
    for (sum, more) in [
        (&mut sum.text, more.text),
        (&mut sum.audio, more.audio),
        (&mut sum.image, more.image),
        (&mut sum.cache_read, more.cache_read),
        (&mut sum.cache_write_5m, more.cache_write_5m),
        (&mut sum.cache_write_1h, more.cache_write_1h),
    ] {
        *sum = sum.saturating_add(more);
    }
}

fn add_output(sum: &mut OutputTokens, more: &OutputTokens) {
    for (sum, more) in [
        (&mut sum.visible, more.visible),
        (&mut sum.audio, more.audio),
        (&mut sum.image, more.image),
        (&mut sum.reasoning, more.reasoning),
        (&mut sum.rejected, more.rejected),
    ] {
        *sum = sum.saturating_add(more);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::logic::call::{Door, Status};
    use crate::logic::id::CallId;
    use crate::logic::unit::{Tokens, UnixMicros};

    fn begun() -> Call {
        let at = UnixMicros(0);
        Call::begun(CallId::new(at, [0; 10]), at, at, Door::Gateway)
    }

    /// An answered call of so many output tokens, for as many nano-dollars.
    fn inner(model: &str, tokens: u64, source: UsageSource) -> Call {
        let mut call = begun();
        call.what.protocol = Protocol::Chat;
        call.what.model_used = Some(Text::from(model));
        call.outcome.http_status = Some(200);
        call.usage = Usage {
            input: Some(InputTokens { text: 1, ..InputTokens::default() }),
            output: Some(OutputTokens { visible: tokens, ..OutputTokens::default() }),
            source,
            ..Usage::default()
        };
        call.cost.nanos = i64::try_from(tokens).ok().map(NanoUsd);
        call
    }

    fn application(inner: &[Call]) -> Call {
        let mut sum = Sum::default();
        inner.iter().for_each(|call| sum.add(call));
        let mut call = begun();
        if sum.has_figures() {
            sum.complete(&mut call, true);
            sum.charge(&mut call.cost);
        }
        call
    }

    #[test]
    fn an_estimate_inside_makes_the_sum_one_and_a_failed_call_adds_nothing() {
        let mut failed = begun();
        (failed.outcome.status, failed.outcome.http_status) = (Status::Error, Some(503));
        let calls = [
            failed.clone(),
            inner("a", 5, UsageSource::Provider),
            inner("b", 7, UsageSource::Estimated),
        ];
        let call = application(&calls);
        assert_eq!((call.usage.total(), call.cost.nanos), (Some(Tokens(14)), Some(NanoUsd(12))));
        assert_eq!(call.usage.source, UsageSource::Estimated);
        assert_eq!(call.what.model_used.as_deref(), Some("a"));
        let nothing = application(&[failed]);
        assert_eq!((nothing.usage.source, nothing.cost.nanos), (UsageSource::Absent, None));
    }

    #[test]
    fn a_call_that_may_have_been_billed_and_has_no_figures_leaves_the_sum_unknown() {
        let mut silent = inner("a", 0, UsageSource::Absent);
        (silent.usage, silent.cost.nanos) = (Usage::default(), None);
        let call = application(&[inner("a", 5, UsageSource::Provider), silent]);
        assert_eq!((call.usage.source, call.cost.nanos), (UsageSource::Absent, None));
    }

    #[test]
    fn what_was_optimised_inside_shows_outside_and_an_unknown_part_leaves_it_unknown() {
        let mut changed = inner("a", 5, UsageSource::Provider);
        changed.control.cache = CacheOutcome::Miss;
        (changed.control.applied, changed.control.original_input_tokens) = (1, Some(Tokens(90)));
        changed.cost.avoided = Some(NanoUsd(7));
        let mut hit = inner("a", 0, UsageSource::Provider);
        hit.control.cache = CacheOutcome::HitExact;
        (hit.control.applied, hit.control.original_input_tokens) = (2, Some(Tokens(10)));
        let call = application(&[hit.clone(), changed.clone()]);
        assert_eq!((call.control.cache, call.control.applied), (CacheOutcome::Miss, 3));
        assert_eq!(call.control.original_input_tokens, Some(Tokens(100)));
        assert_eq!(call.cost.avoided, Some(NanoUsd(7)));
        assert_eq!(application(&[hit.clone()]).control.cache, CacheOutcome::HitExact);
        changed.usage = Usage::default();
        changed.control.original_input_tokens = None;
        assert_eq!(application(&[hit, changed]).control.original_input_tokens, None);
    }
}
