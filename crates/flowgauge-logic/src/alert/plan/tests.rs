//! What is told of an episode, when, and what is withheld until later.

use super::*;
use crate::alert::condition::Condition;
use crate::alert::episode::{self, Ack, EndReason};
use crate::alert::facts::{BudgetPeriod, Labels};
use crate::alert::instance::State;
use crate::alert::language;
use crate::alert::rule::{Semantics, Severity};
use crate::alert::sample::Evidence;
use crate::alert::silence::{Silence, SilenceMatcher};
use crate::alert::step::Raise;
use crate::id::CallId;
use crate::unit::Micros;

pub(in crate::alert) const START: UnixMicros = UnixMicros(1_736_154_000_000_000);
const TICK: i64 = 10_000_000;
const MINUTE: i64 = UnixMicros::MINUTE;

pub(in crate::alert) fn rule(name: &str, condition: &str, severity: Severity) -> Rule {
    let budgets = [
        (Text::const_new("day"), BudgetPeriod::Day),
        (Text::const_new("month"), BudgetPeriod::Month),
    ];
    let context =
        language::Context { budgets: &budgets, slos: &[], capacity: true, shipped: false };
    let read = language::read(condition, &context).unwrap();
    Rule {
        text: condition.to_owned(),
        channels: vec![Text::const_new("slack")],
        message: format!("{name}: {{{{value}}}}"),
        ..Rule::new(Text::new(name), read, severity)
    }
}

pub(in crate::alert) fn labels(pairs: &[(&str, &str)]) -> Labels {
    pairs.iter().map(|(n, v)| (Text::new(n), Text::new(v))).collect()
}

pub(in crate::alert) fn opened(rule: &Rule, of: &[(&str, &str)], n: u8) -> Episode {
    let evidence = Evidence {
        value: Some(2_612_000.0),
        threshold: Some(2_500_000.0),
        n: 412,
        exceed: Some(24),
        window_us: 60_000_000,
        ..Evidence::default()
    };
    let at = UnixMicros(START.0 + i64::from(n));
    episode::open(rule, &labels(of), &evidence, (at, at), CallId::new(at, [n; 10]))
}

fn settings() -> Settings {
    let channel = |name: &'static str, kind: &'static str| ChannelKind {
        name: Text::const_new(name),
        kind: Text::const_new(kind),
    };
    Settings {
        application: Text::const_new("FlowReader"),
        environment: Text::const_new("prod"),
        dashboard_url: "https://flowreader.app/admin/performance".to_owned(),
        public_url: Some("https://fg.example/".to_owned()),
        channels: vec![channel("slack", "slack"), channel("pd", "pagerduty")],
    }
}

/// A scene that can be changed, and its episodes.
struct Stage {
    rules: Vec<Rule>,
    episodes: Vec<Episode>,
    instance: Instance,
    silences: Vec<Covering>,
    may_notify: bool,
    off: Vec<Mechanism>,
    pace: Pace,
    now: UnixMicros,
}

impl Stage {
    fn new(rules: Vec<Rule>) -> Self {
        let episodes = rules.iter().zip(1u8..).map(|(rule, n)| opened(rule, &[], n)).collect();
        let mut instance = Instance::new(START);
        instance.state = State::Firing;
        instance.evidence.value = Some(1_312_000.0);
        Self {
            rules,
            episodes,
            instance,
            silences: Vec::new(),
            may_notify: true,
            off: Vec::new(),
            pace: Pace::default(),
            now: START,
        }
    }

    fn plan(&mut self) -> Planned {
        let settings = settings();
        let scene = Scene {
            now: self.now,
            zone: Tz::UTC,
            late: false,
            silences: &self.silences,
            off: &|mechanism| self.off.contains(&mechanism),
            cache_cleared: None,
            may_notify: &|_, _, _| self.may_notify,
            settings: &settings,
            ack_link: &|id| Some(format!("https://fg.example/alerts/ack/{id}")),
        };
        let mut entries: Vec<Entry<'_>> = self
            .rules
            .iter()
            .zip(&mut self.episodes)
            .map(|(rule, episode)| Entry { rule, instance: Some(&self.instance), episode })
            .collect();
        plan(&scene, &mut entries, &mut self.pace)
    }

    /// Kinds and seconds from the start at which they are due, tick by tick up to a moment.
    fn until(&mut self, micros: i64) -> Vec<(Kind, i64)> {
        let mut told = Vec::new();
        while self.now.0 <= START.0 + micros {
            let planned = self.plan();
            told.extend(planned.notices.iter().map(|n| (n.message.kind, seconds(n.due))));
            self.now.0 += TICK;
        }
        told
    }

    fn end(&mut self, at: usize, reason: EndReason) -> &mut Self {
        self.episodes[at].close(self.now, reason);
        self
    }
}

fn seconds(at: UnixMicros) -> i64 {
    (at.0 - START.0) / 1_000_000
}

const P95: &str = "p95_latency > 2500ms for 5 minutes";

fn silence_of(name: &str, minutes: i64) -> Vec<Covering> {
    vec![
        Covering::new(&Silence {
            id: "s1".to_owned(),
            matchers: vec![SilenceMatcher {
                name: "alertname".to_owned(),
                value: name.to_owned(),
                is_regex: false,
                is_equal: true,
            }],
            starts: START,
            ends: UnixMicros(START.0 + minutes * MINUTE),
            created_by: "ann".to_owned(),
            comment: String::new(),
            updated: START,
        })
        .unwrap(),
    ]
}

#[test]
fn a_critical_alert_is_told_at_once_and_every_hour_until_acknowledged() {
    let mut stage = Stage::new(vec![rule("p95", P95, Severity::Critical)]);
    let told = stage.until(130 * MINUTE);
    assert_eq!(told, [(Kind::Fired, 0), (Kind::Repeat, 3_600), (Kind::Repeat, 7_200)]);
    let ack = Ack { at: stage.now, by: Text::const_new("ann"), note: None };
    stage.episodes[0].acked = Some(ack);
    assert_eq!(stage.until(400 * MINUTE), []);
    assert_eq!(stage.end(0, EndReason::Recovered).plan().notices.len(), 1);
}

#[test]
fn a_warning_waits_for_company_and_repeats_every_four_hours_and_info_never() {
    let mut stage = Stage::new(vec![rule("w", P95, Severity::Warning)]);
    assert_eq!(stage.until(250 * MINUTE), [(Kind::Fired, 15), (Kind::Repeat, 14_420)]);
    let mut stage = Stage::new(vec![rule("i", P95, Severity::Info)]);
    assert_eq!(stage.until(1_000 * MINUTE), [(Kind::Fired, 15)]);
}

#[test]
fn a_rule_as_prometheus_has_them_waits_for_nobody_however_often_it_fires() {
    let prometheus = Rule { semantics: Semantics::Prometheus, ..rule("w", P95, Severity::Warning) };
    let mut stage = Stage::new(vec![prometheus]);
    assert_eq!(stage.until(0), [(Kind::Fired, 0)]);
    stage.end(0, EndReason::Recovered);
    assert_eq!(stage.until(TICK), [(Kind::Resolved, 10)]);
    stage.episodes[0] = opened(&stage.rules[0], &[], 7);
    assert_eq!(stage.until(2 * TICK), [(Kind::Fired, 20)]);
}

#[test]
fn there_is_exactly_one_end_and_only_where_the_beginning_was_told() {
    let mut stage = Stage::new(vec![rule("p95", P95, Severity::Critical)]);
    stage.silences = silence_of("p95", 60);
    assert_eq!(stage.plan().notices, []);
    assert_eq!(stage.end(0, EndReason::Recovered).plan().notices, []);

    let mut stage = Stage::new(vec![rule("p95", P95, Severity::Critical)]);
    stage.plan();
    stage.silences = silence_of("p95", 60);
    stage.now.0 += TICK;
    let planned = stage.end(0, EndReason::RuleRemoved).plan();
    assert_eq!(planned.withheld, [], "what is over is not withheld");
    let [notice] = planned.notices.as_slice() else { panic!("one end") };
    assert_eq!((notice.message.kind, notice.sequence), (Kind::Resolved, 1));
    assert_eq!(notice.message.ended, Some(EndReason::RuleRemoved));
    assert_eq!(planned.changed, [stage.episodes[0].id]);
}

#[test]
fn an_alert_that_outlives_its_silence_is_told_then() {
    let mut stage = Stage::new(vec![rule("p95", P95, Severity::Critical)]);
    stage.silences = silence_of("p95", 10);
    let planned = stage.plan();
    assert_eq!(planned.withheld[0].silenced_by, ["s1"]);
    assert_eq!(planned.changed, []);
    assert_eq!(stage.until(20 * MINUTE), [(Kind::Fired, 600)]);
}

#[test]
fn an_alert_outside_its_hours_is_told_when_they_begin() {
    let mut quiet = rule("p95", P95, Severity::Critical);
    quiet.active_times = vec![ActiveTime::default()];
    let mut stage = Stage::new(vec![quiet]);
    stage.may_notify = false;
    assert!(stage.plan().withheld[0].inactive_hours);
    assert_eq!(stage.until(5 * MINUTE), []);
    stage.may_notify = true;
    assert_eq!(stage.until(6 * MINUTE), [(Kind::Fired, 310)]);
}

#[test]
fn an_end_before_the_beginning_is_due_waits_for_it() {
    let mut stage = Stage::new(vec![rule("w", P95, Severity::Warning)]);
    assert_eq!(stage.until(0), [(Kind::Fired, 15)]);
    let planned = stage.end(0, EndReason::Recovered).plan();
    assert_eq!(seconds(planned.notices[0].due), 15);
}

#[test]
fn a_raised_severity_escalates_once_and_a_lowered_one_does_not() {
    let mut stage = Stage::new(vec![rule("p95", P95, Severity::Warning)]);
    stage.until(0);
    stage.rules[0].severity = Severity::Critical;
    assert_eq!(stage.until(MINUTE), [(Kind::Escalated, 10)]);
    stage.rules[0].severity = Severity::Info;
    assert_eq!(stage.until(2 * MINUTE), []);
    assert_eq!(stage.episodes[0].severity, Severity::Critical);
}

#[test]
fn an_acknowledgement_is_forwarded_once_to_receivers_that_keep_incidents() {
    let mut critical = rule("p95", P95, Severity::Critical);
    critical.channels = vec![Text::const_new("slack"), Text::const_new("pd")];
    let mut stage = Stage::new(vec![critical]);
    assert_eq!(stage.until(0).len(), 2);
    stage.episodes[0].acked = Some(Ack { at: stage.now, by: Text::const_new("ann"), note: None });
    let planned = stage.plan();
    let told: Vec<_> = planned.notices.iter().map(|n| (n.channel.as_str(), n.sequence)).collect();
    assert_eq!(told, [("pd", 1)]);
    assert_eq!(planned.notices[0].message.ack_url, None);
    stage.now.0 += TICK;
    assert_eq!(stage.plan().notices, []);
    let end = stage.end(0, EndReason::Recovered).plan();
    assert!(end.notices.iter().all(|n| n.sequence == 2 && n.message.kind == Kind::Resolved));
}

#[test]
fn a_group_speaks_every_five_minutes_except_for_a_new_critical_one_or_an_end() {
    let mut rules: Vec<Rule> =
        ["a", "b", "c", "d"].iter().map(|name| rule(name, P95, Severity::Warning)).collect();
    for rule in &mut rules {
        rule.group_by = vec![Text::const_new("team")];
        rule.labels.insert(Text::const_new("team"), Text::const_new("x"));
    }
    rules[3].severity = Severity::Critical;
    let mut stage = Stage::new(rules);
    let (d, c, b) = (
        stage.episodes.pop().unwrap(),
        stage.episodes.pop().unwrap(),
        stage.episodes.pop().unwrap(),
    );
    assert_eq!(stage.until(0), [(Kind::Fired, 15)]);
    stage.episodes.push(b);
    assert_eq!(stage.until(TICK), [(Kind::Fired, 15)], "goes along with the one that waits");
    stage.now = UnixMicros(START.0 + MINUTE);
    stage.episodes.push(c);
    assert_eq!(stage.until(MINUTE), [(Kind::Fired, 315)]);
    stage.episodes.push(d);
    assert_eq!(stage.until(MINUTE + TICK), [(Kind::Fired, 70)]);
    let end = stage.end(0, EndReason::Recovered).plan();
    assert_eq!(end.notices[0].due, stage.now);
    assert_eq!(end.notices[0].group, "team=\"x\"");
}

#[test]
fn two_notifications_of_a_rule_keep_their_least_distance_over_episodes() {
    let mut flapping = rule("p95", P95, Severity::Critical);
    flapping.min_interval = Micros::from_millis(600_000);
    let mut stage = Stage::new(vec![flapping]);
    assert_eq!(stage.until(0), [(Kind::Fired, 0)]);
    stage.end(0, EndReason::Recovered).plan();
    stage.episodes[0] = opened(&stage.rules[0], &[], 9);
    assert_eq!(stage.until(TICK), [(Kind::Fired, 600)]);
    let end = stage.end(0, EndReason::Recovered).plan();
    assert_eq!(seconds(end.notices[0].due), 600, "joined with its beginning, not before it");
}

#[test]
fn a_budget_rule_is_told_once() {
    let mut stage =
        Stage::new(vec![rule("budget", "monthly_cost > 90% of budget", Severity::Warning)]);
    assert_eq!(stage.until(3 * 24 * 60 * MINUTE), [(Kind::Fired, 15)]);
    let planned = stage.end(0, EndReason::PeriodEnded).plan();
    assert_eq!(planned.notices[0].message.ended, Some(EndReason::PeriodEnded));
}

#[test]
fn while_it_recovers_it_is_not_said_to_be_firing_still() {
    let mut stage = Stage::new(vec![rule("p95", P95, Severity::Critical)]);
    stage.until(0);
    stage.instance.state = State::Recovering { elapsed: Micros(0) };
    assert_eq!(stage.until(100 * MINUTE), []);
}

#[test]
fn a_message_shows_the_last_violating_value_and_once_it_is_over_the_value_now() {
    let mut critical = rule("p95_latency_critical", P95, Severity::Critical);
    critical.message = "P95 latency critically high: {{value}}ms".to_owned();
    critical.runbook = Some("look".to_owned());
    let mut stage = Stage::new(vec![critical]);
    let fired = stage.plan().notices.remove(0);
    let m = &fired.message;
    assert_eq!(m.text, "P95 latency critically high: 2612ms");
    assert_eq!((m.value.as_str(), m.threshold.as_str()), ("2612ms", "2500ms"));
    assert_eq!((m.n, m.exceed, m.now.clone()), (412, Some(24), None));
    assert_eq!((m.metric.as_str(), m.environment.as_str()), ("p95_latency", "prod"));
    let id = stage.episodes[0].id;
    assert_eq!(m.episode_url, Some(format!("https://fg.example/alerts/{id}")));
    assert!(m.ack_url.is_some());
    assert_eq!(fired.expires, UnixMicros(START.0 + 24 * UnixMicros::HOUR));
    stage.now.0 += TICK;
    let over = stage.end(0, EndReason::Recovered).plan().notices.remove(0).message;
    assert_eq!(over.text, "P95 latency critically high: 2612ms");
    assert_eq!(over.now.as_deref(), Some("1312ms"));
    assert_eq!((over.at, over.started), (stage.now, stage.episodes[0].fired));
    assert_eq!(over.ack_url, None);
    assert_eq!(over.fingerprint, m.fingerprint);
}

#[test]
fn a_scheduled_run_has_the_same_key_whoever_plans_it() {
    let mut daily = rule("daily_summary", "daily_schedule", Severity::Info);
    daily.message = "Daily performance summary attached".to_owned();
    let one = scheduled(&daily, &settings(), START, START);
    let two = scheduled(&daily, &settings(), START, UnixMicros(START.0 + MINUTE));
    assert_eq!(one[0].key(), two[0].key());
    let other = scheduled(&daily, &settings(), UnixMicros(START.0 + MINUTE), START);
    assert_ne!(one[0].key(), other[0].key());
    assert_eq!(one[0].message.text, "Daily performance summary attached");
    assert_eq!((one[0].message.value.as_str(), one[0].message.kind), ("", Kind::Scheduled));
    assert_eq!(one[0].expires, UnixMicros(START.0 + 72 * UnixMicros::HOUR));
}

#[test]
fn a_drill_is_marked_and_a_change_says_what() {
    let critical = rule("p95", P95, Severity::Critical);
    let id = CallId::new(START, [9; 10]);
    let drill = drill(&critical, &settings(), id, START);
    assert_eq!((drill[0].message.kind, drill[0].episode), (Kind::Drill, id));
    let changed = changed("prices edited", &critical.channels, &settings(), id, START);
    assert_eq!(changed[0].message.text, "prices edited");
    assert_eq!((changed[0].message.kind, changed[0].channel.as_str()), (Kind::Change, "slack"));
}

#[test]
fn a_complaint_about_a_rule_goes_to_its_channels_and_inhibits_nothing() {
    let critical = rule("p95", P95, Severity::Critical);
    let meta = meta_rule(Raise::NoData, &critical);
    assert_eq!((meta.name.as_str(), meta.severity), ("flowgauge_no_data", Severity::Warning));
    assert_eq!(meta.channels, critical.channels);
    assert_eq!(
        meta_labels(&critical, &labels(&[("model", "m")])),
        labels(&[("model", "m"), ("rule", "p95")])
    );
    let weaker = rule("w", "p95_latency > 2000ms", Severity::Info);
    let mut stage = Stage::new(vec![critical, meta, weaker]);
    let planned = stage.plan();
    let withheld: Vec<_> = planned.withheld.iter().map(|w| w.key.rule.as_str()).collect();
    assert_eq!(withheld, ["w"]);
    assert_eq!(planned.withheld[0].inhibited_by, ["p95"]);
}

#[test]
fn what_its_mechanism_explains_is_withheld_while_that_is_off() {
    let hit_rate = rule("hit", "cache_hit_rate < 20%", Severity::Warning);
    let mut stage = Stage::new(vec![hit_rate]);
    stage.off = vec![Mechanism::ResponseCaching];
    assert_eq!(stage.plan().withheld[0].inhibited_by, ["response_caching is off"]);
    stage.off.clear();
    assert_eq!(stage.plan().notices.len(), 1);
}

#[test]
fn a_fingerprint_names_rule_and_label_set_and_nothing_else() {
    let of = |rule: &str, pairs: &[(&str, &str)]| fingerprint(rule, &labels(pairs));
    assert_eq!(of("a", &[("m", "1")]), of("a", &[("m", "1")]));
    assert_ne!(of("a", &[("m", "1")]), of("a", &[("m", "2")]));
    assert_ne!(of("a", &[]), of("b", &[]));
    assert_eq!(of("a", &[]).len(), 16);
}

#[test]
fn only_conditions_about_one_budget_latch() {
    let period = |text: &str| {
        let rule = rule("x", text, Severity::Warning);
        assert!(matches!(rule.condition, Condition::When { .. }));
        crate::alert::law::budget_period(&rule.condition)
    };
    assert_eq!(period("monthly_cost > 90% of budget"), Some(BudgetPeriod::Month));
    assert_eq!(period("daily_cost > 90% of budget"), Some(BudgetPeriod::Day));
    assert_eq!(period("budget_utilization > 90%"), Some(BudgetPeriod::Month));
    assert_eq!(period("daily_cost > $50"), None);
    assert_eq!(period("monthly_cost < 90% of budget"), None);
    assert_eq!(period("monthly_cost > 90% of budget and throughput > 10rpm"), None);
    assert_eq!(period("forecast(monthly_cost) > 100% of budget"), None);
}

#[test]
fn what_was_withheld_and_recovers_by_now_wakes_nobody() {
    let mut stage = Stage::new(vec![rule("w", P95, Severity::Warning)]);
    stage.silences = silence_of("w", 5);
    assert_eq!(stage.until(4 * MINUTE), []);
    stage.instance.state = State::Recovering { elapsed: crate::unit::Micros(0) };
    assert_eq!(stage.until(10 * MINUTE), [], "it is clear when the silence ends");
    stage.instance.state = State::Firing;
    let kinds: Vec<Kind> = stage.until(12 * MINUTE).into_iter().map(|(kind, _)| kind).collect();
    assert_eq!(kinds, [Kind::Fired], "it came back");
}
