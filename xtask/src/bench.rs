//! Benchmarks: release builds, one run each, figures beside the physical limit.

use crate::sh;
use anyhow::Result;
use std::path::Path;

/// Name, package and example program of each benchmark.
const BENCHES: &[(&str, &str, &str)] = &[
    ("commit", "flowgauge-store", "commit_rate"),
    ("panel", "flowgauge-store", "panel"),
    ("otlp", "flowgauge", "otlp_rate"),
    ("gateway", "flowgauge", "gateway_overhead"),
    ("recent", "flowgauge", "recent_rate"),
    ("alerts", "flowgauge", "alert_tick"),
    ("control", "flowgauge", "control_path"),
    ("optimisers", "flowgauge-logic", "control_rate"),
];

/// Runs the named benchmarks, or all.
pub fn run(root: &Path, only: &[String]) -> Result<()> {
    let programs =
        ["build", "--release", "--quiet", "-p", "flowgauge", "-p", "flowgauge-testkit", "--bins"];
    sh(root, "cargo", &programs, &[])?;
    for (name, package, example) in BENCHES {
        if only.is_empty() || only.iter().any(|o| o == name) {
            eprintln!("── {name}");
            sh(
                root,
                "cargo",
                &["run", "--release", "--quiet", "-p", package, "--example", example],
                &[],
            )?;
        }
    }
    Ok(())
}
