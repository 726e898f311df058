//! From a provider's usage object to buckets that exclude each other.
//!
//! Owns what each family's totals include (telemetry of OpenAI is inclusive, of Anthropic additive)
//! and what happens when the numbers contradict each other: a flag, never an invented number.

use super::json::Count;
use crate::call::{InputTokens, OutputTokens, Usage, UsageSource};

/// Statements of a family whose totals include their parts.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Inclusive {
    pub input: Count,
    pub cache_read: Count,
    pub cache_write: Count,
    pub input_audio: Count,
    pub input_image: Count,
    pub output: Count,
    pub reasoning: Count,
    pub output_audio: Count,
    pub rejected: Count,
    pub total: Count,
}

/// Statements of a family whose input excludes cache reads and writes.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Additive {
    pub input: Count,
    pub cache_read: Count,
    pub cache_write: Count,
    pub cache_write_5m: Count,
    pub cache_write_1h: Count,
    pub output: Count,
    pub reasoning: Count,
    pub web_searches: Count,
    pub web_fetches: Count,
}

/// Takes `part` from `room`, or what is left of it.
fn take(part: u64, room: &mut u64, flags: &mut u8) -> u64 {
    if part > *room {
        *flags |= Usage::PART_CAPPED;
    }
    let taken = part.min(*room);
    *room -= taken;
    taken
}

fn refused() -> Usage {
    Usage { flags: Usage::PARSE_FAILED, ..Usage::default() }
}

impl Inclusive {
    fn any_rejected(&self) -> bool {
        [
            self.input,
            self.cache_read,
            self.cache_write,
            self.input_audio,
            self.input_image,
            self.output,
            self.reasoning,
            self.output_audio,
            self.rejected,
            self.total,
        ]
        .contains(&Count::Rejected)
    }

    /// The buckets. Embeddings have no output and say so with 0.
    pub(super) fn usage(&self, embeddings: bool) -> Usage {
        if self.any_rejected() {
            return refused();
        }
        let mut flags = 0;
        let input = self.input.get().map(|total| self.input_buckets(total, &mut flags));
        let output = match self.output.get() {
            Some(total) => Some(self.output_buckets(total, &mut flags)),
            None => embeddings.then(OutputTokens::default),
        };
        if input.is_none() && self.output.get().is_none() {
            return Usage::default();
        }
        let usage =
            Usage { input, output, source: UsageSource::Provider, flags, ..Usage::default() };
        check_total(usage, self.total)
    }

    fn input_buckets(&self, total: u64, flags: &mut u8) -> InputTokens {
        let (read, write) = (self.cache_read.part(), self.cache_write.part());
        let mut room = total;
        if read.saturating_add(write) > total {
            // The stated input cannot include them: read as a total beside the cache parts.
            *flags |= Usage::ADDITIVE_GUARD;
        } else {
            room -= read + write;
        }
        let audio = take(self.input_audio.part(), &mut room, flags);
        let image = take(self.input_image.part(), &mut room, flags);
        InputTokens {
            text: room,
            audio,
            image,
            cache_read: read,
            cache_write_5m: write,
            cache_write_1h: 0,
        }
    }

    fn output_buckets(&self, total: u64, flags: &mut u8) -> OutputTokens {
        let mut room = total;
        let reasoning = take(self.reasoning.part(), &mut room, flags);
        let rejected = take(self.rejected.part(), &mut room, flags);
        let audio = take(self.output_audio.part(), &mut room, flags);
        OutputTokens { visible: room, audio, image: 0, reasoning, rejected }
    }
}

impl Additive {
    /// A later statement replaces an earlier one, field by field; a zero is a statement.
    pub(super) fn replaced_by(self, later: Self) -> Self {
        Self {
            input: later.input.or_before(self.input),
            cache_read: later.cache_read.or_before(self.cache_read),
            cache_write: later.cache_write.or_before(self.cache_write),
            cache_write_5m: later.cache_write_5m.or_before(self.cache_write_5m),
            cache_write_1h: later.cache_write_1h.or_before(self.cache_write_1h),
            output: later.output.or_before(self.output),
            reasoning: later.reasoning.or_before(self.reasoning),
            web_searches: later.web_searches.or_before(self.web_searches),
            web_fetches: later.web_fetches.or_before(self.web_fetches),
        }
    }

    fn any_rejected(&self) -> bool {
        [
            self.input,
            self.cache_read,
            self.cache_write,
            self.cache_write_5m,
            self.cache_write_1h,
            self.output,
            self.reasoning,
            self.web_searches,
        ]
        .contains(&Count::Rejected)
    }

    /// The buckets.
    pub(super) fn usage(&self) -> Usage {
        if self.any_rejected() {
            return refused();
        }
        let mut flags = 0;
        let input = self.input.get().map(|text| {
            let (cache_write_5m, cache_write_1h) = self.writes(&mut flags);
            let cache_read = self.cache_read.part();
            InputTokens { text, cache_read, cache_write_5m, cache_write_1h, ..Default::default() }
        });
        let output = self.output.get().map(|total| {
            let mut room = total;
            // Thinking is counted again by the provider and may differ slightly: cap it.
            let reasoning = take(self.reasoning.part(), &mut room, &mut flags);
            OutputTokens { visible: room, reasoning, ..Default::default() }
        });
        let uses = |count: Count| u32::try_from(count.part()).unwrap_or(u32::MAX);
        let used = Usage {
            web_searches: uses(self.web_searches),
            web_fetches: uses(self.web_fetches),
            ..Usage::default()
        };
        if input.is_none() && output.is_none() {
            return used;
        }
        Usage { input, output, source: UsageSource::Provider, flags, ..used }
    }

    /// Cache writes by lifetime. Without the split they are of the ordinary kind.
    fn writes(&self, flags: &mut u8) -> (u64, u64) {
        let Some(total) = self.cache_write.get() else {
            return (self.cache_write_5m.part(), self.cache_write_1h.part());
        };
        let mut room = total;
        let hour = take(self.cache_write_1h.part(), &mut room, flags);
        let Some(stated) = self.cache_write_5m.get() else { return (room, hour) };
        if stated > room {
            *flags |= Usage::PART_CAPPED;
        }
        if stated < room {
            *flags |= Usage::TOTAL_DISAGREES;
        }
        (room, hour)
    }
}

/// Flags a stated total that the parts do not add up to.
fn check_total(mut usage: Usage, stated: Count) -> Usage {
    if let (Count::Value(stated), Some(total)) = (stated, usage.total())
        && total.0 != stated
    {
        usage.flags |= Usage::TOTAL_DISAGREES;
    }
    usage
}
