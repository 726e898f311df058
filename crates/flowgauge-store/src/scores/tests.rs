//! One judge, one call, one score; before the call and after it; across a restart.

use super::*;
use crate::{JudgedBy, Options, Reader, RollupQuery, Step, Store};
use flowgauge_logic::call::{Call, Door, Text};
use flowgauge_logic::rollup::{Dim, Filter};
use flowgauge_logic::score::{Evaluator, Scale, ScoreKind};
use flowgauge_logic::unit::UnixMicros;
use flowgauge_logic::window::Window;

const T0: UnixMicros = UnixMicros(1_763_000_000_000_000);

fn call(n: u8, intent: &str) -> Call {
    let mut call = Call::begun(CallId::new(T0, [n; 10]), T0, T0, Door::Gateway);
    call.what.intent = Some(Text::from(intent));
    call
}

fn about(call: &Call) -> Reference {
    Reference { call: Some(call.id), ..Reference::default() }
}

fn answer(id: &str) -> Reference {
    Reference { response: Some(Text::from(id)), ..Reference::default() }
}

fn rating(n: u8, seconds: i64, user: &str, about: Reference) -> Score {
    let at = UnixMicros(T0.0 + seconds * 1_000_000);
    let mut score = Score::new(CallId::new(at, [n; 10]), ScoreKind::Feedback, at, about);
    score.user = Text::from(user);
    score.rating = Some(n % 5 + 1);
    score
}

fn evaluation(n: u8, evaluator: &str, raw: f64, about: Reference) -> Score {
    let mut score = Score::new(CallId::new(T0, [n; 10]), ScoreKind::Evaluation, T0, about);
    score.evaluator = Text::from(evaluator);
    score.read_on(Scale::default(), Some(raw));
    score
}

fn sums(reader: &Reader, kind: ScoreKind, group_by: Vec<Dim>) -> Vec<crate::ScoreGroup> {
    let window = Window { from: T0, to: UnixMicros(T0.0 + UnixMicros::HOUR) };
    let filter = Filter::default();
    let query = RollupQuery { window, filter, group_by, step: Step::Whole };
    reader.score_sums(&query, kind, JudgedBy::OfRecord).unwrap().groups
}

#[test]
fn of_one_user_and_call_the_last_rating_counts_however_it_was_addressed() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path(), Options::default(), T0).unwrap().store;
    let scores = Scores::open(dir.path()).unwrap();
    let call = call(1, "explain");
    let early = rating(1, 10, "ada", answer("chatcmpl-1"));
    assert_eq!(scores.put(&[(early.clone(), None)]).unwrap(), [Put::Stored]);
    assert_eq!(scores.put(&[(early.clone(), None)]).unwrap(), [Put::Unchanged]);
    let late = rating(4, 7_200, "ada", about(&call));
    let to = Attached::to(&call);
    assert_eq!(scores.put(&[(late.clone(), Some(to.clone()))]).unwrap(), [Put::Stored]);
    assert_eq!(scores.waiting(9).unwrap(), [(early.id, early.about.clone())]);
    scores.attach(&[(early.id, to.clone())]).unwrap();
    assert!(scores.waiting(9).unwrap().is_empty());
    let bob = rating(0, 20, "bob", about(&call));
    assert_eq!(scores.put(&[(bob, Some(to.clone()))]).unwrap(), [Put::Stored]);
    let older = rating(2, 5, "ada", about(&call));
    assert_eq!(scores.put(&[(older, Some(to))]).unwrap(), [Put::Unchanged], "older than the last");

    let groups = sums(&store.reader(), ScoreKind::Feedback, Vec::new());
    assert_eq!(groups.len(), 1);
    assert_eq!(groups[0].sums.ratings, [1, 0, 0, 0, 1], "ada's 5 and bob's 1");
}

#[test]
fn scores_survive_reopening_and_are_summed_by_dimension() {
    let dir = tempfile::tempdir().unwrap();
    drop(Store::open(dir.path(), Options::default(), T0).unwrap());
    let (one, two) = (call(1, "explain"), call(2, "translate"));
    let scores = Scores::open(dir.path()).unwrap();
    let to = |call: &Call| Some(Attached::to(call));
    let rows = [
        (evaluation(1, "relevance", 0.9, about(&one)), to(&one)),
        (evaluation(2, "toxicity", 0.7, about(&one)), to(&one)),
        (evaluation(3, "relevance", 0.5, about(&two)), to(&two)),
        (evaluation(4, "relevance", 7.0, answer("outside")), to(&call(3, "explain"))),
    ];
    scores.put(&rows).unwrap();
    drop(scores);
    drop(Scores::open(dir.path()).unwrap());

    let reader = Reader::open(dir.path()).unwrap();
    let groups = sums(&reader, ScoreKind::Evaluation, vec![Dim::Intent]);
    let told: Vec<_> = groups
        .iter()
        .map(|g| (g.key[0].as_str(), g.sums.evaluations, g.sums.quality, g.sums.without_quality))
        .collect();
    // What toxicity says is not mixed in.
    assert_eq!(told, [("explain", 1, 90.0, 1), ("translate", 1, 50.0, 0)]);
    let window = Window { from: T0, to: UnixMicros(T0.0 + 1) };
    let (filter, group_by) = (Filter::default(), Vec::new());
    let whole = RollupQuery { window, filter, group_by, step: Step::Whole };
    let judged = reader.score_sums(&whole, ScoreKind::Evaluation, JudgedBy::OfRecord);
    let who = judged.unwrap().by.unwrap();
    assert_eq!(reader.lowest_judged(&who, window, 9).unwrap(), [(two.id, 50.0), (one.id, 90.0)]);
    assert_eq!(reader.lowest_judged(&who, window, 1).unwrap(), [(two.id, 50.0)]);
    assert_eq!(reader.judged_below(&who, window, 90.0).unwrap(), (1, 2));
    let other = Evaluator { version: "another".into(), ..who };
    assert_eq!(reader.judged_below(&other, window, 90.0).unwrap(), (0, 0));
    let query = crate::ScoreQuery { window, kind: None, call: Some(one.id), limit: 10 };
    let rows = reader.scores(&query).unwrap();
    assert_eq!(rows.len(), 2);
    assert!(rows.iter().all(|r| r.attached == Some((one.id, T0))));
}

#[test]
fn scores_move_to_the_row_that_counts_and_stay_one_for_each_judge() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path(), Options::default(), T0).unwrap().store;
    let scores = Scores::open(dir.path()).unwrap();
    let (span, gateway) = (call(1, ""), call(2, "explain"));
    let to = |call: &Call| Some(Attached::to(call));
    let rows = [
        (rating(1, 10, "ada", about(&span)), to(&span)),
        (rating(3, 20, "ada", about(&gateway)), to(&gateway)),
        (rating(0, 30, "bob", about(&span)), to(&span)),
    ];
    scores.put(&rows).unwrap();
    assert_eq!(scores.scored_since(T0, 9).unwrap().len(), 2);
    scores.move_to(&[(span.id, Attached::to(&gateway))]).unwrap();
    assert_eq!(scores.scored_since(T0, 9).unwrap(), [gateway.id]);
    let groups = sums(&store.reader(), ScoreKind::Feedback, vec![Dim::Intent]);
    assert_eq!(groups.len(), 1);
    assert_eq!((groups[0].key[0].as_str(), groups[0].sums.ratings), ("explain", [1, 0, 0, 1, 0]));
}

#[test]
fn a_directory_without_scores_has_none() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path(), Options::default(), T0).unwrap().store;
    assert!(sums(&store.reader(), ScoreKind::Feedback, Vec::new()).is_empty());
}

#[test]
fn evaluators_and_their_versions_are_never_mixed() {
    let dir = tempfile::tempdir().unwrap();
    let options = |preferred: Option<&str>| Options {
        preferred_evaluator: preferred.map(Into::into),
        ..Options::default()
    };
    let store = Store::open(dir.path(), options(None), T0).unwrap().store;
    let scores = Scores::open(dir.path()).unwrap();
    let mut rows = Vec::new();
    for n in 0..5 {
        let call = call(n, "explain");
        let to = Attached::to(&call);
        let mut judged = vec![evaluation(10 + n, "relevance", 0.5, about(&call))];
        if n < 3 {
            let mut newer = evaluation(20 + n, "relevance", 0.9, about(&call));
            newer.version = Text::from("2");
            judged.push(newer);
            judged.push(evaluation(30 + n, "toxicity", 0.1, about(&call)));
        }
        rows.extend(judged.into_iter().map(|score| (score, Some(to.clone()))));
    }
    scores.put(&rows).unwrap();
    let table = |reader: &Reader, by: JudgedBy<'_>| {
        let window = Window { from: T0, to: UnixMicros(T0.0 + UnixMicros::HOUR) };
        let (filter, group_by) = (Filter::default(), Vec::new());
        let query = RollupQuery { window, filter, group_by, step: Step::Whole };
        reader.score_sums(&query, ScoreKind::Evaluation, by).unwrap()
    };
    let mean =
        |table: &crate::ScoreTable| format!("{:.1}", table.groups[0].sums.mean_quality().unwrap());
    let busiest = table(&store.reader(), JudgedBy::OfRecord);
    assert_eq!(busiest.by.as_ref().map(ToString::to_string).as_deref(), Some("relevance"));
    assert_eq!((mean(&busiest), busiest.groups[0].sums.evaluations), ("50.0".to_owned(), 5));
    let names: Vec<_> = busiest.judges.iter().map(|(who, n)| (who.to_string(), *n)).collect();
    let told = [("relevance".to_owned(), 5), ("relevance 2".to_owned(), 3), ("toxicity".into(), 3)];
    assert_eq!(names, told);
    let newer = &busiest.judges[1].0;
    assert_eq!(mean(&table(&store.reader(), JudgedBy::Exactly(newer))), "90.0");
    let preferring = store.reader().preferring(Some("toxicity".into()));
    assert_eq!(mean(&table(&preferring, JudgedBy::OfRecord)), "10.0");
    // Of equal scores nothing is left as spread.
    assert!(busiest.groups[0].sums.variance().unwrap() < 1e-9);
}

#[test]
fn a_score_counts_for_as_many_calls_as_its_weight_says() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path(), Options::default(), T0).unwrap().store;
    let scores = Scores::open(dir.path()).unwrap();
    let (one, two) = (call(1, "explain"), call(2, "explain"));
    let mut rare = evaluation(1, "relevance", 0.9, about(&one));
    rare.weight = Some(10.0);
    let plain = evaluation(2, "relevance", 0.4, about(&two));
    let rows = [(rare, Some(Attached::to(&one))), (plain, Some(Attached::to(&two)))];
    scores.put(&rows).unwrap();
    let groups = sums(&store.reader(), ScoreKind::Evaluation, Vec::new());
    let told = groups[0].sums;
    // (10·90 + 1·40) / 11, told as surely as by 11² / (10² + 1) scores of equal weight.
    assert!((told.mean_quality().unwrap() - 940.0 / 11.0).abs() < 1e-9, "{told:?}");
    assert!((told.effective() - 121.0 / 101.0).abs() < 1e-9, "{told:?}");
    assert_eq!(told.evaluations, 2);
}

#[test]
fn scores_of_a_database_made_before_weights_were_kept_weigh_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path(), Options::default(), T0).unwrap().store;
    let (one, two) = (call(1, "explain"), call(2, "explain"));
    let rows = [
        (evaluation(1, "relevance", 0.9, about(&one)), Some(Attached::to(&one))),
        (evaluation(2, "relevance", 0.4, about(&two)), Some(Attached::to(&two))),
    ];
    Scores::open(dir.path()).unwrap().put(&rows).unwrap();
    let before = crate::state::connect(dir.path()).unwrap();
    let without =
        "DROP INDEX scores_by_start_judge_and_weight; ALTER TABLE scores DROP COLUMN weight";
    before.execute_batch(without).unwrap();
    drop(before);
    let mean = |reader: &Reader| {
        sums(reader, ScoreKind::Evaluation, Vec::new())[0].sums.mean_quality().unwrap()
    };
    assert!((mean(&store.reader()) - 65.0).abs() < 1e-9, "read before it is opened for writing");
    drop(Scores::open(dir.path()).unwrap());
    assert!((mean(&store.reader()) - 65.0).abs() < 1e-9, "and after");
}

/// Scores of ten minutes' calls over five hours, by two judges, and some ratings; qualities are whole, so that sums are exact.
fn five_hours(scores: &Scores) -> Vec<(Score, Option<Attached>)> {
    let mut rows = Vec::new();
    for n in 0..30_u8 {
        let at = UnixMicros(T0.0 + i64::from(n) * 10 * UnixMicros::MINUTE);
        let mut one = call(n, if n % 3 == 0 { "explain" } else { "translate" });
        one.time.start = at;
        let to = Some(Attached::to(&one));
        let judge = if n % 4 == 0 { "toxicity" } else { "relevance" };
        rows.push((evaluation(100 + n, judge, f64::from(n % 5) / 4.0, about(&one)), to.clone()));
        rows.push((rating(n, i64::from(n), "ada", about(&one)), to));
    }
    scores.put(&rows).unwrap();
    rows
}

/// Everything told of windows with and without edges, whole and in steps.
fn all_sums(reader: &Reader) -> Vec<crate::ScoreTable> {
    let mut out = Vec::new();
    for (from, to) in [(0, 300), (17, 263), (60, 60), (5, 50), (-90, 1_000)] {
        let at = |minutes: i64| UnixMicros(T0.0 + minutes * UnixMicros::MINUTE);
        for step in [Step::Whole, Step::Minutes(60), Step::Minutes(180), Step::Minutes(5)] {
            for kind in [ScoreKind::Evaluation, ScoreKind::Feedback] {
                let window = Window { from: at(from), to: at(to) };
                let group_by = vec![Dim::Intent];
                let query = RollupQuery { window, filter: Filter::default(), group_by, step };
                out.push(reader.score_sums(&query, kind, JudgedBy::OfRecord).unwrap());
            }
        }
    }
    out
}

/// Hours that are summed up.
fn hours_of(dir: &Path) -> i64 {
    let db = crate::state::connect(dir).unwrap();
    db.query_row("SELECT count(DISTINCT minute) FROM score_hours", [], |r| r.get(0)).unwrap()
}

#[test]
fn hours_summed_up_tell_what_their_scores_tell() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path(), Options::default(), T0).unwrap().store;
    let scores = Scores::open(dir.path()).unwrap();
    five_hours(&scores);
    let before = all_sums(&store.reader());
    assert!(before.iter().any(|t| t.groups.len() > 8));
    let now = UnixMicros(T0.0 + 4 * UnixMicros::HOUR);
    while scores.sum_up(now).unwrap() {}
    assert_eq!(hours_of(dir.path()), 4, "the fifth hour is not over");
    assert_eq!(all_sums(&store.reader()), before);
}

#[test]
fn a_score_that_changes_moves_or_comes_late_is_in_the_sums_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path(), Options::default(), T0).unwrap().store;
    let scores = Scores::open(dir.path()).unwrap();
    let rows = five_hours(&scores);
    let now = UnixMicros(T0.0 + 9 * UnixMicros::HOUR);
    while scores.sum_up(now).unwrap() {}
    let all = hours_of(dir.path());

    let mut other = rows[0].0.clone();
    (other.id, other.time) = (CallId::new(T0, [200; 10]), UnixMicros(T0.0 + 1));
    other.read_on(Scale::default(), Some(0.75));
    assert_eq!(scores.put(&[(other, rows[0].1.clone())]).unwrap(), [Put::Replaced]);
    let moved = rows[20].1.clone().unwrap();
    scores.move_to(&[(moved.call, rows[59].1.clone().unwrap())]).unwrap();
    let told = all_sums(&store.reader());
    assert!(hours_of(dir.path()) < all, "hours that changed are not read from their sums");
    while scores.sum_up(now).unwrap() {}
    assert_eq!(all_sums(&store.reader()), told, "summed up again");
    crate::state::connect(dir.path())
        .unwrap()
        .execute_batch(
            "DELETE FROM score_hours; DELETE FROM score_hours_stale;
                        DROP TABLE score_hours; DROP TABLE score_hours_stale;
                        DROP TRIGGER score_came; DROP TRIGGER score_went;",
        )
        .unwrap();
    assert_eq!(all_sums(&store.reader()), told, "read score by score, as before there were hours");
    let again = Scores::open(dir.path()).unwrap();
    while again.sum_up(now).unwrap() {}
    assert_eq!(hours_of(dir.path()), all, "an older database is summed up too");
    assert_eq!(all_sums(&store.reader()), told);
}

#[test]
fn evaluations_are_read_one_by_one_the_latest_calls_first_and_no_more_than_asked_for() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path(), Options::default(), T0).unwrap().store;
    let window = Window { from: T0, to: UnixMicros(T0.0 + UnixMicros::HOUR) };
    let none = store.reader().verdicts(window, &Filter::default(), 9).unwrap();
    assert_eq!((none.read, none.all), (0, true));
    let scores = Scores::open(dir.path()).unwrap();
    let late = {
        let at = UnixMicros(T0.0 + 60_000_000);
        let mut call = Call::begun(CallId::new(at, [2; 10]), at, at, Door::Gateway);
        call.what.intent = Some(Text::from("translate"));
        call
    };
    let early = call(1, "explain");
    let to = |call: &Call| Some(Attached::to(call));
    let rows = [
        (evaluation(1, "relevance", 0.9, about(&early)), to(&early)),
        (evaluation(2, "toxicity", 0.7, about(&early)), to(&early)),
        (evaluation(3, "relevance", 0.5, about(&late)), to(&late)),
        (evaluation(4, "toxicity", 7.0, about(&late)), to(&late)),
        (rating(5, 10, "ada", about(&early)), to(&early)),
    ];
    scores.put(&rows).unwrap();
    let told = store.reader().verdicts(window, &Filter::default(), 9).unwrap();
    let first = &told.rows[0];
    assert_eq!((first.call, first.by.name.as_str(), first.quality), (late.id, "relevance", 50.0));
    assert_eq!(
        (told.rows.len(), told.read, told.all),
        (3, 3, true),
        "no rating, none off its scale"
    );
    let one = store.reader().verdicts(window, &Filter::default(), 1).unwrap();
    assert_eq!((one.rows.len(), one.read, one.all), (1, 1, false));
    let (who, of) = store.reader().qualities(&[late.id, early.id]).unwrap().unwrap();
    assert_eq!((who.name.as_str(), of.len()), ("relevance", 2), "the busiest, for all of them");
    let mine = store.reader().preferring(Some("toxicity".into()));
    let (_, of) = mine.qualities(&[late.id, early.id]).unwrap().unwrap();
    assert_eq!((of.get(&early.id), of.get(&late.id)), (Some(&70.0), None));
    assert_eq!(mine.qualities(&[call(9, "").id]).unwrap(), None);
    assert_eq!(mine.qualities(&[]).unwrap(), None);
    let explain = Filter::parse(["intent=explain"]).unwrap();
    let some = store.reader().verdicts(window, &explain, 9).unwrap();
    assert_eq!((some.rows.len(), some.read), (2, 3));
}
