//! Delivery rehearsed: the real worker over a test's outbox, in the test's time, with receivers that
//! answer what the test says.
//!
//! Every channel counts as having an address. Refuses to send anything anywhere.

use super::ways::{Outcome, Sent, alertmanager, email, pagerduty, slack, slack_bot, webhook};
use super::{Channels, Deliver, Way};
use crate::config::alerts::{Channel, ChannelKind};
use crate::judge::RuleSet;
use crate::judge::proof::{Answer, Channelled, Courier, Told};
use crate::logic::alert::notice::{Kind, Message, Notice};
use crate::logic::call::Text;
use crate::logic::unit::{Micros, UnixMicros};
use crate::serve::clock::Clock;
use crate::store::{AlertStore, StoreError};
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::runtime::Runtime;
use tokio::sync::oneshot;

/// A receiver that does not answer is given up after this, as in operation.
const GIVEN_UP: Micros = Micros::from_millis(15_000);
/// Stands in for a key nobody has in a test.
const KEY: &str = "key";

/// Delivers in simulated time.
#[derive(Debug, Default)]
pub struct Rehearsal {
    running: Option<Running>,
    script: Arc<Mutex<Script>>,
}

#[derive(Debug)]
struct Running {
    runtime: Runtime,
    deliver: Deliver<Scripted>,
    /// Messages whose end the worker has seen.
    landed: u64,
}

/// What receivers answer, and what they got.
#[derive(Debug, Default)]
struct Script {
    answers: BTreeMap<Text, Channelled>,
    told: Vec<Told>,
    /// Sends that began, and those that stand without an answer until a moment.
    begun: u64,
    held: Vec<(UnixMicros, oneshot::Sender<()>)>,
}

/// A way that leads to the script.
#[derive(Debug)]
struct Scripted {
    script: Arc<Mutex<Script>>,
    clock: Clock,
}

impl Courier for Rehearsal {
    fn open(
        &mut self,
        store: Arc<AlertStore>,
        rules: &RuleSet,
        clock: Clock,
    ) -> Result<(), StoreError> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .map_err(StoreError::io("starting a delivery in simulated time"))?;
        let way = Scripted { script: Arc::clone(&self.script), clock: clock.clone() };
        let channels = Channels::all_open(&rules.channels);
        // The same pauses every time: a test says what it says.
        let deliver = Deliver::new(store, Arc::new(way), channels, clock).with_chance(|| 1 << 62);
        self.script.lock().begun = 0;
        self.running = Some(Running { runtime, deliver, landed: 0 });
        Ok(())
    }

    fn script(&mut self, channel: &Text, answers: &Channelled) {
        self.script.lock().answers.insert(channel.clone(), answers.clone());
    }

    fn look(&mut self, now: UnixMicros) -> UnixMicros {
        let later = now.after(Micros::from_millis(10_000));
        let Some(Running { runtime, deliver, landed }) = &mut self.running else { return later };
        let script = &self.script;
        script.lock().release(now);
        let pause = runtime.block_on(async {
            let mut pause = deliver.look().await;
            loop {
                // Each that was launched says first whether it will be answered.
                while script.lock().begun.saturating_sub(*landed) < deliver.on_their_way() as u64 {
                    tokio::task::yield_now().await;
                }
                if deliver.on_their_way() <= script.lock().held() {
                    return pause;
                }
                while deliver.on_their_way() > script.lock().held() {
                    deliver.next_landing().await;
                    *landed += 1;
                }
                pause = deliver.look().await;
            }
        });
        let next = now.after(Micros(u64::try_from(pause.as_micros()).unwrap_or(u64::MAX)));
        let held = script.lock().held.iter().map(|(until, _)| *until).min();
        held.map_or(next, |held| held.min(next))
    }

    fn kill(&mut self) {
        // Whatever is on its way is cut off; nobody hears what comes of it.
        self.running = None;
        self.script.lock().held.clear();
    }

    fn told(&self) -> Vec<Told> {
        self.script.lock().told.clone()
    }
}

impl Script {
    /// What a channel answers now.
    fn answer(&mut self, channel: &Text) -> Option<Answer> {
        let channelled = self.answers.get_mut(channel)?;
        let answer = channelled.answer;
        if let Some(times) = &mut channelled.times {
            let Some(left) = times.checked_sub(1) else {
                self.answers.remove(channel);
                return None;
            };
            *times = left;
        }
        Some(answer)
    }

    fn held(&self) -> usize {
        self.held.len()
    }

    fn release(&mut self, now: UnixMicros) {
        let (over, held) =
            std::mem::take(&mut self.held).into_iter().partition(|(at, _)| *at <= now);
        self.held = held;
        let over: Vec<(UnixMicros, oneshot::Sender<()>)> = over;
        for (_, tell) in over {
            // Who waited may be gone: then nobody needs to be told.
            let _gone = tell.send(());
        }
    }

    fn take(&mut self, channel: &Channel, notice: &Notice, at: UnixMicros) {
        for (action, dedup_key, body) in rendered(channel, notice) {
            let (channel, rule) = (channel.name.clone(), notice.message.rule.clone());
            self.told.push(Told { at, channel, rule, action, dedup_key, body });
        }
    }
}

impl Way for Scripted {
    async fn send(&self, channel: &Channel, notice: &Notice) -> Sent {
        let now = self.clock.now();
        let held = {
            let mut script = self.script.lock();
            script.begun += 1;
            match script.answer(&channel.name) {
                None => {
                    script.take(channel, notice, now);
                    return Sent { outcome: Outcome::Delivered, answer: "ok".to_owned() };
                }
                Some(Answer::Status { status, retry_after }) => {
                    let sent = answered(status, retry_after);
                    if sent.outcome == Outcome::Delivered {
                        script.take(channel, notice, now);
                    }
                    return sent;
                }
                Some(Answer::Hang) => {
                    let (tell, told) = oneshot::channel();
                    script.held.push((now.after(GIVEN_UP), tell));
                    told
                }
            }
        };
        let answer = match held.await {
            Ok(()) => "no answer".to_owned(),
            Err(_) => "the test ended".to_owned(),
        };
        Sent { outcome: Outcome::Ambiguous, answer }
    }

    async fn forward(&self, _urls: &[String], _messages: &[Message]) -> Sent {
        Sent { outcome: Outcome::Delivered, answer: "ok".to_owned() }
    }

    async fn beat(&self, _url: &str, _body: &serde_json::Value) -> Sent {
        Sent { outcome: Outcome::Delivered, answer: "ok".to_owned() }
    }
}

/// What an HTTP status means to every channel.
fn answered(status: u16, after: Option<Micros>) -> Sent {
    let outcome = match status {
        200..300 => Outcome::Delivered,
        410 => Outcome::Gone,
        408 | 425 | 429 | 500.. => Outcome::Later { after },
        _ => Outcome::Refused { hint: "as the test says".to_owned() },
    };
    Sent { outcome, answer: format!("{status}") }
}

/// What a receiver gets: what it is to do, what it knows repeats by, the text.
fn rendered(channel: &Channel, notice: &Notice) -> Vec<(String, String, String)> {
    let message = &notice.message;
    let one = |body: String| {
        vec![(action(message.kind).to_owned(), message.fingerprint.to_string(), body)]
    };
    match &channel.kind {
        ChannelKind::PagerDuty { .. } => {
            let events = pagerduty::events(message, KEY, &notice.key());
            let told = |event: pagerduty::Event| {
                let word =
                    |key: &str| event.body.get(key).and_then(|v| v.as_str()).map(str::to_owned);
                let action = word("event_action").unwrap_or_else(|| "change".to_owned());
                (action, word("dedup_key").unwrap_or_default(), event.body.to_string())
            };
            events.into_iter().map(told).collect()
        }
        kind @ ChannelKind::Slack { .. } => {
            one(slack::body(message, slack::Legacy::of(kind)).to_string())
        }
        ChannelKind::SlackBot { channel: room, .. } => {
            one(slack_bot::body(notice, room, None).to_string())
        }
        ChannelKind::Email { .. } => one(email::text(message)),
        ChannelKind::Webhook { .. } => one(webhook::body(notice)),
        ChannelKind::AlertmanagerWebhook { .. } => {
            one(alertmanager::webhook_body(message, &channel.name).to_string())
        }
        ChannelKind::Alertmanager { .. } => {
            let messages = std::slice::from_ref(message);
            one(alertmanager::forward_body(messages, notice.message.at).to_string())
        }
    }
}

const fn action(kind: Kind) -> &'static str {
    match kind {
        Kind::Fired => "fired",
        Kind::Escalated => "escalated",
        Kind::Repeat => "repeat",
        Kind::Acknowledged => "acknowledged",
        Kind::Resolved => "resolved",
        Kind::FiredAndResolved => "fired_and_resolved",
        Kind::Scheduled => "scheduled",
        Kind::Digest => "digest",
        Kind::Drill => "drill",
        Kind::Change => "change",
        Kind::Heartbeat => "heartbeat",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, Sources, load};
    use crate::judge::proof::{self, Report};
    use crate::judge::rules::{self, World};

    /// Carries out every test of a file beside the rules it names.
    fn run(file: &str) -> Vec<Report> {
        let path = format!("{}/tests/fixtures/alerts/tests/{file}", env!("CARGO_MANIFEST_DIR"));
        let file = proof::read(&path, &std::fs::read_to_string(&path).unwrap());
        let file = file.unwrap_or_else(|problems| panic!("{problems}"));
        let config = config();
        let world = World { config: &config, env: &|_| None };
        let rules = rules::load(&file.rules, &world).unwrap_or_else(|p| panic!("{p:?}"));
        let one = |test| {
            assert_eq!(proof::names(test, &rules), Vec::new());
            proof::run(&file, test, &rules, &config, &mut Rehearsal::default()).unwrap()
        };
        file.tests.iter().map(one).collect()
    }

    /// A monthly budget, which the guide's rules ask for.
    fn config() -> Config {
        let text = "budgets:\n- {name: month, period: month, limit: 1000 USD}\n";
        let file = Some(("flowgauge.yaml".to_owned(), text.to_owned()));
        let sources = Sources { file, ..Sources::default() };
        load(&sources).unwrap_or_else(|problems| panic!("{problems}")).config
    }

    fn passes(file: &str) {
        for report in run(file) {
            assert_eq!(report.unmet, Vec::new(), "{}\n{:#?}", report.name, report.told);
        }
    }

    #[test]
    fn the_example_passes_as_it_is_printed() {
        passes("as-printed.yaml");
    }

    #[test]
    fn faults_of_every_kind_leave_alerts_as_they_should_be() {
        passes("faults.yaml");
    }

    #[test]
    fn promtools_files_are_about_metrics_of_ours() {
        passes("promtool.yaml");
    }

    #[test]
    fn what_is_not_as_expected_is_named_with_its_place() {
        let text = "rule_files: [builtin:guide]\ntests:\n- streams:\n  - {every: 1s, for: 5m}\n  expect:\n  \
                    - {at: 5m, alert: p95_latency_critical, state: firing}\n  notifications:\n  \
                    - {channel: slack, count: 1}\n";
        let file = proof::read("t.yaml", text).unwrap();
        let config = config();
        let world = World { config: &config, env: &|_| None };
        let rules = rules::load(&file.rules, &world).unwrap();
        let report =
            proof::run(&file, &file.tests[0], &rules, &config, &mut Rehearsal::default()).unwrap();
        let texts: Vec<&str> = report.unmet.iter().map(|unmet| unmet.text.as_str()).collect();
        assert_eq!(texts.len(), 2, "{texts:?}");
        assert!(
            texts[0].starts_with("at 5m p95_latency_critical: expected firing, it is inactive"),
            "{texts:?}"
        );
        assert_eq!(texts[1], "slack: expected 1 messages, got 0");
    }

    #[test]
    fn a_key_that_means_nothing_is_refused_at_its_place() {
        let refused =
            proof::read("t.yaml", "rule_files: [a.yaml]\ntests:\n- strams: []\n").unwrap_err();
        let text = refused.to_string();
        assert!(text.starts_with("t.yaml:3:3: unknown key `strams`"), "{text}");
        assert!(text.contains("did you mean `streams`?"), "{text}");
    }
}
