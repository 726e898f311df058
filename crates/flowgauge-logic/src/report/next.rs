//! What to do next: from what a report says, the few things somebody should look at, each one command or one link.

use super::body::Body;
use super::document::{Action, How};
use super::facts::{Advice, Budget, Switch};
use super::number;
use super::optimised;
use crate::control::rollout::Mechanism;
use crate::known::Known;
use crate::kpi::{Kpi, State};

/// A budget of which so much is used needs a look: what is left lasts three days of a month.
const USED: f64 = 0.9;

/// What to do, the most urgent first: what still burns, what got worse, what harms, what runs out, what could save.
#[must_use]
pub fn actions(facts: &Body) -> Vec<Action> {
    let mut all = Vec::new();
    all.extend(facts.episodes.iter().filter(|e| e.lasted.is_none()).map(|e| {
        Action {
            what: format!("Look at {}, which still fires", e.rule),
            why: None,
            how: e
                .link
                .clone()
                .map_or_else(|| How::Command("flowgauge alert list".to_owned()), How::Link),
        }
    }));
    all.extend(facts.regressions.found.iter().map(|r| Action {
        what: format!("Find out why {} got worse", in_a_sentence(&r.metric)),
        why: r.cause.as_ref().map(|c| format!("right after {c}")),
        how: How::Command("flowgauge metrics trends --since 24h".to_owned()),
    }));
    all.extend(
        facts
            .switches
            .iter()
            .filter(|s| s.advice == Advice::Pause)
            .map(|s| switched(s, "opt rollback --only", "")),
    );
    all.extend(facts.budgets.iter().filter(|b| runs_out(b)).map(|b| Action {
        what: format!("See who spends budget {}", b.name),
        why: Some(match b.burn {
            Known::Value(burn) => {
                format!("it burns {}", number::text(super::Quantity::Times(burn)))
            }
            Known::Unknown(_) => "nine tenths of it are used".to_owned(),
        }),
        how: How::Command(format!("flowgauge budget get {}", b.name)),
    }));
    all.extend(missed(facts));
    all.extend(
        facts
            .switches
            .iter()
            .filter(|s| s.advice == Advice::Widen)
            .map(|s| switched(s, "opt rollout", " --percent 100")),
    );
    all
}

/// `P95 latency` stays, `Tokens per request` begins small.
fn in_a_sentence(metric: &str) -> String {
    let upper = |c: char| c.is_uppercase() || c.is_ascii_digit();
    let mut letters = metric.chars();
    match (letters.next(), letters.next()) {
        (Some(first), Some(second)) if upper(first) && !upper(second) => {
            first.to_lowercase().chain(metric.chars().skip(1)).collect()
        }
        _ => metric.to_owned(),
    }
}

fn switched(switch: &Switch, verb: &str, more: &str) -> Action {
    let word = Mechanism::ALL.into_iter().find(|m| optimised::words(*m) == switch.name);
    let word: &str = word.map_or(&switch.name, |m| m.word());
    let doing = if switch.advice == Advice::Pause { "Take off" } else { "Widen" };
    Action {
        what: format!("{doing} {}", switch.name),
        why: Some(switch.reason.clone()).filter(|r| !r.is_empty()),
        how: How::Command(format!("flowgauge {verb} {word}{more} --reason 'daily report'")),
    }
}

fn runs_out(budget: &Budget) -> bool {
    let used = budget.spent.value().map(|s| s.as_usd_f64() / budget.limit.as_usd_f64());
    let fast = budget.burn.value().is_some_and(|b| b > 1.0);
    used.is_some_and(|u| u >= USED) || fast
}

/// Figures beyond their alert limit that no regression above stands for.
fn missed(facts: &Body) -> Vec<Action> {
    let mut all = Vec::new();
    for (name, reading) in &facts.readings.0 {
        let Some(kpi) = Kpi::find(name) else { continue };
        if reading.status != super::Status::of(State::Alert) {
            continue;
        }
        all.push(Action {
            what: format!("Look at {}, beyond its limit", kpi.title),
            why: Some(number::known(reading.figure.value())),
            how: How::Command(format!("flowgauge metrics get {name} --since 24h")),
        });
    }
    all
}
