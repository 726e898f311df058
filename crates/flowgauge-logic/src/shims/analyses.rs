//! Rows C38 to C51: looking for the cause.

use super::row::{LAST, Manner, Means, Opt, PLAIN, Row, WINDOW};

const DAY: &[(&[&str], &[&str])] = &[(WINDOW, &["--last", "24h"])];
const PROFILES: &[Opt] = &[
    ("--token-focus", Means::Words(&["--profile", "token-focus"])),
    ("--latency-focus", Means::Words(&["--profile", "latency-focus"])),
    ("--conservative", Means::Words(&["--profile", "conservative"])),
];

/// The rows.
pub(super) const ROWS: &[Row] = &[
    Row {
        id: "C38",
        name: "analyze-latency-distribution.sh",
        about: "how latency spreads, and what is different about slow calls",
        command: &["metrics", "distribution", "--metric", "latency"],
        options: LAST,
        usual: DAY,
        exits: &[0, 3, 69],
        ..PLAIN
    },
    Row {
        id: "C39",
        name: "check-cache-status.sh",
        about: "hits, savings, and what it would do where it only watches",
        command: &["cache", "status"],
        exits: &[0, 1, 69],
        ..PLAIN
    },
    Row {
        id: "C40",
        name: "validate-optimization-config.sh",
        about: "checks the settings of the four optimisations",
        command: &["config", "validate", "--section", "optimization"],
        exits: &[0, 1, 2, 69],
        ..PLAIN
    },
    Row {
        id: "C41",
        name: "check-system-bottlenecks.sh",
        about: "what limits users now, with evidence",
        command: &["health", "bottlenecks"],
        exits: &[0, 1, 3, 69],
        ..PLAIN
    },
    Row {
        id: "C42",
        name: "analyze-token-usage-patterns.sh",
        about: "where tokens go, and what made them more",
        command: &["tokens", "analyze"],
        options: LAST,
        usual: DAY,
        exits: &[0, 1, 3, 69],
        ..PLAIN
    },
    Row {
        id: "C43",
        name: "check-token-optimization-status.sh",
        about: "what optimisation saves, by mechanism",
        command: &["tokens", "status"],
        exits: &[0, 1, 3, 69],
        ..PLAIN
    },
    Row {
        id: "C44",
        name: "review-config-changes.sh",
        about: "what was changed, by whom, and what latency and errors did afterwards",
        command: &["config", "history", "--figures"],
        options: &[("--last", Means::Value("--since"))],
        usual: &[(&["--since"], &["--since", "48h"])],
        exits: &[0, 69],
        ..PLAIN
    },
    Row {
        id: "C45",
        name: "validate-token-limits.sh",
        about: "limits against what was observed and what models hold",
        command: &["tokens", "limits", "check"],
        exits: &[0, 1, 2, 69],
        ..PLAIN
    },
    Row {
        id: "C46",
        name: "adjust-optimization-parameters.sh",
        about: "applies a named set of limits",
        command: &["opt", "adjust"],
        options: PROFILES,
        manner: Manner::Sure,
        exits: &[0, 1, 69, 77],
        ..PLAIN
    },
    Row {
        id: "C47",
        name: "api/_spikes/knowledge-quality-mock-test.ts",
        about: "asks every question of a labelled set and scores the answers",
        command: &["quality", "run"],
        exits: &[0, 1, 3, 69],
        ..PLAIN
    },
    Row {
        id: "C48",
        name: "analyze-quality-trends.sh",
        about: "quality over time by intent",
        command: &["quality", "trends"],
        options: LAST,
        usual: &[(WINDOW, &["--last", "7d"])],
        exits: &[0, 1, 3, 69],
        ..PLAIN
    },
    Row {
        id: "C49",
        name: "check-optimization-quality-impact.sh",
        about: "what optimisation does to quality, against a control group",
        command: &["quality", "impact"],
        usual: &[(WINDOW, &["--since", "7d"])],
        exits: &[0, 1, 3, 69],
        ..PLAIN
    },
    Row {
        id: "C50",
        name: "validate-quality-metrics.sh",
        about: "checks the evaluator against labels people gave",
        command: &["quality", "audit"],
        exits: &[0, 1, 3, 69],
        ..PLAIN
    },
    Row {
        id: "C51",
        name: "evaluate-optimization-rollback.sh",
        about: "keep, undo one, undo all: what the evidence advises",
        command: &["opt", "evaluate-rollback"],
        options: &[("--quality-focus", Means::Words(&["--focus", "quality"]))],
        exits: &[0, 1, 3, 69],
        ..PLAIN
    },
];
