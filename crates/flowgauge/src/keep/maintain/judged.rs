//! Chores of judging: is it worse than the baseline, which baseline comes next, do thresholds fit.

use super::super::jobs::Occasion;
use super::Parts;
use crate::judge::regressions::{Against, CheckWanted, Proposal, RegressionError};
use crate::judge::rules::{self, World};
use crate::judge::thresholds::{self, Line};
use crate::logic::baseline::Standing;
use crate::logic::job::Outcome;
use crate::logic::regression::Settings;
use crate::logic::rollup::Filter;
use crate::logic::unit::UnixMicros;
use crate::logic::window::Window;
use crate::query::coverage::coverage;

/// Days a baseline and thresholds are learned from: four weeks, as live baselines are.
const LEARNED_DAYS: u32 = 28;
/// Minutes of a point of a baseline.
const BUCKET: u32 = 60;

/// Compares the last days with the promoted baseline, and tells the alert rules.
pub(super) fn check(parts: &Parts, days: u32) -> Result<Outcome, String> {
    let wanted = CheckWanted {
        days,
        against: Against::Promoted,
        filter: Filter::default(),
        settings: Settings::default(),
        alert: true,
    };
    match parts.regressions.check(&wanted) {
        Ok(check) if check.regressed().is_some() => {
            Ok(Outcome::finding(format!("{} (against {})", check.verdict, check.against)))
        }
        Ok(check) => Ok(Outcome::done(format!("{} (against {})", check.verdict, check.against))),
        Err(why @ RegressionError::NonePromoted) => Ok(Outcome::skipped(why.to_string())),
        Err(why @ RegressionError::TooLittle(_)) => Ok(Outcome::skipped(why.to_string())),
        Err(why) => Err(why.to_string()),
    }
}

/// Proposes a baseline, unless what it would be learned from is worse than the one in force.
pub(super) fn propose(parts: &Parts, of: &Occasion) -> Result<Outcome, String> {
    let last = parts.regressions.checks(1).map_err(|e| e.to_string())?;
    if let Some((metric, since)) = last.first().and_then(|check| check.regressed()) {
        let since = since.to_rfc3339();
        return Ok(Outcome::skipped(format!(
            "{metric} regressed since {since}; a baseline would learn from it"
        )));
    }
    let wanted = Proposal {
        name: None,
        days: LEARNED_DAYS,
        bucket_minutes: BUCKET,
        filter: Filter::default(),
        by: of.by.clone(),
        why: format!("{} for {}", of.key.job, of.key.period),
    };
    match parts.regressions.propose(&wanted) {
        Ok((baseline, _)) => Ok(Outcome::finding(format!(
            "{} is proposed; look at it and promote it: flowgauge regression baseline promote {}",
            baseline.name, baseline.name
        ))),
        Err(why @ (RegressionError::Taken(_) | RegressionError::TooLittle(_))) => {
            Ok(Outcome::skipped(why.to_string()))
        }
        Err(why) => Err(why.to_string()),
    }
}

/// Names the candidate that waits for a person.
pub(super) fn review(parts: &Parts) -> Result<Outcome, String> {
    let all = parts.regressions.baselines().map_err(|e| e.to_string())?;
    let of = |standing| all.iter().find(move |(_, status)| status.standing == standing);
    let promoted = of(Standing::Promoted).map(|(baseline, _)| baseline);
    // The newest comes first.
    let newer = of(Standing::Candidate)
        .map(|(baseline, _)| baseline)
        .filter(|candidate| promoted.is_none_or(|p| p.made < candidate.made));
    Ok(match (newer, promoted) {
        (Some(candidate), _) => Outcome::finding(format!(
            "{} waits to be promoted: flowgauge regression baseline promote {}",
            candidate.name, candidate.name
        )),
        (None, Some(promoted)) => {
            Outcome::done(format!("{} is in force and nothing newer is proposed", promoted.name))
        }
        (None, None) => Outcome::skipped("there is no baseline yet; the weekly chores propose one"),
    })
}

/// Proposes thresholds within bounds.
pub(super) fn thresholds(parts: &Parts) -> Result<Outcome, String> {
    let env = |name: &str| std::env::var(name).ok();
    let world = World { config: &parts.config, env: &env };
    let set = rules::load(&parts.config.alerts.rules, &world).map_err(|problems| {
        let all: Vec<String> = problems.iter().map(ToString::to_string).collect();
        all.join("\n")
    })?;
    let (reader, window) = (parts.reader()?, thresholds::window(parts.now(), LEARNED_DAYS));
    let lines = thresholds::lines(&set, |kpi| thresholds::hours(&reader, kpi, window))
        .map_err(|e| e.to_string())?;
    let proposed: Vec<String> = lines
        .iter()
        .filter_map(|l| {
            Some(format!("{}: {} instead of {}", l.rule, l.proposed.as_ref()?, l.condition))
        })
        .collect();
    let few = lines.iter().filter(|l| l.lacks_data()).count();
    Ok(match () {
        () if !proposed.is_empty() => Outcome::finding(format!(
            "{}; flowgauge alert thresholds propose says why",
            proposed.join("; ")
        )),
        () if lines.iter().all(Line::lacks_data) => {
            Outcome::skipped("less than a week of data; nothing can be said of any threshold")
        }
        () => Outcome::done(format!("{} rules fit; {few} have too little data", lines.len() - few)),
    })
}

/// Whether the evaluator that tells quality scored enough of every intent that matters, over four weeks.
pub(super) fn audit(parts: &Parts) -> Result<Outcome, String> {
    let window = Window::last(i64::from(LEARNED_DAYS) * UnixMicros::DAY, parts.now());
    let covered = coverage(&parts.reader()?, window).map_err(|e| e.to_string())?;
    let Some(busiest) = covered.evaluators.first() else {
        return Ok(Outcome::skipped("nobody scored an answer in the last four weeks"));
    };
    let findings = busiest.findings();
    let who = format!("{} {}", busiest.evaluator, busiest.version);
    Ok(if findings.is_empty() {
        Outcome::done(format!(
            "{who} scored {} of {} calls, of every intent",
            busiest.scored, covered.calls
        ))
    } else {
        Outcome::finding(format!("{}; flowgauge quality audit says more", findings.join("; ")))
    })
}
