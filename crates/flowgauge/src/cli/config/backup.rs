//! `config backup` and `config restore`: a set of files to be here again, and the way back.

use super::super::exit::{self, BAD_DATA, CANNOT_WRITE, Done, FINDING, Failure};
use super::super::globals::Globals;
use super::super::opt::made;
use super::super::remote::Remote;
use super::super::show;
use super::super::sure::Sure;
use crate::keep::backup::set::{self, SetError, Whole};
use crate::keep::backup::{BackupSet, ControlPart, Part};
use crate::tell::page::control::whole::{WantedWhole, WholeSettings, put_back};
use http::Method;
use std::path::{Path, PathBuf};

/// Options of `config backup`.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "\
Examples:
  flowgauge config backup --dir /var/backup/flowgauge
  flowgauge config backup --json

Configuration, environment (allow-listed), rules, promoted baseline, prices and settings as the server has them, with a
manifest of check sums. Secrets are left out.

Exit codes:
  0   written; the manifest's path is printed
  1   written, without what could not be read
  69  no server answers
  73  the folder cannot be written
  77  not permitted")]
pub(crate) struct BackupArgs {
    /// Where to
    #[arg(long, value_name = "DIR", default_value = "flowgauge-backup")]
    dir: PathBuf,
    /// Print the manifest as JSON
    #[arg(long)]
    json: bool,
}

/// Options of `config restore`.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "\
Examples:
  flowgauge config restore /var/backup/flowgauge --dry-run --reason look
  flowgauge config restore /var/backup/flowgauge --reason 'limits were better' --yes
  flowgauge config restore . --timestamp 20260505_120000 --files --reason 'lost disk' --yes

All check sums are looked at first. Settings come back as one change, with a way back. What is switched off now stays
off unless --lift-kill.

Exit codes:
  0   restored, or as it was already; the id of the change is printed
  1   restored, but files from which secrets were taken out
  64  no reason
  65  a file is missing or was changed; nothing was restored
  69  no server answers
  73  a file cannot be written
  75  in force, not on disk yet
  77  not confirmed, or not permitted")]
pub(crate) struct RestoreArgs {
    /// Where the set lies
    dir: PathBuf,
    /// Which set, where the folder holds several; the newest where left out
    #[arg(long, value_name = "YYYYmmdd_HHMMSS")]
    timestamp: Option<String>,
    /// Also put rule files and prices back where they were on this machine
    #[arg(long)]
    files: bool,
    /// Also lift what is switched off now and was not then
    #[arg(long)]
    lift_kill: bool,
    #[command(flatten)]
    sure: Sure,
}

/// Writes a set.
pub(super) fn backup(args: &BackupArgs, globals: &Globals) -> Done {
    let remote = globals.remote(&globals.load(false, &[])?)?;
    let gathered: BackupSet = remote.get("/api/v1/config/backup", &[])?;
    let (path, manifest) = set::write(&args.dir, &gathered)?;
    if args.json {
        show::line(&show::json(&manifest)?.to_string())?;
    } else {
        show::line(&path.display().to_string())?;
    }
    for missing in &manifest.missing {
        show::note(&show::printable(&format!("left out: {missing}")));
    }
    Ok(if manifest.missing.is_empty() { exit::OK } else { FINDING })
}

impl From<SetError> for Failure {
    fn from(error: SetError) -> Self {
        let (code, hint) = match &error {
            SetError::Unwritten { .. } => (CANNOT_WRITE, None),
            SetError::There(_) => (CANNOT_WRITE, Some("wait a second, or name another --dir")),
            SetError::None(_) => (BAD_DATA, Some("`flowgauge config backup --dir DIR` makes one")),
            SetError::Changed(_) => (BAD_DATA, Some("nothing was restored; use another set")),
            SetError::Unreadable { .. } | SetError::Broken { .. } | SetError::Lacks { .. } => {
                (BAD_DATA, None)
            }
        };
        Self { hint: hint.map(str::to_owned), ..Self::new(code, error.to_string()) }
    }
}

/// Puts a set back.
pub(super) fn restore(args: &RestoreArgs, globals: &Globals) -> Done {
    args.sure.why()?;
    let whole = set::read(&args.dir, args.timestamp.as_deref())?;
    let part = control_of(&whole)?;
    let remote = globals.remote(&globals.load(false, &[])?)?;
    let now: WholeSettings = remote.get("/api/v1/control/settings", &[])?;
    let wanted = put_back(&now.settings, &part.settings, args.lift_kill);
    if wanted.kill != part.settings.kill {
        show::note("what is switched off now stays off; --lift-kill lifts it");
    }
    let mut code = if now.settings == wanted {
        show::note("the settings are those of the backup already");
        exit::OK
    } else {
        let body = |dry_run, _seen| WantedWhole {
            settings: part.settings.clone(),
            lift_kill: args.lift_kill,
            author: args.sure.by.clone(),
            reason: args.sure.reason.clone(),
            dry_run,
        };
        made(&remote, &args.sure, "/api/v1/control/settings", body)?
    };
    if args.files {
        code = code.max(files(&whole, &args.sure, &remote)?);
    }
    Ok(code)
}

/// The settings a set holds.
pub(super) fn control_of(whole: &Whole) -> Result<ControlPart, Failure> {
    serde_json::from_str(whole.text(Part::Control)?)
        .map_err(|e| Failure::new(BAD_DATA, format!("the settings of the backup: {e}")))
}

/// Rule files and prices where they were; what is there now is kept beside them.
fn files(whole: &Whole, sure: &Sure, remote: &Remote) -> Done {
    let (mut code, mut wrote) = (exit::OK, false);
    let rules = whole.texts_of(Part::RuleFile);
    for (entry, text) in rules.chain(whole.texts_of(Part::Prices)) {
        let Some(origin) = &entry.origin else { continue };
        if entry.redacted {
            show::note(&format!("{origin}: a secret was taken out, so it is not put back"));
            code = FINDING;
            continue;
        }
        let path = Path::new(origin);
        if std::fs::read_to_string(path).is_ok_and(|now| now == text) {
            continue;
        }
        show::note(&format!("{origin}: {} bytes from the backup", text.len()));
        if sure.dry_run {
            continue;
        }
        sure.ask(&format!("write {origin}"))?;
        write_back(path, text, &whole.manifest.timestamp)?;
        wrote = true;
    }
    if wrote {
        for path in ["/api/v1/prices/reload", "/-/reload"] {
            remote.change(Method::POST, path)?;
        }
    }
    Ok(code)
}

fn write_back(path: &Path, text: &str, timestamp: &str) -> Result<(), Failure> {
    let failed = |e: std::io::Error| {
        Failure::new(CANNOT_WRITE, format!("{} cannot be written: {e}", path.display()))
    };
    let dir = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let Some(name) = path.file_name().and_then(|n| n.to_str()) else {
        return Err(Failure::new(CANNOT_WRITE, format!("{} is no file", path.display())));
    };
    if path.exists() {
        std::fs::copy(path, dir.join(format!("{name}.before-{timestamp}"))).map_err(failed)?;
    }
    set::put(dir, name, text).map_err(failed)
}
