//! `vendor-check`: the files under `web/vendor` are those the manifest names, byte for byte.
//!
//! With a folder of installed packages the bytes are compared with those too, so that a manifest
//! and a file changed together are found. Refuses to download or to repair anything.

use anyhow::{Context as _, Result, bail};
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// Folder of vendored modules below the repository's root.
const FOLDER: &str = "web/vendor";
/// The list of them.
const MANIFEST: &str = "MANIFEST.json";
/// Subfolder of licence texts, which modules name.
const LICENCES: &str = "licenses";

/// One vendored file.
#[derive(Debug)]
struct Module {
    name: String,
    version: String,
    file: String,
    package_path: String,
    sha256: String,
    license_text: String,
}

/// Checks every vendored file; answers how many there are.
///
/// # Errors
/// Names every difference: a wrong hash, a file nobody names, a missing licence, other bytes or
/// another version in `packages` (a `node_modules` folder).
pub(crate) fn check(root: &Path, packages: Option<&Path>) -> Result<usize> {
    let folder = root.join(FOLDER);
    let modules = manifest(&folder)?;
    let mut faults = Vec::new();
    for module in &modules {
        if let Err(fault) = module.check(&folder, packages) {
            faults.push(format!("{}: {fault:#}", module.file));
        }
    }
    faults.extend(unnamed(&folder, &modules)?);
    if faults.is_empty() { Ok(modules.len()) } else { bail!("{}", faults.join("\n")) }
}

impl Module {
    fn read(value: &Value) -> Result<Self> {
        let text = |key: &str| -> Result<String> {
            let found = value.get(key).and_then(Value::as_str);
            Ok(found.with_context(|| format!("no text `{key}` in {value}"))?.to_owned())
        };
        Ok(Self {
            name: text("name")?,
            version: text("version")?,
            file: text("file")?,
            package_path: text("package_path")?,
            sha256: text("sha256")?,
            license_text: text("license_text")?,
        })
    }

    fn check(&self, folder: &Path, packages: Option<&Path>) -> Result<()> {
        let bytes = fs::read(folder.join(&self.file)).context("cannot be read")?;
        let found = hex(&Sha256::digest(&bytes));
        if found != self.sha256 {
            bail!("sha256 is {found}, the manifest says {}", self.sha256);
        }
        if !folder.join(&self.license_text).is_file() {
            bail!("licence text {} is missing", self.license_text);
        }
        packages.map_or(Ok(()), |packages| self.compare(&bytes, &packages.join(&self.name)))
    }

    fn compare(&self, bytes: &[u8], package: &Path) -> Result<()> {
        let description = fs::read(package.join("package.json"))
            .with_context(|| format!("{} is not installed", self.name))?;
        let description: Value = serde_json::from_slice(&description)?;
        let version = description.get("version").and_then(Value::as_str).unwrap_or("none");
        if version != self.version {
            bail!("{version} is installed, the manifest says {}", self.version);
        }
        let original = fs::read(package.join(&self.package_path))
            .with_context(|| format!("{} is not in the package", self.package_path))?;
        if original != bytes {
            bail!("differs from {} of {} {}", self.package_path, self.name, self.version);
        }
        Ok(())
    }
}

fn manifest(folder: &Path) -> Result<Vec<Module>> {
    let bytes = fs::read(folder.join(MANIFEST))
        .with_context(|| format!("{}/{MANIFEST} cannot be read", folder.display()))?;
    let manifest: Value = serde_json::from_slice(&bytes)?;
    let modules = manifest.get("modules").and_then(Value::as_array).context("no `modules`")?;
    modules.iter().map(Module::read).collect()
}

/// Files in the folder that no module names.
fn unnamed(folder: &Path, modules: &[Module]) -> Result<Vec<String>> {
    let named: BTreeSet<&str> =
        modules.iter().flat_map(|m| [m.file.as_str(), m.license_text.as_str()]).collect();
    let mut faults = Vec::new();
    for prefix in ["", LICENCES] {
        for entry in fs::read_dir(folder.join(prefix))? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let name = if prefix.is_empty() { name } else { format!("{prefix}/{name}") };
            if entry.file_type()?.is_file() && name != MANIFEST && !named.contains(name.as_str()) {
                faults.push(format!("{name}: not in the manifest"));
            }
        }
    }
    Ok(faults)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::PathBuf;

    /// A repository with one vendored file whose manifest says `sha256`.
    fn repository(name: &str, sha256: &str) -> PathBuf {
        let root = std::env::temp_dir().join(format!("vendor-{name}-{}", std::process::id()));
        let folder = root.join(FOLDER);
        fs::create_dir_all(folder.join(LICENCES)).expect("folder");
        fs::write(folder.join("a.mjs"), "abc").expect("file");
        fs::write(folder.join("licenses/a.txt"), "licence").expect("licence");
        let manifest = serde_json::json!({ "modules": [{ "name": "a", "version": "1.0.0", "file": "a.mjs",
            "package_path": "a.mjs", "sha256": sha256, "license": "MIT", "license_text": "licenses/a.txt" }] });
        fs::write(folder.join(MANIFEST), manifest.to_string()).expect("manifest");
        root
    }

    /// SHA-256 of `abc`, FIPS 180-2.
    const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    #[test]
    fn vendored_files_of_this_repository_match_their_manifest() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        assert!(check(&root, None).expect("match") >= 7);
    }

    #[test]
    fn wrong_hash_and_unnamed_file_are_both_named() {
        let root = repository("hash", "00");
        fs::write(root.join(FOLDER).join("b.mjs"), "b").expect("file");
        let said = check(&root, None).expect_err("differs").to_string();
        assert!(said.contains("a.mjs: sha256 is ba7816bf"), "{said}");
        assert!(said.contains("b.mjs: not in the manifest"), "{said}");
        fs::remove_dir_all(root).expect("clean");
    }

    #[test]
    fn package_with_other_bytes_is_found() {
        let root = repository("package", ABC);
        let package = root.join("node_modules/a");
        fs::create_dir_all(&package).expect("folder");
        fs::write(package.join("package.json"), r#"{"version":"1.0.0"}"#).expect("description");
        fs::write(package.join("a.mjs"), "abc").expect("file");
        assert_eq!(check(&root, Some(&root.join("node_modules"))).expect("same"), 1);
        fs::write(package.join("a.mjs"), "abd").expect("file");
        let said = check(&root, Some(&root.join("node_modules"))).expect_err("differs").to_string();
        assert!(said.contains("differs from a.mjs of a 1.0.0"), "{said}");
        fs::remove_dir_all(root).expect("clean");
    }
}
