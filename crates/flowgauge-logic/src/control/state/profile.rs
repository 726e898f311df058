//! Named sets of limits, applied as one change.
//!
//! Owns the values, which are the application's own budget strategies (catalogue E.2): they differ in how much context
//! and answer they leave of 2,000 and 500 tokens. Refuses to switch anything on: a profile only sets limits, and only
//! the conservative one switches off.

use super::{Semantic, Settings};
use crate::control::rollout::Mode;
use serde::{Deserialize, Serialize};

/// A set of limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Profile {
    /// Fewest tokens: "aggressive", −40 % and −35 %.
    TokenFocus,
    /// Short answers, which take most of the time, and context as usual: "balanced", −25 % and −35 %.
    LatencyFocus,
    /// Safest: −15 % and −10 %, more passages, stricter likeness, the model that was asked for.
    Conservative,
}

impl Profile {
    /// All.
    pub const ALL: [Self; 3] = [Self::TokenFocus, Self::LatencyFocus, Self::Conservative];

    /// The word in commands.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::TokenFocus => "token-focus",
            Self::LatencyFocus => "latency-focus",
            Self::Conservative => "conservative",
        }
    }

    /// The profile of a word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|p| p.word() == word)
    }

    /// Sets its limits.
    pub fn apply(self, settings: &mut Settings) {
        let (context, answer, passages) = match self {
            Self::TokenFocus => (1_200, 325, 2),
            Self::LatencyFocus => (1_500, 325, 3),
            Self::Conservative => (1_700, 450, 5),
        };
        settings.prune.context_tokens = context;
        settings.prune.top_k = passages;
        settings.prompt.max_answer_tokens = Some(answer);
        if self == Self::Conservative {
            settings.cache.likeness.serve = settings.cache.likeness.serve.max(0.98);
            if settings.cache.semantic == Semantic::On {
                settings.cache.semantic = Semantic::Shadow;
            }
            settings.rollouts.model_selection.mode = Mode::Off;
            settings.rollouts.model_selection.exceptions.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::check;
    use super::*;

    #[test]
    fn every_profile_is_without_problems_and_only_one_switches_off() {
        for profile in Profile::ALL {
            let mut settings = Settings::default();
            settings.rollouts.model_selection.mode = Mode::On;
            settings.cache.semantic = Semantic::On;
            settings.rollouts.response_caching.mode = Mode::On;
            profile.apply(&mut settings);
            assert!(check(&settings, &Everything).is_empty(), "{profile:?}");
            let safe = profile == Profile::Conservative;
            assert_eq!(settings.rollouts.model_selection.mode == Mode::Off, safe);
            assert_eq!(settings.cache.semantic == Semantic::Shadow, safe);
            assert_eq!(Profile::from_word(profile.word()), Some(profile));
        }
    }

    struct Everything;

    impl super::super::Market for Everything {
        fn has_price(&self, _: &str) -> bool {
            true
        }
    }
}
