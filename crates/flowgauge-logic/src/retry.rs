//! Whether a failed upstream request is made again, and after which pause.
//!
//! Owns which failures may pass, the pause before the next request, what an answer says about being
//! asked again, and how many calls may be in their retry at once. Refuses clocks, timers and
//! randomness: all of them are handed in.

use crate::call::ErrorClass;
use crate::unit::{Micros, UnixMicros};

#[cfg(test)]
mod tests;

/// Of the calls that are at their first request, the share that may be at a later one at the same time
/// (Envoy's budget): one in five keeps an upstream that fails half of its requests at 1.2 times the load.
const SHARE: u64 = 5;
/// Retries that are always allowed, so that a quiet route has any at all (Envoy's minimum).
const ALWAYS: u64 = 3;
/// Retries never exceeded: an upstream that fails a thousand calls at once does not need more of them.
const NEVER_ABOVE: u64 = 1_024;

/// How often and how fast one target is asked again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// Requests in all, the first included; 1 is no retry.
    pub attempts: u16,
    /// Pause before the second request; it doubles before each further one.
    pub backoff: Micros,
    /// Longest pause, also where the answer asks for one. A longer wish is not waited for.
    pub max_backoff: Micros,
}

impl Default for Policy {
    /// No retry. 200 ms and 5 s where there is one: long enough for a restart behind a load balancer to
    /// be over, short enough for a person to wait.
    fn default() -> Self {
        let (backoff, max_backoff) = (Micros::from_millis(200), Micros::from_millis(5_000));
        Self { attempts: 1, backoff, max_backoff }
    }
}

/// How a request to an upstream failed before anything of its answer went on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// It answered with this status.
    Status(u16),
    /// No connection, or it broke before the answer began.
    Unreachable,
    /// No answer began in time.
    Silent,
}

impl Failure {
    /// Whether the same target may answer the same request a moment later.
    #[must_use]
    pub const fn may_pass(self) -> bool {
        match self {
            Self::Status(status) => matches!(status, 408 | 409 | 429 | 500..=599),
            Self::Unreachable | Self::Silent => true,
        }
    }

    /// Whether another target may answer. A conflict is about the request, wherever it is sent.
    #[must_use]
    pub const fn is_of_the_target(self) -> bool {
        self.may_pass() && !matches!(self, Self::Status(409))
    }

    /// Its class.
    #[must_use]
    pub const fn class(self) -> ErrorClass {
        match self {
            Self::Status(status) => ErrorClass::of_status(status),
            Self::Unreachable => ErrorClass::Unreachable,
            Self::Silent => ErrorClass::Timeout,
        }
    }

    /// Status of the answer, where there was one.
    #[must_use]
    pub const fn status(self) -> Option<u16> {
        match self {
            Self::Status(status) => Some(status),
            Self::Unreachable | Self::Silent => None,
        }
    }
}

/// What an answer says about being asked again.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Wish {
    /// Nothing.
    #[default]
    None,
    /// Not before so long.
    After(Micros),
    /// Not at all (`x-should-retry: false`).
    Never,
}

impl Wish {
    /// From `x-should-retry`, `retry-after-ms` and `retry-after`. The finer of two times wins; what
    /// cannot be read says nothing.
    #[must_use]
    pub fn read(
        should_retry: Option<&str>,
        after_ms: Option<&str>,
        after: Option<&str>,
        now: UnixMicros,
    ) -> Self {
        if should_retry.is_some_and(|word| word.trim().eq_ignore_ascii_case("false")) {
            return Self::Never;
        }
        let ms = after_ms.and_then(|text| rounded_up(text)?.checked_mul(1_000));
        let seconds = || after.and_then(|text| rounded_up(text)?.checked_mul(1_000_000));
        let date = || {
            let at = chrono::DateTime::parse_from_rfc2822(after?.trim()).ok()?;
            Some(UnixMicros(at.timestamp_micros()).since(now).0)
        };
        ms.or_else(seconds).or_else(date).map_or(Self::None, |us| Self::After(Micros(us)))
    }
}

/// A decimal number, rounded up to a whole one.
fn rounded_up(text: &str) -> Option<u64> {
    let (whole, part) = text.trim().split_once('.').unwrap_or((text.trim(), ""));
    if !part.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let more = u64::from(part.bytes().any(|b| b != b'0'));
    whole.parse::<u64>().ok()?.checked_add(more)
}

impl Policy {
    /// The pause before the next request to the same target; nothing where there shall be none.
    ///
    /// `made` requests were made, `left` is what is left of the call's time, `chance` is random. A pause
    /// that leaves no time for the request is not begun.
    #[must_use]
    pub fn pause(
        &self,
        made: u16,
        failure: Failure,
        wish: Wish,
        left: Micros,
        chance: u32,
    ) -> Option<Micros> {
        if made >= self.attempts || !failure.may_pass() {
            return None;
        }
        let own = self.jittered(made, chance);
        let pause = match wish {
            Wish::Never => return None,
            Wish::After(asked) if asked > self.max_backoff => return None,
            Wish::After(asked) => asked.max(own),
            Wish::None => own,
        };
        (pause < left).then_some(pause)
    }

    /// Between half and all of the doubled pause, so that calls which failed together do not come back
    /// together, and none comes back at once.
    fn jittered(&self, made: u16, chance: u32) -> Micros {
        let doublings = u32::from(made.saturating_sub(1)).min(u64::BITS - 1);
        let doubled = self.backoff.0.saturating_mul(1 << doublings).min(self.max_backoff.0);
        let half = doubled / 2;
        let part = u128::from(doubled - half) * u128::from(chance) / u128::from(u32::MAX);
        Micros(half.saturating_add(u64::try_from(part).unwrap_or(half)))
    }
}

/// How many calls may be in a retry while `firsts` calls are at their first request.
#[must_use]
pub fn retries_allowed(firsts: u64) -> u64 {
    (firsts / SHARE).clamp(ALWAYS, NEVER_ABOVE)
}
