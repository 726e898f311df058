//! Incidents of a running server: opened, answered, watched more closely, closed, and told as a timeline.
//!
//! Owns the steps of the emergency response (catalogue T7, S43) that are not the rollback's: the message is handed over
//! first, then the log says what came of each step. Refuses to pretend: a hook that is not configured is refused, and
//! a step that failed says so.

mod hook;
mod responses;
mod rollback;

pub use hook::{HookError, Outcome, Which};
pub use rollback::{Affected, Telling};

use crate::config::Hooks;
use crate::control::{Control, Made, Pace, Wanted};
use crate::judge::Desk;
use crate::judge::desk::PostedAlert;
use crate::logic::alert::silence::{NAME_LABEL, SEVERITY_LABEL};
use crate::logic::call::Text;
use crate::logic::control::state::{Profile, Refused};
use crate::logic::incident::{Event, Grade, Incident, Line, What, incidents, report};
use crate::logic::unit::{Micros, UnixMicros};
use crate::serve::clock::Clock;
use crate::store::{StoreError, TransitionQuery};
use parking_lot::Mutex;
use responses::Responses;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
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
    pub name: Text,
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
    /// Held in memory, so that an emergency needs no disk.
    numbers: Mutex<Numbers>,
    responses: Responses,
}

/// Numbers of incidents.
#[derive(Debug, Default)]
struct Numbers {
    last: u64,
    open: BTreeSet<u64>,
}

/// An incident that was opened and is being answered: people are being told.
#[derive(Debug)]
pub struct Opened {
    /// Its number.
    pub id: u64,
    grade: Grade,
    by: String,
    note: String,
    told: Telling,
}

impl Opened {
    /// Why whatever is done about it is done.
    #[must_use]
    pub fn reason(&self) -> String {
        format!("incident {}: {}", self.id, self.note)
    }
}

impl Incidents {
    /// Counts the incidents there were.
    ///
    /// # Errors
    /// The log cannot be read.
    pub fn open(
        dir: &Path,
        control: Arc<Control>,
        desk: Arc<Desk>,
        clock: Clock,
        hooks: Hooks,
        told_to: Vec<Text>,
    ) -> Result<Arc<Self>, StoreError> {
        let log: Vec<Line> = control.desk.store().incident_log()?;
        let last = log.iter().map(|l| l.incident).max().unwrap_or(0);
        let open = incidents(&log).iter().filter(|i| i.closed.is_none()).map(|i| i.id).collect();
        let numbers = Mutex::new(Numbers { last, open });
        let responses = Responses::of(dir);
        Ok(Arc::new(Self { control, desk, clock, hooks, told_to, numbers, responses }))
    }

    /// Opens an incident: the message is on its way before anything else is done.
    pub fn begin(self: &Arc<Self>, grade: Grade, by: &str, note: &str) -> Opened {
        let id = self.next();
        let now = self.clock.now();
        let ends = UnixMicros(now.0.saturating_add(TOLD_FOR));
        let told = self.hand_over(self.alert(id, grade, note, now, ends));
        Opened { id, grade, by: by.to_owned(), note: note.to_owned(), told }
    }

    /// Sets safer limits (catalogue C46), in answer to an incident.
    pub async fn conservative(&self, opened: &Opened) -> Step {
        let wanted = Wanted::by(opened.by.as_str(), opened.reason());
        let safer = |s: &mut _| Profile::Conservative.apply(s);
        switched("conservative", self.control.desk.change(&wanted, safer).await)
    }

    /// Watches closer, says whether people were told, and logs all of it: the end of an answer, and its one line among
    /// the responses.
    pub async fn finish(self: &Arc<Self>, opened: Opened, mut steps: Vec<Step>) -> Answered {
        let grade = opened.grade;
        steps.push(self.watch_closer(if grade == Grade::Medium { MEDIUM } else { HIGH }).await);
        let Opened { id, by, note, told, .. } = opened;
        steps.insert(0, self.heard(told).await);
        let line = responses::line(self.clock.now(), grade, id, (&by, &note), &steps);
        let written = self.responses.append(line).await;
        let logged = self.answered(id, (grade, &by, &note), &steps).await;
        Answered { id, steps, logged: logged && written }
    }

    /// Opens an incident and watches closer; nothing is switched.
    pub async fn start(self: &Arc<Self>, grade: Grade, by: &str, note: &str) -> Answered {
        let Opened { id, told, .. } = self.begin(grade, by, note);
        let closer = self.watch_closer(if grade == Grade::Medium { MEDIUM } else { HIGH }).await;
        let steps = vec![self.heard(told).await, closer];
        let logged = self.answered(id, (grade, by, note), &steps).await;
        Answered { id, steps, logged }
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
        let step = Step {
            name: Text::const_new(which.word()),
            done: outcome.is_good(),
            detail: outcome.to_string(),
        };
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
        self.numbers.lock().open.remove(&id);
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
        let mut numbers = self.numbers.lock();
        numbers.last += 1;
        let id = numbers.last;
        numbers.open.insert(id);
        id
    }

    /// The latest incident that is open.
    #[must_use]
    pub fn latest_open(&self) -> Option<u64> {
        self.numbers.lock().open.last().copied()
    }

    async fn watch_closer(&self, every: Micros) -> Step {
        let until = UnixMicros(self.clock.now().0.saturating_add(CLOSER_FOR));
        self.control.pace.quicken(every, until);
        let seconds = every.0 / 1_000_000;
        let detail = format!(
            "uptime checks run every {seconds} s or sooner and four times as many answers are scored until {}",
            until.to_rfc3339()
        );
        let (store, note) = (Arc::clone(self.control.desk.store()), self.control.pace.get());
        let keep = tokio::task::spawn_blocking(move || store.put_note(Pace::NOTE, &note));
        let kept = tokio::time::timeout(QUEUED_WITHIN, keep).await;
        if !matches!(kept, Ok(Ok(Ok(())))) {
            tracing::warn!("a restart would forget the closer watch");
        }
        Step { name: Text::const_new("intensify"), done: true, detail }
    }

    async fn answered(
        self: &Arc<Self>,
        id: u64,
        (grade, by, note): (Grade, &str, &str),
        steps: &[Step],
    ) -> bool {
        let opened = What::Opened { grade, note: note.to_owned() };
        let at = self.clock.now();
        let mut lines = vec![Line { at, incident: id, by: Text::from(by), what: opened }];
        lines.extend(steps.iter().map(|step| self.line(id, by, step)));
        self.log(lines).await
    }

    fn line(&self, incident: u64, by: &str, step: &Step) -> Line {
        let Step { name, done, detail } = step;
        let what = What::Step { name: name.clone(), done: *done, detail: detail.clone() };
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
    let name = Text::const_new(name);
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
