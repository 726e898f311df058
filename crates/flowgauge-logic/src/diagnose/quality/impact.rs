//! What optimisation does to quality: answers it may touch against those it was held from by lot (catalogue, C49).
//!
//! Owns the comparison by mechanism, like with like: the same intent, the same evaluator in the same version. Refuses to say
//! anything without a control group. What may undo an optimisation by itself is the guardrail, whose verdicts hold however
//! often they are looked at; this is one look at one window.

use super::super::causes::grades::{self, Drop};
use super::super::facts::{Facts, Grade, Side};
use super::super::finding::{
    Cause, Datum, Diagnosis, Evidence, Finding, Reference, Severity, Sheet,
};
use super::super::test_of_difference::{Difference, LEAST};
use super::compared;
use crate::kpi::Unit;
use crate::window::Window;

/// Points of quality that an optimisation may cost: the least effect of a quality regression (regression 5.2).
const LEAST_LOSS: f64 = 2.0;

/// Evaluations of both arms of one mechanism.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Drawn {
    /// Its word.
    pub mechanism: String,
    /// Where it could act.
    pub touched: Vec<Grade>,
    /// Where it was held off by lot.
    pub untouched: Vec<Grade>,
}

impl Drawn {
    /// The arms of a row's text, `context_pruning=treated response_caching=hold_out`: mechanism, and whether it could act.
    /// Those a canary has not reached were drawn as well, and are untouched.
    pub fn arms(text: &str) -> impl Iterator<Item = (&str, bool)> {
        text.split_ascii_whitespace().filter_map(|word| {
            let (mechanism, arm) = word.split_once('=')?;
            match arm {
                "treated" => Some((mechanism, true)),
                "hold_out" | "waiting" => Some((mechanism, false)),
                _ => None,
            }
        })
    }

    /// Adds evaluations of an arm.
    pub fn add(&mut self, grade: Grade, touched: bool) {
        let side = if touched { &mut self.touched } else { &mut self.untouched };
        match side.iter_mut().find(|g| g.is_like(&grade)) {
            Some(known) => {
                known.n += grade.n;
                known.sum += grade.sum;
                known.squares += grade.squares;
            }
            None => side.push(grade),
        }
    }

    fn drops(&self) -> Vec<Drop> {
        let side = |grades: &[Grade]| Side { grades: grades.to_vec(), ..Side::default() };
        grades::pairs(&Facts { before: side(&self.untouched), now: side(&self.touched) })
    }

    fn counts(&self) -> (u64, u64) {
        let of = |grades: &[Grade]| grades.iter().map(|g| g.n).sum();
        (of(&self.touched), of(&self.untouched))
    }
}

/// What each optimisation does to quality, the dearest first.
#[must_use]
pub fn impact(
    facts: &Facts,
    drawn: &[Drawn],
    window: Window,
    references: Vec<Reference>,
) -> Diagnosis {
    let mut out = Diagnosis::new("quality_impact", window, references);
    let columns = [
        ("optimisation", None),
        ("touched", Some(Unit::Count)),
        ("untouched", Some(Unit::Count)),
        ("quality, touched", Some(Unit::Count)),
        ("untouched quality", Some(Unit::Count)),
        ("points", Some(Unit::Count)),
        ("low", Some(Unit::Count)),
        ("high", Some(Unit::Count)),
        ("p", Some(Unit::Count)),
        ("verdict", None),
    ];
    let mut sheet = Sheet::new("by optimisation", &columns);
    let mut known = false;
    for one in drawn {
        let drops = one.drops();
        let overall = grades::overall(&drops);
        known |= overall.is_some();
        let (touched, untouched) = one.counts();
        let figure =
            |of: &dyn Fn(&(f64, f64, Difference)) -> f64| Datum::number(overall.as_ref().map(of));
        sheet.rows.push(vec![
            one.mechanism.clone().into(),
            Datum::count(touched),
            Datum::count(untouched),
            figure(&|o| o.1),
            figure(&|o| o.0),
            figure(&|o| o.2.difference),
            figure(&|o| o.2.interval().low),
            figure(&|o| o.2.interval().high),
            figure(&|o| o.2.p),
            overall.as_ref().map_or("too few", |o| verdict(&o.2)).into(),
        ]);
        out.findings.extend(overall.and_then(|o| finding(one, &drops, o)));
    }
    out.findings.sort_by(|a, b| b.strength.total_cmp(&a.strength));
    if !drawn.is_empty() {
        out.sheets.push(sheet);
    }
    out.sheets.push(compared(facts));
    if !known {
        out.unknown.push(lacking(drawn));
    }
    out.concluded(known, "No optimisation is seen to cost more than 2 points of quality.")
}

fn verdict(test: &Difference) -> &'static str {
    let interval = test.interval();
    match () {
        () if interval.high < -LEAST_LOSS => "regressed",
        () if interval.low > -LEAST_LOSS => "fine",
        () => "inconclusive",
    }
}

fn finding(
    one: &Drawn,
    drops: &[Drop],
    (untouched, touched, test): (f64, f64, Difference),
) -> Option<Finding> {
    if verdict(&test) != "regressed" {
        return None;
    }
    let (loss, interval) = (-test.difference, test.interval());
    let (n, _) = one.counts();
    let whole = Evidence::change(
        "quality, touched against held off",
        Unit::Count,
        (Some(touched), Some(untouched)),
        n,
    )
    .tested(test.p, test.relative_to(untouched));
    Some(Finding {
        cause: Cause::ReductionCostsQuality,
        severity: Severity::Warning,
        sentence: format!(
            "{} costs {loss:.1} points of quality (95 % interval {:.1} to {:.1}).",
            one.mechanism, -interval.high, -interval.low
        ),
        evidence: std::iter::once(whole).chain(drops.iter().take(4).map(Drop::evidence)).collect(),
        next: "flowgauge opt evaluate-rollback --focus quality".to_owned(),
        strength: loss,
    })
}

fn lacking(drawn: &[Drawn]) -> String {
    if drawn.iter().all(|d| d.counts().1 == 0) {
        return "there is no control group: nobody with an evaluated answer was held off from an optimisation by lot; \
                `flowgauge opt rollout --holdout` draws one"
            .to_owned();
    }
    format!(
        "no intent has {LEAST} evaluations by one evaluator in one version both where an optimisation could act and where it \
         was held off"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::unit::UnixMicros;

    fn grade(n: u64, mean: f64) -> Grade {
        let (count, spread) = (n as f64, 10.0_f64);
        let squares = count * (mean * mean + spread * spread);
        Grade {
            intent: "ask".into(),
            evaluator: "e".into(),
            version: "1".into(),
            n,
            sum: count * mean,
            squares,
        }
    }

    fn asked(drawn: &[Drawn]) -> Diagnosis {
        let window = Window { from: UnixMicros(0), to: UnixMicros(UnixMicros::DAY) };
        impact(&Facts::default(), drawn, window, Vec::new())
    }

    fn drawn(touched: Grade, untouched: Grade) -> Drawn {
        let mut one = Drawn { mechanism: "context_pruning".to_owned(), ..Drawn::default() };
        one.add(touched, true);
        one.add(untouched, false);
        one
    }

    #[test]
    fn an_optimisation_that_costs_quality_is_named_with_its_loss() {
        let found = asked(&[drawn(grade(400, 74.0), grade(400, 80.0))]);
        assert!(
            found.findings[0].sentence.starts_with("context_pruning costs 6.0 points"),
            "{found:?}"
        );
        assert_eq!(found.findings[0].cause, Cause::ReductionCostsQuality);
    }

    #[test]
    fn no_loss_and_a_doubtful_one_are_no_findings() {
        let fine = asked(&[drawn(grade(4_000, 80.0), grade(4_000, 80.0))]);
        assert!(fine.findings.is_empty() && fine.unknown.is_empty());
        let doubtful = asked(&[drawn(grade(40, 77.0), grade(40, 80.0))]);
        assert!(doubtful.findings.is_empty());
        let words = |d: &Diagnosis| format!("{:?}", d.sheets[0].rows[0].last());
        assert!(words(&fine).contains("fine") && words(&doubtful).contains("inconclusive"));
    }

    #[test]
    fn without_a_control_group_or_with_few_answers_nothing_is_claimed() {
        for (told, words) in [
            (asked(&[]), "no control group"),
            (asked(&[drawn(grade(20, 60.0), grade(20, 80.0))]), "no intent has 30"),
        ] {
            assert!(told.findings.is_empty() && told.unknown[0].contains(words), "{told:?}");
        }
        let arms: Vec<_> = Drawn::arms("a=treated b=hold_out c=waiting d=else e").collect();
        assert_eq!(arms, [("a", true), ("b", false), ("c", false)]);
    }
}
