//! `GET /api/v1/reports`: which reports there are, what jobs made and kept, when the next are due, what became of those
//! that were sent; and the kept files themselves.
//!
//! Refuses names that leave the folder of reports.

use super::super::alerts::deliveries::DeliveryView;
use super::super::ask::Params;
use super::super::jobs::JobView;
use super::super::{App, Problem};
use crate::keep::jobs::Listed;
use crate::logic::job::{JobName, Run, RunState};
use crate::logic::report::Kind;
use crate::logic::schedule::Period;
use crate::logic::unit::UnixMicros;
use crate::query::report::{self, Format};
use crate::store::{AlertStore, StoreError};
use axum::Json;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::response::Response;
use http::{HeaderValue, StatusCode, header};
use serde::{Deserialize, Serialize};
use std::path::Path as Folder;

/// Folder of reports inside the data directory, as jobs fill it.
pub(in crate::tell::page) const FOLDER: &str = "reports";
/// Periods of a kind that are listed, the latest: a quarter of daily ones.
const LISTED: usize = 92;
/// Runs of a job whose deliveries are listed.
const RUNS: usize = 20;
/// Largest file handed out at once; a report with everything is far smaller.
const MAX_FILE: u64 = 64 << 20;

/// Everything about reports.
#[derive(Debug, Clone, Default, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ReportsView {
    /// The kinds that can be made.
    pub kinds: Vec<KindView>,
    /// What jobs made and kept, the latest period first.
    pub archive: Vec<KeptView>,
    /// Jobs that make reports, their timetables and when they are due next.
    pub schedules: Vec<JobView>,
    /// Runs that were to be sent, the latest first, and what became of each message.
    pub deliveries: Vec<SentView>,
}

/// A kind of report.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct KindView {
    /// Its name in addresses and commands.
    pub kind: String,
    /// What it is, in a line.
    pub about: String,
    /// Length of its period: day, week or month.
    pub every: String,
    /// The last complete period, and the one that is not over.
    pub period: Option<String>,
    /// The period that is not over yet; a report of it is marked as partial.
    pub current: Option<String>,
    /// Formats it can be had in.
    pub formats: Vec<String>,
    /// Where it is made now, of the last complete period.
    pub href: String,
    /// Where the preview is made: of the period that is not over.
    pub preview: String,
}

/// A report that was kept.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct KeptView {
    /// The kind.
    pub kind: String,
    /// Its period.
    pub period: String,
    /// Its files.
    pub files: Vec<KeptFile>,
}

/// A file of a kept report.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct KeptFile {
    /// Its name.
    pub name: String,
    /// Its format.
    pub format: String,
    /// Bytes.
    pub bytes: u64,
    /// When it was written.
    pub made: Option<String>,
    /// Where it is downloaded.
    pub href: String,
}

/// A run whose report was to be sent.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct SentView {
    /// The run's number.
    pub run: i64,
    /// The job.
    pub job: String,
    /// The period.
    pub period: String,
    /// pending, running, done, failed or skipped.
    pub state: String,
    /// When it was due.
    pub due: String,
    /// Whom it is for.
    pub channels: Vec<String>,
    /// One for each channel.
    pub messages: Vec<DeliveryView>,
}

/// Kinds, kept reports, timetables and deliveries.
#[utoipa::path(get, path = "/api/v1/reports", tag = "reports",
    responses((status = 200, body = ReportsView)))]
pub(in crate::tell::page) async fn overview(
    State(app): State<App>,
    params: Params,
) -> Result<Json<ReportsView>, Problem> {
    params.only(&[], &[])?;
    let listed = app.jobs.listed().await.map_err(|e| failed(&e))?;
    let schedules = listed.iter().filter(|l: &&Listed| l.job.is_report()).map(JobView::from);
    let schedules: Vec<JobView> = schedules.collect();
    let mut runs = Vec::new();
    for job in JobName::ALL.into_iter().filter(|j| j.is_report()) {
        runs.extend(
            app.jobs.history(Some(job.word().to_owned()), RUNS).await.map_err(|e| failed(&e))?,
        );
    }
    runs.sort_by_key(|r| std::cmp::Reverse((r.due, r.id)));
    let (now, zone) = (app.clock.now(), app.facts.zone);
    let dir = app.facts.data_dir.clone();
    let rest = tokio::task::spawn_blocking(move || {
        let archive = archive(&dir.join(FOLDER));
        sent(&dir, &runs).map(|deliveries| (archive, deliveries))
    });
    let (archive, deliveries) = rest
        .await
        .map_err(|e| Problem::later(format!("the folder of reports was not read: {e}"), 5))?
        .map_err(|e| failed(&e))?;
    let kinds = Kind::ALL.into_iter().map(|kind| described(kind, now, zone)).collect();
    Ok(Json(ReportsView { kinds, archive, schedules, deliveries }))
}

/// A file that a job made and kept.
#[utoipa::path(get, path = "/api/v1/reports/{kind}/{period}/{file}", tag = "reports",
    params(("kind" = String, Path, description = "daily, weekly, …"),
        ("period" = String, Path, description = "As the listing names it"),
        ("file" = String, Path, description = "As the listing names it")),
    responses((status = 200, body = String, content_type = "application/pdf", description = "The file"),
        (status = 404, body = Problem, content_type = "application/problem+json")))]
pub(in crate::tell::page) async fn kept(
    State(app): State<App>,
    Path((kind, period, file)): Path<(String, String, String)>,
    params: Params,
) -> Result<Response, Problem> {
    params.only(&[], &[])?;
    let none = || {
        let told = "no such file; GET /api/v1/reports lists those that are kept";
        Problem::new(StatusCode::NOT_FOUND, told)
    };
    let plain = |name: &str| {
        let only = Folder::new(name).file_name().is_some_and(|n| n == name);
        only && !name.starts_with('.') && !name.contains(['\\', '\0'])
    };
    let known = report::kind_of(&kind).is_some() && period.parse::<Period>().is_ok();
    if !known || !plain(&file) {
        return Err(none());
    }
    let format = suffix(&file).and_then(Format::of_word).ok_or_else(none)?;
    let path = app.facts.data_dir.join(FOLDER).join(&kind).join(&period).join(&file);
    let read = tokio::task::spawn_blocking(move || {
        let small =
            std::fs::symlink_metadata(&path).is_ok_and(|m| m.is_file() && m.len() <= MAX_FILE);
        small.then(|| std::fs::read(&path).ok()).flatten()
    });
    let bytes = read.await.ok().flatten().ok_or_else(none)?;
    let mut response = Response::new(Body::from(bytes));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(format.mime()));
    // A kept report is a file somebody else's words may be in: it is not to run on our page.
    let named = format!("attachment; filename=\"{}\"", file.replace('"', ""));
    if let Ok(value) = HeaderValue::from_str(&named) {
        headers.insert(header::CONTENT_DISPOSITION, value);
    }
    Ok(response)
}

fn suffix(file: &str) -> Option<&str> {
    file.rsplit_once('.').map(|(_, suffix)| suffix)
}

fn described(kind: Kind, now: UnixMicros, zone: chrono_tz::Tz) -> KindView {
    let every = report::every(kind);
    let formats = Format::ALL.into_iter().filter(|f| *f != Format::Pdf || cfg!(feature = "pdf"));
    let name = kind.name();
    KindView {
        kind: name.to_owned(),
        about: about(kind).to_owned(),
        every: every.word().to_owned(),
        period: Period::complete_before(now, every, zone).map(|p: Period| p.to_string()),
        current: report::current(now, every, zone).map(|p| p.to_string()),
        formats: formats.map(|f| f.word().to_owned()).collect(),
        href: format!("/api/v1/reports/{name}"),
        preview: format!("/api/v1/reports/{name}?period=current"),
    }
}

const fn about(kind: Kind) -> &'static str {
    match kind {
        Kind::Daily => "one day: key figures, what changed, what got worse, what it cost",
        Kind::Weekly => "seven complete days, with week on week, limits and alert noise",
        Kind::Monthly => "a calendar month, with trends, costs, forecast and objectives",
        Kind::Cost => "what a month cost, what was saved, and what that returns",
        Kind::Recommendations => "what to change, each with evidence, effect, risk and command",
        Kind::Executive => "one page for those who decide",
        Kind::Comprehensive => "all analyses of a month in one",
        Kind::Documentation => "the present state of targets, rules, baselines and settings",
    }
}

/// Folders are kind, then period; what cannot be read is not listed.
fn archive(folder: &Folder) -> Vec<KeptView> {
    let mut all = Vec::new();
    for kind in Kind::ALL.into_iter().map(Kind::name) {
        let mut periods: Vec<String> = names(&folder.join(kind));
        periods.retain(|p| p.parse::<Period>().is_ok());
        periods.sort_unstable_by(|a, b| b.cmp(a));
        for period in periods.into_iter().take(LISTED) {
            let within = folder.join(kind).join(&period);
            let mut files = names(&within);
            files.sort_unstable();
            let files: Vec<KeptFile> =
                files.into_iter().filter_map(|f| file(&within, kind, &period, f)).collect();
            if !files.is_empty() {
                all.push(KeptView { kind: kind.to_owned(), period, files });
            }
        }
    }
    all
}

fn names(folder: &Folder) -> Vec<String> {
    let entries = std::fs::read_dir(folder).into_iter().flatten();
    entries.filter_map(|e| e.ok()?.file_name().into_string().ok()).collect()
}

fn file(folder: &Folder, kind: &str, period: &str, name: String) -> Option<KeptFile> {
    let format = Format::of_word(suffix(&name)?)?;
    let told = std::fs::symlink_metadata(folder.join(&name)).ok().filter(|m| m.is_file())?;
    let since = told.modified().ok()?.duration_since(std::time::UNIX_EPOCH).ok()?;
    let made = i64::try_from(since.as_micros()).ok().map(|us| UnixMicros(us).to_rfc3339());
    Some(KeptFile {
        format: format.word().to_owned(),
        bytes: told.len(),
        made,
        href: format!("/api/v1/reports/{kind}/{period}/{name}"),
        name,
    })
}

/// Runs for somebody, with their messages.
fn sent(dir: &Folder, runs: &[Run]) -> Result<Vec<SentView>, StoreError> {
    let store = AlertStore::open_reader(dir)?;
    let mut out = Vec::new();
    let told = |r: &&Run| !r.key.recipients.is_empty() && r.state != RunState::Skipped;
    for run in runs.iter().filter(told) {
        let rows = match &store {
            Some(store) => store.outbox_of(run.key.message(run.due))?,
            None => Vec::new(),
        };
        out.push(SentView {
            run: run.id,
            job: run.key.job.to_string(),
            period: run.key.period.to_string(),
            state: run.state.word().to_owned(),
            due: run.due.to_rfc3339(),
            channels: run.key.recipients.iter().map(ToString::to_string).collect(),
            messages: rows.iter().map(DeliveryView::from).collect(),
        });
    }
    Ok(out)
}

pub(super) fn failed(error: &StoreError) -> Problem {
    tracing::warn!(%error, "what is known of reports could not be read");
    Problem::new(StatusCode::INTERNAL_SERVER_ERROR, error.to_string())
}
