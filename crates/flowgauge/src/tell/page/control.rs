//! `/api/v1/control…` and `/api/v1/cache…`: what is switched how, and changing it.
//!
//! Owns how a request becomes a change: who asks, which mechanisms are meant, and the words of a refusal. Refuses to
//! decide what a change means: `logic::control::state` does, and `control::Desk` puts it in force.

pub mod cache;
pub mod changes;
pub mod instances;
pub mod rollback;
pub mod status;
pub mod tune;
pub mod verify;
pub mod whole;

mod pointer;
mod watch;

use super::problem::UNCHANGED;
use super::{App, Problem};
use crate::control::{Line, Made};
use crate::logic::control::rollout::Mechanism;
use crate::logic::control::state::{Change, Level, Market, Refused, check};
use crate::logic::price::PriceBook;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeSet;

/// Names under which flowgauge itself changes things; none of them may lift a kill switch.
const AUTOMATIC: [&str; 3] = [BY_SIGNAL, "guardrail", "flowgauge"];
/// Who switches off by a signal.
pub const BY_SIGNAL: &str = "signal";

/// One setting and its value before and after.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct SettingView {
    /// As a JSON pointer.
    pub path: String,
    /// What it was.
    pub before: Value,
    /// What it is.
    pub after: Value,
}

/// A change of control.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ControlChange {
    /// Its number; it undoes the change.
    pub id: u64,
    /// When it was made.
    pub at: String,
    /// By whom.
    pub author: String,
    /// Why.
    pub reason: String,
    /// What it sets.
    pub diff: Vec<SettingView>,
    /// The change it takes back.
    pub undoes: Option<u64>,
    /// When it ends by itself.
    pub expires: Option<String>,
    /// Whether it still counts: it has not ended and nothing took it back.
    pub in_force: bool,
}

impl ControlChange {
    fn of(change: &Change, in_force: bool) -> Self {
        let setting = |a: &crate::logic::control::state::Assignment| SettingView {
            path: a.path.clone(),
            before: a.before.clone(),
            after: a.after.clone(),
        };
        Self {
            id: change.id,
            at: change.at.to_rfc3339(),
            author: change.author.to_string(),
            reason: change.reason.clone(),
            diff: change.diff.iter().map(setting).collect(),
            undoes: change.undoes,
            expires: change.expires.map(|at| at.to_rfc3339()),
            in_force,
        }
    }
}

impl From<&Line> for ControlChange {
    fn from(line: &Line) -> Self {
        Self::of(&line.change, line.in_force)
    }
}

/// What came of a change.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct MadeChange {
    /// The change.
    pub change: ControlChange,
    /// Generation in force.
    pub generation: u64,
    /// Whether a restart would remember it.
    pub stored: bool,
    /// Nothing was changed: this is what would be.
    pub dry_run: bool,
    /// What works and is probably not meant.
    pub warnings: Vec<String>,
    /// The command that takes it back.
    pub undo: Option<String>,
}

impl MadeChange {
    fn made(app: &App, made: &Made) -> Self {
        tracing::info!(
            change = made.change.id,
            by = %made.change.author,
            reason = made.change.reason,
            stored = made.stored,
            "changed control"
        );
        Self {
            change: ControlChange::of(&made.change, true),
            generation: made.generation,
            stored: made.stored,
            dry_run: false,
            warnings: warnings(app),
            undo: Some(format!("flowgauge opt undo {}", made.change.id)),
        }
    }

    fn would(app: &App, change: &Change) -> Self {
        Self {
            change: ControlChange::of(change, false),
            generation: app.control.desk.live().load().generation,
            stored: false,
            dry_run: true,
            warnings: Vec::new(),
            undo: None,
        }
    }
}

/// Warnings about what is in force.
fn warnings(app: &App) -> Vec<String> {
    let state = app.control.desk.live().load();
    let Some(settings) = &state.settings else { return Vec::new() };
    let book = app.prices.book();
    let all = check(settings, &Priced(&book));
    let warns = all.into_iter().filter(|p| p.level == Level::Warning);
    warns.map(|p| format!("{}: {}", p.place, p.says)).collect()
}

struct Priced<'a>(&'a PriceBook);

impl Market for Priced<'_> {
    fn has_price(&self, model: &str) -> bool {
        self.0.lookup(None, model).is_some()
    }
}

/// Which mechanisms are meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Aim {
    /// All four.
    All,
    /// These.
    Only(BTreeSet<Mechanism>),
}

impl Aim {
    /// Whether a mechanism is meant.
    #[must_use]
    pub fn covers(&self, mechanism: Mechanism) -> bool {
        match self {
            Self::All => true,
            Self::Only(these) => these.contains(&mechanism),
        }
    }

    /// As a body says it.
    fn read(all: bool, only: &[String]) -> Result<Self, Problem> {
        match (all, only.is_empty()) {
            (true, true) => Ok(Self::All),
            (false, false) => Ok(Self::Only(
                only.iter().map(|word| mechanism("body.only", word)).collect::<Result<_, _>>()?,
            )),
            (true, false) => {
                Err(Problem::field("body.only", &only.join(","), "give all or only, not both"))
            }
            (false, true) => {
                let detail = "say what: \"all\": true, or \"only\" with names of mechanisms";
                Err(Problem::field("body.all", "false", detail))
            }
        }
    }
}

/// A mechanism by name, with `-` or `_`.
fn mechanism(place: &str, word: &str) -> Result<Mechanism, Problem> {
    Mechanism::from_word(&word.trim().replace('-', "_")).ok_or_else(|| {
        let all = Mechanism::ALL.map(Mechanism::word).join(", ");
        Problem::field(place, word, format!("no such mechanism; there are {all}"))
    })
}

/// A person, who must say who they are.
fn person(author: &str) -> Result<(), Problem> {
    let name = author.trim();
    if name.is_empty() {
        return Err(Problem::field("body.author", "", "say who changes it"));
    }
    if AUTOMATIC.iter().any(|a| a.eq_ignore_ascii_case(name)) {
        let detail = "a person must do this; that name stands for flowgauge itself";
        return Err(Problem::field("body.author", name, detail));
    }
    Ok(())
}

/// A refused change in words.
fn refused(refusal: &Refused) -> Problem {
    let plain = |status: StatusCode| Problem::new(status, refusal.to_string());
    match refusal {
        Refused::Contradiction(problems) => {
            let mut all = problems.iter();
            let Some(first) = all.next() else { return plain(StatusCode::UNPROCESSABLE_ENTITY) };
            let named = Problem::field(&first.place, "", &*first.says);
            let named = all.fold(named, |so_far, p| so_far.also(&p.place, "", &*p.says));
            named.with_status(StatusCode::UNPROCESSABLE_ENTITY)
        }
        Refused::NoReason => Problem::field("body.reason", "", "say why"),
        Refused::Expiry(why) => Problem::field("body.ttl_seconds", "", *why)
            .with_status(StatusCode::UNPROCESSABLE_ENTITY),
        Refused::NotInForce(_) => plain(StatusCode::NOT_FOUND),
        Refused::Nothing => plain(StatusCode::CONFLICT).coded(UNCHANGED),
        Refused::Stale { .. } => plain(StatusCode::CONFLICT),
        Refused::Broken(_) | Refused::Unreadable(_) => plain(StatusCode::SERVICE_UNAVAILABLE),
    }
}
