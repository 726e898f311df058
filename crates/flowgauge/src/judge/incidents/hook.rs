//! A command of the operator's: started as it stands, without a shell, and ended when its time is over.
//!
//! Refuses where none is configured. Its output goes nowhere: it may hold secrets of the operator's.

use crate::config::Hooks;
use std::fmt;
use std::process::{Command, ExitStatus, Stdio};
use std::time::Duration;

/// Between two looks whether it has ended.
const LOOK: Duration = Duration::from_millis(50);

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
    let mut child = command.spawn().map_err(|e| failed(e.to_string()))?;
    let limit = Duration::from_micros(hooks.timeout.0);
    let ended = tokio::time::timeout(limit, async {
        loop {
            match child.try_wait() {
                Ok(None) => tokio::time::sleep(LOOK).await,
                Ok(Some(status)) => return Ok(status),
                Err(error) => return Err(error.to_string()),
            }
        }
    });
    match ended.await {
        Ok(status) => status.map(|s: ExitStatus| Outcome::Ended(s.code())).map_err(failed),
        Err(_) => {
            // One that ended just now cannot be killed, and need not be.
            let _ended = child.kill();
            let _reaped = child.wait();
            Ok(Outcome::TimedOut(limit))
        }
    }
}
