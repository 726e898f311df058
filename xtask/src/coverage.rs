//! `coverage`: which test proves which item of the guide.
//!
//! Reads `docs/guide-ids.tsv` (id, what it is) and `docs/guide-coverage.tsv` (id, test as path::name), and fails where an
//! id has no test, a named test is not in the tree, or `docs/guide-coverage.md` says otherwise.

use anyhow::{Context, Result, bail};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

const IDS: &str = "docs/guide-ids.tsv";
const TESTS: &str = "docs/guide-coverage.tsv";
const TABLE: &str = "docs/guide-coverage.md";

/// One item of the guide.
struct Item<'a> {
    id: &'a str,
    about: &'a str,
    tests: Vec<&'a str>,
}

/// Writes the table, then says what is missing.
pub fn write(root: &Path) -> Result<()> {
    let (text, faults) = compare(root)?;
    std::fs::write(root.join(TABLE), text).with_context(|| format!("write {TABLE}"))?;
    refuse(&faults)
}

/// Says what is missing, and whether the table is as the two lists have it.
pub fn check(root: &Path) -> Result<()> {
    let (text, mut faults) = compare(root)?;
    if read(root, TABLE)? != text {
        faults.push(format!("{TABLE} is out of date: run `cargo xtask coverage`"));
    }
    refuse(&faults)
}

fn refuse(faults: &[String]) -> Result<()> {
    if !faults.is_empty() {
        bail!("{}", faults.join("\n"));
    }
    Ok(())
}

/// The table as it should be, and what is wrong with the lists.
fn compare(root: &Path) -> Result<(String, Vec<String>)> {
    let ids = read(root, IDS)?;
    let tests = read(root, TESTS)?;
    let mut faults = Vec::new();
    let mut items = items(&ids, &mut faults);
    assign(&tests, &mut items, &mut faults);
    for item in &items {
        for test in &item.tests {
            if let Err(why) = found(root, test) {
                faults.push(format!("{}: {test}: {why}", item.id));
            }
        }
    }
    let bare: Vec<&str> = items.iter().filter(|i| i.tests.is_empty()).map(|i| i.id).collect();
    eprintln!("{} of {} items of the guide have a test", items.len() - bare.len(), items.len());
    if !bare.is_empty() {
        faults.push(format!("without a test: {}", bare.join(" ")));
    }
    Ok((table(&items), faults))
}

fn read(root: &Path, file: &str) -> Result<String> {
    std::fs::read_to_string(root.join(file)).with_context(|| format!("read {file}"))
}

/// Lines of two columns; empty ones and those that begin with # are left out.
fn rows(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let lines = text.lines().enumerate().map(|(n, line)| (n + 1, line));
    lines.filter(|(_, line)| !line.trim().is_empty() && !line.starts_with('#'))
}

fn items<'a>(text: &'a str, faults: &mut Vec<String>) -> Vec<Item<'a>> {
    let mut out: Vec<Item<'a>> = Vec::new();
    for (n, line) in rows(text) {
        let Some((id, about)) = line.split_once('\t') else {
            faults.push(format!("{IDS}:{n}: no tab"));
            continue;
        };
        if out.iter().any(|i| i.id == id) {
            faults.push(format!("{IDS}:{n}: {id} is there twice"));
        }
        out.push(Item { id, about, tests: Vec::new() });
    }
    out
}

fn assign<'a>(text: &'a str, items: &mut [Item<'a>], faults: &mut Vec<String>) {
    let places: BTreeMap<&str, usize> = items.iter().enumerate().map(|(n, i)| (i.id, n)).collect();
    for (n, line) in rows(text) {
        let Some((ids, test)) = line.split_once('\t') else {
            faults.push(format!("{TESTS}:{n}: no tab"));
            continue;
        };
        for id in ids.split(' ') {
            match places.get(id) {
                Some(place) => items[*place].tests.push(test),
                None => faults.push(format!("{TESTS}:{n}: the guide has no {id}")),
            }
        }
    }
}

/// Whether a test, `path::name`, is in the tree: a function of Rust or Python, or a titled test of JavaScript.
fn found(root: &Path, test: &str) -> Result<(), String> {
    let (path, name) = test.split_once("::").ok_or("write path::name")?;
    let text = std::fs::read_to_string(root.join(path)).map_err(|e| e.to_string())?;
    let marks = [format!("fn {name}("), format!("def {name}("), format!("\"{name}\"")];
    if marks.iter().any(|mark| text.contains(mark)) { Ok(()) } else { Err("no such test".into()) }
}

fn table(items: &[Item<'_>]) -> String {
    let mut out = String::from(
        "# Which test proves which item of the guide\n\n\
         Written by `cargo xtask coverage` from `guide-ids.tsv` and `guide-coverage.tsv`. An item without a test says so.\n\n\
         | Item | What | Proven by |\n|---|---|---|\n",
    );
    for item in items {
        let tests = if item.tests.is_empty() {
            "**no test**".to_owned()
        } else {
            item.tests.iter().map(|t| format!("`{t}`")).collect::<Vec<_>>().join("<br>")
        };
        // Writing to a string cannot fail.
        let _written =
            writeln!(out, "| {} | {} | {tests} |", item.id, item.about.replace('|', "\\|"));
    }
    let proven = items.iter().filter(|i| !i.tests.is_empty()).count();
    let _written = writeln!(out, "\n{proven} of {} items have a test.", items.len());
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_and_tests_are_joined_and_what_is_unknown_is_told() {
        let mut faults = Vec::new();
        let mut all = items("# ids\nC01\tlive view\nC02\thealth\nC01\tagain\n", &mut faults);
        assert_eq!(faults, ["docs/guide-ids.tsv:4: C01 is there twice"]);
        assign("C02 C99\ta.rs::b\n", &mut all, &mut faults);
        assert_eq!(faults[1], "docs/guide-coverage.tsv:1: the guide has no C99");
        let text = table(&all);
        assert!(text.contains("| C01 | live view | **no test** |"), "{text}");
        assert!(text.contains("| C02 | health | `a.rs::b` |"), "{text}");
    }
}
