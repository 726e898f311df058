//! Frames between flowgauge and its SQL worker. No type of the query engine crosses them.
//!
//! A frame is a length (4 bytes, little endian) and MessagePack. The worker is told one question at
//! a time and asks back for the rows it needs, so that it opens no database (decision D26).

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::io::{self, Read, Write};

pub use serde_bytes::ByteBuf;

/// Longest frame: a segment's worth of unsealed rows as Arrow is about 100 MiB.
pub const MAX_FRAME: u32 = 256 << 20;
/// Rows in one answer frame at most, so that a reader that stops early has read little.
pub const ROWS_A_FRAME: usize = 512;

/// What a query may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Memory of the query engine, bytes.
    pub memory: u64,
    /// Time from question to end, ms.
    pub time_ms: u64,
    /// Rows of the answer.
    pub rows: u64,
}

impl Default for Limits {
    /// Those of `reliability.md` 4: 512 MiB, 30 s, 10⁶ rows.
    fn default() -> Self {
        Self { memory: 512 << 20, time_ms: 30_000, rows: 1_000_000 }
    }
}

/// A question.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Ask {
    /// One statement.
    pub text: String,
    /// What `now()` is, µs since the epoch.
    pub now: i64,
    /// Values of `$1`, `$2`, …
    pub parameters: Vec<Cell>,
    /// What is wanted of it.
    pub wish: Wish,
    /// What it may use.
    pub limits: Limits,
    /// Who asks, for `current_user`.
    pub user: String,
}

/// What is wanted of a statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Wish {
    /// Its columns and the types of its parameters only.
    Describe,
    /// Its rows.
    Rows,
    /// Its rows, as one Parquet file.
    Parquet,
}

/// To the worker.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum ToWorker {
    /// A question; the one before has ended.
    Ask(Ask),
    /// Rows it asked for.
    Given(Given),
    /// Why they cannot be had.
    Withheld(String),
}

/// Rows of one table the worker needs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Need {
    /// The table's name in [`flowgauge_store::schema`].
    pub table: String,
    /// Not before this moment, µs.
    pub from: Option<i64>,
    /// Before this moment, µs.
    pub to: Option<i64>,
    /// Columns wanted, by name; empty = all.
    pub columns: Vec<String>,
    /// Of `rollups`: minutes of the buckets wanted; hours where nothing is said.
    pub minutes: Option<i64>,
    /// Of `rollups`: the rows of a bucket and a source are added up in any case, so that their total will do.
    pub totals: bool,
}

impl Need {
    /// Whether a column is wanted.
    #[must_use]
    pub fn wants(&self, column: &str) -> bool {
        self.columns.is_empty() || self.columns.iter().any(|c| c == column)
    }
}

/// Rows given to the worker.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Given {
    /// Segments of calls to read.
    pub files: Vec<File>,
    /// Calls in those segments that are out of date or given again, by id.
    pub replaced: Vec<String>,
    /// Rows as Arrow IPC streams: unsealed calls.
    pub ipc: Vec<ByteBuf>,
    /// Rows of other tables: cells in the order of the wanted columns; none named, in that of the table's.
    pub rows: Vec<Vec<Cell>>,
    /// What is missing from all this, in words.
    pub missing: Vec<String>,
}

/// A segment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct File {
    /// Absolute path.
    pub path: String,
    /// Length in bytes.
    pub bytes: u64,
    /// Whether none of its rows is in `replaced`.
    pub untouched: bool,
}

/// From the worker.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum FromWorker {
    /// It is ready for its first question.
    Ready,
    /// It needs rows.
    Need(Need),
    /// The head of the answer.
    Head(Head),
    /// Rows of the answer.
    Rows(Vec<Vec<Cell>>),
    /// Bytes of the Parquet file.
    Bytes(ByteBuf),
    /// The answer is complete.
    End(End),
    /// There is no answer, or no more of it.
    Failed(Problem),
}

/// The head of an answer.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// Its columns.
    pub columns: Vec<Column>,
    /// Types of the statement's parameters; nothing where it can be any.
    pub parameters: Vec<Option<Kind>>,
}

/// A column of an answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Column {
    /// As the statement names it.
    pub name: String,
    /// Its type.
    pub kind: Kind,
}

/// Types of columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Kind {
    /// `boolean`
    Bool,
    /// `smallint`
    Int2,
    /// `integer`
    Int4,
    /// `bigint`
    Int8,
    /// `real`
    Float4,
    /// `double precision`
    Float8,
    /// `numeric`
    Decimal,
    /// `text`
    Text,
    /// `"char"` of the Postgres catalogue
    Char,
    /// `oid` of the Postgres catalogue
    Oid,
    /// `date`
    Date,
    /// `timestamp without time zone`
    Timestamp,
    /// `timestamp with time zone`
    TimestampTz,
    /// `time`
    Time,
    /// `interval`
    Interval,
    /// `bytea`
    Bytes,
    /// `text[]`; other lists are shown as text
    TextList,
}

/// One cell.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Cell {
    /// Unknown.
    Null,
    /// Truth.
    Bool(bool),
    /// Whole number.
    Int(i64),
    /// Real number.
    Float(f64),
    /// Exact decimal number, as written.
    Decimal(String),
    /// Text.
    Text(String),
    /// Days since the epoch.
    Date(i32),
    /// Microseconds since the epoch, UTC.
    Time(i64),
    /// Microseconds since midnight.
    Clock(i64),
    /// Months, days, microseconds.
    Interval(i32, i32, i64),
    /// Bytes.
    Bytes(ByteBuf),
    /// List of texts.
    List(Vec<Option<String>>),
}

/// The end of an answer.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct End {
    /// Rows sent.
    pub rows: u64,
    /// What the answer misses, in words; empty where it is whole.
    pub missing: Vec<String>,
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
pub struct Problem {
    /// Five characters of SQLSTATE.
    pub code: String,
    /// What, in plain words.
    pub message: String,
    /// The way out.
    pub hint: Option<String>,
    /// Line and column in the statement, from 1.
    pub place: Option<(u64, u64)>,
}

impl Problem {
    /// Of a kind, without a place.
    #[must_use]
    pub fn new(code: &str, message: impl Into<String>) -> Self {
        Self { code: code.to_owned(), message: message.into(), hint: None, place: None }
    }

    /// With a way out.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

/// A frame as bytes, its length before it.
///
/// # Errors
/// It is longer than [`MAX_FRAME`].
pub fn frame_of<T: Serialize>(value: &T) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; 4];
    rmp_serde::encode::write(&mut bytes, value).map_err(io::Error::other)?;
    let length = u32::try_from(bytes.len() - 4).ok().filter(|n| *n <= MAX_FRAME);
    let length = length.ok_or_else(|| io::Error::other("a frame is too long"))?;
    if let Some(head) = bytes.first_chunk_mut::<4>() {
        *head = length.to_le_bytes();
    }
    Ok(bytes)
}

/// A frame's content, from the bytes after its length.
///
/// # Errors
/// They are no such value.
pub fn value_of<T: DeserializeOwned>(bytes: &[u8]) -> io::Result<T> {
    rmp_serde::from_slice(bytes).map_err(|e| io::Error::new(io::ErrorKind::InvalidData, e))
}

/// Writes one frame.
///
/// # Errors
/// The other side is gone, or the frame is too long.
pub fn write<T: Serialize>(to: &mut impl Write, value: &T) -> io::Result<()> {
    to.write_all(&frame_of(value)?)?;
    to.flush()
}

/// Reads one frame; nothing at the end of input.
///
/// # Errors
/// The input breaks off or is no frame.
pub fn read<T: DeserializeOwned>(from: &mut impl Read) -> io::Result<Option<T>> {
    let mut head = [0; 4];
    match from.read_exact(&mut head) {
        Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        other => other?,
    }
    let length = u32::from_le_bytes(head);
    if length > MAX_FRAME {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "a frame is too long"));
    }
    let mut bytes = vec![0; usize::try_from(length).unwrap_or(0)];
    from.read_exact(&mut bytes)?;
    value_of(&bytes).map(Some)
}
