//! `incident …`: answering an emergency, watching closer, closing it, its timeline, and notes.

use super::exit::{self, BAD_CONFIG, Done, Failure};
use super::globals::Globals;
use super::remote::Remote;
use super::show::{self, Sheet, ShowArgs};
use crate::tell::page::history::{HistoryView, NewNote};
use crate::tell::page::incidents::{
    AnsweredView, IncidentNote, IncidentStep, IncidentView, NewIncident, WantedPace,
};
use bytes::Bytes;
use http::Method;
use http::StatusCode;
use http_body_util::BodyExt as _;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// How bad; any other word is wrong usage, and nothing is logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum SeverityArg {
    /// SEV1
    Critical,
    /// SEV2
    High,
    /// SEV3
    Medium,
}

impl SeverityArg {
    const fn word(self) -> &'static str {
        match self {
            Self::Critical => "critical",
            Self::High => "high",
            Self::Medium => "medium",
        }
    }
}

/// How close a watch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum LevelArg {
    /// Every 10 s
    High,
    /// Every 30 s
    Medium,
}

/// Which command of the operator's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum HookArg {
    /// hooks.restart
    Restart,
    /// hooks.scale
    Scale,
}

/// Who, and why.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct WhoArgs {
    /// What is wrong, or why
    #[arg(long, default_value = "no reason was given")]
    reason: String,
    /// Who says so; the user of this machine unless given
    #[arg(long, env = "USER", default_value = "someone at this machine")]
    author: String,
}

/// Options of `incident respond` and `incident start`.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct OpenArgs {
    /// How bad
    #[arg(value_enum)]
    severity: SeverityArg,
    #[command(flatten)]
    who: WhoArgs,
    #[command(flatten)]
    show: ShowArgs,
}

/// Options of `incident intensify`.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct IntensifyArgs {
    /// How close
    #[arg(long, value_enum)]
    level: LevelArg,
    #[command(flatten)]
    who: WhoArgs,
}

/// Options of `incident close` and `incident report`.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct OneArgs {
    /// Its number
    id: u64,
    #[command(flatten)]
    who: WhoArgs,
}

/// Options of `incident report`.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct ReportArgs {
    /// Its number
    id: u64,
    /// A file in place of stdout
    #[arg(long, value_name = "FILE")]
    output: Option<String>,
}

/// Options of `incident note`.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct NoteArgs {
    /// What happened
    text: String,
    /// When, RFC 3339; now unless given
    #[arg(long, value_name = "TIME")]
    at: Option<String>,
    /// Who says so; the user of this machine unless given
    #[arg(long, env = "USER", default_value = "someone at this machine")]
    author: String,
}

/// Options of `incident hook`.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct HookArgs {
    /// Which
    #[arg(value_enum)]
    hook: HookArg,
    /// Incident it belongs to
    #[arg(long)]
    incident: Option<u64>,
    #[command(flatten)]
    who: WhoArgs,
}

/// Verbs of `incident`.
#[derive(Debug, Clone, clap::Subcommand)]
pub(crate) enum IncidentCommand {
    /// Answer an emergency: tell people, switch, watch closer
    #[command(after_help = "\
Examples:
  flowgauge incident respond critical --reason \"answers are wrong\"
  flowgauge incident respond high

People are told first. critical carries out the whole rollback with its proof, high sets safer limits, medium
proposes bounds of the cache and sets nothing.

Exit codes:
  0   every step worked
  1   a step did not: the table says which
  64  no such severity; nothing is logged
  69  no server answers
  77  not permitted")]
    Respond(OpenArgs),
    /// Open an incident and watch closer; nothing is switched
    #[command(after_help = "\
Examples:
  flowgauge incident start medium --reason \"costs rise\"

Exit codes:
  0   done
  1   a step did not work: the table says which
  64  wrong usage
  69  no server answers
  77  not permitted")]
    Start(OpenArgs),
    /// Watch closer for an hour
    #[command(after_help = "\
Examples:
  flowgauge incident intensify --level high

Exit codes:
  0   done
  64  wrong usage
  69  no server answers
  77  not permitted")]
    Intensify(IntensifyArgs),
    /// All incidents, the latest first
    #[command(after_help = "\
Examples:
  flowgauge incident list --json

Exit codes:
  0   done
  64  wrong usage
  69  no server answers
  77  not permitted")]
    List(ShowArgs),
    /// Close one
    #[command(after_help = "\
Examples:
  flowgauge incident close 1 --reason \"the provider recovered\"

Exit codes:
  0   done
  64  wrong usage
  69  no server answers
  77  not permitted")]
    Close(OneArgs),
    /// Its timeline as Markdown
    #[command(after_help = "\
Examples:
  flowgauge incident report 1 --output incident.md

Exit codes:
  0   done
  64  wrong usage
  69  no server answers
  77  not permitted")]
    Report(ReportArgs),
    /// Note what happened: on the timeline, on every chart over its time, and in reports
    #[command(after_help = "\
Examples:
  flowgauge incident note \"load test begins\"
  flowgauge incident note \"provider was slow\" --at 2026-11-23T14:02:00Z

Exit codes:
  0   done
  64  wrong usage: no text, too long, or a time after the present
  69  no server answers
  77  not permitted")]
    Note(NoteArgs),
    /// Run a command of the operator's; 78 where none is configured
    #[command(after_help = "\
Examples:
  flowgauge incident hook restart --incident 1

Exit codes:
  0   done
  1   the command did not end well
  64  wrong usage
  69  no server answers
  77  not permitted
  78  hooks.restart or hooks.scale is not configured")]
    Hook(HookArgs),
}

/// Runs one.
pub(crate) fn run(command: &IncidentCommand, globals: &Globals) -> Done {
    let remote = globals.remote(&globals.load(false, &[])?)?;
    match command {
        IncidentCommand::Respond(args) => open(args, true, &remote),
        IncidentCommand::Start(args) => open(args, false, &remote),
        IncidentCommand::Intensify(args) => intensify(args, &remote),
        IncidentCommand::List(show) => list(show, &remote),
        IncidentCommand::Close(args) => close(args, &remote),
        IncidentCommand::Report(args) => report(args, &remote),
        IncidentCommand::Note(args) => note(args, &remote),
        IncidentCommand::Hook(args) => hook(args, &remote),
    }
}

fn open(args: &OpenArgs, respond: bool, remote: &Remote) -> Done {
    let wanted = NewIncident {
        severity: args.severity.word().to_owned(),
        note: args.who.reason.clone(),
        author: args.who.author.clone(),
        respond,
    };
    let answered: AnsweredView = post(remote, "/api/v1/incidents", &wanted)?;
    let mut sheet = Sheet { columns: vec!["step", "done", "what came of it"], rows: Vec::new() };
    for step in &answered.steps {
        let done = if step.done { "yes" } else { "no" };
        sheet.row([step.name.clone(), done.to_owned(), step.detail.clone()]);
    }
    args.show.print(&sheet, &show::json(&answered)?)?;
    show::note(&format!("incident {}", answered.id));
    if !answered.logged {
        show::note(
            "the incident log could not be written: what was done holds, the report lacks it",
        );
    }
    let all = answered.logged && answered.steps.iter().all(|s| s.done);
    Ok(if all { exit::OK } else { exit::FINDING })
}

fn intensify(args: &IntensifyArgs, remote: &Remote) -> Done {
    let level = match args.level {
        LevelArg::High => "high",
        LevelArg::Medium => "medium",
    };
    let wanted = WantedPace { level: level.to_owned(), author: args.who.author.clone() };
    let step: IncidentStep = post(remote, "/api/v1/pace", &wanted)?;
    show::line(&show::printable(&step.detail))?;
    Ok(exit::OK)
}

fn list(args: &ShowArgs, remote: &Remote) -> Done {
    let all: Vec<IncidentView> = remote.get("/api/v1/incidents", &[])?;
    let columns = vec!["id", "severity", "opened", "closed", "by", "what"];
    let mut sheet = Sheet { columns, rows: Vec::new() };
    for one in &all {
        let closed = one.closed.clone().unwrap_or_else(|| "open".to_owned());
        let cells = [one.id.to_string(), one.severity.clone(), one.opened.clone(), closed];
        sheet.row(cells.into_iter().chain([one.by.clone(), one.note.clone()]));
    }
    args.print(&sheet, &show::json(&all)?)?;
    Ok(exit::OK)
}

fn close(args: &OneArgs, remote: &Remote) -> Done {
    let said = said(&args.who, None);
    let path = format!("/api/v1/incidents/{}/close", args.id);
    let closed: IncidentView = post(remote, &path, &said)?;
    show::note(&format!("incident {} is closed", closed.id));
    Ok(exit::OK)
}

fn report(args: &ReportArgs, remote: &Remote) -> Done {
    let path = format!("/api/v1/incidents/{}/report", args.id);
    let text = remote.block_on(async {
        let answer = remote.send(Method::GET, &path, &[], Bytes::new()).await?;
        let status = answer.status();
        let unread = |e: hyper::Error| Failure::new(exit::UNREACHABLE, e.to_string());
        let body = answer.into_body().collect().await.map_err(unread)?.to_bytes();
        if status == StatusCode::NOT_FOUND {
            let message = format!("no incident {}", args.id);
            return Err(Failure::usage(message).hint("`flowgauge incident list` names all of them"));
        }
        if !status.is_success() {
            let message = format!("the server answered {status}");
            return Err(Failure::new(exit::UNREACHABLE, message));
        }
        Ok(String::from_utf8_lossy(&body).into_owned())
    })?;
    show::emit(&text, args.output.as_deref())?;
    Ok(exit::OK)
}

fn note(args: &NoteArgs, remote: &Remote) -> Done {
    let (at, text, author) = (args.at.clone(), args.text.clone(), args.author.clone());
    let told: HistoryView = post(remote, "/api/v1/history", &NewNote { at, text, author })?;
    show::note(&format!("noted for {}", told.at));
    Ok(exit::OK)
}

fn hook(args: &HookArgs, remote: &Remote) -> Done {
    let name = match args.hook {
        HookArg::Restart => "restart",
        HookArg::Scale => "scale",
    };
    let said = said(&args.who, args.incident);
    let step: Result<IncidentStep, Failure> = post(remote, &format!("/api/v1/hooks/{name}"), &said);
    let step = step.map_err(|failure| {
        if failure.message.contains("is not configured") {
            Failure::new(BAD_CONFIG, failure.message)
        } else {
            failure
        }
    })?;
    show::line(&format!("{}: {}", step.name, show::printable(&step.detail)))?;
    Ok(if step.done { exit::OK } else { exit::FINDING })
}

fn said(who: &WhoArgs, incident: Option<u64>) -> IncidentNote {
    IncidentNote { author: who.author.clone(), note: who.reason.clone(), incident }
}

fn post<T: DeserializeOwned>(
    remote: &Remote,
    path: &str,
    body: &impl Serialize,
) -> Result<T, Failure> {
    let bytes = serde_json::to_vec(body).map_err(|e| Failure::usage(e.to_string()))?;
    let json = [("content-type", "application/json")];
    remote.call(Method::POST, path, &json, Bytes::from(bytes))
}
