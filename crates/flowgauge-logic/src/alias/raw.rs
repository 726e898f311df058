//! The raw attributes kept beside a row: a JSON object without content, unknown text masked.

use super::content::is_content;
use super::json::{double, put, quote};
use super::table::{Meaning, lookup};
use super::value::cut;
use super::{MAX_NAME, MAX_UNKNOWN_TEXT, MAX_VALUE, Rules, Value};

/// Ids of so many bytes are random; shorter ones may be words that stand elsewhere too.
const RANDOM: usize = 16;

/// Collects attributes into one JSON object.
#[derive(Debug)]
pub struct RawMap<'r> {
    rules: &'r Rules<'r>,
    out: String,
}

impl<'r> RawMap<'r> {
    /// An empty map.
    #[must_use]
    pub fn new(rules: &'r Rules<'r>) -> Self {
        Self { rules, out: String::new() }
    }

    /// Adds an attribute under the rules.
    pub fn attr(&mut self, key: &str, value: &Value<'_>) {
        self.add(key, value, lookup(key).map(|r| r.meaning));
    }

    pub(super) fn add(&mut self, key: &str, value: &Value<'_>, meaning: Option<Meaning>) {
        let content = meaning.is_none() && is_content(key);
        if content && !self.rules.store_content {
            return;
        }
        let text = value.text();
        if text.is_some() && meaning.is_none() && self.rules.metrics_only {
            return;
        }
        self.key(key);
        match (value, text) {
            (_, Some(s)) => self.text(s, meaning, content),
            (Value::Bool(b), _) => self.out.push_str(if *b { "true" } else { "false" }),
            (Value::Int(i), _) => put(&mut self.out, format_args!("{i}")),
            (Value::Double(d), _) => double(&mut self.out, *d),
            (Value::Bytes(n), _) => put(&mut self.out, format_args!("{{\"len\":{n}}}")),
            (Value::Str(_) | Value::Json(_), None) => self.out.push_str("null"),
        }
    }

    /// Adds a note of flowgauge's own.
    pub(super) fn note(&mut self, key: &str, value: i64) {
        self.key(key);
        put(&mut self.out, format_args!("{value}"));
    }

    fn key(&mut self, key: &str) {
        if self.out.is_empty() {
            self.out.reserve(768);
        }
        self.out.push(if self.out.is_empty() { '{' } else { ',' });
        quote(&mut self.out, cut(key, MAX_NAME));
        self.out.push(':');
    }

    fn text(&mut self, s: &str, meaning: Option<Meaning>, content: bool) {
        let plain = match meaning {
            _ if content => s.len() <= MAX_VALUE,
            Some(Meaning::User | Meaning::Session) => false,
            Some(m) if is_payload(m) => false,
            Some(_) => s.len() <= MAX_NAME,
            None => s.len() <= MAX_UNKNOWN_TEXT && !s.contains(char::is_whitespace),
        };
        if plain {
            quote(&mut self.out, s);
        } else if content {
            let kept = cut(s, MAX_VALUE);
            put(&mut self.out, format_args!("{{\"truncated_from\":{},\"text\":", s.len()));
            quote(&mut self.out, kept);
            self.out.push('}');
        } else {
            let hash = (self.rules.hash)(s);
            put(&mut self.out, format_args!("{{\"len\":{},\"hash\":\"{hash}\"}}", s.len()));
        }
    }

    /// The object; nothing where no attribute was kept. Hashes and ids that are `held` elsewhere are left out of it, but for
    /// their lengths: a random text cannot be compressed, and these are a third of what a call weighs on disk.
    #[must_use]
    pub fn finish(mut self, held: &[Option<&str>]) -> Option<Box<str>> {
        if self.out.is_empty() {
            return None;
        }
        self.out.push('}');
        for text in held.iter().flatten() {
            let (hash, id) = (format!(",\"hash\":\"{text}\"}}"), format!(":\"{text}\""));
            if let Some(at) = self.out.find(&hash) {
                self.out.replace_range(at..at + hash.len() - 1, "");
            } else if let Some(at) = self.out.find(&id).filter(|_| text.len() >= RANDOM) {
                let told = format!(":{{\"len\":{}}}", text.len());
                self.out.replace_range(at..at + id.len(), &told);
            }
        }
        Some(self.out.into_boxed_str())
    }
}

/// JSON that can hold anything a caller wrote.
fn is_payload(meaning: Meaning) -> bool {
    matches!(
        meaning,
        Meaning::InvocationParameters
            | Meaning::Metadata
            | Meaning::Tags
            | Meaning::ProviderMetadata
    )
}
