//! `opt adjust`: a named set of limits as one change.

use super::super::exit::{self, Done};
use super::super::globals::Globals;
use super::super::show;
use super::super::sure::Sure;
use super::set::{made, seconds};
use crate::tell::page::control::changes::WantedProfile;
use crate::tell::page::problem::UNCHANGED;

/// Options of `opt adjust`.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "\
Examples:
  flowgauge opt adjust --profile token-focus --reason 'over budget'
  flowgauge opt adjust --profile conservative --ttl 2h --reason 'quality is falling' --yes

Exit codes:
  0   changed, and the id of the change is printed; or it is so already
  64  no such profile, or no reason
  69  no server answers
  75  in force, not on disk yet
  77  not confirmed, or not permitted")]
pub(crate) struct AdjustArgs {
    /// token-focus, latency-focus or conservative
    #[arg(long)]
    profile: String,
    /// Ends by itself after so long
    #[arg(long, value_name = "LENGTH")]
    ttl: Option<String>,
    #[command(flatten)]
    sure: Sure,
}

/// Runs it.
pub(super) fn run(args: &AdjustArgs, globals: &Globals) -> Done {
    let ttl_seconds = args.ttl.as_deref().map(seconds).transpose()?;
    let remote = globals.remote(&globals.load(false, &[])?)?;
    let done = made(&remote, &args.sure, "/api/v1/control/profile", |dry_run, _| WantedProfile {
        profile: args.profile.clone(),
        author: args.sure.by.clone(),
        reason: args.sure.reason.clone(),
        ttl_seconds,
        dry_run,
    });
    match done {
        // A profile that is in force already is what was asked for.
        Err(refusal) if refusal.kind.as_deref() == Some(UNCHANGED) => {
            show::note(&refusal.message);
            Ok(exit::OK)
        }
        done => done,
    }
}
