//! The watch after a rollback (catalogue T6, S43): every 30 s for 30 min it is proven again, while nobody waits for it.
//!
//! Owns its one task: a new rollback takes the place of the watch before, and a stop ends it. People are told once where
//! the rollback does not hold; the log of incidents has what came of it. Refuses to switch anything.

use super::super::App;
use super::verify::{self, Proof, Verdict};
use crate::judge::incidents::Step;
use crate::logic::call::Text;
use std::sync::Arc;
use std::time::Duration;

/// Between two looks (catalogue T6).
const EVERY: Duration = Duration::from_secs(30);
/// Looks: 30 min of them.
const LOOKS: u32 = 60;

/// What a watch has seen.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Watched {
    generation: u64,
    looks: u32,
    /// The first look at which it did not hold, and why.
    broken: Option<(u32, String)>,
}

impl Watched {
    fn of(proof: &Proof) -> Self {
        let mut watched = Self { generation: proof.generation, looks: 0, broken: None };
        watched.saw(proof);
        watched
    }

    /// Takes a look in; says why where this is the first one at which it does not hold.
    fn saw(&mut self, proof: &Proof) -> Option<String> {
        self.looks += 1;
        if proof.verdict < Verdict::NotOk || self.broken.is_some() {
            return None;
        }
        let wrong = proof.checks.iter().filter(|c| c.verdict == proof.verdict);
        let why: Vec<String> = wrong.map(|c| format!("{}: {}", c.check, c.figure)).collect();
        let why = why.join("; ");
        self.broken = Some((self.looks, why.clone()));
        Some(why)
    }

    fn step(&self) -> Step {
        let detail = match &self.broken {
            None => format!("{} looks, the rollback held at each", self.looks),
            Some((look, why)) => {
                format!("{} looks; at look {look} it did not hold: {why}", self.looks)
            }
        };
        Step { name: Text::const_new("watch"), done: self.broken.is_none(), detail }
    }
}

/// Begins to watch in the background.
pub(super) fn begin(app: &App, by: &str, incident: Option<u64>, proof: &Proof) {
    let watched = Watched::of(proof);
    let (shared, by) = (Arc::clone(app), by.to_owned());
    let task = tokio::spawn(async move { watch(shared, watched, incident, by).await });
    if let Some(before) = app.watching.lock().replace(task) {
        before.abort();
    }
}

async fn watch(app: App, mut watched: Watched, incident: Option<u64>, by: String) {
    while watched.looks < LOOKS {
        tokio::select! {
            () = app.stop.cancelled() => break,
            () = tokio::time::sleep(EVERY) => {}
        }
        let proof = verify::usual(&app).await;
        if proof.generation != watched.generation {
            // Somebody switched on again: there is nothing left to hold.
            break;
        }
        if let Some(why) = watched.saw(&proof) {
            tracing::error!(generation = proof.generation, %why, "the rollback does not hold");
            let told = app.incidents.tell_broken(proof.generation, &why);
            let step = app.incidents.heard(told).await;
            app.incidents.note(incident, &by, &step).await;
        }
    }
    app.incidents.note(incident, &by, &watched.step()).await;
}

#[cfg(test)]
mod tests {
    use super::super::verify::CheckView;
    use super::*;

    fn proof(verdict: Verdict) -> Proof {
        let check =
            CheckView { check: "cached".to_owned(), verdict, figure: "3 of the last 9".to_owned() };
        Proof {
            verdict,
            mechanisms: Vec::new(),
            change: None,
            since: String::new(),
            generation: 4,
            checks: vec![check],
        }
    }

    #[test]
    fn a_watch_tells_once_that_it_does_not_hold_and_too_little_data_is_no_alarm() {
        let mut watched = Watched::of(&proof(Verdict::TooLittleData));
        assert_eq!(watched.saw(&proof(Verdict::Ok)), None);
        assert_eq!(watched.step().detail, "2 looks, the rollback held at each");
        let why = watched.saw(&proof(Verdict::Critical));
        assert_eq!(why.as_deref(), Some("cached: 3 of the last 9"));
        assert_eq!(watched.saw(&proof(Verdict::Critical)), None);
        let step = watched.step();
        assert!(!step.done && step.detail.starts_with("4 looks; at look 3 it did not"), "{step:?}");
    }
}
