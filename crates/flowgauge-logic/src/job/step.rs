//! Steps of a run: what may follow what.

use crate::unit::UnixMicros;
use serde::{Deserialize, Serialize};

/// A step as a job declares it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepPlan {
    /// Its name.
    pub name: &'static str,
    /// What it does, in a few words.
    pub about: &'static str,
    /// Steps that must not have failed before it.
    pub needs: &'static [&'static str],
}

/// Where a step stands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepState {
    /// Its turn has not come.
    #[default]
    Waiting,
    /// It is being done; after a crash it is done again.
    Running,
    /// It was done, and there is nothing to look at.
    Done,
    /// It was done, and somebody should look at what it found.
    Finding,
    /// It could not be done.
    Failed,
    /// There was nothing to do for it, or it is not possible here.
    Skipped,
    /// A step it needs failed.
    Blocked,
}

impl StepState {
    /// The word used everywhere.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Running => "running",
            Self::Done => "done",
            Self::Finding => "finding",
            Self::Failed => "failed",
            Self::Skipped => "skipped",
            Self::Blocked => "blocked",
        }
    }

    /// Whether it is over for good: a later attempt leaves it as it is.
    #[must_use]
    pub const fn is_settled(self) -> bool {
        matches!(self, Self::Done | Self::Finding | Self::Skipped)
    }
}

/// A step of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// Its name.
    pub name: String,
    /// Where it stands.
    pub state: StepState,
    /// What came of it, or why nothing did.
    pub detail: String,
    /// When it began last.
    pub started: Option<UnixMicros>,
    /// When it ended.
    pub ended: Option<UnixMicros>,
}

/// What came of a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// Done, finding, failed or skipped.
    pub state: StepState,
    /// What came of it, in a sentence or two.
    pub detail: String,
}

impl Outcome {
    /// It was done.
    #[must_use]
    pub fn done(detail: impl Into<String>) -> Self {
        Self { state: StepState::Done, detail: detail.into() }
    }

    /// It was done, and somebody should look.
    #[must_use]
    pub fn finding(detail: impl Into<String>) -> Self {
        Self { state: StepState::Finding, detail: detail.into() }
    }

    /// It could not be done.
    #[must_use]
    pub fn failed(detail: impl Into<String>) -> Self {
        Self { state: StepState::Failed, detail: detail.into() }
    }

    /// Nothing was to do.
    #[must_use]
    pub fn skipped(detail: impl Into<String>) -> Self {
        Self { state: StepState::Skipped, detail: detail.into() }
    }
}

/// What comes next in a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Turn {
    /// This step is done now.
    Do(&'static str),
    /// This step is not done, for this reason.
    Block(&'static str, String),
    /// No step is left.
    End,
}

/// The next turn of a run, in the order in which its job declares steps.
#[must_use]
pub fn next_step(plans: &[StepPlan], steps: &[Step]) -> Turn {
    let state = |name: &str| steps.iter().find(|s| s.name == name).map(|s| s.state);
    for plan in plans {
        match state(plan.name).unwrap_or_default() {
            StepState::Waiting | StepState::Running => {}
            _ => continue,
        }
        let lost = |need: &&&str| {
            matches!(state(need), Some(StepState::Failed | StepState::Blocked) | None)
        };
        return match plan.needs.iter().find(lost) {
            Some(need) => Turn::Block(plan.name, format!("not done, because {need} was not")),
            None => Turn::Do(plan.name),
        };
    }
    Turn::End
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLANS: [StepPlan; 4] = [
        StepPlan { name: "check", about: "", needs: &[] },
        StepPlan { name: "archive", about: "", needs: &["check"] },
        StepPlan { name: "prune", about: "", needs: &["archive"] },
        StepPlan { name: "report", about: "", needs: &[] },
    ];

    /// Runs all steps with these outcomes, by name.
    fn run(outcome: impl Fn(&str) -> StepState) -> Vec<(&'static str, StepState)> {
        let step = |p: &StepPlan| Step {
            name: p.name.to_owned(),
            state: StepState::Waiting,
            detail: String::new(),
            started: None,
            ended: None,
        };
        let mut steps: Vec<Step> = PLANS.iter().map(step).collect();
        let mut order = Vec::new();
        loop {
            let (name, state) = match next_step(&PLANS, &steps) {
                Turn::Do(name) => (name, outcome(name)),
                Turn::Block(name, _) => (name, StepState::Blocked),
                Turn::End => return order,
            };
            steps.iter_mut().filter(|s| s.name == name).for_each(|s| s.state = state);
            order.push((name, state));
        }
    }

    #[test]
    fn steps_come_in_order_and_nothing_is_deleted_that_was_not_archived() {
        let (done, failed, blocked) = (StepState::Done, StepState::Failed, StepState::Blocked);
        let all = run(|_| StepState::Done);
        assert_eq!(all, [("check", done), ("archive", done), ("prune", done), ("report", done)]);
        let broken =
            run(|name| if name == "archive" { StepState::Failed } else { StepState::Done });
        let expected = [("check", done), ("archive", failed), ("prune", blocked), ("report", done)];
        assert_eq!(broken, expected);
        let earlier = run(|name| if name == "check" { StepState::Failed } else { StepState::Done });
        assert_eq!(earlier.get(2), Some(&("prune", blocked)), "a block is handed on");
    }

    #[test]
    fn what_was_skipped_or_found_holds_nothing_back() {
        let order =
            run(|name| if name == "check" { StepState::Finding } else { StepState::Skipped });
        assert!(order.iter().all(|(_, state)| state.is_settled()), "{order:?}");
    }
}
