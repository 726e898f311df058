//! Lines of a file as calls, with ids that follow from their content.

use super::field::{Field, Mapping};
use super::{MAX_LINE, row};
use crate::logic::call::Call;
use crate::logic::unit::UnixMicros;
use crate::receive::UserHasher;
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::io::{self, BufRead, Read};

/// Form of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Comma-separated values with a header.
    Csv,
    /// One JSON object per line.
    Jsonl,
}

impl Format {
    /// By the end of a file's name.
    #[must_use]
    pub fn of_name(name: &str) -> Option<Self> {
        let (_, end) = name.rsplit_once('.')?;
        match end.to_ascii_lowercase().as_str() {
            "csv" => Some(Self::Csv),
            "jsonl" | "ndjson" => Some(Self::Jsonl),
            _ => None,
        }
    }
}

/// What a line became: a call, or a reason.
pub type Line = (u64, Result<Call, String>);

/// Reads calls from a file.
#[derive(Debug)]
pub struct Reader<R> {
    input: R,
    format: Format,
    mapping: Mapping,
    header: Vec<Option<Field>>,
    hasher: Option<UserHasher>,
    received: UnixMicros,
    salt: Sha256,
    seen: HashMap<[u8; 32], u32>,
    line: u64,
    bytes: u64,
    buffer: Vec<u8>,
}

impl<R: BufRead> Reader<R> {
    /// Begins a file; for CSV the header is read. Without a hasher users and sessions keep their names, for a server
    /// that has the key.
    ///
    /// # Errors
    /// When it cannot be read, holds no column for the start time, or lacks a mapped column.
    pub fn new(
        input: R,
        format: Format,
        mapping: Mapping,
        received: UnixMicros,
        hasher: impl Into<Option<UserHasher>>,
    ) -> io::Result<Self> {
        let salt = Sha256::new().chain_update(mapping.fingerprint().as_bytes());
        let mut reader = Self {
            input,
            format,
            mapping,
            header: Vec::new(),
            hasher: hasher.into(),
            received,
            salt,
            seen: HashMap::new(),
            line: 0,
            bytes: 0,
            buffer: Vec::new(),
        };
        if format == Format::Csv {
            reader.read_header()?;
        }
        Ok(reader)
    }

    /// Bytes read so far.
    pub const fn bytes(&self) -> u64 {
        self.bytes
    }

    fn read_header(&mut self) -> io::Result<()> {
        let bad = |text: String| io::Error::new(io::ErrorKind::InvalidData, text);
        if !self.read_line()? {
            return Err(bad("the file is empty".to_owned()));
        }
        let text = String::from_utf8_lossy(&self.buffer);
        let columns = split(text.trim_start_matches('\u{feff}')).map_err(bad)?;
        self.header = columns.iter().map(|c| self.mapping.field(c)).collect();
        for wanted in self.mapping.columns() {
            if !columns.iter().any(|c| c.trim() == wanted) {
                let have = columns.join(", ");
                return Err(bad(format!("--map names column `{wanted}`; the file has {have}")));
            }
        }
        if !self.header.contains(&Some(Field::Start)) {
            let have = columns.join(", ");
            let text = "no column gives the start time; use --map COLUMN=start_time";
            return Err(bad(format!("{text}; the file has {have}")));
        }
        Ok(())
    }

    /// Reads one line into the buffer, without its end; false at the end of the file.
    fn read_line(&mut self) -> io::Result<bool> {
        self.buffer.clear();
        let most = u64::try_from(MAX_LINE).unwrap_or(u64::MAX) + 1;
        let read = self.input.by_ref().take(most).read_until(b'\n', &mut self.buffer)?;
        if read == 0 {
            return Ok(false);
        }
        self.bytes += u64::try_from(read).unwrap_or(u64::MAX);
        self.line += 1;
        if self.buffer.len() > MAX_LINE {
            let text = format!("line {} is longer than {MAX_LINE} bytes", self.line);
            return Err(io::Error::new(io::ErrorKind::InvalidData, text));
        }
        while self.buffer.last().is_some_and(|b| matches!(b, b'\n' | b'\r')) {
            self.buffer.pop();
        }
        Ok(true)
    }

    /// The next line that is not blank.
    ///
    /// # Errors
    /// When the file cannot be read on.
    pub fn next_line(&mut self) -> io::Result<Option<Line>> {
        loop {
            if !self.read_line()? {
                return Ok(None);
            }
            if !self.buffer.iter().all(u8::is_ascii_whitespace) {
                return Ok(Some((self.line, self.parse())));
            }
        }
    }

    fn parse(&mut self) -> Result<Call, String> {
        let random = self.random();
        let text = std::str::from_utf8(&self.buffer).map_err(|_| "not UTF-8".to_owned())?;
        match self.format {
            Format::Csv => {
                let cells = split(text)?;
                if cells.len() != self.header.len() {
                    let wanted = self.header.len();
                    return Err(format!("{} columns instead of {wanted}", cells.len()));
                }
                let cells: Vec<(Field, &str)> = self
                    .header
                    .iter()
                    .zip(&cells)
                    .filter_map(|(field, cell)| Some(((*field)?, cell.as_str())))
                    .collect();
                row::call(&cells, self.received, random, self.hasher.as_ref())
            }
            Format::Jsonl => {
                let object: serde_json::Map<String, serde_json::Value> =
                    serde_json::from_str(text).map_err(|e| format!("JSON: {e}"))?;
                let texts: Vec<(Field, String)> = object
                    .into_iter()
                    .filter_map(|(k, v)| Some((self.mapping.field(&k)?, plain(v)?)))
                    .collect();
                let cells: Vec<_> = texts.iter().map(|(f, t)| (*f, t.as_str())).collect();
                row::call(&cells, self.received, random, self.hasher.as_ref())
            }
        }
    }

    /// The lower part of the id: from content, mapping, and how often this content came before in
    /// this file. The same file again, or a longer one, gives the same ids.
    fn random(&mut self) -> [u8; 10] {
        let content = self.salt.clone().chain_update(&self.buffer).finalize();
        let nth = self.seen.entry(content.into()).or_default();
        *nth += 1;
        let digest = Sha256::new().chain_update(content).chain_update(nth.to_be_bytes()).finalize();
        let mut random = [0; 10];
        random.iter_mut().zip(digest.iter()).for_each(|(to, from)| *to = *from);
        random
    }
}

/// Cells of one CSV line. A quoted cell that spans lines is not supported: no field of ours does.
fn split(line: &str) -> Result<Vec<String>, String> {
    let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(line.as_bytes());
    let mut record = csv::StringRecord::new();
    match reader.read_record(&mut record) {
        Ok(true) => Ok(record.iter().map(str::to_owned).collect()),
        Ok(false) => Err("no columns".to_owned()),
        Err(e) => Err(format!("CSV: {e}")),
    }
}

/// A JSON value as the text of a cell; null and structures are no value.
fn plain(value: serde_json::Value) -> Option<String> {
    use serde_json::Value as J;
    match value {
        J::String(s) => Some(s),
        J::Bool(_) | J::Number(_) => Some(value.to_string()),
        J::Null | J::Array(_) | J::Object(_) => None,
    }
}
