//! Statements about whole rule files: the guide's text, faults with their places, keys.

use super::*;
use crate::config::alerts::ChannelKind;
use crate::logic::alert::rule::{Clear, Policy, Rule, Severity};
use crate::logic::budget::{Budget, DEFAULT_MAX_TOKENS, Per, Period, Unpriced};
use crate::logic::unit::{Micros, NanoUsd};

const CRITICAL: &str = include_str!("../../../tests/fixtures/alerts/guide-critical.yml");
const WARNING: &str = include_str!("../../../tests/fixtures/alerts/guide-warning.yml");
const INFO: &str = include_str!("../../../tests/fixtures/alerts/guide-info.yml");

/// The guide's configuration: a budget for the month.
fn config() -> Config {
    let budget = Budget {
        name: "month".into(),
        per: Per::All,
        matches: Vec::new(),
        period: Period::Month,
        limit: NanoUsd(1_000_000_000_000),
        zone: chrono_tz::UTC,
        unpriced: Unpriced::Deny,
        default_max_tokens: DEFAULT_MAX_TOKENS,
    };
    Config { budgets: vec![budget], ..Config::default() }
}

fn read(text: &str) -> Result<RuleSet, Problems> {
    let env = |name: &str| (name == "SLACK_WEBHOOK_URL").then(|| "http://hooks/x".to_owned());
    load_text("alerts.yaml", text, &World { config: &config(), env: &env })
}

fn rules(text: &str) -> Vec<Rule> {
    read(text).unwrap_or_else(|problems| panic!("{problems}")).rules
}

/// A rule with more keys.
fn with(more: &str) -> String {
    format!(
        "alert: a\ncondition: error_rate > 5%\nseverity: warning\nchannels: [slack]\nmessage: m\n{more}"
    )
}

fn refusal(text: &str) -> String {
    read(text).unwrap_err().to_string()
}

#[test]
fn the_guides_three_fences_are_eight_rules() {
    let counts: Vec<usize> = [CRITICAL, WARNING, INFO].iter().map(|t| rules(t).len()).collect();
    assert_eq!(counts, [3, 3, 2]);
    assert_eq!(GUIDE, [CRITICAL, WARNING, INFO].concat());
    let apart: Vec<Rule> = [CRITICAL, WARNING, INFO].iter().flat_map(|t| rules(t)).collect();
    assert_eq!(rules(GUIDE), apart);
    assert_eq!(apart[7].name, "cost_budget_warning");
    assert_eq!(apart[7].severity, Severity::Warning);
    assert_eq!(apart[0].message, "P95 latency critically high: {{value}}ms");
    assert_eq!(apart[0].channels, ["slack", "email", "pagerduty"]);
    assert_eq!(apart[0].text, "p95_latency > 2500ms for 5m");
}

#[test]
fn a_formatted_file_loads_to_the_same_rules_and_keeps_its_comments() {
    let marked = format!(
        "---\n{}---\n{}",
        CRITICAL.split("\n\n").next().unwrap_or("").to_owned() + "\n",
        INFO.split("\n\n").next().unwrap_or("")
    );
    for text in [GUIDE, CRITICAL, WARNING, INFO, &marked] {
        let formatted = format("alerts.yaml", text).unwrap();
        assert_eq!(rules(&formatted), rules(text), "{formatted}");
        assert_eq!(format("alerts.yaml", &formatted).unwrap(), formatted);
        for comment in text.lines().filter(|l| l.starts_with('#')) {
            assert!(formatted.contains(&format!("  {comment}\n")), "{comment}: {formatted}");
        }
    }
}

#[test]
fn documents_with_a_list_and_sections_become_one_file() {
    let text = format!(
        "# about all\n\n# of one\n{}---\nchannels:\n  ops: # who\n    type: slack\ndefaults:\n  severity: info # mild\n\
         alerts: # more\n# first\n- alert: b\n  # inner\n  condition: error_rate > 5%\n  channels: [ops]\n  \
         message: |\n    # no comment\n\n    two\n---\n{{alert: c, condition: 'error_rate  >  5%', \
         severity: info, channels: [slack], message: m}}\n# the end\n",
        with("on_no_data: ok # fine\n"),
    );
    let formatted = format("alerts.yaml", &text).unwrap();
    assert_eq!(rules(&formatted), rules(&text), "{formatted}");
    assert_eq!(rules(&text).len(), 3);
    for comment in [
        "# about all\n\nchannels",
        "  # of one",
        "# who",
        "# mild",
        "# first",
        "# inner",
        "# fine",
        "# the end",
    ] {
        assert!(formatted.contains(comment), "{comment}: {formatted}");
    }
    assert_eq!(format("alerts.yaml", &formatted).unwrap(), formatted);
}

#[test]
fn a_wrong_key_unit_metric_or_variable_is_shown_with_its_place_and_the_way_out() {
    let text = "# mine\nalert: a\ncondtion: x\ncondition: p95_latencyy > 2500ms for 5m\nseverity: warnin\nchannels: [slak]\n\
                message: \"too high: {{vale}}ms\"\nalert: b\ncondition: |\n  p95_latency >\n    2500\nseverity: info\nchannels: [slack]\n\
                message: m\n";
    let shown = refusal(text);
    for golden in [
        "alerts.yaml:3:1: unknown key `condtion` in the rule\n    3 | condtion: x\n      | ^^^^^^^^\n      hint: did you mean `condition`?\n",
        "alerts.yaml:4:12: \"p95_latencyy\" is no metric\n",
        "    4 | condition: p95_latencyy > 2500ms for 5m\n      |            ^^^^^^^^^^^^\n",
        "alerts.yaml:5:11: \"warnin\" is no severity; did you mean warning?\n",
        "alerts.yaml:7:21: `{{vale}}` is no variable\n",
        "    7 | message: \"too high: {{vale}}ms\"\n      |                     ^^^^^^\n      hint: did you mean {{value}}?\n",
        "alerts.yaml:11:5: ",
        "   11 |     2500\n      |     ^^^^\n",
    ] {
        assert!(shown.contains(golden), "{golden}\nin\n{shown}");
    }
}

#[test]
fn a_file_as_prometheus_has_them_refuses_what_prometheus_does_not_know() {
    let rule = |more: &str| format!("semantics: prometheus\nalerts:\n{}", indented(&with(more)));
    let set = read(&rule("keep: 1m\nclear: same\n")).unwrap();
    assert_eq!(set.rules[0].keep, Some(Micros(60_000_000)));
    assert_eq!(read(&rule("")).unwrap().rules[0].keep, Some(Micros(0)));
    for (line, why) in [
        ("on_no_data: fire\n", "`on_no_data` means nothing with `semantics: prometheus`"),
        ("min_samples: 5\n", "`min_samples` means nothing with `semantics: prometheus`"),
        ("clear: p95_latency < 1s\n", "an alert ends when its condition does"),
    ] {
        let shown = refusal(&rule(line));
        assert!(shown.contains(why), "{shown}");
    }
    let shown = refusal(&rule("for: 5m (4 of 5)\n"));
    assert!(shown.contains("`(k of n)` means nothing"), "{shown}");
}

#[test]
fn channels_are_declared_or_predeclared() {
    let text = format!(
        "channels:\n  ops: {{type: webhook, url: 'http://h/x', fallback: [slack]}}\nalerts:\n{}",
        indented(&with("").replace("[slack]", "[ops, email]"))
    );
    let set = read(&text).unwrap();
    let names: Vec<&str> = set.channels.iter().map(|c| c.name.as_str()).collect();
    assert_eq!(names, ["slack", "email", "pagerduty", "ops"]);
    assert!(matches!(&set.channels[0].kind, ChannelKind::Slack { webhook: Some(_), .. }));
    let warning =
        "1 rule names the channel \"email\", which leads nowhere: alerts.smtp is not configured";
    assert_eq!(set.warnings, [warning]);
    let shown = refusal(&with("").replace("[slack]", "[slak]"));
    assert!(shown.contains("alerts.yaml:4:12: no channel is named \"slak\""), "{shown}");
    assert!(shown.contains("did you mean `slack`?"), "{shown}");
}

/// A rule as the only item of a list.
fn indented(rule: &str) -> String {
    let lines = rule.lines().enumerate();
    lines.map(|(at, l)| format!("{}{l}\n", if at == 0 { "  - " } else { "    " })).collect()
}

#[test]
fn secrets_are_never_written_as_themselves_and_never_shown() {
    let text =
        "channels:\n  ops: {type: slack, webhook: 'https://hooks.slack.com/services/T/B/s3cr3t'}\n";
    let shown = refusal(text);
    assert!(shown.contains("env:NAME or file:PATH"), "{shown}");
    assert!(!shown.contains("s3cr3t"), "{shown}");
}

#[test]
fn fallbacks_lead_forward() {
    let text = "channels:\n  a: {type: email, fallback: [b]}\n  b: {type: email, fallback: [a]}\n";
    assert!(refusal(text).contains("leads back"), "{}", refusal(text));
}

#[test]
fn every_key_is_read() {
    let more = "for: 5m (4 of 5)\nkeep: 2m\nclear: error_rate < 4%\nlabels: {team: core}\nannotations: {why: because}\n\
                owner: me\nrunbook: http://r\nby: [model]\nwindow: 10m\nmin_samples: 200\nconfidence: 95%\nno_data: alert\n\
                on_error: ok\nmax_hold: 1h\nrepeat: 2h\nmin_interval: 1m\ngroup_by: [alert, model]\ninhibits: [b]\n\
                actions: [rollback(response_caching), set(model_selection, conservative), notify_only]\n\
                requires: severity >= critical\nactive_times: [{weekdays: ['monday:friday']}]\nenabled: false\ndebug: true\n";
    let rule = rules(&with(more)).remove(0);
    assert_eq!(rule.text, "error_rate over 10m by (model) > 5% for 5m (4 of 5)");
    assert_eq!(rule.keep, Some(Micros::from_millis(120_000)));
    assert!(matches!(rule.clear, Clear::When(_)));
    assert_eq!((rule.on_no_data, rule.on_error), (Policy::Fire, Policy::Ok));
    assert_eq!(rule.confidence, Some(0.95));
    assert_eq!(rule.actions[1], "set(model_selection, conservative)");
    assert_eq!(rule.requires.as_deref(), Some("severity>=critical"));
    assert_eq!(rule.active_times[0].weekdays, [(1, 5)]);
    assert!(!rule.enabled && rule.debug && !rule.derived);
}

#[test]
fn for_is_said_once() {
    let text = with("for: 5m\n").replace("5%", "5% for 1m");
    assert!(refusal(&text).contains("alerts.yaml:6:6: `for` is said twice"), "{}", refusal(&text));
}

#[test]
fn a_condition_may_be_the_tree_itself() {
    let tree = "\n  when:\n    is:\n      is:\n        compare: {operand: {of: {metric: error_rate}}, cmp: '>', bound: {quantity: {number: 5, unit: '%'}}}\n    \
                for: {length: 5m}\n";
    let text = with("").replace(" error_rate > 5%\n", tree);
    assert_eq!(rules(&text)[0].text, "error_rate > 5% for 5m");
    let shown = refusal(&text.replace("cmp:", "cmpp:"));
    assert!(
        shown.contains("unknown key `cmpp`") && shown.contains("did you mean `cmp`?"),
        "{shown}"
    );
    let shown = refusal(&text.replace("error_rate}", "error_rat}"));
    assert!(shown.contains("did you mean `error_rate`?"), "{shown}");
}

#[test]
fn names_are_unique_over_all_files_and_both_places_are_named() {
    let dir = tempfile::tempdir().unwrap();
    let paths = ["one.yaml", "two.yaml"].map(|name| dir.path().join(name));
    for path in &paths {
        std::fs::write(path, with("")).unwrap();
    }
    let sources = paths.clone().map(RuleSource::File);
    let problems = load(&sources, &World { config: &config(), env: &|_| None }).unwrap_err();
    let shown = problems[0].to_string();
    assert!(shown.contains("two.yaml:1:8: there is a rule \"a\" already, at "), "{shown}");
    assert!(shown.contains("one.yaml:1:8"), "{shown}");
}

#[test]
fn the_shipped_rules_load_without_any_configuration() {
    let world = World { config: &Config::default(), env: &|_| None };
    let set = load(&[RuleSource::Guide, RuleSource::Derived, RuleSource::Slo], &world)
        .unwrap_or_else(|problems| panic!("{}", problems[0]));
    assert_eq!(set.rules.iter().filter(|r| !r.derived).count(), 8);
    let limits: Vec<&Rule> =
        set.rules.iter().filter(|r| r.derived && !r.text.contains("burn_rate")).collect();
    assert_eq!(limits.iter().filter(|r| r.enabled).count(), 10);
    assert!(limits.iter().all(|r| r.severity == Severity::Warning && r.channels == ["slack"]));
    assert!(set.rules.iter().all(|r| r.shipped));
    assert_eq!(set.slos.len(), 5);
    for text in [DERIVED, SLO] {
        let formatted = format("shipped.yaml", text).unwrap();
        assert_eq!(format("shipped.yaml", &formatted).unwrap(), formatted);
        assert_eq!(formatted.lines().count(), text.lines().count());
    }
}

#[test]
fn what_is_no_rule_file_says_so() {
    for (text, way) in [
        ("- alert: a\n", "write `alerts:` above the list"),
        ("groups: []\n", "alert import prometheus"),
        ("condition: x\nseverity: info\n", "add `alert: name`"),
        ("alrts: []\n", "did you mean `alerts`?"),
        ("severity: info\nalert: a\nmessage: m\nalert: b\n", "begin each rule with `alert: name`"),
    ] {
        let shown = refusal(text);
        assert!(shown.contains(way), "{text}: {shown}");
    }
}

proptest::proptest! {
    #[test]
    fn no_text_makes_it_panic(text in "(alert: [a-c]\n|---\n|#x\n|k: v\n|alerts:\n|  - alert: x\n|condition: [a-z0-9_ >%\"'|]{0,20}\n|message: \"\\{\\{[a-z]{0,3}\\}\\}\"\n|  x\n){0,12}") {
        let _read = read(&text);
        let _written = format("x", &text);
    }
}
