//! The other reports, from the same day's facts stretched over longer periods.

use crate::golden::golden;
use crate::{day, markup, schema};
use flowgauge_logic::known::{Known, Reason};
use flowgauge_logic::report::facts::{Advice, Head, Stretch};
use flowgauge_logic::report::monthly::Objective;
use flowgauge_logic::report::recommendations::Recommendation;
use flowgauge_logic::report::{
    Action, Document, How, Meaning, Quantity, Shift, book, comprehensive, cost, csv, daily,
    executive, from_json, json, markdown, monthly, next, recommendations, weekly,
};
use flowgauge_logic::unit::{NanoUsd, UnixMicros};
use serde_json::Value;
use std::collections::BTreeSet;

fn head(name: &str, days: i64) -> Head {
    let mut head = day::head();
    head.id = format!("rep-{name}");
    head.period.name = name.to_owned();
    head.period.from = UnixMicros(head.period.to.0 - days * UnixMicros::DAY);
    head
}

fn days(n: u32) -> Vec<Stretch> {
    let day = |i: u32| Stretch {
        name: format!("2026-11-{:02}", 24 - n + i),
        requests: Known::Unknown(Reason::NotReported),
        p95: Known::Value(1_400.0 + 10.0 * f64::from(i)),
        p50: Known::Value(620.0),
        tokens: Known::Unknown(Reason::NotReported),
        cost: Known::Unknown(Reason::NotPriced),
        quality: if i == 2 { Known::Unknown(Reason::TooFew) } else { Known::Value(85.0) },
    };
    (0..n).map(day).collect()
}

fn action(what: &str, command: &str) -> Action {
    Action { what: what.to_owned(), why: None, how: How::Command(command.to_owned()) }
}

fn weekly_facts() -> weekly::Facts {
    let mut week = day::facts();
    week.head = head("2026-11-17 to 2026-11-23", 7);
    week.stretches = days(7);
    weekly::Facts {
        week_on_week: vec![weekly::Compared {
            metric: "P95 latency".to_owned(),
            now: Known::Value(Quantity::Ms(1_742.0)),
            n: 336_840,
            before: Known::Value(Quantity::Ms(1_405.0)),
            shift: day::percent(24.0, 17.0, 31.0, Meaning::Worse),
        }],
        proposal: Some(weekly::Proposal {
            id: "bl-8".to_owned(),
            from: "26 of 28 days; 2 left out for incidents".to_owned(),
            reason: "Not to be promoted while a regression is open.".to_owned(),
            action: action("Look at it", "flowgauge regression baseline show bl-8"),
        }),
        thresholds: vec![weekly::Threshold {
            rule: "cache_hit_rate_low".to_owned(),
            limit: Quantity::Share(0.2),
            proposed: None,
            reason: "never reached in 28 days".to_owned(),
        }],
        noise: vec![weekly::Noise { rule: "p95_latency_critical".to_owned(), fired: 4, acted: 1 }],
        tested: week.regressions.found.clone(),
        week,
    }
}

fn weekly_document() -> Document {
    weekly::document(&weekly_facts())
}

fn monthly_facts(include: monthly::Include) -> monthly::Facts {
    let mut month = day::facts();
    month.head = head("2026-11", 23);
    month.stretches = days(23);
    monthly::Facts {
        month,
        months: days(3),
        objectives: vec![Objective {
            name: "requests answered".to_owned(),
            promised: 0.999,
            kept: Known::Value(0.999_4),
            n: 946_000,
        }],
        teams: vec![monthly::Team {
            name: "search".to_owned(),
            requests: 210_000,
            tokens: Known::Value(301_000_000),
            cost: Known::Value(NanoUsd(311_000_000_000)),
            quality: Known::Unknown(Reason::TooFew),
        }],
        include,
    }
}

fn monthly_document(include: monthly::Include) -> Document {
    monthly::document(&monthly_facts(include))
}

fn cost_facts() -> cost::Facts {
    cost::Facts {
        head: head("2026-11", 23),
        all: cost::Line {
            name: "all".to_owned(),
            requests: 946_000,
            cost: Known::Value(NanoUsd(1_204_000_000_000)),
            baseline_each: Known::Value(NanoUsd(1_540_000)),
        },
        lines: vec![cost::Line {
            name: "=model \"gpt-4o\"".to_owned(),
            requests: 20_000,
            cost: Known::Unknown(Reason::NotPriced),
            baseline_each: Known::Value(NanoUsd(9_000_000)),
        }],
        method: "c: stored baseline bl-7, mix-adjusted".to_owned(),
        one_off: Known::Value(NanoUsd(500_000_000_000)),
        yearly_rate: cost::YEARLY_RATE,
        include: cost::Include::default(),
    }
}

fn cost_document() -> Document {
    cost::document(&cost_facts())
}

fn recommendations_facts() -> recommendations::Facts {
    let of = |what: &str, saves| Recommendation {
        what: what.to_owned(),
        evidence: "31 % of its lookups hit in shadow.".to_owned(),
        n: 45_000,
        method: "shadow traffic".to_owned(),
        effect: day::percent(-12.0, -15.0, -9.0, Meaning::Better),
        metric: "tokens per request".to_owned(),
        saves,
        risk: "Answers may be up to an hour old.".to_owned(),
        action: action(
            "Widen it; `flowgauge opt restore` undoes it",
            "flowgauge opt canary caching --share 100%",
        ),
    };
    recommendations::Facts {
        head: head("2026-11", 23),
        recommendations: vec![
            of("Shorten the prompt of intent chat", Known::Unknown(Reason::TooFew)),
            of("Widen caching", Known::Value(NanoUsd(121_000_000_000))),
        ],
        left_out: vec!["A smaller model: quality fell by 3 points.".to_owned()],
    }
}

fn recommendations_document() -> Document {
    recommendations::document(&recommendations_facts())
}

fn executive_document() -> Document {
    let facts = day::facts();
    executive::document(&executive::Facts {
        head: head("2026-11", 23),
        readings: facts.readings,
        extra: facts.extra,
        regressions: facts.regressions,
        saved: Known::Value(NanoUsd(252_840_000_000)),
        saved_by: "c".to_owned(),
        next: Some(action("Widen caching", "flowgauge opt canary caching --share 100%")),
    })
}

fn comprehensive_document() -> Document {
    let week = weekly_facts();
    comprehensive::document(&comprehensive::Facts {
        month: monthly_facts(monthly::Include::default()),
        compared: week.week_on_week,
        proposal: week.proposal,
        thresholds: week.thresholds,
        noise: week.noise,
        tested: week.tested,
        cost: cost_facts(),
        recommendations: recommendations_facts(),
    })
}

fn book_document() -> Document {
    book::document(&book::Facts {
        head: head("2026-11", 23),
        rules: vec![book::Rule {
            name: "p95_latency_critical".to_owned(),
            condition: "p95_latency > 2500ms for 2 minutes".to_owned(),
            severity: "critical".to_owned(),
            channels: "slack, pagerduty".to_owned(),
            owner: Some("ana".to_owned()),
            runbook: Some("https://example.org/slow".to_owned()),
        }],
        objectives: vec![("availability".to_owned(), 0.999)],
        baselines: vec![book::Baseline {
            name: "bl-7".to_owned(),
            standing: "promoted".to_owned(),
            from: head("2026-11", 23).period.from,
            to: head("2026-11", 23).period.to,
            n: 946_000,
        }],
        switches: vec![("response caching".to_owned(), "on, 2 % held out".to_owned())],
        budgets: vec![("team".to_owned(), "$2,000 a month".to_owned())],
        schedules: vec![["chores", "weekly", "maintain-weekly", "slack"].map(str::to_owned)],
        settings: vec![["time_zone", "Europe/Berlin", "flowgauge.yaml:3:1"].map(str::to_owned)],
    })
}

#[test]
fn the_comprehensive_analysis_has_every_section_once_and_the_book_every_chapter() {
    let whole = comprehensive_document();
    let book = book_document();
    assert_eq!(whole.kind.name(), "comprehensive");
    assert_eq!(book.kind.name(), "documentation");
    for document in [&whole, &book] {
        let sections: BTreeSet<&str> = document.sections.iter().map(|s| s.name.as_str()).collect();
        assert_eq!(sections.len(), document.sections.len());
        let tables: Vec<&str> = document.tables().map(|t| t.name.as_str()).collect();
        assert_eq!(tables.iter().collect::<BTreeSet<_>>().len(), tables.len(), "{tables:?}");
        let root = serde_json::from_str(&json::render(document).unwrap()).unwrap();
        assert_eq!(schema::faults(&root), Vec::<String>::new());
        markup::both(document);
    }
    let names: Vec<&str> = whole.sections.iter().map(|s| s.name.as_str()).collect();
    for section in ["key_metrics", "month_on_month", "cost_cost", "advice_overview", "baseline"] {
        assert!(names.contains(&section), "{section} of {names:?}");
    }
    let text = markdown::render(&book);
    for words in ["p95_latency_critical", "2500ms", "bl-7", "Europe/Berlin", "on, 2 % held out"] {
        assert!(text.contains(words), "{words}");
    }
    assert!(book.verdict.contains("baseline bl-7 is in force"), "{}", book.verdict);
}

#[test]
fn what_burns_comes_before_what_could_save() {
    let mut facts = day::facts();
    facts.switches.iter_mut().for_each(|s| s.advice = Advice::Widen);
    for episode in &mut facts.episodes {
        episode.lasted = None;
    }
    let actions = next::actions(&facts);
    let what: Vec<&str> = actions.iter().map(|a| a.what.as_str()).collect();
    assert!(what.first().is_some_and(|w| w.ends_with("which still fires")), "{what:?}");
    assert!(what.last().is_some_and(|w| w.starts_with("Widen ")), "{what:?}");
    assert!(what.iter().any(|w| w.starts_with("Find out why P95 latency")), "{what:?}");
}

#[test]
fn every_kind_of_report_is_the_same_every_time_and_has_the_shape_of_the_schema() {
    for (name, document) in [
        ("weekly", weekly_document()),
        ("monthly", monthly_document(monthly::Include::default())),
        ("cost", cost_document()),
        ("recommendations", recommendations_document()),
        ("executive", executive_document()),
    ] {
        assert_eq!(document.kind.name(), name);
        golden(&format!("{name}.md"), &markdown::render(&document));
        golden(&format!("{name}.csv"), &csv::render(&document));
        let text = json::render(&document).unwrap();
        let root = serde_json::from_str(&text).unwrap();
        assert_eq!(schema::faults(&root), Vec::<String>::new(), "{name}");
        markup::both(&document);
    }
}

#[test]
fn the_switches_of_the_guide_leave_sections_and_columns_out() {
    let names = |include| -> Vec<String> {
        monthly_document(include).sections.into_iter().map(|s| s.name).collect()
    };
    let all = names(monthly::Include::default());
    let none = names(monthly::Include { trends: false, costs: false, forecasts: false });
    for section in ["trends", "money", "teams", "forecast"] {
        assert!(all.iter().any(|s| s == section), "{section}");
        assert!(!none.iter().any(|s| s == section), "{section}");
    }
    let head = |savings, roi| {
        let line = cost::Line {
            name: "all".to_owned(),
            requests: 1,
            cost: Known::Value(NanoUsd(1)),
            baseline_each: Known::Value(NanoUsd(2)),
        };
        let facts = cost::Facts {
            head: head("2026-11", 23),
            all: line,
            lines: Vec::new(),
            method: "c".to_owned(),
            one_off: Known::Unknown(Reason::NotConfigured),
            yearly_rate: cost::YEARLY_RATE,
            include: cost::Include { savings, roi },
        };
        csv::render(&cost::document(&facts)).lines().next().unwrap().to_owned()
    };
    assert_eq!(head(false, false), "name,requests,cost_usd,actual_usd_per_request");
    assert!(head(true, false).ends_with("saving_usd_per_month,saving_usd_per_year,saving_share"));
    assert!(head(false, true).ends_with("roi_12_months,roi_24_months,npv_24_months_usd"));
}

#[test]
fn an_error_budget_is_what_was_not_promised() {
    let of = |promised, kept| {
        Objective { name: String::new(), promised, kept: Known::Value(kept), n: 1 }.left()
    };
    let near = |left: Known<f64>, expected: f64| (left.value().unwrap() - expected).abs() < 1e-9;
    assert!(near(of(0.99, 0.995), 0.5));
    assert!(near(of(0.99, 0.98), -1.0));
    assert_eq!(of(1.0, 0.5), Known::Unknown(Reason::NotConfigured));
}

#[test]
fn a_period_of_which_nothing_is_known_says_so_and_shows_no_zero() {
    let document = daily::document(&daily::Facts::new(day::head()));
    let text = markdown::render(&document);
    assert!(document.verdict.starts_with("Nothing could be judged"), "{}", document.verdict);
    assert!(text.contains("| P95 Latency | not measured |"), "{text}");
    assert!(text.contains("Nothing was tested: there is no baseline from before this period."));
    for figure in document.key_figures() {
        assert!(figure.value().value().is_none(), "{}", figure.name());
    }
    let json = json::render(&document).unwrap();
    assert_eq!(schema::faults(&serde_json::from_str(&json).unwrap()), Vec::<String>::new());
}

#[test]
fn facts_survive_being_written_down() {
    let facts = day::facts();
    let text = serde_json::to_string(&facts).unwrap();
    let back: daily::Facts = serde_json::from_str(&text).unwrap();
    let said = |facts| markdown::render(&daily::document(facts));
    assert_eq!(said(&back), said(&facts));
    let shift = Shift::unknown(Reason::NoData);
    assert_eq!(serde_json::to_string(&shift).unwrap().matches("no_data").count(), 1);
}

#[test]
fn a_report_read_back_from_json_is_the_same_in_every_format() {
    let documents = [
        day::document(),
        weekly_document(),
        monthly_document(monthly::Include::default()),
        cost::document(&cost_facts()),
    ];
    for document in documents {
        let text = json::render(&document).unwrap();
        let back = from_json::read(&text).unwrap();
        same(&json::render(&back).unwrap().parse().unwrap(), &text.parse().unwrap());
        assert_eq!(csv::render(&back).lines().count(), csv::render(&document).lines().count());
        assert_eq!(markdown::render(&back), markdown::render(&document));
        assert_eq!(
            flowgauge_logic::report::text::render(&back),
            flowgauge_logic::report::text::render(&document)
        );
    }
}

/// Equal to the last digit but one: reading a number may miss the last.
fn same(a: &Value, b: &Value) {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => {
            let (a, b) = (a.as_f64().unwrap(), b.as_f64().unwrap());
            assert!((a - b).abs() <= 1e-15 * b.abs(), "{a} {b}");
        }
        (Value::Array(a), Value::Array(b)) => {
            assert_eq!(a.len(), b.len());
            a.iter().zip(b).for_each(|(a, b)| same(a, b));
        }
        (Value::Object(a), Value::Object(b)) => {
            assert!(a.keys().eq(b.keys()));
            a.values().zip(b.values()).for_each(|(a, b)| same(a, b));
        }
        (a, b) => assert_eq!(a, b),
    }
}

#[test]
fn what_is_no_report_is_refused_in_words() {
    let text = json::render(&day::document()).unwrap();
    for (bad, says) in [
        ("{}".to_owned(), "missing field"),
        ("{".to_owned(), "EOF"),
        ("[1, 2".to_owned(), "expected a string"),
        (text.replace("flowgauge.report/1", "flowgauge.report/9"), "flowgauge.report/9"),
        (text.replacen("\"daily\"", "\"yearly\"", 1), "no kind \"yearly\""),
        (text.replacen("\"unit\": \"ms\"", "\"unit\": \"miles\"", 1), "no unit \"miles\""),
    ] {
        let why = from_json::read(&bad).unwrap_err().to_string();
        assert!(why.contains(says), "{why}");
    }
}
