//! The one task that runs jobs.

use super::job::{Job, Occasion};
use super::{Jobs, Scheduled};
use crate::logic::job::{self, JobName, Outcome, Run, RunKey, Turn, Turns, next_step};
use crate::logic::unit::UnixMicros;
use crate::store::{JobStore, JobTurn, StoreError};
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Timetables count in minutes; looked at twice in each.
const LOOK_EVERY: Duration = Duration::from_secs(30);
/// What a timetable is called where somebody asks who wanted a run.
const BY_TIMETABLE: &str = "its timetable";

impl Jobs {
    /// Runs what is due until told to stop. A step that is being done then is done again after the
    /// next start.
    pub async fn run(self: Arc<Self>, stop: CancellationToken) {
        loop {
            if let Err(error) = self.look(&stop).await {
                tracing::error!(%error, "jobs cannot be worked on; trying again");
            }
            tokio::select! {
                () = stop.cancelled() => return,
                () = self.bell.notified() => {}
                () = tokio::time::sleep(LOOK_EVERY) => {}
            }
        }
    }

    /// Plans what became due, and runs what waits: jobs take turns, and what becomes due meanwhile has its own.
    ///
    /// # Errors
    /// The ledger refuses; nothing was done that it does not know of.
    pub async fn look(self: &Arc<Self>, stop: &CancellationToken) -> Result<(), StoreError> {
        let (waiting, now) = self.waiting().await?;
        if !waiting.iter().any(|run| run.not_before <= now) {
            return Ok(());
        }
        let Some(turn) = self.on_disk(JobStore::take_turn).await? else {
            tracing::info!("another process runs a job of this data directory; waiting for it");
            return Ok(());
        };
        let turn = Arc::new(turn);
        let mut turns = Turns::default();
        while !stop.is_cancelled() {
            // Read anew: another may have ended some before the turn came.
            let (waiting, now) = self.waiting().await?;
            let Some(run) = turns.next(waiting, now) else { break };
            self.take_up(&turn, run, stop).await?;
        }
        Ok(())
    }

    /// Everything that waits, with what timetables ask for up to now.
    async fn waiting(self: &Arc<Self>) -> Result<(Vec<Run>, UnixMicros), StoreError> {
        let (jobs, now) = (Arc::clone(self), self.clock.now());
        self.on_disk(move |_| jobs.plan(now)).await?;
        Ok((self.on_disk(JobStore::unfinished).await?, now))
    }

    /// Plans what timetables ask for since they were looked at last.
    fn plan(&self, now: UnixMicros) -> Result<(), StoreError> {
        for scheduled in &self.schedules {
            let Some(mark) = self.store.mark(&scheduled.name)? else {
                // It is new: what was due before it was is not missed.
                self.store.plan(&scheduled.name, now, &[])?;
                continue;
            };
            let planned =
                job::plan(&scheduled.when, scheduled.job.every(), (mark, now), scheduled.catch_up);
            let mut runs: Vec<Run> = Vec::new();
            for (period, due) in &planned.skipped {
                let why = "missed, and longer ago than is caught up";
                runs.push(Run::skipped(key(scheduled, *period), *due, now, why));
            }
            let waiting =
                planned.run.iter().map(|(p, due)| Run::pending(key(scheduled, *p), *due, None));
            runs.extend(waiting);
            if runs.is_empty() {
                continue;
            }
            if !planned.skipped.is_empty() {
                let (schedule, periods) = (&scheduled.name, planned.skipped.len());
                tracing::warn!(%schedule, periods, "missed periods are not caught up; they are noted as skipped");
            }
            self.store.plan(&scheduled.name, now, &runs)?;
        }
        Ok(())
    }

    async fn take_up(
        self: &Arc<Self>,
        turn: &Arc<JobTurn>,
        mut run: Run,
        stop: &CancellationToken,
    ) -> Result<(), StoreError> {
        let job = run.key.job.parse::<JobName>().ok().and_then(|name| self.jobs.get(&name));
        let (Some(job), Some(occasion)) = (job, self.occasion(&run)) else {
            run.give_up(self.clock.now(), format!("there is no job {} here", run.key.job));
            return self.told(turn, run).await;
        };
        // What is given up is told before it is noted: once it is noted nobody takes it up again.
        if !run.begin(job.steps(), self.clock.now()) {
            return self.told(turn, run).await;
        }
        self.put(turn, &run).await?;
        let (job, occasion) = (Arc::clone(job), Arc::new(occasion));
        loop {
            match next_step(job.steps(), &run.steps) {
                Turn::Do(name) => {
                    run.step_begins(name, self.clock.now());
                    self.put(turn, &run).await?;
                    let Some(outcome) = done(&job, name, &occasion, stop).await else {
                        return Ok(());
                    };
                    run.step_ends(name, outcome, self.clock.now());
                }
                Turn::Block(name, why) => run.step_blocked(name, why, self.clock.now()),
                Turn::End => break,
            }
            self.put(turn, &run).await?;
        }
        run.end(self.clock.now());
        self.told(turn, run).await
    }

    /// Plans what recipients hear of a run that is over, then keeps that it is.
    async fn told(self: &Arc<Self>, turn: &Arc<JobTurn>, run: Run) -> Result<(), StoreError> {
        let state = run.state.word();
        tracing::info!(job = %run.key.job, period = %run.key.period, state, note = %run.note, "a job ended");
        if run.state.is_over() {
            let (desk, run) = (Arc::clone(&self.desk), run.clone());
            self.on_disk(move |_| super::tell::ended(&desk, &run)).await?;
        }
        self.put(turn, &run).await
    }

    /// What a run is about; nothing where its days are outside the calendar.
    fn occasion(&self, run: &Run) -> Option<Occasion> {
        let zone = self.zone_of(&run.key);
        let by = run.by.as_ref().map_or_else(|| BY_TIMETABLE.to_owned(), ToString::to_string);
        let window = run.key.period.window(zone)?;
        Some(Occasion { key: run.key.clone(), window, zone, due: run.due, by })
    }

    /// The zone of the timetable that a run is of, else the reporting zone.
    pub(super) fn zone_of(&self, key: &RunKey) -> chrono_tz::Tz {
        let first = RunKey { again: 0, ..key.clone() };
        let same = |s: &&Scheduled| self::key(s, key.period) == first;
        self.schedules.iter().find(same).map_or(self.zone, |s| s.when.zone())
    }

    async fn put(&self, turn: &Arc<JobTurn>, run: &Run) -> Result<(), StoreError> {
        let (turn, run) = (Arc::clone(turn), run.clone());
        self.on_disk(move |store| store.put(&turn, &run)).await
    }

    /// Asks the ledger, off the async threads.
    pub(super) async fn on_disk<T, F>(&self, ask: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&JobStore) -> Result<T, StoreError> + Send + 'static,
    {
        let store = Arc::clone(&self.store);
        let asked = tokio::task::spawn_blocking(move || ask(&store)).await;
        asked.unwrap_or_else(|e| Err(StoreError::io("working on the ledger of jobs")(e)))
    }
}

/// What a timetable asks for a period.
fn key(scheduled: &Scheduled, period: crate::logic::schedule::Period) -> RunKey {
    RunKey::new(scheduled.job.word(), period, &scheduled.channels)
}

/// Does a step in a task of its own, so that a panic ends the step and not the driver. Nothing where
/// flowgauge stops meanwhile.
async fn done(
    job: &Arc<dyn Job>,
    name: &'static str,
    occasion: &Arc<Occasion>,
    stop: &CancellationToken,
) -> Option<Outcome> {
    let mut task = tokio::task::JoinSet::new();
    task.spawn(Arc::clone(job).step(name, Arc::clone(occasion)));
    tokio::select! {
        () = stop.cancelled() => None,
        ended = task.join_next() => Some(match ended {
            Some(Ok(outcome)) => outcome,
            Some(Err(e)) => Outcome::failed(format!("it ended without an outcome: {e}")),
            None => Outcome::failed("it ended without an outcome"),
        }),
    }
}
