//! Alerts over a real socket: what the engine shows is put on the desk by hand.

mod alertmanager;
mod links;
mod own;

use crate::api::client::{NOW, Served, served};
use flowgauge::judge::seen::{Seen, SeenChannel, SeenInstance, SeenRule};
use flowgauge::logic::alert::condition::Condition;
use flowgauge::logic::alert::episode::Episode;
use flowgauge::logic::alert::instance::{Instance, InstanceKey, State};
use flowgauge::logic::alert::language;
use flowgauge::logic::alert::rule::{Rule, Severity};
use flowgauge::logic::alert::sample::Evidence;
use flowgauge::logic::call::Text;
use flowgauge::logic::id::CallId;
use flowgauge::logic::unit::{Micros, UnixMicros};
use flowgauge::store::{AlertChanges, Transition};
use std::sync::Arc;

const MINUTE: i64 = 60_000_000;

fn condition(text: &str) -> Condition {
    let context = language::Context { budgets: &[], slos: &[], capacity: false, shipped: false };
    language::read(text, &context).unwrap()
}

fn rule(name: &'static str, text: &str, severity: Severity) -> Arc<Rule> {
    Arc::new(Rule {
        text: text.to_owned(),
        channels: vec!["slack".into(), "pagerduty".into()],
        message: "P95 latency critically high: {{value}}ms".to_owned(),
        labels: [("team".into(), "search".into())].into(),
        runbook: Some("https://runbooks.example/latency".to_owned()),
        shipped: true,
        ..Rule::new(Text::const_new(name), condition(text), severity)
    })
}

fn evidence(value: f64, threshold: f64) -> Evidence {
    Evidence {
        value: Some(value),
        threshold: Some(threshold),
        n: 412,
        exceed: Some(24),
        window_us: 60_000_000,
        ..Evidence::default()
    }
}

fn instance(rule: &Rule, labels: &[(&'static str, &str)], state: State) -> SeenInstance {
    let labels = labels.iter().map(|(k, v)| ((*k).into(), (*v).into())).collect();
    SeenInstance {
        key: InstanceKey { rule: rule.name.clone(), labels },
        instance: Instance {
            state,
            since: UnixMicros(NOW.0 - 4 * MINUTE),
            evaluated: NOW,
            evidence: evidence(2_612_000.0, 2_500_000.0),
            ..Instance::new(NOW)
        },
        silenced_by: Vec::new(),
        inhibited_by: Vec::new(),
    }
}

fn episode(n: u8) -> Episode {
    let fired = UnixMicros(NOW.0 - i64::from(n) * MINUTE);
    Episode {
        id: CallId::new(fired, [n; 10]),
        rule: "p95_latency_critical".into(),
        labels: vec![("model".into(), "gpt-4o".into())],
        severity: Severity::Critical,
        first_true: UnixMicros(fired.0 - 5 * MINUTE),
        fired,
        ended: None,
        peak: Some(3_100_000.0),
        last_violation: evidence(2_612_000.0, 2_500_000.0),
        last_violation_at: NOW,
        violations: 31,
        late: false,
        acked: None,
        sequence: 1,
        told: Some(fired),
        actions: Vec::new(),
    }
}

fn seen(open: &Episode) -> Seen {
    let fires = rule("p95_latency_critical", "p95_latency > 2500ms for 5m", Severity::Critical);
    let waits = rule("error_rate_critical", "error_rate > 5% for 5m", Severity::Critical);
    let mut firing = instance(&fires, &[("model", "gpt-4o")], State::Firing);
    firing.instance.episode = Some(open.id);
    let elapsed = Micros::from_millis(240_000);
    let mut pending = instance(&waits, &[], State::Pending { elapsed });
    pending.instance.evidence = evidence(0.0625, 0.05);
    let row = |rule, instances| SeenRule { rule, idle: None, instances, shape: 0, took_ns: 1_500 };
    Seen {
        at: Some(NOW),
        rules: vec![row(fires, vec![firing]), row(waits, vec![pending])],
        channels: vec![SeenChannel {
            name: "slack".into(),
            kind: "slack",
            routed: false,
            fallback: Vec::new(),
        }],
        open: vec![Arc::new(open.clone())],
        ..Seen::default()
    }
}

/// A flowgauge in which one rule fires and one is pending.
async fn firing() -> (Served, Episode) {
    let served = served().await;
    let open = episode(1);
    let desk = Arc::clone(served.running.app().desk());
    let key = InstanceKey { rule: open.rule.clone(), labels: open.labels.clone() };
    let moved = Transition {
        at: open.fired,
        key,
        from: "pending".into(),
        to: "firing".into(),
        episode: Some(open.id),
        why: "true for 5m".to_owned(),
    };
    let changes = AlertChanges {
        episodes: vec![open.clone()],
        transitions: vec![moved],
        ..AlertChanges::default()
    };
    desk.store().commit(&changes).unwrap();
    // The clock stands still, so the engine evaluates once; what is shown here comes after it.
    while desk.seen().at.is_none() {
        tokio::task::yield_now().await;
    }
    desk.show(seen(&open));
    (served, open)
}
