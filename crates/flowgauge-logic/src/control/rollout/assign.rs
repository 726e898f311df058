//! The arm of a subject: a hash, so that it is sticky, nested and the same on every replica.

use crate::control::rollout::{Mechanism, Rollout, Share};
use crate::fingerprint::fingerprint;
use serde::{Deserialize, Serialize};

/// Part of a randomised comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Arm {
    /// The mechanism acts.
    Treated,
    /// Kept untouched for comparison, also when it acts for everyone.
    HoldOut,
    /// Not yet reached by the canary; untouched, and comparable as well.
    Waiting,
}

impl Arm {
    /// All.
    pub const ALL: [Self; 3] = [Self::Treated, Self::HoldOut, Self::Waiting];

    /// The word in rows and headers.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Treated => "treated",
            Self::HoldOut => "hold_out",
            Self::Waiting => "waiting",
        }
    }

    /// The arm of a word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|arm| arm.word() == word)
    }
}

/// Whom an assignment sticks to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject<'a> {
    /// The end user's keyed hash.
    User(&'a str),
    /// The session's, where no user is named.
    Session(&'a str),
    /// Neither is known: the call's own id, so that each call is drawn anew.
    Call(&'a [u8]),
}

impl<'a> Subject<'a> {
    /// Of what is known of a call: the user, else the session, else the call itself.
    #[must_use]
    pub fn of(user: Option<&'a str>, session: Option<&'a str>, call: &'a [u8]) -> Self {
        match (user, session) {
            (Some(user), _) => Self::User(user),
            (None, Some(session)) => Self::Session(session),
            (None, None) => Self::Call(call),
        }
    }

    /// Whether the next call of the same person gets the same arm.
    #[must_use]
    pub const fn is_sticky(self) -> bool {
        !matches!(self, Self::Call(_))
    }

    const fn parts(self) -> (&'static [u8], &'a [u8]) {
        match self {
            Self::User(user) => (b"user", user.as_bytes()),
            Self::Session(session) => (b"session", session.as_bytes()),
            Self::Call(id) => (b"call", id),
        }
    }
}

/// Where a call stands.
#[derive(Debug, Clone, Copy)]
pub struct Placement<'a> {
    /// Endpoint as the application knows it.
    pub route: Option<&'a str>,
    /// Purpose.
    pub intent: Option<&'a str>,
    /// Whom the arm sticks to.
    pub subject: Subject<'a>,
}

/// The arm of a subject. Hold-out and canary are drawn by hashes of their own: growing one never moves a subject
/// into or out of the other, and each grows by taking in, never by letting go.
pub(super) fn arm(
    mechanism: Mechanism,
    rollout: &Rollout,
    subject: Subject<'_>,
    canary: Share,
) -> Arm {
    let place = |draw: &[u8]| {
        let (kind, name) = subject.parts();
        let salt = rollout.salt.to_le_bytes();
        position(fingerprint(&[draw, mechanism.word().as_bytes(), &salt, kind, name]))
    };
    if place(b"holdout") < rollout.holdout.parts() {
        Arm::HoldOut
    } else if place(b"canary") < canary.parts() {
        Arm::Treated
    } else {
        Arm::Waiting
    }
}

/// A hash as a number below one million: the high word of the product (Lemire 2019).
fn position(hash: u64) -> u32 {
    let wide = u128::from(hash) * u128::from(Share::WHOLE.parts());
    u32::try_from(wide >> 64).unwrap_or(0)
}
