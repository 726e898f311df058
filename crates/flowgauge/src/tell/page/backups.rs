//! `GET /api/v1/config/backup`: everything needed to be here again, as this server has it.
//!
//! Owns what belongs to a backup and gathers it. Refuses to tell secrets: a text from which one was taken is marked, so
//! that nobody restores it. Writing, check sums and restoring are the command's.

use super::ask::Params;
use super::{App, Problem};
use crate::config::variables::redacted;
use crate::judge::rules;
use crate::logic::control::state::Settings;
use crate::logic::kpi::Kpi;
use crate::logic::unit::{Micros, UnixMicros};
use crate::logic::window::Window;
use crate::query;
use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// The guide's four figures: its name, ours.
const FIGURES: [(&str, &str); 4] = [
    ("p95_latency", "p95_latency"),
    ("token_reduction", "token_reduction"),
    ("quality_score", "quality_score"),
    ("cache_hit_rate", "cache_hit_rate"),
];
/// The window of the figures: the guide's "current" is the last five minutes to an hour; an hour has a p95 at two
/// calls a minute.
const FIGURES_OVER: Micros = Micros::from_millis(3_600_000);

/// What a part of a backup is.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// The effective configuration.
    Config,
    /// Variables of the server's environment.
    Env,
    /// All alert rules in force.
    Alerts,
    /// One file of alert rules.
    RuleFile,
    /// The promoted baseline.
    Baseline,
    /// The operator's prices.
    Prices,
    /// Settings of control.
    Control,
}

/// One text of a backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct BackupText {
    /// What it is.
    pub part: Part,
    /// Where it was read, if it is a file that can be put back.
    pub origin: Option<String>,
    /// Whether a secret was taken out.
    pub redacted: bool,
    /// The text.
    pub text: String,
}

/// A backup, not written yet.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct BackupSet {
    /// When, in UTC, as file names have it: `YYYYmmdd_HHMMSS`.
    pub timestamp: String,
    /// The same, RFC 3339.
    pub made: String,
    /// Version of flowgauge.
    pub version: String,
    /// Generation of control.
    pub generation: u64,
    /// The texts.
    pub texts: Vec<BackupText>,
    /// The guide's figures over the last hour; `null` where unknown.
    pub figures: BTreeMap<String, Option<f64>>,
    /// What could not be read.
    pub missing: Vec<String>,
}

/// What control is set to, as a backup keeps it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ControlPart {
    /// The generation.
    pub generation: u64,
    /// The settings.
    pub settings: Settings,
}

/// Everything needed to be here again.
#[utoipa::path(get, path = "/api/v1/config/backup", tag = "config",
    responses((status = 200, body = BackupSet)))]
pub(super) async fn gather(
    State(app): State<App>,
    params: Params,
) -> Result<Json<BackupSet>, Problem> {
    params.only(&[], &[])?;
    let now = app.clock.now();
    let state = app.control.desk.live().get();
    let figures = figures(&app, now).await;
    let parts = std::sync::Arc::clone(&app);
    let gathered = tokio::task::spawn_blocking(move || {
        let mut set = Gathered::default();
        set.config(&parts);
        set.rules(&parts);
        set.baseline(&parts);
        set.prices(&parts);
        set
    });
    let mut set = gathered.await.map_err(|e| {
        Problem::new(http::StatusCode::INTERNAL_SERVER_ERROR, format!("nothing was gathered: {e}"))
    })?;
    match &state.settings {
        Some(settings) => {
            let part = ControlPart { generation: state.generation, settings: settings.clone() };
            set.json(Part::Control, &part);
        }
        None => set.missing.push("the settings of control cannot be read".to_owned()),
    }
    Ok(Json(BackupSet {
        timestamp: stamp(now),
        made: now.to_rfc3339(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        generation: state.generation,
        texts: set.texts,
        figures,
        missing: set.missing,
    }))
}

/// A moment as file names have it.
fn stamp(at: UnixMicros) -> String {
    let digits: String = at.to_rfc3339().chars().take(19).filter(char::is_ascii_digit).collect();
    let (day, time) = digits.split_at(digits.len().min(8));
    format!("{day}_{time}")
}

async fn figures(app: &App, now: UnixMicros) -> BTreeMap<String, Option<f64>> {
    let micros = i64::try_from(FIGURES_OVER.0).unwrap_or(i64::MAX);
    let window = Window { from: UnixMicros(now.0.saturating_sub(micros)), to: now };
    let asked = app.ask(move |reader| {
        let mut found = BTreeMap::new();
        for (guide, ours) in FIGURES {
            let Some(kpi) = Kpi::find(ours) else { continue };
            let value = query::one(reader, kpi, window, &crate::logic::rollup::Filter::default())?;
            found.insert(guide.to_owned(), value.value);
        }
        Ok(found)
    });
    let unknown = || FIGURES.iter().map(|(guide, _)| ((*guide).to_owned(), None)).collect();
    asked.await.unwrap_or_else(|_| unknown())
}

#[derive(Debug, Default)]
struct Gathered {
    texts: Vec<BackupText>,
    missing: Vec<String>,
}

impl Gathered {
    fn add(&mut self, part: Part, origin: Option<String>, text: &str) {
        let told = redacted(text);
        self.texts.push(BackupText { part, origin, redacted: told != text, text: told });
    }

    fn json(&mut self, part: Part, value: &impl Serialize) {
        match serde_json::to_string_pretty(value) {
            Ok(text) => self.add(part, None, &format!("{text}\n")),
            Err(e) => self.missing.push(format!("{part:?}: {e}")),
        }
    }

    fn config(&mut self, app: &App) {
        let told = &app.config.told;
        let values: BTreeMap<&str, Value> = told
            .knobs
            .iter()
            .map(|knob| (&*knob.key, json!({ "value": knob.value, "origin": knob.origin })))
            .collect();
        self.json(Part::Config, &values);
        let lines: String =
            told.variables.iter().map(|(name, value)| format!("{name}={value}\n")).collect();
        self.add(Part::Env, None, &lines);
    }

    fn rules(&mut self, app: &App) {
        let mut all = String::new();
        let mut files = Vec::new();
        for source in &app.config.alerts.rules {
            match rules::text_of(source) {
                Ok((name, text, shipped)) => {
                    let end = if text.ends_with('\n') { "" } else { "\n" };
                    all.push_str(&format!("# {name}\n---\n{text}{end}"));
                    if !shipped {
                        files.push((name, text));
                    }
                }
                Err(problems) => self.missing.push(problems.to_string()),
            }
        }
        self.add(Part::Alerts, None, &all);
        for (name, text) in files {
            self.add(Part::RuleFile, Some(name), &text);
        }
    }

    fn baseline(&mut self, app: &App) {
        match app.regressions.baseline(None) {
            Ok((baseline, _)) => self.json(Part::Baseline, &baseline),
            Err(e) => self.missing.push(format!("baseline: {e}")),
        }
    }

    fn prices(&mut self, app: &App) {
        let path = app.prices.path();
        match std::fs::read_to_string(path) {
            Ok(text) => self.add(Part::Prices, Some(path.display().to_string()), &text),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
                let shipped = json!({ "shipped": app.prices.book().version() });
                self.json(Part::Prices, &shipped);
            }
            Err(e) => self.missing.push(format!("prices: {}: {e}", path.display())),
        }
    }
}
