//! Control over the API: switching off and on, settings, their proof.

use super::client::{Answer, Served, ask, call, config, get, post, request, served};
use bytes::Bytes;
use flowgauge::control::shared::{Backend, BackendError, Found, Heard, Shared};
use flowgauge::logic::call::{CacheOutcome, Call, Control};
use flowgauge::logic::control::cache::key::Key;
use flowgauge::logic::unit::Micros;
use flowgauge::serve::clock::Clock;
use flowgauge::serve::{self, keys::Scope};
use flowgauge_testkit::wedge::Wedged;
use futures_util::future::BoxFuture;
use http::StatusCode;
use http_body_util::Full;
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

const ON: &str = r#"{"set": {"/rollouts/response_caching/mode": "on", "/rollouts/context_pruning/mode": "shadow"},
    "author": "ann", "reason": "try it"}"#;

async fn control(addr: SocketAddr) -> Value {
    get(addr, "/api/v1/control").await.json()
}

fn of<'a>(control: &'a Value, mechanism: &str) -> &'a Value {
    let all = control["mechanisms"].as_array().unwrap();
    all.iter().find(|m| m["mechanism"] == mechanism).unwrap()
}

async fn send(addr: SocketAddr, path: &str, body: Value) -> Answer {
    post(addr, path, &body.to_string()).await
}

/// The words of one step of a rollback: its status, and what came of it.
fn step<'a>(rollback: &'a Value, name: &str) -> (&'a str, &'a str) {
    let all = rollback["steps"].as_array().unwrap();
    let step = all.iter().find(|s| s["step"] == name).unwrap();
    (step["status"].as_str().unwrap(), step["detail"].as_str().unwrap())
}

#[tokio::test]
async fn a_rollback_holds_for_the_next_read_and_after_a_restart() {
    let Served { running, dir, .. } = served().await;
    let addr = running.addr;
    let made = post(addr, "/api/v1/control/changes", ON).await;
    assert_eq!(made.status, StatusCode::OK, "{}", made.text());
    let before = control(addr).await;
    assert_eq!((before["generation"].as_u64(), &before["readable"]), (Some(1), &json!(true)));
    assert_eq!(of(&before, "response_caching")["source"], "settings");
    assert_eq!(of(&before, "response_caching")["effective"], true);
    assert_eq!(of(&before, "model_selection")["effective"], false);

    let body = json!({"all": true, "author": "bob", "reason": "wrong answers"});
    let done = send(addr, "/api/v1/control/rollback", body).await.json();
    let order: Vec<&str> =
        done["steps"].as_array().unwrap().iter().map(|s| s["step"].as_str().unwrap()).collect();
    let wanted = [
        "switch_off",
        "store",
        "notify",
        "acknowledge",
        "clear_caches",
        "restart_hook",
        "validate",
        "watch",
    ];
    assert_eq!(order, wanted);
    assert_eq!(done["steps"][7]["number"], 8);
    let (status, detail) = step(&done, "notify");
    assert!(status == "failed" && detail.contains("nobody was told"), "{detail}");
    assert!(detail.contains("alerts.posted_to"), "{detail}");
    let alerts = get(addr, "/api/v2/alerts").await.json();
    assert_eq!(
        alerts[0]["annotations"]["summary"],
        "bob switched all optimizations off: wrong answers"
    );
    for name in ["switch_off", "store", "acknowledge", "clear_caches"] {
        assert_eq!(step(&done, name).0, "done", "{done}");
    }
    assert_eq!(step(&done, "restart_hook"), ("skipped", "none configured"));
    assert!(step(&done, "validate").1.contains("no request since, nothing to prove yet"));
    assert_eq!(step(&done, "watch").0, "done");
    assert!(step(&done, "watch").1.contains("flowgauge metrics watch"));
    let now = control(addr).await;
    for mechanism in ["context_pruning", "response_caching", "model_selection"] {
        let m = of(&now, mechanism);
        assert_eq!((&m["source"], &m["effective"]), (&json!("kill"), &json!(false)));
        assert_eq!(m["last_change"]["author"], "bob");
    }
    assert_eq!(of(&now, "response_caching")["mode"], "on");
    running.stop().await;

    let (clock, _hand) = Clock::frozen(super::client::NOW);
    let again = serve::start(config(dir.path()), clock).await.unwrap();
    let now = control(again.addr).await;
    assert_eq!((&now["kill_all"], &now["generation"]), (&json!(true), &json!(2)));
    assert_eq!(of(&now, "response_caching")["effective"], false);
    again.stop().await;
}

/// Catalogue T7 as corrected by S43: people first, then the whole rollback with its proof, in one log.
#[tokio::test]
async fn a_critical_emergency_is_told_first_and_carries_out_the_whole_rollback() {
    let dir = tempfile::tempdir().unwrap();
    let (clock, _hand) = Clock::frozen(super::client::NOW);
    let mut config = config(dir.path());
    config.alerts.posted_to = vec!["ops".into()];
    config.hooks.restart = vec!["true".to_owned()];
    let running = serve::start(config, clock).await.unwrap();
    let addr = running.addr;
    post(addr, "/api/v1/control/changes", ON).await;
    let open = |severity: &str| {
        let body = json!({"severity": severity, "note": "answers are wrong", "author": "ann", "respond": true});
        async move { send(addr, "/api/v1/incidents", body).await }
    };
    let done = open("critical").await.json();
    let steps = done["steps"].as_array().unwrap();
    let names: Vec<&str> = steps.iter().map(|s| s["name"].as_str().unwrap()).collect();
    let wanted = [
        "notify",
        "switch_off",
        "store",
        "acknowledge",
        "clear_caches",
        "restart_hook",
        "validate",
        "watch",
        "intensify",
    ];
    assert_eq!(names, wanted);
    assert!(steps.iter().all(|s| s["done"] == true), "{done}");
    assert_eq!(steps[0]["detail"], "queued for ops");
    assert_eq!(control(addr).await["kill_all"], true);
    assert_eq!(get(addr, "/api/v2/alerts").await.json().as_array().unwrap().len(), 1, "told once");
    let report = get(addr, "/api/v1/incidents/1/report").await;
    assert!(report.text().contains("switch_off: in force since generation 2"), "{}", report.text());
    let medium = open("medium").await.json();
    assert_eq!(medium["steps"][1]["name"], "propose_cache");
    assert!(medium["steps"][1]["detail"].as_str().unwrap().starts_with("too little to say"));
    assert_eq!(open("grave").await.status, StatusCode::BAD_REQUEST);
    running.stop().await;
    let log = std::fs::read_to_string(dir.path().join("emergency-responses.log")).unwrap();
    assert_eq!(log.lines().count(), 2, "{log}");
    assert!(log.contains("Emergency response executed for critical severity issue; incident 1"));
}

/// Reliability C10, C13: a later step that fails switches nothing on.
#[tokio::test]
async fn with_the_disk_in_trouble_it_is_off_at_once_and_says_that_a_restart_would_forget() {
    let Served { running, dir, .. } = served().await;
    let addr = running.addr;
    post(addr, "/api/v1/control/changes", ON).await;
    let wedged = Wedged::of(dir.path(), &["state.db"]).unwrap();
    let body = json!({"only": ["response-caching"]});
    let done = send(addr, "/api/v1/control/rollback", body).await.json();
    assert_eq!(step(&done, "switch_off").0, "done");
    let (status, detail) = step(&done, "store");
    assert!(status == "failed" && detail.contains("DISABLE_ALL_OPTIMIZATIONS=true"), "{detail}");
    assert_eq!(step(&done, "acknowledge").0, "done");
    assert_eq!(step(&done, "clear_caches").0, "done");
    let now = control(addr).await;
    assert_eq!(of(&now, "response_caching")["source"], "kill");
    assert_eq!(of(&now, "context_pruning")["source"], "settings");
    wedged.release().unwrap();
    running.stop().await;
    let log = flowgauge::store::ControlStore::open(dir.path()).unwrap().log().unwrap();
    assert_eq!(log.len(), 2, "stored once the disk took it");
}

/// A shared cache that takes no clearing while it is deaf.
#[derive(Debug)]
struct Deaf(Arc<AtomicBool>);

impl Backend for Deaf {
    fn get<'a>(
        &'a self,
        generation: u64,
        _: &'a Key,
    ) -> BoxFuture<'a, Result<Found, BackendError>> {
        Box::pin(async move { Ok((Some(generation), None)) })
    }
    fn put<'a>(
        &'a self,
        _: u64,
        _: &'a Key,
        _: Vec<u8>,
        _: Duration,
    ) -> BoxFuture<'a, Result<(), BackendError>> {
        Box::pin(async { Ok(()) })
    }
    fn forget<'a>(&'a self, _: u64, _: &'a Key) -> BoxFuture<'a, Result<(), BackendError>> {
        Box::pin(async { Ok(()) })
    }
    fn generation(&self) -> BoxFuture<'_, Result<Option<u64>, BackendError>> {
        Box::pin(async { Ok(Some(1)) })
    }
    fn begin(&self, _: u64) -> BoxFuture<'_, Result<(), BackendError>> {
        let deaf = self.0.load(Ordering::Acquire);
        let said = || BackendError("it does not listen".to_owned());
        Box::pin(async move { (!deaf).then_some(()).ok_or_else(said) })
    }
    fn tell<'a>(&'a self, _: u64, _: &'a [u8]) -> BoxFuture<'a, Result<(), BackendError>> {
        Box::pin(async { Ok(()) })
    }
    fn hear<'a>(&'a self, _: u64, _: &'a str) -> BoxFuture<'a, Result<Heard, BackendError>> {
        Box::pin(async { Ok(Heard::new()) })
    }
}

/// Reliability C13: a clearing that fails keeps nothing on, ends nothing early, and is made up for.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_a_clearing_fails_all_is_off_every_other_step_is_done_and_the_step_says_so() {
    let Served { running, dir: _dir, .. } = served().await;
    let addr = running.addr;
    post(addr, "/api/v1/control/changes", ON).await;
    let deaf = Arc::new(AtomicBool::new(false));
    let backend = Box::new(Deaf(Arc::clone(&deaf)));
    let shared = Shared::new(backend, Micros::from_millis(50), Clock::real());
    let memory = Arc::clone(&running.switches().memory);
    memory.behind(Arc::clone(&shared));
    let stop = CancellationToken::new();
    let works = tokio::spawn(Arc::clone(&shared).run(memory, stop.clone()));
    assert!(shared.reached(Duration::from_secs(60)).await);

    deaf.store(true, Ordering::Release);
    let body = json!({"all": true, "author": "bob", "reason": "wrong answers"});
    let done = send(addr, "/api/v1/control/rollback", body.clone()).await.json();
    let (status, detail) = step(&done, "clear_caches");
    assert!(status == "failed" && detail.contains("has not heard of it"), "{detail}");
    for other in ["switch_off", "store", "acknowledge", "watch"] {
        assert_eq!(step(&done, other).0, "done", "{other}: {done}");
    }
    assert_eq!(control(addr).await["kill_all"], true);
    let proof = get(addr, "/api/v1/control/verify").await.json();
    let emptied = proof["checks"].as_array().unwrap().iter().find(|c| c["check"] == "caches_empty");
    assert_eq!(emptied.unwrap()["verdict"], "not_ok", "{proof}");
    assert_eq!(proof["verdict"], "not_ok");

    deaf.store(false, Ordering::Release);
    assert!(shared.reached(Duration::from_secs(60)).await, "it is tried again by itself");
    let again = send(addr, "/api/v1/control/rollback", body).await.json();
    assert_eq!(step(&again, "clear_caches").0, "done");
    stop.cancel();
    works.await.unwrap();
    running.stop().await;
}

#[tokio::test]
async fn a_setting_that_does_not_fit_is_refused_with_its_place_and_what_is_allowed() {
    let Served { running, dir: _dir, .. } = served().await;
    let addr = running.addr;
    let set = |pointer: &str, value: Value| {
        let body = json!({"set": {pointer: value}, "author": "ann", "reason": "x"});
        async move { send(addr, "/api/v1/control/changes", body).await }
    };
    for (pointer, value, says) in [
        ("/prune/context_tokns", json!(1), "/prune/context_tokens"),
        ("/prune/context_tokens", json!("many"), "many"),
        ("/prune/context_tokens", json!(100), "500 to 2000"),
        ("/rollouts/model_selection/mode", json!("maybe"), "shadow"),
        ("/rollouts/model_selection/holdout", json!(900_000), "1 to 5 %"),
    ] {
        let answer = set(pointer, value).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", answer.text());
        let problem = answer.json();
        assert_eq!(problem["errors"][0]["place"], pointer);
        assert!(problem["errors"][0]["detail"].as_str().unwrap().contains(says), "{problem}");
    }
    let same = set("/prune/context_tokens", json!(1_500)).await;
    assert_eq!((same.status, &same.json()["code"]), (StatusCode::CONFLICT, &json!("unchanged")));
    let stale = json!({"set": {"/prune/top_k": 2}, "author": "ann", "reason": "x", "seen": 7});
    let stale = send(addr, "/api/v1/control/changes", stale).await;
    assert!(stale.status == StatusCode::CONFLICT && stale.text().contains("generation 0, not 7"));
    assert_eq!(control(addr).await["generation"], 0);
    running.stop().await;
}

#[tokio::test]
async fn lifting_the_kill_switch_needs_a_person_and_a_reason_and_one_of_four_leaves_three() {
    let Served { running, dir: _dir, .. } = served().await;
    let addr = running.addr;
    let path = "/api/v1/control/restore";
    post(addr, "/api/v1/control/changes", ON).await;
    post(addr, "/api/v1/control/rollback", r#"{"all": true}"#).await;
    for (author, reason, place) in [
        ("", "well again", "body.author"),
        ("guardrail", "well again", "body.author"),
        ("signal", "well again", "body.author"),
        ("ann", " ", "body.reason"),
    ] {
        let body = json!({"all": true, "author": author, "reason": reason});
        let refused = send(addr, path, body).await;
        assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{}", refused.text());
        assert_eq!(refused.json()["errors"][0]["place"], place);
    }
    let body = json!({"set": {"/kill/all": false}, "author": "guardrail", "reason": "x"});
    let round = send(addr, "/api/v1/control/changes", body).await;
    assert_eq!(round.status, StatusCode::BAD_REQUEST);
    let body =
        json!({"only": ["response_caching"], "gradual": true, "author": "ann", "reason": "one"});
    assert_eq!(send(addr, path, body).await.status, StatusCode::OK);
    let now = control(addr).await;
    let cache = of(&now, "response_caching");
    assert_eq!((&cache["source"], &cache["mode"]), (&json!("settings"), &json!("canary")));
    assert_eq!(now["kill_only"].as_array().unwrap().len(), 3);
    let body = json!({"all": true, "author": "ann", "reason": "the rest"});
    assert_eq!(send(addr, path, body.clone()).await.status, StatusCode::OK);
    assert_eq!(send(addr, path, body).await.status, StatusCode::CONFLICT);
    running.stop().await;
}

#[tokio::test]
async fn a_dry_run_changes_nothing() {
    let Served { running, dir: _dir, .. } = served().await;
    let addr = running.addr;
    let body = json!({"all": true, "dry_run": true});
    let rollback = send(addr, "/api/v1/control/rollback", body).await.json();
    assert_eq!(rollback["change"]["diff"][0]["path"], "/kill/all");
    let body = json!({"set": {"/prune/top_k": 2}, "author": "ann", "reason": "x", "dry_run": true});
    let change = send(addr, "/api/v1/control/changes", body).await.json();
    assert_eq!(
        (&change["dry_run"], &change["change"]["diff"][0]["before"]),
        (&json!(true), &json!(3))
    );
    let body = json!({"profile": "token-focus", "author": "ann", "reason": "x", "dry_run": true});
    let profile = send(addr, "/api/v1/control/profile", body).await;
    assert_eq!(profile.status, StatusCode::OK, "{}", profile.text());
    let now = control(addr).await;
    assert_eq!((&now["generation"], &now["kill_all"]), (&json!(0), &json!(false)));
    assert_eq!(get(addr, "/api/v1/control/changes").await.json(), json!([]));
    running.stop().await;
}

#[tokio::test]
async fn a_change_ends_by_itself_and_another_is_undone() {
    let Served { running, hand, .. } = served().await;
    let addr = running.addr;
    let path = "/api/v1/control/changes";
    let body = json!({"set": {"/prune/context_tokens": 1200}, "author": "ann", "reason": "slow",
        "ttl_seconds": 60});
    let made = send(addr, path, body).await.json();
    assert_eq!(made["change"]["expires"], "2026-05-05T12:01:00.000000Z");
    let now = control(addr).await;
    assert_eq!(now["settings"]["prune"]["context_tokens"], 1_200);
    assert_eq!(now["changes_at"], made["change"]["expires"]);
    hand.advance(Micros(61_000_000));
    let body = json!({"set": {"/prune/top_k": 5}, "author": "ann", "reason": "more"});
    let second = send(addr, path, body).await.json();
    assert_eq!(control(addr).await["settings"]["prune"]["context_tokens"], 1_500);
    let undo = format!("{path}/{}/undo", second["change"]["id"]);
    let body = json!({"author": "ann", "reason": "too many"});
    let undone = send(addr, &undo, body.clone()).await.json();
    assert_eq!(undone["change"]["undoes"], second["change"]["id"]);
    assert_eq!(control(addr).await["settings"]["prune"]["top_k"], 3);
    assert_eq!(send(addr, &undo, body).await.status, StatusCode::NOT_FOUND);
    let all = get(addr, &format!("{path}?limit=2")).await.json();
    assert_eq!((&all[0]["id"], &all[1]["id"]), (&json!(3), &json!(2)));
    assert_eq!(all[1]["in_force"], false);
    let kill = json!({"set": {"/kill/all": true}, "author": "a", "reason": "b", "ttl_seconds": 9});
    let kill = send(addr, path, kill).await;
    assert_eq!(kill.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", kill.text());
    running.stop().await;
}

#[tokio::test]
async fn who_may_only_look_switches_nothing() {
    let Served { running, dir: _dir, .. } = served().await;
    let addr = running.addr;
    let make = |scope| running.keys().make("eve", scope, None).unwrap().text;
    let (viewer, operator) = (make(Scope::Viewer), make(Scope::Operator));
    let send = |key: String, path: &'static str, body: &'static str| async move {
        let request = request("POST", addr, path).header("authorization", format!("Bearer {key}"));
        ask(addr, request.body(Full::new(Bytes::from(body))).unwrap()).await
    };
    for path in ["/api/v1/control/rollback", "/api/v1/control/restore", "/api/v1/cache/clear"] {
        let refused = send(viewer.clone(), path, r#"{"all": true}"#).await;
        assert_eq!(refused.status, StatusCode::FORBIDDEN, "{path}");
    }
    let done =
        send(operator, "/api/v1/control/rollback", r#"{"all": true, "author": "bob"}"#).await;
    assert_eq!(done.json()["change"]["author"], "bob (key eve)");
    running.stop().await;
}

/// A gateway request under a generation.
fn under(number: u8, generation: u64, applied: u8) -> Call {
    let mut call = call(number, 0);
    call.control.generation = generation;
    call.control.applied = applied;
    call
}

/// Reliability C13: the proof.
#[tokio::test]
async fn a_rollback_is_proven_by_the_requests_since() {
    let Served { running, dir: _dir, .. } = served().await;
    let addr = running.addr;
    let verify = || async { get(addr, "/api/v1/control/verify?last=10").await.json() };
    assert_eq!(verify().await["verdict"], "too_little_data");
    post(addr, "/api/v1/control/changes", ON).await;
    post(addr, "/api/v1/control/rollback", r#"{"only": ["response_caching"]}"#).await;
    // Begun before the switch, and one that another mechanism touched.
    let before = under(1, 1, Control::CACHING);
    let rows = vec![before, under(2, 2, 0), under(3, 2, Control::PROMPT)];
    running.recorder.submit(rows, Vec::new()).await.unwrap();
    let proof = verify().await;
    assert_eq!((&proof["verdict"], &proof["generation"]), (&json!("ok"), &json!(2)), "{proof}");
    let figure = |proof: &Value, name: &str| {
        let all = proof["checks"].as_array().unwrap();
        let check = all.iter().find(|c| c["check"] == name).unwrap();
        check["figure"].as_str().unwrap().to_owned()
    };
    assert_eq!(figure(&proof, "optimised"), "0 of the last 2");
    assert_eq!(figure(&proof, "stored"), "change 2 is on disk");
    assert_eq!(figure(&proof, "caches_empty"), "0 answers, 0 questions");
    let mut hit = under(4, 2, Control::CACHING);
    hit.control.cache = CacheOutcome::HitExact;
    running.recorder.submit(vec![hit], Vec::new()).await.unwrap();
    let proof = verify().await;
    assert_eq!(proof["verdict"], "critical");
    assert_eq!(figure(&proof, "cached"), "1 of the last 3");
    running.stop().await;
}
