//! `opt propose`: parameters that evidence speaks for, as one change that a person may make.

use super::super::ask::Where;
use super::super::cache::tune;
use super::super::exit::{self, Done, FINDING, Failure};
use super::super::globals::Globals;
use super::super::period::PeriodArgs;
use super::super::show;
use super::super::sure::Sure;
use super::super::tokens::limits::check;
use super::set::Change;
use crate::logic::control::cache::tune::Advice;
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;

/// Options of `opt propose`.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "\
Examples:
  flowgauge opt propose --data-driven
  flowgauge opt propose --data-driven --last 7d --json
  flowgauge opt propose --data-driven --apply --reason 'weekly review' --yes

From the lookups of late (as `cache tune`) and the length of answers (as `tokens limits check`). Nothing is changed
without --apply.

Exit codes:
  0   nothing to propose, or what was proposed is set
  1   something is proposed
  64  no reason
  69  no server answers
  75  in force, not on disk yet
  77  not confirmed, or not permitted")]
pub(crate) struct ProposeArgs {
    /// From what was observed, which is the only way there is
    #[arg(long)]
    data_driven: bool,
    /// Make the change
    #[arg(long)]
    apply: bool,
    #[command(flatten)]
    period: PeriodArgs,
    #[command(flatten)]
    sure: Sure,
}

/// What is proposed, and why.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
struct Proposal {
    set: BTreeMap<String, Value>,
    reasons: Vec<String>,
}

/// Runs it.
pub(super) fn run(args: &ProposeArgs, globals: &Globals) -> Done {
    let proposal = propose(args, globals)?;
    for reason in &proposal.reasons {
        show::note(reason);
    }
    if args.apply && !proposal.set.is_empty() {
        let remote = globals.remote(&globals.load(false, &[])?)?;
        return Change { set: proposal.set, ttl: None, seen: None }.make(&remote, &args.sure);
    }
    if args.sure.json {
        args.sure.print("", &proposal)?;
    } else {
        for (place, value) in &proposal.set {
            show::line(&format!("{place}={value}"))?;
        }
    }
    Ok(if proposal.set.is_empty() { exit::OK } else { FINDING })
}

fn propose(args: &ProposeArgs, globals: &Globals) -> Result<Proposal, Failure> {
    let loaded = globals.load(false, &[])?;
    let remote = globals.remote(&loaded)?;
    let mut proposal = Proposal::default();
    let tuning = tune::ask(&remote, false)?;
    proposal.reasons.push(format!("cache: {}", tuning.advice));
    if let Advice::Change { limits, .. } = &tuning.advice {
        let present = tune::assignments(&tuning.present.limits)?;
        let wanted = tune::assignments(limits)?;
        proposal.set.extend(wanted.into_iter().filter(|(k, v)| present.get(k) != Some(v)));
    }
    let checked = check::check(globals, &loaded, &remote, &args.period, &Where::default())?;
    for finding in &checked.findings {
        proposal.reasons.push(finding.to_string());
        let place = finding.problem.place.clone();
        proposal.set.extend(finding.proposed.map(|tokens| (place, Value::from(tokens))));
    }
    Ok(proposal)
}
