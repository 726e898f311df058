//! `COPY … TO STDOUT`: what is copied, and rows in its three forms.

use super::frame::Format;
use super::reply::Reply;
use super::text::{self, Token};
use super::value;
use crate::query::sql::wire::{Cell, Column, Problem};

/// What a binary copy begins with: its mark, no flags, no more head.
const HEAD: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";
/// What it ends with.
const TAIL: &[u8] = b"\xff\xff";

/// A copy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Copy {
    /// The statement whose rows are copied.
    pub(super) query: String,
    form: Form,
    header: bool,
    delimiter: char,
    null: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Text,
    Csv,
    Binary,
}

/// Reads a statement that begins with COPY.
///
/// # Errors
/// It would write, or has a form or option that is not known.
pub(super) fn of(statement: &str, tokens: &[(Token<'_>, usize, usize)]) -> Result<Copy, Problem> {
    let is = |at: usize, word: &str| matches!(tokens.get(at), Some((Token::Word(w), ..)) if w.eq_ignore_ascii_case(word));
    let mut depth = 0i32;
    let mut end = None;
    for (at, (token, ..)) in tokens.iter().enumerate() {
        match token {
            Token::Mark('(') => depth += 1,
            Token::Mark(')') => depth -= 1,
            Token::Word(_) if depth == 0 && is(at, "from") => {
                return Err(Problem::new(
                    "25006",
                    "COPY … FROM is not possible here: nothing is written",
                ));
            }
            Token::Word(_) if depth == 0 && is(at, "to") => {
                end = Some(at);
                break;
            }
            _ => {}
        }
    }
    let Some(end) = end.filter(|at| is(at + 1, "stdout")) else {
        return Err(Problem::new("42501", "only COPY … TO STDOUT is possible here")
            .hint("COPY (SELECT …) TO STDOUT; psql has \\copy (SELECT …) TO 'file'"));
    };
    let from = tokens.first().map_or(0, |(_, _, after)| *after);
    let to = tokens.get(end).map_or(statement.len(), |(_, at, _)| *at);
    let source = statement.get(from..to).unwrap_or("").trim();
    let mut copy = Copy {
        query: query_of(source),
        form: Form::Text,
        header: false,
        delimiter: '\t',
        null: "\\N".to_owned(),
    };
    copy.options(tokens.get(end + 2..).unwrap_or_default())?;
    Ok(copy)
}

/// `(query)`, `table` or `table (columns)`
fn query_of(source: &str) -> String {
    if let Some(inner) = source.strip_prefix('(').and_then(|s| s.strip_suffix(')')) {
        return inner.to_owned();
    }
    match source.split_once('(') {
        Some((table, columns)) => {
            format!("SELECT {} FROM {table}", columns.trim_end().trim_end_matches(')'))
        }
        None => format!("SELECT * FROM {source}"),
    }
}

impl Copy {
    fn options(&mut self, tokens: &[(Token<'_>, usize, usize)]) -> Result<(), Problem> {
        let mut rest = tokens.iter().map(|(token, ..)| *token).peekable();
        let (mut delimiter, mut null) = (None, None);
        while let Some(token) = rest.next() {
            let word = match token {
                Token::Word(word) => word.to_lowercase(),
                Token::Mark('(' | ')' | ',') => continue,
                _ => return Err(unknown("an option of COPY")),
            };
            let mut value = || {
                // DELIMITER [AS] ','
                rest.next_if(|t| matches!(t, Token::Word(w) if w.eq_ignore_ascii_case("as")));
                rest.next().and_then(text::content)
            };
            match word.as_str() {
                "with" => {}
                "csv" => self.form = Form::Csv,
                "binary" => self.form = Form::Binary,
                "format" => {
                    self.form = match value().map(|v| v.to_lowercase()).as_deref() {
                        Some("text") => Form::Text,
                        Some("csv") => Form::Csv,
                        Some("binary") => Form::Binary,
                        _ => return Err(unknown("FORMAT")),
                    };
                }
                "header" => {
                    let said = rest.next_if(|t| matches!(t, Token::Word(_) | Token::Text(_)));
                    let said = said.and_then(text::content).unwrap_or_default();
                    self.header = !matches!(said.to_lowercase().as_str(), "false" | "off" | "0");
                }
                "delimiter" => delimiter = value().and_then(|v| v.chars().next()),
                "null" => null = value(),
                "encoding" | "quote" | "escape" => drop(value()),
                other => return Err(unknown(&other.to_uppercase())),
            }
        }
        if self.form == Form::Csv {
            (self.delimiter, self.null) = (',', String::new());
        }
        self.delimiter = delimiter.unwrap_or(self.delimiter);
        self.null = null.unwrap_or_else(|| self.null.clone());
        Ok(())
    }

    /// What is said before the rows.
    pub(super) fn begin(&self, columns: &[Column], reply: &mut Reply) {
        let format = if self.form == Form::Binary { Format::Binary } else { Format::Text };
        reply.copy_begins(format, columns.len());
        if self.form != Form::Binary && self.header {
            let names = columns.iter().map(|c| Some(c.name.clone()));
            reply.copied(self.line(names).as_bytes());
        }
    }

    /// A row; clients expect the head of a binary copy together with its first one.
    pub(super) fn row(&self, first: bool, row: &[Cell], columns: &[Column], reply: &mut Reply) {
        let kind = |i: usize| columns.get(i).map(|c| c.kind);
        if self.form == Form::Binary {
            return reply.copied_row(if first { HEAD } else { &[] }, row, |cell, i, to| {
                kind(i).is_some_and(|k| value::write(cell, k, Format::Binary, to))
            });
        }
        let cells = row
            .iter()
            .zip(columns)
            .map(|(cell, column)| (*cell != Cell::Null).then(|| value::text(cell, column.kind)));
        reply.copied(self.line(cells).as_bytes());
    }

    /// What is said after the rows.
    pub(super) fn end(&self, rows: u64, reply: &mut Reply) {
        if self.form == Form::Binary {
            reply.copied(&[if rows == 0 { HEAD } else { &[] }, TAIL].concat());
        }
        reply.copy_ends();
    }

    fn line(&self, cells: impl Iterator<Item = Option<String>>) -> String {
        let mut out = String::new();
        for (i, cell) in cells.enumerate() {
            if i > 0 {
                out.push(self.delimiter);
            }
            match cell {
                None => out.push_str(&self.null),
                Some(text) if self.form == Form::Csv => out.push_str(&self.quoted(&text)),
                Some(text) => self.escaped(&text, &mut out),
            }
        }
        out.push('\n');
        out
    }

    fn quoted(&self, text: &str) -> String {
        let marks = |c| c == self.delimiter || matches!(c, '"' | '\n' | '\r');
        if text.contains(marks) || text == self.null || text == "\\." {
            format!("\"{}\"", text.replace('"', "\"\""))
        } else {
            text.to_owned()
        }
    }

    fn escaped(&self, text: &str, out: &mut String) {
        for c in text.chars() {
            match c {
                '\\' => out.push_str("\\\\"),
                '\n' => out.push_str("\\n"),
                '\r' => out.push_str("\\r"),
                '\t' => out.push_str("\\t"),
                c if c == self.delimiter => out.extend(['\\', c]),
                c => out.push(c),
            }
        }
    }
}

fn unknown(what: &str) -> Problem {
    Problem::new("0A000", format!("COPY: {what} is not known here"))
        .hint("FORMAT text, csv or binary, HEADER, DELIMITER and NULL are")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn copy(statement: &str) -> Result<Copy, Problem> {
        of(statement, &text::tokens(statement).collect::<Vec<_>>())
    }

    #[test]
    fn a_copy_names_a_query_or_a_table() {
        let query = |statement: &str| copy(statement).unwrap().query;
        assert_eq!(query("COPY (SELECT 1 to) TO STDOUT (FORMAT binary)"), "SELECT 1 to");
        assert_eq!(query("copy public.calls to stdout"), "SELECT * FROM public.calls");
        assert_eq!(query("COPY calls (a, b) TO STDOUT CSV HEADER"), "SELECT a, b FROM calls ");
        assert_eq!(copy("COPY calls FROM STDIN").unwrap_err().code, "25006");
        assert_eq!(copy("COPY calls TO '/tmp/x'").unwrap_err().code, "42501");
        assert_eq!(copy("COPY calls TO PROGRAM 'x'").unwrap_err().code, "42501");
        assert_eq!(copy("COPY calls TO STDOUT (FREEZE)").unwrap_err().code, "0A000");
    }

    #[test]
    fn lines_keep_what_separates_them_apart() {
        let cells = || ["a,b", "c\td", "e\"f", "\\N"].map(|t| Some(t.to_owned())).into_iter();
        let line = |statement: &str| copy(statement).unwrap().line(cells().chain([None]));
        assert_eq!(line("COPY t TO STDOUT"), "a,b\tc\\td\te\"f\t\\\\N\t\\N\n");
        assert_eq!(line("COPY t TO STDOUT CSV"), "\"a,b\",c\td,\"e\"\"f\",\\N,\n");
        let other = line("COPY t TO STDOUT WITH (FORMAT csv, DELIMITER ';', NULL 'none')");
        assert_eq!(other, "a,b;c\td;\"e\"\"f\";\\N;none\n");
    }
}
