//! Vectors of questions by a provider: what is found with them, what they cost, and that nobody waits for one in vain.
//!
//! The provider gives every text the same vector, so likeness proposes everything and meaning alone decides.

use super::super::gateway::stage::{Stage, until};
use super::{PATH, ask, change, field};
use flowgauge::config::{Embeddings, Provider, StreamSettings, Timeouts};
use flowgauge::control::encoder::Encoded;
use flowgauge::logic::call::{Call, Source, Status};
use flowgauge::logic::control::rollout::Mode;
use flowgauge::logic::control::state::Semantic;
use flowgauge::logic::rollup::Dim;
use flowgauge::logic::unit::{Micros, NanoUsd, UnixMicros};
use flowgauge::logic::window::Window;
use flowgauge::store::CallQuery;
use flowgauge_testkit::upstream::{Script, Upstream};

/// It has a price in the stage's table.
const MODEL: &str = "pass-a";
const ASKED: &str = "What is the definition of entropy?";
const AGAIN: &str = "Define entropy.";

/// A gateway whose questions are made vectors by an upstream of its own, which follows a script.
async fn stage(script: Script, within: Micros, budget: NanoUsd) -> (Stage, Upstream) {
    let vectors = Upstream::start(vec![(MODEL.to_owned(), script)]).await.unwrap();
    let url = vectors.base_url();
    let stage = Stage::with(Timeouts::default(), |c| {
        c.gateway.providers.push(Provider {
            name: "vectors".into(),
            base_url: url,
            api_key: None,
            timeouts: Timeouts::default(),
            retry: None,
            streams: StreamSettings::default(),
        });
        let settings = Embeddings {
            provider: "vectors".into(),
            model: MODEL.into(),
            within,
            budget_per_day: Some(budget),
        };
        c.budgets.extend(settings.budget(c.time_zone));
        c.embeddings = Some(settings);
    })
    .await;
    change(&stage, |s| {
        s.rollouts.response_caching.mode = Mode::On;
        s.cache.semantic = Semantic::On;
    })
    .await;
    (stage, vectors)
}

async fn outcome(stage: &Stage, question: &str) -> String {
    let got = stage.post(PATH, &Script::default(), &ask(question)).await;
    assert_eq!(got.status.as_u16(), 200);
    until(|| stage.gateway.in_flight() == 0).await;
    field(&got, "x-flowgauge-cache").unwrap().to_owned()
}

fn counts(stage: &Stage) -> Encoded {
    stage.control.memory.encoder().counts().unwrap()
}

/// Rows of the vectors, once there are so many.
async fn own(stage: &Stage, wanted: usize) -> Vec<Call> {
    let window = Window { from: UnixMicros(0), to: UnixMicros(i64::MAX / 2) };
    let mut query = CallQuery::newest(window, 1_000);
    query.filter.terms.push((Dim::Source, vec![Source::Embedding.word().to_owned()]));
    let rows = || stage.recorder.reader().unwrap().calls(&query).unwrap();
    until(|| rows().len() == wanted).await;
    rows()
}

const DOLLAR: NanoUsd = NanoUsd(1_000_000_000);
const PATIENT: Micros = Micros::from_millis(10_000);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_question_is_found_in_other_words_by_vectors_of_a_model_and_meaning_decides() {
    let (stage, vectors) = stage(Script::default(), PATIENT, DOLLAR).await;
    assert_eq!(outcome(&stage, ASKED).await, "miss");
    assert_eq!(outcome(&stage, AGAIN).await, "hit_semantic");
    for other in [
        "What is the definition of enthalpy?",
        "What is not the definition of entropy?",
        "What is the definition of entropy in 1904?",
        "What is the entropy of meaning?",
    ] {
        assert_eq!(outcome(&stage, other).await, "miss", "{other}");
    }
    // What is equal needs no vector.
    let asked = vectors.requests().len();
    assert_eq!(outcome(&stage, ASKED).await, "hit");
    assert_eq!((vectors.requests().len(), asked), (6, 6));
    assert_eq!(counts(&stage), Encoded { asked: 6, made: 6, ..Encoded::default() });
    // Each is a row of its own: paid, and no user's.
    let rows = own(&stage, 6).await;
    assert!(
        rows.iter()
            .all(|r| r.outcome.status == Status::Ok && r.cost.nanos.is_some_and(|c| c.0 > 0))
    );
    assert!(rows.iter().all(|r| r.what.endpoint.as_deref() == Some("cache/embedding")));
    let [shown] = &stage.budgets.shown()[..] else { panic!("one account") };
    assert_eq!(shown.budget.name, Embeddings::BUDGET);
    let spent: i64 = rows.iter().filter_map(|r| r.cost.nanos).map(|c| c.0).sum();
    assert_eq!(shown.account.as_ref().unwrap().1.spent, NanoUsd(spent), "paid from its own budget");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_vector_that_takes_too_long_or_fails_is_passed_over_and_after_three_none_is_asked_for() {
    let slow = Script { head_delay_ms: 60_000, ..Script::default() };
    let failing = Script { status: Some(500), ..Script::default() };
    for (script, late) in [(slow, true), (failing, false)] {
        let within = if late { Micros::from_millis(400) } else { PATIENT };
        let (stage, vectors) = stage(script, within, DOLLAR).await;
        for n in 0..5 {
            let question = format!("What is the meaning of number {n}?");
            assert_eq!(outcome(&stage, &question).await, "miss");
            assert_eq!(
                outcome(&stage, &question).await,
                "hit",
                "equal ones are found all the same"
            );
        }
        let told = counts(&stage);
        let passed = if late { told.late } else { told.failed };
        assert_eq!((told.asked, passed, told.rested), (5, 3, 2), "{told:?}");
        assert_eq!(vectors.requests().len(), 3);
        assert!(own(&stage, 3).await.iter().all(|r| r.outcome.status != Status::Ok));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_money_for_a_vector_the_request_goes_on_and_nothing_is_asked() {
    let (stage, vectors) = stage(Script::default(), PATIENT, NanoUsd(1)).await;
    assert_eq!(outcome(&stage, ASKED).await, "miss");
    assert_eq!(outcome(&stage, AGAIN).await, "miss");
    assert_eq!(outcome(&stage, ASKED).await, "hit");
    assert_eq!(counts(&stage), Encoded { asked: 2, denied: 2, ..Encoded::default() });
    assert!(vectors.requests().is_empty());
}
