//! One is promoted at a time, every move is on record, and damage is told, not used.

use super::*;
use flowgauge_logic::baseline::{Cell, Origin, Point};
use flowgauge_logic::window::Window;

const T0: UnixMicros = UnixMicros(1_763_000_000_000_000);

fn baseline(name: &str, made: i64) -> Baseline {
    let made = UnixMicros(T0.0 + made);
    let points: Vec<Point> =
        (0..200).map(|n| Point { at: UnixMicros(n), requests: 7, ..Point::default() }).collect();
    Baseline {
        name: Text::from(name),
        window: Window { from: T0, to: made },
        made,
        made_by: Text::from("ada"),
        origin: Origin::Measured,
        evaluator: None,
        bucket_minutes: 60,
        whole: Cell { points, ..Cell::default() },
        cells: vec![Cell { intent: Text::from("ask"), ..Cell::default() }],
        left_out: Vec::new(),
    }
}

fn event(name: &str, what: &'static str) -> BaselineEvent {
    let why = Text::from("weekly");
    let what = Text::const_new(what);
    BaselineEvent { at: T0, name: Text::from(name), what, by: Text::from("ada"), why }
}

fn standings(store: &BaselineStore) -> Vec<(String, Standing)> {
    let all = store.all().unwrap();
    all.into_iter().map(|(b, s)| (b.name.to_string(), s.standing)).collect()
}

#[test]
fn one_baseline_is_promoted_and_the_one_before_can_be_promoted_again() {
    let dir = tempfile::tempdir().unwrap();
    let store = BaselineStore::open(dir.path()).unwrap();
    assert!(store.add(&baseline("w1", 1), &event("w1", "proposed")).unwrap());
    assert!(store.add(&baseline("w2", 2), &event("w2", "proposed")).unwrap());
    assert!(
        !store.add(&baseline("w2", 9), &event("w2", "proposed")).unwrap(),
        "it is never changed"
    );
    assert!(store.promote(&event("w1", "promoted")).unwrap());
    assert!(store.promote(&event("w2", "promoted")).unwrap());
    assert!(!store.promote(&event("w3", "promoted")).unwrap(), "there is none");
    drop(store);

    let store = BaselineStore::open(dir.path()).unwrap();
    let want = [("w2".to_owned(), Standing::Promoted), ("w1".to_owned(), Standing::Retired)];
    assert_eq!(standings(&store), want);
    let (promoted, status) = store.promoted().unwrap().unwrap();
    assert_eq!(promoted, baseline("w2", 2));
    assert_eq!(status.promoted, Some((T0, Text::from("ada"))));
    assert!(store.promote(&event("w1", "promoted")).unwrap());
    assert_eq!(store.promoted().unwrap().unwrap().0.name, "w1");
    let told: Vec<_> = store.history(3).unwrap().into_iter().map(|e| (e.name, e.what)).collect();
    let want = [("w1", "promoted"), ("w2", "retired"), ("w2", "promoted")];
    assert_eq!(told, want.map(|(n, w)| (Text::from(n), Text::from(w))));
}

#[test]
fn a_refused_promotion_retires_nobody() {
    let dir = tempfile::tempdir().unwrap();
    let store = BaselineStore::open(dir.path()).unwrap();
    store.add(&baseline("w1", 1), &event("w1", "proposed")).unwrap();
    store.promote(&event("w1", "promoted")).unwrap();
    assert!(!store.promote(&event("nobody", "promoted")).unwrap());
    assert_eq!(store.promoted().unwrap().map(|(b, _)| b.name), Some(Text::from("w1")));
    assert_eq!(store.history(10).unwrap().len(), 2, "and nothing is on record");
}

#[test]
fn pins_stay_through_promotion_and_checks_come_back_the_latest_first() {
    let dir = tempfile::tempdir().unwrap();
    let store = BaselineStore::open(dir.path()).unwrap();
    store.add(&baseline("w1", 1), &event("w1", "proposed")).unwrap();
    assert!(store.pin(true, &event("w1", "pinned")).unwrap());
    store.promote(&event("w1", "promoted")).unwrap();
    assert!(store.get("w1").unwrap().unwrap().1.pinned);
    for n in 0..3 {
        store.add_check(UnixMicros(n), &n).unwrap();
    }
    assert_eq!(store.checks::<i64>(2).unwrap(), [2, 1]);
}

#[test]
fn a_damaged_baseline_is_told_and_not_used() {
    let dir = tempfile::tempdir().unwrap();
    let store = BaselineStore::open(dir.path()).unwrap();
    store.add(&baseline("w1", 1), &event("w1", "proposed")).unwrap();
    let db = state::connect(dir.path()).unwrap();
    let mut body: Vec<u8> = db.query_row("SELECT body FROM baselines", [], |r| r.get(0)).unwrap();
    let middle = body.len() / 2;
    body[middle] ^= 1;
    db.execute("UPDATE baselines SET body = ?1", [body]).unwrap();
    assert!(matches!(store.get("w1"), Err(StoreError::Damaged { .. })));
}
