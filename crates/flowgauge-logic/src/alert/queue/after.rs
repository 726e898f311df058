//! What follows from an attempt: delivered, again later, or given up and told elsewhere.

use crate::alert::notice::Notice;
use crate::call::Text;
use crate::unit::{Micros, UnixMicros};

/// The first pause is at most this long (alerting 14.3).
const FIRST_PAUSE: Micros = Micros::from_millis(1_000);
/// No pause is longer, but where the receiver asks for it.
const LONGEST_PAUSE: Micros = Micros::from_millis(5 * 60_000);
/// Annotation of a message that was meant for another channel.
const INSTEAD: &str = "instead_of";

/// What came of an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ended {
    /// The receiver has it, or those of several who can be reached have.
    Delivered,
    /// Not now.
    Later {
        /// Not before so long, where the receiver said so.
        after: Option<Micros>,
    },
    /// It was sent and no answer came.
    Ambiguous {
        /// The receiver recognises a repeat by its key.
        has_key: bool,
    },
    /// Never, as things are.
    Refused,
    /// The receiver wants nothing more, ever.
    Gone,
}

/// An attempt that ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tried {
    /// What came of it.
    pub ended: Ended,
    /// Attempts so far, this one included.
    pub attempts: u32,
    /// An attempt before it ended without an answer.
    pub unsure: bool,
    /// When the notice is given up.
    pub expires: UnixMicros,
}

/// What follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum After {
    /// The receiver has it.
    Delivered,
    /// Tried again, not before then.
    Again {
        /// When.
        at: UnixMicros,
        /// Nothing else goes to the channel before then either: its receiver said so.
        pause: bool,
        /// This attempt may have been delivered.
        unsure: bool,
    },
    /// To the dead letters, and told through the fallback channels.
    Dead {
        /// The channel itself refuses: nothing more is sent to it until it is changed or tried by hand.
        breaker: bool,
        /// In a few words.
        why: &'static str,
    },
}

/// What follows from an attempt. `random` is any number.
#[must_use]
pub fn after(tried: &Tried, now: UnixMicros, random: u64) -> After {
    let again = |asked: Option<Micros>, unsure: bool| {
        let pause = jittered(tried.attempts, random).max(asked.unwrap_or_default());
        let at = now.after(pause);
        if at >= tried.expires {
            return After::Dead { breaker: false, why: "not delivered in time" };
        }
        After::Again { at, pause: asked.is_some(), unsure }
    };
    match &tried.ended {
        Ended::Delivered => After::Delivered,
        Ended::Later { after } => again(*after, tried.unsure),
        Ended::Ambiguous { has_key: false } if tried.unsure => {
            After::Dead { breaker: false, why: "no answer twice; it may have been delivered" }
        }
        Ended::Ambiguous { .. } => again(None, true),
        Ended::Refused => After::Dead { breaker: true, why: "refused for good" },
        Ended::Gone => After::Dead { breaker: true, why: "the receiver wants nothing more" },
    }
}

/// Full jitter: anything up to the doubled pause, so that what failed together does not come back
/// together (Marc Brooker, "Exponential Backoff And Jitter", 2015).
fn jittered(attempts: u32, random: u64) -> Micros {
    let doublings = attempts.saturating_sub(1).min(u64::BITS - 1);
    let most = FIRST_PAUSE.0.saturating_mul(1 << doublings).min(LONGEST_PAUSE.0);
    Micros(random % most.saturating_add(1))
}

/// The same message for other channels. Episode and sequence stay, so that a channel which has it
/// already, or had it before in a circle of fallbacks, does not get it twice.
#[must_use]
pub fn fallback(notice: &Notice, to: &[Text], now: UnixMicros) -> Vec<Notice> {
    let others = to.iter().filter(|channel| **channel != notice.channel);
    let other = |channel: &Text| {
        let mut copy = notice.clone();
        copy.channel = channel.clone();
        copy.due = now;
        let instead = notice.channel.to_string();
        copy.message.annotations.entry(Text::const_new(INSTEAD)).or_insert(instead);
        copy
    };
    others.map(other).collect()
}
