//! `ops restart` and `ops scale`: what the guide calls restarting and scaling.
//!
//! The optimisation engine has nothing to restart: settings are in force without it. Rules are read again, and whoever
//! obeys is named. The application and its resources belong to the operator: a hook runs, or there is none.

use super::super::diagnose::DiagnoseArgs;
use super::super::exit::{self, BAD_CONFIG, Done, Failure};
use super::super::globals::{Globals, Origin};
use super::super::remote::Remote;
use super::super::show::{self, Sheet, ShowArgs};
use super::super::sure::Sure;
use crate::query::diagnose::Name;
use crate::tell::page::control::status::ControlView;
use crate::tell::page::incidents::{IncidentNote, IncidentStep};
use bytes::Bytes;
use http::Method;

/// What is restarted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Target {
    /// Rules are read again; who obeys the settings in force is told
    Optimization,
    /// The operator's hook, hooks.restart
    Application,
}

/// Options of `ops restart`.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "\
Examples:
  flowgauge ops restart --target optimization
  flowgauge ops restart --target application --reason 'stuck workers' --yes

Settings of the optimisations are in force without a restart, and no stream is cut.

Exit codes:
  0   done; every instance has the settings in force
  1   an instance has not, or the hook did not end well
  64  wrong usage
  69  no server answers
  77  not confirmed, or not permitted
  78  hooks.restart is not configured")]
pub(crate) struct RestartArgs {
    /// What
    #[arg(long, value_enum)]
    target: Target,
    #[command(flatten)]
    sure: Sure,
}

/// Options of `ops scale`.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "\
Examples:
  flowgauge ops scale
  flowgauge ops scale --yes --reason 'evening peak'

Says what limits users. With --yes the operator's hook, hooks.scale, runs.

Exit codes:
  0   nothing limits users, or the hook ended well
  1   something does, or the hook did not end well
  3   unknown: no requests in the window
  64  wrong usage
  69  no server answers
  77  not permitted
  78  --yes, and hooks.scale is not configured")]
pub(crate) struct ScaleArgs {
    #[command(flatten)]
    sure: Sure,
}

/// Restarts.
pub(super) fn restart(args: &RestartArgs, globals: &Globals) -> Done {
    let remote = globals.remote(&globals.load(false, &[])?)?;
    match args.target {
        Target::Application => {
            if args.sure.dry_run {
                show::note("hooks.restart would run");
                return Ok(exit::OK);
            }
            args.sure.ask("run hooks.restart")?;
            hook(&remote, "restart", &args.sure)
        }
        Target::Optimization => reload(&remote, &args.sure),
    }
}

/// Reads rules again, and says who has which settings.
fn reload(remote: &Remote, sure: &Sure) -> Done {
    if !sure.dry_run {
        let sent = remote.block_on(remote.send(Method::POST, "/-/reload", &[], Bytes::new()))?;
        if matches!(sent.status().as_u16(), 401 | 403) {
            return Err(Failure::new(exit::NOT_PERMITTED, "the key may not have rules read again"));
        }
        if !sent.status().is_success() {
            let message = format!("the server answered {}", sent.status());
            return Err(Failure::new(exit::UNREACHABLE, message));
        }
    }
    let now: ControlView = remote.get("/api/v1/control", &[])?;
    let columns = vec!["instance", "settings", "in force", "seen"];
    let mut sheet = Sheet { columns, rows: Vec::new() };
    let mut all = true;
    for one in &now.instances {
        let obeys = one.generation >= now.generation;
        all &= obeys;
        let word = if obeys { "yes" } else { "not yet" };
        sheet.row([one.name.as_str(), &format!("generation {}", one.generation), word, &one.seen]);
    }
    let show = ShowArgs { json: sure.json, ..ShowArgs::default() };
    show.print(&sheet, &show::json(&now.instances)?)?;
    show::note("rules are read again; nothing had to be restarted, and no stream was cut");
    Ok(if all { exit::OK } else { exit::FINDING })
}

/// Says what limits users, and runs the hook where that is wanted.
pub(super) fn scale(args: &ScaleArgs, globals: &Globals) -> Done {
    let show = ShowArgs { json: args.sure.json, ..ShowArgs::default() };
    let question = DiagnoseArgs { show, ..DiagnoseArgs::default() };
    let found = super::super::diagnose::run(Name::Bottlenecks, &question, globals, |_| Ok(()))?;
    if !args.sure.yes || args.sure.dry_run {
        show::note("hint: --yes runs hooks.scale");
        return Ok(found);
    }
    let loaded = globals.load(false, &[])?;
    match globals.origin(&loaded)? {
        Origin::Server(remote) => hook(&remote, "scale", &args.sure),
        Origin::Directory(_) => Err(Failure::new(exit::UNREACHABLE, "no server runs")),
    }
}

fn hook(remote: &Remote, name: &str, sure: &Sure) -> Done {
    let reason = if sure.reason.is_empty() { "no reason was given" } else { &sure.reason };
    let note = IncidentNote { author: sure.by.clone(), note: reason.to_owned(), incident: None };
    let body = serde_json::to_vec(&note).map_err(|e| Failure::usage(e.to_string()))?;
    let json = [("content-type", "application/json")];
    let path = format!("/api/v1/hooks/{name}");
    let step: Result<IncidentStep, Failure> =
        remote.call(Method::POST, &path, &json, Bytes::from(body));
    let step = step.map_err(|failure| {
        let missing = failure.message.contains("is not configured");
        if missing { Failure::new(BAD_CONFIG, failure.message) } else { failure }
    })?;
    sure.print(&format!("{}: {}", step.name, show::printable(&step.detail)), &step)?;
    Ok(if step.done { exit::OK } else { exit::FINDING })
}
