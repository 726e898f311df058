//! The one command that sets up what the tests need and runs them all.

use crate::sh;
use anyhow::{Context, Result, bail};
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// Debian packages the tests use, and the program each is wanted for.
const PACKAGES: &[(&str, &str)] = &[
    ("chromium", "chromium"),
    ("prometheus", "promtool"),
    ("nodejs", "node"),
    ("npm", "npm"),
    ("python3-venv", "python3"),
];

const STEPS: &[&str] = &["packages", "tidy", "rust", "conformance", "browser"];

/// Runs the named steps, or all in order.
pub fn run(root: &Path, only: &[String]) -> Result<()> {
    if let Some(unknown) = only.iter().find(|s| !STEPS.contains(&s.as_str())) {
        bail!("no step {unknown:?}; there are {}", STEPS.join(", "));
    }
    let wanted = |step: &str| only.is_empty() || only.iter().any(|o| o == step);
    let mut clients = None;
    for step in STEPS.iter().filter(|s| wanted(s)) {
        eprintln!("── {step}");
        match *step {
            "packages" => packages(root)?,
            "tidy" => {
                crate::tidy::check(root)?;
                crate::coverage::check(root)?;
            }
            "rust" => {
                // Downloads, while the compiler has the cores.
                clients = wanted("conformance").then(|| fetch_clients(root)).transpose()?;
                sh(root, "cargo", &["test", "--workspace", "--quiet"], &[])?;
            }
            "conformance" => {
                if let Some(mut fetching) = clients.take() {
                    let status = fetching.wait().context("wait for the clients' set-up")?;
                    anyhow::ensure!(status.success(), "setting up the clients failed: {status}");
                }
                conformance(root)?;
            }
            _ => browser(root)?,
        }
    }
    Ok(())
}

/// Installs the Debian packages whose programs are missing.
fn packages(root: &Path) -> Result<()> {
    let missing: Vec<&str> = PACKAGES
        .iter()
        .filter(|(_, program)| !found(program))
        .map(|(package, _)| *package)
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    let quiet = [("DEBIAN_FRONTEND", "noninteractive")];
    sh(root, "apt-get", &["update", "-qq"], &quiet).context("install missing packages")?;
    let mut args = vec!["install", "-y", "-qq", "--no-install-recommends"];
    args.extend(&missing);
    sh(root, "apt-get", &args, &quiet)
        .with_context(|| format!("install {} by hand, then run again", missing.join(" ")))
}

fn found(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|dir| dir.join(program).is_file())
}

/// Begins to set up the environments of the conformance tests, which takes minutes where nothing is there yet.
fn fetch_clients(root: &Path) -> Result<Child> {
    Command::new("sh")
        .current_dir(root)
        .arg("tests/conformance/setup.sh")
        .stdout(Stdio::null())
        .spawn()
        .context("set up the clients of the conformance tests")
}

/// Real SDKs and instrumentations against the real binary.
fn conformance(root: &Path) -> Result<()> {
    sh(root, "bash", &["tests/conformance/run.sh"], &programs(root)?.env())
}

/// The page in a real browser against the real binary.
fn browser(root: &Path) -> Result<()> {
    sh(root, "bash", &["tests/browser/run.sh"], &programs(root)?.env())
}

/// The programs under test, built.
struct Programs {
    flowgauge: String,
    upstream: String,
    states: String,
}

impl Programs {
    fn env(&self) -> [(&str, &str); 3] {
        [
            ("FLOWGAUGE_BIN", &self.flowgauge),
            ("SCRIPTED_UPSTREAM_BIN", &self.upstream),
            ("PROMETHEUS_STATES_BIN", &self.states),
        ]
    }
}

/// Those the Rust tests are built with: a build of its own would turn on fewer features, and so compile everything again.
fn programs(root: &Path) -> Result<Programs> {
    sh(root, "cargo", &["test", "--workspace", "--quiet", "--no-run"], &[])?;
    let debug = format!("{}/debug", target_dir(root)?);
    Ok(Programs {
        flowgauge: format!("{debug}/flowgauge"),
        upstream: format!("{debug}/scripted-upstream"),
        states: format!("{debug}/examples/prometheus_states"),
    })
}

/// The folder cargo builds into, as cargo itself says.
fn target_dir(root: &Path) -> Result<String> {
    let out = Command::new("cargo")
        .current_dir(root)
        .args(["metadata", "--format-version", "1", "--no-deps"])
        .output()
        .context("ask cargo for its target folder")?;
    let metadata: serde_json::Value = serde_json::from_slice(&out.stdout)?;
    let folder = metadata.get("target_directory").and_then(|v| v.as_str());
    Ok(folder.context("cargo metadata names no target folder")?.to_owned())
}
