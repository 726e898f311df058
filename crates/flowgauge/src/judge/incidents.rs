//! Incidents of a running server: opened, answered, watched more closely, closed, and told as a timeline.
//!
//! Owns the order of the emergency response (catalogue T7, S43): the message is handed over first, the switch waits for
//! nothing, then the log says what came of each step. Refuses to pretend: a hook that is not configured is refused, and
//! a step that failed says so.

mod hook;

pub use hook::{HookError, Outcome, Which};

use crate::config::Hooks;
use crate::control::{Control, Made, Pace, Wanted};
use crate::judge::Desk;
use crate::judge::desk::PostedAlert;
use crate::logic::alert::silence::{NAME_LABEL, SEVERITY_LABEL};
use crate::logic::call::Text;
use crate::logic::control::cache::store::Purge;
use crate::logic::control::state::{Profile, Refused};
use crate::logic::incident::{Event, Grade, Incident, Line, What, incidents, report};
use crate::logic::unit::{Micros, UnixMicros};
use crate::serve::clock::Clock;
use crate::store::{StoreError, TransitionQuery};
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// The alert by which people are told.
const ALERT: &str = "incident";
/// It is told on until the incident is closed, and at most so long: nobody looks after one for a month.
const TOLD_FOR: i64 = 30 * UnixMicros::DAY;
/// A closer watch ends by itself (catalogue C59).
const CLOSER_FOR: i64 = UnixMicros::HOUR;
/// Paces of a closer watch (catalogue C59).
const HIGH: Micros = Micros::from_millis(10_000);
const MEDIUM: Micros = Micros::from_millis(30_000);
/// Handing a message to the disk takes milliseconds; longer than this the answer does not wait for it.
const QUEUED_WITHIN: Duration = Duration::from_secs(5);
/// Alert transitions in a report: a bad day's.
const MOST_TRANSITIONS: usize = 1_000;

/// Why nothing came of it.
#[derive(Debug, thiserror::Error)]
pub enum IncidentError {
    /// There is none of this number.
    #[error("no incident {0}; `flowgauge incident list` names all of them")]
    None(u64),
    /// It is over.
    #[error("incident {0} was closed at {1}")]
    Over(u64, String),
    /// A hook did not run.
    #[error(transparent)]
    Hook(#[from] HookError),
    /// The store refused.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What was done, and what came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answered {
    /// Number of the incident.
    pub id: u64,
    /// The steps in their order.
    pub steps: Vec<Step>,
    /// Whether the log has them.
    pub logged: bool,
}

/// A step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Which.
    pub name: &'static str,
    /// Whether it worked.
    pub done: bool,
    /// What came of it.
    pub detail: String,
}

/// Incidents.
#[derive(Debug)]
pub struct Incidents {
    control: Arc<Control>,
    desk: Arc<Desk>,
    clock: Clock,
    hooks: Hooks,
    /// Channels that hear of it.
    told_to: Vec<Text>,
    /// Number of the last one. Held in memory, so that an emergency needs no disk.
    last: Mutex<u64>,
}

impl Incidents {
    /// Counts the incidents there were.
    ///
    /// # Errors
    /// The log cannot be read.
    pub fn open(
        control: Arc<Control>,
        desk: Arc<Desk>,
        clock: Clock,
        hooks: Hooks,
        told_to: Vec<Text>,
    ) -> Result<Arc<Self>, StoreError> {
        let log: Vec<Line> = control.desk.store().incident_log()?;
        let last = Mutex::new(log.iter().map(|l| l.incident).max().unwrap_or(0));
        Ok(Arc::new(Self { control, desk, clock, hooks, told_to, last }))
    }

    /// Answers an emergency: people are told, what its severity asks for is switched, the watch becomes closer.
    pub async fn respond(self: &Arc<Self>, grade: Grade, by: &str, note: &str) -> Answered {
        let id = self.next();
        let told = self.tell(id, grade, note);
        let mut steps = Vec::new();
        steps.extend(self.switch(id, grade, by, note).await);
        steps.push(self.watch_closer(if grade == Grade::Medium { MEDIUM } else { HIGH }).await);
        steps.insert(0, self.handed_over(told).await);
        self.answered(id, (grade, by, note), steps).await
    }

    /// Opens an incident and watches closer; nothing is switched.
    pub async fn start(self: &Arc<Self>, grade: Grade, by: &str, note: &str) -> Answered {
        let id = self.next();
        let told = self.tell(id, grade, note);
        let closer = self.watch_closer(if grade == Grade::Medium { MEDIUM } else { HIGH }).await;
        let steps = vec![self.handed_over(told).await, closer];
        self.answered(id, (grade, by, note), steps).await
    }

    /// Watches closer for an hour: at ten seconds (`high`) or thirty.
    pub async fn intensify(self: &Arc<Self>, high: bool, by: &str) -> Step {
        let step = self.watch_closer(if high { HIGH } else { MEDIUM }).await;
        self.log(vec![self.line(0, by, &step)]).await;
        step
    }

    /// Runs a hook of the operator's.
    ///
    /// # Errors
    /// None is configured, or it could not be started.
    pub async fn hook(
        self: &Arc<Self>,
        which: Which,
        incident: Option<u64>,
        by: &str,
    ) -> Result<Outcome, IncidentError> {
        let outcome = hook::run(&self.hooks, which).await?;
        let step =
            Step { name: which.word(), done: outcome.is_good(), detail: outcome.to_string() };
        self.log(vec![self.line(incident.unwrap_or(0), by, &step)]).await;
        Ok(outcome)
    }

    /// All incidents, the latest first. Blocks on the store.
    ///
    /// # Errors
    /// The log cannot be read.
    pub fn list(&self) -> Result<Vec<Incident>, IncidentError> {
        let mut found = incidents(&self.control.desk.store().incident_log()?);
        found.reverse();
        Ok(found)
    }

    /// One of them. Blocks on the store.
    ///
    /// # Errors
    /// There is none, or the log cannot be read.
    pub fn one(&self, id: u64) -> Result<Incident, IncidentError> {
        self.list()?.into_iter().find(|i| i.id == id).ok_or(IncidentError::None(id))
    }

    /// Closes one; people are told. Blocks on the store.
    ///
    /// # Errors
    /// There is none, it is closed, or the disk refuses.
    pub fn close(&self, id: u64, by: &str, note: &str) -> Result<Incident, IncidentError> {
        let incident = self.one(id)?;
        if let Some(at) = incident.closed {
            return Err(IncidentError::Over(id, at.to_rfc3339()));
        }
        let now = self.clock.now();
        let what = What::Closed { note: note.to_owned() };
        let line = Line { at: now, incident: id, by: Text::from(by), what };
        self.control.desk.store().log_incident(&line)?;
        let ended = self.alert(id, incident.grade, &incident.note, incident.opened, now);
        if let Err(error) = self.desk.post(vec![ended]) {
            tracing::error!(%error, incident = id, "people were not told that it is over");
        }
        self.one(id)
    }

    /// Its timeline as Markdown: its log, changes of control and alerts meanwhile. Blocks on the store.
    ///
    /// # Errors
    /// There is none, or the store cannot be read.
    pub fn report(&self, id: u64) -> Result<String, IncidentError> {
        let incident = self.one(id)?;
        let mut meanwhile = Vec::new();
        for line in self.control.desk.history() {
            let change = line.change;
            let what = format!("change {} by {}: {}", change.id, change.author, change.reason);
            meanwhile.push(Event { at: change.at, what });
        }
        let query = TransitionQuery {
            from: Some(incident.opened),
            to: incident.closed.map(|at| UnixMicros(at.0.saturating_add(1))),
            limit: MOST_TRANSITIONS,
            ..TransitionQuery::default()
        };
        for t in self.desk.store().transitions(&query)? {
            let what = format!("alert {}: {} to {}", t.key.rule, t.from, t.to);
            meanwhile.push(Event { at: t.at, what });
        }
        Ok(report(&incident, &meanwhile))
    }

    fn next(&self) -> u64 {
        let mut last = self.last.lock();
        *last += 1;
        *last
    }

    fn tell(
        self: &Arc<Self>,
        id: u64,
        grade: Grade,
        note: &str,
    ) -> tokio::task::JoinHandle<Result<usize, crate::judge::DeskError>> {
        let now = self.clock.now();
        let ends = UnixMicros(now.0.saturating_add(TOLD_FOR));
        let (this, alert) = (Arc::clone(self), self.alert(id, grade, note, now, ends));
        tokio::task::spawn_blocking(move || this.desk.post(vec![alert]))
    }

    /// What came of handing the message over.
    async fn handed_over(
        &self,
        told: tokio::task::JoinHandle<Result<usize, crate::judge::DeskError>>,
    ) -> Step {
        let outcome = match tokio::time::timeout(QUEUED_WITHIN, told).await {
            Ok(Ok(Ok(0))) if self.told_to.is_empty() => {
                Err("it is shown as an alert and told to nobody: set alerts.posted_to".to_owned())
            }
            Ok(Ok(Ok(0))) => Ok(format!("queued for {}", self.told_to.join(", "))),
            Ok(Ok(Ok(_))) => Err("too many alerts are posted already".to_owned()),
            Ok(Ok(Err(error))) => Err(error.to_string()),
            Ok(Err(error)) => Err(error.to_string()),
            Err(_) => Err("the disk did not take the message in time; it is tried on".to_owned()),
        };
        let done = outcome.is_ok();
        Step { name: "notify", done, detail: outcome.unwrap_or_else(|why| why) }
    }

    /// What a severity asks to be switched (catalogue T7): critical everything off, high safer limits, medium nothing.
    async fn switch(&self, id: u64, grade: Grade, by: &str, note: &str) -> Option<Step> {
        let wanted = Wanted::by(by, format!("incident {id}: {note}"));
        let (name, made) = match grade {
            Grade::Critical => {
                ("rollback", self.control.desk.change(&wanted, |s| s.kill.all = true).await)
            }
            Grade::High => {
                let safer = |s: &mut _| Profile::Conservative.apply(s);
                ("conservative", self.control.desk.change(&wanted, safer).await)
            }
            Grade::Medium => return None,
        };
        let mut step = switched(name, made);
        if grade == Grade::Critical && step.done {
            let (entries, _) = self.control.memory.clear(&Purge::default(), self.clock.now());
            step.detail.push_str(&format!("; {entries} stored answers dropped"));
        }
        Some(step)
    }

    async fn watch_closer(&self, every: Micros) -> Step {
        let until = UnixMicros(self.clock.now().0.saturating_add(CLOSER_FOR));
        self.control.pace.quicken(every, until);
        let seconds = every.0 / 1_000_000;
        let detail =
            format!("uptime checks run every {seconds} s or sooner until {}", until.to_rfc3339());
        let (store, note) = (Arc::clone(self.control.desk.store()), self.control.pace.get());
        let keep = tokio::task::spawn_blocking(move || store.put_note(Pace::NOTE, &note));
        let kept = tokio::time::timeout(QUEUED_WITHIN, keep).await;
        if !matches!(kept, Ok(Ok(Ok(())))) {
            tracing::warn!("a restart would forget the closer watch");
        }
        Step { name: "intensify", done: true, detail }
    }

    async fn answered(
        self: &Arc<Self>,
        id: u64,
        (grade, by, note): (Grade, &str, &str),
        steps: Vec<Step>,
    ) -> Answered {
        let opened = What::Opened { grade, note: note.to_owned() };
        let at = self.clock.now();
        let mut lines = vec![Line { at, incident: id, by: Text::from(by), what: opened }];
        lines.extend(steps.iter().map(|step| self.line(id, by, step)));
        let logged = self.log(lines).await;
        Answered { id, steps, logged }
    }

    fn line(&self, incident: u64, by: &str, step: &Step) -> Line {
        let Step { name, done, detail } = step;
        let what = What::Step { name: Text::const_new(name), done: *done, detail: detail.clone() };
        Line { at: self.clock.now(), incident, by: Text::from(by), what }
    }

    /// Appends lines; whether the disk has them.
    async fn log(self: &Arc<Self>, lines: Vec<Line>) -> bool {
        let store = Arc::clone(self.control.desk.store());
        let write = move || lines.iter().try_for_each(|line| store.log_incident(line));
        let written = tokio::task::spawn_blocking(write);
        let why = match tokio::time::timeout(QUEUED_WITHIN, written).await {
            Ok(Ok(Ok(()))) => return true,
            Ok(Ok(Err(error))) => error.to_string(),
            Ok(Err(error)) => error.to_string(),
            Err(_) => "the disk did not take them in time".to_owned(),
        };
        tracing::error!(%why, "the incident log lacks lines");
        false
    }

    fn alert(
        &self,
        id: u64,
        grade: Grade,
        note: &str,
        starts: UnixMicros,
        ends: UnixMicros,
    ) -> PostedAlert {
        let pairs = |pairs: [(&str, String); 3]| -> BTreeMap<String, String> {
            pairs.into_iter().map(|(k, v)| (k.to_owned(), v)).collect()
        };
        let summary = format!("incident {id} ({}, {}): {note}", grade.word(), grade.level());
        let description = format!("flowgauge incident report {id} tells what was done");
        PostedAlert {
            labels: pairs([
                (NAME_LABEL, ALERT.to_owned()),
                (SEVERITY_LABEL, grade.alert().to_owned()),
                ("incident", id.to_string()),
            ]),
            annotations: pairs([
                ("summary", summary),
                ("description", description),
                ("grade", grade.word().to_owned()),
            ]),
            starts,
            ends: Some(ends),
            generator: String::new(),
        }
    }
}

fn switched(name: &'static str, made: Result<Made, Refused>) -> Step {
    match made {
        Ok(Made { change, generation, stored }) => {
            let disk = if stored { "" } else { "; not on disk yet, a restart would forget it" };
            let detail = format!("change {} in force as generation {generation}{disk}", change.id);
            Step { name, done: true, detail }
        }
        Err(Refused::Nothing) => Step { name, done: true, detail: "it was so already".to_owned() },
        Err(error) => Step { name, done: false, detail: error.to_string() },
    }
}

#[cfg(test)]
mod tests;
