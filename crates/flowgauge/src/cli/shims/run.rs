//! `shims run NAME …`: plans what the name does, and does it.
//!
//! One command runs in this process, so that signals and the console are its own; several run one after another as
//! processes of this program, and the worst of their exit codes is told.

use super::super::exit::{self, CANNOT_WRITE, Done, Failure, INTERRUPTED, UNREACHABLE, USAGE};
use super::super::globals::{Globals, now};
use super::super::show;
use super::absent;
use crate::logic::shims::{self, BadUse, Goes, Log, Plan, Row, Step, Surroundings};
use std::fs::{self, OpenOptions};
use std::io::{IsTerminal as _, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};

/// Put before the guide's absolute paths: another root, for trying things out.
const ROOT: &str = "FLOWGAUGE_GUIDE_ROOT";
/// Largest file of the guide's that is read for what it is about: a week of figures is below 1 MB.
const MAX_INPUT: u64 = 64 << 20;

/// Does what a name of the guide does.
pub(super) fn named(name: &str, given: &[String], globals: &Globals) -> Done {
    let Some(row) = shims::find(name) else {
        return Err(Failure::usage(format!("the guide has no {name:?}"))
            .hint("`flowgauge shims list` shows all its names"));
    };
    if given.iter().any(|word| word == "--help" || word == "-h") {
        show::emit(&help(row), None)?;
        return Ok(exit::OK);
    }
    let terminal = std::io::stdin().is_terminal();
    let translated = shims::translate(row, given, terminal).map_err(|e| refused(row, &e))?;
    let scratch = tempfile::tempdir()?;
    let root = std::env::var(ROOT).unwrap_or_default();
    let world = Surroundings {
        now: now(),
        zone: globals.load(false, &[]).map_or(chrono_tz::Tz::UTC, |l| l.config.time_zone),
        terminal,
        root: &root,
        exists: &|path| Path::new(path).exists(),
        writable: &|path| is_writable(Path::new(path)),
        read: &read,
        scratch: &scratch.path().to_string_lossy(),
    };
    let plan = shims::plan(row, translated, &world).map_err(|e| refused(row, &e))?;
    carry_out(row, &plan)
}

fn refused(row: &Row, error: &BadUse) -> Failure {
    let code = if matches!(error, BadUse::BadInput(_)) { exit::BAD_DATA } else { USAGE };
    Failure::new(code, format!("{}: {error}", row.base()))
        .hint(format!("flowgauge shims run {} --help", row.base()))
}

fn help(row: &Row) -> String {
    let options: Vec<&str> = row.options.iter().map(|(name, _)| *name).collect();
    let options = if options.is_empty() { "none".to_owned() } else { options.join(" ") };
    let codes = row.exits.iter().map(u8::to_string).collect::<Vec<_>>().join(" ");
    let command = row.command.join(" ");
    format!(
        "{}: {}\n\nCommand:         flowgauge {command}\nGuide's options: {options}\n\
         Exit codes:      {codes} (also 64 wrong usage, 78 bad configuration)\n\n\
         Every option of the command works too: flowgauge {command} --help\n",
        row.base(),
        row.about
    )
}

fn read(path: &str) -> Result<String, String> {
    let size = fs::metadata(path).map_err(|e| e.to_string())?.len();
    if size > MAX_INPUT {
        return Err(format!("{size} bytes are too many"));
    }
    fs::read_to_string(path).map_err(|e| e.to_string())
}

/// Whether a file could be written: it, or the nearest folder there is.
fn is_writable(path: &Path) -> bool {
    if path.is_file() {
        return OpenOptions::new().append(true).open(path).is_ok();
    }
    let folder = path.ancestors().find(|p| p.is_dir());
    // A file without a name: nothing is left behind.
    folder.is_some_and(|folder| tempfile::tempfile_in(folder).is_ok())
}

fn carry_out(row: &Row, plan: &Plan) -> Done {
    for step in &plan.steps {
        if plan.is_plain()
            && let Some(command) = absent(&step.words)
        {
            let what = format!("`flowgauge {command}` is not part of this version");
            return Err(Failure::usage(format!("{}: {what}; nothing was done", row.base())));
        }
    }
    if let Some(first) = &plan.first {
        show::line(first)?;
    }
    plan.notes.iter().for_each(|note| show::note(note));
    if let (true, [step]) = (plan.is_plain(), &plan.steps[..]) {
        let words = std::iter::once("flowgauge").chain(step.words.iter().map(String::as_str));
        return super::super::line(words.map(Into::into).collect());
    }
    for (from, to) in &plan.copies {
        copy(from, to)?;
    }
    let mut code = exit::OK;
    for step in &plan.steps {
        let own = told(row, one(step));
        code = worse(code, own);
        if step.needed && own != exit::OK {
            break;
        }
    }
    if let Some(last) = plan.last.as_ref().filter(|_| is_done(row, code)) {
        let unproven = plan.proof.as_ref().filter(|proof| one(&proof.step) != exit::OK);
        show::line(unproven.map_or(last, |proof| &proof.unproven))?;
    }
    if let Some(log) = plan.log.as_ref().filter(|_| code != USAGE) {
        append(log)?;
    }
    Ok(code)
}

/// Rules that cannot be read are errors of the configuration that was validated (catalogue C14).
fn told(row: &Row, code: u8) -> u8 {
    if row.id == "C14" && code == exit::BAD_DATA { exit::CRITICAL } else { code }
}

/// Whether what was asked for is done: a backup that lacks a part is one too (its code says so), a rollback without its
/// proof is none.
fn is_done(row: &Row, code: u8) -> bool {
    code == exit::OK || (row.id == "C73" && code == exit::FINDING)
}

/// Trouble (64 and more) counts before findings, and the first trouble before later ones.
fn worse(a: u8, b: u8) -> u8 {
    if a >= USAGE { a } else { a.max(b) }
}

/// Runs one step; what went wrong is on standard error.
fn one(step: &Step) -> u8 {
    if let Some(command) = absent(&step.words) {
        show::note(&format!("error: `flowgauge {command}` is not part of this version; left out"));
        return USAGE;
    }
    match process(step) {
        Ok(code) => code,
        Err(failure) => {
            show::note(&failure.to_string());
            failure.code
        }
    }
}

fn process(step: &Step) -> Done {
    let mut command = Command::new(super::program());
    command.args(&step.words);
    command.stdout(match &step.goes {
        Goes::Out => Stdio::inherit(),
        Goes::Err => Stdio::from(std::io::stderr()),
        Goes::File(_) => Stdio::piped(),
    });
    command.stderr(Stdio::inherit());
    let done = command
        .output()
        .map_err(|e| Failure::new(UNREACHABLE, format!("flowgauge cannot be started: {e}")))?;
    let code = done.status.code().and_then(|c| u8::try_from(c).ok()).unwrap_or(INTERRUPTED);
    if let Goes::File(file) = &step.goes
        && code < USAGE
    {
        show::emit(&String::from_utf8_lossy(&done.stdout), Some(file))?;
    }
    Ok(code)
}

fn copy(from: &str, to: &str) -> Result<(), Failure> {
    let folder = Path::new(to).parent().unwrap_or(Path::new("."));
    let copied = fs::create_dir_all(folder).and_then(|()| fs::copy(from, to));
    let unwritten = |e| Failure::new(CANNOT_WRITE, format!("{from} cannot be copied to {to}: {e}"));
    copied.map(|_| ()).map_err(unwritten)
}

/// Appends a line in one write, so that two responses do not mix.
fn append(log: &Log) -> Result<(), Failure> {
    let folder = Path::new(&log.file).parent().unwrap_or(Path::new("."));
    let line = format!("{}: {}\n", now().to_rfc3339(), log.text);
    let written = fs::create_dir_all(folder)
        .and_then(|()| OpenOptions::new().create(true).append(true).open(&log.file))
        .and_then(|mut file| file.write_all(line.as_bytes()));
    written.map_err(|e| Failure::new(CANNOT_WRITE, format!("{} lacks a line: {e}", log.file)))
}
