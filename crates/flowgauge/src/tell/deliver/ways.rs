//! The ways out: one notice, one channel, one attempt, and what came of it.
//!
//! Refuses to retry, to wait and to remember attempts: the delivery worker decides by [`Outcome`].
//! Each kind keeps what is said (`body`, pure) apart from saying it.

pub mod alertmanager;
pub mod email;
mod exchange;
pub mod memory;
pub mod pagerduty;
pub mod report;
#[cfg(test)]
mod scene;
pub mod signing;
pub mod slack;
pub mod slack_bot;
mod smtp;
pub mod webhook;
mod wording;

use crate::config::alerts::{Alerts, Channel, ChannelKind};
use crate::logic::alert::letter::Letter;
use crate::logic::alert::notice::{Kind, Message, Notice};
use crate::logic::unit::{Micros, UnixMicros};
use crate::receive::egress::EgressError;
use crate::serve::clock::Clock;
use crate::store::{AlertStore, WayNote};
use exchange::Post;
use memory::Memory;
use std::path::PathBuf;
use std::sync::Arc;

/// What one attempt came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sent {
    /// What follows from it.
    pub outcome: Outcome,
    /// What the receiver said, shortened, for people.
    pub answer: String,
}

/// What follows from an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The receiver has it.
    Delivered,
    /// Some of several recipients were refused for good; the others have it.
    PartlyRefused {
        /// Those without it.
        recipients: Vec<String>,
    },
    /// Not now: the receiver is busy, broken or out of reach.
    Later {
        /// Not before this long from now, where the receiver said so.
        after: Option<Micros>,
    },
    /// It was sent and no answer came: the receiver may have it.
    Ambiguous,
    /// Never, as things are.
    Refused {
        /// The way out.
        hint: String,
    },
    /// The receiver wants nothing more, ever (HTTP 410).
    Gone,
}

/// Why nothing can be sent at all.
#[derive(Debug, thiserror::Error)]
pub enum WaysError {
    /// No HTTP client.
    #[error(transparent)]
    Egress(#[from] EgressError),
    /// The file of certificates is unreadable.
    #[error("alerts.smtp.ca_file {path}: {cause}; give a PEM file of certificates")]
    CaFile {
        /// Where it should be.
        path: PathBuf,
        /// What is wrong with it.
        cause: String,
    },
    /// The sender is no mail address.
    #[error("alerts.smtp.from {from:?} is no mail address: {cause}")]
    Sender {
        /// As configured.
        from: String,
        /// What is wrong with it.
        cause: String,
    },
}

/// Every way out, set up once.
#[derive(Debug)]
pub struct Ways {
    post: Post,
    mail: Option<smtp::Server>,
    memory: Memory,
    clock: Clock,
    /// Where reports are kept until they are sent.
    letters: Option<Arc<AlertStore>>,
    /// Who makes the report of a scheduled rule.
    summaries: Option<Arc<dyn Summaries>>,
}

/// Makes the report that a rule with a timetable hands over (`daily_schedule`).
pub trait Summaries: std::fmt::Debug + Send + Sync {
    /// The letter of a rule with this condition that was due at a moment; nothing where it is no timetable. Blocks.
    ///
    /// # Errors
    /// Says why there is none now.
    fn letter(&self, condition: &str, due: UnixMicros) -> Result<Option<Letter>, String>;
}

impl Ways {
    /// Sets up clients; connects to nothing. `notes` are what ways remember of earlier messages.
    ///
    /// # Errors
    /// When TLS cannot be set up, or the mail settings cannot be used.
    pub fn new(
        alerts: &Alerts,
        notes: Vec<(String, String)>,
        clock: Clock,
    ) -> Result<Self, WaysError> {
        Ok(Self {
            post: Post::new(clock.clone())?,
            mail: alerts.smtp.as_ref().map(smtp::Server::new).transpose()?,
            memory: Memory::of(notes),
            clock,
            letters: None,
            summaries: None,
        })
    }

    /// With the place where reports are kept until they are sent.
    #[must_use]
    pub fn with_letters(self, letters: Arc<AlertStore>) -> Self {
        Self { letters: Some(letters), ..self }
    }

    /// With somebody who makes the reports of scheduled rules.
    #[must_use]
    pub fn with_summaries(self, summaries: Arc<dyn Summaries>) -> Self {
        Self { summaries: Some(summaries), ..self }
    }

    /// The report that a notice hands over, where it does: kept for a job, made once for a rule with a timetable.
    async fn letter_of(&self, notice: &Notice) -> Result<Option<Letter>, String> {
        let Some(letters) =
            self.letters.as_ref().filter(|_| notice.message.kind == Kind::Scheduled)
        else {
            return Ok(None);
        };
        let (letters, id) = (Arc::clone(letters), notice.episode);
        let (condition, due) = (notice.message.condition.clone(), notice.message.started);
        let (summaries, now) = (self.summaries.clone(), self.clock.now());
        let made = tokio::task::spawn_blocking(move || {
            if let Some(kept) = letters.letter(id).map_err(|e| e.to_string())? {
                return Ok(Some(kept));
            }
            let Some(summaries) = summaries else { return Ok(None) };
            let made = summaries.letter(&condition, due)?;
            if let Some(letter) = &made {
                // A second attempt sends the same.
                letters.keep_letter(id, letter, now).map_err(|e| e.to_string())?;
            }
            Ok(made)
        });
        made.await.map_err(|e| e.to_string())?
    }

    async fn mail(&self, server: &smtp::Server, to: &[String], notice: &Notice) -> Sent {
        let letter = match self.letter_of(notice).await {
            Ok(letter) => letter,
            Err(why) => return Sent::later(format!("the report cannot be read: {why}")),
        };
        let kept = (&self.memory, self.clock.now());
        email::send(server, to, notice, letter.as_ref(), kept).await
    }

    /// Sends a notice once. Ends within [`exchange::TIMEOUT`] for each receiver.
    pub async fn send(&self, channel: &Channel, notice: &Notice) -> Sent {
        match &channel.kind {
            ChannelKind::Slack { webhook: Some(url), .. } => {
                let body = slack::body(&notice.message, slack::Legacy::of(&channel.kind));
                slack::send(&self.post, url, &body).await
            }
            ChannelKind::SlackBot { token: Some(token), channel: room, api_url } => {
                let bot = slack_bot::Bot { token, room, api_url };
                slack_bot::send(&self.post, &bot, notice, &self.memory).await
            }
            ChannelKind::Email { to } if !to.is_empty() => match &self.mail {
                Some(server) => self.mail(server, to, notice).await,
                None => Sent::refused("no mail server", "configure alerts.smtp"),
            },
            ChannelKind::PagerDuty { routing_key: Some(key), url } => {
                pagerduty::send(&self.post, url, key, &notice.message, &notice.key()).await
            }
            ChannelKind::Webhook { url, secrets, allow_internal } => {
                let to = webhook::Endpoint { url, secrets, allow_internal: *allow_internal };
                webhook::send(&self.post, &to, notice, self.clock.now()).await
            }
            ChannelKind::AlertmanagerWebhook { url } => {
                let body = alertmanager::webhook_body(&notice.message, &channel.name);
                self.post.json(url, &body).await.sent()
            }
            ChannelKind::Alertmanager { urls } if !urls.is_empty() => {
                self.forward(urls, std::slice::from_ref(&notice.message)).await
            }
            ChannelKind::Slack { .. }
            | ChannelKind::SlackBot { .. }
            | ChannelKind::Email { .. }
            | ChannelKind::PagerDuty { .. }
            | ChannelKind::Alertmanager { .. } => {
                Sent::refused("no route", "give the channel an address or a key")
            }
        }
    }

    /// What ways remember and the disk does not know yet; see [`Memory::changed`].
    #[must_use]
    pub fn notes(&self) -> Vec<WayNote> {
        self.memory.changed()
    }

    /// These could not be kept.
    pub fn unkept(&self, notes: &[WayNote]) {
        self.memory.unkept(notes);
    }

    /// Tells every Alertmanager how alerts stand. Firing ones must be told again at least every
    /// minute, resolved ones for 15 minutes, or Alertmanager ends or forgets them by itself.
    pub async fn forward(&self, urls: &[String], messages: &[Message]) -> Sent {
        let body = alertmanager::forward_body(messages, self.clock.now());
        alertmanager::forward(&self.post, urls, &body).await
    }

    /// Tells a dead-man's switch that flowgauge is alive.
    pub async fn beat(&self, url: &str, body: &serde_json::Value) -> Sent {
        self.post.json(url, body).await.sent()
    }
}

impl Sent {
    fn delivered(answer: impl Into<String>) -> Self {
        Self { outcome: Outcome::Delivered, answer: answer.into() }
    }

    fn refused(answer: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { outcome: Outcome::Refused { hint: hint.into() }, answer: answer.into() }
    }

    fn later(answer: impl Into<String>) -> Self {
        Self { outcome: Outcome::Later { after: None }, answer: answer.into() }
    }
}
