//! Scores follow the row that counts, early and late.

use super::*;
use crate::logic::call::{Door, Text};
use crate::logic::unit::Micros;
use crate::logic::window::Window;
use crate::store::{Amendment, Change, Options, ScoreQuery, Store};

const NOW: UnixMicros = UnixMicros(1_763_000_000_000_000);

fn call(n: u8, response: &str) -> Call {
    let mut call = Call::begun(CallId::new(NOW, [n; 10]), NOW, NOW, Door::Gateway);
    call.what.leaf = true;
    call.link.response_id = Some(Text::from(response));
    call
}

fn rated(about: Reference) -> Score {
    let mut score = Score::new(CallId([7; 16]), ScoreKind::Feedback, NOW, about);
    score.rating = Some(5);
    score
}

fn attached(recorder: &Recorder) -> Option<CallId> {
    let window = Window { from: UnixMicros(0), to: UnixMicros(i64::MAX) };
    let query = ScoreQuery { window, kind: None, call: None, limit: 9 };
    let rows = recorder.reader().unwrap().scores(&query).unwrap();
    assert_eq!(rows.len(), 1);
    rows[0].attached.map(|(call, _)| call)
}

#[tokio::test]
async fn a_score_of_a_row_that_counts_elsewhere_is_attached_to_the_row_that_counts() {
    let dir = tempfile::tempdir().unwrap();
    let (clock, hand) = Clock::frozen(NOW);
    let recorder = Recorder::start(dir.path(), Options::default(), clock.clone()).unwrap();
    let book = ScoreBook::open(dir.path(), recorder.clone(), clock, Vec::new()).unwrap();
    let (outer, mut inner) = (call(1, "outer"), call(2, "inner"));
    inner.link.merged_into = Some(outer.id);
    inner.what.leaf = false;
    recorder.submit(vec![outer.clone(), inner], Vec::new()).await.unwrap();
    let about = Reference { response: Some(Text::from("inner")), ..Reference::default() };
    assert_eq!(book.keep(vec![rated(about)]).await.unwrap().attached, 1);
    assert_eq!(attached(&recorder), Some(outer.id));

    // Later the row turns out to be the same call as one seen through another door.
    let gateway = call(3, "outer");
    let mut span = outer.clone();
    span.link.merged_into = Some(gateway.id);
    let rows = [span, gateway.clone()];
    let look = |id| Ok(rows.iter().find(|c| c.id == id).cloned());
    assert_eq!(book.follow(look).unwrap(), 0, "not due yet");
    hand.advance(Micros(60_000_000));
    assert_eq!(book.follow(look).unwrap(), 1);
    assert_eq!(attached(&recorder), Some(gateway.id));
    recorder.shutdown().await;
}

#[tokio::test]
async fn a_round_finds_the_call_that_came_after_its_score() {
    let dir = tempfile::tempdir().unwrap();
    let (clock, _hand) = Clock::frozen(NOW);
    let recorder = Recorder::start(dir.path(), Options::default(), clock.clone()).unwrap();
    let book = ScoreBook::open(dir.path(), recorder.clone(), clock, Vec::new()).unwrap();
    let call = call(1, "r");
    let about = Reference { call: Some(call.id), ..Reference::default() };
    assert_eq!(book.keep(vec![rated(about)]).await.unwrap().attached, 0);
    assert_eq!(book.settle().unwrap(), 0);
    recorder.submit(vec![call.clone()], Vec::new()).await.unwrap();
    assert_eq!(book.settle().unwrap(), 1);
    assert_eq!(attached(&recorder), Some(call.id));
    assert_eq!(book.settle().unwrap(), 0);
    recorder.shutdown().await;
}

/// A recorder over rows that were sealed three days ago.
fn long_ago(dir: &Path, calls: Vec<Call>) -> Recorder {
    let then = UnixMicros(NOW.0 - 3 * UnixMicros::DAY);
    let mut store = Store::open(dir, Options::default(), then).unwrap().store;
    let batch = crate::store::Batch { calls, ..Default::default() };
    store.commit(batch, then).unwrap();
    store.seal_now(then).unwrap();
    assert_eq!(store.reader().status().unwrap().unsealed_rows, 0);
    drop(store);
    Recorder::start(dir, Options::default(), Clock::frozen(NOW).0).unwrap()
}

fn old(mut call: Call) -> Call {
    let then = UnixMicros(NOW.0 - 3 * UnixMicros::DAY);
    (call.time.start, call.time.received) = (then, then);
    call
}

#[tokio::test]
async fn a_score_finds_its_sealed_call_three_days_later_among_many() {
    let dir = tempfile::tempdir().unwrap();
    let mut meant = old(call(1, "meant"));
    meant.link.trace_id = Some(crate::logic::id::TraceId([9; 16]));
    let mut calls: Vec<Call> = (0..20_001u32)
        .map(|n| {
            let mut other = old(call(2, &format!("other-{n}")));
            other.id.0[..4].copy_from_slice(&n.to_be_bytes());
            other.time.start.0 += 1 + i64::from(n);
            other
        })
        .collect();
    calls.push(meant.clone());
    let recorder = long_ago(dir.path(), calls);
    let book =
        ScoreBook::open(dir.path(), recorder.clone(), Clock::frozen(NOW).0, Vec::new()).unwrap();
    let about = Reference { response: Some(Text::from("meant")), ..Reference::default() };
    assert_eq!(book.keep(vec![rated(about)]).await.unwrap().attached, 1);
    assert_eq!(attached(&recorder), Some(meant.id));
    let about = Reference { trace: meant.link.trace_id, ..Reference::default() };
    let of_trace = Score { id: CallId([8; 16]), evaluator: Text::from("x"), ..rated(about) };
    assert_eq!(book.keep(vec![of_trace]).await.unwrap().attached, 1);
    recorder.shutdown().await;
}

#[tokio::test]
async fn scores_follow_their_row_at_the_moment_it_is_merged_however_old() {
    let dir = tempfile::tempdir().unwrap();
    let (span, gateway) = (old(call(1, "span")), old(call(2, "gateway")));
    let recorder = long_ago(dir.path(), vec![span.clone(), gateway.clone()]);
    let (clock, hand) = Clock::frozen(NOW);
    let book = ScoreBook::open(dir.path(), recorder.clone(), clock, Vec::new()).unwrap();
    let about = Reference { response: Some(Text::from("span")), ..Reference::default() };
    book.keep(vec![rated(about)]).await.unwrap();
    assert_eq!(attached(&recorder), Some(span.id));
    // Both looks by time are over.
    hand.advance(Micros(3_600_000_000));
    let reader = recorder.reader().unwrap();
    while book.follow(|id| reader.call(id)).unwrap() > 0 {}

    let mut merges = recorder.merges();
    let change = Change::Merged { into: Some(gateway.id) };
    let by = Text::from("a test");
    recorder.amend(vec![Amendment { call: span.id, change, by }]).await.unwrap();
    book.merged(&merges.recv().await.unwrap());
    assert_eq!(book.follow(|id| reader.call(id)).unwrap(), 1);
    assert_eq!(attached(&recorder), Some(gateway.id));
    recorder.shutdown().await;
}
