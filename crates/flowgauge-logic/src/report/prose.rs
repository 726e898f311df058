//! Running text of a report: plain words, stressed words, commands and links; no markup of any format.

/// Running text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Prose(pub Vec<Run>);

/// A stretch of running text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Run {
    /// Words.
    Plain(String),
    /// Words that matter.
    Strong(String),
    /// A command, an identifier, a path.
    Code(String),
    /// A place to look at.
    Link {
        /// What is shown.
        text: String,
        /// Where it leads; what is not http, https, mailto or a path of ours is shown as words.
        href: String,
    },
}

impl Prose {
    /// Plain words.
    #[must_use]
    pub fn plain(text: impl Into<String>) -> Self {
        Self(vec![Run::Plain(text.into())])
    }

    /// Words in which commands stand between backticks.
    #[must_use]
    pub fn with_commands(text: &str) -> Self {
        let parts = text.split('`').enumerate().filter(|(_, part)| !part.is_empty());
        let run = |(i, part): (usize, &str)| match i % 2 {
            0 => Run::Plain(part.to_owned()),
            _ => Run::Code(part.to_owned()),
        };
        Self(parts.map(run).collect())
    }

    /// Adds plain words.
    #[must_use]
    pub fn then(mut self, text: impl Into<String>) -> Self {
        self.0.push(Run::Plain(text.into()));
        self
    }

    /// Adds words that matter.
    #[must_use]
    pub fn strong(mut self, text: impl Into<String>) -> Self {
        self.0.push(Run::Strong(text.into()));
        self
    }

    /// Adds a command or an identifier.
    #[must_use]
    pub fn code(mut self, text: impl Into<String>) -> Self {
        self.0.push(Run::Code(text.into()));
        self
    }

    /// Adds a link.
    #[must_use]
    pub fn link(mut self, text: impl Into<String>, href: impl Into<String>) -> Self {
        self.0.push(Run::Link { text: text.into(), href: href.into() });
        self
    }

    /// The words alone.
    #[must_use]
    pub fn words(&self) -> String {
        self.0
            .iter()
            .map(|run| match run {
                Run::Plain(t) | Run::Strong(t) | Run::Code(t) | Run::Link { text: t, .. } => {
                    t.as_str()
                }
            })
            .collect()
    }
}

/// Whether a report may link there: the web, a mailbox, or a path of our own page; never a script.
#[must_use]
pub fn leads_somewhere_safe(href: &str) -> bool {
    let plain = !href.chars().any(|c| c.is_control() || c.is_whitespace());
    let own = (href.starts_with('/') && !href.starts_with("//")) || href.starts_with('#');
    let scheme = href.split_once(':').map(|(s, _)| s.to_ascii_lowercase());
    let web = matches!(scheme.as_deref(), Some("http" | "https" | "mailto"));
    plain && !href.contains('\\') && (own || web)
}
