//! The names of rates: what is charged, for which service tier, above how many tokens.
//!
//! Owns the key of every rate in both directions. Refuses keys it does not know.

/// What a rate is charged for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Unit {
    /// Uncached text input.
    Input,
    /// Audio input.
    InputAudio,
    /// Image input.
    InputImage,
    /// Read from the prompt cache.
    CacheRead,
    /// Written to the prompt cache for 5 minutes.
    CacheWrite5m,
    /// Written to the prompt cache for 1 hour.
    CacheWrite1h,
    /// Output.
    Output,
    /// Image output.
    OutputImage,
    /// Audio output.
    OutputAudio,
    /// Reasoning output.
    Reasoning,
}

/// Key of each unit in the table.
const UNITS: [(&str, Unit); 10] = [
    ("input_cost_per_token", Unit::Input),
    ("input_cost_per_audio_token", Unit::InputAudio),
    ("input_cost_per_image_token", Unit::InputImage),
    ("cache_read_input_token_cost", Unit::CacheRead),
    ("cache_creation_input_token_cost", Unit::CacheWrite5m),
    ("cache_creation_input_token_cost_above_1hr", Unit::CacheWrite1h),
    ("output_cost_per_token", Unit::Output),
    ("output_cost_per_image_token", Unit::OutputImage),
    ("output_cost_per_audio_token", Unit::OutputAudio),
    ("output_cost_per_reasoning_token", Unit::Reasoning),
];

/// Service tier a rate holds for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Service {
    /// The ordinary one.
    Standard,
    /// Deferred batches.
    Batch,
    /// Paid priority.
    Priority,
    /// Cheaper and slower.
    Flex,
}

/// Key suffix of each service tier.
const SERVICES: [(&str, Service); 3] =
    [("_batches", Service::Batch), ("_priority", Service::Priority), ("_flex", Service::Flex)];

impl Unit {
    /// Key of the base rate.
    #[must_use]
    pub fn key(self) -> &'static str {
        UNITS.iter().find(|(_, unit)| *unit == self).map_or("", |(key, _)| key)
    }
}

impl Unit {
    /// Keys of all base rates.
    pub(super) fn keys() -> impl Iterator<Item = &'static str> {
        UNITS.iter().map(|(key, _)| *key)
    }
}

impl Service {
    /// Suffix of its keys.
    #[must_use]
    pub fn suffix(self) -> &'static str {
        SERVICES.iter().find(|(_, service)| *service == self).map_or("", |(suffix, _)| suffix)
    }

    /// The tier an answer names.
    #[must_use]
    pub fn named(tier: Option<&str>) -> Self {
        match tier {
            Some("batch") => Self::Batch,
            Some("priority") => Self::Priority,
            Some("flex") => Self::Flex,
            _ => Self::Standard,
        }
    }
}

/// Takes a key apart: unit, `_above_<N>k_tokens`, service suffix.
pub(super) fn rate_key(key: &str) -> Option<(Unit, Service, u64)> {
    let suffix = SERVICES.iter().find_map(|(s, service)| Some((key.strip_suffix(s)?, *service)));
    let (key, service) = suffix.unwrap_or((key, Service::Standard));
    let unit = |name: &str| UNITS.iter().find(|(key, _)| *key == name).map(|(_, unit)| *unit);
    if let Some(unit) = unit(key) {
        return Some((unit, service, 0));
    }
    let (name, tier) = key.strip_suffix("k_tokens")?.rsplit_once("_above_")?;
    let thousands: u64 = tier.parse().ok()?;
    Some((unit(name)?, service, thousands.checked_mul(1000)?))
}

/// The key of a rate.
pub(super) fn key_of(unit: Unit, service: Service, above: u64) -> String {
    let (key, suffix) = (unit.key(), service.suffix());
    match above {
        0 => format!("{key}{suffix}"),
        above => format!("{key}_above_{}k_tokens{suffix}", above / 1000),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_says_what_is_charged_and_is_written_back_the_same() {
        for (key, parts) in [
            ("input_cost_per_token", (Unit::Input, Service::Standard, 0)),
            ("output_cost_per_token_flex", (Unit::Output, Service::Flex, 0)),
            (
                "cache_read_input_token_cost_above_272k_tokens",
                (Unit::CacheRead, Service::Standard, 272_000),
            ),
            (
                "cache_creation_input_token_cost_above_1hr_above_200k_tokens",
                (Unit::CacheWrite1h, Service::Standard, 200_000),
            ),
            (
                "input_cost_per_token_above_200k_tokens_priority",
                (Unit::Input, Service::Priority, 200_000),
            ),
        ] {
            assert_eq!(rate_key(key), Some(parts), "{key}");
            assert_eq!(key_of(parts.0, parts.1, parts.2), key);
        }
        for unknown in ["input_cost_per_pixel", "input_cost_per_token_above_k_tokens", "_flex", ""]
        {
            assert_eq!(rate_key(unknown), None, "{unknown}");
        }
    }
}
