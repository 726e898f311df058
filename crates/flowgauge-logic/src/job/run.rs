//! A run: one job for one period and one list of recipients.

use super::step::{Outcome, Step, StepPlan, StepState};
use crate::call::Text;
use crate::id::CallId;
use crate::schedule::Period;
use crate::unit::UnixMicros;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// Attempts of a run that a timetable asked for: what fails three times in half an hour needs a person.
const ATTEMPTS: u32 = 3;
/// Between two of them: a full disk or a restarting provider takes minutes, not seconds.
const PAUSE: i64 = 10 * UnixMicros::MINUTE;

/// What there is one run of.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct RunKey {
    /// The job.
    pub job: Text,
    /// The days it is about.
    pub period: Period,
    /// Channels that get the result, sorted, each once; none where nobody is told.
    pub recipients: Vec<Text>,
    /// 0, or the how-manieth repetition somebody asked for.
    pub again: u32,
}

impl RunKey {
    /// A key; the order in which recipients are named does not matter.
    #[must_use]
    pub fn new(job: &str, period: Period, recipients: &[Text]) -> Self {
        let mut recipients = recipients.to_vec();
        recipients.sort();
        recipients.dedup();
        Self { job: Text::from(job), period, recipients, again: 0 }
    }

    /// The recipients as one text.
    #[must_use]
    pub fn to(&self) -> String {
        self.recipients.join(", ")
    }

    /// What a message about this run is told apart by: the same whoever makes it and how often.
    #[must_use]
    pub fn message(&self, due: UnixMicros) -> CallId {
        let mut hash = Sha256::new();
        let period = self.period.to_string();
        let head = ["job", self.job.as_str(), period.as_str()];
        for part in head.into_iter().chain(self.recipients.iter().map(Text::as_str)) {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part.as_bytes());
        }
        hash.update(self.again.to_be_bytes());
        let mut random = [0; 10];
        random.iter_mut().zip(hash.finalize()).for_each(|(to, from)| *to = from);
        CallId::new(due, random)
    }
}

/// Where a run stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunState {
    /// Waits for its turn.
    Pending,
    /// Being done; after a crash it is taken up again.
    Running,
    /// All steps are over and none failed.
    Done,
    /// A step failed, and it is not tried again.
    Failed,
    /// Missed, and too long ago to be caught up.
    Skipped,
}

impl RunState {
    /// The word used everywhere.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Running => "running",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Skipped => "skipped",
        }
    }

    /// Whether nothing more happens by itself.
    #[must_use]
    pub const fn is_over(self) -> bool {
        matches!(self, Self::Done | Self::Failed | Self::Skipped)
    }
}

/// A run and what became of it so far.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// Its number in the ledger; 0 before it is there.
    pub id: i64,
    /// What it is the one run of.
    pub key: RunKey,
    /// Where it stands.
    pub state: RunState,
    /// When it was due, or asked for.
    pub due: UnixMicros,
    /// Who asked for it; nothing where a timetable did.
    pub by: Option<Text>,
    /// Not begun before this.
    pub not_before: UnixMicros,
    /// Times it was begun.
    pub attempts: u32,
    /// When it was begun last.
    pub started: Option<UnixMicros>,
    /// When it was over.
    pub ended: Option<UnixMicros>,
    /// Its steps, in order.
    pub steps: Vec<Step>,
    /// What is to be said of it as a whole.
    pub note: String,
}

impl Run {
    /// One that waits for its turn.
    #[must_use]
    pub fn pending(key: RunKey, due: UnixMicros, by: Option<Text>) -> Self {
        Self {
            id: 0,
            key,
            state: RunState::Pending,
            due,
            by,
            not_before: due,
            attempts: 0,
            started: None,
            ended: None,
            steps: Vec::new(),
            note: String::new(),
        }
    }

    /// One that is only noted.
    #[must_use]
    pub fn skipped(key: RunKey, due: UnixMicros, now: UnixMicros, why: &str) -> Self {
        let run = Self::pending(key, due, None);
        Self { state: RunState::Skipped, ended: Some(now), note: why.to_owned(), ..run }
    }

    /// Begins it, or takes it up where it was left: what was over stays, everything else is done. False
    /// where flowgauge ended inside it too often; it is over then.
    #[must_use]
    pub fn begin(&mut self, plans: &[StepPlan], now: UnixMicros) -> bool {
        if self.attempts >= ATTEMPTS && self.state == RunState::Running {
            let why =
                format!("flowgauge ended inside it {} times; it is not begun again", self.attempts);
            self.over(RunState::Failed, now, why);
            return false;
        }
        let before = std::mem::take(&mut self.steps);
        let kept = |plan: &StepPlan| {
            let settled = before.iter().find(|s| s.name == plan.name && s.state.is_settled());
            settled.cloned().unwrap_or_else(|| Step {
                name: plan.name.to_owned(),
                state: StepState::Waiting,
                detail: String::new(),
                started: None,
                ended: None,
            })
        };
        self.steps = plans.iter().map(kept).collect();
        self.state = RunState::Running;
        self.attempts = self.attempts.saturating_add(1);
        self.started = Some(now);
        self.ended = None;
        true
    }

    /// Notes that a step is being done.
    pub fn step_begins(&mut self, name: &str, now: UnixMicros) {
        self.step(name, |s| {
            s.state = StepState::Running;
            s.started = Some(now);
        });
    }

    /// Notes what came of a step.
    pub fn step_ends(&mut self, name: &str, outcome: Outcome, now: UnixMicros) {
        self.step(name, |s| {
            s.state = outcome.state;
            s.detail = outcome.detail;
            s.ended = Some(now);
        });
    }

    /// Notes that a step is not done, because one it needs was not.
    pub fn step_blocked(&mut self, name: &str, why: String, now: UnixMicros) {
        self.step_ends(name, Outcome { state: StepState::Blocked, detail: why }, now);
    }

    fn step(&mut self, name: &str, how: impl FnOnce(&mut Step)) {
        if let Some(step) = self.steps.iter_mut().find(|s| s.name == name) {
            how(step);
        }
    }

    /// Ends it after its last step: done, or failed, or to be tried again. What a person asked for is
    /// not tried again by itself: the person sees it.
    pub fn end(&mut self, now: UnixMicros) {
        let failed: Vec<&str> = self.with(StepState::Failed).collect();
        if failed.is_empty() {
            self.over(RunState::Done, now, String::new());
            return;
        }
        let why = format!("failed: {}", failed.join(", "));
        if self.by.is_some() || self.attempts >= ATTEMPTS {
            self.over(RunState::Failed, now, why);
        } else {
            self.state = RunState::Pending;
            self.not_before = UnixMicros(now.0.saturating_add(PAUSE));
            self.note = format!("{why}; attempt {} of {ATTEMPTS}", self.attempts);
        }
    }

    /// Ends it without having done it.
    pub fn give_up(&mut self, now: UnixMicros, why: String) {
        self.over(RunState::Failed, now, why);
    }

    fn over(&mut self, state: RunState, now: UnixMicros, note: String) {
        self.state = state;
        self.ended = Some(now);
        self.note = note;
    }

    /// Names of the steps that stand like this.
    pub fn with(&self, state: StepState) -> impl Iterator<Item = &str> {
        self.steps.iter().filter(move |s| s.state == state).map(|s| s.name.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLANS: [StepPlan; 2] = [
        StepPlan { name: "first", about: "", needs: &[] },
        StepPlan { name: "second", about: "", needs: &[] },
    ];
    const NOW: UnixMicros = UnixMicros(1_000);

    fn key() -> RunKey {
        RunKey::new("maintain-weekly", "2026-11".parse().unwrap(), &["b".into(), "a".into()])
    }

    #[test]
    fn a_run_is_the_same_however_its_recipients_are_named() {
        let other =
            RunKey::new("maintain-weekly", key().period, &["a".into(), "b".into(), "a".into()]);
        assert_eq!(other, key());
        assert_eq!(other.message(NOW), key().message(NOW));
        let again = RunKey { again: 1, ..key() };
        assert_ne!(again.message(NOW), key().message(NOW));
        let fewer = RunKey::new("maintain-weekly", key().period, &["a".into()]);
        assert_ne!(fewer.message(NOW), key().message(NOW));
    }

    #[test]
    fn what_was_over_is_not_done_again_after_a_crash() {
        let mut run = Run::pending(key(), NOW, None);
        assert!(run.begin(&PLANS, NOW));
        run.step_begins("first", NOW);
        run.step_ends("first", Outcome::finding("look"), NOW);
        run.step_begins("second", NOW);
        assert!(run.begin(&PLANS, NOW), "flowgauge ended here");
        let states: Vec<StepState> = run.steps.iter().map(|s| s.state).collect();
        assert_eq!(states, [StepState::Finding, StepState::Waiting]);
        assert_eq!(run.attempts, 2);
    }

    #[test]
    fn a_failed_run_of_a_timetable_is_tried_three_times_and_one_of_a_person_once() {
        let attempt = |run: &mut Run| {
            assert!(run.begin(&PLANS, NOW));
            run.step_ends("first", Outcome::done(""), NOW);
            run.step_ends("second", Outcome::failed("the disk is full"), NOW);
            run.end(NOW);
            run.state
        };
        let mut scheduled = Run::pending(key(), NOW, None);
        assert_eq!(attempt(&mut scheduled), RunState::Pending);
        assert!(scheduled.not_before > NOW, "{}", scheduled.note);
        assert_eq!(attempt(&mut scheduled), RunState::Pending);
        assert_eq!(attempt(&mut scheduled), RunState::Failed);
        assert_eq!(scheduled.note, "failed: second");
        let mut asked = Run::pending(key(), NOW, Some("ana".into()));
        assert_eq!(attempt(&mut asked), RunState::Failed);
    }

    #[test]
    fn a_run_in_which_flowgauge_always_ends_is_given_up() {
        let mut run = Run::pending(key(), NOW, None);
        for _ in 0..ATTEMPTS {
            assert!(run.begin(&PLANS, NOW));
        }
        assert!(!run.begin(&PLANS, NOW));
        assert_eq!(run.state, RunState::Failed);
        assert!(run.note.contains("ended inside it 3 times"));
    }
}
