//! Which vocabulary a model's tokens are counted with.
//!
//! Owns the two vocabularies of OpenAI's models and the user's own files, each loaded when first needed.
//! A model nobody described is counted as the newest of OpenAI's would.

use crate::config::TokenizerFile;
use std::fmt;
use std::fs::File;
use std::path::PathBuf;
use std::sync::OnceLock;

/// Beginnings of the names of models that use `cl100k_base`; all others of OpenAI's use `o200k_base`.
const CL100K: [&str; 7] = [
    "gpt-3.5",
    "gpt-35",
    "gpt-4-",
    "text-embedding-3-",
    "text-embedding-ada-002",
    "davinci-002",
    "babbage-002",
];

/// A tokenizer file cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("the tokenizer of `{model}` cannot be read from {}: {source}; name a tokenizer.json", file.display())]
pub struct TokenizerError {
    /// Pattern of the models.
    pub model: String,
    /// The file.
    pub file: PathBuf,
    /// Why.
    #[source]
    pub source: std::io::Error,
}

/// All vocabularies.
#[derive(Debug)]
pub struct Vocabularies {
    own: Vec<Own>,
}

/// One file of the user's.
struct Own {
    file: TokenizerFile,
    /// Loaded at first use; nothing where it could not be.
    loaded: OnceLock<Option<Box<tokenizers::Tokenizer>>>,
}

impl fmt::Debug for Own {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Own").field(&self.file).finish()
    }
}

/// One vocabulary.
pub(super) enum Vocabulary<'a> {
    OpenAi(&'static bpe_openai::Tokenizer),
    Own(&'a tokenizers::Tokenizer),
}

impl Vocabularies {
    /// The built-in ones and these files. Files are read when first needed, but have to be there now.
    ///
    /// # Errors
    /// Names the first file that cannot be opened.
    pub fn new(files: &[TokenizerFile]) -> Result<Self, TokenizerError> {
        let mut own = Vec::new();
        for file in files {
            File::open(&file.file).map_err(|source| TokenizerError {
                model: file.model.clone(),
                file: file.file.clone(),
                source,
            })?;
            own.push(Own { file: file.clone(), loaded: OnceLock::new() });
        }
        Ok(Self { own })
    }

    /// The vocabulary of a model.
    pub(super) fn of(&self, model: &str) -> Vocabulary<'_> {
        let own = self.own.iter().find(|own| fits(&own.file.model, model));
        if let Some(loaded) = own.and_then(Own::load) {
            return Vocabulary::Own(loaded);
        }
        Vocabulary::OpenAi(if is_cl100k(model) {
            bpe_openai::cl100k_base()
        } else {
            bpe_openai::o200k_base()
        })
    }
}

impl Own {
    fn load(&self) -> Option<&tokenizers::Tokenizer> {
        let load = || match tokenizers::Tokenizer::from_file(&self.file.file) {
            Ok(tokenizer) => Some(Box::new(tokenizer)),
            Err(error) => {
                let (model, file) = (&self.file.model, self.file.file.display());
                tracing::warn!(%model, %file, %error, "tokenizer file not usable; counting with o200k_base");
                None
            }
        };
        self.loaded.get_or_init(load).as_deref()
    }
}

impl Vocabulary<'_> {
    /// Tokens of a text.
    pub(super) fn count(&self, text: &str) -> u64 {
        let tokens = match self {
            Self::OpenAi(bpe) => bpe.count(text),
            Self::Own(own) => match own.encode_fast(text, false) {
                Ok(encoding) => encoding.len(),
                Err(_) => bpe_openai::o200k_base().count(text),
            },
        };
        tokens as u64
    }
}

fn fits(pattern: &str, model: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(start) => model.starts_with(start),
        None => model == pattern,
    }
}

/// Whether a model of OpenAI's, under whatever prefix a router or a fine-tuning put, is of the older kind.
fn is_cl100k(model: &str) -> bool {
    let bare = model.rsplit('/').next().unwrap_or(model);
    let bare = bare.strip_prefix("ft:").unwrap_or(bare);
    bare == "gpt-4" || bare.starts_with("gpt-4:") || CL100K.iter().any(|s| bare.starts_with(s))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_model_of_openai_s_has_its_vocabulary() {
        for old in ["gpt-4", "gpt-4-turbo", "openai/gpt-3.5-turbo", "ft:gpt-4:me", "gpt-35-turbo"] {
            assert!(is_cl100k(old), "{old}");
        }
        for new in ["gpt-4o", "gpt-4o-mini", "gpt-4.1", "gpt-5", "o3-mini", "claude-x", ""] {
            assert!(!is_cl100k(new), "{new}");
        }
    }

    #[test]
    fn a_file_that_is_not_there_is_said_at_once() {
        let file = TokenizerFile { model: "m".into(), file: "/nowhere/tokenizer.json".into() };
        let error = Vocabularies::new(&[file]).unwrap_err().to_string();
        assert!(error.contains("`m`") && error.contains("/nowhere/tokenizer.json"), "{error}");
    }
}
