//! A harm planted in a running gateway: pruning that cuts the question (catalogue E.4, 6). Answers are scored as in
//! production, the evidence is that of the calls that passed, and the guardrail acts by itself.
//!
//! The operator's mistake: the element that holds the question is declared as one that holds passages.

use super::PATH;
use crate::api::client::{NOW, ask, config, get, request};
use bytes::Bytes;
use flowgauge::config::{Provider, StreamSettings, Timeouts};
use flowgauge::control::Wanted;
use flowgauge::demo::book;
use flowgauge::demo::local::LocalServer;
use flowgauge::demo::model_server::{self, Pace};
use flowgauge::demo::{PROVIDER, SMALL};
use flowgauge::logic::control::rollout::{Mechanism, Mode, Share};
use flowgauge::logic::control::state::Settings;
use flowgauge::logic::score::sampling::Plan;
use flowgauge::logic::unit::Micros;
use flowgauge::serve::clock::{Clock, Hand};
use flowgauge::serve::{self, Running};
use http_body_util::Full;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::time::Duration;

/// The stated number of calls within which 15 points are found, 5 % of them held out
/// (`logic::control::guardrail`, `fifteen_points_are_found_within_twelve_hundred_calls`).
const STATED: usize = 1_200;
/// Calls of a minute, after which the guardrail looks.
const A_MINUTE: usize = 50;

struct World {
    running: Running,
    hand: Hand,
    _provider: LocalServer,
    _dir: tempfile::TempDir,
    asked: usize,
    looks: u64,
}

/// All four on, 5 % held out, every answer scored, the guardrail let act.
async fn world(tags: &[&str]) -> World {
    let pace = Pace::new(Clock::real(), 10_000.0, "none");
    let provider = model_server::start_with(3, pace, 0.0).await.unwrap();
    let dir = tempfile::tempdir().unwrap();
    let mut config = config(dir.path());
    config.gateway.optimiser_time = Micros::from_millis(60_000);
    config.gateway.providers = vec![Provider {
        name: PROVIDER.into(),
        base_url: format!("{}/v1", provider.url()),
        api_key: None,
        timeouts: Timeouts::default(),
        retry: None,
        streams: StreamSettings::default(),
    }];
    config.quality.plan = Plan { default: 1.0, max_per_minute: 0, ..Plan::default() };
    let (clock, hand) = Clock::frozen(NOW);
    let running = serve::start(config, clock).await.unwrap();
    let tags = tags.iter().map(|t| (*t).to_owned()).collect();
    let world = World { running, hand, _provider: provider, _dir: dir, asked: 0, looks: 0 };
    world
        .set("all four, with the guardrail", |s| {
            for mechanism in Mechanism::ALL {
                let rollout = s.rollouts.of_mut(mechanism);
                rollout.mode = Mode::On;
                rollout.holdout = Share::percent(5);
            }
            s.prune.tags = tags;
            s.guardrail.acts = true;
        })
        .await;
    world
}

/// A question in an element of its own, behind passages about something else and those it is about, each in theirs; a
/// hint between them shares a word with the first of the others. Where the question is taken for a passage, only the hint
/// says what matters: the question and what answers it go.
fn body(number: usize) -> String {
    let questions = book::questions();
    let question = questions[number % questions.len()];
    let other = questions[(number + questions.len() / 2) % questions.len()];
    let (beside, about) = (book::passages(other, 160, 4), book::passages(question, 120, 2));
    let asked: BTreeSet<&str> = question.split(|c: char| !c.is_alphanumeric()).collect();
    let told = about.concat();
    let hint = beside[0]
        .split(|c: char| !c.is_alphanumeric())
        .find(|w| {
            w.len() > 5 && !told.contains(w) && asked.iter().all(|a| a.get(..4) != w.get(..4))
        })
        .unwrap();
    let passages: Vec<String> =
        beside.iter().chain(&about).map(|p| format!("<passage>{p}</passage>")).collect();
    let prompt = format!(
        "{}\n\nNo. {number}: {hint}.\n\n<question>{question}</question>",
        passages.join("\n\n")
    );
    json!({"model": SMALL, "messages": [{"role": "user", "content": prompt}]}).to_string()
}

impl World {
    async fn set(&self, why: &str, edit: impl FnOnce(&mut Settings)) {
        let control = self.running.switches();
        control.desk.change(&Wanted::by("ann", why), edit).await.unwrap();
    }

    async fn get(&self, path: &str) -> Value {
        get(self.running.addr, path).await.json()
    }

    async fn until(&self, path: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let asking = async {
            let mut ticks = tokio::time::interval(Duration::from_millis(10));
            loop {
                ticks.tick().await;
                let told = self.get(path).await;
                if wanted(&told) {
                    return told;
                }
            }
        };
        tokio::time::timeout(Duration::from_secs(60), asking).await.expect(path)
    }

    /// A minute of traffic, all of it scored; then the guardrail looks, since a setting of no effect changes.
    async fn minute(&mut self) -> Value {
        for _ in 0..A_MINUTE {
            let asked = request("POST", self.running.addr, PATH)
                .header("content-type", "application/json")
                .body(Full::new(Bytes::from(body(self.asked))));
            let answer = ask(self.running.addr, asked.unwrap()).await;
            assert_eq!(answer.status, 200);
            self.asked += 1;
        }
        let all = self.asked;
        self.until("/api/v1/quality/status", |s| {
            let counts = &s["intents"][0]["counts"];
            counts["seen"] == all && s["waiting"] == 0 && s["held_bytes"] == 0
        })
        .await;
        self.hand.advance(Micros(60_000_000));
        self.looks += 1;
        let looks = self.looks;
        self.set("look", |s| s.guardrail.cool_down = Micros(6 * 3_600_000_000 + looks)).await;
        let calls = |e: &Value| {
            let calls = e["mechanisms"][0]["calls"].as_object();
            calls.map_or(0, |c| c.values().filter_map(Value::as_u64).sum::<u64>())
        };
        self.until("/api/v1/control/evidence", |e| {
            calls(e) == all as u64 || e["mechanisms"][0]["guardrail"]["decision"] == "roll_back"
        })
        .await
    }

    fn killed(&self) -> Vec<Mechanism> {
        let snapshot = self.running.switches().desk.live().get();
        snapshot.settings.as_ref().unwrap().kill.only.iter().copied().collect()
    }
}

fn quality(evidence: &Value) -> (f64, u64, u64) {
    let found = evidence["mechanisms"][0]["findings"].as_array().unwrap();
    let quality = found.iter().find(|f| f["metric"] == "quality").unwrap();
    let count = |name: &str| quality[name].as_u64().unwrap();
    let points = quality["effect"]["estimate"].as_f64().unwrap_or(f64::NAN);
    (points, count("untouched"), count("touched"))
}

/// Reliability C08.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pruning_that_cuts_the_question_is_undone_by_itself_and_nothing_else_is() {
    let mut world = world(&["passage", "question"]).await;
    let mut told = world.minute().await;
    while world.killed().is_empty() && world.asked < STATED {
        told = world.minute().await;
    }
    assert_eq!(world.killed(), [Mechanism::ContextPruning], "after {} calls", world.asked);
    let (points, untouched, touched) = quality(&told);
    eprintln!(
        "undone after {} calls: {points:.1} points, {untouched} held out, {touched} touched",
        world.asked
    );
    assert!(points <= -15.0, "{points}");
    let control = world.get("/api/v1/control").await;
    let effective = |name: &str| {
        let all = control["mechanisms"].as_array().unwrap();
        all.iter().find(|m| m["mechanism"] == name).unwrap()["effective"].clone()
    };
    assert_eq!(effective("context_pruning"), false);
    for other in ["response_caching", "prompt_optimization", "model_selection"] {
        assert_eq!(effective(other), true, "{other}");
    }
    // The next question reaches the provider.
    let sent = ask(
        world.running.addr,
        request("POST", world.running.addr, PATH)
            .header("content-type", "application/json")
            .body(Full::new(Bytes::from(body(world.asked))))
            .unwrap(),
    )
    .await;
    let applied = sent.headers.get("x-flowgauge-applied").map(|v| v.to_str().unwrap().to_owned());
    assert!(!applied.unwrap_or_default().contains("context_pruning"));
    world.running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pruning_that_leaves_the_question_alone_is_left_on() {
    let mut world = world(&["passage"]).await;
    let mut told = world.minute().await;
    while world.asked < STATED / 2 {
        told = world.minute().await;
    }
    assert_eq!(world.killed(), []);
    assert_eq!(told["mechanisms"][0]["guardrail"]["decision"], "keep");
    assert!(told["mechanisms"][0]["before_after"]["reduction"].as_f64().unwrap() > 0.1, "{told}");
    world.running.stop().await;
}
