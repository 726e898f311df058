//! What reading commands print: one answer as table, JSON, YAML, CSV or Markdown, to stdout or a
//! file. JSON is the answer itself and stable; tables are for people.

use super::exit::{CANNOT_WRITE, Failure};
use serde_json::Value;
use std::io::Write;
use std::path::Path;

/// Shape of the output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Format {
    /// Aligned columns, for people
    Table,
    /// Stable, for programs
    Json,
    /// The same as YAML
    Yaml,
    /// Comma separated, RFC 4180
    Csv,
    /// A Markdown table
    Md,
}

/// Options of everything that reads.
#[derive(Debug, Clone, Default, clap::Args)]
pub(crate) struct ShowArgs {
    /// Short for --format json
    #[arg(long, conflicts_with = "format")]
    pub(crate) json: bool,
    /// Shape of the output
    #[arg(long, value_enum)]
    pub(crate) format: Option<Format>,
    /// A file (its suffix picks the format), a format name, or - for stdout
    #[arg(long, value_name = "FILE|FORMAT")]
    pub(crate) output: Option<String>,
    /// Leave the heading out
    #[arg(long)]
    pub(crate) no_headers: bool,
}

/// Rows of text under headings.
#[derive(Debug, Default)]
pub(crate) struct Sheet {
    pub(crate) columns: Vec<&'static str>,
    pub(crate) rows: Vec<Vec<String>>,
}

impl ShowArgs {
    /// The format meant, and the file if any.
    pub(crate) fn target(&self) -> (Option<Format>, Option<&str>) {
        let asked = if self.json { Some(Format::Json) } else { self.format };
        match self.output.as_deref() {
            None | Some("-") => (asked, None),
            // A bare format name means that format on stdout.
            Some(name) if by_name(name).is_some() => (asked.or_else(|| by_name(name)), None),
            Some(file) => {
                let suffix = Path::new(file).extension().and_then(|s| s.to_str());
                (asked.or_else(|| by_name(suffix?)), Some(file))
            }
        }
    }

    /// Whether people read it: a table on standard output.
    pub(crate) fn is_for_people(&self) -> bool {
        matches!(self.target(), (None | Some(Format::Table), None))
    }

    /// Prints an answer.
    pub(crate) fn print(&self, sheet: &Sheet, json: &Value) -> Result<(), Failure> {
        let (format, file) = self.target();
        let text = self.render(format.unwrap_or(Format::Table), sheet, json)?;
        emit(&text, file)
    }

    /// The answer as text, with its last line ended.
    pub(crate) fn render(
        &self,
        format: Format,
        sheet: &Sheet,
        json: &Value,
    ) -> Result<String, Failure> {
        let broken = |e: &dyn std::fmt::Display| Failure::new(CANNOT_WRITE, e.to_string());
        let mut text = match format {
            Format::Json => serde_json::to_string_pretty(json).map_err(|e| broken(&e))?,
            Format::Yaml => serde_saphyr::to_string(json).map_err(|e| broken(&e))?,
            Format::Csv => sheet.csv(self.no_headers).map_err(|e| broken(&e))?,
            Format::Md => sheet.table(comfy_table::presets::ASCII_MARKDOWN, self.no_headers),
            Format::Table => sheet.table(comfy_table::presets::NOTHING, self.no_headers),
        };
        if !text.is_empty() && !text.ends_with('\n') {
            text.push('\n');
        }
        Ok(text)
    }
}

fn by_name(name: &str) -> Option<Format> {
    match name {
        "table" | "txt" => Some(Format::Table),
        "json" => Some(Format::Json),
        "yaml" | "yml" => Some(Format::Yaml),
        "csv" => Some(Format::Csv),
        "md" => Some(Format::Md),
        _ => None,
    }
}

/// An answer as JSON.
pub(crate) fn json<T: serde::Serialize>(answer: &T) -> Result<Value, Failure> {
    serde_json::to_value(answer).map_err(|e| Failure::new(CANNOT_WRITE, e.to_string()))
}

/// Writes to stdout, or to a file under a temporary name that is then renamed.
pub(crate) fn emit(text: &str, file: Option<&str>) -> Result<(), Failure> {
    let Some(file) = file else {
        let mut out = std::io::stdout().lock();
        out.write_all(text.as_bytes())?;
        return Ok(out.flush()?);
    };
    let write = || -> std::io::Result<()> {
        let path = Path::new(file);
        let dir = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let mut temporary = tempfile::NamedTempFile::new_in(dir)?;
        temporary.write_all(text.as_bytes())?;
        temporary.as_file().sync_all()?;
        temporary.persist(path)?;
        Ok(())
    };
    write().map_err(|e| Failure::new(CANNOT_WRITE, format!("{file} cannot be written: {e}")))
}

/// One line on stdout.
pub(crate) fn line(text: &str) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{text}")?;
    Ok(out.flush()?)
}

/// One line on stderr. Nothing can be done where stderr is gone.
pub(crate) fn note(text: &str) {
    let _gone = writeln!(std::io::stderr().lock(), "{text}");
}

impl Sheet {
    /// Adds a row.
    pub(crate) fn row<S: Into<String>>(&mut self, cells: impl IntoIterator<Item = S>) {
        self.rows.push(cells.into_iter().map(Into::into).collect());
    }

    fn csv(&self, no_headers: bool) -> Result<String, csv::Error> {
        let mut out = csv::Writer::from_writer(Vec::new());
        if !no_headers {
            out.write_record(&self.columns)?;
        }
        for row in &self.rows {
            out.write_record(row)?;
        }
        out.flush()?;
        let bytes = out.into_inner().map_err(|e| std::io::Error::other(e.to_string()))?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    fn table(&self, style: comfy_table::TableStyle, no_headers: bool) -> String {
        let mut table = comfy_table::Table::new();
        table.load_style(style);
        if !no_headers {
            table.set_header(self.columns.iter().copied());
        }
        for row in &self.rows {
            table.add_row(row.iter().map(|cell| printable(cell)));
        }
        let text = table.to_string();
        text.lines().map(str::trim_end).collect::<Vec<_>>().join("\n")
    }
}

/// Text of outsiders without control characters: it cannot move the cursor of a terminal.
pub(crate) fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sheet() -> Sheet {
        let mut sheet = Sheet { columns: vec!["model", "n"], rows: Vec::new() };
        sheet.row(["gpt,4\u{1b}[2J", "3"]);
        sheet
    }

    #[test]
    fn an_output_is_a_format_a_file_or_stdout() {
        let target = |output: &str| {
            let args = ShowArgs { output: Some(output.to_owned()), ..ShowArgs::default() };
            let (format, file) = args.target();
            (format, file.map(str::to_owned))
        };
        assert_eq!(target("json"), (Some(Format::Json), None));
        assert_eq!(target("-"), (None, None));
        assert_eq!(target("a/b.csv"), (Some(Format::Csv), Some("a/b.csv".to_owned())));
        assert_eq!(target("b.html"), (None, Some("b.html".to_owned())));
    }

    #[test]
    fn csv_quotes_and_tables_disarm_control_characters() {
        let args = ShowArgs::default();
        let csv = args.render(Format::Csv, &sheet(), &Value::Null).unwrap();
        assert_eq!(csv, "model,n\n\"gpt,4\u{1b}[2J\",3\n");
        let table = args.render(Format::Table, &sheet(), &Value::Null).unwrap();
        assert!(!table.contains('\u{1b}') && table.contains("gpt,4"), "{table}");
        let md = args.render(Format::Md, &sheet(), &Value::Null).unwrap();
        assert!(md.starts_with("| model") && md.contains("|---"), "{md}");
    }
}
