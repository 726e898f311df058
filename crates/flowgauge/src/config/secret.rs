//! Secrets: never printed, never serialised. Where one was read from is no secret.

use std::fmt;
use std::fs;
use std::path::Path;
use std::sync::Arc;

/// A secret text. Its `Debug` shows nothing of it.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret {
    text: Arc<str>,
    reference: Option<Arc<str>>,
}

/// How the place a secret was read from stands now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// It gives the secret in use.
    InUse,
    /// It gives another: that one counts from the next start on.
    Changed,
    /// It gives none, for this reason: the next start would be refused.
    Missing(String),
}

impl Secret {
    /// Wraps a secret.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self { text: Arc::from(text), reference: None }
    }

    /// Wraps a secret that was read from `env:NAME` or `file:PATH`.
    #[must_use]
    pub fn from_reference(text: &str, reference: &str) -> Self {
        Self { text: Arc::from(text), reference: Some(Arc::from(reference)) }
    }

    /// The text, for the one place that sends it.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.text
    }

    /// Where it was read from: `env:NAME` or `file:PATH`.
    #[must_use]
    pub fn reference(&self) -> Option<&str> {
        self.reference.as_deref()
    }

    /// Looks whether that place still gives it. The environment of a running program is that of its start.
    #[must_use]
    pub fn standing(&self) -> Standing {
        let path = self.reference().and_then(|reference| reference.strip_prefix("file:"));
        let Some(path) = path else { return Standing::InUse };
        match fs::read_to_string(Path::new(path.trim())) {
            Ok(text) if text.trim().is_empty() => Standing::Missing("the file is empty".to_owned()),
            Ok(text) if text.trim() == self.reveal() => Standing::InUse,
            Ok(_) => Standing::Changed,
            Err(e) => Standing::Missing(format!("the file cannot be read: {}", e.kind())),
        }
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_changed_or_went_is_told_without_its_text() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key");
        let secret = Secret::from_reference("sk-one", &format!("file:{}", path.display()));
        let missing = secret.standing();
        assert!(matches!(&missing, Standing::Missing(why) if why.contains("cannot be read")));
        for (text, standing) in [("sk-one\n", Standing::InUse), ("sk-two", Standing::Changed)] {
            fs::write(&path, text).unwrap();
            assert_eq!(secret.standing(), standing);
        }
        fs::write(&path, " \n").unwrap();
        assert!(matches!(secret.standing(), Standing::Missing(_)));
        assert!(!format!("{secret:?} {:?}", secret.standing()).contains("sk-"));
    }

    #[test]
    fn a_variable_is_as_it_was_at_the_start() {
        let secret = Secret::from_reference("sk-one", "env:OPENAI_API_KEY");
        assert_eq!(secret.standing(), Standing::InUse);
        assert_eq!(secret.reference(), Some("env:OPENAI_API_KEY"));
    }
}
