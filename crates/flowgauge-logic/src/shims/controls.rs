//! Rows C52 to C73: emergencies, chores, and keeping the configuration.

use super::row::{Manner, Means, Opt, PLAIN, Row};

const SEVERITY: &[Opt] = &[("--severity", Means::Value("--severity"))];
const OLDER: Opt = ("--older-than", Means::Value("--older-than"));

/// The rows.
pub(super) const ROWS: &[Row] = &[
    Row {
        id: "C52",
        name: "emergency-optimization-rollback.sh",
        about: "switches all four optimisations off and proves it",
        command: &["opt", "rollback", "--all"],
        manner: Manner::Sure,
        exits: &[0, 1, 2, 69, 77],
        ..PLAIN
    },
    Row {
        id: "C53",
        name: "clear-all-caches.sh",
        about: "empties every cache",
        command: &["cache", "clear", "--all"],
        manner: Manner::Sure,
        exits: &[0, 69, 77],
        ..PLAIN
    },
    Row {
        id: "C54",
        name: "restart-application-services.sh",
        about: "runs the operator's restart hook",
        command: &["ops", "restart", "--target", "application"],
        manner: Manner::Sure,
        exits: &[0, 1, 69, 77],
        ..PLAIN
    },
    Row {
        id: "C55",
        name: "validate-rollback-status.sh",
        about: "whether the rollback holds",
        command: &["opt", "verify-rollback"],
        exits: &[0, 1, 2, 3, 69],
        ..PLAIN
    },
    Row {
        id: "C56",
        name: "performance-emergency-response.sh",
        about: "answers an emergency: critical, high or medium",
        command: &["incident", "respond"],
        manner: Manner::Reason,
        exits: &[0, 1, 69, 77],
        ..PLAIN
    },
    Row {
        id: "C57",
        name: "notify-emergency-team.sh",
        about: "tells the emergency team, with how things stand",
        command: &["alert", "notify", "emergency-team"],
        options: SEVERITY,
        exits: &[0, 69, 75],
        ..PLAIN
    },
    Row {
        id: "C58",
        name: "start-incident-monitoring.sh",
        about: "opens an incident and watches closer",
        command: &["incident", "start"],
        options: &[
            ("--critical", Means::Words(&["critical"])),
            ("--high", Means::Words(&["high"])),
            ("--medium", Means::Words(&["medium"])),
            ("--severity", Means::Place),
        ],
        manner: Manner::Reason,
        exits: &[0, 1, 69, 75],
        ..PLAIN
    },
    Row {
        id: "C59",
        name: "increase-monitoring-frequency.sh",
        about: "watches closer for an hour",
        command: &["incident", "intensify"],
        options: &[
            ("--high", Means::Words(&["--level", "high"])),
            ("--medium", Means::Words(&["--level", "medium"])),
        ],
        manner: Manner::Reason,
        exits: &[0, 69, 77],
        ..PLAIN
    },
    Row {
        id: "C60",
        name: "notify-operations-team.sh",
        about: "tells the operations team, with how things stand",
        command: &["alert", "notify", "operations-team"],
        options: SEVERITY,
        exits: &[0, 69, 75],
        ..PLAIN
    },
    Row {
        id: "C61",
        name: "weekly-maintenance.sh",
        about: "the chores of a week",
        command: &["ops", "maintain", "weekly"],
        manner: Manner::Yes,
        exits: &[0, 1, 69, 75],
        ..PLAIN
    },
    Row {
        id: "C62",
        name: "update-performance-baselines.sh",
        about: "proposes a baseline; --promote puts it in force",
        command: &["regression", "baseline", "propose"],
        manner: Manner::Why,
        exits: &[0, 1, 3, 69, 77],
        ..PLAIN
    },
    Row {
        id: "C63",
        name: "optimize-cache-configurations.sh",
        about: "proposes bounds and the threshold of likeness; --apply sets them",
        command: &["cache", "tune", "--all"],
        exits: &[0, 1, 3, 69, 77],
        ..PLAIN
    },
    Row {
        id: "C64",
        name: "cleanup-performance-logs.sh",
        about: "drops raw calls that are old and archived",
        command: &["metrics", "prune"],
        options: &[OLDER],
        manner: Manner::Sure,
        exits: &[0, 1, 69, 77],
        ..PLAIN
    },
    Row {
        id: "C65",
        name: "update-monitoring-thresholds.sh",
        about: "proposes thresholds that fit what was seen",
        command: &["alert", "thresholds", "propose"],
        exits: &[0, 1, 3, 69, 77],
        ..PLAIN
    },
    Row {
        id: "C66",
        name: "generate-weekly-performance-report.sh",
        about: "figures, analysis and regressions of the last seven days, and the mail",
        command: &["report", "weekly"],
        exits: &[0, 1, 3, 69, 73, 75],
        ..PLAIN
    },
    Row {
        id: "C67",
        name: "monthly-maintenance.sh",
        about: "the chores of a month",
        command: &["ops", "maintain", "monthly"],
        manner: Manner::Yes,
        exits: &[0, 1, 69, 75],
        ..PLAIN
    },
    Row {
        id: "C68",
        name: "comprehensive-performance-analysis.sh",
        about: "every diagnosis of the last complete month at once",
        command: &["metrics", "analyze", "--all"],
        exits: &[0, 1, 3, 69, 73],
        ..PLAIN
    },
    Row {
        id: "C69",
        name: "update-optimization-parameters.sh",
        about: "proposes parameters that evidence speaks for; --apply sets them",
        command: &["opt", "propose"],
        options: &[("--data-driven", Means::Words(&["--data-driven"]))],
        exits: &[0, 1, 3, 69, 77],
        ..PLAIN
    },
    Row {
        id: "C70",
        name: "archive-performance-data.sh",
        about: "copies old raw calls to the archive, verified",
        command: &["metrics", "archive"],
        options: &[OLDER],
        exits: &[0, 1, 69, 73, 77],
        ..PLAIN
    },
    Row {
        id: "C71",
        name: "update-performance-documentation.sh",
        about: "writes the book of how things are set up",
        command: &["report", "docs"],
        exits: &[0, 69, 73],
        ..PLAIN
    },
    Row {
        id: "C72",
        name: "generate-monthly-executive-report.sh",
        about: "one page for those who decide, of the last complete month",
        command: &["report", "executive"],
        options: &[("--month", Means::Value("--month")), ("--output", Means::Value("--output"))],
        exits: &[0, 3, 69, 73],
        ..PLAIN
    },
    Row {
        id: "C73",
        name: "backup-performance-configuration.sh",
        about: "writes a set of files to be here again",
        command: &["config", "backup"],
        options: &[("--dir", Means::Kept)],
        exits: &[0, 1, 69, 73],
        ..PLAIN
    },
];
