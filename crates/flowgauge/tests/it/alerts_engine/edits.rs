//! Rules edited, removed and refused while an alert is open.

use super::bench::*;
use flowgauge::judge::engine::Reload;
use flowgauge::logic::alert::episode::EndReason;
use flowgauge::logic::alert::notice::Kind;
use flowgauge::logic::alert::rule::Severity;
use flowgauge::tell::deliver::ways::slack;

/// Fires at 910.
fn firing(text: &str) -> Bench {
    let mut bench = Bench::new(text);
    bench.run(600, taking(800));
    bench.run(320, taking(2_612));
    assert_eq!(bench.steps("p95"), [(Kind::Fired, 910)]);
    bench
}

const OTHER: &str = "---\nalert: other\ncondition: error_rate > 50%\nseverity: info\n\
    channels: [slack]\nmessage: m\n";

/// What the last message to Slack says, heading and colour.
fn last(bench: &Bench) -> (String, String) {
    let message = &bench.told.last().unwrap().notice.message;
    let body = slack::body(message, slack::Legacy::default());
    let word = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    (word(&body["text"]), word(&body["attachments"][0]["color"]))
}

#[test]
fn an_edited_condition_ends_its_episode_without_an_all_clear() {
    let mut bench = firing(P95);
    bench.edit(&P95.replace("2500ms", "2400ms"));
    bench.run(10, taking(2_612));
    assert_eq!(bench.steps("p95")[1..], [(Kind::Resolved, 930)]);
    assert_eq!(bench.ends("p95"), [Some(EndReason::RuleChanged)]);
    let (text, colour) = last(&bench);
    assert!(text.contains("ended: the rule was changed"), "{text}");
    assert!(!text.contains("✅") && !text.contains("resolved") && colour != "good", "{text}");
    // The new rule begins from nothing and fires when it has held for five minutes itself.
    assert_eq!(bench.state("p95"), "pending");
    bench.run(290, taking(2_612));
    assert_eq!(bench.steps("p95").len(), 2);
    bench.run(10, taking(2_612));
    assert_eq!(bench.steps("p95")[2..], [(Kind::Fired, 1_230)]);
}

#[test]
fn severity_labels_and_texts_keep_an_episode() {
    let warning = P95.replace("critical", "warning");
    let mut bench = firing(&warning);
    let id = bench.episodes()[0].id;
    bench.edit(&format!("{P95}labels: {{team: search}}\nrunbook: https://runbooks.example/p95\n"));
    bench.run(10, taking(2_612));
    assert_eq!(bench.steps("p95")[1..], [(Kind::Escalated, 930)]);
    bench.edit(&warning.replace("P95 {{", "Slow: {{"));
    bench.run(10, taking(2_612));
    assert_eq!((bench.steps("p95").len(), bench.state("p95")), (2, "firing"));
    bench.run(300, taking(800));
    let over = bench.notice("p95", Kind::Resolved, "slack");
    assert_eq!((over.message.text.as_str(), over.episode), ("Slow: 2613ms", id));
    assert_eq!(over.message.severity, Severity::Critical, "as bad as it was at its worst");
    assert_eq!(bench.ends("p95"), [Some(EndReason::Recovered)]);
}

#[test]
fn a_rule_that_is_removed_or_switched_off_ends_its_episode() {
    for (edit, why) in [
        (OTHER.to_owned(), EndReason::RuleRemoved),
        (format!("{P95}enabled: false\n"), EndReason::RuleRemoved),
    ] {
        let mut bench = firing(&format!("{P95}{OTHER}"));
        bench.edit(&edit);
        bench.run(600, taking(2_612));
        assert_eq!(bench.steps("p95")[1..], [(Kind::Resolved, 930)], "{edit}");
        assert_eq!(bench.ends("p95"), [Some(why)]);
        let (text, colour) = last(&bench);
        assert!(text.contains("ended: the rule was removed") && colour != "good", "{text}");
    }
}

#[test]
fn what_was_edited_while_it_was_down_counts_at_the_start() {
    for (edit, why) in [
        (P95.replace("2500ms", "2400ms"), EndReason::RuleChanged),
        (OTHER.to_owned(), EndReason::RuleRemoved),
    ] {
        let mut bench = firing(&format!("{P95}{OTHER}"));
        bench.crash_into(TICK, &edit);
        bench.advance();
        assert_eq!(bench.steps("p95")[1..], [(Kind::Resolved, 930)], "{edit}");
        bench.crash_into(TICK, &edit);
        bench.run(60, taking(800));
        assert_eq!(bench.steps("p95").len(), 2, "{edit}");
        assert_eq!(bench.ends("p95"), [Some(why)]);
    }
}

#[test]
fn a_complaint_ends_with_the_alert_it_is_about() {
    let mut bench = firing(P95);
    bench.run(2_400, QUIET);
    assert_eq!(bench.steps("flowgauge_no_data").len(), 1);
    bench.edit(OTHER);
    bench.run(10, QUIET);
    assert_eq!(bench.ends("flowgauge_no_data"), [Some(EndReason::RuleRemoved)]);
    assert_eq!(bench.desk.seen().open.len(), 0);
}

#[test]
fn a_refused_reload_keeps_the_rules_and_says_why() {
    let mut bench = firing(P95);
    let refused = Reload::Refused("alerts.yaml:2:12: no metric p59_latency".to_owned());
    let config = bench.config.alerts.clone();
    bench.engine.reload(refused, &config);
    bench.run(10, taking(2_612));
    let seen = bench.desk.seen();
    assert!(seen.load_error.as_deref().is_some_and(|why| why.contains("p59_latency")));
    assert_eq!(bench.state("p95"), "firing");
    bench.edit(P95);
    bench.run(300, taking(800));
    assert_eq!(bench.desk.seen().load_error, None);
    assert_eq!(bench.ends("p95"), [Some(EndReason::Recovered)]);
    assert_eq!(bench.steps("p95").len(), 2);
}
