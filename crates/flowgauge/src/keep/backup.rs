//! Everything needed to be here again, gathered from the parts of a running flowgauge.
//!
//! Owns what belongs to a backup. Refuses to tell secrets: a text from which one was taken is marked, so that nobody
//! restores it. How it lies on disk is `set`'s.

pub mod set;

use crate::config::Config;
use crate::config::variables::redacted;
use crate::control::Control;
use crate::judge::{Regressions, rules};
use crate::logic::control::state::Settings;
use crate::logic::kpi::Kpi;
use crate::logic::rollup::Filter;
use crate::logic::unit::{Micros, UnixMicros};
use crate::logic::window::Window;
use crate::query;
use crate::serve::prices::Prices;
use crate::store::{Reader, StoreError};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;

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

/// The guide's figures by its names; nothing where unknown.
pub type Figures = BTreeMap<String, Option<f64>>;

/// The guide's figures over the last hour.
///
/// # Errors
/// The store cannot be read.
pub fn figures(reader: &Reader, now: UnixMicros) -> Result<Figures, StoreError> {
    let micros = i64::try_from(FIGURES_OVER.0).unwrap_or(i64::MAX);
    let window = Window { from: UnixMicros(now.0.saturating_sub(micros)), to: now };
    let mut found = Figures::new();
    for (guide, ours) in FIGURES {
        let Some(kpi) = Kpi::find(ours) else { continue };
        let value = query::one(reader, kpi, window, &Filter::default())?;
        found.insert(guide.to_owned(), value.value);
    }
    Ok(found)
}

/// The same, where they cannot be read.
#[must_use]
pub fn no_figures() -> Figures {
    FIGURES.iter().map(|(guide, _)| ((*guide).to_owned(), None)).collect()
}

/// Parts a backup is gathered from.
#[derive(Debug, Clone)]
pub struct Sources {
    /// What is in force.
    pub config: Arc<Config>,
    /// Baselines.
    pub regressions: Arc<Regressions>,
    /// What is switched how.
    pub control: Arc<Control>,
    /// Prices in force and the file behind them.
    pub prices: Arc<Prices>,
}

impl Sources {
    /// Gathers all of it. Blocks.
    #[must_use]
    pub fn gather(&self, now: UnixMicros, figures: Figures) -> BackupSet {
        let mut set = Gathered::default();
        set.config(&self.config);
        set.rules(&self.config);
        set.baseline(&self.regressions);
        set.prices(&self.prices);
        let state = self.control.desk.live().get();
        match &state.settings {
            Some(settings) => {
                let part = ControlPart { generation: state.generation, settings: settings.clone() };
                set.json(Part::Control, &part);
            }
            None => set.missing.push("the settings of control cannot be read".to_owned()),
        }
        BackupSet {
            timestamp: stamp(now),
            made: now.to_rfc3339(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            generation: state.generation,
            texts: set.texts,
            figures,
            missing: set.missing,
        }
    }
}

/// A moment as file names have it.
fn stamp(at: UnixMicros) -> String {
    let digits: String = at.to_rfc3339().chars().take(19).filter(char::is_ascii_digit).collect();
    let (day, time) = digits.split_at(digits.len().min(8));
    format!("{day}_{time}")
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

    fn config(&mut self, config: &Config) {
        let told = &config.told;
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

    fn rules(&mut self, config: &Config) {
        let mut all = String::new();
        let mut files = Vec::new();
        for source in &config.alerts.rules {
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

    fn baseline(&mut self, regressions: &Regressions) {
        match regressions.baseline(None) {
            Ok((baseline, _)) => self.json(Part::Baseline, &baseline),
            Err(e) => self.missing.push(format!("baseline: {e}")),
        }
    }

    fn prices(&mut self, prices: &Prices) {
        let path = prices.path();
        match std::fs::read_to_string(path) {
            Ok(text) => self.add(Part::Prices, Some(path.display().to_string()), &text),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
                let shipped = json!({ "shipped": prices.book().version() });
                self.json(Part::Prices, &shipped);
            }
            Err(e) => self.missing.push(format!("prices: {}: {e}", path.display())),
        }
    }
}
