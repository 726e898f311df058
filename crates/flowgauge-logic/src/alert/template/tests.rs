//! What messages say (alerting 11), for the guide's rules with figures of alerting 11 and 12.

use super::super::facts::BudgetPeriod;
use super::super::language::{Context, read};
use super::super::rule::{Rule, Severity};
use super::super::sample::Evidence;
use super::*;
use crate::alert::condition::Written;
use crate::alert::episode::Episode;
use crate::alert::metric::Metric;
use crate::call::Text;
use crate::id::CallId;
use crate::unit::{Micros, UnixMicros};
use std::collections::BTreeMap;

/// Monday, 6 January 2025, 09:05:10 UTC.
const FIRED: UnixMicros = UnixMicros(1_736_154_310_000_000);

fn rule(condition: &str, message: &str) -> Rule {
    let budgets = [(Text::const_new("month"), BudgetPeriod::Month)];
    let context = Context { budgets: &budgets, capacity: true, ..Context::default() };
    let read = read(condition, &context).unwrap();
    Rule {
        text: condition.to_owned(),
        channels: vec!["slack".into()],
        message: message.to_owned(),
        labels: BTreeMap::from([("team".into(), "reader".into())]),
        runbook: Some("restart it".to_owned()),
        ..Rule::new("p95_latency_critical".into(), read, Severity::Critical)
    }
}

fn evidence(value: f64, threshold: f64, reference: Option<f64>) -> Evidence {
    Evidence {
        value: Some(value),
        threshold: Some(threshold),
        reference,
        n: 412,
        exceed: Some(24),
        window_us: 60_000_000,
        ..Evidence::default()
    }
}

/// The message of a condition at a tick without an episode.
fn told(condition: &str, message: &str, evidence: &Evidence) -> String {
    let rule = rule(condition, message);
    let labels = vec![("model".into(), "gpt-4o".into())];
    let now = Moment { at: FIRED, episode: None, url: None };
    Template::parse(&rule.message).unwrap().render(&vars(&rule, &labels, evidence, &now))
}

#[test]
fn the_guides_messages_read_as_the_guide_means_them() {
    for (condition, message, evidence, text) in [
        (
            "p95_latency > 2500ms for 5 minutes",
            "P95 latency critically high: {{value}}ms",
            evidence(2_612_400.0, 2_500_000.0, None),
            "P95 latency critically high: 2612ms",
        ),
        (
            "quality_score < 75% for 10 minutes",
            "Quality score critically low: {{value}}%",
            evidence(0.7234, 0.75, None),
            "Quality score critically low: 72.3%",
        ),
        (
            "error_rate > 5% for 5 minutes",
            "Error rate critically high: {{value}}%",
            evidence(0.07, 0.05, None),
            "Error rate critically high: 7%",
        ),
        (
            "daily_tokens > 110% of baseline for 1 hour",
            "Token usage elevated: {{value}} (+{{percentage}}%)",
            evidence(1_124_000.0, 1_100_000.0, Some(1_000_000.0)),
            "Token usage elevated: 1,124,000 (+12.4%)",
        ),
        (
            "monthly_cost > 90% of budget",
            "Monthly cost approaching budget: {{value}}% used",
            // $913.25 of $1000, in nano-dollars.
            evidence(913.25e9, 900e9, Some(1000e9)),
            "Monthly cost approaching budget: 91.3% used",
        ),
        (
            "daily_schedule",
            "Daily performance summary attached",
            Evidence::default(),
            "Daily performance summary attached",
        ),
    ] {
        assert_eq!(told(condition, message, &evidence), text);
    }
}

#[test]
fn a_value_below_its_reference_has_no_sign_in_the_percentage() {
    let below = evidence(970_000.0, 1_100_000.0, Some(1_000_000.0));
    let message = "+{{percentage}}% {{direction}} {{ratio}}";
    assert_eq!(told("daily_tokens > 110% of baseline", message, &below), "+3% - 0.97");
    let zero = evidence(970_000.0, 0.0, Some(0.0));
    assert_eq!(told("daily_tokens > 110% of baseline", message, &zero), "+n/a%  n/a");
}

#[test]
fn against_a_budget_value_and_threshold_are_percent_and_raw_is_money() {
    let spent = evidence(913.25e9, 900e9, Some(1000e9));
    let message =
        "{{value}} {{threshold}} {{unit}} {{raw}} {{reference}} {{percentage}} {{metric}}";
    assert_eq!(
        told("monthly_cost > 90% of budget", message, &spent),
        "91.3 90 % 913.25 1000.00 91.3 monthly_cost"
    );
}

#[test]
fn a_change_is_shown_in_percent() {
    let grown = evidence(0.172, 0.15, Some(7e6));
    let message = "{{value}}{{unit}} over {{threshold}}{{unit}}, {{direction}}{{percentage}}%, was {{reference}}";
    assert_eq!(
        told("increase of daily_tokens over 7d vs last_week > 15%", message, &grown),
        "17.2% over 15%, +17.2%, was 7,000,000"
    );
}

#[test]
fn what_is_not_known_is_said() {
    let message =
        "{{value}} {{threshold}} {{exceed}} {{window}} {{labels.nobody}} {{episode}} {{peak}}";
    assert_eq!(
        told("p95_latency > 2500ms", message, &Evidence::default()),
        "n/a n/a n/a n/a n/a n/a n/a"
    );
}

#[test]
fn an_episode_has_a_start_a_length_and_a_peak() {
    let rule = rule(
        "p95_latency > 2.5s for 5 minutes",
        "{{alert}} {{severity}} {{peak}}{{unit}} {{started_at}} {{duration}} {{episode}} {{url}} {{for}} {{window}} {{n}} {{exceed}} {{labels.model}} {{labels.team}} {{runbook}}: {{condition}}",
    );
    let episode = Episode {
        id: CallId::new(FIRED, [7; 10]),
        rule: "p95_latency_critical".into(),
        labels: Vec::new(),
        severity: Severity::Critical,
        first_true: FIRED,
        fired: FIRED,
        ended: None,
        peak: Some(3_120_000.0),
        last_violation: Evidence::default(),
        last_violation_at: FIRED,
        violations: 1,
        late: false,
        acked: None,
        sequence: 1,
        told: None,
        actions: Vec::new(),
    };
    let now = Moment {
        at: FIRED.after(Micros(3_723_400_000)),
        episode: Some(&episode),
        url: Some("https://x/episodes/1"),
    };
    let labels = vec![("model".into(), "gpt-4o".into())];
    let vars = vars(&rule, &labels, &evidence(2_612_000.0, 2_500_000.0, None), &now);
    assert_eq!(
        Template::parse(&rule.message).unwrap().render(&vars),
        format!(
            "p95_latency_critical critical 3.12s 2025-01-06T09:05:10Z 1h2m3s {} https://x/episodes/1 5m 1m 412 24 gpt-4o reader restart it: p95_latency > 2.5s for 5 minutes",
            episode.id
        )
    );
    assert_eq!(vars.value_with_unit, "2.61s");
    assert_eq!(vars.threshold_with_unit, "2.5s");
}

#[test]
fn the_value_now_and_figures_for_machines_are_in_the_units_of_the_message() {
    let latency = rule("p95_latency > 2500ms", "");
    assert_eq!(now_text(&latency, &evidence(1_312_000.0, 2_500_000.0, None)).unwrap(), "1312ms");
    assert_eq!(now_text(&latency, &Evidence::default()), None);
    // Alerting 17.4: quality_score is 0–100 outside.
    let quality = figures(&rule("quality_score < 75%", ""), &evidence(0.72, 0.75, None)).unwrap();
    assert_eq!(
        (quality.value, quality.threshold, quality.unit.as_str()),
        (Some(72.0), Some(75.0), "%")
    );
    let budget =
        figures(&rule("monthly_cost > 90% of budget", ""), &evidence(950e9, 900e9, Some(1000e9)));
    assert_eq!(budget.unwrap().value, Some(95.0));
    assert_eq!(figures(&rule("daily_schedule", ""), &Evidence::default()), None);
}

#[test]
fn numbers_are_rounded_as_far_as_the_eye_needs() {
    use Written::*;
    for (metric, base, unit, text) in [
        (Metric::P95Latency, 2_612_499.0, Millis, "2612ms"),
        (Metric::P95Latency, 12_345_678.0, Millis, "12,346ms"),
        (Metric::P95Latency, 9_999_000.0, Bare, "9999ms"),
        (Metric::P95Latency, 2_612_499.0, Seconds, "2.61s"),
        (Metric::DailyTokens, 9_999.0, Bare, "9999 tokens"),
        (Metric::DailyTokens, 12_345.0, Tokens, "12,345 tokens"),
        (Metric::DailyTokens, 5_120_000.0, Mega, "5.12M"),
        (Metric::ErrorRate, 0.05, Percent, "5%"),
        (Metric::ErrorRate, 0.0725, Percent, "7.2%"),
        (Metric::TokenReduction, -0.031, Percent, "-3.1%"),
        (Metric::DailyCost, 913.254e9, Dollar, "$913.25"),
        (Metric::DailyCost, 12_345.6e9, Dollar, "$12,345.60"),
        (Metric::CostPerRequest, 7.4e6, Dollar, "$0.0074"),
        (Metric::CostPerRequest, 0.999_96e9, Dollar, "$1.00"),
        (Metric::CostPerRequest, 7.4e6, Cents, "0.74 cents"),
        (Metric::DailyCost, -2.5e9, Dollar, "-$2.50"),
        (Metric::UserSatisfaction, 3.87, Bare, "3.87/5"),
        (Metric::Throughput, 128.4, PerMinute, "128rpm"),
        (Metric::Throughput, 2.25, PerMinute, "2.2rpm"),
        (Metric::CacheMemoryBytes, 536_870_912.0, Bare, "512MiB"),
        (Metric::ConcurrentUsers, 37.0, Bare, "37"),
        (Metric::ErrorRate, f64::NAN, Percent, "n/a"),
    ] {
        assert_eq!(shown_with_unit(metric, base, unit), text);
    }
}

#[test]
fn every_variable_of_the_specification_is_known() {
    // Alerting 11.
    let all = "value raw reference threshold unit ratio percentage metric condition severity alert for \
               window n exceed peak started_at duration labels.model episode url runbook direction";
    for name in all.split_whitespace() {
        Template::parse(&format!("a {{{{ {name} }}}} b")).unwrap();
    }
    assert_eq!(NAMES.len() + 1, all.split_whitespace().count());
}

#[test]
fn a_variable_that_does_not_exist_is_refused_with_what_to_write() {
    for (text, place, fault) in [
        ("x {{valeu}}", "{{valeu}}", "`{{valeu}}` is no variable; did you mean {{value}}?"),
        ("{{ $value }}", "{{ $value }}", "`{{ $value }}` is no variable; write {{value}}"),
        (
            "{{$labels.model}}",
            "{{$labels.model}}",
            "`{{$labels.model}}` is no variable; write {{labels.model}}",
        ),
        (
            "{{labels}}",
            "{{labels}}",
            "`{{labels}}` is no variable; write the name of a label, e.g. {{labels.model}}",
        ),
        (
            "{{if value}}",
            "{{if value}}",
            "`{{if value}}` is no variable; only variables are possible: no code, no conditions, no loops",
        ),
        (
            "a {{value",
            "{{value",
            "`{{` is not closed; write `}}` behind the variable, e.g. {{value}}",
        ),
    ] {
        let refused = Template::parse(text).unwrap_err();
        assert_eq!(&text[refused.span.clone()], place);
        assert_eq!(refused.to_string(), fault);
    }
    // One brace is text.
    assert_eq!(told("error_rate > 5%", "{a} }} {", &Evidence::default()), "{a} }} {");
}

proptest::proptest! {
    #[test]
    fn no_template_brings_the_reader_down(text in "(\\{\\{|\\}\\}|value|labels\\.|[a-zäö \\n.$]){0,12}") {
        match Template::parse(&text) {
            Ok(template) => {
                let rendered = template.render(&Vars::default());
                assert!(rendered.len() <= text.len() + UNKNOWN.len() * 12);
            }
            Err(fault) => assert!(text.get(fault.span).is_some()),
        }
    }
}
