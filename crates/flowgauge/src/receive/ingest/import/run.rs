//! Drives an import: reads, hands over in batches, reports.

use super::lines::Reader;
use super::{BATCH, ImportReport};
use crate::logic::call::Call;
use crate::record::{Ack, Refused};
use std::future::Future;
use std::io::{self, BufRead};

/// Where calls go: a local recorder, or a server.
pub trait Sink {
    /// Makes calls durable.
    fn submit(&mut self, calls: Vec<Call>) -> impl Future<Output = Result<Ack, Refused>> + Send;
}

impl<F, Fut> Sink for F
where
    F: FnMut(Vec<Call>) -> Fut,
    Fut: Future<Output = Result<Ack, Refused>> + Send,
{
    fn submit(&mut self, calls: Vec<Call>) -> impl Future<Output = Result<Ack, Refused>> + Send {
        self(calls)
    }
}

/// An import that stopped early. Running it again stores only what is missing.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The file cannot be read on.
    #[error("after {} lines: {source}", done.read)]
    Unreadable {
        /// What was done before.
        done: ImportReport,
        /// Why.
        source: io::Error,
    },
    /// The store took no more.
    #[error("after {} stored calls: {source}", done.stored)]
    Refused {
        /// What was done before.
        done: ImportReport,
        /// Why.
        source: Refused,
    },
}

/// Imports all lines. `progress` is told the bytes read so far.
///
/// # Errors
/// When the file cannot be read on or the sink refuses; what was stored before stays stored.
pub async fn run<R: BufRead>(
    mut reader: Reader<R>,
    mut sink: impl Sink,
    mut progress: impl FnMut(u64),
) -> Result<ImportReport, ImportError> {
    let mut report = ImportReport::default();
    let mut batch = Vec::with_capacity(BATCH);
    loop {
        let line = match reader.next_line() {
            Ok(line) => line,
            Err(source) => return Err(ImportError::Unreadable { done: report, source }),
        };
        let last = line.is_none();
        if let Some((number, parsed)) = line {
            report.read += 1;
            match parsed {
                Ok(call) => batch.push(call),
                Err(reason) => report.reject(number, reason),
            }
        }
        if batch.len() >= BATCH || (last && !batch.is_empty()) {
            let calls = std::mem::replace(&mut batch, Vec::with_capacity(BATCH));
            match sink.submit(calls).await {
                Ok(ack) => {
                    report.stored += ack.stored;
                    report.duplicates += ack.duplicates;
                }
                Err(source) => return Err(ImportError::Refused { done: report, source }),
            }
            progress(reader.bytes());
        }
        if last {
            progress(reader.bytes());
            return Ok(report);
        }
    }
}
