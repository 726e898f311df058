//! What jobs have to tell: how a run ended, or the report it made. One message for each run and channel,
//! however often it is put there.

use super::{Desk, DeskError};
use crate::logic::alert::episode::EpisodeId;
use crate::logic::alert::letter::Letter;
use crate::logic::alert::plan;
use crate::logic::call::Text;
use crate::logic::unit::UnixMicros;
use crate::store::StoreError;
use crate::store::alerts::AlertChanges;

impl Desk {
    /// Puts a message of a job into the outbox. Blocks until it is durable.
    ///
    /// # Errors
    /// The store refuses.
    pub fn tell_of_job(
        &self,
        job: &str,
        text: &str,
        channels: &[Text],
        id: EpisodeId,
    ) -> Result<(), StoreError> {
        let now = self.clock.now();
        let outbox = plan::of_job(job, text, channels, &self.settings.load(), id, now);
        self.store.commit(&AlertChanges { outbox, ..AlertChanges::default() })?;
        self.bell.notify_one();
        Ok(())
    }

    /// Keeps the report that a message will hand over. Blocks until it is durable.
    ///
    /// # Errors
    /// The store refuses.
    pub fn keep_letter(
        &self,
        id: EpisodeId,
        letter: &Letter,
        at: UnixMicros,
    ) -> Result<(), StoreError> {
        self.store.keep_letter(id, letter, at)
    }

    /// The report that a message hands over.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn letter(&self, id: EpisodeId) -> Result<Option<Letter>, StoreError> {
        self.store.letter(id)
    }

    /// Refuses names of channels that no rule file declares.
    ///
    /// # Errors
    /// Names the first such, and one that is near.
    pub fn know_channels(&self, names: &[Text]) -> Result<(), DeskError> {
        let seen = self.seen();
        let known = || seen.channels.iter().map(|c| c.name.as_str());
        match names.iter().find(|name| !known().any(|known| known == name.as_str())) {
            Some(name) => Err(super::drill::unknown("channel", name, known())),
            None => Ok(()),
        }
    }
}
