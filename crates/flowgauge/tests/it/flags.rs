//! Programs outside the gateway: they read the switches, wait for the next change, and say what they obey.

use super::api::client::{Answer, ask, get, post, request, served};
use bytes::Bytes;
use flowgauge::control::Wanted;
use flowgauge::logic::control::rollout::{Mode, Share};
use flowgauge::logic::control::state::Settings;
use http::StatusCode;
use http_body_util::Full;
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::time::Duration;

const PRUNING: &str = "/ofrep/v1/evaluate/flags/optimization.context_pruning";

async fn change(app: &flowgauge::tell::page::App, edit: impl FnOnce(&mut Settings)) -> u64 {
    let wanted = Wanted::by("ann", "a test");
    app.control().desk.change(&wanted, edit).await.unwrap().generation
}

async fn bulk(addr: SocketAddr, tag: Option<&str>) -> Answer {
    let mut asked = request("POST", addr, "/ofrep/v1/evaluate/flags");
    if let Some(tag) = tag {
        asked = asked.header("if-none-match", tag);
    }
    let body = Full::new(Bytes::from_static(br#"{"context":{"targetingKey":"ada"}}"#));
    ask(addr, asked.body(body).unwrap()).await
}

#[tokio::test]
async fn a_flag_is_all_the_contract_asks_for_and_follows_the_next_change() {
    let served = served().await;
    let (addr, app) = (served.running.addr, served.running.app().clone());
    let off = post(addr, PRUNING, "{}").await;
    assert_eq!(
        off.json(),
        json!({"key": "optimization.context_pruning", "value": false, "reason": "STATIC",
            "variant": "off", "metadata": {"generation": 0, "source": "settings", "mode": "off"}})
    );
    change(&app, |s| s.rollouts.context_pruning.mode = Mode::On).await;
    let on = post(addr, PRUNING, r#"{"context":{"targetingKey":"ada","plan":"pro"}}"#).await.json();
    assert_eq!((&on["value"], &on["variant"]), (&json!(true), &json!("on")));
    change(&app, |s| s.kill.all = true).await;
    let dead = post(addr, PRUNING, "{}").await.json();
    assert_eq!(
        (&dead["reason"], &dead["metadata"]["source"]),
        (&json!("DISABLED"), &json!("kill"))
    );
    served.running.stop().await;
}

#[tokio::test]
async fn what_cannot_be_answered_is_said_in_the_words_of_the_protocol() {
    let served = served().await;
    let (addr, app) = (served.running.addr, served.running.app().clone());
    let unknown = post(addr, "/ofrep/v1/evaluate/flags/optimization.none", "{}").await;
    assert_eq!(unknown.status, StatusCode::NOT_FOUND);
    assert_eq!(unknown.json()["errorCode"], json!("FLAG_NOT_FOUND"));
    let loose =
        [("[]", "PARSE_ERROR"), ("{", "PARSE_ERROR"), (r#"{"context":3}"#, "INVALID_CONTEXT")];
    for (body, code) in loose {
        let said = post(addr, PRUNING, body).await;
        assert_eq!(said.status, StatusCode::BAD_REQUEST, "{body}");
        let said = said.json();
        assert_eq!(said["errorCode"], json!(code), "{body}");
        assert!(said["errorDetails"].is_string() && said["key"].is_string(), "{body}");
    }
    change(&app, |s| s.rollouts.context_pruning.mode = Mode::Canary(Share::percent(50))).await;
    let nobody = post(addr, PRUNING, "{}").await;
    assert_eq!(nobody.status, StatusCode::BAD_REQUEST);
    assert_eq!(nobody.json()["errorCode"], json!("TARGETING_KEY_MISSING"));
    served.running.stop().await;
}

#[tokio::test]
async fn all_flags_together_are_unchanged_until_a_change() {
    let served = served().await;
    let (addr, app) = (served.running.addr, served.running.app().clone());
    let first = bulk(addr, None).await;
    assert_eq!(first.json()["flags"].as_array().unwrap().len(), 5);
    let tag = first.headers["etag"].to_str().unwrap().to_owned();
    let again = bulk(addr, Some(&tag)).await;
    assert_eq!((again.status, again.body.len()), (StatusCode::NOT_MODIFIED, 0));
    change(&app, |s| s.rollouts.model_selection.mode = Mode::On).await;
    assert_eq!(bulk(addr, Some(&tag)).await.status, StatusCode::OK);
    let able = get(addr, "/ofrep/v1/configuration").await.json();
    assert_eq!(able["capabilities"]["cacheInvalidation"]["polling"]["enabled"], json!(true));
    served.running.stop().await;
}

#[tokio::test]
async fn who_waits_hears_of_the_next_change_and_acknowledges_by_asking_on() {
    let served = served().await;
    let (addr, app) = (served.running.addr, served.running.app().clone());
    let first = get(addr, "/api/v1/control/wait?instance=shop-1").await.json();
    assert_eq!(
        first,
        json!({"generation": 0, "all_off": false, "mechanisms": {
        "context_pruning": "off", "response_caching": "off",
        "prompt_optimization": "off", "model_selection": "off"}})
    );
    let mut told = app.control().instances.watch();
    let waiting =
        tokio::spawn(
            async move { get(addr, "/api/v1/control/wait?after=0&instance=shop-1").await },
        );
    told.changed().await.unwrap();
    let generation = change(&app, |s| s.kill.all = true).await;
    let heard = waiting.await.unwrap().json();
    assert_eq!((&heard["generation"], &heard["all_off"]), (&json!(generation), &json!(true)));
    let now = super::api::client::NOW;
    let behind = app.control().instances.standing(generation, now);
    assert_eq!((behind.all, behind.behind[0].acknowledged), (1, Some(0)));
    let said = json!({"instance": "shop-1", "generation": generation}).to_string();
    assert_eq!(post(addr, "/api/v1/control/acknowledge", &said).await.status, StatusCode::OK);
    assert!(app.control().instances.standing(generation, now).behind.is_empty());
    let ahead = json!({"instance": "shop-1", "generation": 99}).to_string();
    let refused = post(addr, "/api/v1/control/acknowledge", &ahead).await;
    assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{}", refused.text());
    served.running.stop().await;
}

#[tokio::test]
async fn a_wait_ends_when_flowgauge_stops() {
    let served = served().await;
    let (addr, app) = (served.running.addr, served.running.app().clone());
    let mut told = app.control().instances.watch();
    let waiting =
        tokio::spawn(async move { get(addr, "/api/v1/control/wait?after=0&instance=a").await });
    told.changed().await.unwrap();
    tokio::time::timeout(Duration::from_secs(20), served.running.stop()).await.unwrap();
    assert_eq!(waiting.await.unwrap().json()["generation"], json!(0));
}

#[tokio::test]
async fn the_five_variables_say_what_is_in_force() {
    let served = served().await;
    let (addr, app) = (served.running.addr, served.running.app().clone());
    change(&app, |s| {
        s.rollouts.response_caching.mode = Mode::On;
        s.rollouts.model_selection.mode = Mode::Shadow;
    })
    .await;
    let env = get(addr, "/api/v1/control/env").await;
    assert_eq!(
        env.text(),
        "DISABLE_ALL_OPTIMIZATIONS=false\nENABLE_CONTEXT_PRUNING=false\nENABLE_RESPONSE_CACHING=true\n\
         ENABLE_PROMPT_OPTIMIZATION=false\nENABLE_MODEL_SELECTION=false\n"
    );
    change(&app, |s| s.kill.all = true).await;
    let env: Value = get(addr, "/api/v1/control/env").await.text().into();
    assert!(env.as_str().unwrap().starts_with("DISABLE_ALL_OPTIMIZATIONS=true\n"));
    served.running.stop().await;
}
