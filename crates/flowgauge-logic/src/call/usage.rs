//! Token usage in buckets that exclude each other, so that the parts always sum to the total.

use super::closed_set;
use crate::unit::Tokens;
use serde::{Deserialize, Serialize};

/// Tokens of one call.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// Input side; unknown where neither provider nor estimate gave it.
    pub input: Option<InputTokens>,
    /// Output side; embeddings have none and say 0.
    pub output: Option<OutputTokens>,
    /// Where the figures came from.
    pub source: UsageSource,
    /// See [`Usage::ADDITIVE_GUARD`] and its siblings.
    pub flags: u8,
    /// Web searches billed per use.
    pub web_searches: u32,
    /// Pages fetched by the provider; billed by their tokens alone.
    #[serde(default)]
    pub web_fetches: u32,
    /// Searches of stored files billed per use.
    #[serde(default)]
    pub file_searches: u32,
    /// Containers in which code ran, billed per session.
    #[serde(default)]
    pub code_sessions: u32,
}

impl Usage {
    /// The cache parts exceeded the stated input, so it was read as excluding them.
    pub const ADDITIVE_GUARD: u8 = 1;
    /// A stated total disagreed with the parts.
    pub const TOTAL_DISAGREES: u8 = 2;
    /// The answer could not be parsed.
    pub const PARSE_FAILED: u8 = 4;
    /// A part was larger than its whole and was capped.
    pub const PART_CAPPED: u8 = 8;
    /// The provider refused `include_usage`.
    pub const INCLUDE_USAGE_REFUSED: u8 = 16;
    /// The answer was abandoned before its usage came.
    pub const NOT_AWAITED: u8 = 32;
    /// The application answered from its own cache: nothing was spent, whatever it states.
    pub const APP_CACHED: u8 = 64;

    /// Σ of the input buckets.
    #[must_use]
    pub fn input_total(&self) -> Option<Tokens> {
        self.input.map(|i| i.total())
    }

    /// Σ of the output buckets.
    #[must_use]
    pub fn output_total(&self) -> Option<Tokens> {
        self.output.map(|o| o.total())
    }

    /// Input and output together; unknown unless both are known.
    #[must_use]
    pub fn total(&self) -> Option<Tokens> {
        Some(self.input_total()? + self.output_total()?)
    }
}

/// Input tokens, each counted in one bucket only.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct InputTokens {
    /// Text that came from no cache.
    pub text: u64,
    /// Audio.
    pub audio: u64,
    /// Images.
    pub image: u64,
    /// Read from the provider's prompt cache.
    pub cache_read: u64,
    /// Written to it for 5 minutes, or by a provider that has one kind only.
    pub cache_write_5m: u64,
    /// Written to it for 1 hour.
    pub cache_write_1h: u64,
}

impl InputTokens {
    /// The sum.
    #[must_use]
    pub fn total(&self) -> Tokens {
        let parts = [
            self.text,
            self.audio,
            self.image,
            self.cache_read,
            self.cache_write_5m,
            self.cache_write_1h,
        ];
        Tokens(parts.iter().fold(0, |sum, p| sum.saturating_add(*p)))
    }
}

/// Output tokens, each counted in one bucket only.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutputTokens {
    /// Text the user sees, and tool calls.
    pub visible: u64,
    /// Audio.
    pub audio: u64,
    /// Images.
    pub image: u64,
    /// Reasoning.
    pub reasoning: u64,
    /// Predicted output that was rejected and billed.
    pub rejected: u64,
}

impl OutputTokens {
    /// The sum.
    #[must_use]
    pub fn total(&self) -> Tokens {
        let parts = [self.visible, self.audio, self.image, self.reasoning, self.rejected];
        Tokens(parts.iter().fold(0, |sum, p| sum.saturating_add(*p)))
    }
}

closed_set!(
    /// Where token counts came from.
    UsageSource {
        /// Nobody gave any.
        #[default]
        Absent = "absent",
        /// The provider, directly or through an instrumentation.
        Provider = "provider",
        /// Counted locally.
        Estimated = "estimated",
    }
);
