//! `budget list`, `budget get`, `budget release`: what a running server's budgets have spent.

use super::exit::{self, Done};
use super::globals::Globals;
use super::remote::escaped;
use super::show::{self, Sheet, ShowArgs};
use crate::query::budgets::BudgetView;
use bytes::Bytes;
use http::Method;

/// Verbs of `budget`.
#[derive(Debug, Clone, clap::Subcommand)]
pub(crate) enum BudgetCommand {
    /// Every budget with its accounts of the current period
    #[command(after_help = "\
Examples:
  flowgauge budget list
  flowgauge budget list --json

Exit codes:
  0   listed
  69  no server answers
  77  not permitted")]
    List {
        #[command(flatten)]
        show: ShowArgs,
    },
    /// One budget with its accounts
    #[command(after_help = "\
Examples:
  flowgauge budget get team
  flowgauge budget get team --format csv

Exit codes:
  0   shown
  64  no such budget
  69  no server answers
  77  not permitted")]
    Get {
        /// Its name
        name: String,
        #[command(flatten)]
        show: ShowArgs,
    },
    /// Give back what is set aside for calls whose end a crash hid
    #[command(after_help = "\
Examples:
  flowgauge budget release team
  flowgauge budget release per-user --subject u_0123456789abcdef

Exit codes:
  0   given back
  64  no such budget
  69  no server answers
  77  not permitted")]
    Release {
        /// Its name
        name: String,
        /// Only this account
        #[arg(long)]
        subject: Option<String>,
    },
}

/// Runs one verb.
pub(crate) fn run(command: &BudgetCommand, globals: &Globals) -> Done {
    let loaded = globals.load(false, &[])?;
    let remote = globals.remote(&loaded)?;
    match command {
        BudgetCommand::List { show } => {
            let all: Vec<BudgetView> = remote.get("/api/v1/budgets", &[])?;
            if all.is_empty() {
                show::note("no budgets; add them under `budgets` in the configuration");
            }
            print(&all, show)?;
        }
        BudgetCommand::Get { name, show } => {
            let query = [("budget", name.clone())];
            let all: Vec<BudgetView> = remote.get("/api/v1/budgets", &query)?;
            if all.is_empty() {
                show::note(&format!("no budget `{name}`; flowgauge budget list shows all"));
                return Ok(exit::USAGE);
            }
            print(&all, show)?;
        }
        BudgetCommand::Release { name, subject } => {
            let whose = subject.as_deref().map(|s| format!("?subject={}", escaped(s)));
            let path = format!(
                "/api/v1/budgets/{}/release{}",
                escaped(name),
                whose.as_deref().unwrap_or_default()
            );
            let given: serde_json::Value = remote.call(Method::POST, &path, &[], Bytes::new())?;
            let amount = given.get("released_usd").and_then(|v| v.as_str()).unwrap_or("?");
            show::note(&format!("{amount} USD given back to {name}"));
        }
    }
    Ok(exit::OK)
}

fn print(all: &[BudgetView], show: &ShowArgs) -> Result<(), exit::Failure> {
    let columns = vec![
        "budget",
        "subject",
        "period",
        "limit",
        "spent",
        "reserved",
        "unsettled",
        "used %",
        "resets at",
    ];
    let mut sheet = Sheet { columns, rows: Vec::new() };
    for b in all {
        let used = b.used_percent.map_or_else(|| "–".to_owned(), |p| format!("{p:.1}"));
        sheet.row([
            &b.budget,
            b.subject.as_deref().unwrap_or("–"),
            &b.period,
            &b.limit_usd,
            &b.spent_usd,
            &b.reserved_usd,
            &b.unsettled_usd,
            &used,
            &b.resets_at,
        ]);
    }
    show.print(&sheet, &show::json(&all)?)
}
