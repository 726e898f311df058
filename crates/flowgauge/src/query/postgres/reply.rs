//! What the server says: messages of the protocol, gathered until they are worth sending.

use super::frame::Format;
use crate::query::sql::wire::Problem;
use bytes::{BufMut, BytesMut};
use std::io;
use tokio::io::{AsyncWrite, AsyncWriteExt};

/// Bytes gathered before they are sent: a full row set of 512 rows is about this long.
const ENOUGH: usize = 64 << 10;

/// Where a session stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// Outside of a transaction.
    Idle,
    /// Inside of one.
    Inside,
    /// Inside of one that has failed.
    Failed,
}

/// A column as clients are told of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Told<'a> {
    pub(super) name: &'a str,
    pub(super) oid: u32,
    /// Bytes of a value; −1 where they differ.
    pub(super) width: i16,
    pub(super) format: Format,
}

/// Messages on their way.
#[derive(Debug, Default)]
pub(super) struct Reply(BytesMut);

impl Reply {
    /// A message of a kind, its body written by `fill`.
    fn message(&mut self, kind: u8, fill: impl FnOnce(&mut BytesMut)) {
        self.0.put_u8(kind);
        let at = self.0.len();
        self.0.put_u32(0);
        fill(&mut self.0);
        let length = u32::try_from(self.0.len() - at).unwrap_or(u32::MAX);
        if let Some(place) = self.0.get_mut(at..at + 4) {
            place.copy_from_slice(&length.to_be_bytes());
        }
    }

    fn bare(&mut self, kind: u8) {
        self.message(kind, |_| {});
    }

    /// The one byte that answers a request for encryption.
    pub(super) fn byte(&mut self, byte: u8) {
        self.0.put_u8(byte);
    }

    /// What is asked for as proof: 0 nothing more, 3 the key itself, 10 to 12 the steps of SASL.
    pub(super) fn proof(&mut self, step: u32, data: &[u8]) {
        self.message(b'R', |to| {
            to.put_u32(step);
            to.put_slice(data);
        });
    }

    pub(super) fn setting(&mut self, name: &str, value: &str) {
        self.message(b'S', |to| {
            text(to, name);
            text(to, value);
        });
    }

    /// What this connection is cancelled by.
    pub(super) fn number(&mut self, process: u32, secret: u32) {
        self.message(b'K', |to| {
            to.put_u32(process);
            to.put_u32(secret);
        });
    }

    /// That only version 3.0 is spoken, and which wishes are not known.
    pub(super) fn older(&mut self, unknown: &[&str]) {
        self.message(b'v', |to| {
            to.put_u32(0);
            to.put_u32(u32::try_from(unknown.len()).unwrap_or(0));
            for name in unknown {
                text(to, name);
            }
        });
    }

    pub(super) fn ready(&mut self, standing: Standing) {
        self.message(b'Z', |to| {
            to.put_u8(match standing {
                Standing::Idle => b'I',
                Standing::Inside => b'T',
                Standing::Failed => b'E',
            });
        });
    }

    pub(super) fn columns<'a>(&mut self, columns: impl ExactSizeIterator<Item = Told<'a>>) {
        self.message(b'T', |to| {
            count(to, columns.len());
            for column in columns {
                text(to, column.name);
                // No table and no number in it: columns are what the statement says.
                to.put_u32(0);
                to.put_u16(0);
                to.put_u32(column.oid);
                to.put_i16(column.width);
                to.put_i32(-1);
                to.put_u16(code(column.format));
            }
        });
    }

    pub(super) fn parameters(&mut self, oids: impl ExactSizeIterator<Item = u32>) {
        self.message(b't', |to| {
            count(to, oids.len());
            oids.for_each(|oid| to.put_u32(oid));
        });
    }

    /// A row; each value is written by `fill`, which says whether there is one.
    pub(super) fn row<T>(&mut self, cells: &[T], fill: impl Fn(&T, usize, &mut BytesMut) -> bool) {
        self.message(b'D', |to| values(to, cells, fill));
    }

    /// A row of COPY in binary form, and what goes before it.
    pub(super) fn copied_row<T>(
        &mut self,
        before: &[u8],
        cells: &[T],
        fill: impl Fn(&T, usize, &mut BytesMut) -> bool,
    ) {
        self.message(b'd', |to| {
            to.put_slice(before);
            values(to, cells, fill);
        });
    }

    pub(super) fn copied(&mut self, bytes: &[u8]) {
        self.message(b'd', |to| to.put_slice(bytes));
    }

    pub(super) fn copy_begins(&mut self, format: Format, columns: usize) {
        self.message(b'H', |to| {
            to.put_u8(u8::from(format == Format::Binary));
            count(to, columns);
            (0..columns).for_each(|_| to.put_u16(code(format)));
        });
    }

    pub(super) fn copy_ends(&mut self) {
        self.bare(b'c');
    }

    pub(super) fn complete(&mut self, tag: &str) {
        self.message(b'C', |to| text(to, tag));
    }

    pub(super) fn no_statement(&mut self) {
        self.bare(b'I');
    }

    pub(super) fn no_rows(&mut self) {
        self.bare(b'n');
    }

    pub(super) fn parsed(&mut self) {
        self.bare(b'1');
    }

    pub(super) fn bound(&mut self) {
        self.bare(b'2');
    }

    pub(super) fn closed(&mut self) {
        self.bare(b'3');
    }

    pub(super) fn suspended(&mut self) {
        self.bare(b's');
    }

    /// Why there is no answer; `place` is the character in the statement, from 1.
    pub(super) fn error(&mut self, severity: &str, problem: &Problem, place: Option<usize>) {
        self.said(b'E', severity, problem, place);
    }

    /// A word beside the answer.
    pub(super) fn notice(&mut self, severity: &str, problem: &Problem) {
        self.said(b'N', severity, problem, None);
    }

    fn said(&mut self, kind: u8, severity: &str, problem: &Problem, place: Option<usize>) {
        let place = place.map(|n| n.to_string());
        let fields = [
            (b'S', Some(severity)),
            (b'V', Some(severity)),
            (b'C', Some(problem.code.as_str())),
            (b'M', Some(problem.message.as_str())),
            (b'H', problem.hint.as_deref()),
            (b'P', place.as_deref()),
        ];
        self.message(kind, |to| {
            for (field, value) in fields {
                let Some(value) = value else { continue };
                to.put_u8(field);
                text(to, value);
            }
            to.put_u8(0);
        });
    }

    /// Sends what was gathered, where it is enough.
    pub(super) async fn pass(&mut self, to: &mut (impl AsyncWrite + Unpin)) -> io::Result<()> {
        if self.0.len() < ENOUGH { Ok(()) } else { self.flush(to).await }
    }

    /// Sends what was gathered.
    pub(super) async fn flush(&mut self, to: &mut (impl AsyncWrite + Unpin)) -> io::Result<()> {
        to.write_all(&self.0).await?;
        self.0.clear();
        to.flush().await
    }
}

fn code(format: Format) -> u16 {
    u16::from(format == Format::Binary)
}

fn count(to: &mut BytesMut, n: usize) {
    to.put_u16(u16::try_from(n).unwrap_or(u16::MAX));
}

/// A text and its end. A NUL would end it early.
fn text(to: &mut BytesMut, value: &str) {
    to.extend(value.bytes().filter(|b| *b != 0));
    to.put_u8(0);
}

fn values<T>(to: &mut BytesMut, cells: &[T], fill: impl Fn(&T, usize, &mut BytesMut) -> bool) {
    count(to, cells.len());
    for (i, cell) in cells.iter().enumerate() {
        let at = to.len();
        to.put_i32(-1);
        if !fill(cell, i, to) {
            continue;
        }
        let length = i32::try_from(to.len() - at - 4).unwrap_or(i32::MAX);
        if let Some(place) = to.get_mut(at..at + 4) {
            place.copy_from_slice(&length.to_be_bytes());
        }
    }
}
