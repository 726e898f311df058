//! Stated totals and parts become buckets that exclude each other.

use super::Rejected;
use super::builder::Builder;
use super::provider::reasoning_may_lie_outside;
use super::table::Meaning;
use super::value::double_tokens;
use crate::call::{InputTokens, OutputTokens, Usage, UsageSource};
use serde_json::Value as Json;

/// Keys of a usage object, newest first; a dot leads into an object inside.
const JSON_INPUT: &[&str] = &["input", "input_tokens", "prompt_tokens", "promptTokens"];
const JSON_OUTPUT: &[&str] = &["output", "output_tokens", "completion_tokens", "completionTokens"];
const JSON_READ: &[&str] = &[
    "cache_read_input_tokens",
    "input_cached_tokens",
    "cacheReadInputTokens",
    "cachedPromptTokens",
    "input_tokens_details.cached_tokens",
    "prompt_tokens_details.cached_tokens",
];
const JSON_WRITE: &[&str] = &[
    "cache_creation_input_tokens",
    "input_cache_creation",
    "cacheCreationInputTokens",
    "input_tokens_details.cache_write_tokens",
    "prompt_tokens_details.cache_write_tokens",
];
const JSON_WRITE_1H: &[&str] = &["cache_creation.ephemeral_1h_input_tokens"];
const JSON_REASONING: &[&str] = &[
    "output_reasoning_tokens",
    "reasoning_tokens",
    "reasoningTokens",
    "output_tokens_details.reasoning_tokens",
    "completion_tokens_details.reasoning_tokens",
];
const JSON_AUDIO_IN: &[&str] = &["prompt_tokens_details.audio_tokens"];
const JSON_AUDIO_OUT: &[&str] = &["completion_tokens_details.audio_tokens"];
const JSON_TOTAL: &[&str] = &["total", "total_tokens", "totalTokens"];

#[derive(Debug, Default)]
struct Stated {
    input: Option<u64>,
    output: Option<u64>,
    total: Option<u64>,
    read: u64,
    write: u64,
    /// Part of `write`.
    write_1h: u64,
    reasoning: u64,
    audio_in: u64,
    image_in: u64,
    audio_out: u64,
    image_out: u64,
}

/// The usage of a span.
pub(super) fn usage(
    b: &Builder<'_>,
    operation: &str,
    provider: Option<&str>,
) -> Result<Usage, Rejected> {
    let stated = stated(b)?;
    if stated.input.is_none() && stated.output.is_none() {
        return Ok(Usage::default());
    }
    let mut flags = 0;
    let input = stated.input.map(|total| input(total, &stated, &mut flags));
    let mut output = stated.output.map(|total| output(total, &stated, provider, &mut flags));
    if output.is_none() && operation == "embeddings" {
        output = Some(OutputTokens::default());
    }
    let usage = Usage { input, output, source: UsageSource::Provider, flags, ..Usage::default() };
    let disagrees = match (stated.total, usage.total()) {
        (Some(total), Some(sum)) => total != sum.0,
        _ => false,
    };
    let flags = if disagrees { flags | Usage::TOTAL_DISAGREES } else { flags };
    Ok(Usage { flags, ..usage })
}

fn stated(b: &Builder<'_>) -> Result<Stated, Rejected> {
    let count = |meaning| match b.get(meaning) {
        Some(seen) => seen.value.tokens(seen.key),
        None => Ok(None),
    };
    let json = b.str(Meaning::UsageJson).and_then(|s| serde_json::from_str::<Json>(s).ok());
    let inner = |keys: &[&str]| within(json.as_ref(), keys);
    let meta = b.str(Meaning::ProviderMetadata).and_then(|s| serde_json::from_str::<Json>(s).ok());
    let extra = |keys: &[&str]| match meta.as_ref().and_then(Json::as_object) {
        Some(providers) => {
            providers.values().find_map(|p| within(Some(p), keys).transpose()).transpose()
        }
        None => Ok(None),
    };
    let part = |meaning, keys: &[&str]| -> Result<u64, Rejected> {
        // A part nobody states is no part of the total, so zero is what is known of it.
        Ok(match count(meaning)? {
            Some(n) => n,
            None => match inner(keys)? {
                Some(n) => n,
                None => extra(keys)?.unwrap_or_default(),
            },
        })
    };
    Ok(Stated {
        input: count(Meaning::Input)?.map_or_else(|| inner(JSON_INPUT), |n| Ok(Some(n)))?,
        output: count(Meaning::Output)?.map_or_else(|| inner(JSON_OUTPUT), |n| Ok(Some(n)))?,
        total: count(Meaning::StatedTotal)?.map_or_else(|| inner(JSON_TOTAL), |n| Ok(Some(n)))?,
        read: part(Meaning::CacheRead, JSON_READ)?,
        write: part(Meaning::CacheWrite, JSON_WRITE)?,
        write_1h: part(Meaning::CacheWrite1h, JSON_WRITE_1H)?,
        reasoning: part(Meaning::Reasoning, JSON_REASONING)?,
        audio_in: part(Meaning::AudioIn, JSON_AUDIO_IN)?,
        image_in: part(Meaning::ImageIn, &[])?,
        audio_out: part(Meaning::AudioOut, JSON_AUDIO_OUT)?,
        image_out: part(Meaning::ImageOut, &[])?,
    })
}

fn within(object: Option<&Json>, keys: &[&str]) -> Result<Option<u64>, Rejected> {
    for key in keys {
        let found = object.and_then(|o| key.split('.').try_fold(o, |o, part| o.get(part)));
        if let Some(number) = found.and_then(Json::as_f64) {
            return double_tokens(number, key);
        }
    }
    Ok(None)
}

/// Totals include cache in every dialect; parts beyond the total prove that this producer adds.
fn input(total: u64, s: &Stated, flags: &mut u8) -> InputTokens {
    // A producer that states the part alone states the whole.
    let write = s.write.max(s.write_1h);
    let cache = s.read.saturating_add(write);
    let mut rest = total;
    if cache > total {
        *flags |= Usage::ADDITIVE_GUARD;
    } else {
        rest = total.saturating_sub(cache);
    }
    let audio = capped(s.audio_in, &mut rest, flags);
    let image = capped(s.image_in, &mut rest, flags);
    InputTokens {
        text: rest,
        audio,
        image,
        cache_read: s.read,
        cache_write_5m: write.saturating_sub(s.write_1h),
        cache_write_1h: s.write_1h,
    }
}

fn output(total: u64, s: &Stated, provider: Option<&str>, flags: &mut u8) -> OutputTokens {
    let outside = reasoning_may_lie_outside(provider)
        && (s.reasoning > total
            || s.total.is_some_and(|all| {
                s.input.is_some_and(|i| i.saturating_add(total).saturating_add(s.reasoning) == all)
            }));
    let mut rest = if outside { total.saturating_add(s.reasoning) } else { total };
    let reasoning = capped(s.reasoning, &mut rest, flags);
    let audio = capped(s.audio_out, &mut rest, flags);
    let image = capped(s.image_out, &mut rest, flags);
    OutputTokens { visible: rest, audio, image, reasoning, rejected: 0 }
}

/// Takes a part from what is left; a part larger than that is capped and flagged.
fn capped(part: u64, rest: &mut u64, flags: &mut u8) -> u64 {
    if part > *rest {
        *flags |= Usage::PART_CAPPED;
    }
    let taken = part.min(*rest);
    *rest -= taken;
    taken
}
