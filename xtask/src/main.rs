//! Chores of the repository: `cargo xtask tidy | test | coverage | bench | prices | vendor-check`.
//!
//! Owns what a machine checks about the tree itself and the one command that sets up and runs all
//! tests. Refuses product logic.

use anyhow::{Context, Result, bail};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

mod bench;
mod coverage;
mod prices;
mod suite;
mod tidy;
mod vendor;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let outcome = match args.first().map(String::as_str) {
        Some("tidy") => tidy::check(&root()),
        Some("test") => suite::run(&root(), &args[1..]),
        Some("coverage") => coverage::write(&root()),
        Some("bench") => bench::run(&root(), &args[1..]),
        Some("prices") => prices::build(&root(), &args[1..]).map(|rows| {
            eprintln!("{rows} rows are shipped");
        }),
        Some("vendor-check") => vendor::check(&root(), args.get(1).map(Path::new)).map(|files| {
            eprintln!("{files} vendored files are as the manifest says");
        }),
        _ => Err(anyhow::anyhow!(
            "usage: cargo xtask tidy | test [STEP…] | coverage | bench [NAME…] | prices LIST … | vendor-check [NODE_MODULES]"
        )),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("error: {e:#}");
            ExitCode::FAILURE
        }
    }
}

/// The repository's root: the parent of this package.
fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_owned()
}

/// Runs one program in a folder and fails with its name where it fails.
fn sh(dir: &Path, program: &str, args: &[&str], env: &[(&str, &str)]) -> Result<()> {
    let mut command = std::process::Command::new(program);
    command.current_dir(dir).args(args).envs(env.iter().copied());
    let status = command.status().with_context(|| format!("start {program}"))?;
    if !status.success() {
        bail!("{program} {} failed ({status})", args.join(" "));
    }
    Ok(())
}
