//! What is switched how, since when, by whom and why: a log of changes, and the state that follows from it.
//!
//! Owns the settings of all four mechanisms and the fold over the log. A change is never edited: undoing it is a
//! change, and one with an end drops out by itself when its time comes. Refuses changes that contradict each other
//! (`check`), that were made against another state than is in force, or that would switch on by themselves what a
//! person switched off.

mod check;
mod diff;
mod journal;
mod profile;

#[cfg(test)]
mod tests;

pub use check::{Level, Market, Problem, check};
pub use diff::Assignment;
pub use journal::{Base, Journal};
pub use profile::Profile;

use super::cache::key::Policy;
use super::cache::semantic::Likeness;
use super::cache::store::Limits;
use super::rollout::{Kill, Mechanism, Rollout};
use super::{guardrail, model, prompt, prune};
use crate::call::Text;
use crate::unit::UnixMicros;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeSet;

/// How far the semantic lookup is let; it needs the response cache.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Semantic {
    /// It does nothing.
    #[default]
    Off,
    /// It reports what it would serve.
    Shadow,
    /// It serves.
    On,
}

/// Response cache.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Cache {
    /// What is looked up.
    pub policy: Policy,
    /// Bounds.
    pub limits: Limits,
    /// The same question in other words.
    pub semantic: Semantic,
    /// What counts as like.
    pub likeness: Likeness,
}

/// A rollout for each mechanism.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Rollouts {
    /// Of context pruning.
    pub context_pruning: Rollout,
    /// Of the response cache.
    pub response_caching: Rollout,
    /// Of prompt optimisation.
    pub prompt_optimization: Rollout,
    /// Of model selection.
    pub model_selection: Rollout,
}

impl Rollouts {
    /// Of a mechanism.
    #[must_use]
    pub const fn of(&self, mechanism: Mechanism) -> &Rollout {
        match mechanism {
            Mechanism::ContextPruning => &self.context_pruning,
            Mechanism::ResponseCaching => &self.response_caching,
            Mechanism::PromptOptimization => &self.prompt_optimization,
            Mechanism::ModelSelection => &self.model_selection,
        }
    }

    /// Of a mechanism, to be changed.
    pub const fn of_mut(&mut self, mechanism: Mechanism) -> &mut Rollout {
        match mechanism {
            Mechanism::ContextPruning => &mut self.context_pruning,
            Mechanism::ResponseCaching => &mut self.response_caching,
            Mechanism::PromptOptimization => &mut self.prompt_optimization,
            Mechanism::ModelSelection => &mut self.model_selection,
        }
    }
}

/// Everything that can be changed while flowgauge runs. The default does nothing.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// The kill switch.
    pub kill: Kill,
    /// Who is touched.
    pub rollouts: Rollouts,
    /// Response cache.
    pub cache: Cache,
    /// Context pruning.
    pub prune: prune::Settings,
    /// Prompt optimisation.
    pub prompt: prompt::Settings,
    /// Model selection.
    pub model: model::Settings,
    /// Automatic rollback.
    pub guardrail: guardrail::Settings,
}

/// One change.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Change {
    /// Its number, from 1; what `opt restore` is given.
    pub id: u64,
    /// When it was made.
    pub at: UnixMicros,
    /// By whom.
    pub author: Text,
    /// Why.
    pub reason: String,
    /// What it sets.
    pub diff: Vec<Assignment>,
    /// The change it takes back, if that is what it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undoes: Option<u64>,
    /// When it ends by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<UnixMicros>,
}

/// Who changes something, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Author<'a> {
    /// By whom.
    pub name: &'a str,
    /// Why; it may not be empty.
    pub reason: &'a str,
}

/// What is in force at a moment.
#[derive(Debug, Clone, PartialEq)]
pub struct State {
    /// Rises with every change and with every end of one.
    pub generation: u64,
    /// The settings.
    pub settings: Settings,
    /// The next moment at which it changes by itself.
    pub changes_at: Option<UnixMicros>,
}

/// Why a log gives no state. Everything is off then.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Broken {
    /// Numbers are missing or out of order.
    #[error("change {0} of the control log is missing or out of order")]
    Order(u64),
    /// What the changes give is no settings.
    #[error("the control log gives no valid settings: {0}")]
    Settings(String),
}

/// Why a change is refused.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Refused {
    /// The log is broken.
    #[error(transparent)]
    Broken(#[from] Broken),
    /// The log could not be read when flowgauge started. Everything is off.
    #[error("the control log cannot be read, so everything is off and stays off: {0}")]
    Unreadable(String),
    /// Another change came first.
    #[error("the state is at generation {now}, not {seen}: look at it again and repeat")]
    Stale {
        /// What is in force.
        now: u64,
        /// What the caller had seen.
        seen: u64,
    },
    /// It changes nothing.
    #[error("nothing would change")]
    Nothing,
    /// It says no reason.
    #[error("a reason is needed")]
    NoReason,
    /// It ends before it begins, or its end would switch on what it switched off.
    #[error("{0}")]
    Expiry(&'static str),
    /// There is no such change, or it is not in force.
    #[error("change {0} is not in force")]
    NotInForce(u64),
    /// Settings contradict each other.
    #[error("{}", .0.iter().map(|p| format!("{}: {}", p.place, p.says)).collect::<Vec<_>>().join("; "))]
    Contradiction(Vec<Problem>),
}

impl State {
    /// The state at `now`: the settings of all changes in force, in their order. One is in force unless it has ended or
    /// one in force takes it back.
    pub fn at<'a>(log: impl Into<Journal<'a>>, now: UnixMicros) -> Result<Self, Broken> {
        let log = log.into();
        let (settings, generation) = log.fold(now)?;
        let force = in_force(log.changes(), now);
        let ends = log.changes().iter().filter(|c| force.contains(&c.id));
        let changes_at = ends.filter_map(|c| c.expires).filter(|e| *e > now).min();
        Ok(Self { generation, settings, changes_at })
    }
}

/// Numbers of the changes in force.
#[must_use]
pub fn in_force(log: &[Change], now: UnixMicros) -> BTreeSet<u64> {
    let (mut force, mut undone) = (BTreeSet::new(), BTreeSet::new());
    // A change is taken back only by a later one, so the last come first.
    for change in log.iter().rev() {
        if change.expires.is_some_and(|e| e <= now) || undone.contains(&change.id) {
            continue;
        }
        force.insert(change.id);
        undone.extend(change.undoes);
    }
    force
}

/// A change to the settings, to be appended to the log. `seen` is the generation its author looked at; `expires` lets
/// it end by itself. Models and prices are asked of `market`.
pub fn propose<'a>(
    log: impl Into<Journal<'a>>,
    now: UnixMicros,
    author: &Author<'_>,
    seen: Option<u64>,
    expires: Option<UnixMicros>,
    market: &dyn Market,
    edit: impl FnOnce(&mut Settings),
) -> Result<Change, Refused> {
    let log = log.into();
    let state = current(log, now, author, seen)?;
    let mut settings = state.settings.clone();
    edit(&mut settings);
    if let Some(end) = expires {
        if end <= now {
            return Err(Refused::Expiry("it would end before it begins"));
        }
        if settings.kill != state.settings.kill {
            return Err(Refused::Expiry(
                "the kill switch stays until a person lifts it: leave the end out",
            ));
        }
    }
    let diff = difference(&state.settings, &settings)?;
    // What was wrong before may be mended step by step; what is new may not be wrong.
    let before = check(&state.settings, market);
    let new: Vec<Problem> = check(&settings, market)
        .into_iter()
        .filter(|p| p.level == Level::Error && !before.contains(p))
        .collect();
    // The kill switch works with broken settings.
    let only_kill = diff.iter().all(|a| a.path.starts_with("/kill/"));
    if !new.is_empty() && !only_kill {
        return Err(Refused::Contradiction(new));
    }
    Ok(Change {
        id: log.next(),
        at: now,
        author: Text::from(author.name),
        reason: author.reason.to_owned(),
        diff,
        undoes: None,
        expires,
    })
}

/// The change that takes `id` back. What later changes set again stays as they set it.
pub fn undo<'a>(
    log: impl Into<Journal<'a>>,
    now: UnixMicros,
    author: &Author<'_>,
    id: u64,
    market: &dyn Market,
) -> Result<Change, Refused> {
    let log = log.into();
    let state = current(log, now, author, None)?;
    if !in_force(log.changes(), now).contains(&id) {
        return Err(Refused::NotInForce(id));
    }
    let mut change = Change {
        id: log.next(),
        at: now,
        author: Text::from(author.name),
        reason: author.reason.to_owned(),
        diff: Vec::new(),
        undoes: Some(id),
        expires: None,
    };
    let mut then = log.changes().to_vec();
    then.push(change.clone());
    let after = State::at(log.with(&then), now)?;
    change.diff = difference(&state.settings, &after.settings)?;
    let before = check(&state.settings, market);
    let new: Vec<Problem> = check(&after.settings, market)
        .into_iter()
        .filter(|p| p.level == Level::Error && !before.contains(p))
        .collect();
    if new.is_empty() { Ok(change) } else { Err(Refused::Contradiction(new)) }
}

fn current(
    log: Journal<'_>,
    now: UnixMicros,
    author: &Author<'_>,
    seen: Option<u64>,
) -> Result<State, Refused> {
    if author.reason.trim().is_empty() {
        return Err(Refused::NoReason);
    }
    let state = State::at(log, now)?;
    match seen.filter(|s| *s != state.generation) {
        Some(seen) => Err(Refused::Stale { now: state.generation, seen }),
        None => Ok(state),
    }
}

fn difference(before: &Settings, after: &Settings) -> Result<Vec<Assignment>, Refused> {
    let value = |s: &Settings| -> Result<Value, Broken> {
        serde_json::to_value(s).map_err(|e| Broken::Settings(e.to_string()))
    };
    let diff = diff::between(&value(before)?, &value(after)?);
    if diff.is_empty() { Err(Refused::Nothing) } else { Ok(diff) }
}
