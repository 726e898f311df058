//! A flowgauge that samples, with one scripted upstream for answers and grades.

use crate::api::client::{Answer, NOW, ask, config, get, request};
use bytes::Bytes;
use flowgauge::config::quality::Judge;
use flowgauge::config::{Config, Provider, StreamSettings, Timeouts};
use flowgauge::logic::call::Call;
use flowgauge::logic::retry::Policy;
use flowgauge::logic::rollup::Dim;
use flowgauge::logic::score::judging::Rubric;
use flowgauge::logic::score::sampling::Plan;
use flowgauge::logic::unit::{Micros, NanoUsd, UnixMicros};
use flowgauge::logic::window::Window;
use flowgauge::serve::clock::{Clock, Hand};
use flowgauge::serve::{self, Running};
use flowgauge::store::CallQuery;
use flowgauge_testkit::upstream::{Script, Upstream};
use http_body_util::Full;
use serde_json::{Value, json};
use std::time::Duration;

/// A word that stands in questions, passages and answers and must stand on no disk.
pub(super) const MARKER: &str = "Wonderland";
/// The model that grades; it has a price of its own in the table that is shipped.
pub(super) const JUDGE: &str = "gpt-4o-mini";
/// A verdict worth 85: (2·5 + 4 + 3 + 5) / 5 = 4.4 of 1 to 5.
pub(super) const VERDICT: &str =
    r#"{"reason": "fine", "supported": 5, "relevant": 4, "complete": 3, "clear": 5}"#;

pub(super) struct Scene {
    pub(super) upstream: Upstream,
    pub(super) running: Running,
    pub(super) hand: Hand,
    pub(super) dir: tempfile::TempDir,
}

/// Sampling all, with what else differs.
pub(super) async fn scene(judge: Script, change: impl FnOnce(&mut Config)) -> Scene {
    let upstream = Upstream::start(vec![(JUDGE.to_owned(), judge)]).await.unwrap();
    let dir = tempfile::tempdir().unwrap();
    let mut config = config(dir.path());
    config.gateway.providers = vec![Provider {
        name: "openai".into(),
        base_url: upstream.base_url(),
        api_key: None,
        timeouts: Timeouts::default(),
        retry: None,
        streams: StreamSettings::default(),
    }];
    config.quality.plan = Plan { default: 1.0, ..Plan::default() };
    change(&mut config);
    let (clock, hand) = Clock::frozen(NOW);
    let running = serve::start(config, clock).await.unwrap();
    Scene { upstream, running, hand, dir }
}

/// A judging model that may spend a dollar a day.
pub(super) fn judge() -> Judge {
    Judge {
        model: JUDGE.into(),
        provider: "openai".into(),
        rubric: Rubric::default(),
        share: 1.0,
        budget_per_day: NanoUsd(1_000_000_000),
        timeout: Micros::from_millis(10_000),
        retry: Policy {
            attempts: 2,
            backoff: Micros::from_millis(1),
            max_backoff: Micros::from_millis(5),
        },
        concurrency: 2,
    }
}

/// What the model in production says.
pub(super) fn answer() -> Script {
    let text = format!("Alice fell into a deep rabbit hole and came to {MARKER}.");
    Script { words: Some(1), text: Some(text), ..Script::default() }
}

/// A question from passages.
pub(super) fn question(stream: bool) -> String {
    let prompt = format!(
        "Alice fell into a deep rabbit hole. She came to {MARKER}.\n\nThe Hatter drinks tea.\n\n\
         Where did Alice fall, and where did she come to in {MARKER}?"
    );
    json!({"model": "gpt-4o", "stream": stream,
        "messages": [{"role": "user", "content": prompt}]})
    .to_string()
}

impl Scene {
    /// What began a moment ago lies inside the windows asked for from now on.
    pub(super) fn a_moment_later(&self) {
        self.hand.advance(Micros(1_000_000));
    }

    /// One request of a user.
    pub(super) async fn post(&self, intent: &str, body: &str, script: &Script) -> Answer {
        let addr = self.running.addr;
        let asked = request("POST", addr, "/v1/chat/completions")
            .header("content-type", "application/json")
            .header("x-flowgauge-intent", intent)
            .header("x-script", script.header());
        ask(addr, asked.body(Full::new(Bytes::copy_from_slice(body.as_bytes()))).unwrap()).await
    }

    pub(super) async fn get(&self, path: &str) -> Value {
        get(self.running.addr, path).await.json()
    }

    /// Asks until the answer is as wanted.
    pub(super) async fn until(&self, path: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let last = std::sync::Mutex::new(Value::Null);
        let asking = async {
            let mut ticks = tokio::time::interval(Duration::from_millis(20));
            loop {
                ticks.tick().await;
                let answer = self.get(path).await;
                if wanted(&answer) {
                    return answer;
                }
                *last.lock().unwrap() = answer;
            }
        };
        let done = tokio::time::timeout(Duration::from_secs(30), asking).await;
        done.unwrap_or_else(|_| panic!("{path} is {}", last.lock().unwrap()))
    }

    /// The status of online scoring once it is as wanted.
    pub(super) async fn status(&self, wanted: impl Fn(&Value) -> bool) -> Value {
        self.until("/api/v1/quality/status", wanted).await
    }

    /// Rows of calls of our own, once there are so many.
    pub(super) async fn own_calls(&self, count: usize) -> Vec<Call> {
        let path = "/api/v1/kpis/request_count?where=source=evaluation";
        self.until(path, |k| k["n"] == count).await;
        self.own_calls_now()
    }

    /// Those there are by now.
    pub(super) fn own_calls_now(&self) -> Vec<Call> {
        let window = Window { from: UnixMicros(0), to: UnixMicros(i64::MAX / 2) };
        let mut query = CallQuery::newest(window, 1_000);
        query.filter.terms.push((Dim::Source, vec!["evaluation".to_owned()]));
        self.running.recorder.reader().unwrap().calls(&query).unwrap()
    }

    /// Files below the data directory that hold a text.
    pub(super) fn files_with(&self, text: &str) -> Vec<std::path::PathBuf> {
        let mut folders = vec![self.dir.path().to_owned()];
        let mut found = Vec::new();
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else if memchr::memmem::find(&std::fs::read(&path).unwrap(), text.as_bytes())
                    .is_some()
                {
                    found.push(path);
                }
            }
        }
        found
    }
}
