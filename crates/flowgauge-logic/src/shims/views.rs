//! Rows C01 to C21: watching, measuring, first answers to an alert, and telling of one.

use super::row::{FOLLOW, LAST, Manner, Means, PLAIN, Places, Row, WINDOW};

/// The rows.
pub(super) const ROWS: &[Row] = &[
    Row {
        id: "C01",
        name: "monitor-performance.sh",
        about: "one line per interval from observed traffic",
        command: &["metrics", "watch"],
        options: &[
            ("--live", FOLLOW),
            ("--interval", Means::Value("--interval")),
            ("--duration", Means::Value("--duration")),
        ],
        exits: &[0, 1, 69, 130],
        ..PLAIN
    },
    Row {
        id: "C02",
        name: "performance-health-check.sh",
        about: "every target with its state, and flowgauge's own parts",
        command: &["health", "check"],
        options: &[("--critical", Means::Words(&["--critical"]))],
        exits: &[0, 1, 2, 3, 69],
        ..PLAIN
    },
    Row {
        id: "C03",
        name: "collect-performance-metrics.sh",
        about: "what the server records, interval by interval",
        command: &["metrics", "collect"],
        options: &[("--interval", Means::Value("--interval"))],
        exits: &[0, 69, 75, 130],
        ..PLAIN
    },
    Row {
        id: "C04",
        name: "monitor-cache-performance.sh",
        about: "hits, misses and savings of the cache, interval by interval",
        command: &["cache", "watch"],
        options: &[
            ("--real-time", FOLLOW),
            ("--interval", Means::Value("--interval")),
            ("--duration", Means::Value("--duration")),
        ],
        exits: &[0, 69, 130],
        ..PLAIN
    },
    Row {
        id: "C05",
        name: "analyze-cache-effectiveness.sh",
        about: "what the cache does, and what other bounds would do",
        command: &["cache", "analyze"],
        options: &[("--live", Means::Words(&["--live"]))],
        exits: &[0, 1, 3, 69],
        ..PLAIN
    },
    Row {
        id: "C06",
        name: "monitor-cache-memory.sh",
        about: "how full the cache is",
        command: &["cache", "memory"],
        exits: &[0, 1, 69],
        ..PLAIN
    },
    Row {
        id: "C07",
        name: "monitor-quality-scores.sh",
        about: "quality overall and by intent, interval by interval",
        command: &["quality", "watch"],
        options: &[
            ("--live", FOLLOW),
            ("--interval", Means::Value("--interval")),
            ("--duration", Means::Value("--duration")),
            ("--alert-threshold", Means::Value("--alert-threshold")),
        ],
        exits: &[0, 1, 69, 130],
        ..PLAIN
    },
    Row {
        id: "C08",
        name: "detect-quality-regression.sh",
        about: "whether quality fell by more than a threshold",
        command: &["quality", "regress"],
        options: &[("--threshold", Means::Value("--threshold"))],
        exits: &[0, 1, 3, 69],
        ..PLAIN
    },
    Row {
        id: "C09",
        name: "monitor-user-satisfaction.sh",
        about: "what users think: mean rating, how ratings spread",
        command: &["quality", "satisfaction"],
        usual: &[(WINDOW, &["--since", "7d"])],
        exits: &[0, 1, 3, 69],
        ..PLAIN
    },
    Row {
        id: "C10",
        name: "measure-perf-cost.sh",
        about: "sends probes; latency, tokens, cost, quality and cache as JSON",
        command: &["metrics", "measure"],
        options: &[
            ("--endpoint", Means::Value("--endpoint")),
            ("--samples", Means::Value("--samples")),
            ("--quick", Means::Words(&["--quick"])),
            ("--output", Means::Value("--output")),
        ],
        exits: &[0, 3, 69, 130],
        ..PLAIN
    },
    Row {
        id: "C11",
        name: "check-error-logs.sh",
        about: "failed requests by class, with examples",
        command: &["health", "errors"],
        options: LAST,
        usual: &[(WINDOW, &["--last", "30min"])],
        exits: &[0, 1, 69],
        ..PLAIN
    },
    Row {
        id: "C12",
        name: "analyze-performance-trends.sh",
        about: "how figures move against the usual, and why",
        command: &["metrics", "trends"],
        options: LAST,
        usual: &[(WINDOW, &["--last", "2h"])],
        exits: &[0, 1, 3, 69],
        ..PLAIN
    },
    Row {
        id: "C13",
        name: "check-optimization-status.sh",
        about: "what each optimisation does now, and what decides it",
        command: &["opt", "status"],
        exits: &[0, 1, 69],
        ..PLAIN
    },
    Row {
        id: "C14",
        name: "validate-performance-config.sh",
        about: "checks the configuration, and the guide's rule file where it is there",
        command: &["config", "validate"],
        exits: &[0, 1, 2],
        ..PLAIN
    },
    Row {
        id: "C15",
        name: "restart-optimization-services.sh",
        about: "reads rules anew and says which instances obey the settings in force",
        command: &["ops", "restart", "--target", "optimization"],
        manner: Manner::Sure,
        exits: &[0, 1, 69, 77],
        ..PLAIN
    },
    Row {
        id: "C16",
        name: "clear-performance-cache.sh",
        about: "takes answers out of the cache",
        command: &["cache", "clear"],
        usual: &[(&["--kind", "--all"], &["--kind", "response"])],
        manner: Manner::Sure,
        exits: &[0, 69, 77],
        ..PLAIN
    },
    Row {
        id: "C17",
        name: "start-trend-analysis.sh",
        about: "has the server work out what changed, and attach it to the open alert",
        command: &["metrics", "trends", "--background"],
        options: &[
            ("--warning", Means::Words(&["--depth", "warning"])),
            ("--critical", Means::Words(&["--depth", "critical"])),
        ],
        exits: &[0, 69, 75],
        ..PLAIN
    },
    Row {
        id: "C18",
        name: "optimize-cache-settings.sh",
        about: "proposes bounds of the cache; --apply sets them",
        command: &["cache", "tune"],
        exits: &[0, 1, 3, 69, 77],
        ..PLAIN
    },
    Row {
        id: "C19",
        name: "adjust-token-limits.sh",
        about: "lowers token limits for an hour",
        command: &["tokens", "limits", "set"],
        options: &[("--temporary", Means::Words(&["--ttl", "1h"]))],
        usual: &[(&["--profile", "--context", "--answer"], &["--profile", "lower"])],
        manner: Manner::Sure,
        exits: &[0, 1, 69, 77],
        ..PLAIN
    },
    Row {
        id: "C20",
        name: "scale-performance-resources.sh",
        about: "what limits users, and the operator's hook with --yes",
        command: &["ops", "scale"],
        exits: &[0, 1, 3, 69, 77],
        ..PLAIN
    },
    Row {
        id: "C21",
        name: "send-performance-alert.sh",
        about: "tells of a threshold that was crossed",
        command: &["alert", "send", "--kind", "threshold"],
        places: Places::Options(&["--type", "--value", "--threshold"]),
        exits: &[0, 69, 75],
        ..PLAIN
    },
];
