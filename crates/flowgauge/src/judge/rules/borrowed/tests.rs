//! Files of Sloth and OpenSLO of our own writing: what of them loads here, and what is left out where.

use super::{openslo, sloth};
use crate::config::Config;
use crate::judge::RuleSet;
use crate::judge::rules::{World, load_text};
use crate::logic::alert::facts::Timing;
use crate::logic::alert::rule::{Policy, Severity, Sli, SloPeriod};
use crate::logic::unit::Micros;

const SLOTH: &str = include_str!("tests/sloth.yaml");
const OPENSLO: &str = include_str!("tests/openslo.yaml");

fn loaded(text: &str) -> RuleSet {
    let world = World { config: &Config::default(), env: &|_| None };
    load_text("alerts.yaml", text, &world).unwrap_or_else(|p| panic!("{text}\n{p}"))
}

fn conditions(set: &RuleSet) -> Vec<(&str, Severity, &str)> {
    set.rules.iter().map(|r| (r.name.as_str(), r.severity, r.text.as_str())).collect()
}

#[test]
fn a_specification_of_sloth_loads_with_its_paging_and_its_ticket() {
    let imported = sloth("slos.yml", SLOTH).unwrap();
    let set = loaded(&imported.text);
    let availability = &set.slos[0];
    assert_eq!(availability.name, "reader_requests_availability");
    assert!(matches!(&availability.sli, Sli::Availability { selector } if selector.len() == 1));
    assert_eq!(availability.period, SloPeriod::Rolling(30));
    let limit = Micros(2_560_000);
    let faster = Sli::Faster { selector: Vec::new(), timing: Timing::Latency, limit };
    assert_eq!(set.slos[1].sli, faster);
    let name = "reader_requests_availability";
    assert_eq!(
        conditions(&set),
        [
            (
                "ReaderFails_page",
                Severity::Critical,
                format!("burn_rate({name}) > 14.4 over 1h and 5m or burn_rate({name}) > 6 over 6h and 30m")
                    .as_str()
            ),
            (
                "ReaderFails_ticket",
                Severity::Warning,
                format!("burn_rate({name}) > 3 over 1d and 2h or burn_rate({name}) > 1 over 3d and 6h")
                    .as_str()
            ),
            (
                "ReaderSlow_page",
                Severity::Critical,
                "burn_rate(reader_requests_latency) > 6 over 6h and 30m"
            ),
        ]
    );
    assert_eq!(set.rules[0].labels.len(), 2, "{:?}", set.rules[0].labels);
}

#[test]
fn what_of_sloth_cannot_be_said_is_named_with_its_line_and_the_reason() {
    let imported = sloth("slos.yml", SLOTH).unwrap();
    let left: Vec<String> =
        imported.left_out.iter().map(|(what, why)| format!("{what}: {why}")).collect();
    assert_eq!(left.len(), 3, "{left:#?}");
    // At 90 % the largest burn rate is 10.
    assert!(left[0].starts_with("slos.yml:34:") && left[0].contains("at most 10"), "{}", left[0]);
    assert!(
        left[1].starts_with("slos.yml:39:") && left[1].contains("http_requests_total"),
        "{}",
        left[1]
    );
    assert!(left[2].starts_with("slos.yml:46:") && left[2].contains("plugin"), "{}", left[2]);
}

#[test]
fn objects_of_openslo_find_each_other_and_load() {
    let imported = openslo("objects.yml", OPENSLO).unwrap();
    let set = loaded(&imported.text);
    let names: Vec<&str> = set.slos.iter().map(|slo| slo.name.as_str()).collect();
    assert_eq!(names, ["answers", "first_token"]);
    assert_eq!(
        (set.slos[0].period, set.slos[1].period),
        (SloPeriod::Rolling(28), SloPeriod::Month)
    );
    assert!(matches!(
        set.slos[1].sli,
        Sli::Faster { timing: Timing::Ttft, limit: Micros(800_000), .. }
    ));
    assert_eq!(
        conditions(&set),
        [(
            "answers_burns_fast",
            Severity::Critical,
            "burn_rate(answers) > 14 over 1h and 5m for 2m"
        )]
    );
    assert_eq!(set.rules[0].on_no_data, Policy::Fire);
    let left: Vec<String> =
        imported.left_out.iter().map(|(what, why)| format!("{what}: {why}")).collect();
    assert_eq!(left.len(), 3, "{left:#?}");
    assert!(left[0].contains("targets"), "{}", left[0]);
    assert!(left[1].contains("no AlertPolicy \"elsewhere\""), "{}", left[1]);
    assert!(left[2].contains("Timeslices are not counted"), "{}", left[2]);
    assert!(left.iter().all(|l| l.starts_with("objects.yml:")), "{left:#?}");
}

#[test]
fn a_file_of_something_else_is_refused() {
    for text in ["groups: []\n", "alerts: []\n", "kind: SLO\n", "a"] {
        assert!(sloth("x.yml", text).is_err(), "{text}");
        assert!(openslo("x.yml", text).is_err(), "{text}");
    }
}
