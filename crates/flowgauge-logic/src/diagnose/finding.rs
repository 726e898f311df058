//! The shape of every diagnosis: a sentence, ranked findings with evidence, tables, what is not known.
//!
//! Refuses numbers that are none: what is not finite is nothing, with a reason beside it.

use crate::kpi::Unit;
use crate::window::Window;
use serde::{Deserialize, Serialize};

/// What a question about causes is answered with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Diagnosis {
    /// Which diagnosis it is, e.g. `bottlenecks`.
    pub name: String,
    /// The window looked at, widened to whole minutes.
    pub window: Window,
    /// What it was compared with.
    pub references: Vec<Reference>,
    /// In one word.
    pub verdict: Verdict,
    /// In one sentence.
    pub sentence: String,
    /// The named cause first; empty where nothing is claimed.
    pub findings: Vec<Finding>,
    /// What is no cause and explains figures all the same, e.g. traffic that moved.
    pub notes: Vec<String>,
    /// The figures behind it.
    pub sheets: Vec<Sheet>,
    /// What could not be said, and why.
    pub unknown: Vec<String>,
}

/// A window that served for comparison.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Reference {
    /// `a week before`, `a day before`, `the time before`.
    pub name: String,
    /// The window.
    pub window: Window,
    /// Requests in it.
    pub n: u64,
    /// Whether findings rest on it; the others are only shown.
    pub used: bool,
}

/// A diagnosis in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Nothing is claimed.
    Nothing,
    /// Something is.
    Finding,
    /// Too little is known to say either.
    Unknown,
}

/// How much a finding matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Worth knowing; does not make a command fail.
    Info,
    /// Look at it.
    Warning,
    /// Users suffer.
    Critical,
}

/// What is blamed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// Requests fail at the upstream.
    UpstreamErrors,
    /// The upstream refuses for its rate limit.
    RateLimited,
    /// The upstream does not answer, or not in time.
    UpstreamUnreachable,
    /// flowgauge or its limits fail requests.
    GatewayErrors,
    /// The upstream answers more slowly than it did.
    UpstreamSlow,
    /// flowgauge itself takes the time.
    GatewaySlow,
    /// The store does not keep up, or takes no rows.
    StoreBehind,
    /// The disk is nearly full.
    DiskFull,
    /// Requests that were answered from the cache no longer are.
    CacheHitsLost,
    /// Requests of the same kind go to another model.
    ModelRouting,
    /// Prompts of the same kind grew.
    PromptGrowth,
    /// Answers of the same kind grew.
    AnswerGrowth,
    /// Prompts were cut and answers became worse: fewer tokens are no gain.
    PromptCut,
    /// Answers became worse.
    QualityDrop,
    /// The price of the same tokens rose.
    PriceRise,
    /// Requests of one kind are slow; the others are not.
    SlowGroup,
    /// Requests of one kind are large or dear; the others are not.
    DearGroup,
    /// Optimisation saves less than its target.
    LowReduction,
    /// Prompts are as large as ever, but their optimisation costs quality.
    ReductionCostsQuality,
}

impl Cause {
    /// The word in JSON and text.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::UpstreamErrors => "upstream_errors",
            Self::RateLimited => "rate_limited",
            Self::UpstreamUnreachable => "upstream_unreachable",
            Self::GatewayErrors => "gateway_errors",
            Self::UpstreamSlow => "upstream_slow",
            Self::GatewaySlow => "gateway_slow",
            Self::StoreBehind => "store_behind",
            Self::DiskFull => "disk_full",
            Self::CacheHitsLost => "cache_hits_lost",
            Self::ModelRouting => "model_routing",
            Self::PromptGrowth => "prompt_growth",
            Self::AnswerGrowth => "answer_growth",
            Self::PromptCut => "prompt_cut",
            Self::QualityDrop => "quality_drop",
            Self::PriceRise => "price_rise",
            Self::SlowGroup => "slow_group",
            Self::DearGroup => "dear_group",
            Self::LowReduction => "low_reduction",
            Self::ReductionCostsQuality => "reduction_costs_quality",
        }
    }
}

/// One thing that is claimed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// What is blamed.
    pub cause: Cause,
    /// How much it matters.
    pub severity: Severity,
    /// What happened, in one sentence.
    pub sentence: String,
    /// What shows it.
    pub evidence: Vec<Evidence>,
    /// The command to run next.
    pub next: String,
    /// How strong it is: the natural logarithm of the worst change it explains. Orders findings of
    /// one severity.
    pub strength: f64,
}

/// One figure that supports a finding.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Evidence {
    /// Which figure.
    pub what: String,
    /// Its unit.
    pub unit: Unit,
    /// Now.
    pub value: Option<f64>,
    /// In the reference.
    pub before: Option<f64>,
    /// Samples now.
    pub n: u64,
    /// The change relative to before, or a ratio of risks, as `effect` names it.
    pub effect: Option<f64>,
    /// Interval of the effect, 95 %.
    pub interval: Option<Interval>,
    /// Probability of such a difference if nothing had changed; after the correction for how many
    /// were looked at.
    pub p: Option<f64>,
}

/// Lower and upper end.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

/// Figures under headings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Sheet {
    /// What it shows.
    pub title: String,
    /// Headings.
    pub columns: Vec<Column>,
    /// One cell per column.
    pub rows: Vec<Vec<Datum>>,
}

/// A heading.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Column {
    /// For people and programs.
    pub name: String,
    /// Unit of its numbers; text has none.
    pub unit: Option<Unit>,
}

/// A cell.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Datum {
    /// A finite number in its column's unit.
    Number(f64),
    /// Words.
    Text(String),
    /// Not known.
    Nothing,
}

impl Datum {
    /// A number; nothing where there is none.
    #[must_use]
    pub fn number(value: impl Into<Option<f64>>) -> Self {
        value.into().filter(|v| v.is_finite()).map_or(Self::Nothing, Self::Number)
    }

    /// A count.
    #[must_use]
    pub fn count(n: u64) -> Self {
        Self::number(whole(n))
    }
}

impl From<&str> for Datum {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Datum {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl Sheet {
    /// An empty one.
    #[must_use]
    pub fn new(title: &str, columns: &[(&str, Option<Unit>)]) -> Self {
        let column =
            |(name, unit): &(&str, Option<Unit>)| Column { name: (*name).to_owned(), unit: *unit };
        Self {
            title: title.to_owned(),
            columns: columns.iter().map(column).collect(),
            rows: Vec::new(),
        }
    }
}

impl Evidence {
    /// A figure now, without anything it is compared with.
    #[must_use]
    pub fn now(what: impl Into<String>, unit: Unit, value: Option<f64>, n: u64) -> Self {
        let value = finite(value);
        Self {
            what: what.into(),
            unit,
            value,
            before: None,
            n,
            effect: None,
            interval: None,
            p: None,
        }
    }

    /// A figure now and before, with its relative change.
    #[must_use]
    pub fn change(
        what: impl Into<String>,
        unit: Unit,
        (value, before): (Option<f64>, Option<f64>),
        n: u64,
    ) -> Self {
        let mut evidence = Self::now(what, unit, value, n);
        evidence.before = finite(before);
        evidence.effect = evidence.value.zip(evidence.before).and_then(|(v, b)| relative(v, b));
        evidence
    }

    /// The same with the probability and the interval of a test.
    #[must_use]
    pub fn tested(mut self, p: f64, interval: Option<Interval>) -> Self {
        self.p = finite(Some(p));
        self.interval = interval.filter(|i| i.low.is_finite() && i.high.is_finite());
        self
    }
}

impl Diagnosis {
    /// One that says nothing yet.
    #[must_use]
    pub fn new(name: &str, window: Window, references: Vec<Reference>) -> Self {
        Self {
            name: name.to_owned(),
            window,
            references,
            verdict: Verdict::Nothing,
            sentence: String::new(),
            findings: Vec::new(),
            notes: Vec::new(),
            sheets: Vec::new(),
            unknown: Vec::new(),
        }
    }

    /// Ranks the findings and sets word and sentence: the first finding's, else `calm`. Without a
    /// finding it is unknown where `known` is false.
    #[must_use]
    pub fn concluded(mut self, known: bool, calm: &str) -> Self {
        self.findings.sort_by(|a, b| {
            (b.severity, b.strength)
                .partial_cmp(&(a.severity, a.strength))
                .unwrap_or(std::cmp::Ordering::Equal)
        });
        let claimed = self.findings.iter().find(|f| f.severity > Severity::Info);
        self.verdict = match (claimed, known) {
            (Some(_), _) => Verdict::Finding,
            (None, true) => Verdict::Nothing,
            (None, false) => Verdict::Unknown,
        };
        self.sentence = match (self.findings.first(), known) {
            (Some(first), _) => first.sentence.clone(),
            (None, true) => calm.to_owned(),
            (None, false) => {
                let why = self.unknown.first().map_or("no requests in the window", String::as_str);
                format!("Nothing can be said: {why}.")
            }
        };
        self
    }
}

/// `value / before − 1`; nothing where there was nothing before.
#[must_use]
pub fn relative(value: f64, before: f64) -> Option<f64> {
    finite((before.abs() > f64::EPSILON).then(|| value / before - 1.0))
}

/// A count as a statistic.
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "a statistic; counts stay below 2^53")]
pub fn whole(n: u64) -> f64 {
    n as f64
}

fn finite(value: Option<f64>) -> Option<f64> {
    value.filter(|v| v.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::unit::UnixMicros;

    const WINDOW: Window = Window { from: UnixMicros(0), to: UnixMicros(UnixMicros::HOUR) };

    fn finding(severity: Severity, strength: f64) -> Finding {
        Finding {
            cause: Cause::UpstreamSlow,
            severity,
            sentence: format!("{severity:?} {strength}"),
            evidence: Vec::new(),
            next: String::new(),
            strength,
        }
    }

    #[test]
    fn the_first_finding_is_the_gravest_then_the_strongest() {
        let mut diagnosis = Diagnosis::new("trends", WINDOW, Vec::new());
        diagnosis.findings = vec![
            finding(Severity::Info, 9.0),
            finding(Severity::Warning, 0.2),
            finding(Severity::Warning, 0.5),
        ];
        let diagnosis = diagnosis.concluded(true, "calm");
        assert_eq!(
            (diagnosis.verdict, diagnosis.sentence.as_str()),
            (Verdict::Finding, "Warning 0.5")
        );
    }

    #[test]
    fn nothing_found_and_nothing_known_are_different_words() {
        let calm = Diagnosis::new("trends", WINDOW, Vec::new()).concluded(true, "calm");
        assert_eq!((calm.verdict, calm.sentence.as_str()), (Verdict::Nothing, "calm"));
        let blind = Diagnosis::new("trends", WINDOW, Vec::new()).concluded(false, "calm");
        assert_eq!(blind.verdict, Verdict::Unknown);
        assert!(blind.sentence.contains("no requests"), "{}", blind.sentence);
    }

    #[test]
    fn a_cell_survives_json_and_is_never_a_number_that_is_none() {
        let cells = vec![Datum::number(1.5), Datum::from("a"), Datum::number(f64::NAN)];
        let text = serde_json::to_string(&cells).unwrap();
        assert_eq!(text, r#"[1.5,"a",null]"#);
        assert_eq!(serde_json::from_str::<Vec<Datum>>(&text).unwrap(), cells);
    }

    #[test]
    fn a_change_from_nothing_has_no_size() {
        assert_eq!(relative(5.0, 0.0), None);
        assert_eq!(Evidence::change("x", Unit::Ms, (Some(3.0), Some(2.0)), 9).effect, Some(0.5));
    }
}
