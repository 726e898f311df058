//! Every command of the documentation is one this program understands: nouns, verbs, options, values.

use super::described;
use std::path::{Path, PathBuf};

/// Documentation with commands.
fn pages() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut all = vec![root.join("README.md"), root.join("examples/flowreader/README.md")];
    let guide = std::fs::read_dir(root.join("docs/guide")).unwrap();
    all.extend(
        guide
            .map(|entry| entry.unwrap().path())
            .filter(|p| p.extension().is_some_and(|e| e == "md")),
    );
    all.sort();
    all
}

/// Lines of shell blocks, with those that end in a backslash joined; and `flowgauge …` between backticks.
fn commands(text: &str) -> Vec<String> {
    let (mut out, mut inside) = (Vec::new(), false);
    let mut held = String::new();
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            inside = matches!(line.trim(), "```sh" | "```bash");
            continue;
        }
        if inside {
            held.push_str(line);
            if let Some(cut) = held.strip_suffix('\\') {
                held = cut.to_owned();
                continue;
            }
            out.push(std::mem::take(&mut held));
        }
    }
    out
}

/// Words of a line up to a comment, a pipe, a redirection or the next command.
fn words(line: &str) -> Vec<String> {
    let (mut out, mut word, mut any) = (Vec::new(), String::new(), false);
    let mut quote = None;
    for c in line.chars() {
        match (quote, c) {
            (Some(q), c) if c == q => quote = None,
            (None, '\'' | '"') => (quote, any) = (Some(c), true),
            (None, '#') if word.is_empty() && !any => break,
            (None, '|' | '>' | ';' | '&' | '<') => break,
            (None, c) if c.is_whitespace() => {
                if any || !word.is_empty() {
                    out.push(std::mem::take(&mut word));
                }
                any = false;
            }
            (_, c) => word.push(c),
        }
    }
    if any || !word.is_empty() {
        out.push(word);
    }
    out
}

#[test]
fn every_command_of_the_documentation_is_understood() {
    let (mut count, mut wrong) = (0, Vec::new());
    for page in pages() {
        for line in commands(&std::fs::read_to_string(&page).unwrap()) {
            let mut words = words(&line);
            // `VARIABLE=value flowgauge …`
            let first = words.iter().position(|w| !w.contains('=')).unwrap_or(words.len());
            words.drain(..first);
            if words.first().is_none_or(|w| w != "flowgauge") {
                continue;
            }
            // Without the feature there is no such verb.
            if !cfg!(feature = "sql") && words.get(1..3).is_some_and(|w| w == ["metrics", "query"])
            {
                continue;
            }
            count += 1;
            if let Err(e) = described().try_get_matches_from(&words)
                && !matches!(
                    e.kind(),
                    clap::error::ErrorKind::DisplayHelp | clap::error::ErrorKind::DisplayVersion
                )
            {
                let why = e.to_string();
                let why = why.lines().next().unwrap_or_default();
                wrong.push(format!("{}: {line}: {why}", page.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(count > 60, "only {count} commands were found");
}
