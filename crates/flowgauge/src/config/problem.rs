//! What is wrong with a configuration, and where: shown with the line and a caret below the place.

use std::fmt::{self, Write};

/// Where a part of the configuration came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// The file, both counted from 1.
    File {
        /// Line.
        line: usize,
        /// Column in characters.
        column: usize,
    },
    /// The file as a whole.
    Whole,
    /// An environment variable.
    Env(String),
    /// An option of the command line.
    Option(String),
    /// Nobody set it.
    Default,
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Where.
    pub place: Place,
    /// What, naming the value.
    pub message: String,
    /// The way out.
    pub hint: Option<String>,
    /// Whether the line may hold a secret and is not shown.
    pub hide_line: bool,
}

/// Everything that is wrong, in one run.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct Problems {
    /// Name of the file as given; empty where there is none.
    pub file: String,
    /// Its text, for the carets.
    pub text: String,
    /// In the order of the file.
    pub list: Vec<Problem>,
}

impl Problem {
    /// A problem without a hint.
    pub fn new(place: Place, message: impl Into<String>) -> Self {
        Self { place, message: message.into(), hint: None, hide_line: false }
    }

    /// The same with a way out.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl Problems {
    /// The origin of a value in words, e.g. `flowgauge.yaml:3:5`.
    #[must_use]
    pub fn origin(file: &str, place: &Place) -> String {
        match place {
            Place::File { line, column } => format!("{file}:{line}:{column}"),
            Place::Whole => file.to_owned(),
            Place::Env(name) => format!("environment {name}"),
            Place::Option(text) => format!("option {text}"),
            Place::Default => "default".to_owned(),
        }
    }

    /// Whether a line may hold a secret, by any problem found on it or by its key.
    fn is_secret(&self, line: usize, source: &str) -> bool {
        let on_line = |p: &Problem| matches!(p.place, Place::File { line: at, .. } if at == line);
        let reference = source.contains("env:") || source.contains("file:");
        self.list.iter().any(|p| p.hide_line && on_line(p))
            || ((source.contains("api_key") || source.contains("password")) && !reference)
    }

    fn caret(&self, out: &mut String, problem: &Problem) -> fmt::Result {
        let Place::File { line, column } = problem.place else { return Ok(()) };
        let Some(source) = self.text.lines().nth(line.saturating_sub(1)) else { return Ok(()) };
        if self.is_secret(line, source) {
            return Ok(());
        }
        let before = column.saturating_sub(1);
        let width = source
            .chars()
            .skip(before)
            .take_while(|c| !c.is_whitespace() && !matches!(c, ':' | ',' | '}' | ']' | '#'))
            .count()
            .max(1);
        // A tab stays a tab, so that the caret stands below its character.
        let pad: String =
            source.chars().take(before).map(|c| if c == '\t' { '\t' } else { ' ' }).collect();
        writeln!(out, "{line:>5} | {source}")?;
        writeln!(out, "      | {pad}{}", "^".repeat(width))
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, problem) in self.list.iter().enumerate() {
            if i > 0 {
                writeln!(f)?;
            }
            writeln!(f, "{}: {}", Self::origin(&self.file, &problem.place), problem.message)?;
            let mut caret = String::new();
            self.caret(&mut caret, problem)?;
            f.write_str(&caret)?;
            if let Some(hint) = &problem.hint {
                writeln!(f, "      hint: {hint}")?;
            }
        }
        Ok(())
    }
}
