//! Rules of STYLE.md that a machine can check: sizes, headers, names, direction of use.

use anyhow::{Context, Result, bail};
use std::path::{Path, PathBuf};

/// Longest production part of a file, in lines.
const FILE_LINES: usize = 600;
/// Longest function, in lines: a screen.
const FUNCTION_LINES: usize = 70;
/// Functions that may be longer, and why.
const LONG_FUNCTIONS: &[(&str, &str)] =
    &[("crates/flowgauge/src/query/view.rs", "one line per field of the flat row")];
/// Names that say nothing about what a file owns.
const EMPTY_NAMES: &[&str] =
    &["utils", "util", "helpers", "types", "structs", "traits", "misc", "common"];
/// Which modules of the program each module may use, in flow order (`serve`, `cli` and `demo` use everything).
const DIRECTION: &[(&str, &[&str])] = &[
    ("config", &[]),
    ("record", &["config", "serve::clock"]),
    ("control", &["config", "record", "serve::clock"]),
    ("receive", &["config", "record", "control", "serve::clock"]),
    ("query", &["config", "serve::clock", "serve::keys", "record", "control"]),
    ("judge", &["config", "serve::clock", "record", "control", "receive", "query"]),
    (
        "keep",
        &[
            "config",
            "record",
            "control",
            "receive",
            "query",
            "judge",
            "serve::clock",
            "serve::prices",
        ],
    ),
    (
        "tell",
        &[
            "config",
            "query",
            "record",
            "control",
            "judge",
            "keep",
            "serve::clock",
            "serve::keys",
            "serve::prices",
            "receive",
        ],
    ),
];

/// Checks the whole tree; all findings are printed, then it fails.
pub fn check(root: &Path) -> Result<()> {
    let mut findings = Vec::new();
    for file in sources(root)? {
        let text = std::fs::read_to_string(&file).with_context(|| file.display().to_string())?;
        let name = file.strip_prefix(root).unwrap_or(&file).display().to_string();
        check_file(&name, &text, &mut findings);
    }
    for f in &findings {
        eprintln!("tidy: {f}");
    }
    if findings.is_empty() { Ok(()) } else { bail!("{} findings", findings.len()) }
}

fn sources(root: &Path) -> Result<Vec<PathBuf>> {
    let mut out = Vec::new();
    let mut folders = vec![root.join("crates"), root.join("xtask")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).with_context(|| folder.display().to_string())? {
            let path = entry?.path();
            if path.is_dir() && !path.ends_with("target") {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "rs") {
                out.push(path);
            }
        }
    }
    out.sort();
    Ok(out)
}

fn check_file(name: &str, text: &str, findings: &mut Vec<String>) {
    if !text.starts_with("//!") {
        findings.push(format!("{name}: the first line must say what the file owns (`//!`)"));
    }
    let stem = Path::new(name).file_stem().and_then(|s| s.to_str()).unwrap_or("");
    if EMPTY_NAMES.contains(&stem) {
        findings.push(format!("{name}: the name {stem:?} says nothing"));
    }
    let production = production(name, text);
    if production.len() > FILE_LINES {
        findings.push(format!("{name}: {} lines, at most {FILE_LINES}", production.len()));
    }
    for (line, text) in text.lines().enumerate() {
        let marker = ["TO", "DO"].concat();
        let fix = ["FIX", "ME"].concat();
        if text.contains(&marker) || text.contains(&fix) {
            findings.push(format!("{name}:{}: unfinished work", line + 1));
        }
    }
    long_functions(name, &production, findings);
    direction(name, &production, findings);
}

/// Lines before the first inline test module; none for files that are tests.
fn production<'a>(name: &str, text: &'a str) -> Vec<&'a str> {
    let is_test = ["/tests/", "/benches/", "/examples/"].iter().any(|p| name.contains(p))
        || name.ends_with("/tests.rs");
    if is_test {
        return Vec::new();
    }
    text.lines().take_while(|l| l.trim() != "#[cfg(test)]").collect()
}

fn long_functions(name: &str, lines: &[&str], findings: &mut Vec<String>) {
    let mut open: Option<(usize, usize)> = None;
    for (i, line) in lines.iter().enumerate() {
        let indent = line.len() - line.trim_start().len();
        let is_fn = [
            "fn ",
            "pub fn ",
            "pub(crate) fn ",
            "pub(super) fn ",
            "async fn ",
            "pub async fn ",
            "const fn ",
            "pub const fn ",
            "pub(crate) async fn ",
        ]
        .iter()
        .any(|p| line.trim_start().starts_with(p));
        if open.is_none() && is_fn && !line.trim_end().ends_with([';', '}']) {
            open = Some((i, indent));
        }
        // A declaration in a trait has no body.
        if open.is_some_and(|(_, depth)| depth == indent) && line.trim_end().ends_with(';') {
            open = None;
        }
        if let Some((start, depth)) = open
            && *line == format!("{}}}", " ".repeat(depth))
        {
            let length = i + 1 - start;
            let excused = LONG_FUNCTIONS.iter().any(|(file, _)| *file == name);
            if length > FUNCTION_LINES && !excused {
                findings.push(format!(
                    "{name}:{}: function of {length} lines, at most {FUNCTION_LINES}",
                    start + 1
                ));
            }
            open = None;
        }
    }
}

fn direction(name: &str, lines: &[&str], findings: &mut Vec<String>) {
    let Some(rest) = name.strip_prefix("crates/flowgauge/src/") else { return };
    let module = rest.split(['/', '.']).next().unwrap_or("");
    let Some((_, allowed)) = DIRECTION.iter().find(|(m, _)| *m == module) else { return };
    for (i, line) in lines.iter().enumerate() {
        for used in line.split("crate::").skip(1) {
            if line.trim_start().starts_with("//") || line.contains("pub(in crate::") {
                continue;
            }
            let fine =
                ["logic", "store", module].iter().chain(*allowed).any(|a| used.starts_with(a));
            if !fine {
                let word: String =
                    used.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
                findings.push(format!("{name}:{}: {module} may not use {word}", i + 1));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tree_is_tidy() {
        check(&crate::root()).unwrap();
    }

    #[test]
    fn a_module_that_uses_what_stands_right_of_it_is_found() {
        let mut findings = Vec::new();
        check_file(
            "crates/flowgauge/src/record/x.rs",
            "//! x\nuse crate::query::one;\n",
            &mut findings,
        );
        assert_eq!(findings, ["crates/flowgauge/src/record/x.rs:2: record may not use query"]);
    }

    #[test]
    fn a_function_longer_than_a_screen_is_found() {
        let body = "    x();\n".repeat(70);
        let mut findings = Vec::new();
        check_file("crates/a/src/a.rs", &format!("//! a\nfn long() {{\n{body}}}\n"), &mut findings);
        assert_eq!(findings.len(), 1, "{findings:?}");
    }
}
