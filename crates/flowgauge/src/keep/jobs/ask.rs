//! What people ask of jobs: to run one now, what one would do, and how they stand.

use super::Jobs;
use super::job::Occasion;
use crate::config::schedules::Scheduled;
use crate::judge::DeskError;
use crate::logic::call::Text;
use crate::logic::job::{JobName, NoSuchJob, Run, RunKey};
use crate::logic::schedule::Period;
use crate::logic::unit::UnixMicros;
use crate::store::{Asked, JobStore, StoreError};
use std::sync::Arc;

/// A run that somebody wants now.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// The job's word.
    pub job: String,
    /// The days it is about; the last complete ones unless said.
    pub period: Option<Period>,
    /// Channels that hear of it.
    pub channels: Vec<Text>,
    /// Who wants it.
    pub by: String,
    /// Also where it was done for these days already.
    pub again: bool,
}

/// Why a run is not planned.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// No such job.
    #[error(transparent)]
    Job(#[from] NoSuchJob),
    /// It is known, but cannot be done here.
    #[error("{0} cannot be run: this flowgauge makes no reports")]
    NotHere(JobName),
    /// The period is of another length.
    #[error(
        "{job} is about one {wants}, and {got} is a {is}; leave it out for the last complete one"
    )]
    Length {
        /// The job.
        job: JobName,
        /// What it is about.
        wants: &'static str,
        /// What was asked for.
        got: Period,
        /// What that is.
        is: &'static str,
    },
    /// The days are not over, or not in the calendar.
    #[error("{0} is not over yet; leave it out for the last complete one")]
    NotOver(Period),
    /// No such channel.
    #[error(transparent)]
    Channel(DeskError),
    /// The ledger refuses.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A job as it stands.
#[derive(Debug, Clone)]
pub struct Listed {
    /// Its name.
    pub job: JobName,
    /// Its timetable; nothing where it only runs when asked.
    pub schedule: Option<Scheduled>,
    /// When it is due next.
    pub next: Option<UnixMicros>,
    /// Its last run.
    pub last: Option<Run>,
}

/// What a run would be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Foreseen {
    /// What it would be about.
    pub key: RunKey,
    /// Each step and what it would do.
    pub steps: Vec<(&'static str, String)>,
}

/// Jobs once for each of their timetables, with their last run, where there is a ledger.
///
/// # Errors
/// The ledger cannot be read.
pub fn list(
    names: &[JobName],
    schedules: &[Scheduled],
    store: Option<&JobStore>,
    now: UnixMicros,
) -> Result<Vec<Listed>, StoreError> {
    let mut all = Vec::new();
    for job in names {
        let last = store.map(|s| s.history(Some(job.word()), 1)).transpose()?;
        let last = last.and_then(|runs| runs.into_iter().next());
        let plain = Listed { job: *job, schedule: None, next: None, last };
        let before = all.len();
        for s in schedules.iter().filter(|s| s.job == *job) {
            let next = s.when.next_after(now);
            all.push(Listed { schedule: Some(s.clone()), next, ..plain.clone() });
        }
        if all.len() == before {
            all.push(plain);
        }
    }
    Ok(all)
}

impl Jobs {
    /// Plans a run now, or finds the one there is.
    ///
    /// # Errors
    /// There is no such job here, the days do not fit it, or the ledger refuses.
    pub async fn ask(self: &Arc<Self>, wanted: Wanted) -> Result<Asked, AskError> {
        let (_, key) = self.key(&wanted)?;
        self.desk.know_channels(&key.recipients).map_err(AskError::Channel)?;
        let run = Run::pending(key, self.clock.now(), Some(Text::from(wanted.by)));
        let asked = self.on_disk(move |store| store.ask(&run, wanted.again)).await?;
        self.bell.notify_one();
        Ok(asked)
    }

    /// What a run would do, without doing it.
    ///
    /// # Errors
    /// As [`Jobs::ask`].
    pub async fn foresee(self: &Arc<Self>, wanted: Wanted) -> Result<Foreseen, AskError> {
        let (name, key) = self.key(&wanted)?;
        let job = Arc::clone(self.jobs.get(&name).ok_or(AskError::NotHere(name))?);
        let zone = self.zone_of(&key);
        let window = key.period.window(zone).ok_or(AskError::NotOver(key.period))?;
        let due = self.clock.now();
        let occasion = Occasion { key: key.clone(), window, zone, due, by: wanted.by };
        let steps = self.on_disk(move |_| {
            let would = |name: &str, about: &str| {
                job.foresee(name, &occasion).unwrap_or_else(|| about.to_owned())
            };
            Ok(job.steps().iter().map(|s| (s.name, would(s.name, s.about))).collect())
        });
        Ok(Foreseen { key, steps: steps.await? })
    }

    /// Every job, once for each of its timetables.
    ///
    /// # Errors
    /// The ledger cannot be read.
    pub async fn listed(self: &Arc<Self>) -> Result<Vec<Listed>, StoreError> {
        let (jobs, now) = (Arc::clone(self), self.clock.now());
        let names: Vec<JobName> = self.jobs.keys().copied().collect();
        self.on_disk(move |store| list(&names, &jobs.schedules, Some(store), now)).await
    }

    /// Runs of a job or of all, the latest first.
    ///
    /// # Errors
    /// The ledger cannot be read.
    pub async fn history(&self, job: Option<String>, limit: usize) -> Result<Vec<Run>, StoreError> {
        self.on_disk(move |store| store.history(job.as_deref(), limit)).await
    }

    /// One run.
    ///
    /// # Errors
    /// The ledger cannot be read.
    pub async fn get(&self, id: i64) -> Result<Option<Run>, StoreError> {
        self.on_disk(move |store| store.get(id)).await
    }

    fn key(&self, wanted: &Wanted) -> Result<(JobName, RunKey), AskError> {
        let name: JobName = wanted.job.parse()?;
        if !self.jobs.contains_key(&name) {
            return Err(AskError::NotHere(name));
        }
        let now = self.clock.now();
        let last = Period::complete_before(now, name.every(), self.zone);
        let period = match (wanted.period, last) {
            (Some(asked), _) => asked,
            (None, Some(last)) => last,
            // Outside the calendar there are no days to ask for.
            (None, None) => return Err(AskError::NotHere(name)),
        };
        if period.every != name.every() {
            let (wants, is) = (name.every().word(), period.every.word());
            return Err(AskError::Length { job: name, wants, got: period, is });
        }
        if period.window(self.zone).is_none_or(|w| w.to > now) {
            return Err(AskError::NotOver(period));
        }
        Ok((name, RunKey::new(name.word(), period, &wanted.channels)))
    }
}
