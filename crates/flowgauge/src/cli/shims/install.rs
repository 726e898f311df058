//! `shims install`: the wrappers as files. A file of somebody else's is not replaced unless told to.

use super::super::exit::{self, CANNOT_WRITE, Done, Failure};
use super::super::show;
use crate::logic::shims::{self, Row};
use std::fs;
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};

/// What our files say of themselves.
const OURS: &str = "Written by `flowgauge shims install`";

/// How a name leads to the program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Style {
    /// A tiny file that runs the program
    Wrapper,
    /// A symbolic link; `bash NAME` and `python3 NAME` do not work with it
    Link,
}

/// Options of `shims install`.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "\
Examples:
  flowgauge shims install --dir scripts
  flowgauge shims install --dir scripts --force

The guide's test goes to api/_spikes beside the folder, as the guide calls it. A wrapper finds the program by
FLOWGAUGE_BIN, else on the path, else where it stands now.

Exit codes:
  0   all are written
  73  a file cannot be written, or is somebody else's and --force is not given")]
pub(crate) struct InstallArgs {
    /// The folder of the guide's scripts
    #[arg(long, value_name = "DIR")]
    dir: PathBuf,
    /// The folder of the guide's test; api/_spikes beside --dir unless given
    #[arg(long, value_name = "DIR")]
    test_dir: Option<PathBuf>,
    /// How a name leads to the program
    #[arg(long, value_enum, default_value = "wrapper")]
    style: Style,
    /// Replace files that are not ours
    #[arg(long)]
    force: bool,
}

/// Writes them.
pub(super) fn run(args: &InstallArgs) -> Done {
    let program = super::program();
    let mut kept = Vec::new();
    let mut written = 0_u32;
    for row in shims::rows() {
        let file = place(args, row);
        let unwritten = |e: std::io::Error| {
            Failure::new(CANNOT_WRITE, format!("{} cannot be written: {e}", file.display()))
        };
        let folder = file.parent().unwrap_or(Path::new("."));
        fs::create_dir_all(folder).map_err(unwritten)?;
        if !args.force && is_foreign(&file) {
            kept.push(file.display().to_string());
            continue;
        }
        let done = match args.style {
            Style::Wrapper => write(&file, folder, &shims::wrapper(row, &program)),
            Style::Link => link(&file, &program),
        };
        done.map_err(unwritten)?;
        written += 1;
    }
    show::note(&format!("{written} names of the guide in {}", args.dir.display()));
    if kept.is_empty() {
        return Ok(exit::OK);
    }
    let message = format!("not ours, and left as they are: {}", kept.join(", "));
    Err(Failure::new(CANNOT_WRITE, message).hint("--force replaces them"))
}

fn place(args: &InstallArgs, row: &Row) -> PathBuf {
    let Some((folder, base)) = row.name.rsplit_once('/') else { return args.dir.join(row.name) };
    let beside = || args.dir.parent().unwrap_or(Path::new("")).join(folder);
    args.test_dir.clone().unwrap_or_else(beside).join(base)
}

/// Whether something is there that we did not write.
fn is_foreign(file: &Path) -> bool {
    if fs::symlink_metadata(file).is_ok_and(|m| m.file_type().is_symlink()) {
        return fs::read_link(file).is_ok_and(|to| to != Path::new(&super::program()));
    }
    match fs::read(file) {
        Ok(bytes) => !String::from_utf8_lossy(&bytes).contains(OURS),
        Err(e) => e.kind() != ErrorKind::NotFound,
    }
}

fn write(file: &Path, folder: &Path, text: &str) -> std::io::Result<()> {
    let mut temporary = tempfile::NamedTempFile::new_in(folder)?;
    temporary.write_all(text.as_bytes())?;
    temporary.as_file().set_permissions(fs::Permissions::from_mode(0o755))?;
    temporary.persist(file)?;
    Ok(())
}

fn link(file: &Path, program: &str) -> std::io::Result<()> {
    match fs::remove_file(file) {
        Ok(()) => {}
        Err(e) if e.kind() == ErrorKind::NotFound => {}
        Err(e) => return Err(e),
    }
    symlink(program, file)
}
