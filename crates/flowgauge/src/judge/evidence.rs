//! What each optimisation does to tokens, cost, latency, errors and quality, by comparison with those held out; and
//! the guardrail that undoes one that harms.
//!
//! Rows are heard as they are recorded and wait in a bounded heap; every ten seconds they are taken as evidence, scores
//! are joined to the calls of the last hours, and the guardrail looks. Owns when a comparison begins (`course`) and
//! what is written down (`notes`). Refuses to decide: statistics and guardrail are `logic::control`'s; and to stop a
//! request: nothing here is in its path.

pub mod advice;
mod course;
mod guard;
mod joined;
mod notes;
mod row;
mod tap;

#[cfg(test)]
mod tests;

pub use course::{BeforeAfter, Begun, Course, TakenSums, Unused};
pub use guard::{Said, rolled_back};

use crate::control::{Control, Snapshot};
use crate::judge::Desk;
use crate::logic::call::Text;
use crate::logic::control::rollout::Mechanism;
use crate::logic::score::Evaluator;
use crate::logic::unit::UnixMicros;
use crate::record::Recorder;
use crate::record::scores::ScoreBook;
use crate::serve::clock::Clock;
use course::Policy;
use guard::Due;
use joined::{Join, Joined};
use notes::Kept;
use parking_lot::Mutex;
use row::Row;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tap::{Judged, Tap};
use tokio_util::sync::CancellationToken;

/// Between two looks: as often as alert rules are evaluated.
const LOOK_EVERY: Duration = Duration::from_secs(10);
/// Between two times it is written down: a crash forgets a minute of evidence, and no action.
const STORE_EVERY: i64 = UnixMicros::MINUTE;

/// What is heard and what it comes to.
#[derive(Debug)]
pub struct Trials {
    control: Arc<Control>,
    desk: Arc<Desk>,
    clock: Clock,
    tap: Arc<Tap>,
    preferred: Option<Text>,
    state: Mutex<State>,
}

/// What was not taken as evidence of anything.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Missed {
    /// Rows and scores for which there was no room between two looks.
    pub dropped: u64,
    /// Scores of a call that is not known: it was in no arm, is older than six hours, came before a restart, or made
    /// room.
    pub unjoined: u64,
    /// Scores of another evaluator than the one compared.
    pub other_evaluator: u64,
}

#[derive(Debug, Default)]
struct State {
    courses: BTreeMap<Mechanism, Course>,
    kept: Kept,
    joined: Joined,
    missed: Missed,
    stored: Option<UnixMicros>,
    /// Why it could not be written down.
    fault: Option<String>,
}

/// How one mechanism stands.
#[derive(Debug, Clone)]
pub struct Standing {
    /// Its comparison; nothing where it never acted.
    pub course: Option<Course>,
    /// What the guardrail said last.
    pub said: Option<Said>,
}

/// How everything stands.
#[derive(Debug, Clone)]
pub struct Shown {
    /// Each mechanism.
    pub mechanisms: BTreeMap<Mechanism, Standing>,
    /// Method (a) over everything that went through the gateway while any mechanism acted.
    pub whole: Option<(Begun, BeforeAfter)>,
    /// Whose word on quality counts.
    pub evaluator: Option<Evaluator>,
    /// What was not taken.
    pub missed: Missed,
    /// Why it could not be written down last.
    pub fault: Option<String>,
}

impl Trials {
    /// Reads what was written down and listens from now on.
    #[must_use]
    pub fn open(
        control: Arc<Control>,
        desk: Arc<Desk>,
        (recorder, scores): (&Recorder, &ScoreBook),
        clock: Clock,
        preferred: Option<Text>,
    ) -> Arc<Self> {
        let tap = Arc::new(Tap::default());
        recorder.listen(Arc::<Tap>::clone(&tap));
        scores.listen(Arc::<Tap>::clone(&tap));
        Self::over(control, desk, tap, clock, preferred)
    }

    fn over(
        control: Arc<Control>,
        desk: Arc<Desk>,
        tap: Arc<Tap>,
        clock: Clock,
        preferred: Option<Text>,
    ) -> Arc<Self> {
        let (courses, kept) = notes::read(control.desk.store());
        let state = Mutex::new(State { courses, kept, ..State::default() });
        Arc::new(Self { control, desk, clock, tap, preferred, state })
    }

    /// Looks on until told to stop, and at once when settings change, so that each call meets the settings it was
    /// under.
    pub async fn run(self: Arc<Self>, stop: CancellationToken) {
        let mut changed = self.control.desk.watch();
        loop {
            let due = self.looked().await;
            for action in due {
                self.act(action).await;
            }
            tokio::select! {
                () = stop.cancelled() => break,
                () = tokio::time::sleep(LOOK_EVERY) => {}
                // The desk lives as long as this does.
                _ = changed.changed() => {}
            }
        }
        let this = Arc::clone(&self);
        let end = tokio::task::spawn_blocking(move || {
            this.look();
            this.store();
        });
        if let Err(error) = end.await {
            tracing::error!(%error, "the last evidence was not written down");
        }
    }

    async fn looked(self: &Arc<Self>) -> Vec<Due> {
        let this = Arc::clone(self);
        let look = move || {
            let due = this.look();
            // What is due is done first: an action that was written down and not taken would never be.
            if due.is_empty() && this.is_to_store() {
                this.store();
            }
            due
        };
        tokio::task::spawn_blocking(look).await.unwrap_or_else(|error| {
            tracing::error!(%error, "evidence was not looked at");
            Vec::new()
        })
    }

    /// Takes what came since the last look; what the guardrail says is to be done.
    fn look(&self) -> Vec<Due> {
        let now = self.clock.now();
        let heap = self.tap.drain();
        // After the heap: no row of it is under later settings.
        let snapshot = self.control.desk.live().get();
        let mut state = self.state.lock();
        state.missed.dropped += heap.dropped;
        self.begin(&mut state, &snapshot, now);
        for row in &heap.rows {
            state.take_row(row, &snapshot);
        }
        for score in &heap.scores {
            state.take_score(score, self.preferred.as_ref(), &snapshot, now);
        }
        state.courses.values_mut().for_each(|course| course.settle(now));
        state.joined.forget(now);
        self.guard(&mut state, &snapshot, now)
    }

    /// Begins the comparisons that the settings in force call for.
    fn begin(&self, state: &mut State, snapshot: &Snapshot, now: UnixMicros) {
        let mut history = None;
        for mechanism in Mechanism::ALL {
            let policy = Policy::of(mechanism, snapshot);
            match state.courses.get_mut(&mechanism) {
                Some(course) if !course.is_over(policy) => {
                    course.switch(policy.acts);
                    continue;
                }
                None if !policy.acts => continue,
                Some(_) | None => {}
            }
            let history = history.get_or_insert_with(|| self.control.desk.history());
            let (at, why) = course::why(mechanism, history)
                .unwrap_or_else(|| (now, "switched on before flowgauge kept a log".to_owned()));
            let begun = Begun { at, generation: snapshot.generation, why };
            state.kept.guardrail.forget_harm(mechanism);
            state.kept.said.remove(&mechanism);
            state.kept.whole = Some((begun.clone(), BeforeAfter::default()));
            state.courses.insert(mechanism, Course::new(policy, begun));
        }
    }

    fn is_to_store(&self) -> bool {
        let now = self.clock.now();
        let state = self.state.lock();
        state.stored.is_none_or(|last| now.0.saturating_sub(last.0) >= STORE_EVERY)
    }

    /// Writes down what is known; evidence goes on where the disk refuses.
    fn store(&self) {
        let now = self.clock.now();
        let (courses, kept) = {
            let state = self.state.lock();
            if state.courses.is_empty() {
                return;
            }
            (state.courses.clone(), state.kept.clone())
        };
        let written = notes::write(self.control.desk.store(), &courses, &kept);
        let mut state = self.state.lock();
        state.stored = Some(now);
        let fault = written.err().map(|e| e.to_string());
        if let Some(why) = fault.as_ref().filter(|_| state.fault.is_none()) {
            tracing::error!(%why, "evidence is not written down: a restart would forget it");
        }
        state.fault = fault;
    }

    /// How everything stands.
    #[must_use]
    pub fn shown(&self) -> Shown {
        let state = self.state.lock();
        let standing = |m: Mechanism| Standing {
            course: state.courses.get(&m).cloned(),
            said: state.kept.said.get(&m).cloned(),
        };
        Shown {
            mechanisms: Mechanism::ALL.into_iter().map(|m| (m, standing(m))).collect(),
            whole: state.kept.whole.clone(),
            evaluator: state.kept.evaluator.clone(),
            missed: state.missed,
            fault: state.fault.clone(),
        }
    }

    /// What is switched how.
    #[must_use]
    pub const fn control(&self) -> &Arc<Control> {
        &self.control
    }
}

impl State {
    fn take_row(&mut self, row: &Row, snapshot: &Snapshot) {
        for mechanism in Mechanism::ALL {
            if let Some(arm) = row.arm(mechanism)
                && let Some(course) = self.courses.get_mut(&mechanism)
            {
                let rollout = snapshot.settings.as_ref().map(|s| s.rollouts.of(mechanism));
                course.observe(mechanism, arm, row, rollout);
            }
        }
        if let Some(passed) = &row.passed
            && let Some((begun, sums)) = &mut self.kept.whole
            && row.generation >= begun.generation
            && self.courses.values().any(|c| c.acts)
        {
            sums.observe(passed, u8::MAX);
        }
        self.joined.keep(row);
    }

    fn take_score(
        &mut self,
        score: &Judged,
        preferred: Option<&Text>,
        snapshot: &Snapshot,
        now: UnixMicros,
    ) {
        if !self.listens_to(&score.by, preferred) {
            self.missed.other_evaluator += 1;
            return;
        }
        let call = match self.joined.find(score.call) {
            Join::Call(call) => call,
            Join::Taken => return,
            Join::Unknown => {
                self.missed.unjoined += 1;
                return;
            }
        };
        for (mechanism, arm) in &call.arms {
            if let Some(course) = self.courses.get_mut(mechanism) {
                let rollout = snapshot.settings.as_ref().map(|s| s.rollouts.of(*mechanism));
                course.judged(*arm, &call, score.quality, rollout, now);
            }
        }
    }

    /// Whether an evaluator's word counts: the preferred one's, else the first one's that judged. A new version of it
    /// takes its place, and quality begins anew; what an earlier version says then comes too late.
    fn listens_to(&mut self, by: &Evaluator, preferred: Option<&Text>) -> bool {
        if preferred.is_some_and(|name| *name != by.name) || self.kept.retired.contains(by) {
            return false;
        }
        match &self.kept.evaluator {
            Some(current) if current == by => true,
            Some(current) if preferred.is_none() && current.name != by.name => false,
            before => {
                self.kept.retired.extend(before.clone());
                self.kept.evaluator = Some(by.clone());
                self.courses.values_mut().for_each(Course::forget_quality);
                true
            }
        }
    }
}
