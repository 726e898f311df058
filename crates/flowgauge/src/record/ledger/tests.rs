//! Admission under a crowd, across crashes, and days that add up.

use super::*;
use crate::logic::budget::{Per, Trait, Unpriced};
use crate::logic::call::{Door, InputTokens, OutputTokens, Usage, UsageSource};
use crate::logic::id::CallId;
use crate::logic::kpi::Kpi;
use crate::logic::rollup::Filter;
use crate::logic::window::{Window, local_date};
use crate::query;
use crate::store::Options;
use chrono_tz::Tz;
use std::collections::HashSet;
use tokio::sync::Barrier;

/// 2026-01-01T00:00:00Z.
const T0: UnixMicros = UnixMicros(1_767_225_600_000_000);
const PRICES: &str = r#"{"m": {"input_cost_per_token": 1e-6, "output_cost_per_token": 2e-6}}"#;
/// What 100 output tokens of `m` and no input cost.
const ONE_CALL: NanoUsd = NanoUsd(200_000);

fn budget(name: &str, per: Per, zone: Tz, limit: NanoUsd) -> Budget {
    Budget {
        name: name.into(),
        per,
        matches: Vec::new(),
        period: Period::Day,
        limit,
        zone,
        unpriced: Unpriced::Deny,
        default_max_tokens: 100,
    }
}

fn per_user(limit: NanoUsd) -> Budget {
    budget("user", Per::Each(Trait::User), Tz::UTC, limit)
}

fn call(n: u64, user: &str, start: UnixMicros) -> Call {
    let mut random = [0; 10];
    random[2..].copy_from_slice(&n.to_be_bytes());
    let mut call = Call::begun(CallId::new(start, random), start, start, Door::Gateway);
    call.what.leaf = true;
    call.what.model_requested = Some("m".into());
    call.who.user_key = Some(user.into());
    call.outcome.attempts = 1;
    call
}

const SIZE: Size = Size { body_bytes: 0, max_tokens: None, answers: None };

struct Desk {
    dir: tempfile::TempDir,
    recorder: Recorder,
    prices: Arc<ArcSwap<PriceBook>>,
    clock: Clock,
    hand: crate::serve::clock::Hand,
}

impl Desk {
    fn new() -> Self {
        Self::over(tempfile::tempdir().unwrap())
    }

    fn over(dir: tempfile::TempDir) -> Self {
        let (clock, hand) = Clock::frozen(T0);
        let recorder = Recorder::start(dir.path(), Options::default(), clock.clone()).unwrap();
        let prices = PriceBook::embedded().with_override(PRICES).unwrap();
        Self { dir, recorder, prices: Arc::new(ArcSwap::from_pointee(prices)), clock, hand }
    }

    fn open(&self, budgets: Vec<Budget>) -> Arc<Budgets> {
        let (prices, clock) = (Arc::clone(&self.prices), self.clock.clone());
        Budgets::start(self.dir.path(), budgets, prices, clock, &self.recorder).unwrap()
    }

    /// The same, awaiting every reservation, however long a busy disk takes.
    fn open_patient(&self, budgets: Vec<Budget>) -> Arc<Budgets> {
        let mut made = self.open(budgets);
        Arc::get_mut(&mut made).unwrap().durable_within = Duration::from_secs(600);
        made
    }
}

/// The directory as SIGKILL at this moment would leave it.
fn killed(dir: &Path) -> tempfile::TempDir {
    let copy = tempfile::tempdir().unwrap();
    for name in ["budgets.db", "budgets.db-wal", "hot.db", "hot.db-wal"] {
        if dir.join(name).exists() {
            std::fs::copy(dir.join(name), copy.path().join(name)).unwrap();
        }
    }
    copy
}

async fn crowd(budgets: &Arc<Budgets>, trial: u64, size: u64) -> u64 {
    let gate = Arc::new(Barrier::new(usize::try_from(size).unwrap()));
    let mut all = tokio::task::JoinSet::new();
    for n in 0..size {
        let (budgets, gate) = (Arc::clone(budgets), Arc::clone(&gate));
        let call = call(trial * size + n, &format!("user-{trial}"), T0);
        all.spawn(async move {
            gate.wait().await;
            budgets.reserve(&call, SIZE).await
        });
    }
    let mut admitted = 0;
    while let Some(done) = all.join_next().await {
        match done.unwrap() {
            Ok(held) => {
                assert_eq!(held, Reserved::OnDisk);
                admitted += 1;
            }
            Err(denied) => assert!(matches!(denied, Denied::Spent { .. }), "{denied:?}"),
        }
    }
    admitted
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_two_hundred_at_once_one_is_admitted_in_a_thousand_trials_and_nobody_after_a_kill() {
    let desk = Desk::new();
    let rules = || vec![per_user(NanoUsd(ONE_CALL.0 + ONE_CALL.0 / 2))];
    let budgets = desk.open_patient(rules());
    for trial in 0..1_000 {
        assert_eq!(crowd(&budgets, trial, 200).await, 1, "trial {trial}");
    }
    let after = Desk::over(killed(desk.dir.path()));
    let reopened = after.open_patient(rules());
    for trial in 0..1_000 {
        let late = call(1_000_000 + trial, &format!("user-{trial}"), T0);
        assert!(reopened.reserve(&late, SIZE).await.is_err(), "trial {trial}");
    }
    let someone_else = call(2_000_000, "nobody yet", T0);
    assert_eq!(reopened.reserve(&someone_else, SIZE).await, Ok(Reserved::OnDisk));
    let unsettled: i64 = reopened
        .shown()
        .iter()
        .filter_map(|s| s.account.as_ref())
        .map(|(_, a)| a.unsettled.0)
        .sum();
    assert_eq!(unsettled, 1_000 * ONE_CALL.0);
    assert_eq!(reopened.release("user", None), Some(NanoUsd(1_000 * ONE_CALL.0)));
    assert_eq!(reopened.reserve(&call(3_000_000, "user-1", T0), SIZE).await, Ok(Reserved::OnDisk));
}

#[tokio::test]
async fn a_call_whose_row_was_stored_is_settled_at_its_cost_after_a_kill() {
    let desk = Desk::new();
    let budgets = desk.open(vec![per_user(NanoUsd(1_000_000))]);
    let (mut ended, cut) = (call(1, "ada", T0), call(2, "ada", T0));
    budgets.reserve(&ended, SIZE).await.unwrap();
    budgets.reserve(&cut, SIZE).await.unwrap();
    ended.cost.nanos = Some(NanoUsd(7));
    desk.recorder.submit(vec![ended], Vec::new()).await.unwrap();

    let after = Desk::over(killed(desk.dir.path()));
    let reopened = after.open(vec![per_user(NanoUsd(1_000_000))]);
    let account = reopened.account("user", "ada", T0).unwrap();
    assert_eq!((account.spent, account.reserved), (NanoUsd(7), NanoUsd(0)));
    assert_eq!(account.unsettled, ONE_CALL);
}

#[tokio::test]
async fn a_clean_stop_keeps_every_amount() {
    let desk = Desk::new();
    let budgets = desk.open(vec![per_user(NanoUsd(1_000_000))]);
    for n in 0..20 {
        let mut ended = call(n, "ada", T0);
        budgets.reserve(&ended, SIZE).await.unwrap();
        ended.cost.nanos = Some(NanoUsd(3));
        budgets.settle(&ended);
        budgets.settle(&ended);
    }
    let before = budgets.account("user", "ada", T0).unwrap();
    assert_eq!((before.spent, before.reserved), (NanoUsd(60), NanoUsd(0)));
    budgets.shutdown().await;
    let reopened = desk.open(vec![per_user(NanoUsd(1_000_000))]);
    assert_eq!(reopened.account("user", "ada", T0), Some(before));
}

#[tokio::test]
async fn accounts_of_ended_periods_leave_the_memory_unless_a_call_is_still_on_its_way() {
    let desk = Desk::new();
    let budgets = desk.open(vec![per_user(NanoUsd(1_000_000))]);
    let count = || budgets.kept.lock().ledger.accounts().count();
    let mut slow = call(1, "slow", T0);
    budgets.reserve(&slow, SIZE).await.unwrap();
    let mut ended = call(2, "ada", T0);
    budgets.reserve(&ended, SIZE).await.unwrap();
    ended.cost.nanos = Some(NanoUsd(7));
    budgets.settle(&ended);
    assert_eq!(count(), 2);
    desk.hand.advance(crate::logic::unit::Micros(3 * UnixMicros::DAY.unsigned_abs()));
    budgets.reserve(&call(3, "bob", desk.clock.now()), SIZE).await.unwrap();
    assert_eq!(count(), 2, "ada's account is gone, the other waits for its call");
    slow.cost.nanos = Some(NanoUsd(9));
    budgets.settle(&slow);
    assert_eq!(budgets.account("user", "slow", T0).unwrap().spent, NanoUsd(9));
}

#[tokio::test]
async fn a_disk_that_refuses_holds_no_call_up_and_lifts_no_limit() {
    let desk = Desk::new();
    let budgets = desk.open(vec![per_user(ONE_CALL)]);
    // A writer that has ended stands for a disk that never answers.
    budgets.shutdown().await;
    assert_eq!(budgets.reserve(&call(1, "ada", T0), SIZE).await, Ok(Reserved::InMemory));
    assert!(budgets.reserve(&call(2, "ada", T0), SIZE).await.is_err());
}

/// A local moment; the later one where the clock shows it twice.
fn local(date: chrono::NaiveDate, hour: u32, minute: u32, zone: Tz) -> UnixMicros {
    use chrono::TimeZone;
    let wall = date.and_hms_opt(hour, minute, 0).unwrap();
    let at = zone.from_local_datetime(&wall).latest().unwrap();
    UnixMicros(at.timestamp_micros())
}

async fn nanos(desk: &Desk, window: Window) -> f64 {
    let reader = desk.recorder.reader().unwrap();
    let kpi = Kpi::find("total_cost").unwrap();
    let told = query::one(&reader, kpi, window, &Filter::default()).unwrap();
    (told.value.unwrap() * 1e9).round()
}

#[tokio::test]
async fn every_day_of_a_year_the_ledger_and_the_figures_say_the_same() {
    for zone in [Tz::Asia__Kolkata, Tz::America__Los_Angeles] {
        let desk = Desk::new();
        let rule = || vec![budget("day", Per::All, zone, NanoUsd(i64::MAX))];
        let budgets = desk.open(rule());
        let first = local_date(UnixMicros(T0.0 + UnixMicros::DAY), zone).unwrap();
        let days: Vec<_> = first.iter_days().take(365).collect();
        let (mut rows, mut total, mut ids) = (Vec::new(), 0, HashSet::new());
        for (n, date) in (0u64..).zip(&days) {
            for (k, (hour, minute)) in (0u64..).zip([(0, 0), (3, 15), (23, 30), (23, 59)]) {
                let mut ended = call(n * 10 + k, "ada", local(*date, hour, minute, zone));
                assert!(ids.insert(ended.id));
                ended.usage = Usage {
                    input: Some(InputTokens::default()),
                    output: Some(OutputTokens {
                        visible: 1 + n + 400 * k,
                        ..OutputTokens::default()
                    }),
                    source: UsageSource::Provider,
                    ..Usage::default()
                };
                desk.prices.load().price(&mut ended);
                total += ended.cost.nanos.unwrap().0;
                budgets.reserve(&ended, SIZE).await.unwrap();
                budgets.settle(&ended);
                rows.push(ended);
            }
        }
        desk.recorder.submit(rows, Vec::new()).await.unwrap();
        let mut sum = 0;
        for date in &days {
            let window = Window::day(*date, zone).unwrap();
            let spent = budgets.account("day", "all", local(*date, 12, 0, zone)).unwrap().spent;
            assert!((nanos(&desk, window).await - usd(spent)).abs() < 0.5, "{date} {zone}");
            sum += spent.0;
        }
        assert_eq!(sum, total);
        let from = Window::day(*days.first().unwrap(), zone).unwrap().from;
        let to = Window::day(*days.last().unwrap(), zone).unwrap().to;
        assert!((nanos(&desk, Window { from, to }).await - usd(NanoUsd(total))).abs() < 0.5);
    }
}

#[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
fn usd(nanos: NanoUsd) -> f64 {
    nanos.0 as f64
}
