//! `jobs list`, `jobs run`, `jobs history`: what is done once per period, and doing it now.
//!
//! Owns asking and waiting. Refuses to do a step: the server does, so that a command and a server never
//! do one job twice.

use super::exit::{self, Done, FINDING, Failure, TRY_LATER};
use super::globals::{self, Globals, Origin};
use super::remote::{Remote, escaped};
use super::show::{self, Sheet, ShowArgs};
use crate::keep::jobs;
use crate::logic::job::JobName;
use crate::store::JobStore;
use crate::tell::page::jobs::{JobView, RunAnswer, RunView, StepView, WantedRun};
use bytes::Bytes;
use http::Method;
use std::time::Duration;

/// Between two looks at a run: steps take seconds.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// A run that is not begun by then waits for another one, and the caller is told so.
const LOOKS_BEFORE_BEGUN: u32 = 30;
/// The longest chores read a whole archive back.
const MOST_LOOKS: u32 = 12 * 60 * 60;

/// Verbs of `jobs`.
#[derive(Debug, Clone, clap::Subcommand)]
pub(crate) enum JobsCommand {
    /// Every job: what it does, when it is due next, what came of it last
    #[command(after_help = "\
Examples:
  flowgauge jobs list
  flowgauge jobs list --json

Exit codes:
  0   listed
  69  neither a server nor a data directory
  77  not permitted")]
    List(ShowArgs),
    /// Run a job now, once for its period and channels
    #[command(after_help = "\
Examples:
  flowgauge jobs run maintain-weekly
  flowgauge jobs run maintain-monthly --period 2026-10 --again
  flowgauge jobs run maintain-weekly --dry-run --json

What was done for the same period and channels already is shown and not done twice, unless --again.

Exit codes:
  0   done, and nothing to look at
  1   done and something was found, or a step failed
  64  no such job, or the period does not fit it
  69  no server answers
  75  planned; another job is running, or --no-wait
  77  not permitted")]
    Run(RunArgs),
    /// Runs, the latest first, with what came of each step
    #[command(after_help = "\
Examples:
  flowgauge jobs history
  flowgauge jobs history --job maintain-weekly --limit 5 --json

Exit codes:
  0   listed
  64  no such job
  69  neither a server nor a data directory
  77  not permitted")]
    History {
        /// Only of this job
        #[arg(long)]
        job: Option<String>,
        /// At most so many
        #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=1000))]
        limit: u32,
        #[command(flatten)]
        show: ShowArgs,
    },
}

/// Options of `jobs run`.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct RunArgs {
    /// Name of the job
    job: String,
    #[command(flatten)]
    how: How,
}

/// How a run is made.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct How {
    /// The days it is about, e.g. 2026-10; the last complete ones unless given
    #[arg(long, value_name = "PERIOD")]
    pub(super) period: Option<String>,
    /// A channel that hears of it; repeatable, nobody unless given
    #[arg(long = "channel", value_name = "NAME")]
    pub(super) channels: Vec<String>,
    /// Also where it was done for these days already
    #[arg(long)]
    pub(super) again: bool,
    /// Do not wait for its end
    #[arg(long)]
    pub(super) no_wait: bool,
    /// Only say what each step would do
    #[arg(long)]
    pub(super) dry_run: bool,
    /// Who wants it
    #[arg(long, env = "USER", hide_env_values = true, default_value = "someone at this machine")]
    pub(super) by: String,
    #[command(flatten)]
    pub(super) show: ShowArgs,
}

/// Runs one verb.
pub(super) fn run(command: &JobsCommand, globals: &Globals) -> Done {
    match command {
        JobsCommand::List(show) => list(show, globals),
        JobsCommand::Run(args) => {
            let run = make(&args.job, &args.how, globals)?;
            Ok(run.as_ref().map_or(exit::OK, code))
        }
        JobsCommand::History { job, limit, show } => history(job.as_deref(), *limit, show, globals),
    }
}

fn list(show: &ShowArgs, globals: &Globals) -> Done {
    let loaded = globals.load(false, &[])?;
    let views: Vec<JobView> = match globals.origin(&loaded)? {
        Origin::Server(remote) => remote.get("/api/v1/jobs", &[])?,
        Origin::Directory(_) => {
            let config = &loaded.config;
            let store = JobStore::open_reader(&config.data_dir)?;
            let names: Vec<JobName> = JobName::ALL.to_vec();
            let listed = jobs::list(&names, &config.schedules, store.as_ref(), globals::now())?;
            listed.iter().map(JobView::from).collect()
        }
    };
    let columns = vec!["job", "schedule", "when", "next", "last", "about"];
    let mut sheet = Sheet { columns, rows: Vec::new() };
    for view in &views {
        let or =
            |text: &Option<String>, other: &str| text.clone().unwrap_or_else(|| other.to_owned());
        let last = view.last.as_ref();
        let last = last.map_or("never".to_owned(), |r| format!("{} {}", r.period, r.state));
        let (when, next) = (or(&view.when, "when asked"), or(&view.next, "–"));
        sheet.row([
            view.job.clone(),
            or(&view.schedule, "–"),
            when,
            next,
            last,
            view.about.clone(),
        ]);
    }
    show.print(&sheet, &show::json(&views)?)?;
    Ok(exit::OK)
}

fn history(job: Option<&str>, limit: u32, show: &ShowArgs, globals: &Globals) -> Done {
    let job: Option<JobName> = job
        .map(str::parse)
        .transpose()
        .map_err(|e: crate::logic::job::NoSuchJob| Failure::usage(e.to_string()))?;
    let loaded = globals.load(false, &[])?;
    let views: Vec<RunView> = match globals.origin(&loaded)? {
        Origin::Server(remote) => {
            let mut query = vec![("limit", limit.to_string())];
            query.extend(job.map(|job| ("job", job.to_string())));
            remote.get("/api/v1/jobs/history", &query)?
        }
        Origin::Directory(_) => {
            let store = JobStore::open_reader(&loaded.config.data_dir)?;
            let limit = usize::try_from(limit).unwrap_or(usize::MAX);
            let of = |s: JobStore| s.history(job.map(JobName::word), limit);
            let runs = store.map(of).transpose()?.unwrap_or_default();
            runs.iter().map(RunView::from).collect()
        }
    };
    let columns = vec!["run", "job", "period", "state", "due", "ended", "by", "note"];
    let mut sheet = Sheet { columns, rows: Vec::new() };
    for view in &views {
        let or = |text: &Option<String>| text.clone().unwrap_or_else(|| "–".to_owned());
        let head = [view.id.to_string(), view.job.clone(), view.period.clone(), view.state.clone()];
        let tail = [view.due.clone(), or(&view.ended), or(&view.by), noted(view)];
        sheet.row(head.into_iter().chain(tail));
    }
    show.print(&sheet, &show::json(&views)?)?;
    Ok(exit::OK)
}

fn noted(view: &RunView) -> String {
    match (view.note.is_empty(), view.found) {
        (true, true) => "something was found".to_owned(),
        _ => view.note.clone(),
    }
}

/// Asks for a run, waits for its end, prints its steps. Nothing in a dry run.
pub(super) fn make(job: &str, how: &How, globals: &Globals) -> Result<Option<RunView>, Failure> {
    let remote = globals.remote(&globals.load(false, &[])?)?;
    let wanted = WantedRun {
        period: how.period.clone(),
        channels: how.channels.clone(),
        by: how.by.clone(),
        again: how.again,
        dry_run: how.dry_run,
    };
    let path = format!("/api/v1/jobs/{}/runs", escaped(job));
    let body = serde_json::to_vec(&wanted).map_err(|e| Failure::usage(e.to_string()))?;
    let json = [("content-type", "application/json")];
    let answer: RunAnswer = remote.call(Method::POST, &path, &json, Bytes::from(body))?;
    let Some(run) = answer.run else {
        how.show.print(&steps(&answer.would), &show::json(&answer.would)?)?;
        return Ok(None);
    };
    if !answer.planned && run.is_over() {
        let (period, ended) = (&run.period, run.ended.as_deref().unwrap_or("before"));
        show::note(&format!(
            "hint: it was done for {period} at {ended}; --again does it once more"
        ));
    }
    let run = if how.no_wait { run } else { wait(&remote, run)? };
    how.show.print(&steps(&run.steps), &show::json(&run)?)?;
    if !run.note.is_empty() {
        show::note(&format!("run {}: {}", run.id, show::printable(&run.note)));
    }
    Ok(Some(run))
}

/// The exit code of a run as it stands.
pub(super) fn code(run: &RunView) -> u8 {
    match () {
        () if !run.is_over() => TRY_LATER,
        () if run.is_done() && !run.found => exit::OK,
        () => FINDING,
    }
}

fn wait(remote: &Remote, mut run: RunView) -> Result<RunView, Failure> {
    for look in 0..MOST_LOOKS {
        if run.is_over() {
            break;
        }
        if look >= LOOKS_BEFORE_BEGUN && !run.is_begun() {
            show::note(
                "hint: another job is running; this one is done after it. `flowgauge jobs history` shows how it stands",
            );
            break;
        }
        remote.block_on(async { tokio::time::sleep(LOOK_EVERY).await });
        run = remote.get(&format!("/api/v1/jobs/runs/{}", run.id), &[])?;
    }
    Ok(run)
}

fn steps(steps: &[StepView]) -> Sheet {
    let mut sheet = Sheet { columns: vec!["step", "state", "detail"], rows: Vec::new() };
    steps.iter().for_each(|s| sheet.row([s.step.clone(), s.state.clone(), s.detail.clone()]));
    sheet
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::logic::job::{Outcome, Run, RunKey, StepPlan};
    use crate::logic::unit::UnixMicros;

    fn run(outcome: Option<Outcome>) -> RunView {
        let plans = [StepPlan { name: "check", about: "", needs: &[] }];
        let key = RunKey::new("maintain-weekly", "2026-11-16_2026-11-22".parse().unwrap(), &[]);
        let mut run = Run::pending(key, UnixMicros(0), Some("ana".into()));
        if let Some(outcome) = outcome {
            assert!(run.begin(&plans, UnixMicros(1)));
            run.step_ends("check", outcome, UnixMicros(2));
            run.end(UnixMicros(3));
        }
        RunView::from(&run)
    }

    #[test]
    fn a_run_ends_with_the_code_of_what_came_of_it() {
        assert_eq!(code(&run(None)), TRY_LATER);
        assert_eq!(code(&run(Some(Outcome::done("")))), exit::OK);
        assert_eq!(code(&run(Some(Outcome::skipped("")))), exit::OK);
        assert_eq!(code(&run(Some(Outcome::finding("")))), FINDING);
        assert_eq!(code(&run(Some(Outcome::failed("")))), FINDING);
    }
}
