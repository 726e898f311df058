//! Whether answers became worse: per intent with intervals, with breaks where evaluators change, and
//! against a reference.

use super::causes::{grades, sizes};
use super::facts::{Facts, Grade, named};
use super::finding::{
    Cause, Datum, Diagnosis, Evidence, Finding, Reference, Severity, Sheet, whole,
};
use super::test_of_difference::{LEAST, Moments};
use crate::kpi::Unit;
use crate::window::Window;

pub mod impact;

/// Evaluations of a step of time.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// First moment, RFC 3339.
    pub from: String,
    /// Its evaluations.
    pub grades: Vec<Grade>,
}

/// Quality over time, by intent, evaluator and version.
#[must_use]
pub fn trends(
    facts: &Facts,
    steps: &[Step],
    window: Window,
    references: Vec<Reference>,
) -> Diagnosis {
    let mut out = Diagnosis::new("quality_trends", window, references);
    let columns = [
        ("from", None),
        ("intent", None),
        ("evaluator", None),
        ("version", None),
        ("n", Some(Unit::Count)),
        ("quality", Some(Unit::Count)),
        ("low", Some(Unit::Count)),
        ("high", Some(Unit::Count)),
    ];
    let mut sheet = Sheet::new("quality", &columns);
    for step in steps {
        for grade in &step.grades {
            let m = grade.moments();
            let half = m.map(|m: Moments| 1.959_964 * m.of_mean().sqrt());
            let mean = (grade.n > 0).then(|| grade.sum / whole(grade.n));
            sheet.rows.push(vec![
                step.from.clone().into(),
                named(&grade.intent).into(),
                named(&grade.evaluator).into(),
                named(&grade.version).into(),
                Datum::count(grade.n),
                Datum::number(mean),
                Datum::number(mean.zip(half).map(|(m, h)| m - h)),
                Datum::number(mean.zip(half).map(|(m, h)| m + h)),
            ]);
        }
    }
    out.sheets.push(sheet);
    out.sheets.push(compared(facts));
    out.findings.extend(grades::look(facts, &sizes::look(facts)));
    out.notes = grades::breaks(facts);
    let known = !facts.graded().is_empty();
    lacking(&mut out, facts, known);
    out.concluded(known, "Quality is what it was, within its intervals.")
}

/// Whether quality fell by more than a threshold with 95 % certainty (catalogue, C08).
#[must_use]
pub fn regress(
    facts: &Facts,
    threshold: f64,
    window: Window,
    references: Vec<Reference>,
) -> Diagnosis {
    let mut out = Diagnosis::new("quality_regress", window, references);
    let drops = grades::pairs(facts);
    out.sheets.push(compared(facts));
    out.notes = grades::breaks(facts);
    let overall = grades::overall(&drops);
    if let Some((before, now, test)) = overall {
        let fall = 1.0 - now / before;
        let low = test.relative_to(before).map_or(f64::NEG_INFINITY, |i| -i.high);
        let of_intent = drops.iter().any(|d| d.interval().is_some_and(|i| i.low > threshold));
        if low > threshold || of_intent {
            let found = grades::look(facts, &sizes::look(facts));
            out.findings.push(found.unwrap_or_else(|| plain(before, now, fall, &drops)));
        }
        if let Some(first) = out.findings.first_mut() {
            let n = drops.iter().map(|d| d.now.n).sum();
            let evidence = Evidence::change(
                "quality over all intents",
                Unit::Count,
                (Some(now), Some(before)),
                n,
            )
            .tested(test.p, test.relative_to(before));
            first.evidence.push(evidence);
        }
    }
    lacking(&mut out, facts, overall.is_some());
    let calm = format!("Quality did not fall by more than {:.0} %.", 100.0 * threshold);
    out.concluded(overall.is_some(), &calm)
}

fn plain(before: f64, now: f64, fall: f64, drops: &[grades::Drop]) -> Finding {
    Finding {
        cause: Cause::QualityDrop,
        severity: Severity::Warning,
        sentence: format!(
            "Quality fell from {before:.1} to {now:.1} points ({:.1} %).",
            -100.0 * fall
        ),
        evidence: drops.iter().take(5).map(grades::Drop::evidence).collect(),
        next: "flowgauge quality scores --kind evaluation --since 24h".to_owned(),
        strength: fall,
    }
}

fn lacking(out: &mut Diagnosis, facts: &Facts, known: bool) {
    if known {
        return;
    }
    let n: u64 = facts.now.grades.iter().map(|g| g.n).sum();
    out.unknown.push(match n {
        0 => "no answer in the window was evaluated".to_owned(),
        n => format!(
            "{n} answers were evaluated, and no intent has {LEAST} evaluations by one evaluator in one version in both windows"
        ),
    });
}

pub(super) fn compared(facts: &Facts) -> Sheet {
    let columns = [
        ("intent", None),
        ("evaluator", None),
        ("version", None),
        ("n", Some(Unit::Count)),
        ("now", Some(Unit::Count)),
        ("before", Some(Unit::Count)),
        ("fall %", Some(Unit::Percent)),
        ("low %", Some(Unit::Percent)),
        ("high %", Some(Unit::Percent)),
        ("p", Some(Unit::Count)),
    ];
    let mut sheet = Sheet::new("against before", &columns);
    for d in grades::pairs(facts) {
        let interval = d.interval();
        sheet.rows.push(vec![
            named(&d.now.intent).into(),
            named(&d.now.evaluator).into(),
            named(&d.now.version).into(),
            Datum::count(d.now.n),
            Datum::number(d.means.1),
            Datum::number(d.means.0),
            Datum::number(100.0 * d.fall),
            Datum::number(interval.map(|i| 100.0 * i.low)),
            Datum::number(interval.map(|i| 100.0 * i.high)),
            Datum::number(d.test.p),
        ]);
    }
    sheet
}
