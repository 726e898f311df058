//! Tells channels how a run ended.

use crate::judge::Desk;
use crate::logic::job::{JobName, Run, RunState, StepState};
use crate::store::StoreError;

/// Tells the recipients of a run that it is over. A report is a message of its own, and a run that was
/// never begun has nothing to tell.
pub(super) fn ended(desk: &Desk, run: &Run) -> Result<(), StoreError> {
    let is_report = run.key.job.parse::<JobName>().is_ok_and(JobName::is_report);
    // A report that failed is told of in its place.
    let own = is_report && run.state == RunState::Done;
    if run.key.recipients.is_empty() || run.state == RunState::Skipped || own {
        return Ok(());
    }
    let id = run.key.message(run.due);
    desk.tell_of_job(&run.key.job, &words(run), &run.key.recipients, id)
}

/// A run in a few lines: how it ended, then every step somebody should look at.
fn words(run: &Run) -> String {
    let count = |state| run.with(state).count();
    let mut out = format!("{} for {}: {}", run.key.job, run.key.period, run.state.word());
    if !run.note.is_empty() {
        out.push_str(&format!(" ({})", run.note));
    }
    let figures = [StepState::Done, StepState::Finding, StepState::Skipped, StepState::Failed];
    let told: Vec<String> = figures
        .into_iter()
        .filter(|state| count(*state) > 0)
        .map(|state| format!("{} {}", count(state), state.word()))
        .collect();
    out.push_str(&format!(". Steps: {}.", told.join(", ")));
    for step in &run.steps {
        if matches!(step.state, StepState::Finding | StepState::Failed | StepState::Blocked) {
            out.push_str(&format!("\n{} ({}): {}", step.name, step.state.word(), step.detail));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::logic::job::{Outcome, RunKey, StepPlan};
    use crate::logic::unit::UnixMicros;

    #[test]
    fn a_message_says_how_it_ended_and_what_to_look_at() {
        let plans =
            ["check", "propose", "prune"].map(|name| StepPlan { name, about: "", needs: &[] });
        let key = RunKey::new("maintain-weekly", "2026-11-16_2026-11-22".parse().unwrap(), &[]);
        let mut run = Run::pending(key, UnixMicros(0), Some("ana".into()));
        assert!(run.begin(&plans, UnixMicros(1)));
        run.step_ends("check", Outcome::done("whole"), UnixMicros(2));
        run.step_ends("propose", Outcome::finding("2026-w47 is proposed"), UnixMicros(3));
        run.step_ends("prune", Outcome::failed("the disk is full"), UnixMicros(4));
        run.end(UnixMicros(5));
        let expected = "maintain-weekly for 2026-11-16_2026-11-22: failed (failed: prune). \
                        Steps: 1 done, 1 finding, 1 failed.\n\
                        propose (finding): 2026-w47 is proposed\n\
                        prune (failed): the disk is full";
        assert_eq!(words(&run), expected);
    }
}
