//! The day all tests look at: the one of the specification, made up to the nano-dollar so that it adds up.

use flowgauge_logic::known::{Known, Reason};
use flowgauge_logic::kpi::{Kpi, Measured};
use flowgauge_logic::report::daily::{self, Facts};
use flowgauge_logic::report::facts::{
    Advice, Budget, Change, Effect, Episode, Forecast, Gap, Head, Mover, Reading, Regression,
    Regressions, Request, Stretch, Sureness, Switch, tested,
};
use flowgauge_logic::report::key::{Extra, Intent};
use flowgauge_logic::report::sections::Looks;
use flowgauge_logic::report::{Action, Document, How, Meaning, Period, Quantity, Shift};
use flowgauge_logic::unit::{Micros, NanoUsd, UnixMicros};

/// 2026-11-23 in Berlin begins here.
pub(crate) const FROM: i64 = 1_795_388_400_000_000;
pub(crate) const ZONE: chrono_tz::Tz = chrono_tz::Tz::Europe__Berlin;

pub(crate) fn at(hour: i64, minute: i64) -> UnixMicros {
    UnixMicros(FROM + hour * UnixMicros::HOUR + minute * UnixMicros::MINUTE)
}

pub(crate) fn head() -> Head {
    Head {
        id: "rep-2026-11-23-daily-1".to_owned(),
        generated_at: at(30, 5),
        version: "0.1.0".to_owned(),
        period: Period {
            name: "2026-11-23".to_owned(),
            from: at(0, 0),
            to: at(24, 0),
            zone: ZONE,
            partial: false,
        },
    }
}

fn put(facts: &mut Facts, name: &str, value: f64, n: u64, baseline: f64, before: f64) {
    let kpi = Kpi::find(name).unwrap();
    let of = |v| Measured::of(Some(v), n, 1);
    let reading = Reading::new(kpi, of(value))
        .against_baseline(kpi, of(baseline))
        .against_before(kpi, of(before));
    facts.readings.put(kpi, reading);
}

pub(crate) fn percent(by: f64, low: f64, high: f64, meaning: Meaning) -> Shift {
    let share = |p: f64| Quantity::Share(p / 100.0);
    tested(share(by), share(low), share(high), 0.95, meaning)
}

fn points(by: f64, low: f64, high: f64, meaning: Meaning) -> Shift {
    let pt = Quantity::Points;
    tested(pt(by), pt(low), pt(high), 0.95, meaning)
}

pub(crate) fn facts() -> Facts {
    let mut facts = Facts::new(head());
    readings(&mut facts);
    facts.extra = extra();
    facts.stretches = hours();
    facts.changes = changes();
    facts.regressions = regressions();
    facts.episodes = episodes();
    facts.switches = switches();
    facts.movers = movers();
    facts.budgets = vec![Budget {
        name: "all".to_owned(),
        spent: Known::Value(NanoUsd(1_204_000_000_000)),
        limit: NanoUsd(2_000_000_000_000),
        burn: Known::Value(0.79),
    }];
    facts.looks = looks();
    facts.actions = actions();
    facts.sureness = sureness();
    facts
}

pub(crate) fn document() -> Document {
    daily::document(&facts())
}

fn readings(facts: &mut Facts) {
    let n = 48_120;
    put(facts, "p95_latency", 1_742.0, n, 1_405.0, 1_428.0);
    put(facts, "p50_latency", 640.0, n, 610.0, 622.0);
    put(facts, "mean_latency", 811.0, n, 770.0, 781.0);
    put(facts, "p99_latency", 3_905.0, n, 2_900.0, 2_911.0);
    put(facts, "ttft_p95", 690.0, 40_008, 655.0, 660.0);
    put(facts, "token_reduction", 23.4, n, 22.0, 23.1);
    put(facts, "estimated_usage", 3.0, n, 3.0, 3.0);
    put(facts, "quality_score", 86.1, 2_406, 86.5, 86.0);
    put(facts, "cache_hit_rate", 31.0, 45_000, 30.2, 30.5);
    put(facts, "cache_memory_usage", 62.0, 1_440, 60.0, 61.0);
    put(facts, "ttl_effectiveness", 74.0, 5_120, 73.0, 75.0);
    put(facts, "total_cost", 61.2, n, 60.0, 59.4);
    put(facts, "cost_per_request", 61.2 / 48_120.0, n, 0.00125, 0.00124);
    put(facts, "monthly_cost", 1_204.0, 946_000, 1_180.0, 1_190.0);
    put(facts, "total_tokens", 63_012_000.0, n, 61_000_000.0, 61_500_000.0);
    put(facts, "tokens_per_request", 63_012_000.0 / 48_120.0, n, 1_290.0, 1_300.0);
    put(facts, "user_satisfaction", 4.3, 212, 4.2, 4.3);
    put(facts, "error_rate", 0.3, 48_265, 0.3, 0.4);
    put(facts, "availability", 99.97, 2_880, 99.98, 99.99);
    put(facts, "request_count", 48_480.0, 48_480, 47_000.0, 47_500.0);
    let p95 = facts.readings.0.get_mut("p95_latency").unwrap();
    p95.baseline = Some(percent(24.0, 17.0, 31.0, Meaning::Worse));
    let quality = facts.readings.0.get_mut("quality_score").unwrap();
    quality.baseline = Some(points(-0.4, -1.1, 0.3, Meaning::NotSignificant));
}

fn extra() -> Extra {
    Extra {
        worst_intent: Some(Intent { name: "summarise".to_owned(), quality: 79.2, n: 310 }),
        intents_below: Known::Value(1),
        token_growth: Known::Value(0.04),
        budget: Some(NanoUsd(2_000_000_000_000)),
        forecast: Some(Forecast {
            of: "2026-11".to_owned(),
            cost: Known::Value(NanoUsd(1_690_000_000_000)),
            interval: Some((NanoUsd(1_590_000_000_000), NanoUsd(1_800_000_000_000))),
            level: 0.8,
            method: "To date + remaining days × weekday means".to_owned(),
            days: 56,
        }),
        peak_per_minute: Known::Value(212.0),
        ..Extra::default()
    }
}

/// Twenty-four hours that sum up to the day; between four and five nothing was recorded.
fn hours() -> Vec<Stretch> {
    (0..24_u32)
        .map(|h| {
            let slow = f64::from(u8::from(h == 14)) * 2_400.0;
            let p95 = 1_300.0 + 10.0 * f64::from(h) + slow;
            let unknown = Known::Unknown(Reason::NoData);
            Stretch {
                name: format!("{h:02}:00"),
                requests: Known::Value(2_020),
                p95: if h == 4 { unknown } else { Known::Value(p95) },
                p50: if h == 4 { unknown } else { Known::Value(600.0 + f64::from(h)) },
                tokens: Known::Value(2_625_500),
                cost: Known::Value(NanoUsd(2_550_000_000)),
                quality: unknown,
            }
        })
        .collect()
}

fn changes() -> Vec<Change> {
    vec![
        Change {
            at: at(9, 30),
            what: "price of gpt-4o-mini".to_owned(),
            id: None,
            by: Some("price table 2026-11-23".to_owned()),
            effect: Effect::NotMeasured,
        },
        Change {
            at: at(14, 0),
            what: "prompt optimisation from 10 % to 50 %".to_owned(),
            id: Some("#41".to_owned()),
            by: Some("ana".to_owned()),
            effect: Effect::Measured(vec![
                ("P95 latency".to_owned(), percent(24.0, 17.0, 31.0, Meaning::Worse)),
                ("tokens per request".to_owned(), percent(-6.0, -8.0, -4.0, Meaning::Better)),
            ]),
        },
        Change {
            at: at(23, 40),
            what: "deployment web 4.2.1".to_owned(),
            id: None,
            by: Some("ci".to_owned()),
            effect: Effect::TooEarly,
        },
    ]
}

fn regressions() -> Regressions {
    Regressions {
        tested: Known::Value(36),
        method: "block bootstrap, Holm".to_owned(),
        found: vec![Regression {
            metric: "P95 latency".to_owned(),
            slice: "all".to_owned(),
            effect: percent(24.0, 17.0, 31.0, Meaning::Worse),
            n: 48_120,
            first_seen: Known::Value(at(14, 2)),
            cause: Some(
                "prompt optimisation went from 10 % to 50 % (change #41, by ana)".to_owned(),
            ),
            ended: Some("it was rolled back at 14:40 and recovered by 14:47".to_owned()),
        }],
        detectable: Known::Value(Quantity::Share(0.04)),
    }
}

fn episodes() -> Vec<Episode> {
    vec![Episode {
        rule: "p95_latency_critical".to_owned(),
        severity: "critical".to_owned(),
        fired_at: at(14, 9),
        lasted: Some(Micros(38 * 60_000_000)),
        acted: Some("ana".to_owned()),
        action: Some("rolled back change #41".to_owned()),
        link: Some("/alerts/ep-7".to_owned()),
    }]
}

fn switches() -> Vec<Switch> {
    vec![
        Switch {
            name: "caching".to_owned(),
            state: "on, 100 %".to_owned(),
            tokens_saved: Known::Value(9_400_000),
            money_saved: Known::Value(NanoUsd(8_120_000_000)),
            ms_saved: Known::Value(214.0),
            quality: points(0.1, -0.5, 0.7, Meaning::NotSignificant),
            advice: Advice::Keep,
            reason: "saves without harm".to_owned(),
        },
        Switch {
            name: "prompt optimisation".to_owned(),
            state: "off since 14:40".to_owned(),
            tokens_saved: Known::Value(510_000),
            money_saved: Known::Unknown(Reason::NotPriced),
            ms_saved: Known::Unknown(Reason::TooFew),
            quality: Shift::unknown(Reason::TooFew),
            advice: Advice::Pause,
            reason: "P95 latency rose with it".to_owned(),
        },
    ]
}

fn movers() -> Vec<Mover> {
    let mover = |by: &str, name: &str, cost, before, n| Mover {
        by: by.to_owned(),
        name: name.to_owned(),
        cost: Known::Value(NanoUsd(cost)),
        before: Known::Value(NanoUsd(before)),
        n,
    };
    vec![
        mover("model", "gpt-4o-mini", 22_400_000_000, 20_100_000_000, 30_100),
        mover("route", "/v1/chat/completions", 58_000_000_000, 55_100_000_000, 45_000),
        mover("app", "reader", 41_000_000_000, 41_300_000_000, 31_000),
    ]
}

fn looks() -> Looks {
    let request = |id: &str, hour, figure| Request {
        id: id.to_owned(),
        link: Some(format!("/requests/{id}")),
        at: at(hour, 20),
        model: "gpt-4o".to_owned(),
        route: "/v1/chat/completions".to_owned(),
        figure: Known::Value(figure),
    };
    Looks {
        slowest: vec![
            request("019aaf10c0de7000", 14, Quantity::Ms(11_204.0)),
            request("019aaf10c0de7001", 14, Quantity::Ms(9_871.4)),
        ],
        dearest: vec![request("019aaf10c0de7002", 10, Quantity::Usd(NanoUsd(412_300_000)))],
        lowest_rated: Vec::new(),
    }
}

fn actions() -> Vec<Action> {
    vec![
        Action {
            what: "Test the prompt change on 10 % again before widening it".to_owned(),
            why: Some("P95 +24 % at 50 %".to_owned()),
            how: How::Command("flowgauge opt canary prompt --share 10%".to_owned()),
        },
        Action {
            what: "Look at the answers of intent summarise".to_owned(),
            why: None,
            how: How::Link("/quality?intent=summarise".to_owned()),
        },
    ]
}

fn sureness() -> Sureness {
    Sureness {
        seen: 48_480,
        expected: Known::Value(48_492),
        estimated: Known::Value(0.03),
        gaps: vec![Gap { from: at(4, 0), to: at(4, 58), why: "flowgauge was stopped".to_owned() }],
        clock: Known::Value("in step with the system's, within 2 ms".to_owned()),
        config: Some("7c1f0a2b".to_owned()),
        notes: Vec::new(),
    }
}
