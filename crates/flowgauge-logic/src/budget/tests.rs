//! What must hold of a ledger whatever happens, and what calls are set aside and counted at.

use super::*;
use crate::call::{CostUnknown, Door, InputTokens, OutputTokens, Protocol, Status, Usage};
use crate::id::CallId;
use crate::price::PriceBook;
use crate::unit::UnixMicros;
use proptest::prelude::*;

fn budget(unpriced: Unpriced) -> Budget {
    Budget {
        name: "team".into(),
        per: Per::Each(Trait::User),
        matches: Vec::new(),
        period: Period::Day,
        limit: NanoUsd(1_000_000_000),
        zone: Tz::UTC,
        unpriced,
        default_max_tokens: 100,
    }
}

fn call(model: &str) -> Call {
    let at = UnixMicros(1_777_982_400_000_000);
    let mut call = Call::begun(CallId::new(at, [1; 10]), at, at, Door::Gateway);
    call.what.leaf = true;
    call.what.protocol = Protocol::Chat;
    call.what.model_requested = Some(model.into());
    call.outcome.attempts = 1;
    call
}

const CEILING: Unpriced = Unpriced::Ceiling(Ceiling {
    input: 10_000_000_000_000_000_000,
    output: 30_000_000_000_000_000_000,
});

fn prices() -> PriceBook {
    let table = r#"{"m": {"input_cost_per_token": 1e-6, "output_cost_per_token": 1e-5, "max_output_tokens": 50},
        "open": {"input_cost_per_token": 1e-6, "output_cost_per_token": 1e-5}}"#;
    PriceBook::embedded().with_override(table).unwrap()
}

#[test]
fn the_request_limits_output_else_the_table_else_the_budget() {
    let (deny, book) = (budget(Unpriced::Deny), prices());
    let size = Size { body_bytes: 299, max_tokens: Some(20), answers: None };
    // 100 tokens in at 1000 nano-dollars, 20 out at 10000.
    assert_eq!(deny.reservation(&book, &call("m"), size), Ok(NanoUsd(100_000 + 200_000)));
    let free = Size { max_tokens: None, ..size };
    assert_eq!(deny.reservation(&book, &call("m"), free), Ok(NanoUsd(100_000 + 500_000)));
    assert_eq!(deny.reservation(&book, &call("open"), free), Ok(NanoUsd(100_000 + 1_000_000)));
    let twice = Size { answers: Some(2), ..size };
    assert_eq!(deny.reservation(&book, &call("m"), twice), Ok(NanoUsd(100_000 + 400_000)));
    let mut embedding = call("m");
    embedding.what.protocol = Protocol::Embeddings;
    assert_eq!(deny.reservation(&book, &embedding, size), Ok(NanoUsd(100_000)));
}

#[test]
fn a_model_without_a_price_is_refused_or_counts_at_the_ceiling() {
    let size = Size { body_bytes: 300, max_tokens: Some(10), answers: None };
    let book = prices();
    let unheard = call("unheard-of");
    assert_eq!(
        budget(Unpriced::Deny).reservation(&book, &unheard, size),
        Err(CostUnknown::NoPrice)
    );
    let at_ceiling = budget(CEILING).reservation(&book, &unheard, size);
    assert_eq!(at_ceiling, Ok(NanoUsd(100 * 10_000 + 10 * 30_000)));
    let mut nameless = call("");
    nameless.what.model_requested = None;
    assert_eq!(
        budget(Unpriced::Deny).reservation(&book, &nameless, size),
        Err(CostUnknown::NoModel)
    );
}

#[test]
fn an_ended_call_counts_its_cost_and_never_nothing_for_an_unknown_one() {
    let held = NanoUsd(900);
    let counted = |call: &Call, rule: Unpriced| {
        let Charge { amount, assumed } = budget(rule).charge(Spent::of(call), held);
        (amount.0, assumed)
    };
    let mut ended = call("m");
    ended.cost.nanos = Some(NanoUsd(7));
    assert_eq!(counted(&ended, Unpriced::Deny), (7, false));
    ended.outcome.status = Status::Cancelled;
    assert_eq!(
        counted(&ended, Unpriced::Deny),
        (7, false),
        "an abandoned call counts its estimate"
    );
    ended.cost.nanos = None;
    assert_eq!(counted(&ended, Unpriced::Deny), (900, true), "nobody knows what it cost");
    ended.usage = Usage {
        input: Some(InputTokens { text: 3, ..InputTokens::default() }),
        output: Some(OutputTokens { visible: 1, ..OutputTokens::default() }),
        ..Usage::default()
    };
    assert_eq!(counted(&ended, Unpriced::Deny), (900, true));
    assert_eq!(counted(&ended, CEILING), (60_000, true));
    ended.usage = Usage::default();
    ended.outcome.status = Status::Error;
    assert_eq!(counted(&ended, Unpriced::Deny), (0, false), "a failed call gives all back");
    ended.outcome.attempts = 0;
    ended.outcome.status = Status::Ok;
    assert_eq!(counted(&ended, Unpriced::Deny), (0, false), "it was never sent");
}

#[test]
fn calls_without_the_dimension_share_one_account() {
    let rule = budget(Unpriced::Deny);
    assert_eq!(rule.account(&call("m")).unwrap().subject, NOBODY);
    let mut of_ada = call("m");
    of_ada.who.user_key = Some("ada".into());
    assert_eq!(rule.account(&of_ada).unwrap().subject, "ada");
    let only = Budget { matches: vec![(Trait::App, "reader".into())], ..rule };
    assert_eq!(only.account(&of_ada), None);
    of_ada.origin.service = Some("reader".into());
    assert!(only.account(&of_ada).is_some());
}

#[test]
fn what_may_be_named_is_read_and_the_rest_refused() {
    for text in ["all", "key", "user", "session", "tenant", "app", "tag:team"] {
        assert_eq!(Per::parse(text).unwrap().word(), text);
    }
    for wrong in ["", "model", "tag:", "users"] {
        assert!(Per::parse(wrong).is_err(), "{wrong}");
    }
    assert_eq!(Trait::parse_match("intent"), Ok(Trait::Intent));
    assert!(Trait::parse_match("user").is_err(), "users are kept as hashes");
}

fn account_key(n: u8) -> AccountKey {
    let budget = Text::from(format!("b{n}"));
    AccountKey { budget, subject: "s".into(), from: UnixMicros(0), to: UnixMicros(1) }
}

fn id(n: u32) -> CallId {
    let mut bytes = [0; 16];
    bytes[..4].copy_from_slice(&n.to_be_bytes());
    CallId(bytes)
}

const LIMIT: i64 = 1_000;

#[derive(Debug, Clone)]
enum Step {
    Reserve { on: Vec<u8>, amount: i64 },
    Settle { nth: usize, amount: i64 },
    Abandon { nth: usize },
    Release { on: u8 },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => (prop::sample::subsequence(vec![0u8, 1, 2], 1..=3), 0i64..600)
            .prop_map(|(on, amount)| Step::Reserve { on, amount }),
        2 => (any::<usize>(), 0i64..900).prop_map(|(nth, amount)| Step::Settle { nth, amount }),
        1 => any::<usize>().prop_map(|nth| Step::Abandon { nth }),
        1 => (0u8..3).prop_map(|on| Step::Release { on }),
    ]
}

fn cost(amount: i64) -> Charge {
    Charge { amount: NanoUsd(amount), assumed: false }
}

#[test]
fn a_call_that_goes_on_to_a_dearer_model_holds_the_larger_amount_once() {
    let mut ledger = Ledger::default();
    let claim =
        |amount| Claim { key: account_key(0), limit: NanoUsd(100), amount: NanoUsd(amount) };
    let reserved = |ledger: &Ledger| ledger.account(&account_key(0)).reserved.0;
    ledger.reserve(id(1), vec![claim(30)]).unwrap();
    ledger.reserve(id(1), vec![claim(80)]).unwrap();
    assert_eq!(reserved(&ledger), 80);
    ledger.reserve(id(1), vec![claim(50)]).unwrap();
    assert!(ledger.reserve(id(1), vec![claim(101)]).is_err());
    assert!(ledger.reserve(id(2), vec![claim(21)]).is_err());
    assert_eq!(reserved(&ledger), 80);
    ledger.settle(id(1), |held| Charge { amount: held.amount, assumed: false });
    assert_eq!((reserved(&ledger), ledger.account(&account_key(0)).spent.0), (0, 80));
}

proptest! {
    /// Nothing appears or vanishes, and an admitted call leaves every account within its limit.
    #[test]
    fn money_is_conserved_and_no_admission_passes_a_limit(steps in prop::collection::vec(step(), 1..80)) {
        let mut ledger = Ledger::default();
        let mut open: Vec<(CallId, Vec<u8>, i64)> = Vec::new();
        let (mut spent, mut unsettled) = ([0i64; 3], [0i64; 3]);
        for (n, step) in steps.into_iter().enumerate() {
            match step {
                Step::Reserve { on, amount } => {
                    let call = id(u32::try_from(n).unwrap());
                    let before = ledger.clone();
                    let claims = on.iter().map(|n| Claim {
                        key: account_key(*n), limit: NanoUsd(LIMIT), amount: NanoUsd(amount),
                    });
                    let fits = on.iter().all(|n| {
                        before.account(&account_key(*n)).committed().0 + amount <= LIMIT
                    });
                    prop_assert_eq!(ledger.reserve(call, claims.collect()).is_ok(), fits);
                    if fits {
                        for n in &on {
                            prop_assert!(ledger.account(&account_key(*n)).committed().0 <= LIMIT);
                        }
                        open.push((call, on, amount));
                    } else {
                        for n in 0..3 {
                            let key = account_key(n);
                            prop_assert_eq!(ledger.account(&key), before.account(&key));
                        }
                    }
                }
                Step::Settle { nth, amount } if !open.is_empty() => {
                    let (call, on, _) = open.remove(nth % open.len());
                    prop_assert_eq!(ledger.settle(call, |_| cost(amount)).len(), on.len());
                    prop_assert!(ledger.settle(call, |_| cost(amount)).is_empty(), "closed once");
                    on.iter().for_each(|n| spent[usize::from(*n)] += amount);
                }
                Step::Abandon { nth } if !open.is_empty() => {
                    let (call, on, held) = open.remove(nth % open.len());
                    ledger.abandon(call);
                    on.iter().for_each(|n| unsettled[usize::from(*n)] += held);
                }
                Step::Release { on } => {
                    let (_, given) = ledger.release(&account_key(on).budget, None);
                    prop_assert_eq!(given.0, std::mem::take(&mut unsettled[usize::from(on)]));
                }
                Step::Settle { .. } | Step::Abandon { .. } => {}
            }
            for n in 0..3u8 {
                let reserved: i64 = open.iter().filter(|o| o.1.contains(&n)).map(|o| o.2).sum();
                let account = ledger.account(&account_key(n));
                let want = (spent[usize::from(n)], reserved, unsettled[usize::from(n)]);
                prop_assert_eq!((account.spent.0, account.reserved.0, account.unsettled.0), want);
            }
        }
        let kept = ledger.accounts().map(|(k, a)| (k.clone(), *a)).collect();
        let on_their_way = ledger.open().map(|(c, h)| (c, h.to_vec())).collect();
        let again = Ledger::restore(kept, on_their_way);
        for n in 0..3 {
            prop_assert_eq!(again.account(&account_key(n)), ledger.account(&account_key(n)));
        }
    }

    #[test]
    fn the_order_in_which_calls_end_changes_nothing(
        costs in prop::collection::vec(0i64..50, 1..12), order in any::<u64>(),
    ) {
        let ended = |backwards: bool| {
            let mut ledger = Ledger::default();
            for n in 0..costs.len() {
                let key = account_key(0);
                let claim = Claim { key, limit: NanoUsd(LIMIT), amount: NanoUsd(10) };
                ledger.reserve(id(u32::try_from(n).unwrap()), vec![claim]).unwrap();
            }
            let mut turn: Vec<usize> = (0..costs.len()).collect();
            if backwards {
                turn.sort_by_key(|n| (*n as u64).wrapping_mul(order | 1));
            }
            for n in turn {
                ledger.settle(id(u32::try_from(n).unwrap()), |_| cost(costs[n]));
            }
            ledger.account(&account_key(0))
        };
        prop_assert_eq!(ended(false), ended(true));
        prop_assert_eq!(ended(false).spent.0, costs.iter().sum::<i64>());
    }
}
