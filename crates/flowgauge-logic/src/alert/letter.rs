//! A report as mail: texts, pictures inside them, and files beside them. Refuses to know how it is sent.

use serde::{Deserialize, Serialize};

/// A whole letter, but for sender, recipients and date.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Letter {
    /// Its subject.
    pub subject: String,
    /// For programs that show no HTML; it says the same.
    pub text: String,
    /// As HTML; pictures are named `cid:ID`.
    pub html: String,
    /// Pictures inside the HTML.
    pub pictures: Vec<Picture>,
    /// Files beside it.
    pub files: Vec<File>,
}

/// A picture inside a letter.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Picture {
    /// What the HTML names it by; letters, digits, dots and dashes.
    pub id: String,
    /// The picture.
    pub file: File,
}

/// A file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct File {
    /// Its name, without a folder.
    pub name: String,
    /// `application/pdf`.
    pub content_type: String,
    /// What is in it.
    #[serde(with = "serde_bytes")]
    pub bytes: Vec<u8>,
}

impl Letter {
    /// Bytes of pictures and files.
    #[must_use]
    pub fn size(&self) -> usize {
        let files = self.pictures.iter().map(|p| &p.file).chain(&self.files);
        files.map(|f| f.bytes.len()).sum::<usize>() + self.html.len() + self.text.len()
    }
}
