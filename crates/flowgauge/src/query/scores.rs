//! Scores as people and programs are shown them, and what users think in all.

use crate::logic::call::Text;
use crate::logic::known::Reason;
use crate::logic::kpi::{Kpi, Labels, Measured};
use crate::logic::rollup::{Dim, Filter};
use crate::logic::score::{ScoreKind, ScoreSums};
use crate::logic::window::Window;
use crate::store::{JudgedBy, Reader, RollupQuery, ScoreRow, Step, StoreError};
use serde::{Deserialize, Serialize};

/// One evaluation or rating, flat.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ScoreView {
    /// flowgauge's id of it.
    pub id: String,
    /// `evaluation` or `feedback`.
    pub kind: String,
    /// When it was given, RFC 3339.
    pub time: String,
    /// Who judged; empty for feedback.
    pub evaluator: String,
    /// Its version; empty where none is known.
    pub evaluator_version: String,
    /// 0–100; `null` where unknown.
    pub quality: Option<f64>,
    /// Why there is no quality: `scale` or `no_value`; `none` where there is one.
    pub no_quality: String,
    /// The value as it came.
    pub score: Option<f64>,
    /// The scale it was read on, worst and best.
    pub scale: (f64, f64),
    /// A word for it.
    pub label: Option<String>,
    /// Why, where content may be kept.
    pub explanation: Option<String>,
    /// human, llm, code or unknown.
    pub annotator: String,
    /// How many calls it stands for, where it was given to a sample.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weight: Option<f64>,
    /// Who rated, as a keyed hash; empty where nobody was named.
    pub user_key: String,
    /// 1–5.
    pub rating: Option<u8>,
    /// Whether the rating was a thumb.
    pub thumb: bool,
    /// What the feedback is about.
    pub category: Option<String>,
    /// The call as its sender named it.
    pub about: String,
    /// The call it is attached to; `null` while it waits.
    pub call_id: Option<String>,
    /// Its start: the window the score counts in.
    pub call_start: Option<String>,
}

impl From<&ScoreRow> for ScoreView {
    fn from(row: &ScoreRow) -> Self {
        let ScoreRow { score, attached } = row;
        let text = |t: &Option<Text>| t.as_ref().map(ToString::to_string);
        Self {
            id: score.id.to_string(),
            kind: score.kind.word().to_owned(),
            time: score.time.to_rfc3339(),
            evaluator: score.evaluator.to_string(),
            evaluator_version: score.version.to_string(),
            quality: score.quality,
            no_quality: score.no_quality.word().to_owned(),
            score: score.raw,
            scale: score.scale.ends(),
            label: text(&score.label),
            explanation: score.explanation.as_deref().map(str::to_owned),
            annotator: score.annotator.word().to_owned(),
            weight: score.weight,
            user_key: score.user.to_string(),
            rating: score.rating,
            thumb: score.thumb,
            category: text(&score.category),
            about: score.about.text(),
            call_id: attached.map(|(call, _)| call.to_string()),
            call_start: attached.map(|(_, start)| start.to_rfc3339()),
        }
    }
}

/// What users think of the calls of a window.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Satisfaction {
    /// The window, widened to whole minutes.
    pub window: Window,
    /// All of it.
    pub whole: Spread,
    /// Dimensions of the groups' keys.
    pub group_by: Vec<Dim>,
    /// One per combination of their values that was rated.
    pub groups: Vec<Spread>,
}

/// Ratings of a group.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Spread {
    /// Values of the dimensions; empty for the whole.
    pub key: Vec<Text>,
    /// Ratings behind it.
    pub n: u64,
    /// Mean, 1–5; `null` where there are too few.
    pub mean: Option<f64>,
    /// Share of 4 and 5, 0–1; `null` where there are too few.
    pub satisfied: Option<f64>,
    /// Why there is no mean.
    pub unknown: Option<Reason>,
    /// How many gave 1, 2, 3, 4, 5.
    pub ratings: [u64; 5],
    /// How many of them were thumbs.
    pub thumbs: u64,
}

/// Adds up the ratings of the calls that began in a window.
///
/// # Errors
/// When the store cannot be read.
pub fn satisfaction(
    reader: &Reader,
    window: Window,
    filter: &Filter,
    group_by: Vec<Dim>,
) -> Result<Satisfaction, StoreError> {
    let window = window.whole_minutes();
    let query = RollupQuery { window, filter: filter.clone(), group_by, step: Step::Whole };
    let mut whole = ScoreSums::default();
    let mut groups: Vec<(Vec<Text>, ScoreSums)> = Vec::new();
    let ratings = reader.score_sums(&query, ScoreKind::Feedback, JudgedBy::OfRecord)?;
    for group in ratings.groups.into_iter().filter(|g| g.sums.rated() > 0) {
        whole.merge(&group.sums);
        match groups.last_mut().filter(|(key, _)| *key == group.key) {
            Some((_, sums)) => sums.merge(&group.sums),
            None => groups.push((group.key, group.sums)),
        }
    }
    Ok(Satisfaction {
        window,
        whole: Spread::of(Vec::new(), whole),
        group_by: query.group_by,
        groups: groups.into_iter().map(|(key, sums)| Spread::of(key, sums)).collect(),
    })
}

impl Spread {
    /// The same minimum of ratings as the KPI has.
    fn of(key: Vec<Text>, sums: ScoreSums) -> Self {
        let labels = Labels { intents: vec![(0, sums)], ..Labels::default() };
        let measured = Kpi::find("user_satisfaction").and_then(|kpi| labels.measure(kpi));
        let measured = measured.unwrap_or(Measured::unknown(Reason::NoData, 0));
        let (mean, unknown) = match measured.value {
            crate::logic::known::Known::Value(v) => (Some(v), None),
            crate::logic::known::Known::Unknown(why) => (None, Some(why)),
        };
        Self {
            key,
            n: sums.rated(),
            mean,
            satisfied: mean.and_then(|_| sums.satisfied()),
            unknown,
            ratings: sums.ratings,
            thumbs: sums.thumbs,
        }
    }
}
