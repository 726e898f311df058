//! Which intents have scores, and a mean that is the traffic's whatever the shares.

use super::scene::{answer, question, scene};
use flowgauge::logic::call::Text;
use flowgauge::logic::score::sampling::Plan;
use flowgauge_testkit::upstream::Script;
use serde_json::json;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_intent_that_is_not_sampled_is_missing_in_the_coverage_and_named_by_the_audit() {
    let scene = scene(Script::default(), |c| {
        c.quality.plan = Plan { by_intent: vec![(Text::from("chat"), 1.0)], ..Plan::default() };
    })
    .await;
    for n in 0..24 {
        let intent = if n % 4 == 0 { "explain" } else { "chat" };
        scene.post(intent, &question(false), &answer()).await;
    }
    scene.a_moment_later();
    let scored = |c: &serde_json::Value| c["evaluators"][0]["scored"] == 18;
    let told = scene.until("/api/v1/quality/coverage", scored).await;
    let intents = &told["evaluators"][0]["intents"];
    assert_eq!(told["calls"], 24);
    assert_eq!((&intents[0]["intent"], &intents[0]["share"]), (&json!("chat"), &json!(1.0)));
    assert_eq!((&intents[1]["intent"], &intents[1]["scored"]), (&json!("explain"), &json!(0)));
    // chat is three quarters of the traffic and all of the scored calls.
    assert_eq!(told["evaluators"][0]["distance"], 0.25);
}
