//! Who inhibits whom, and that somebody is always told.

use super::*;
use crate::alert::episode::Episode;
use crate::alert::plan::Settings;
use crate::alert::plan::tests::{START, opened, rule};
use crate::alert::rule::Rule;
use crate::unit::UnixMicros;
use chrono_tz::Tz;
use proptest::prelude::*;

type Open = (Rule, Vec<(&'static str, &'static str)>);

fn open(name: &str, condition: &str, severity: Severity) -> Open {
    (rule(name, condition, severity), Vec::new())
}

fn by(mut open: Open, labels: &[(&'static str, &'static str)]) -> Open {
    open.1 = labels.to_vec();
    open
}

fn names(open: &[Open]) -> Vec<Vec<String>> {
    names_at(open, None)
}

fn names_at(open: &[Open], cache_cleared: Option<UnixMicros>) -> Vec<Vec<String>> {
    let mut episodes: Vec<Episode> =
        open.iter().zip(1u8..).map(|((rule, labels), n)| opened(rule, labels, n)).collect();
    for episode in &mut episodes {
        episode.last_violation.threshold = None;
    }
    let entries: Vec<Entry<'_>> = open
        .iter()
        .zip(&mut episodes)
        .map(|((rule, _), episode)| Entry { rule, instance: None, episode })
        .collect();
    let settings = Settings::default();
    let scene = Scene {
        now: START,
        zone: Tz::UTC,
        late: false,
        silences: &[],
        off: &|_| false,
        cache_cleared,
        may_notify: &|_, _, _| false,
        settings: &settings,
        ack_link: &|_| None,
    };
    inhibited(&scene, &entries)
}

const CRITICAL: Severity = Severity::Critical;
const WARNING: Severity = Severity::Warning;
const INFO: Severity = Severity::Info;

#[test]
fn the_stricter_threshold_inhibits_the_weaker_in_both_directions() {
    let latency = [
        open("w", "p95_latency > 2000ms for 10 minutes", WARNING),
        open("c", "p95_latency > 2.5s for 5 minutes", CRITICAL),
    ];
    assert_eq!(names(&latency), [vec!["c".to_owned()], vec![]]);
    let quality = [
        open("w", "quality_score < 78%", WARNING),
        open("c", "quality_score < 75%", CRITICAL),
        open("other_way", "quality_score > 99%", WARNING),
        open("other_metric", "cache_hit_rate < 20%", WARNING),
    ];
    assert_eq!(names(&quality), [vec!["c".to_owned()], vec![], vec![], vec![]]);
}

#[test]
fn a_milder_alert_never_hides_a_graver_one() {
    let odd = [open("c", "p95_latency > 2s", CRITICAL), open("i", "p95_latency > 3s", INFO)];
    assert_eq!(names(&odd), [Vec::<String>::new(), vec![]]);
    let same = [open("c", "p95_latency > 2s", CRITICAL), open("w", "p95_latency > 2s", WARNING)];
    assert_eq!(names(&same), [vec![], vec!["c".to_owned()]]);
}

#[test]
fn the_inhibited_one_is_about_no_more_than_the_inhibitor() {
    let all = || open("all", "p95_latency > 2500ms", CRITICAL);
    let one = |model| {
        by(open("by_model", "p95_latency by (model) > 2000ms", WARNING), &[("model", model)])
    };
    assert_eq!(names(&[all(), one("a")]), [vec![], vec!["all".to_owned()]]);
    let selected = || open("sel", "p95_latency{model=\"a\"} > 2500ms", CRITICAL);
    assert_eq!(names(&[selected(), one("a")])[1], ["sel"]);
    assert!(names(&[selected(), one("b")])[1].is_empty());
    let wide = open("wide", "p95_latency > 2000ms", WARNING);
    assert!(names(&[selected(), wide])[1].is_empty());
    let partly = open("part", "p95_latency{model=~\"a.*\"} > 2500ms", CRITICAL);
    assert!(names(&[partly, one("a")])[1].is_empty(), "it may be about other calls");
}

#[test]
fn a_provider_that_is_down_inhibits_the_latency_of_its_models() {
    let down = by(open("down", "error_rate by (provider) > 50%", CRITICAL), &[("provider", "p")]);
    let slow = |provider| {
        let slow = open("slow", "p95_latency by (provider, model) > 2s", CRITICAL);
        by(slow, &[("model", "m"), ("provider", provider)])
    };
    assert_eq!(names(&[down.clone(), slow("p")])[1], ["down"]);
    assert!(names(&[down, slow("q")])[1].is_empty());
}

#[test]
fn explicit_targets_are_inhibited_where_labels_agree() {
    let mut source = by(open("a", "throughput < 1rpm", WARNING), &[("model", "m")]);
    source.0.inhibits = vec![Text::const_new("b"), Text::const_new("a")];
    let b = |model| by(open("b", "error_rate > 5%", CRITICAL), &[("model", model)]);
    assert_eq!(names(&[source.clone(), b("m")]), [vec![], vec!["a".to_owned()]]);
    assert!(names(&[source, b("n")])[1].is_empty());
}

#[test]
fn of_a_circle_the_gravest_is_told() {
    let in_circle = |name, target: &'static str, severity| {
        let mut open = open(name, "throughput < 1rpm", severity);
        open.0.inhibits = vec![Text::const_new(target)];
        open
    };
    let circle =
        [in_circle("a", "b", WARNING), in_circle("b", "c", CRITICAL), in_circle("c", "a", WARNING)];
    let found = names(&circle);
    assert!(found[1].is_empty());
    assert!(!found[0].is_empty() && !found[2].is_empty());
}

#[test]
fn an_inhibitor_outside_its_own_hours_inhibits_nothing() {
    let mut asleep = open("c", "p95_latency > 2500ms", CRITICAL);
    asleep.0.active_times = vec![crate::alert::rule::ActiveTime::default()];
    let found = names(&[open("w", "p95_latency > 2s", WARNING), asleep]);
    assert_eq!(found, [Vec::<String>::new(), vec![]]);
}

#[test]
fn the_hit_rate_says_nothing_for_half_an_hour_after_the_cache_was_cleared() {
    let hit = [open("hit", "cache_hit_rate < 20%", WARNING)];
    let minutes_ago = |n: i64| Some(UnixMicros(START.0 - n * UnixMicros::MINUTE));
    assert_eq!(names_at(&hit, minutes_ago(29))[0], ["the cache was cleared"]);
    assert!(names_at(&hit, minutes_ago(30))[0].is_empty());
    let other = [open("p95", "p95_latency > 2s", WARNING)];
    assert!(names_at(&other, minutes_ago(1))[0].is_empty());
}

proptest! {
    /// Whatever the rules say of each other, every alert is told or hangs off one that is.
    #[test]
    fn somebody_is_always_told(
        rules in proptest::collection::vec(
            (0usize..6, proptest::collection::vec(0usize..6, 0..4), 0usize..3, 1u32..5), 1..12,
        ),
    ) {
        const NAMES: [&str; 6] = ["a", "b", "c", "d", "e", "f"];
        let open: Vec<Open> = rules.into_iter().map(|(name, inhibits, severity, limit)| {
            let condition = format!("p95_latency > {limit}s");
            let mut open = open(NAMES[name], &condition, Severity::ALL[severity]);
            open.0.inhibits = inhibits.into_iter().map(|at| Text::const_new(NAMES[at])).collect();
            open
        }).collect();
        let found = names(&open);
        prop_assert!(found.iter().any(Vec::is_empty));
        for ((rule, _), inhibitors) in open.iter().zip(&found) {
            prop_assert!(inhibitors.iter().all(|name| *name != rule.name.as_str()));
        }
    }
}
