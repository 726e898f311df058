//! Calls sent to a running server: one JSON call per line, as `flowgauge import` writes them.

use super::{BATCH, ImportReport};
use crate::logic::call::{Call, Door, Source};
use crate::receive::ingest::Ingest;
use crate::record::Refused;

/// What the keys of users and sessions are in lines that are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Users {
    /// Hashes, kept as they are.
    Hashed,
    /// Names, hashed here with the key of this installation before anything is kept.
    Named,
}

impl Ingest {
    /// Stores calls from NDJSON. Lines that are no call are counted and named.
    ///
    /// # Errors
    /// When the store has no room now; what was stored before stays, and sending again is safe.
    pub async fn import_ndjson(&self, body: &[u8], users: Users) -> Result<ImportReport, Refused> {
        let mut report = ImportReport::default();
        let mut batch = Vec::new();
        for (number, line) in (1u64..).zip(body.split(|b| *b == b'\n')) {
            if line.iter().all(u8::is_ascii_whitespace) {
                continue;
            }
            report.read += 1;
            match serde_json::from_slice::<Call>(line) {
                Ok(mut call) => {
                    call.origin.source = Source::Import;
                    call.origin.door = Door::Import;
                    if users == Users::Named {
                        let who = &mut call.who;
                        for key in [&mut who.user_key, &mut who.session_key].into_iter().flatten() {
                            *key = self.hash(key);
                        }
                    }
                    batch.push(call);
                }
                Err(e) => report.reject(number, format!("not a call: {e}")),
            }
            if batch.len() >= BATCH {
                self.hand_over(&mut batch, &mut report).await?;
            }
        }
        self.hand_over(&mut batch, &mut report).await?;
        Ok(report)
    }

    async fn hand_over(
        &self,
        batch: &mut Vec<Call>,
        report: &mut ImportReport,
    ) -> Result<(), Refused> {
        if batch.is_empty() {
            return Ok(());
        }
        let ack = self.import_calls(std::mem::take(batch)).await?;
        report.stored += ack.stored;
        report.duplicates += ack.duplicates;
        Ok(())
    }
}
