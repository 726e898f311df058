//! A command of the operator's: started as it stands, without a shell, and ended when its time is over.
//!
//! Refuses where none is configured. Its output goes nowhere: it may hold secrets of the operator's.

use crate::config::Hooks;
use std::fmt;
use std::process::Stdio;
use std::time::Duration;
use tokio::process::Command;

/// Which hook.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which {
    /// Restarts the application's services.
    Restart,
    /// Gives the application more resources.
    Scale,
}

impl Which {
    /// The word in commands and configuration.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Restart => "restart",
            Self::Scale => "scale",
        }
    }

    /// The hook of a word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Restart, Self::Scale].into_iter().find(|w| w.word() == word)
    }
}

/// Why a hook did not run.
#[derive(Debug, thiserror::Error)]
pub enum HookError {
    /// None is configured.
    #[error("hooks.{0} is not configured; write the program and its arguments as a list")]
    NotConfigured(&'static str),
    /// It could not be started.
    #[error("hooks.{which}: {program:?} could not be started: {why}")]
    NotStarted {
        /// Which.
        which: &'static str,
        /// The program.
        program: String,
        /// Why.
        why: String,
    },
}

/// How it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// With an exit code; nothing where a signal ended it.
    Ended(Option<i32>),
    /// Its time was over.
    TimedOut(Duration),
}

impl Outcome {
    /// Whether it did what it was to do, by its own word.
    #[must_use]
    pub const fn is_good(self) -> bool {
        matches!(self, Self::Ended(Some(0)))
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ended(Some(code)) => write!(f, "exit code {code}"),
            Self::Ended(None) => f.write_str("ended by a signal"),
            Self::TimedOut(after) => write!(f, "not done after {} s: ended", after.as_secs()),
        }
    }
}

/// Runs one and waits for its end.
pub(super) async fn run(hooks: &Hooks, which: Which) -> Result<Outcome, HookError> {
    let words = match which {
        Which::Restart => &hooks.restart,
        Which::Scale => &hooks.scale,
    };
    let Some((program, arguments)) = words.split_first() else {
        return Err(HookError::NotConfigured(which.word()));
    };
    let failed =
        |why: String| HookError::NotStarted { which: which.word(), program: program.clone(), why };
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    // Whoever waits for it may go away: nothing of ours runs on without an owner.
    command.kill_on_drop(true);
    let mut child = command.spawn().map_err(|e| failed(e.to_string()))?;
    let limit = Duration::from_micros(hooks.timeout.0);
    match tokio::time::timeout(limit, child.wait()).await {
        Ok(Ok(status)) => Ok(Outcome::Ended(status.code())),
        Ok(Err(error)) => Err(failed(error.to_string())),
        Err(_) => {
            // One that ended just now cannot be killed, and need not be.
            let _ended = child.kill().await;
            Ok(Outcome::TimedOut(limit))
        }
    }
}
