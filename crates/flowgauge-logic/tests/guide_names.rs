//! Every name of the guide, every invocation it shows (catalogue A3), every option with its values (A3.1): what each
//! does here, as a golden text. `FLOWGAUGE_GOLDEN=write cargo test -p flowgauge-logic --test guide_names` writes it anew.

#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail as tests do")]

use flowgauge_logic::duration;
use flowgauge_logic::shims::{
    FUNCTIONS, Goes, Means, Plan, Surroundings, find, plan, rows, shell_init, translate, wrapper,
};
use flowgauge_logic::unit::UnixMicros;
use std::collections::BTreeSet;
use std::path::Path;

/// Invocations as the guide writes them, in its order.
const INVOCATIONS: &str = include_str!("golden/guide-invocations.txt");
/// What each does.
const GOLDEN: &str = "tests/golden/guide-plans.txt";
/// Tuesday, 24 November 2026, 10:00 UTC.
const NOW: UnixMicros = UnixMicros(1_795_514_400_000_000);

fn world<'a>(
    exists: &'a dyn Fn(&str) -> bool,
    writable: &'a dyn Fn(&str) -> bool,
) -> Surroundings<'a> {
    Surroundings {
        now: NOW,
        zone: chrono_tz::Tz::UTC,
        terminal: false,
        root: "",
        exists,
        writable,
        read: &|path| {
            let week = r#"{"period": {"name": "2026-11-17 to 2026-11-23"}}"#;
            if path == "/tmp/weekly-metrics.json" {
                Ok(week.to_owned())
            } else {
                Err("no such file".to_owned())
            }
        },
        scratch: "/private",
    }
}

fn words(line: &str) -> (String, Vec<String>) {
    let mut all = line.split_whitespace().map(str::to_owned);
    (all.next().unwrap(), all.collect())
}

fn planned(line: &str, there: bool) -> Plan {
    let (name, given) = words(line);
    let row = find(&name).unwrap_or_else(|| panic!("{name} is not in the table"));
    let always = |_: &str| there;
    let given = translate(row, &given, false).unwrap();
    plan(row, given, &world(&always, &always)).unwrap()
}

fn told(line: &str, there: bool) -> String {
    let plan = planned(line, there);
    let mut out = String::new();
    let mut say = |mark: &str, text: &str| out.push_str(&format!("  {mark} {text}\n"));
    if let Some(first) = &plan.first {
        say("first:", first);
    }
    plan.notes.iter().for_each(|note| say("note:", note));
    plan.copies.iter().for_each(|(from, to)| say("copy:", &format!("{from} -> {to}")));
    for step in &plan.steps {
        let goes = match &step.goes {
            Goes::Out => String::new(),
            Goes::Err => " (to people)".to_owned(),
            Goes::File(file) => format!(" (into {file})"),
        };
        say("run:", &format!("flowgauge {}{goes}", step.words.join(" ")));
    }
    if let Some(proof) = &plan.proof {
        say("proof:", &format!("flowgauge {}", proof.step.words.join(" ")));
        say("unproven:", &proof.unproven);
    }
    if let Some(last) = &plan.last {
        say("last:", last);
    }
    if let Some(log) = &plan.log {
        say("log:", &format!("{}: DATE: {}", log.file, log.text));
    }
    out
}

#[test]
fn every_invocation_of_the_guide_does_what_the_golden_text_says() {
    let mut text = String::new();
    for line in INVOCATIONS.lines() {
        text.push_str(&format!("{line}\n{}", told(line, true)));
        let without = told(line, false);
        if without != told(line, true) {
            text.push_str(&format!("  where the guide's paths are not there:\n{without}"));
        }
    }
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(GOLDEN);
    if std::env::var("FLOWGAUGE_GOLDEN").is_ok_and(|v| v == "write") {
        std::fs::write(&file, &text).unwrap();
    }
    let golden = std::fs::read_to_string(&file).unwrap();
    for (n, (is, should)) in text.lines().zip(golden.lines()).enumerate() {
        assert_eq!(is, should, "line {}", n + 1);
    }
    assert_eq!(text.lines().count(), golden.lines().count());
}

#[test]
fn the_table_has_72_scripts_one_test_and_ten_functions() {
    let all: Vec<_> = rows().collect();
    assert_eq!(all.len(), 73);
    for (n, row) in all.iter().enumerate() {
        assert_eq!(row.id, format!("C{:02}", n + 1));
    }
    let names: BTreeSet<_> = all.iter().map(|r| r.name).collect();
    assert_eq!(names.len(), 73);
    assert_eq!(names.iter().filter(|n| n.ends_with(".sh")).count(), 71);
    let functions: BTreeSet<_> = FUNCTIONS.iter().map(|f| f.name).collect();
    assert_eq!(functions.len(), 10);
}

#[test]
fn every_name_is_shown_with_every_option_of_its_row() {
    let shown: BTreeSet<String> =
        INVOCATIONS.lines().map(|l| words(l).0.rsplit('/').next().unwrap().to_owned()).collect();
    for row in rows() {
        assert!(shown.contains(row.base()), "{} is never invoked", row.name);
    }
    // The 37 of the catalogue (A3.1); what else the table knows is of the application's own documents.
    let options: BTreeSet<&str> = INVOCATIONS
        .lines()
        .flat_map(|l| l.split_whitespace())
        .filter(|w| w.starts_with("--"))
        .collect();
    assert_eq!(options.len(), 37, "{options:?}");
    for line in INVOCATIONS.lines() {
        let (name, given) = words(line);
        let row = find(&name).unwrap();
        for option in given.iter().filter(|w| w.starts_with("--")) {
            assert!(row.means(option).is_some(), "{name} does not know {option}");
        }
    }
}

#[test]
fn every_length_of_time_of_the_guide_is_one() {
    let lengths = ["30min", "2hours", "24h", "48h", "7d", "30days", "3months"];
    let rules = ["5 minutes", "10 minutes", "15 minutes", "1 hour"];
    for text in lengths.into_iter().chain(rules) {
        assert!(duration::parse(text).is_ok(), "{text}");
    }
}

#[test]
fn options_stand_in_any_order_and_with_an_equals_sign_and_win_over_places() {
    let translated = |line: &str| {
        let (name, given) = words(line);
        translate(find(&name).unwrap(), &given, true).unwrap().words.join(" ")
    };
    assert_eq!(
        translated("send-regression-alert.sh --severity=critical --type quality --magnitude -0.1"),
        "alert send --kind regression --severity=critical --type=quality --magnitude=-0.1"
    );
    assert_eq!(
        translated("send-performance-alert.sh p95 --threshold=3000 2600 2500"),
        "alert send --kind threshold --threshold=3000 --type=p95 --value=2600"
    );
    assert_eq!(translated("monitor-performance.sh 10 1800"), "metrics watch 10 1800");
    assert_eq!(
        translated("check-error-logs.sh --since 2h --json"),
        "health errors --since 2h --json"
    );
}

#[test]
fn an_option_without_its_value_and_a_flag_with_one_are_wrong_usage() {
    let refused = |line: &str| {
        let (name, given) = words(line);
        translate(find(&name).unwrap(), &given, true).unwrap_err().to_string()
    };
    assert_eq!(refused("measure-perf-cost.sh --samples"), "--samples needs a value");
    assert_eq!(refused("measure-perf-cost.sh --quick=yes"), "--quick takes no value");
    assert_eq!(refused("send-performance-alert.sh a b c d"), "\"d\" is one argument too many");
}

#[test]
fn where_somebody_can_be_asked_nothing_is_confirmed_for_them() {
    let row = find("clear-all-caches").unwrap();
    let asked = |terminal| translate(row, &[], terminal).unwrap().has(&["--yes"]);
    assert!(!asked(true) && asked(false));
    let dry = translate(row, &["--dry-run".to_owned()], false).unwrap();
    assert!(!dry.has(&["--yes"]));
}

#[test]
fn a_response_of_an_unknown_severity_is_not_logged() {
    assert!(planned("performance-emergency-response.sh critical", true).log.is_some());
    assert!(planned("performance-emergency-response.sh catastrophic", true).log.is_none());
}

#[test]
fn a_file_of_weekly_figures_that_is_none_is_bad_data() {
    let row = find("detect-weekly-regressions.sh").unwrap();
    let never = |_: &str| false;
    let given =
        |file: &str| translate(row, &["--input".to_owned(), file.to_owned()], false).unwrap();
    let fault = plan(row, given("other.json"), &world(&never, &never)).unwrap_err();
    assert_eq!(fault.to_string(), "other.json: no such file");
    let none = translate(row, &[], false).unwrap();
    assert!(plan(row, none, &world(&never, &never)).is_err());
}

#[test]
fn wrappers_are_tiny_and_hand_everything_over() {
    let sh = wrapper(find("clear-all-caches.sh").unwrap(), "/opt/it's/flowgauge");
    assert!(sh.starts_with("#!/bin/sh\n") && sh.lines().count() <= 6, "{sh}");
    assert!(sh.contains("exec \"$flowgauge\" shims run clear-all-caches.sh \"$@\""), "{sh}");
    assert!(sh.contains(r"'/opt/it'\''s/flowgauge'"), "{sh}");
    let py = wrapper(find("regression_detector.py").unwrap(), "/opt/flowgauge");
    assert!(py.starts_with("#!/usr/bin/env python3\n") && py.contains("sys.argv[1:]"), "{py}");
    let ts = wrapper(find("knowledge-quality-mock-test.ts").unwrap(), "/opt/flowgauge");
    assert!(ts.contains("process.argv.slice(2)"), "{ts}");
    let init = shell_init("/opt/flowgauge");
    assert!(FUNCTIONS.iter().all(|f| init.contains(&format!("{}() {{", f.name))), "{init}");
}

#[test]
fn options_of_a_row_lead_to_words() {
    for row in rows() {
        for (name, means) in row.options {
            assert!(name.starts_with("--"), "{name}");
            if let Means::Words(words) = means {
                assert!(!words.is_empty(), "{name} of {}", row.name);
            }
        }
    }
}
