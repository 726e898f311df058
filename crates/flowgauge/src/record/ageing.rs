//! Letting stored data grow old by the configuration: merge, archive, drop, in that order.
//!
//! The same work is done once a day by the server, on demand through the API, and by the command
//! line where no server runs. What takes long reads beside the writer; only short transactions are
//! the writer's. Refuses to delete what is in no archive where one is configured.

mod shelf;

use super::Recorder;
use crate::config::{ArchiveAt, Retention, S3};
use crate::logic::unit::UnixMicros;
use crate::serve::clock::Clock;
use crate::store::age::{Archived, Attached, Dropped, Manifest, PrunePlan, RollupsDropped};
use crate::store::{Reader, Store, StoreError};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Between two rounds of the server. Segments are merged as often; dropping what is too old needs a
/// round a day, and a round that finds nothing reads the manifest only.
const EVERY: Duration = Duration::from_secs(3_600);
/// Merges of one round: at a second each, a minute beside the gateway.
const MERGES: usize = 64;

/// Who changes a store: its writer's thread, or the only process that has it.
pub trait Hands {
    /// A read handle.
    ///
    /// # Errors
    /// The store is not open now.
    fn reader(&self) -> Result<Reader, StoreError>;
    /// Does one short change.
    ///
    /// # Errors
    /// As the change, or the store is not open now.
    fn change<T, F>(&mut self, change: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&mut Store, UnixMicros) -> Result<T, StoreError> + Send + 'static;
}

/// A store of one's own.
#[derive(Debug)]
pub struct Alone {
    /// The store.
    pub store: Store,
    /// The clock.
    pub clock: Clock,
}

impl Hands for Alone {
    fn reader(&self) -> Result<Reader, StoreError> {
        Ok(self.store.reader())
    }

    fn change<T, F>(&mut self, change: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&mut Store, UnixMicros) -> Result<T, StoreError> + Send + 'static,
    {
        change(&mut self.store, self.clock.now())
    }
}

impl Hands for Recorder {
    fn reader(&self) -> Result<Reader, StoreError> {
        Self::reader(self).ok_or_else(|| StoreError::io("reading the store")("it is not open now"))
    }

    fn change<T, F>(&mut self, change: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&mut Store, UnixMicros) -> Result<T, StoreError> + Send + 'static,
    {
        self.with_store(change)
    }
}

/// Where archives are kept that is no directory: objects by name, whole or not there.
pub trait Shelf {
    /// How people name it, e.g. `s3://calls/eu`.
    fn name(&self) -> &str;
    /// Puts an object in the place of the one of that name.
    ///
    /// # Errors
    /// It did not get there, or that is not known.
    fn put(&self, object: &str, bytes: Vec<u8>) -> std::io::Result<()>;
    /// An object as it is; nothing where there is none.
    ///
    /// # Errors
    /// Whether there is one, or what it holds, is not known.
    fn get(&self, object: &str) -> std::io::Result<Option<Vec<u8>>>;
}

/// Where archives are kept.
pub enum Place {
    /// A directory of this machine.
    Dir(PathBuf),
    /// Somewhere else.
    Shelf(Box<dyn Shelf>),
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dir(dir) => f.debug_tuple("Dir").field(dir).finish(),
            Self::Shelf(shelf) => f.debug_tuple("Shelf").field(&shelf.name()).finish(),
        }
    }
}

/// What dropping raw rows did, or would do.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pruned {
    /// Raw rows that started before it go; RFC 3339.
    pub before: String,
    /// Whether nothing was dropped because nothing was to be.
    pub dry_run: bool,
    /// What goes, and what must stay.
    pub plan: PrunePlan,
    /// What went.
    pub dropped: Dropped,
    /// Rollups that went.
    pub rollups: RollupsDropped,
    /// Why rollups of minutes stay that are old enough.
    pub rollups_refused: Option<String>,
}

/// What archiving did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArchiveDone {
    /// Raw rows that started before it are archived; RFC 3339.
    pub before: String,
    /// What is new in the archive.
    pub archived: Archived,
    /// Segments of the whole archive that were read back, where that was asked for.
    pub verified: Option<u64>,
}

/// Drops raw rows that started before a moment, and rollups that are too old by the configuration.
///
/// # Errors
/// The store cannot be read or changed.
pub fn prune(
    hands: &mut impl Hands,
    keep: &Retention,
    before: UnixMicros,
    (now, zone): (UnixMicros, Tz),
    dry_run: bool,
) -> Result<Pruned, StoreError> {
    let plan = hands.reader()?.prune_plan(before, keep.archive.is_some())?;
    let mut out =
        Pruned { before: before.to_rfc3339(), dry_run, plan: plan.clone(), ..Pruned::default() };
    let (minutes, hours) = (keep.minutes.before(now, zone), keep.hours.before(now, zone));
    let rollups = hands.reader()?.rollups_plan(minutes, hours)?;
    out.rollups_refused.clone_from(&rollups.refused);
    if dry_run {
        return Ok(out);
    }
    if !plan.segments.is_empty() {
        out.dropped = hands.change(move |store, _| store.drop_segments(&plan))?;
    }
    let mut rollups = rollups;
    loop {
        let (done, rest) = hands.change(move |store, _| {
            let done = store.drop_rollups(&mut rollups)?;
            Ok((done, rollups))
        })?;
        rollups = rest;
        out.rollups.minutes += done.minutes;
        out.rollups.hours += done.hours;
        if !done.more {
            return Ok(out);
        }
    }
}

/// Copies segments whose rows all started before a moment, verifies the copies and notes them.
///
/// # Errors
/// The place cannot be written, or the store not be read or changed.
pub fn archive(
    hands: &mut impl Hands,
    place: &Place,
    before: UnixMicros,
    verify_all: bool,
) -> Result<ArchiveDone, StoreError> {
    let reader = hands.reader()?;
    for plan in reader.rewrites(before)? {
        if let Some(new) = reader.compact(&plan)? {
            hands.change(move |store, _| store.install_compacted(&new))?;
        }
    }
    let mut done = match place {
        Place::Dir(dir) => reader.archive(dir, before)?,
        Place::Shelf(shelf) => shelf::archive(&reader, shelf.as_ref(), before)?,
    };
    let noted = done.clone();
    hands.change(move |store, now| store.note_archived(&noted, now))?;
    let mut verified = None;
    if verify_all {
        let (segments, wrong) = match place {
            Place::Dir(_) => {
                let manifest = Manifest::read(&done.dir)?;
                (manifest.segments.len(), manifest.verify(&done.dir))
            }
            Place::Shelf(shelf) => shelf::verify(shelf.as_ref())?,
        };
        done.failed.extend(wrong);
        done.failed.sort();
        done.failed.dedup();
        verified = Some(segments as u64);
    }
    Ok(ArchiveDone { before: before.to_rfc3339(), archived: done, verified })
}

/// Lets an archive answer questions, or no longer.
///
/// # Errors
/// There is no archive, or the store cannot be changed.
pub fn attach(hands: &mut impl Hands, place: &Place, on: bool) -> Result<Attached, StoreError> {
    let (dir, copy) = match place {
        Place::Dir(dir) => (dir.clone(), false),
        Place::Shelf(shelf) => {
            let dir = shelf::copy_of(hands.reader()?.data_dir(), shelf.as_ref());
            if on {
                shelf::fetch(shelf.as_ref(), &dir)?;
            }
            (dir, true)
        }
    };
    let here = dir.clone();
    let done =
        hands.change(move |store, _| if on { store.attach(&dir) } else { store.detach(&dir) })?;
    if copy && !on {
        // Whoever reads one still holds it open; a copy left over is overwritten by the next.
        if let Err(error) = std::fs::remove_dir_all(&here) {
            tracing::warn!(%error, "the copy of a detached archive stays");
        }
    }
    Ok(done)
}

/// One round: merges, archives where there is a place for it, drops.
///
/// # Errors
/// The store cannot be read or changed, or the place not be written.
pub fn round(
    hands: &mut impl Hands,
    keep: &Retention,
    place: Option<&Place>,
    (now, zone): (UnixMicros, Tz),
) -> Result<Pruned, StoreError> {
    let reader = hands.reader()?;
    for _ in 0..MERGES {
        let Some(plan) = reader.compaction(now)? else { break };
        let Some(new) = reader.compact(&plan)? else { break };
        hands.change(move |store, _| store.install_compacted(&new))?;
    }
    let before = keep.raw.before(now, zone);
    if let Some(place) = place {
        let done = archive(hands, place, before, false)?;
        for why in &done.archived.failed {
            tracing::error!(%why, "a segment was not archived");
        }
    }
    prune(hands, keep, before, (now, zone), false)
}

/// What the server does by itself.
#[derive(Debug)]
pub struct Ageing {
    /// The store.
    pub recorder: Recorder,
    /// How long what is kept.
    pub keep: Retention,
    /// Makes the place of the archive ready, off the async threads.
    pub open: fn(&ArchiveAt, &S3) -> std::io::Result<Place>,
    /// Zone of its months.
    pub zone: Tz,
    /// The clock.
    pub clock: Clock,
}

impl Ageing {
    /// Lets data grow old until told to stop.
    pub async fn run(self, stop: CancellationToken) {
        let Self { recorder, keep, open, zone, clock } = self;
        let mut ticks = tokio::time::interval(EVERY);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        // The first tick is at once: a start has other things to do.
        ticks.tick().await;
        loop {
            tokio::select! {
                _ = ticks.tick() => {}
                () = stop.cancelled() => return,
            }
            let (mut hands, keep, now) = (recorder.clone(), keep.clone(), clock.now());
            let work = tokio::task::spawn_blocking(move || {
                let place = keep.archive.as_ref().map(|at| open(at, &keep.s3)).transpose();
                let place = place.map_err(StoreError::io("reaching the archive"))?;
                round(&mut hands, &keep, place.as_ref(), (now, zone))
            });
            match work.await {
                Ok(Ok(done)) => tell(&done),
                Ok(Err(error)) => tracing::error!(%error, "old data was not put away"),
                Err(error) => tracing::error!(%error, "old data was not put away"),
            }
        }
    }
}

fn tell(done: &Pruned) {
    let gone = done.dropped.segments + done.rollups.minutes + done.rollups.hours;
    if gone > 0 {
        tracing::info!(
            rows = done.dropped.rows,
            bytes = done.dropped.bytes,
            minutes = done.rollups.minutes,
            hours = done.rollups.hours,
            before = %done.before,
            "dropped what was too old"
        );
    }
    for refused in &done.plan.refused {
        tracing::warn!(segment = %refused.segment.file, why = %refused.why, "old rows stay");
    }
    if let Some(why) = &done.rollups_refused {
        tracing::warn!(%why, "old rollups stay");
    }
}
