//! The emergency response (catalogue T7 as corrected by S43): people are told first, then what the severity asks for.
//!
//! Owns which steps a severity asks for. Critical is the whole rollback with its proof; high sets safer limits; medium
//! proposes bounds of the cache and sets nothing.

use super::super::App;
use super::super::control::{Aim, rollback, rollback::StepStatus};
use crate::judge::incidents::{Answered, Step};
use crate::logic::call::Text;
use crate::logic::control::cache::tune::Advice;
use crate::logic::incident::Grade;

/// Answers an emergency.
pub(super) async fn respond(app: &App, grade: Grade, by: &str, note: &str) -> Answered {
    let opened = app.incidents.begin(grade, by, note);
    let steps = match grade {
        Grade::Critical => {
            let (id, reason) = (Some(opened.id), opened.reason());
            let done = rollback::carry_out_for(app, &Aim::All, by, &reason, id).await;
            done.steps.into_iter().filter(|s| s.step != "notify").map(taken).collect()
        }
        Grade::High => vec![app.incidents.conservative(&opened).await],
        Grade::Medium => vec![proposed(app).await],
    };
    app.incidents.finish(opened, steps).await
}

fn taken(step: rollback::StepView) -> Step {
    let done = step.status != StepStatus::Failed;
    Step { name: Text::from(step.step), done, detail: step.detail }
}

/// What other bounds of the cache would have done (catalogue C18); nothing is set.
async fn proposed(app: &App) -> Step {
    let name = Text::const_new("propose_cache");
    let (log, limits) = app.control.memory.accesses();
    match tokio::task::spawn_blocking(move || log.tune(limits, false)).await {
        Ok(tuning) => {
            let detail = match tuning.advice {
                Advice::TooLittle { reason } => format!("too little to say: {reason}"),
                Advice::Keep { reason } => format!("keep it: {reason}"),
                Advice::Change { reason, .. } => {
                    format!("{reason}; `flowgauge cache tune --apply` sets it")
                }
            };
            Step { name, done: true, detail }
        }
        Err(error) => Step { name, done: false, detail: error.to_string() },
    }
}
