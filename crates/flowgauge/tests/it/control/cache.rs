//! Answers from memory: which, to whom, in which bytes, at what cost.

use super::super::gateway::stage::{
    CHAT, CHAT_STREAM, MESSAGES_STREAM, Stage, post, send, until, whole,
};
use super::{PATH, ask, change, field, on, with};
use flowgauge::logic::call::{CacheOutcome, Call, Status};
use flowgauge::logic::control::cache::store::Purge;
use flowgauge::logic::control::rollout::{Mechanism, Mode};
use flowgauge::logic::control::state::Semantic;
use flowgauge::logic::id::CallId;
use flowgauge::logic::score::{Reference, Score, ScoreKind};
use flowgauge::logic::unit::{NanoUsd, UnixMicros};
use flowgauge::record::scores::HeardScores as _;
use flowgauge_testkit::upstream::Script;
use std::time::Duration;

async fn caching() -> Stage {
    let stage = Stage::new().await;
    on(&stage, Mechanism::ResponseCaching).await;
    stage
}

fn by_cache(rows: &[Call], outcome: CacheOutcome) -> Vec<&Call> {
    rows.iter().filter(|r| r.control.cache == outcome).collect()
}

/// Reliability C06.
#[tokio::test]
async fn an_equal_request_gets_the_same_bytes_at_no_cost_and_says_what_it_saved() {
    let stage = caching().await;
    let plain_stream = CHAT_STREAM.replace(r#""stream_options":{"include_usage":true},"#, "");
    for (path, body) in [
        (PATH, CHAT),
        (PATH, CHAT_STREAM),
        (PATH, plain_stream.as_str()),
        ("/v1/messages", MESSAGES_STREAM),
    ] {
        let asked = stage.upstream.requests().len();
        let first = stage.post(path, &Script::default(), body).await;
        until(|| stage.gateway.in_flight() == 0).await;
        let again = stage.post(path, &Script::default(), body).await;
        assert_eq!(stage.upstream.requests().len(), asked + 1, "{body}");
        assert_eq!((first.status, &first.body), (again.status, &again.body), "{body}");
        assert_eq!(first.headers.get("content-type"), again.headers.get("content-type"));
        assert_eq!(field(&first, "x-flowgauge-cache"), Some("miss"));
        assert_eq!(field(&again, "x-flowgauge-cache"), Some("hit"));
        assert_eq!(field(&again, "x-flowgauge-applied"), Some("response_caching"));
        assert_eq!(field(&again, "x-flowgauge-age"), Some("0"));
    }
    let rows = stage.rows(8).await;
    let (hits, misses) =
        (by_cache(&rows, CacheOutcome::HitExact), by_cache(&rows, CacheOutcome::Miss));
    assert_eq!((hits.len(), misses.len()), (4, 4));
    for (hit, miss) in hits.iter().zip(&misses) {
        assert_eq!(hit.outcome.status, Status::Ok);
        assert_eq!(hit.outcome.attempts, 0, "nobody was asked");
        assert_eq!(hit.usage.total().map(|t| t.0), Some(0));
        assert_eq!(hit.cost.nanos, Some(NanoUsd(0)));
        assert_eq!(hit.cost.avoided, miss.cost.nanos, "what it would have cost");
        assert!(hit.cost.avoided > Some(NanoUsd(0)));
        assert_eq!(hit.control.original_input_tokens, miss.usage.input_total());
        assert_eq!(hit.control.applied, Mechanism::ResponseCaching.bit());
        assert!(hit.control.cache_age.is_some_and(|age| age.0 < 60_000_000), "{:?}", hit.control);
        assert_eq!(miss.control.cache_age, None);
        assert_eq!(hit.what.model_used, miss.what.model_used);
        assert_eq!(hit.what.stream, miss.what.stream);
    }
    let contents = stage.control.memory.contents();
    assert_eq!((contents.entries, contents.counts.hits), (4, 4));
}

/// Reliability C04.
#[tokio::test]
async fn what_is_not_whole_or_no_answer_is_never_given_again() {
    let stage = caching().await;
    let scripts = [
        Script { status: Some(500), ..Script::default() },
        Script { status: Some(400), ..Script::default() },
        Script { cut_at: Some(40), ..Script::default() },
        Script { stop_after: Some(2), ..Script::default() },
        Script { error_after: Some(2), ..Script::default() },
    ];
    for (n, script) in scripts.iter().enumerate() {
        let body = CHAT_STREAM.replace("hello", &format!("question {n}"));
        stage.post(PATH, script, &body).await;
        until(|| stage.gateway.in_flight() == 0).await;
        let asked = stage.upstream.requests().len();
        let again = stage.post(PATH, &Script::default(), &body).await;
        assert_eq!(stage.upstream.requests().len(), asked + 1, "{script:?}");
        assert_eq!(field(&again, "x-flowgauge-cache"), Some("miss"), "{script:?}");
    }
    let tools = CHAT.replace(r#""messages""#, r#""tools":[{"type":"function"}],"messages""#);
    for _ in 0..2 {
        let got = stage.post(PATH, &Script::default(), &tools).await;
        assert_eq!(field(&got, "x-flowgauge-cache"), Some("bypass"));
    }
}

/// Reliability C01.
#[tokio::test]
async fn another_credential_field_or_parameter_is_another_request() {
    let stage = caching().await;
    let base = [("authorization", "Bearer one")];
    with(&stage, &base, CHAT).await;
    until(|| stage.gateway.in_flight() == 0).await;
    let others: [(&[(&'static str, &str)], String); 5] = [
        (&[("authorization", "Bearer two")], CHAT.to_owned()),
        (&[("authorization", "Bearer one"), ("openai-project", "p")], CHAT.to_owned()),
        (&[("authorization", "Bearer one"), ("accept-language", "de")], CHAT.to_owned()),
        (&base, CHAT.replace("hello", "hello ")),
        (&base, CHAT.replace(r#""messages""#, r#""seed":1,"messages""#)),
    ];
    for (fields, body) in &others {
        let got = with(&stage, fields, body).await;
        assert_eq!(field(&got, "x-flowgauge-cache"), Some("miss"), "{fields:?} {body}");
    }
    let same = with(&stage, &base, CHAT).await;
    assert_eq!(field(&same, "x-flowgauge-cache"), Some("hit"));
    let wish = [("authorization", "Bearer one"), ("x-flowgauge-cache", "bypass")];
    let wished = with(&stage, &wish, CHAT).await;
    assert_eq!(field(&wished, "x-flowgauge-cache"), Some("bypass"));
}

/// Reliability C05.
#[tokio::test]
async fn five_hundred_equal_requests_at_once_are_one_for_the_provider() {
    let stage = caching().await;
    let slow = Script { head_delay_ms: 300, ..Script::default() };
    let mut calls = tokio::task::JoinSet::new();
    for _ in 0..500 {
        let request = post(PATH, &slow, CHAT);
        let addr = stage.addr;
        calls.spawn(async move { whole(send(addr, request).await).await });
    }
    let answers = calls.join_all().await;
    assert!(answers.iter().all(|a| a.status == 200 && a.body == answers[0].body));
    assert_eq!(stage.upstream.requests().len(), 1);
    let rows = stage.rows(500).await;
    assert_eq!(by_cache(&rows, CacheOutcome::HitExact).len(), 499);
}

/// Reliability C05.
#[tokio::test]
async fn a_leader_that_leaves_fails_nobody_who_waits_for_its_answer() {
    let stage = caching().await;
    let slow = Script { head_delay_ms: 400, ..Script::default() };
    let leader = tokio::spawn(send(stage.addr, post(PATH, &slow, CHAT)));
    until(|| stage.upstream.requests().len() == 1).await;
    let mut calls = tokio::task::JoinSet::new();
    for _ in 0..20 {
        let request = post(PATH, &slow, CHAT);
        let addr = stage.addr;
        calls.spawn(async move { whole(send(addr, request).await).await });
    }
    until(|| stage.gateway.in_flight() == 21).await;
    leader.abort();
    let answers = calls.join_all().await;
    assert!(answers.iter().all(|a| a.status == 200));
    assert_eq!(stage.upstream.requests().len(), 2, "the next in line asked for all others");
}

/// Reliability C07.
#[tokio::test]
async fn an_answer_on_its_way_does_not_come_back_after_all_was_cleared() {
    let stage = caching().await;
    let slow = Script { head_delay_ms: 200, ..Script::default() };
    let first = tokio::spawn(send(stage.addr, post(PATH, &slow, CHAT)));
    until(|| stage.upstream.requests().len() == 1).await;
    assert_eq!(stage.control.memory.clear(&Purge::default(), UnixMicros(0)), (0, 0));
    whole(first.await.unwrap()).await;
    until(|| stage.gateway.in_flight() == 0).await;
    assert_eq!(stage.control.memory.contents().entries, 0);
    let again = stage.post(PATH, &Script::default(), CHAT).await;
    assert_eq!(field(&again, "x-flowgauge-cache"), Some("miss"));
}

/// Scenario 17: shadow first.
#[tokio::test]
async fn in_shadow_the_cache_counts_what_it_would_give_and_gives_nothing() {
    let stage = Stage::new().await;
    change(&stage, |s| {
        s.rollouts.response_caching.mode = Mode::Shadow;
        s.cache.semantic = Semantic::Shadow;
    })
    .await;
    for question in [
        "What is the capital of France?",
        "What is the capital of France?",
        "what's the capital of France",
    ] {
        let got = stage.post(PATH, &Script::default(), &ask(question)).await;
        assert_eq!(field(&got, "x-flowgauge-cache"), Some("bypass"));
        until(|| stage.gateway.in_flight() == 0).await;
    }
    assert_eq!(stage.upstream.requests().len(), 3);
    let shadow = stage.control.memory.contents().shadow;
    assert_eq!((shadow.exact, shadow.semantic), (1, 1));
    assert_eq!((shadow.compared, shadow.agreed), (2, 2), "the answers would have been the same");
}

/// Reliability C02, scenario 17.
#[tokio::test]
async fn the_same_question_in_other_words_is_answered_and_another_question_never() {
    let stage = caching().await;
    change(&stage, |s| s.cache.semantic = Semantic::On).await;
    let first = stage.post(PATH, &Script::default(), &ask("What is the capital of France?")).await;
    until(|| stage.gateway.in_flight() == 0).await;
    let again = stage.post(PATH, &Script::default(), &ask("what's the capital of France")).await;
    assert_eq!(field(&again, "x-flowgauge-cache"), Some("hit_semantic"));
    assert_eq!(first.body, again.body);
    for other in [
        "What is the capital of Spain?",
        "What is not the capital of France?",
        "What was the capital of France in 1420?",
        "France is the capital of what?",
    ] {
        let got = stage.post(PATH, &Script::default(), &ask(other)).await;
        assert_eq!(field(&got, "x-flowgauge-cache"), Some("miss"), "{other}");
    }
    let tenant =
        with(&stage, &[("authorization", "Bearer b")], &ask("what's the capital of France")).await;
    assert_eq!(field(&tenant, "x-flowgauge-cache"), Some("miss"));
    let rows = stage.rows(7).await;
    let [hit] = by_cache(&rows, CacheOutcome::HitSemantic)[..] else { panic!("one such hit") };
    assert!(hit.control.similarity.is_some_and(|s| s >= 0.95));
}

/// How far the times of two groups of calls are apart, in standard deviations of the sum of ranks (Mann and Whitney 1947).
fn apart(one: &[u64], other: &[u64]) -> f64 {
    let mut all: Vec<(u64, bool)> = one.iter().map(|t| (*t, true)).collect();
    all.extend(other.iter().map(|t| (*t, false)));
    all.sort_unstable();
    let ranks: usize = (1..).zip(&all).filter(|(_, (_, first))| *first).map(|(rank, _)| rank).sum();
    let (n, m) = (one.len() as f64, other.len() as f64);
    let (mean, variance) = (n * (n + m + 1.0) / 2.0, n * m * (n + m + 1.0) / 12.0);
    (ranks as f64 - mean) / variance.sqrt()
}

/// Reliability C03. A hit is ten times as fast as asking; five deviations are chance in a million runs.
#[tokio::test]
async fn whether_another_project_asked_it_shows_neither_in_the_answer_nor_in_its_time() {
    const EACH: usize = 150;
    let stage = caching().await;
    change(&stage, |s| s.cache.semantic = Semantic::On).await;
    let (one, two) = ([("authorization", "Bearer one")], [("authorization", "Bearer two")]);
    let known = |n: usize| ask(&format!("How do I mend the clock number {n}?"));
    for n in 0..EACH {
        with(&stage, &one, &known(n)).await;
    }
    until(|| stage.control.memory.contents().entries == EACH).await;
    let clock = flowgauge::serve::clock::Clock::real();
    let mut times = [Vec::new(), Vec::new()];
    for n in 0..EACH {
        let unheard = ask(&format!("How do I sell the clock number {n}?"));
        for (body, taken) in [known(n), unheard].iter().zip(&mut times) {
            let begun = clock.monotonic();
            let got = with(&stage, &two, body).await;
            taken.push(clock.monotonic().saturating_sub(begun).0);
            assert_eq!(field(&got, "x-flowgauge-cache"), Some("miss"), "{body}");
            assert_eq!(field(&got, "x-flowgauge-age"), None);
        }
    }
    assert_eq!(stage.upstream.requests().len(), 3 * EACH);
    let [heard, unheard] = &times;
    assert!(apart(heard, unheard).abs() < 5.0, "{}", apart(heard, unheard));
    // The measure sees a hit.
    let mut hits = Vec::new();
    for n in 0..EACH {
        let begun = clock.monotonic();
        let got = with(&stage, &one, &known(n)).await;
        hits.push(clock.monotonic().saturating_sub(begun).0);
        assert_eq!(field(&got, "x-flowgauge-cache"), Some("hit"));
    }
    assert!(apart(&hits, unheard) < -5.0, "{}", apart(&hits, unheard));
}

#[tokio::test]
async fn an_answer_ends_with_its_time_to_live() {
    let stage = caching().await;
    change(&stage, |s| s.cache.limits.ttl = flowgauge::logic::unit::Micros::from_millis(60)).await;
    // The bounds reach the memory by themselves where a server runs; here nothing runs but the gateway.
    let limits = stage.control.desk.live().get().settings.clone().unwrap().cache.limits;
    stage.control.memory.bound(limits, UnixMicros(0));
    stage.post(PATH, &Script::default(), CHAT).await;
    until(|| stage.control.memory.contents().entries == 1).await;
    tokio::time::timeout(Duration::from_secs(20), async {
        let mut tick = tokio::time::interval(Duration::from_millis(20));
        loop {
            tick.tick().await;
            let got = stage.post(PATH, &Script::default(), CHAT).await;
            if field(&got, "x-flowgauge-cache") == Some("miss") {
                return;
            }
        }
    })
    .await
    .expect("the answer ends");
}

/// Rates the call whose answer this is.
async fn rate(stage: &Stage, answer: &super::Whole, edit: impl FnOnce(&mut Score)) {
    let id: CallId = field(answer, "x-flowgauge-request-id").unwrap().parse().unwrap();
    let mut score = Score::new(id, ScoreKind::Feedback, UnixMicros(1), Reference::default());
    edit(&mut score);
    stage.control.disputes.scored(id, &score);
}

#[tokio::test]
async fn an_answer_that_was_found_wrong_is_given_to_nobody_again() {
    let stage = caching().await;
    change(&stage, |s| s.guardrail.floor = Some(75.0)).await;
    let ask = async || {
        let got = stage.post(PATH, &Script::default(), CHAT).await;
        until(|| stage.gateway.in_flight() == 0).await;
        got
    };
    let first = ask().await;
    rate(&stage, &first, |s| s.rating = Some(1)).await;
    let hit = ask().await;
    assert_eq!(field(&hit, "x-flowgauge-cache"), Some("hit"), "a fresh answer is not the cache's");
    rate(&stage, &hit, |s| s.rating = Some(3)).await;
    let evaluated = |quality: f64| {
        move |s: &mut Score| (s.kind, s.quality) = (ScoreKind::Evaluation, Some(quality))
    };
    rate(&stage, &hit, evaluated(75.0)).await;
    let hit = ask().await;
    assert_eq!(field(&hit, "x-flowgauge-cache"), Some("hit"), "neither was a bad verdict");
    rate(&stage, &hit, evaluated(74.9)).await;
    let contents = stage.control.memory.contents();
    assert_eq!((contents.entries, contents.counts.disputed), (0, 1));
    for _ in 0..2 {
        assert_eq!(field(&ask().await, "x-flowgauge-cache"), Some("miss"), "nor is a new one kept");
    }
    rate(&stage, &hit, |s| s.rating = Some(1)).await;
    assert_eq!(stage.control.memory.contents().counts.disputed, 1, "counted once");
}

/// C03: whoever asks what another asked is answered no sooner than where nobody asked: entries are not shared, so a
/// prompt is not told by its time (arXiv 2409.20002). The provider takes `SLOW`; an answer from memory is there in less
/// than a millisecond.
#[expect(clippy::disallowed_methods, reason = "what is tested is how long it takes")]
#[tokio::test]
async fn time_does_not_tell_whether_another_project_asked_the_same() {
    const SLOW: u64 = 20;
    const EACH: usize = 30;
    let stage = caching().await;
    let script = Script { head_delay_ms: SLOW, ..Script::default() };
    let timed = async |who: &str, question: &str| {
        let mut request = post(PATH, &script, &ask(question));
        request.headers_mut().insert("authorization", format!("Bearer {who}").parse().unwrap());
        let begun = std::time::Instant::now();
        let got = whole(send(stage.addr, request).await).await;
        let took = begun.elapsed();
        until(|| stage.gateway.in_flight() == 0).await;
        (took, field(&got, "x-flowgauge-cache").unwrap().to_owned())
    };
    let (mut known, mut fresh) = (Vec::new(), Vec::new());
    for n in 0..EACH {
        let secret = format!("the secret of project one, number {n}");
        timed("one", &secret).await;
        known.push(timed("two", &secret).await);
        fresh.push(timed("two", &format!("what nobody asked yet, number {n}")).await);
    }
    for (took, outcome) in known.iter().chain(&fresh) {
        assert_eq!(outcome, "miss");
        assert!(
            *took >= Duration::from_millis(SLOW),
            "answered sooner than the provider: {took:?}"
        );
    }
    // Wins of one over the other (Mann and Whitney 1947): the middle is half of all pairs. Five deviations are passed by
    // chance in fewer than one of a million runs.
    let wins = known.iter().flat_map(|k| fresh.iter().map(move |f| f64::from(u8::from(k.0 < f.0))));
    let n = f64::from(u32::try_from(EACH).unwrap());
    let (middle, deviation) = (n * n / 2.0, (n * n * (2.0 * n + 1.0) / 12.0).sqrt());
    let z = (wins.sum::<f64>() - middle) / deviation;
    assert!(z.abs() < 5.0, "time tells: z = {z}");
    let (_, own) = timed("one", "the secret of project one, number 0").await;
    assert_eq!(own, "hit", "its own is in memory");
}

#[tokio::test]
async fn a_request_that_wishes_no_optimisation_passes_the_cache_by_and_its_row_says_so() {
    let stage = caching().await;
    let got = with(&stage, &[("x-flowgauge-optimizations", "off")], CHAT).await;
    assert_eq!(field(&got, "x-flowgauge-cache"), Some("bypass"));
    assert_eq!(stage.row().await.control.cache, CacheOutcome::Bypass);
}
