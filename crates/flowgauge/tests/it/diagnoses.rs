//! Planted incidents are named by their diagnosis, first; quiet days are not blamed for anything.
//!
//! A made-up application of four kinds of requests, with habits of the hour and a mix that shifts
//! between the two weeks, is stored through the real recorder and asked about through the real API.

mod world;

use crate::api::client::{NOW, Served, config, get, served};
use flowgauge::logic::alert::episode::{Episode, EpisodeId};
use flowgauge::logic::alert::rule::Severity;
use flowgauge::logic::alert::sample::Evidence;
use flowgauge::logic::baseline::{Baseline, Cell, Origin};
use flowgauge::logic::call::Text;
use flowgauge::logic::diagnose::bottlenecks::Own;
use flowgauge::logic::diagnose::{Diagnosis, Verdict};
use flowgauge::logic::rollup::Filter;
use flowgauge::logic::unit::UnixMicros;
use flowgauge::logic::window::Window;
use flowgauge::query::diagnose::{self, Name, Question};
use flowgauge::serve::{self, clock::Clock};
use flowgauge::store::{AlertChanges, AlertStore, Analysis};
use serde_json::{Value, json};
use std::net::SocketAddr;
use world::{Incident, World};

/// Scores handed in at once.
const AT_ONCE: usize = 200;

/// Asks every question of a world, and returns the answers by name.
async fn asked(world: &World, questions: &[&str]) -> Vec<Value> {
    let served = served().await;
    world.store(&served).await;
    let mut answers = Vec::new();
    for question in questions {
        let joined = if question.contains('?') { '&' } else { '?' };
        let path = format!("/api/v1/diagnoses/{question}{joined}since=6h");
        answers.push(get(served.running.addr, &path).await.json());
    }
    served.running.stop().await;
    answers
}

impl World {
    /// Stores its calls and their scores.
    async fn store(&self, served: &Served) {
        let addr = served.running.addr;
        let rows = self.rows(NOW);
        let calls = rows.iter().map(|(call, _)| call.clone()).collect();
        served.running.recorder.submit(calls, Vec::new()).await.unwrap();
        let scores: Vec<Value> = rows
            .iter()
            .filter_map(|(call, quality)| {
                let score = (*quality)? / 100.0;
                Some(json!({"request_id": call.id.to_string(), "evaluator": "relevance",
                "evaluator_version": "1", "score": score}))
            })
            .collect();
        for some in scores.chunks(AT_ONCE) {
            let kept = post_json(addr, &json!(some)).await;
            assert_eq!(kept["attached"], some.len(), "{kept}");
        }
    }
}

async fn post_json(addr: SocketAddr, body: &Value) -> Value {
    use crate::api::client::{ask, request};
    let asked = request("POST", addr, "/api/v1/scores").header("content-type", "application/json");
    let body = bytes::Bytes::from(body.to_string());
    ask(addr, asked.body(http_body_util::Full::new(body)).unwrap()).await.json()
}

/// Every question names this cause first, whichever the seed.
async fn first_is(incident: Incident, cause: &str, questions: &[&str]) {
    for seed in 1..=3 {
        let world = World { seed, incident };
        for (question, answer) in questions.iter().zip(asked(&world, questions).await) {
            let first = &answer["findings"][0];
            assert_eq!(first["cause"], cause, "{question}, seed {seed}: {answer:#}");
            assert_eq!(answer["verdict"], "finding", "{question}");
            let evidence = first["evidence"].as_array().unwrap();
            assert!(!evidence.is_empty() && evidence[0]["p"].as_f64().unwrap() < 0.01, "{first:#}");
            assert!(first["next"].as_str().unwrap().starts_with("flowgauge "), "{first:#}");
        }
    }
}

#[tokio::test]
async fn a_slow_provider_is_the_bottleneck() {
    let questions = ["bottlenecks", "distribution", "distribution?metric=ttft", "trends"];
    first_is(Incident::ProviderSlow, "upstream_slow", &questions).await;
}

#[tokio::test]
async fn grown_prompts_are_what_made_tokens_more() {
    let questions = ["tokens", "trends", "distribution?metric=tokens"];
    first_is(Incident::PromptGrowth, "prompt_growth", &questions).await;
}

#[tokio::test]
async fn a_broken_cache_key_is_named_and_not_the_latency_it_causes() {
    let questions = ["trends", "distribution", "tokens", "distribution?metric=cost"];
    first_is(Incident::CacheBroken, "cache_hits_lost", &questions).await;
}

#[tokio::test]
async fn a_cut_question_is_a_loss_though_tokens_look_excellent() {
    let questions = ["quality_regress", "quality_trends", "trends", "tokens", "reduction"];
    first_is(Incident::QuestionCut, "prompt_cut", &questions).await;
}

#[tokio::test]
async fn quality_is_compared_with_the_promoted_baseline_where_its_judge_is_the_same() {
    let served = served().await;
    let world = World { seed: 5, incident: Incident::QuestionCut };
    world.store(&served).await;
    let week_ago = Window { from: UnixMicros(NOW.0 - 8 * UnixMicros::DAY), to: earlier(6) };
    let judged = regress(&served, week_ago);
    assert_eq!(judged.references[0].name, "baseline spring");
    assert!(judged.references[0].used, "{:?}", judged.references);
    assert_eq!(judged.verdict, Verdict::Finding, "{}", judged.sentence);
    // A baseline from a time nobody judged: the week before serves.
    let long_ago = Window { from: earlier(90), to: earlier(60) };
    let judged = regress(&served, long_ago);
    let used: Vec<_> = judged.references.iter().map(|r| (r.name.as_str(), r.used)).collect();
    assert_eq!(used, [("baseline spring", false), ("the week before", true)]);
    assert_eq!(judged.verdict, Verdict::Finding);
    served.running.stop().await;
}

fn earlier(days: i64) -> UnixMicros {
    UnixMicros(NOW.0 - days * UnixMicros::DAY)
}

/// Asks about the last six hours with a baseline built from a window.
fn regress(served: &Served, window: Window) -> Diagnosis {
    let baseline = Baseline {
        name: Text::from("spring"),
        window,
        made: NOW,
        made_by: Text::from("ada"),
        origin: Origin::Measured,
        evaluator: None,
        bucket_minutes: 60,
        whole: Cell::default(),
        cells: Vec::new(),
        left_out: Vec::new(),
    };
    let now = Window { from: UnixMicros(NOW.0 - 6 * UnixMicros::HOUR), to: NOW };
    let question = Question::new(Name::QualityRegress, now, Filter::default());
    let reader = served.running.recorder.reader().unwrap();
    diagnose::answer(&reader, &question.against_baseline(&baseline), &Own::default()).unwrap()
}

#[tokio::test]
async fn requests_routed_to_the_wrong_model_are_named() {
    let questions = ["trends", "distribution?metric=cost"];
    first_is(Incident::WrongModel, "model_routing", &questions).await;
}

#[tokio::test]
async fn one_slow_instance_is_what_is_different() {
    first_is(Incident::InstanceSlow, "slow_group", &["distribution"]).await;
}

#[tokio::test]
async fn failures_are_named_by_their_class() {
    first_is(Incident::RateLimited, "rate_limited", &["errors", "bottlenecks", "trends"]).await;
}

#[tokio::test]
async fn quiet_days_are_not_blamed_for_anything() {
    let mut questions: Vec<&str> = Name::ALL.iter().map(|n| n.word()).collect();
    questions.extend([
        "distribution?metric=ttft",
        "distribution?metric=tokens",
        "distribution?metric=cost",
    ]);
    for seed in 10..18 {
        let world = World { seed, incident: Incident::None };
        for (question, answer) in questions.iter().zip(asked(&world, &questions).await) {
            assert_eq!(answer["findings"], json!([]), "{question}, seed {seed}: {answer:#}");
            assert_ne!(answer["verdict"], "finding", "{question}");
        }
    }
}

#[tokio::test]
async fn without_requests_the_word_is_unknown() {
    let served = served().await;
    for name in Name::ALL {
        let path = format!("/api/v1/diagnoses/{}", name.word());
        let answer = get(served.running.addr, &path).await.json();
        assert_eq!(answer["verdict"], "unknown", "{answer:#}");
    }
    served.running.stop().await;
}

#[tokio::test]
async fn wrong_questions_are_refused_with_the_way_out() {
    let served = served().await;
    let addr = served.running.addr;
    for (path, word, status) in [
        ("weather", "bottlenecks", 404),
        ("trends?metric=joy", "latency, ttft", 400),
        ("trends?against=me", "previous", 400),
        ("quality_regress?threshold=5", "0.05", 400),
        ("distribution?spike_from=5", "inside", 400),
        ("trends?wehre=a", "threshold", 400),
    ] {
        let answer = get(addr, &format!("/api/v1/diagnoses/{path}")).await;
        assert_eq!(answer.status.as_u16(), status, "{path}");
        assert!(answer.text().contains(word), "{path}: {}", answer.text());
    }
    served.running.stop().await;
}

#[tokio::test]
async fn an_analysis_in_the_background_is_attached_to_the_open_alert_and_outlives_a_restart() {
    let served = served().await;
    World { seed: 3, incident: Incident::ProviderSlow }.store(&served).await;
    let episode = open_alert(served.dir.path());
    let begun = post(&served, "/api/v1/analyses", &json!({"depth": "critical"})).await;
    assert_eq!((&begun["state"], &begun["depth"]), (&json!("running"), &json!("critical")));
    assert_eq!(begun["episode"], json!(episode.to_string()));
    let path = format!("/api/v1/analyses/{}", begun["id"].as_str().unwrap());
    let done = loop {
        let view = get(served.running.addr, &path).await.json();
        if view["state"] != "running" {
            break view;
        }
        tokio::task::yield_now().await;
    };
    assert_eq!(done["state"], "done", "{done}");
    assert_eq!(done["found"].as_array().unwrap().len(), 4);
    assert_eq!(done["found"][0]["findings"][0]["cause"], "upstream_slow");
    let alert = format!("/api/v1/alerts/episodes/{episode}");
    let shown = get(served.running.addr, &alert).await.json();
    assert_eq!(shown["analyses"][0]["id"], begun["id"]);

    // One that ran when the program stopped is over, and says so.
    let store = AlertStore::open(served.dir.path()).unwrap();
    let running = store.analysis(begun["id"].as_str().unwrap()).unwrap().unwrap();
    store.put_analysis(&Analysis { ended: None, ..running }).unwrap();
    let busy = post(&served, "/api/v1/analyses", &json!({})).await;
    assert!(busy["detail"].as_str().unwrap().contains("runs; wait for it"), "{busy}");
    let wrong = post(&served, "/api/v1/analyses", &json!({"depth": "info"})).await;
    assert!(wrong["detail"].as_str().unwrap().contains("warning or critical"), "{wrong}");
    served.running.stop().await;
    let (clock, _hand) = Clock::frozen(NOW);
    let again = serve::start(config(served.dir.path()), clock).await.unwrap();
    let view = get(again.addr, &path).await.json();
    assert_eq!(view["state"], "failed", "{view}");
    let none = get(again.addr, "/api/v1/analyses/none").await;
    assert_eq!(none.status, 404);
    again.stop().await;
}

/// An alert that has been open for an hour.
fn open_alert(dir: &std::path::Path) -> EpisodeId {
    let id: EpisodeId = "01943b2e-1b00-7000-8000-000000000001".parse().unwrap();
    let since = UnixMicros(NOW.0 - UnixMicros::HOUR);
    let episode = Episode {
        id,
        rule: Text::from("p95_latency_critical"),
        labels: Vec::new(),
        severity: Severity::Critical,
        first_true: since,
        fired: since,
        ended: None,
        peak: None,
        last_violation: Evidence::default(),
        last_violation_at: since,
        violations: 1,
        late: false,
        acked: None,
        sequence: 1,
        told: None,
        actions: Vec::new(),
    };
    let changes = AlertChanges { episodes: vec![episode], ..AlertChanges::default() };
    AlertStore::open(dir).unwrap().commit(&changes).unwrap();
    id
}

async fn post(served: &Served, path: &str, body: &Value) -> Value {
    use crate::api::client::{ask, request};
    let addr = served.running.addr;
    let asked = request("POST", addr, path).header("content-type", "application/json");
    let body = bytes::Bytes::from(body.to_string());
    ask(addr, asked.body(http_body_util::Full::new(body)).unwrap()).await.json()
}
