//! The state machine of one instance: one verdict in, one move out (alerting 8.1).
//!
//! Owns the table, the clocks of `for` and `keep`, and when an instance complains about its own
//! blindness. Refuses to know rules, episodes and messages: who is told what is planned elsewhere.
//!
//! A tick stands for the time since the tick before it, so a tick that is not known pauses the
//! clocks for that long, and so does a gap in which nothing was evaluated.

use super::condition::Tolerance;
use super::episode::{EndReason, EpisodeId};
use super::instance::{Instance, State};
use super::law::Law;
use super::rule::Policy;
use super::sample::{Evidence, Sample, Verdict, Why};
use crate::unit::{Micros, UnixMicros};

#[cfg(test)]
mod tests;

/// A gap of up to so many ticks is a restart and counts; a longer one is our own absence (D20).
const CREDITED_TICKS: u64 = 3;
/// So many failures in a row are no chance (alerting 8.1).
const FAILURES_IN_A_ROW: u32 = 3;

/// What one step came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stepped {
    /// How the state moved.
    pub moved: Moved,
    /// A complaint about the rule itself that begins now.
    pub raise: Option<Raise>,
    /// A complaint raised before that is over now.
    pub settled: Option<Raise>,
}

/// How a state moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moved {
    /// It did not, though its clock may have.
    Stayed,
    /// To a state that nobody is told of. From recovering to firing the episode goes on.
    Changed {
        /// From where.
        from: State,
    },
    /// It fires: an episode is to be opened and its id put into the instance.
    Fired {
        /// From where.
        from: State,
        /// The first true tick.
        first_true: UnixMicros,
    },
    /// It is over.
    Resolved {
        /// Why.
        reason: EndReason,
        /// The episode that ends, no longer in the instance.
        episode: Option<EpisodeId>,
    },
}

/// A complaint about a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Raise {
    /// `flowgauge_no_data`: it fires, and there has been no data for `max_hold`.
    NoData,
    /// `flowgauge_rule_error`: it failed three times in a row.
    RuleError,
    /// `flowgauge_cardinality`: it has more label sets than are told apart.
    Cardinality,
}

impl Raise {
    /// All there are.
    pub const ALL: [Self; 3] = [Self::NoData, Self::RuleError, Self::Cardinality];

    /// Whether a rule of this name is such a complaint, and not a rule of the user's.
    #[must_use]
    pub fn is_name(rule: &str) -> bool {
        Self::ALL.iter().any(|raise| raise.alert() == rule)
    }

    /// Name of the alert.
    #[must_use]
    pub const fn alert(self) -> &'static str {
        match self {
            Self::NoData => "flowgauge_no_data",
            Self::RuleError => "flowgauge_rule_error",
            Self::Cardinality => "flowgauge_cardinality",
        }
    }
}

/// A verdict after the rule's policies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Input {
    True,
    False,
    Clear,
    /// Nothing known, and the rule says that this is good.
    TakenAsClear,
    Hold,
}

/// Takes in one tick. Ticks come in order; one that was taken in already changes nothing.
pub fn step(law: &Law, instance: &mut Instance, sample: &Sample, at: UnixMicros) -> Stepped {
    let again = at == instance.evaluated && instance.state != State::Unknown;
    if again || at < instance.evaluated {
        return Stepped { moved: Moved::Stayed, raise: None, settled: None };
    }
    let gap = at.since(instance.evaluated);
    let away = gap.0 > law.tick.0.saturating_mul(CREDITED_TICKS);
    if away {
        instance.held_since = None;
    }
    let (raise, settled) = complain(law, instance, &sample.verdict, at);
    let credit = if away { Micros(0) } else { gap };
    let moved = advance(law, instance, sample, at, credit);
    if !instance.state.is_open() {
        instance.held_since = None;
    }
    instance.evaluated = at;
    keep_figures(law, instance, &sample.evidence);
    Stepped { moved, raise, settled }
}

/// Ends an instance from outside: its rule was changed or removed. Gives the episode that ends.
pub fn end(instance: &mut Instance, at: UnixMicros) -> Option<EpisodeId> {
    enter(instance, State::Inactive, at);
    instance.held_since = None;
    instance.episode.take()
}

/// The flags of an unknown or failed evaluation, and what is to be said about them.
fn complain(
    law: &Law,
    instance: &mut Instance,
    verdict: &Verdict,
    at: UnixMicros,
) -> (Option<Raise>, Option<Raise>) {
    let failures = instance.failed.as_ref().map_or(0, |(_, count)| *count);
    let raised = if failures >= FAILURES_IN_A_ROW { Raise::RuleError } else { Raise::NoData };
    let raised = instance.raised.then_some(raised);
    match verdict {
        Verdict::True | Verdict::False | Verdict::Clear => {
            instance.unknown = None;
            instance.failed = None;
            instance.held_since = None;
            instance.raised = false;
            (None, raised)
        }
        Verdict::Failed(text) => {
            instance.unknown = None;
            let count = failures.saturating_add(1);
            instance.failed = Some((text.clone(), count));
            if count != FAILURES_IN_A_ROW {
                return (None, None);
            }
            instance.raised = true;
            (Some(Raise::RuleError), raised)
        }
        Verdict::Unknown(why) => {
            instance.unknown = Some(*why);
            instance.failed = None;
            let settled = raised.filter(|raised| *raised == Raise::RuleError);
            instance.raised &= settled.is_none();
            (held_too_long(law, instance, *why, at), settled)
        }
    }
}

/// Whether an open instance without data has been held for so long that it must say so, once.
fn held_too_long(law: &Law, instance: &mut Instance, why: Why, at: UnixMicros) -> Option<Raise> {
    if why == Why::OwnGap {
        instance.held_since = None;
    }
    let governed = matches!(why, Why::NoData | Why::Thin) && law.on_no_data == Policy::Hold;
    if !governed || !instance.state.is_open() {
        return None;
    }
    let since = *instance.held_since.get_or_insert(at);
    if instance.raised || at.since(since) < law.max_hold {
        return None;
    }
    instance.raised = true;
    Some(Raise::NoData)
}

fn input(law: &Law, verdict: &Verdict) -> Input {
    let policy = match verdict {
        Verdict::True => return Input::True,
        Verdict::False => return Input::False,
        Verdict::Clear => return Input::Clear,
        Verdict::Unknown(Why::NoData | Why::Thin) => law.on_no_data,
        Verdict::Unknown(Why::OwnGap | Why::Disabled | Why::WarmingUp | Why::NotConfigured) => {
            Policy::Hold
        }
        Verdict::Failed(_) => law.on_error,
    };
    match policy {
        Policy::Hold => Input::Hold,
        Policy::Ok => Input::TakenAsClear,
        Policy::Fire => Input::True,
    }
}

/// The table.
fn advance(
    law: &Law,
    instance: &mut Instance,
    sample: &Sample,
    at: UnixMicros,
    credit: Micros,
) -> Moved {
    let input = input(law, &sample.verdict);
    match (instance.state, input) {
        (State::Unknown | State::Inactive, Input::True) => begin(law, instance, at),
        (State::Unknown, Input::False | Input::Clear) => change(instance, State::Inactive, at),
        (State::Pending { elapsed }, Input::True) => ripen(law, instance, at, elapsed, credit),
        (State::Pending { elapsed }, Input::False | Input::Clear) => {
            falter(law, instance, at, elapsed, credit)
        }
        (State::Pending { .. }, Input::TakenAsClear) => change(instance, State::Inactive, at),
        (State::Firing, _) if law.latch.is_some() => latched(law, instance, sample, at),
        (State::Firing, Input::Clear | Input::TakenAsClear) => {
            recover(law, instance, at, Micros(0), input)
        }
        (State::Recovering { .. }, Input::True) => change(instance, State::Firing, at),
        (State::Recovering { elapsed }, Input::False) => {
            instance.state = State::Recovering { elapsed: add(elapsed, credit) };
            Moved::Stayed
        }
        (State::Recovering { elapsed }, Input::Clear | Input::TakenAsClear) => {
            recover(law, instance, at, add(elapsed, credit), input)
        }
        (State::Unknown, Input::TakenAsClear | Input::Hold)
        | (State::Inactive, _)
        | (State::Pending { .. } | State::Recovering { .. }, Input::Hold)
        | (State::Firing, Input::True | Input::False | Input::Hold) => Moved::Stayed,
    }
}

/// The first true tick.
fn begin(law: &Law, instance: &mut Instance, at: UnixMicros) -> Moved {
    let from = instance.state;
    // Ticks before the first true one are no false ones of this arc. Where only `(k of n)` is asked
    // for, they are no true ones either.
    instance.recent = if law.hold.length.0 > 0 { u64::MAX } else { 1 };
    if law.hold.length.0 == 0 && enough_true(law, instance) {
        enter(instance, State::Firing, at);
        return Moved::Fired { from, first_true: at };
    }
    change(instance, State::Pending { elapsed: Micros(0) }, at)
}

/// A true tick of a pending instance.
fn ripen(
    law: &Law,
    instance: &mut Instance,
    at: UnixMicros,
    elapsed: Micros,
    credit: Micros,
) -> Moved {
    let (from, first_true) = (instance.state, instance.since);
    let elapsed = add(elapsed, credit);
    instance.recent = (instance.recent << 1) | 1;
    if elapsed >= law.hold.length && enough_true(law, instance) {
        enter(instance, State::Firing, at);
        return Moved::Fired { from, first_true };
    }
    instance.state = State::Pending { elapsed };
    Moved::Stayed
}

/// A false tick of a pending instance: over, but for a rule that tolerates some.
fn falter(
    law: &Law,
    instance: &mut Instance,
    at: UnixMicros,
    elapsed: Micros,
    credit: Micros,
) -> Moved {
    instance.recent <<= 1;
    let tolerated = law.hold.tolerance.is_some_and(|tolerance| {
        let least = if law.hold.length.0 > 0 { least(tolerance) } else { 1 };
        true_ticks(tolerance, instance.recent) >= least
    });
    if !tolerated {
        instance.recent = 0;
        return change(instance, State::Inactive, at);
    }
    instance.state = State::Pending { elapsed: add(elapsed, credit) };
    Moved::Stayed
}

/// A clear tick of an open instance.
fn recover(
    law: &Law,
    instance: &mut Instance,
    at: UnixMicros,
    elapsed: Micros,
    input: Input,
) -> Moved {
    if elapsed >= law.keep {
        let reason = match input {
            Input::TakenAsClear => EndReason::NoDataOk,
            _ => EndReason::Recovered,
        };
        return resolve(instance, at, reason);
    }
    if instance.state == State::Firing {
        return change(instance, State::Recovering { elapsed }, at);
    }
    instance.state = State::Recovering { elapsed };
    Moved::Stayed
}

/// A budget rule that fires: only the end of the period or a larger budget ends it. A price
/// correction that lowers the cost does not. The calendar needs no data: a month that begins without
/// calls ends the one before all the same.
fn latched(law: &Law, instance: &mut Instance, sample: &Sample, at: UnixMicros) -> Moved {
    let holds_no_more = matches!(sample.verdict, Verdict::False | Verdict::Clear);
    let over = law.latch.is_some_and(|latch| latch.is_over(instance.since, at));
    let budgets = instance.evidence.reference.zip(sample.evidence.reference);
    let raised = budgets.is_some_and(|(before, now)| now > before);
    if over || (raised && holds_no_more) {
        return resolve(instance, at, EndReason::PeriodEnded);
    }
    Moved::Stayed
}

/// Of a latched instance the budget it is compared with is remembered over ticks without one.
fn keep_figures(law: &Law, instance: &mut Instance, evidence: &Evidence) {
    let budget = instance.evidence.reference.filter(|_| law.latch.is_some());
    instance.evidence.clone_from(evidence);
    instance.evidence.reference = evidence.reference.or(budget);
}

fn resolve(instance: &mut Instance, at: UnixMicros, reason: EndReason) -> Moved {
    enter(instance, State::Inactive, at);
    Moved::Resolved { reason, episode: instance.episode.take() }
}

fn change(instance: &mut Instance, to: State, at: UnixMicros) -> Moved {
    let from = instance.state;
    enter(instance, to, at);
    Moved::Changed { from }
}

fn enter(instance: &mut Instance, to: State, at: UnixMicros) {
    instance.state = to;
    instance.since = at;
}

fn enough_true(law: &Law, instance: &Instance) -> bool {
    law.hold.tolerance.is_none_or(|t| true_ticks(t, instance.recent) >= least(t))
}

/// `k`, which can be no more than `n`.
fn least(tolerance: Tolerance) -> u32 {
    tolerance.k.min(remembered(tolerance))
}

/// `n`, of which an instance remembers 64.
fn remembered(tolerance: Tolerance) -> u32 {
    tolerance.n.clamp(1, u64::BITS)
}

/// True ticks among the last `n`.
fn true_ticks(tolerance: Tolerance, recent: u64) -> u32 {
    (recent << (u64::BITS - remembered(tolerance))).count_ones()
}

fn add(elapsed: Micros, credit: Micros) -> Micros {
    Micros(elapsed.0.saturating_add(credit.0))
}
