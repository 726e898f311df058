//! `/api/v1/jobs`: what is done once per period, when it is due, what came of it, and doing it now.

use super::ask::Params;
use super::{App, Problem};
use crate::keep::jobs::{AskError, Foreseen, Listed, Wanted};
use crate::logic::call::Text;
use crate::logic::job::{JobName, Run, RunState, Step, StepState};
use crate::logic::schedule::Period;
use crate::store::{Asked, StoreError};
use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use http::StatusCode;
use serde::{Deserialize, Serialize};

/// Runs listed unless asked otherwise, and at most.
const LISTED: (usize, usize) = (20, 1_000);

/// A job, once for each of its timetables.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct JobView {
    /// Its name.
    pub job: String,
    /// What it does.
    pub about: String,
    /// Length of the period one run is about: day, week or month.
    pub every: String,
    /// Name of the timetable; `null` where it only runs when asked.
    pub schedule: Option<String>,
    /// The timetable in words.
    pub when: Option<String>,
    /// Channels that hear of it.
    pub channels: Vec<String>,
    /// When it is due next.
    pub next: Option<String>,
    /// Its last run.
    pub last: Option<RunView>,
}

/// A run of a job.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct RunView {
    /// Its number.
    pub id: i64,
    /// The job.
    pub job: String,
    /// The days it is about.
    pub period: String,
    /// Channels that hear of it.
    pub channels: Vec<String>,
    /// 0, or the how-manieth repetition.
    pub again: u32,
    /// pending, running, done, failed or skipped.
    pub state: String,
    /// Whether any step found something to look at.
    pub found: bool,
    /// When it was due, or asked for.
    pub due: String,
    /// Who asked for it; `null` where a timetable did.
    pub by: Option<String>,
    /// Times it was begun.
    pub attempts: u32,
    /// When it was begun last.
    pub started: Option<String>,
    /// When it was over.
    pub ended: Option<String>,
    /// What is to be said of it as a whole.
    pub note: String,
    /// Its steps, in order.
    pub steps: Vec<StepView>,
}

/// A step of a run.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct StepView {
    /// Its name.
    pub step: String,
    /// waiting, running, done, finding, failed, skipped or blocked.
    pub state: String,
    /// What came of it, or why nothing did.
    pub detail: String,
    /// When it began last.
    pub started: Option<String>,
    /// When it ended.
    pub ended: Option<String>,
}

/// A run to make.
#[derive(Debug, Clone, Default, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct WantedRun {
    /// The days it is about, e.g. `2026-10`; the last complete ones unless given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub period: Option<String>,
    /// Channels that hear of it; nobody unless given.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub channels: Vec<String>,
    /// Who wants it.
    pub by: String,
    /// Also where it was done for these days already.
    pub again: bool,
    /// Say what it would do, and do nothing.
    pub dry_run: bool,
}

/// What came of asking for a run.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct RunAnswer {
    /// Whether it is new; else there was one of this job, period and channels.
    pub planned: bool,
    /// The run; `null` in a dry run.
    pub run: Option<RunView>,
    /// In a dry run: what each step would do.
    pub would: Vec<StepView>,
}

impl From<&Listed> for JobView {
    fn from(listed: &Listed) -> Self {
        let Listed { job, schedule, next, last } = listed;
        let channels = schedule.iter().flat_map(|s| &s.channels).map(ToString::to_string);
        Self {
            job: job.to_string(),
            about: job.about().to_owned(),
            every: job.every().word().to_owned(),
            schedule: schedule.as_ref().map(|s| s.name.clone()),
            when: schedule.as_ref().map(|s| s.when.to_string()),
            channels: channels.collect(),
            next: next.map(|t| t.to_rfc3339()),
            last: last.as_ref().map(RunView::from),
        }
    }
}

impl From<&Run> for RunView {
    fn from(run: &Run) -> Self {
        let Run { id, key, state, due, by, attempts, started, ended, steps, note, .. } = run;
        Self {
            id: *id,
            job: key.job.to_string(),
            period: key.period.to_string(),
            channels: key.recipients.iter().map(ToString::to_string).collect(),
            again: key.again,
            state: state.word().to_owned(),
            found: run.with(StepState::Finding).next().is_some(),
            due: due.to_rfc3339(),
            by: by.as_ref().map(ToString::to_string),
            attempts: *attempts,
            started: started.map(|t| t.to_rfc3339()),
            ended: ended.map(|t| t.to_rfc3339()),
            note: note.clone(),
            steps: steps.iter().map(StepView::from).collect(),
        }
    }
}

impl From<&Step> for StepView {
    fn from(step: &Step) -> Self {
        Self {
            step: step.name.clone(),
            state: step.state.word().to_owned(),
            detail: step.detail.clone(),
            started: step.started.map(|t| t.to_rfc3339()),
            ended: step.ended.map(|t| t.to_rfc3339()),
        }
    }
}

impl RunView {
    /// Whether nothing more happens by itself.
    #[must_use]
    pub fn is_over(&self) -> bool {
        let over = [RunState::Done, RunState::Failed, RunState::Skipped];
        over.iter().any(|state| state.word() == self.state)
    }

    /// Whether it was done, whatever it found.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.state == RunState::Done.word()
    }

    /// Whether it was begun.
    #[must_use]
    pub fn is_begun(&self) -> bool {
        self.attempts > 0
    }
}

/// Every job, its timetables, when it is due next and what came of it last.
#[utoipa::path(get, path = "/api/v1/jobs", tag = "jobs",
    responses((status = 200, body = Vec<JobView>)))]
pub(super) async fn list(
    State(app): State<App>,
    params: Params,
) -> Result<Json<Vec<JobView>>, Problem> {
    params.only(&[], &[])?;
    let listed = app.jobs.listed().await.map_err(|e| failed(&e))?;
    Ok(Json(listed.iter().map(JobView::from).collect()))
}

/// Runs, the latest first.
#[utoipa::path(get, path = "/api/v1/jobs/history", tag = "jobs",
    params(("job" = Option<String>, Query, description = "Only of this job"),
        ("limit" = Option<usize>, Query, description = "At most so many; 20 unless given")),
    responses((status = 200, body = Vec<RunView>),
        (status = 400, body = Problem, content_type = "application/problem+json")))]
pub(super) async fn history(
    State(app): State<App>,
    params: Params,
) -> Result<Json<Vec<RunView>>, Problem> {
    params.only(&["job", "limit"], &[])?;
    let limit = params.number("limit", LISTED.0, LISTED.1)?;
    let job = match params.one("job")? {
        Some(text) => {
            let job = text.parse::<JobName>();
            Some(job.map_err(|e| Problem::field("job", text, e.to_string()))?.to_string())
        }
        None => None,
    };
    let runs = app.jobs.history(job, limit).await.map_err(|e| failed(&e))?;
    Ok(Json(runs.iter().map(RunView::from).collect()))
}

/// One run with its steps.
#[utoipa::path(get, path = "/api/v1/jobs/runs/{id}", tag = "jobs",
    params(("id" = i64, Path, description = "Its number")),
    responses((status = 200, body = RunView),
        (status = 404, body = Problem, content_type = "application/problem+json")))]
pub(super) async fn one(
    State(app): State<App>,
    Path(id): Path<i64>,
    params: Params,
) -> Result<Json<RunView>, Problem> {
    params.only(&[], &[])?;
    let run = app.jobs.get(id).await.map_err(|e| failed(&e))?;
    let none = || {
        let detail = format!("no run {id}; GET /api/v1/jobs/history lists the latest");
        Problem::new(StatusCode::NOT_FOUND, detail)
    };
    Ok(Json(RunView::from(&run.ok_or_else(none)?)))
}

/// Runs a job now, once for its period and channels; it runs on after the answer.
#[utoipa::path(post, path = "/api/v1/jobs/{job}/runs", tag = "jobs", request_body = WantedRun,
    params(("job" = String, Path, description = "Name of the job")),
    responses((status = 200, body = RunAnswer, description = "It was there already, or a dry run"),
        (status = 202, body = RunAnswer, description = "It is planned, and begins at once unless another runs"),
        (status = 400, body = Problem, content_type = "application/problem+json"),
        (status = 404, body = Problem, content_type = "application/problem+json")))]
pub(super) async fn run(
    State(app): State<App>,
    Path(job): Path<String>,
    params: Params,
    body: Bytes,
) -> Result<(StatusCode, Json<RunAnswer>), Problem> {
    params.only(&[], &[])?;
    let asked = wanted(job, &body)?;
    let (wanted, dry_run) = asked;
    if dry_run {
        let foreseen = app.jobs.foresee(wanted).await.map_err(refused)?;
        return Ok((StatusCode::OK, Json(would(foreseen))));
    }
    let asked = app.jobs.ask(wanted).await.map_err(refused)?;
    let planned = matches!(asked, Asked::Planned(_));
    let status = if planned { StatusCode::ACCEPTED } else { StatusCode::OK };
    let run = Some(RunView::from(asked.run()));
    Ok((status, Json(RunAnswer { planned, run, would: Vec::new() })))
}

fn wanted(job: String, body: &Bytes) -> Result<(Wanted, bool), Problem> {
    let asked: WantedRun = if body.is_empty() {
        WantedRun::default()
    } else {
        serde_json::from_slice(body).map_err(|e| Problem::field("body", "", e.to_string()))?
    };
    let period = asked.period.as_deref().map(|text| {
        text.parse::<Period>().map_err(|e| Problem::field("body.period", text, e.to_string()))
    });
    let by = if asked.by.is_empty() { "somebody with a key".to_owned() } else { asked.by };
    let channels = asked.channels.into_iter().map(Text::from).collect();
    let wanted = Wanted { job, period: period.transpose()?, channels, by, again: asked.again };
    Ok((wanted, asked.dry_run))
}

fn would(foreseen: Foreseen) -> RunAnswer {
    let step = |(name, detail): (&str, String)| StepView {
        step: name.to_owned(),
        state: "would".to_owned(),
        detail,
        started: None,
        ended: None,
    };
    let would = foreseen.steps.into_iter().map(step).collect();
    RunAnswer { planned: false, run: None, would }
}

fn refused(error: AskError) -> Problem {
    match &error {
        AskError::Job(_) | AskError::NotHere(_) => {
            Problem::new(StatusCode::NOT_FOUND, error.to_string())
        }
        AskError::Length { got: period, .. } | AskError::NotOver(period) => {
            Problem::field("body.period", &period.to_string(), error.to_string())
        }
        AskError::Channel(e) => Problem::field("body.channels", "", e.to_string()),
        AskError::Store(e) => failed(e),
    }
}

fn failed(error: &StoreError) -> Problem {
    tracing::warn!(%error, "the ledger of jobs did not answer");
    Problem::new(StatusCode::INTERNAL_SERVER_ERROR, error.to_string())
}
