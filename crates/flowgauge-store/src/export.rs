//! Raw calls as files for other programs: every column of a segment, whatever the format.
//!
//! Streams: one batch or row group is in memory at a time. Rows are in order of time within a part
//! (unsealed batches first, then segments, oldest first), not across parts.

use crate::ask::CallQuery;
use crate::columns::{self, Kind, Value};
use crate::hot::{self, SegmentRow};
use crate::read::{Reader, snapshot};
use crate::segment::{ROW_GROUP, properties};
use crate::{StoreError, amend};
use flowgauge_logic::call::Call;
use flowgauge_logic::unit::UnixMicros;
use parquet::arrow::ArrowWriter;
use parquet::file::metadata::KeyValue;
use std::io::Write;

/// How rows are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExportFormat {
    /// Parquet, as segments are.
    Parquet,
    /// RFC 4180 with a heading; unknown values are empty.
    Csv,
    /// One JSON object a line; unknown values are `null`.
    Jsonl,
}

enum Sink<W: Write + Send> {
    Parquet(Box<ArrowWriter<W>>, Vec<Call>),
    Csv(W),
    Jsonl(W),
}

impl Reader {
    /// Writes every row of a question, its limit and page aside, and says how many there were. Rows
    /// of damaged files are left out: [`Reader::damaged`] has them.
    ///
    /// # Errors
    /// The database cannot be read, or the output takes no more.
    pub fn export<W: Write + Send>(
        &self,
        query: &CallQuery,
        format: ExportFormat,
        to: W,
    ) -> Result<u64, StoreError> {
        let mut sink = Sink::open(format, to)?;
        let mut rows = 0;
        let mut put = |calls: Vec<Call>| {
            let mut wanted: Vec<Call> = calls.into_iter().filter(|c| query.wants(c)).collect();
            wanted.sort_by_key(|c| (c.time.start, c.id));
            rows += wanted.len() as u64;
            sink.put(wanted)
        };
        self.shared.with(|db| {
            let (segments, _pin) = {
                // Unsealed rows under the snapshot that lists the segments: none is met twice.
                let tx = snapshot(db)?;
                for (seq, ..) in self.batch_spans(&tx, query.window.from.0, query.window.to.0)? {
                    put(self.batch(&tx, seq)?)?;
                }
                let mut segments = hot::readable(&tx)?;
                segments.retain(|s| s.touches(query.window));
                segments.sort_by_key(|s| s.min_time);
                let pin = self.pin_rows(segments.iter().cloned());
                (segments, pin)
            };
            // Without it from here: a long read keeps the log from being cut.
            segments.iter().try_for_each(|row| self.export_segment(db, row, query, &mut put))
        })?;
        sink.close()?;
        Ok(rows)
    }

    fn export_segment(
        &self,
        db: &rusqlite::Connection,
        row: &SegmentRow,
        query: &CallQuery,
        put: &mut impl FnMut(Vec<Call>) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let Some(segment) = self.shared.segment(row) else { return Ok(()) };
        for (group, (min, max)) in segment.groups().iter().enumerate() {
            if *min >= query.window.to.0 || *max < query.window.from.0 {
                continue;
            }
            match segment.rows(group) {
                Ok(mut rows) => {
                    amend::overlay(db, &mut rows)?;
                    put(rows)?;
                }
                Err(e) => self.note(row, &e),
            }
        }
        Ok(())
    }
}

const WRITING: &str = "writing the export";

impl<W: Write + Send> Sink<W> {
    fn open(format: ExportFormat, mut to: W) -> Result<Self, StoreError> {
        Ok(match format {
            ExportFormat::Parquet => {
                let made = KeyValue::new("flowgauge.export".to_owned(), "1".to_owned());
                let properties = properties(made).map_err(StoreError::io(WRITING))?;
                let writer = ArrowWriter::try_new(to, columns::schema(), Some(properties));
                Self::Parquet(Box::new(writer.map_err(StoreError::io(WRITING))?), Vec::new())
            }
            ExportFormat::Csv => {
                let names: Vec<&str> = columns::ALL.iter().map(|c| c.name).collect();
                write!(to, "{}\r\n", names.join(",")).map_err(StoreError::io(WRITING))?;
                Self::Csv(to)
            }
            ExportFormat::Jsonl => Self::Jsonl(to),
        })
    }

    fn put(&mut self, calls: Vec<Call>) -> Result<(), StoreError> {
        match self {
            Self::Parquet(writer, waiting) => {
                waiting.extend(calls);
                while waiting.len() >= ROW_GROUP {
                    let rest = waiting.split_off(ROW_GROUP);
                    write_group(writer, &std::mem::replace(waiting, rest))?;
                }
                Ok(())
            }
            Self::Csv(to) => {
                let lines = calls.iter().try_for_each(|c| csv_line(to, c));
                lines.map_err(StoreError::io(WRITING))
            }
            Self::Jsonl(to) => {
                let lines = calls.iter().try_for_each(|c| json_line(to, c));
                lines.map_err(StoreError::io(WRITING))
            }
        }
    }

    fn close(self) -> Result<(), StoreError> {
        match self {
            Self::Parquet(mut writer, waiting) => {
                if !waiting.is_empty() {
                    write_group(&mut writer, &waiting)?;
                }
                writer.close().map(drop).map_err(StoreError::io(WRITING))
            }
            Self::Csv(mut to) | Self::Jsonl(mut to) => to.flush().map_err(StoreError::io(WRITING)),
        }
    }
}

fn write_group<W: Write + Send>(
    writer: &mut ArrowWriter<W>,
    calls: &[Call],
) -> Result<(), StoreError> {
    let batch = columns::batch_of(calls).map_err(StoreError::io(WRITING))?;
    writer.write(&batch).map_err(StoreError::io(WRITING))
}

fn csv_line(to: &mut impl Write, call: &Call) -> std::io::Result<()> {
    for (i, column) in columns::ALL.iter().enumerate() {
        if i > 0 {
            to.write_all(b",")?;
        }
        match (column.get)(call) {
            Value::Null => {}
            Value::Text(t) if t.contains(['"', ',', '\n', '\r']) => {
                write!(to, "\"{}\"", t.replace('"', "\"\""))?;
            }
            Value::Text(t) => write!(to, "{t}")?,
            Value::Count(n) => write!(to, "{n}")?,
            Value::Money(n) => write!(to, "{n}")?,
            Value::Time(t) => write!(to, "{}", UnixMicros(t).to_rfc3339())?,
            Value::Truth(b) => write!(to, "{b}")?,
            Value::Real(r) => write!(to, "{r}")?,
        }
    }
    to.write_all(b"\r\n")
}

fn json_line(to: &mut impl Write, call: &Call) -> std::io::Result<()> {
    for (i, column) in columns::ALL.iter().enumerate() {
        to.write_all(if i == 0 { b"{\"" } else { b",\"" })?;
        write!(to, "{}\":", column.name)?;
        match (column.get)(call) {
            Value::Text(t) => serde_json::to_writer(&mut *to, &t)?,
            Value::Count(n) => write!(to, "{n}")?,
            Value::Money(n) => write!(to, "{n}")?,
            Value::Time(t) => write!(to, "\"{}\"", UnixMicros(t).to_rfc3339())?,
            Value::Truth(b) => write!(to, "{b}")?,
            Value::Real(r) if r.is_finite() => write!(to, "{r}")?,
            Value::Real(_) | Value::Null => to.write_all(b"null")?,
        }
    }
    to.write_all(b"}\n")
}

/// The columns of segments and exports: name and type, in order.
#[must_use]
pub fn columns() -> Vec<(&'static str, &'static str)> {
    let word = |kind| match kind {
        Kind::Text => "string",
        Kind::Count => "uint64",
        Kind::Money => "int64",
        Kind::Time => "timestamp[us, UTC]",
        Kind::Truth => "boolean",
        Kind::Real => "float32",
    };
    columns::ALL.iter().map(|c| (c.name, word(c.kind))).collect()
}
