//! `/api/v1/regressions`: did it get worse than the baseline, and what earlier checks found.

use super::ask::Params;
use super::{App, Problem};
use crate::judge::regressions::{Against, Check, CheckWanted, RegressionError, Regressions};
use crate::logic::regression::{Adjustment, Input, Method, Settings, Verdict};
use crate::logic::rollup::Filter;
use crate::logic::sequential::{Course, Heard, Stage};
use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::sync::Arc;

/// As the guide has it.
const DAYS: u32 = 7;
/// Longer than any retention.
const MAX_DAYS: u32 = 366;
/// Minutes of a point: between five minutes and a day.
const BUCKETS: std::ops::RangeInclusive<u32> = 5..=1_440;
/// An hour.
const BUCKET: u32 = 60;
/// Checks listed unless asked otherwise, and at most.
const LISTED: (usize, usize) = (20, 1_000);

/// A check to run.
#[derive(Debug, Clone, Default, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct WantedCheck {
    /// Whole days to look at; 7 unless given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub days: Option<u32>,
    /// Name of a baseline; the promoted one unless given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub against: Option<String>,
    /// In its place: the lists of a file, `latency_p95`, `token_count`, `quality_score`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub period: Option<Value>,
    /// Which calls, as `dimension=value`.
    #[serde(rename = "where", skip_serializing_if = "Vec::is_empty")]
    pub filter: Vec<String>,
    /// `moving-block-bootstrap`, `welch` or `student`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// 0.95 unless given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub confidence: Option<f64>,
    /// Whether the check is kept and the alert rules are told.
    pub alert: bool,
}

/// What a check found.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct CheckView {
    /// When it ran.
    pub at: String,
    /// First moment it looked at.
    pub from: String,
    /// The moment after the last.
    pub to: String,
    /// Minutes of a point.
    pub bucket_minutes: u32,
    /// Name of the baseline or file.
    pub against: String,
    /// Whose evaluations were compared.
    pub evaluator: Option<String>,
    /// What it comes to.
    pub verdict: String,
    /// Whether any metric regressed.
    pub regressed: bool,
    /// Whether anything could not be told for lack of data.
    pub lacks_data: bool,
    /// Metrics of which an alert is raised: this check and the one before agree.
    pub confirmed: Vec<String>,
    /// Metrics of which one more check that agrees raises an alert.
    pub waiting: Vec<String>,
    /// Whether it is kept and the alert rules were told.
    pub alert: bool,
    /// For each metric what was found, with the guide's keys.
    pub report: Value,
}

impl From<&Check> for CheckView {
    fn from(check: &Check) -> Self {
        let named = |wanted: fn(&crate::judge::regressions::Found) -> bool| {
            let these = check.found.iter().filter(|(_, found)| wanted(found));
            these.map(|(metric, _)| metric.series().to_owned()).collect()
        };
        Self {
            at: check.at.to_rfc3339(),
            from: check.window.from.to_rfc3339(),
            to: check.window.to.to_rfc3339(),
            bucket_minutes: check.bucket_minutes,
            against: check.against.clone(),
            evaluator: check.evaluator.clone(),
            verdict: check.verdict.clone(),
            regressed: check.found.values().any(|f| f.verdict == Verdict::Regressed),
            lacks_data: check.lacks_data(),
            confirmed: named(|f| f.confirmed),
            waiting: named(|f| f.alerting && !f.confirmed),
            alert: check.alert,
            report: check.report.clone(),
        }
    }
}

/// What earlier checks found, the latest first.
#[utoipa::path(get, path = "/api/v1/regressions", tag = "regressions",
    params(("limit" = Option<usize>, Query, description = "At most so many; 20 unless given")),
    responses((status = 200, body = Vec<CheckView>),
        (status = 400, body = Problem, content_type = "application/problem+json")))]
pub(super) async fn list(
    State(app): State<App>,
    params: Params,
) -> Result<Json<Vec<CheckView>>, Problem> {
    params.only(&["limit"], &[])?;
    let limit = params.number("limit", LISTED.0, LISTED.1)?;
    let checks = with(&app, move |r| r.checks(limit)).await?;
    Ok(Json(checks.iter().map(CheckView::from).collect()))
}

/// What the online detector hears.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct WatchView {
    /// How often it may be wrong, in words; nothing where it is off.
    pub budget: Option<String>,
    /// Each metric.
    pub metrics: Vec<WatchedView>,
}

/// A metric under watch.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct WatchedView {
    /// `latency_p95`, `token_count`, `cost` or `quality_score`.
    pub metric: String,
    /// Hours with a value it has seen.
    pub hours: u64,
    /// Whether it is still learning what is usual.
    pub learning: bool,
    /// Adverse change of the last six hours against the same hours of the week before, relative.
    pub effect: Option<f64>,
    /// Whether a regression lasts.
    pub regressed: bool,
    /// Alarms, the latest first.
    pub alarms: Vec<AlarmView>,
}

/// An alarm of the online detector.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct AlarmView {
    /// The hour that raised it.
    pub hour: String,
    /// Whether the metric rose.
    pub rose: bool,
    /// What the detector had.
    pub evidence: f64,
    /// What it needed.
    pub needed: f64,
    /// Adverse change since, relative, while it lasted.
    pub effect: Option<f64>,
    /// `heard`: not known yet whether it is large enough to matter; `lasts`; `over`.
    #[schema(value_type = String)]
    pub stage: Stage,
}

impl From<&Course> for WatchedView {
    fn from(course: &Course) -> Self {
        let alarm = |heard: &Heard| AlarmView {
            hour: heard.hour.to_rfc3339(),
            rose: heard.rose,
            evidence: heard.evidence,
            needed: heard.needed,
            effect: heard.effect,
            stage: heard.stage,
        };
        Self {
            metric: course.metric.series().to_owned(),
            hours: course.seen,
            learning: course.is_learning(),
            effect: course.effect(),
            regressed: course.regressed().is_some(),
            alarms: course.heard.iter().rev().map(alarm).collect(),
        }
    }
}

/// What the online detector hears, hour by hour, and how often it may be wrong.
#[utoipa::path(get, path = "/api/v1/regressions/watch", tag = "regressions",
    responses((status = 200, body = WatchView)))]
pub(super) async fn watch(
    State(app): State<App>,
    params: Params,
) -> Result<Json<WatchView>, Problem> {
    params.only(&[], &[])?;
    let watched = with(&app, |r| r.watched()).await?;
    let metrics = watched.courses.iter().map(WatchedView::from).collect();
    Ok(Json(WatchView { budget: watched.budget, metrics }))
}

/// Compares the last days with a baseline.
#[utoipa::path(post, path = "/api/v1/regressions", tag = "regressions", request_body = WantedCheck,
    responses((status = 200, body = CheckView),
        (status = 400, body = Problem, content_type = "application/problem+json"),
        (status = 422, body = Problem, content_type = "application/problem+json", description = "No baseline is promoted")))]
pub(super) async fn check(
    State(app): State<App>,
    params: Params,
    body: Bytes,
) -> Result<Json<CheckView>, Problem> {
    params.only(&[], &[])?;
    let wanted: WantedCheck = read_body(&body)?;
    let wanted = wanted.read()?;
    let check = with(&app, move |r| r.check(&wanted)).await?;
    Ok(Json(CheckView::from(&check)))
}

/// The last days as the lists of the guide: one value an hour, with the counts behind each.
#[utoipa::path(get, path = "/api/v1/regressions/period", tag = "regressions",
    params(("days" = Option<u32>, Query, description = "Whole days; 7 unless given"),
        ("bucket_minutes" = Option<u32>, Query, description = "Minutes of a value; 60 unless given"),
        ("where" = Option<Vec<String>>, Query, description = "dimension=value")),
    responses((status = 200, body = Value),
        (status = 400, body = Problem, content_type = "application/problem+json")))]
pub(super) async fn period(State(app): State<App>, params: Params) -> Result<Json<Value>, Problem> {
    params.only(&["where"], &["days", "bucket_minutes"])?;
    let filter = params.filter()?;
    let days = params.number("days", DAYS as usize, MAX_DAYS as usize)?;
    let bucket = params.number("bucket_minutes", BUCKET as usize, *BUCKETS.end() as usize)?;
    let days = days_of(u32::try_from(days).ok())?;
    let bucket = bucket_of(u32::try_from(bucket).ok())?;
    Ok(Json(with(&app, move |r| r.course(days, bucket, &filter)).await?))
}

impl WantedCheck {
    fn read(self) -> Result<CheckWanted, Problem> {
        let mut settings = Settings::default();
        if let Some(confidence) = self.confidence {
            if !(0.5..1.0).contains(&confidence) || confidence <= 0.5 {
                let detail = "a confidence lies between 0.5 and 1, both left out";
                return Err(Problem::field("body.confidence", &confidence.to_string(), detail));
            }
            settings.confidence = confidence;
        }
        if let Some(method) = &self.method {
            settings.method = method_of(method).ok_or_else(|| {
                let detail = "write moving-block-bootstrap, welch or student";
                Problem::field("body.method", method, detail)
            })?;
        }
        settings.adjustment = Adjustment::Holm;
        let against = match (self.against, self.period) {
            (Some(name), None) => Against::Named(name),
            (None, Some(period)) => Against::File(Box::new(input(&period)?), "file".to_owned()),
            (None, None) => Against::Promoted,
            (Some(name), Some(_)) => {
                let detail = "a baseline or the lists of a file, not both";
                return Err(Problem::field("body.against", &name, detail));
            }
        };
        Ok(CheckWanted {
            days: days_of(self.days)?,
            against,
            filter: filter_of(&self.filter)?,
            settings,
            alert: self.alert,
        })
    }
}

fn method_of(word: &str) -> Option<Method> {
    match word {
        "moving-block-bootstrap" | "block" => Some(Method::MovingBlockBootstrap),
        "welch" => Some(Method::Welch),
        "student" => Some(Method::Student),
        _ => None,
    }
}

/// A body as JSON; an empty one asks for what is usual.
pub(super) fn read_body<T: serde::de::DeserializeOwned + Default>(
    body: &[u8],
) -> Result<T, Problem> {
    if body.is_empty() {
        return Ok(T::default());
    }
    serde_json::from_slice(body).map_err(|e| Problem::field("body", "", e.to_string()))
}

/// Lists of a file.
pub(super) fn input(period: &Value) -> Result<Input, Problem> {
    Input::parse(&period.to_string()).map_err(|e| Problem::field("body.period", "…", e.to_string()))
}

pub(super) fn filter_of(texts: &[String]) -> Result<Filter, Problem> {
    Filter::parse(texts).map_err(|e| Problem::field("body.where", &texts.join(" "), e.to_string()))
}

/// A number of days that can be looked at.
pub(super) fn days_of(days: Option<u32>) -> Result<u32, Problem> {
    let days = days.unwrap_or(DAYS);
    let refused = || {
        let detail = format!("whole days, 1 to {MAX_DAYS}");
        Problem::field("days", &days.to_string(), detail)
    };
    (1..=MAX_DAYS).contains(&days).then_some(days).ok_or_else(refused)
}

/// A length of a point that divides a day.
pub(super) fn bucket_of(minutes: Option<u32>) -> Result<u32, Problem> {
    let minutes = minutes.unwrap_or(BUCKET);
    let fits = BUCKETS.contains(&minutes) && 1_440 % minutes == 0;
    let refused = || {
        let detail = "minutes that divide a day, 5 to 1440, for example 60";
        Problem::field("bucket_minutes", &minutes.to_string(), detail)
    };
    fits.then_some(minutes).ok_or_else(refused)
}

/// Asks off the async threads: it reads weeks of rollups.
pub(super) async fn with<T, F>(app: &App, action: F) -> Result<T, Problem>
where
    T: Send + 'static,
    F: FnOnce(&Regressions) -> Result<T, RegressionError> + Send + 'static,
{
    let regressions = Arc::clone(&app.regressions);
    match app.ask(move |_| Ok(action(&regressions))).await? {
        Ok(done) => Ok(done),
        Err(e) => Err(refused(&e)),
    }
}

fn refused(e: &RegressionError) -> Problem {
    let status = match e {
        RegressionError::NoBaseline(_) => StatusCode::NOT_FOUND,
        RegressionError::Taken(_) | RegressionError::Refused(_) => StatusCode::CONFLICT,
        RegressionError::TooLittle(_) | RegressionError::NonePromoted => {
            StatusCode::UNPROCESSABLE_ENTITY
        }
        RegressionError::Store(e) => {
            tracing::warn!(error = %e, "the store refused a question about baselines");
            StatusCode::INTERNAL_SERVER_ERROR
        }
    };
    Problem::new(status, e.to_string())
}
