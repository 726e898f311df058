//! Drills: a marked test message on the way a real one takes, from the outbox on.

use super::{Desk, DeskError};
use crate::logic::alert::episode::EpisodeId;
use crate::logic::alert::plan::{self, Settings};
use crate::logic::alert::rule::Rule;
use crate::logic::call::Text;
use crate::logic::id::CallId;
use crate::logic::nearest::nearest;
use crate::store::OutboxRow;
use crate::store::alerts::AlertChanges;
use std::sync::Arc;

impl Desk {
    /// How messages name this installation: the engine, whenever it takes over rules.
    pub fn speaks_as(&self, settings: Settings) {
        self.settings.store(Arc::new(settings));
    }

    /// Puts a marked test message into the outbox: for every channel of a rule, or for one channel.
    /// The number by which its deliveries are looked up. Blocks until it is durable.
    ///
    /// # Errors
    /// When there is no such rule or channel, or the store refuses.
    pub fn drill(&self, rule: Option<&str>, channel: Option<&str>) -> Result<EpisodeId, DeskError> {
        let seen = self.seen();
        let mut about = match rule {
            Some(name) => {
                let found = seen.rules.iter().find(|r| r.rule.name == name);
                let known = || seen.rules.iter().map(|r| r.rule.name.as_str());
                Rule::clone(&found.ok_or_else(|| unknown("rule", name, known()))?.rule)
            }
            None => {
                let any = seen.rules.first().map(|r| Rule::clone(&r.rule));
                let none = || refused("rule", "", "there is no rule in force to send a drill of");
                let rule = any.ok_or_else(none)?;
                Rule { name: Text::const_new("flowgauge_drill"), ..rule }
            }
        };
        if let Some(name) = channel {
            let known = || seen.channels.iter().map(|c| c.name.as_str());
            if !known().any(|known| known == name) {
                return Err(unknown("channel", name, known()));
            }
            about.channels = vec![Text::from(name)];
        }
        let now = self.clock.now();
        let mut random = [0; 10];
        if let Err(error) = getrandom::fill(&mut random) {
            tracing::warn!(%error, "no randomness for a drill's id");
        }
        let id = CallId::new(now, random);
        let outbox = plan::drill(&about, &self.settings.load(), id, now);
        if outbox.is_empty() {
            return Err(refused("rule", &about.name, "it names no channel"));
        }
        self.store.commit(&AlertChanges { outbox, ..AlertChanges::default() })?;
        self.bell.notify_one();
        Ok(id)
    }

    /// What became of a drill's messages so far, one for each channel.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn drilled(&self, id: EpisodeId) -> Result<Vec<OutboxRow>, DeskError> {
        Ok(self.store.outbox_of(id)?)
    }
}

pub(super) fn unknown<'a>(
    place: &'static str,
    name: &str,
    known: impl Iterator<Item = &'a str> + Clone,
) -> DeskError {
    let detail = match nearest(name, known.clone()) {
        Some(near) => format!("there is none of this name; did you mean {near:?}?"),
        None => format!(
            "there is none of this name; there are {}",
            known.collect::<Vec<_>>().join(", ")
        ),
    };
    refused(place, name, detail)
}

fn refused(place: &'static str, value: &str, detail: impl Into<String>) -> DeskError {
    DeskError::Refused { place, value: value.to_owned(), detail: detail.into() }
}
