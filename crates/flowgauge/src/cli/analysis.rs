//! `metrics trends --background` and `--job`: an analysis that a running server carries out.

use super::diagnose::{self, DiagnoseArgs};
use super::exit::{self, Done, Failure};
use super::globals::Globals;
use super::remote::escaped;
use super::show;
use crate::logic::diagnose::Verdict;
use crate::tell::page::analyses::{AnalysisView, WantedAnalysis};

/// Starts one and prints its id.
pub(super) fn start(depth: &str, args: &DiagnoseArgs, globals: &Globals) -> Done {
    let remote = globals.remote(&globals.load(false, &[])?)?;
    let wanted = WantedAnalysis { depth: Some(depth.to_owned()), filter: args.filter.clone() };
    let body = serde_json::to_vec(&wanted).map_err(|e| Failure::usage(e.to_string()))?;
    let begun: AnalysisView = remote.call_long("/api/v1/analyses", body.into())?;
    show::emit(&format!("{}\n", begun.id), None)?;
    show::note(&match &begun.episode {
        Some(id) => format!("attached to the alert {id}: `flowgauge alert show {id}`"),
        None => "no alert is open: `--job` prints it".to_owned(),
    });
    Ok(exit::OK)
}

/// Prints what one found.
pub(super) fn print(id: &str, args: &DiagnoseArgs, globals: &Globals) -> Done {
    let remote = globals.remote(&globals.load(false, &[])?)?;
    let found: AnalysisView = remote.get(&format!("/api/v1/analyses/{}", escaped(id)), &[])?;
    if found.state == "running" {
        return Err(Failure::new(exit::TRY_LATER, format!("analysis {id} still runs"))
            .hint("ask again in some seconds"));
    }
    if !found.found.is_empty() {
        diagnose::print(&found.found, &args.show)?;
    }
    if let Some(why) = &found.failed {
        return Err(Failure::new(exit::UNKNOWN, format!("analysis {id} failed: {why}")));
    }
    let any = |verdict| found.found.iter().any(|d| d.verdict == verdict);
    Ok(match (any(Verdict::Finding), any(Verdict::Nothing)) {
        (true, _) => exit::FINDING,
        (false, true) => exit::OK,
        (false, false) => exit::UNKNOWN,
    })
}
