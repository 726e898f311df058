//! Rows C22 to C37: reports, and the detection of regressions.

use super::row::{Means, PLAIN, Row};

const MONTH: (&str, Means) = ("--month", Means::Value("--month"));
const OUTPUT: (&str, Means) = ("--output", Means::Value("--output"));

/// The rows.
pub(super) const ROWS: &[Row] = &[
    Row {
        id: "C22",
        name: "generate-daily-performance-report.sh",
        about: "writes the report of yesterday as HTML and mails it",
        command: &["report", "daily"],
        options: &[("--date", Means::Kept)],
        exits: &[0, 3, 69, 73, 75],
        ..PLAIN
    },
    Row {
        id: "C23",
        name: "daily-performance-analysis.sh",
        about: "the report of a day on standard output",
        command: &["report", "daily"],
        options: &[("--date", Means::Value("--date")), ("--format", Means::Value("--format"))],
        usual: &[(&["--format", "--json", "--output"], &["--format", "html"])],
        exits: &[0, 3, 69],
        ..PLAIN
    },
    Row {
        id: "C24",
        name: "generate-weekly-performance-analysis.sh",
        about: "figures, analysis and regressions of the last seven days, and the mail",
        command: &["report", "weekly"],
        exits: &[0, 1, 3, 69, 73, 75],
        ..PLAIN
    },
    Row {
        id: "C25",
        name: "collect-weekly-metrics.sh",
        about: "figures of seven complete days as JSON",
        command: &["report", "weekly"],
        options: &[("--start", Means::Kept), ("--end", Means::Kept), OUTPUT],
        exits: &[0, 3, 69, 73],
        ..PLAIN
    },
    Row {
        id: "C26",
        name: "analyze-weekly-trends.sh",
        about: "the analysis of the week a file of figures is about",
        command: &["report", "weekly"],
        options: &[("--input", Means::Value("--input")), OUTPUT],
        exits: &[0, 3, 65, 73],
        ..PLAIN
    },
    Row {
        id: "C27",
        name: "detect-weekly-regressions.sh",
        about: "the week a file of figures is about against the week before",
        command: &["regression", "compare"],
        options: &[("--input", Means::Kept), ("--output", Means::Kept)],
        exits: &[0, 1, 3, 65, 69, 73],
        ..PLAIN
    },
    Row {
        id: "C28",
        name: "send-weekly-report.sh",
        about: "one mail: the analysis, with the regressions beside it",
        command: &["report", "send"],
        options: &[
            ("--analysis", Means::Value("--analysis")),
            ("--regressions", Means::Value("--regressions")),
        ],
        exits: &[0, 65, 69, 75],
        ..PLAIN
    },
    Row {
        id: "C29",
        name: "generate-monthly-performance-review.sh",
        about: "review, costs, recommendations and summary of the last month",
        command: &["report", "monthly"],
        options: &[("--month", Means::Kept)],
        exits: &[0, 3, 69, 73],
        ..PLAIN
    },
    Row {
        id: "C30",
        name: "monthly-performance-analysis.sh",
        about: "the review of a month",
        command: &["report", "monthly"],
        options: &[
            MONTH,
            OUTPUT,
            ("--include-trends", Means::Words(&["--include-trends"])),
            ("--include-costs", Means::Words(&["--include-costs"])),
            ("--include-forecasts", Means::Words(&["--include-forecasts"])),
        ],
        exits: &[0, 3, 69, 73],
        ..PLAIN
    },
    Row {
        id: "C31",
        name: "monthly-cost-analysis.sh",
        about: "what a month cost and what was saved",
        command: &["report", "cost"],
        options: &[
            MONTH,
            OUTPUT,
            ("--include-savings", Means::Words(&["--include-savings"])),
            ("--include-roi", Means::Words(&["--include-roi"])),
        ],
        exits: &[0, 3, 69, 73],
        ..PLAIN
    },
    Row {
        id: "C32",
        name: "generate-optimization-recommendations.sh",
        about: "what to change, with evidence",
        command: &["report", "recommendations"],
        options: &[MONTH, OUTPUT],
        exits: &[0, 3, 69, 73],
        ..PLAIN
    },
    Row {
        id: "C33",
        name: "generate-executive-summary.sh",
        about: "one page for those who decide",
        command: &["report", "executive"],
        options: &[MONTH, OUTPUT],
        exits: &[0, 3, 69, 73],
        ..PLAIN
    },
    Row {
        id: "C34",
        name: "regression_detector.py",
        about: "compares two files of values",
        command: &["regression", "compare"],
        options: &[("--json", Means::Usual)],
        exits: &[0, 1, 3, 65],
        ..PLAIN
    },
    Row {
        id: "C35",
        name: "monitor-performance-regressions.sh",
        about: "the last seven days against the baseline; tells of what got worse",
        command: &["regression", "check", "--alert"],
        options: &[("--days", Means::Value("--days"))],
        usual: &[(&["--days"], &["--days", "7"])],
        exits: &[0, 1, 3, 65, 69, 75],
        ..PLAIN
    },
    Row {
        id: "C36",
        name: "collect-recent-performance-data.sh",
        about: "values of the last days, as the detector reads them",
        command: &["metrics", "export", "--shape", "regression"],
        options: &[("--days", Means::Value("--days")), OUTPUT, ("--json", Means::Usual)],
        exits: &[0, 3, 69, 73],
        ..PLAIN
    },
    Row {
        id: "C37",
        name: "send-regression-alert.sh",
        about: "tells of a regression",
        command: &["alert", "send", "--kind", "regression"],
        options: &[
            ("--type", Means::Value("--type")),
            ("--magnitude", Means::Value("--magnitude")),
            ("--severity", Means::Value("--severity")),
        ],
        exits: &[0, 69, 75],
        ..PLAIN
    },
];
