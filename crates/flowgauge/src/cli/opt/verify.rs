//! `opt verify-rollback`: whether a rollback holds, check by check.

use super::super::exit::{self, CRITICAL, Done, FINDING, UNKNOWN};
use super::super::globals::Globals;
use super::super::show::{self, Sheet, ShowArgs};
use crate::tell::page::control::verify::{Proof, Verdict};

/// Options of `opt verify-rollback`.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "\
Examples:
  flowgauge opt verify-rollback
  flowgauge opt verify-rollback --last 500 --json

Exit codes:
  0   every check holds
  1   a cache is not empty, an instance lags, a restart would forget it, or more requests fail
  2   requests are still touched
  3   no request since, or nothing is switched off
  69  no server answers
  77  not permitted")]
pub(crate) struct VerifyArgs {
    /// Requests looked at
    #[arg(long, default_value_t = 100)]
    last: u32,
    #[command(flatten)]
    show: ShowArgs,
}

/// Runs it.
pub(super) fn run(args: &VerifyArgs, globals: &Globals) -> Done {
    let remote = globals.remote(&globals.load(false, &[])?)?;
    let proof: Proof = remote.get("/api/v1/control/verify", &[("last", args.last.to_string())])?;
    let mut sheet = Sheet { columns: vec!["check", "verdict", "seen"], rows: Vec::new() };
    for c in &proof.checks {
        sheet.row([c.check.as_str(), word(c.verdict), &c.figure]);
    }
    args.show.print(&sheet, &show::json(&proof)?)?;
    show::note(&format!("{} since {}", word(proof.verdict), proof.since));
    Ok(code(proof.verdict))
}

/// The exit code of a verdict.
pub(super) const fn code(verdict: Verdict) -> u8 {
    match verdict {
        Verdict::Ok => exit::OK,
        Verdict::TooLittleData => UNKNOWN,
        Verdict::NotOk => FINDING,
        Verdict::Critical => CRITICAL,
    }
}

/// A verdict in words.
pub(super) const fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Ok => "ok",
        Verdict::TooLittleData => "too little data",
        Verdict::NotOk => "not ok",
        Verdict::Critical => "critical",
    }
}
