//! What others say of the application: evaluators and their scales, uptime checks.

use super::super::read::{self, Findings};
use super::super::tree::Node;
use super::super::{Check, Evaluator};
use super::{items, noted, unique};
use crate::logic::call::Text;
use crate::logic::score::Scale;
use crate::logic::unit::Micros;

/// Checks at most: each is a connection and a row a minute.
const MAX_CHECKS: usize = 64;
/// The pace of a check: one a second is no load, and one an hour still tells a day.
const PACE: std::ops::RangeInclusive<u64> = 1_000_000..=3_600_000_000;
/// Every half a minute, as the catalogue has it.
const EVERY: Micros = Micros::from_millis(30_000);
/// Who waits longer than this calls it down.
const TIMEOUT: Micros = Micros::from_millis(5_000);

pub(super) fn evaluators(f: &mut Findings, root: &Node) -> Vec<Evaluator> {
    let nodes = root.at("evaluators").map_or(&[][..], items);
    unique(f, nodes, "name", "evaluator");
    let evaluator = |f: &mut Findings, node: &Node| {
        let name = f.required(node, "name").map(|(t, _)| t.to_owned());
        let scale = f.value(node, "scale", Scale::default(), scale);
        let version = f.text(node, "version").map(|(t, _)| Text::from(t)).filter(|t| !t.is_empty());
        let preferred = f.value(node, "preferred", false, read::boolean);
        Some(Evaluator { name: name?, scale, version, preferred })
    };
    let found: Vec<Evaluator> = nodes.iter().filter_map(|n| evaluator(f, n)).collect();
    if let Some(list) =
        root.at("evaluators").filter(|_| found.iter().filter(|e| e.preferred).count() > 1)
    {
        let why = "more than one evaluator is preferred; quality is what one of them says";
        f.add(super::super::problem::Problem::new(list.place.clone(), why.to_owned()));
    }
    found
}

fn scale(text: &str) -> Result<Scale, String> {
    let ends = text
        .split_once("..")
        .and_then(|(worst, best)| Some((worst.trim().parse().ok()?, best.trim().parse().ok()?)));
    ends.and_then(|(worst, best)| Scale::new(worst, best)).ok_or_else(|| {
        format!("{text:?} is no scale; write its worst and its best value, for example 1..5")
    })
}

pub(super) fn checks(f: &mut Findings, root: &Node) -> Vec<Check> {
    let Some(list) = root.at("checks") else { return Vec::new() };
    let nodes = items(list);
    unique(f, nodes, "name", "check");
    if nodes.len() > MAX_CHECKS {
        let why = format!("{} checks; there may be {MAX_CHECKS}", nodes.len());
        f.add(super::super::problem::Problem::new(list.place.clone(), why));
    }
    let check = |f: &mut Findings, node: &Node| {
        let name = f.required(node, "name").map(|(t, _)| t.to_owned());
        let url = f.required(node, "url");
        let url = url.and_then(|(text, place)| noted(f, place, read::url(text)));
        let every = f.value(node, "every", EVERY, pace);
        let timeout = f.value(node, "timeout", TIMEOUT, pace);
        let expect_status = f.value(node, "expect_status", 200, status);
        Some(Check { name: name?, url: url?, every, timeout, expect_status })
    };
    nodes.iter().filter_map(|n| check(f, n)).collect()
}

fn pace(text: &str) -> Result<Micros, String> {
    let length = read::length(text)?;
    let within = PACE.contains(&length.0).then_some(length);
    within.ok_or_else(|| format!("{text:?} is not between 1s and 1h"))
}

fn status(text: &str) -> Result<u16, String> {
    let status = text.parse::<u16>().ok().filter(|s| (100..=599).contains(s));
    status.ok_or_else(|| format!("{text:?} is no HTTP status; write for example 200"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scale_has_two_different_ends_and_may_run_downwards() {
        assert_eq!(scale("1..5").map(|s| s.ends()), Ok((1.0, 5.0)));
        assert_eq!(scale("-1 .. 1").map(|s| s.ends()), Ok((-1.0, 1.0)));
        assert_eq!(scale("10..0").map(|s| s.ends()), Ok((10.0, 0.0)));
        for wrong in ["1", "1..1", "a..b", "0..inf", "", "[0, 1]"] {
            assert!(scale(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_check_runs_neither_all_the_time_nor_hardly_ever() {
        assert_eq!(pace("30s"), Ok(EVERY));
        assert!(pace("999ms").is_err() && pace("2h").is_err());
        assert!(status("200").is_ok() && status("99").is_err() && status("ok").is_err());
    }
}
