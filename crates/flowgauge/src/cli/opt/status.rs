//! `opt status`: what each optimisation does now, and what decides it.

use super::super::exit::{self, Done, FINDING, Failure};
use super::super::globals::Globals;
use super::super::opt_evidence::{self, FocusArg};
use super::super::show::{self, Format, Sheet, ShowArgs};
use super::stored::{self, From, StoredView};
use crate::tell::page::control::status::{ControlView, MechanismView, ModeView};

/// Options of `opt status`.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "\
Examples:
  flowgauge opt status
  flowgauge opt status --json

Exit codes:
  0   shown
  1   not all instances have the state in force, or the log of changes cannot be read
  69  no server answers, and there is no data directory to read
  77  not permitted")]
pub(crate) struct StatusArgs {
    #[command(flatten)]
    show: ShowArgs,
}

/// Runs it.
pub(super) fn run(args: &StatusArgs, globals: &Globals) -> Done {
    let remote = match stored::from(globals)? {
        From::Server(remote) => remote,
        From::Directory(stored) => return of_directory(args, &stored.view()),
    };
    let now: ControlView = remote.get("/api/v1/control", &[])?;
    args.show.print(&sheet(&now.mechanisms), &show::json(&now)?)?;
    effects(args, globals)?;
    let behind: Vec<&str> = now
        .instances
        .iter()
        .filter(|i| i.generation < now.generation)
        .map(|i| i.name.as_str())
        .collect();
    let has = now.instances.len() - behind.len();
    show::note(&format!("generation {} on {has} of {}", now.generation, now.instances.len()));
    if !behind.is_empty() {
        show::note(&show::printable(&format!("not yet: {}", behind.join(", "))));
    }
    if let Some(why) = &now.unreadable {
        show::note(&show::printable(&format!("everything is off: {why}")));
    }
    resting(&now);
    Ok(if behind.is_empty() && now.readable { exit::OK } else { FINDING })
}

fn sheet(mechanisms: &[MechanismView]) -> Sheet {
    let columns = vec!["mechanism", "now", "decides", "set to", "hold-out", "last change"];
    let mut sheet = Sheet { columns, rows: Vec::new() };
    mechanisms.iter().for_each(|m| sheet.row(row(m)));
    sheet
}

/// As the next start would have it.
fn of_directory(args: &StatusArgs, stored: &StoredView) -> Done {
    args.show.print(&sheet(&stored.mechanisms), &show::json(stored)?)?;
    show::note(&format!("generation {}, as the next start would have it", stored.generation));
    if let Some(why) = &stored.unreadable {
        show::note(&show::printable(&format!("everything would be off: {why}")));
    }
    Ok(if stored.readable { exit::OK } else { FINDING })
}

/// For people: what each one brings and costs, as far as it is known.
fn effects(args: &StatusArgs, globals: &Globals) -> Result<(), Failure> {
    let (format, file) = args.show.target();
    if file.is_some() || !matches!(format, None | Some(Format::Table | Format::Md)) {
        return Ok(());
    }
    let told = opt_evidence::ask(globals, FocusArg::All)?;
    let json = show::json(&told)?;
    args.show.print(&opt_evidence::effects(&told), &json)?;
    args.show.print(&opt_evidence::quality(&told), &json)?;
    args.show.print(&opt_evidence::reduction(&told), &json)
}

fn row(m: &MechanismView) -> [String; 6] {
    let decides = match &m.variable {
        Some(variable) => format!("environment ({variable})"),
        None => m.source.clone(),
    };
    let set = match m.exceptions.len() {
        0 => mode(&m.set),
        n => format!("{}, {n} exceptions", mode(&m.set)),
    };
    let last = m.last_change.as_ref().map_or_else(
        || "–".to_owned(),
        |c| format!("{} {} by {}: {}", c.id, c.at, c.author, c.reason),
    );
    let now = if m.effective { mode(&m.set) } else { "off".to_owned() };
    let now = if m.effective && now == "off" { "exceptions only".to_owned() } else { now };
    [m.mechanism.clone(), now, decides, set, percent(m.holdout), last]
}

fn mode(mode: &ModeView) -> String {
    mode.share
        .map_or_else(|| mode.mode.clone(), |share| format!("{} {}", mode.mode, percent(share)))
}

fn percent(share: f64) -> String {
    format!("{} %", (share * 1e6).round() / 1e4)
}

fn resting(now: &ControlView) {
    for m in &now.mechanisms {
        for rest in &m.rests {
            let Some(until) = &rest.rests_until else { continue };
            let text = format!("{} rests on {} until {until}", m.mechanism, rest.route);
            show::note(&show::printable(&text));
        }
    }
}
