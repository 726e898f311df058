//! Why a conversation with a mail server ended early, and what follows from it.

use super::super::{Outcome, Sent};
use lettre::transport::smtp::Error;
use std::error::Error as StdError;
use std::io;

/// Longest answer kept, characters.
const MAX_WORDS: usize = 300;

/// Why a conversation ended early.
#[derive(Debug)]
pub(super) struct Failure {
    outcome: Outcome,
    answer: String,
    /// Whether the server said it, or nobody did.
    said: bool,
}

impl Failure {
    /// As things are, never.
    pub(super) fn never(answer: impl Into<String>, hint: &str) -> Self {
        let outcome = Outcome::Refused { hint: hint.to_owned() };
        Self { outcome, answer: answer.into(), said: true }
    }

    /// Not now.
    pub(super) fn later(answer: impl Into<String>) -> Self {
        Self { outcome: Outcome::Later { after: None }, answer: answer.into(), said: true }
    }

    /// No connection.
    pub(super) fn unreachable(error: &io::Error) -> Self {
        Self::later(format!("the mail server cannot be reached: {error}"))
    }

    /// No answer in time.
    pub(super) fn silent() -> Self {
        Self { said: false, ..Self::later("the mail server did not answer in time") }
    }

    /// 5yz is for good; 4yz and a lost connection are not; distrust lasts until somebody acts.
    pub(super) fn of(error: &Error, hint: &str) -> Self {
        let answer = words(error);
        if error.is_permanent() {
            return Self::never(answer, hint);
        }
        if distrusted(error) {
            let hint = "the mail server's certificate is not trusted: check host and ca_file";
            return Self::never(answer, hint);
        }
        Self { said: error.is_transient(), ..Self::later(answer) }
    }

    /// The letter was handed over: where nobody said that it was not taken, it may have been.
    pub(super) fn handed_over(mut self) -> Self {
        if !self.said {
            self.outcome = Outcome::Ambiguous;
        }
        self
    }

    pub(super) fn sent(self) -> Sent {
        Sent { outcome: self.outcome, answer: self.answer }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::of(&error, "the mail server does not accept this")
    }
}

/// An error with its causes, in one line.
pub(super) fn words(error: &dyn StdError) -> String {
    let mut out = error.to_string();
    let mut cause = error.source();
    while let Some(link) = cause {
        let text = link.to_string();
        if !out.contains(&text) {
            out.push_str(": ");
            out.push_str(&text);
        }
        cause = link.source();
    }
    let line = out.split_whitespace().collect::<Vec<_>>().join(" ");
    line.chars().take(MAX_WORDS).collect()
}

/// Whether the server's certificate is what failed.
fn distrusted(error: &Error) -> bool {
    let mut cause = error.source();
    while let Some(link) = cause {
        let inner = link.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        let tls = inner.and_then(|e| e.downcast_ref::<rustls::Error>());
        if matches!(tls, Some(rustls::Error::InvalidCertificate(_))) {
            return true;
        }
        cause = link.source();
    }
    false
}
