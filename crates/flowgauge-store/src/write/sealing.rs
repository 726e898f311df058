//! The writer's side of sealing: hands batches to a thread, lists what it wrote.

use super::pack::{begin, delete_batches};
use super::{SEAL_RETRY_US, Store};
use crate::StoreError;
use crate::hot::Kind;
use crate::replay;
use crate::seal::{self, Sealed};
use flowgauge_logic::unit::UnixMicros;

impl Store {
    /// Hands the oldest generation to a thread, where there is one and none is being written.
    pub(super) fn begin_seal(&mut self) -> Result<(), StoreError> {
        if self.job.is_some() {
            return Ok(());
        }
        let batches = match self.shared.live().frozen.front() {
            Some(oldest) => oldest.batches.clone(),
            None => return Ok(()),
        };
        let dir = self.dir.clone();
        let job = std::thread::Builder::new()
            .name("fg-seal".into())
            .spawn(move || seal::write(&dir, batches))
            .map_err(StoreError::io("starting the sealing thread"))?;
        self.job = Some(job);
        Ok(())
    }

    /// Waits for the segment being written, if any, and lists it.
    pub(super) fn land(&mut self, now: UnixMicros) -> Result<(), StoreError> {
        let Some(job) = self.job.take() else { return Ok(()) };
        let sealed = match job.join() {
            Ok(Ok(sealed)) => sealed,
            Ok(Err(error)) => {
                tracing::warn!(%error, "sealing failed; it is tried again");
                return self.postpone(now);
            }
            Err(_) => {
                tracing::error!("the sealing thread panicked; it is tried again");
                return self.postpone(now);
            }
        };
        let listed = self.list(&sealed, now);
        self.failed |= listed.is_err();
        listed
    }

    /// The generation stays where it is and is tried again later.
    fn postpone(&mut self, now: UnixMicros) -> Result<(), StoreError> {
        self.no_seal_before = UnixMicros(now.0.saturating_add(SEAL_RETRY_US));
        Ok(())
    }

    /// The transaction that moves rows from batches to a segment, seen by readers all at once.
    fn list(&mut self, sealed: &Sealed, now: UnixMicros) -> Result<(), StoreError> {
        let carried = {
            let open = std::mem::take(&mut self.open);
            let carried = self.packed(&open.values().collect::<Vec<_>>(), Kind::Started, now);
            self.open = open;
            carried?
        };
        replay::quarantine(&self.db, sealed.bad(), now)?;
        let (minutes, series) = {
            let mut live = self.shared.live_mut();
            for (seq, reason) in sealed.bad() {
                live.note_damage(format!("batch {seq} {reason}; it is set aside"));
            }
            for what in sealed.damaged() {
                live.note_damage(what.clone());
            }
            let series = live.series.unsaved();
            let front = live.frozen.front();
            (front.map(|g| (g.minutes.clone(), g.taken.clone())).unwrap_or_default(), series)
        };
        let tx = begin(&self.db)?;
        seal::install(&tx, sealed, (&minutes.0, &minutes.1), &series, now)?;
        delete_batches(&tx, &self.started)?;
        if let Some(p) = &carried {
            p.insert(&tx)?;
        }
        {
            let mut live = self.shared.live_mut();
            tx.commit().map_err(StoreError::io("committing a segment"))?;
            live.frozen.pop_front();
            live.series.saved(series.len());
        }
        self.started = carried.iter().map(|p| p.row.seq).collect();
        self.checkpoint.wrote(0, &self.db);
        Ok(())
    }
}
