//! Exit codes, and the failures that lead to them. Every code means the same in every command.

use std::fmt;

/// All is well.
pub(crate) const OK: u8 = 0;
/// A finding: a threshold breached, a line refused.
pub(crate) const FINDING: u8 = 1;
/// A critical finding.
pub(crate) const CRITICAL: u8 = 2;
/// Unknown, or too little data.
pub(crate) const UNKNOWN: u8 = 3;
/// Wrong usage.
pub(crate) const USAGE: u8 = 64;
/// Bad input data.
pub(crate) const BAD_DATA: u8 = 65;
/// Target or server unreachable.
pub(crate) const UNREACHABLE: u8 = 69;
/// Output cannot be written.
pub(crate) const CANNOT_WRITE: u8 = 73;
/// Accepted, not delivered yet; the store is busy.
pub(crate) const TRY_LATER: u8 = 75;
/// Not permitted.
pub(crate) const NOT_PERMITTED: u8 = 77;
/// Bad configuration.
pub(crate) const BAD_CONFIG: u8 = 78;
/// Interrupted.
pub(crate) const INTERRUPTED: u8 = 130;

/// Outcome of a command: its exit code, or why it failed.
pub(crate) type Done = Result<u8, Failure>;

/// A command that did not do what it was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(crate) code: u8,
    pub(crate) message: String,
    pub(crate) hint: Option<String>,
    /// What kind it is, in the server's word for programs.
    pub(crate) kind: Option<String>,
}

impl Failure {
    pub(crate) fn new(code: u8, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), hint: None, kind: None }
    }

    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::new(USAGE, message)
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error: {}", self.message.trim_end())?;
        match &self.hint {
            Some(hint) => write!(f, "\nhint: {hint}"),
            None => Ok(()),
        }
    }
}

impl From<std::io::Error> for Failure {
    /// A reader that closed its end (`| head`) has what it wanted.
    fn from(e: std::io::Error) -> Self {
        match e.kind() {
            std::io::ErrorKind::BrokenPipe => Self::new(OK, ""),
            _ => Self::new(CANNOT_WRITE, format!("the output cannot be written: {e}")),
        }
    }
}

impl From<crate::store::StoreError> for Failure {
    fn from(e: crate::store::StoreError) -> Self {
        use crate::store::StoreError;
        let code = match &e {
            StoreError::Absent(_) | StoreError::NoArchive(_) => UNREACHABLE,
            StoreError::Locked { .. } => TRY_LATER,
            StoreError::Newer(..) | StoreError::Damaged { .. } => BAD_DATA,
            StoreError::Io { .. } => CANNOT_WRITE,
        };
        Self::new(code, e.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_closed_pipe_is_no_failure() {
        let closed = std::io::Error::from(std::io::ErrorKind::BrokenPipe);
        assert_eq!(Failure::from(closed).code, OK);
        let full = std::io::Error::from(std::io::ErrorKind::StorageFull);
        assert_eq!(Failure::from(full).code, CANNOT_WRITE);
    }
}
