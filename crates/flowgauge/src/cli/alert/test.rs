//! `alert test`: test files run against the real engine and the real worker, in simulated time.

use super::{refused, text_of, with_world};
use crate::cli::exit::{self, Done};
use crate::cli::globals::Globals;
use crate::cli::show::{self, Format, Sheet, ShowArgs};
use crate::config::Problems;
use crate::judge::proof::{self, Report, TestFile};
use crate::judge::rules::{self, World};
use crate::tell::deliver::Rehearsal;

/// Options of `alert test`.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct TestArgs {
    /// Test files; promtool's are read too
    #[arg(required = true)]
    files: Vec<String>,
    /// Only tests whose name contains this
    #[arg(long)]
    name: Option<String>,
    #[command(flatten)]
    show: ShowArgs,
}

/// One test as it is printed.
#[derive(Debug, serde::Serialize)]
struct Line {
    file: String,
    test: String,
    passed: bool,
    checked: usize,
    unmet: Vec<String>,
}

pub(super) fn run(args: &TestArgs, globals: &Globals) -> Done {
    with_world(globals, |world| {
        let mut lines = Vec::new();
        for name in &args.files {
            let text = text_of(name)?;
            let read = proof::read(name, &text);
            let file = read.map_err(|problems| refused(exit::BAD_DATA, &[problems]))?;
            lines.extend(tests(&file, world, args.name.as_deref())?);
        }
        if lines.is_empty() {
            return Err(exit::Failure::usage("no test has such a name")
                .hint("leave --name out to run all of them"));
        }
        let columns = vec!["test", "result", "checked"];
        let mut sheet = Sheet { columns, rows: Vec::new() };
        for line in &lines {
            let result = if line.passed { "passed" } else { "FAILED" };
            sheet.row([line.test.as_str(), result, &line.checked.to_string()]);
        }
        args.show.print(&sheet, &show::json(&lines)?)?;
        let failed: Vec<&Line> = lines.iter().filter(|line| !line.passed).collect();
        for line in &failed {
            show::note(&format!("\n{}: {}", line.file, line.test));
            line.unmet.iter().for_each(|unmet| show::note(&format!("  {unmet}")));
        }
        let (format, file) = args.show.target();
        if file.is_none() && matches!(format, None | Some(Format::Table)) {
            let passed = lines.len() - failed.len();
            show::line(&format!("{passed} of {} passed", lines.len()))?;
        }
        Ok(if failed.is_empty() { exit::OK } else { exit::FINDING })
    })
}

/// The tests of one file.
fn tests(
    file: &TestFile,
    world: &World<'_>,
    wanted: Option<&str>,
) -> Result<Vec<Line>, exit::Failure> {
    let set = rules::load(&file.rules, world).map_err(|p| refused(exit::BAD_DATA, &p))?;
    let problems: Vec<_> = file.tests.iter().flat_map(|test| proof::names(test, &set)).collect();
    if !problems.is_empty() {
        let (file, text) = (file.name.clone(), file.text.clone());
        return Err(refused(exit::BAD_DATA, &[Problems { file, text, list: problems }]));
    }
    let mut lines = Vec::new();
    for test in file.tests.iter().filter(|t| wanted.is_none_or(|name| t.name.contains(name))) {
        let mut courier = Rehearsal::default();
        let report = proof::run(file, test, &set, world.config, &mut courier);
        let report = report.map_err(|broken| {
            exit::Failure::new(exit::CANNOT_WRITE, format!("{}: {broken}", test.name))
        })?;
        lines.push(line(file, report));
    }
    Ok(lines)
}

fn line(file: &TestFile, report: Report) -> Line {
    let Report { name, unmet, checked, .. } = report;
    let place = |unmet: &proof::Unmet| {
        format!("{}: {}", Problems::origin(&file.name, &unmet.place), unmet.text)
    };
    let unmet: Vec<String> = unmet.iter().map(place).collect();
    Line { file: file.name.clone(), test: name, passed: unmet.is_empty(), checked, unmet }
}
