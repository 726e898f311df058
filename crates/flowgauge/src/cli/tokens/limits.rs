//! `tokens limits show|set`: how much context and answer there may be, and lowering it for a while.

pub(in super::super) mod check;

use super::super::exit::{self, Done, Failure};
use super::super::globals::Globals;
use super::super::opt::{Change, seconds};
use super::super::remote::Remote;
use super::super::show::{self, Sheet, ShowArgs};
use super::super::sure::Sure;
use crate::logic::control::prune;
use crate::tell::page::control::status::ControlView;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Limits of `--profile lower`: the application's own "aggressive" budget strategy (catalogue E.2).
const LOWER: (u64, u64) = (1_200, 325);
const CONTEXT: &str = "/prune/context_tokens";
const ANSWER: &str = "/prompt/max_answer_tokens";

/// Verbs of `tokens limits`.
#[derive(Debug, Clone, clap::Subcommand)]
pub(crate) enum LimitsCommand {
    /// The limits in force, by intent
    #[command(after_help = "\
Examples:
  flowgauge tokens limits show
  flowgauge tokens limits show --json

Exit codes:
  0   shown
  3   the log of changes cannot be read: everything is off
  69  no server answers
  77  not permitted")]
    Show(ShowArgs),
    /// Lower or raise them for a while
    Set(SetArgs),
    /// See whether they fit what is observed
    Check(check::CheckArgs),
}

/// A named set of limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Named {
    /// 1,200 tokens of context and 325 of answer, or what is lower already
    Lower,
}

/// Options of `tokens limits set`.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "\
Examples:
  flowgauge tokens limits set --profile lower --ttl 1h --reason 'provider is slow'
  flowgauge tokens limits set --context 1000 --answer 250 --reason 'over budget' --yes

They count where context pruning and prompt optimisation act, and go back by themselves.

Exit codes:
  0   changed; the id of the change is printed
  64  no reason, or nothing would change
  65  context outside 500 to 2000, or answers outside 200 to 1000
  69  no server answers
  75  in force, not on disk yet
  77  not confirmed, or not permitted")]
pub(crate) struct SetArgs {
    /// A named set
    #[arg(long, value_enum, required_unless_present_any = ["context", "answer"], conflicts_with_all = ["context", "answer"])]
    profile: Option<Named>,
    /// Tokens of context
    #[arg(long, value_name = "TOKENS")]
    context: Option<u64>,
    /// Tokens of an answer
    #[arg(long, value_name = "TOKENS")]
    answer: Option<u64>,
    /// They go back after so long
    #[arg(long, value_name = "LENGTH", default_value = "1h")]
    ttl: String,
    #[command(flatten)]
    sure: Sure,
}

/// Runs one verb.
pub(crate) fn run(command: &LimitsCommand, globals: &Globals) -> Done {
    let remote = globals.remote(&globals.load(false, &[])?)?;
    match command {
        LimitsCommand::Show(args) => show_limits(&remote, args),
        LimitsCommand::Set(args) => set(&remote, args),
        LimitsCommand::Check(args) => check::run(args, globals),
    }
}

fn show_limits(remote: &Remote, args: &ShowArgs) -> Done {
    let now: ControlView = remote.get("/api/v1/control", &[])?;
    let answer = now.settings.pointer(ANSWER).and_then(Value::as_u64);
    let pruning = now.settings.get("prune").cloned().unwrap_or_default();
    let Ok(pruning) = serde_json::from_value::<prune::Settings>(pruning) else {
        let why = now.unreadable.as_deref().unwrap_or("the server tells no settings");
        return Err(Failure::new(exit::UNKNOWN, why));
    };
    let mut sheet = Sheet { columns: vec!["limit", "tokens"], rows: Vec::new() };
    for (name, intent) in [
        ("context, simple", Some("simple")),
        ("context", None),
        ("context, complex", Some("complex")),
    ] {
        sheet.row([name, &pruning.limit(intent).to_string()]);
    }
    let tokens = |limit: Option<u64>| limit.map_or_else(|| "none".to_owned(), |n| n.to_string());
    sheet.row(["history", &tokens(pruning.history_tokens)]);
    let user = now.settings.pointer("/prompt/max_user_tokens").and_then(Value::as_u64);
    sheet.row(["user's last message", &tokens(user)]);
    sheet.row(["answer", &tokens(answer)]);
    let limits = json!({
        "context_tokens": pruning.context_tokens,
        "history_tokens": pruning.history_tokens,
        "max_user_tokens": user,
        "max_answer_tokens": answer,
        "changes_at": now.changes_at,
    });
    args.print(&sheet, &limits)?;
    if let Some(end) = &now.changes_at {
        show::note(&format!("something ends by itself at {end}: flowgauge opt history"));
    }
    Ok(exit::OK)
}

fn set(remote: &Remote, args: &SetArgs) -> Done {
    let now: ControlView = remote.get("/api/v1/control", &[])?;
    let in_force = |path: &str| now.settings.pointer(path).and_then(Value::as_u64);
    let least = |path: &str, limit: u64| in_force(path).map_or(limit, |was| was.min(limit));
    let (context, answer) = match args.profile {
        Some(Named::Lower) => (Some(least(CONTEXT, LOWER.0)), Some(least(ANSWER, LOWER.1))),
        None => (args.context, args.answer),
    };
    let mut set = BTreeMap::new();
    set.extend(context.map(|n| (CONTEXT.to_owned(), json!(n))));
    set.extend(answer.map(|n| (ANSWER.to_owned(), json!(n))));
    let ttl = Some(seconds(&args.ttl)?);
    Change { set, ttl, seen: Some(now.generation) }.make(remote, &args.sure)
}
