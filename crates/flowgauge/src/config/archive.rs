//! Where raw calls are archived: a directory, or a bucket that speaks S3.

use super::Secret;
use std::fmt;
use std::path::PathBuf;

/// How an address of a bucket begins.
const SCHEME: &str = "s3://";

/// A place for archives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ArchiveAt {
    /// A directory of this machine.
    Dir(PathBuf),
    /// Objects of a bucket whose names begin with a prefix.
    Bucket {
        /// The bucket.
        bucket: String,
        /// What stands before every name, without slashes at its ends; may be empty.
        prefix: String,
    },
}

impl ArchiveAt {
    /// Reads a path or `s3://bucket/prefix`.
    ///
    /// # Errors
    /// Nothing is named, or the address is of no kind that is known.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            return Err("a path is missing".to_owned());
        }
        let Some(rest) = text.strip_prefix(SCHEME) else {
            return if text.contains("://") {
                Err("archives are kept in a directory or at s3://bucket/prefix".to_owned())
            } else {
                Ok(Self::Dir(PathBuf::from(text)))
            };
        };
        let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        let prefix = prefix.trim_matches('/');
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || ".-".contains(c);
        if bucket.len() < 3 || !bucket.chars().all(plain) {
            return Err(format!(
                "{bucket:?} is no name of a bucket: small letters, digits, points and hyphens"
            ));
        }
        if prefix.split('/').any(|part| part == "." || part == "..") {
            return Err("a prefix is made of names, not of . and ..".to_owned());
        }
        Ok(Self::Bucket { bucket: bucket.to_owned(), prefix: prefix.to_owned() })
    }
}

impl fmt::Display for ArchiveAt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dir(dir) => write!(f, "{}", dir.display()),
            Self::Bucket { bucket, prefix } if prefix.is_empty() => write!(f, "{SCHEME}{bucket}"),
            Self::Bucket { bucket, prefix } => write!(f, "{SCHEME}{bucket}/{prefix}"),
        }
    }
}

/// How buckets are reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct S3 {
    /// Address of the service; that of AWS in the region where nothing is said.
    pub endpoint: Option<String>,
    /// Region that requests are signed for.
    pub region: String,
    /// Key id and secret; requests are not signed without.
    pub credentials: Option<(Secret, Secret)>,
}

impl Default for S3 {
    fn default() -> Self {
        Self { endpoint: None, region: "us-east-1".to_owned(), credentials: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_a_directory_and_an_address_a_bucket() {
        for (text, want) in [
            ("/mnt/archive", ArchiveAt::Dir(PathBuf::from("/mnt/archive"))),
            ("s3", ArchiveAt::Dir(PathBuf::from("s3"))),
            (
                "s3://calls/eu/2026/",
                ArchiveAt::Bucket { bucket: "calls".to_owned(), prefix: "eu/2026".to_owned() },
            ),
            ("s3://calls", ArchiveAt::Bucket { bucket: "calls".to_owned(), prefix: String::new() }),
        ] {
            let got = ArchiveAt::parse(text).unwrap();
            assert_eq!(got, want);
            assert_eq!(ArchiveAt::parse(&got.to_string()), Ok(want));
        }
    }

    #[test]
    fn what_is_neither_is_refused() {
        for text in ["", "gs://calls/x", "s3://", "s3://A_B/x", "s3://calls/../x"] {
            assert!(ArchiveAt::parse(text).is_err(), "{text}");
        }
    }
}
