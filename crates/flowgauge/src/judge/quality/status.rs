//! How online scoring stands, for people and programs.

use super::Quality;
use super::grade::{Grader, NoGrade};
use crate::config::quality::JUDGE_BUDGET;
use crate::logic::score::reference::EVALUATORS;
use crate::receive::samples::Line;
use serde::{Deserialize, Serialize};

/// How online scoring stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct QualityStatus {
    /// Whether anything is sampled.
    pub on: bool,
    /// Least scores an hour wanted of each sampled intent.
    pub min_per_hour: u32,
    /// Most calls sampled a minute; 0 for no limit.
    pub max_per_minute: u32,
    /// Calls that wait to be scored.
    pub waiting: u64,
    /// Bytes of content held in memory.
    pub held_bytes: u64,
    /// Bytes of content held at most.
    pub most_held_bytes: u64,
    /// Evaluators that need no network, each with its version.
    pub evaluators: Vec<String>,
    /// What happened since start, by intent; those named in the configuration are always there.
    pub intents: Vec<IntentStatus>,
    /// The judging model, where one is named.
    pub judge: Option<JudgeStatus>,
}

/// What happened to calls of one intent since start.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct IntentStatus {
    /// The intent; empty where calls name none.
    pub intent: String,
    /// Share that is wanted, 0 to 1.
    pub rate: f64,
    /// Share that was sampled, 0 to 1; nothing where nothing was seen.
    pub sampled_share: Option<f64>,
    /// Calls one sampled call stands for, on average.
    pub mean_weight: Option<f64>,
    /// The counts.
    pub counts: Line,
}

/// The judging model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct JudgeStatus {
    /// Under which name its scores are stored.
    pub evaluator: String,
    /// In which version: it changes with model, rubric and wording.
    pub version: String,
    /// Provider that is asked.
    pub provider: String,
    /// Share of sampled calls it is asked about.
    pub share: f64,
    /// What it may cost a day, in dollars.
    pub budget_usd: String,
    /// Spent and set aside today, in dollars.
    pub spent_usd: String,
    /// When the day ends.
    pub resets_at: Option<String>,
    /// Whether the last sample that was to be graded was not, because of money.
    pub resting: bool,
    /// Why the last sample that was to be graded got no verdict; nothing once one got one.
    pub trouble: Option<String>,
    /// When that was.
    pub trouble_at: Option<String>,
}

impl Quality {
    /// How it stands.
    #[must_use]
    pub fn status(&self) -> QualityStatus {
        let settings = &self.config.quality;
        let samples = self.samples.as_ref();
        let mut lines = samples.map(|s| s.lines()).unwrap_or_default();
        if samples.is_some() {
            for (intent, _) in &settings.plan.by_intent {
                lines.entry(intent.clone()).or_default();
            }
        }
        let all = lines.into_iter();
        let intents = all.map(|(intent, line)| line_of(&intent, settings.plan.rate(&intent), line));
        QualityStatus {
            on: samples.is_some(),
            min_per_hour: settings.plan.min_per_hour,
            max_per_minute: settings.plan.max_per_minute,
            waiting: samples.map_or(0, |s| s.waiting() as u64),
            held_bytes: samples.map_or(0, |s| s.held() as u64),
            most_held_bytes: settings.max_in_memory as u64,
            evaluators: self.evaluators(),
            intents: intents.collect(),
            judge: self.grader.as_ref().map(judge),
        }
    }

    /// All counts since start together.
    #[must_use]
    pub fn totals(&self) -> Option<Line> {
        let mut sum = Line::default();
        self.samples.as_ref()?.lines().values().for_each(|line| sum.merge(line));
        Some(sum)
    }

    fn evaluators(&self) -> Vec<String> {
        let settings = &self.config.quality;
        let own = settings.intents.iter().filter_map(|i| i.scorers.as_deref());
        let mut names: Vec<&str> =
            own.flatten().copied().chain(settings.scorers.iter().copied()).collect();
        names.sort_unstable();
        names.dedup();
        let version =
            |name: &str| EVALUATORS.iter().find(|e| e.name == name).map_or("", |e| e.version);
        names.iter().map(|name| format!("{name} {}", version(name))).collect()
    }
}

fn line_of(intent: &str, rate: f64, counts: Line) -> IntentStatus {
    let share = ratio(counts.sampled, counts.seen);
    IntentStatus {
        intent: intent.to_owned(),
        rate,
        sampled_share: share,
        mean_weight: ratio(counts.seen, counts.sampled),
        counts,
    }
}

fn judge(grader: &Grader) -> JudgeStatus {
    let settings = grader.settings();
    let shown = grader.budgets().shown();
    let own = shown.iter().find(|s| s.budget.name == JUDGE_BUDGET);
    let account = own.and_then(|s| s.account.as_ref());
    let last = grader.last();
    let (at, trouble) = match &last {
        Some((at, NoGrade::Budget(why) | NoGrade::Failed(why))) => (Some(at), Some(why)),
        None => (None, None),
    };
    JudgeStatus {
        evaluator: grader.evaluator().to_string(),
        version: grader.version().to_string(),
        provider: settings.provider.clone(),
        share: settings.share,
        budget_usd: settings.budget_per_day.to_decimal(),
        spent_usd: account
            .map_or(crate::logic::unit::NanoUsd(0), |(_, a)| a.committed())
            .to_decimal(),
        resets_at: own.zip(account).map(|(s, (key, _))| s.budget.resets_at(key)),
        resting: matches!(&last, Some((_, NoGrade::Budget(_)))),
        trouble: trouble.cloned(),
        trouble_at: at.map(|at| at.to_rfc3339()),
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts stay below 2^53")]
fn ratio(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}
