//! A backup on disk: names, manifest and check sums (the guide's set F8 and manifest J4).
//!
//! Owns what a set looks like and whether it is whole. Refuses a set in which one byte is another than when it was
//! written, and names that lead out of its folder.

use super::{BackupSet, BackupText, Part};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};

/// Begins the name of a manifest.
const MANIFEST: &str = "backup-manifest-";
/// Sets kept in a folder that chores write to: with weekly and monthly ones, half a year.
const KEPT: usize = 32;
/// Largest file read back: rule files may have 16 MB, everything else is far smaller.
const MAX_FILE: u64 = 64 << 20;

/// A set that cannot be written or read.
#[derive(Debug, thiserror::Error)]
pub enum SetError {
    /// The folder, or a file in it.
    #[error("{} cannot be written: {why}", path.display())]
    Unwritten {
        /// Which.
        path: PathBuf,
        /// What stands against it.
        why: String,
    },
    /// Two in one second.
    #[error("{} is there already", .0.display())]
    There(PathBuf),
    /// A folder or a file.
    #[error("{} cannot be read: {why}", path.display())]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// What stands against it.
        why: String,
    },
    /// A folder without one.
    #[error("{} holds no backup", .0.display())]
    None(PathBuf),
    /// A manifest that says something that cannot be.
    #[error("{}: {why}", path.display())]
    Broken {
        /// The manifest.
        path: PathBuf,
        /// What.
        why: String,
    },
    /// A file that is not as it was written.
    #[error("{} was changed after the backup: its check sum differs", .0.display())]
    Changed(PathBuf),
    /// A part it lacks.
    #[error("the set of {timestamp} has no such part: {part:?}")]
    Lacks {
        /// Which set.
        timestamp: String,
        /// Which part.
        part: Part,
    },
}

/// What a set holds. `timestamp`, `files` and `performance_metrics` are the guide's.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// When, in UTC: `YYYYmmdd_HHMMSS`.
    pub timestamp: String,
    /// Names of its files.
    pub files: Vec<String>,
    /// As the guide has them: texts, `n/a` where unknown.
    pub performance_metrics: BTreeMap<String, String>,
    /// The same as numbers.
    pub metrics: BTreeMap<String, Option<f64>>,
    /// When, RFC 3339.
    pub made: String,
    /// Version of flowgauge.
    pub version: String,
    /// Generation of control.
    pub generation: u64,
    /// What each file is.
    pub parts: BTreeMap<String, Entry>,
    /// What could not be read when it was made.
    pub missing: Vec<String>,
}

/// A file of a set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// What it is.
    pub part: Part,
    /// Its check sum.
    pub sha256: String,
    /// Its length.
    pub bytes: u64,
    /// Where it was read, if it can be put back there.
    pub origin: Option<String>,
    /// Whether a secret was taken out.
    pub redacted: bool,
}

/// A set whose check sums hold.
#[derive(Debug)]
pub struct Whole {
    /// What it holds.
    pub manifest: Manifest,
    texts: BTreeMap<String, String>,
}

impl Whole {
    /// The text of a part there is one of.
    ///
    /// # Errors
    /// There is none.
    pub fn text(&self, part: Part) -> Result<&str, SetError> {
        let found = self.texts_of(part).next().map(|(_, text)| text);
        found.ok_or_else(|| SetError::Lacks { timestamp: self.manifest.timestamp.clone(), part })
    }

    /// Entries and texts of a part.
    pub fn texts_of(&self, part: Part) -> impl Iterator<Item = (&Entry, &str)> {
        let entries = self.manifest.parts.iter().filter(move |(_, entry)| entry.part == part);
        entries.filter_map(|(name, entry)| Some((entry, self.texts.get(name)?.as_str())))
    }
}

/// Writes a set; the manifest comes last, so that a set without one was never finished.
///
/// # Errors
/// The folder cannot be written, or has a set of this second.
pub fn write(dir: &Path, set: &BackupSet) -> Result<(PathBuf, Manifest), SetError> {
    let failed = |e: &dyn std::fmt::Display| SetError::Unwritten {
        path: dir.to_owned(),
        why: e.to_string(),
    };
    std::fs::create_dir_all(dir).map_err(|e| failed(&e))?;
    let path = dir.join(format!("{MANIFEST}{}.json", set.timestamp));
    if path.exists() {
        return Err(SetError::There(path));
    }
    let mut parts = BTreeMap::new();
    let mut files = Vec::new();
    for (number, text) in set.texts.iter().enumerate() {
        let name = name_of(text, &set.timestamp, number);
        put(dir, &name, &text.text).map_err(|e| failed(&e))?;
        parts.insert(name.clone(), entry(text));
        files.push(name);
    }
    let figure = |v: &Option<f64>| v.map_or_else(|| "n/a".to_owned(), |v| v.to_string());
    let manifest = Manifest {
        timestamp: set.timestamp.clone(),
        files,
        performance_metrics: set.figures.iter().map(|(n, v)| (n.clone(), figure(v))).collect(),
        metrics: set.figures.clone(),
        made: set.made.clone(),
        version: set.version.clone(),
        generation: set.generation,
        parts,
        missing: set.missing.clone(),
    };
    let text = serde_json::to_string_pretty(&manifest).map_err(|e| failed(&e))?;
    let name = format!("{MANIFEST}{}.json", set.timestamp);
    put(dir, &name, &format!("{text}\n")).map_err(|e| failed(&e))?;
    Ok((path, manifest))
}

/// Reads a set and checks every file before anything is made of it; the newest of a folder unless one is named.
///
/// # Errors
/// There is none, or it is not whole.
pub fn read(dir: &Path, timestamp: Option<&str>) -> Result<Whole, SetError> {
    let path = match timestamp {
        Some(timestamp) => dir.join(format!("{MANIFEST}{timestamp}.json")),
        None => newest(dir)?,
    };
    let text = text_of(&path)?;
    let broken = |why: String| SetError::Broken { path: path.clone(), why };
    let manifest: Manifest = serde_json::from_str(&text).map_err(|e| broken(e.to_string()))?;
    if !manifest.files.iter().eq(manifest.files.iter().filter(|f| manifest.parts.contains_key(*f)))
        || manifest.files.len() != manifest.parts.len()
    {
        return Err(broken("its list of files and its check sums differ".to_owned()));
    }
    let mut texts = BTreeMap::new();
    for (name, entry) in &manifest.parts {
        let plain = Path::new(name).file_name().is_some_and(|f| f == name.as_str());
        if !plain {
            return Err(broken(format!("{name:?} is no name of a file in its folder")));
        }
        let file = dir.join(name);
        let text = text_of(&file)?;
        if sha256(&text) != entry.sha256 {
            return Err(SetError::Changed(file));
        }
        texts.insert(name.clone(), text);
    }
    Ok(Whole { manifest, texts })
}

/// Removes the oldest sets of a folder that has more than are kept; says how many went.
///
/// # Errors
/// The folder cannot be read, or a file cannot be removed.
pub fn thin(dir: &Path) -> Result<usize, SetError> {
    let mut all = manifests(dir)?;
    all.sort();
    let most = all.len().saturating_sub(KEPT);
    for path in all.iter().take(most) {
        let failed =
            |e: std::io::Error| SetError::Unwritten { path: path.clone(), why: e.to_string() };
        let text = text_of(path)?;
        // One that somebody wrote into is left to them.
        let Ok(manifest) = serde_json::from_str::<Manifest>(&text) else { continue };
        // The manifest goes first: a set without one was never finished.
        std::fs::remove_file(path).map_err(failed)?;
        let plain =
            |name: &&String| Path::new(name).file_name().is_some_and(|f| f == name.as_str());
        for name in manifest.files.iter().filter(plain) {
            match std::fs::remove_file(dir.join(name)) {
                Err(e) if e.kind() != std::io::ErrorKind::NotFound => return Err(failed(e)),
                _ => {}
            }
        }
    }
    Ok(most)
}

fn newest(dir: &Path) -> Result<PathBuf, SetError> {
    manifests(dir)?.into_iter().max().ok_or_else(|| SetError::None(dir.to_owned()))
}

fn manifests(dir: &Path) -> Result<Vec<PathBuf>, SetError> {
    let unreadable =
        |e: std::io::Error| SetError::Unreadable { path: dir.to_owned(), why: e.to_string() };
    let mut found: Vec<PathBuf> = Vec::new();
    for entry in std::fs::read_dir(dir).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        let name = path.file_name().and_then(|n| n.to_str()).unwrap_or_default();
        if name.starts_with(MANIFEST) && name.ends_with(".json") {
            found.push(path);
        }
    }
    Ok(found)
}

fn text_of(path: &Path) -> Result<String, SetError> {
    let failed = |why: String| SetError::Unreadable { path: path.to_owned(), why };
    let length = std::fs::metadata(path).map_err(|e| failed(e.to_string()))?.len();
    if length > MAX_FILE {
        return Err(failed(format!("it has {length} bytes; {MAX_FILE} are read")));
    }
    std::fs::read_to_string(path).map_err(|e| failed(e.to_string()))
}

/// The guide's names, and like them.
fn name_of(text: &BackupText, timestamp: &str, number: usize) -> String {
    match text.part {
        Part::Config => format!("performance-config-{timestamp}.json"),
        Part::Env => format!("performance-env-{timestamp}.txt"),
        Part::Alerts => format!("performance-alerts-{timestamp}.yml"),
        Part::RuleFile => format!("performance-rules-{timestamp}-{number}.yml"),
        Part::Baseline => format!("performance-baseline-{timestamp}.json"),
        Part::Prices => format!("performance-prices-{timestamp}.json"),
        Part::Control => format!("performance-control-{timestamp}.json"),
    }
}

fn entry(text: &BackupText) -> Entry {
    Entry {
        part: text.part,
        sha256: sha256(&text.text),
        bytes: text.text.len() as u64,
        origin: text.origin.clone(),
        redacted: text.redacted,
    }
}

fn sha256(text: &str) -> String {
    let mut out = String::new();
    for byte in Sha256::digest(text.as_bytes()) {
        // Writing to a text in memory cannot fail.
        let _ = write!(out, "{byte:02x}");
    }
    out
}

/// Writes a file whole or not at all, readable by its owner only: rules and addresses are nobody else's business.
///
/// # Errors
/// The disk refuses.
pub fn put(dir: &Path, name: &str, text: &str) -> std::io::Result<()> {
    let mut temporary = tempfile::NamedTempFile::new_in(dir)?;
    temporary.write_all(text.as_bytes())?;
    temporary.as_file().sync_all()?;
    temporary.persist(dir.join(name))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set() -> BackupSet {
        let text = |part, text: &str| BackupText {
            part,
            origin: None,
            redacted: false,
            text: text.to_owned(),
        };
        BackupSet {
            timestamp: "20260505_120000".to_owned(),
            made: "2026-05-05T12:00:00Z".to_owned(),
            version: "0".to_owned(),
            generation: 3,
            texts: vec![text(Part::Env, "MAX_X=1\n"), text(Part::Control, "{}\n")],
            figures: BTreeMap::from([
                ("p95_latency".to_owned(), Some(1420.5)),
                ("quality_score".to_owned(), None),
            ]),
            missing: Vec::new(),
        }
    }

    #[test]
    fn a_set_has_the_guides_names_and_comes_back_whole() {
        let dir = tempfile::tempdir().unwrap();
        let (path, manifest) = write(dir.path(), &set()).unwrap();
        assert!(path.ends_with("backup-manifest-20260505_120000.json"));
        assert_eq!(manifest.files[0], "performance-env-20260505_120000.txt");
        assert_eq!(manifest.performance_metrics["p95_latency"], "1420.5");
        assert_eq!(manifest.performance_metrics["quality_score"], "n/a");
        let back = read(dir.path(), None).unwrap();
        assert_eq!((&back.manifest, back.text(Part::Env).unwrap()), (&manifest, "MAX_X=1\n"));
        // printf 'MAX_X=1\n' | sha256sum
        let sum = &manifest.parts[&manifest.files[0]].sha256;
        assert_eq!(sum, "a4f516efddbe08e76e18c889ac6737c4184db0cb95efecefba7897c932a7050e");
    }

    #[test]
    fn a_changed_file_is_named_and_nothing_of_the_set_is_used() {
        let dir = tempfile::tempdir().unwrap();
        write(dir.path(), &set()).unwrap();
        let file = dir.path().join("performance-control-20260505_120000.json");
        std::fs::write(&file, "{ }\n").unwrap();
        let why = read(dir.path(), None).unwrap_err();
        assert!(matches!(&why, SetError::Changed(changed) if *changed == file), "{why}");
        std::fs::remove_file(&file).unwrap();
        assert!(read(dir.path(), None).unwrap_err().to_string().contains("performance-control"));
    }

    #[test]
    fn names_that_lead_out_of_the_folder_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        let (path, _) = write(dir.path(), &set()).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, text.replace("performance-env-", "../performance-env-")).unwrap();
        assert!(read(dir.path(), None).unwrap_err().to_string().contains("no name of a file"));
    }

    #[test]
    fn the_newest_set_is_read_unless_one_is_named_and_none_is_written_over() {
        let dir = tempfile::tempdir().unwrap();
        write(dir.path(), &set()).unwrap();
        assert!(matches!(write(dir.path(), &set()), Err(SetError::There(_))));
        let later = BackupSet { timestamp: "20260506_000000".to_owned(), generation: 9, ..set() };
        write(dir.path(), &later).unwrap();
        assert_eq!(read(dir.path(), None).unwrap().manifest.generation, 9);
        assert_eq!(read(dir.path(), Some("20260505_120000")).unwrap().manifest.generation, 3);
    }

    #[test]
    fn the_oldest_sets_go_once_there_are_more_than_are_kept() {
        let dir = tempfile::tempdir().unwrap();
        for second in 0..KEPT + 3 {
            let timestamp = format!("20260505_1200{second:02}");
            write(dir.path(), &BackupSet { timestamp, ..set() }).unwrap();
        }
        std::fs::write(dir.path().join("notes.txt"), "mine").unwrap();
        assert_eq!(thin(dir.path()).unwrap(), 3);
        assert_eq!(thin(dir.path()).unwrap(), 0);
        assert!(read(dir.path(), Some("20260505_120002")).is_err());
        assert_eq!(read(dir.path(), Some("20260505_120003")).unwrap().manifest.generation, 3);
        // A manifest and two files each, and what is not ours.
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), KEPT * 3 + 1);
    }
}
