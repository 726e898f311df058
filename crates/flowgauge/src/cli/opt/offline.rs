//! A rollback while nobody serves the directory: written into the log of changes, so that the next start is off.

use super::super::exit::{self, Done, Failure, UNREACHABLE};
use super::super::globals::now;
use super::super::show;
use super::super::sure::Sure;
use crate::logic::control::state::{Author, Market, Refused, Settings, propose};
use crate::store::{ControlStore, StoreError};
use crate::tell::page::control::Aim;
use std::path::Path;

/// Switches off from the next start on.
pub(super) fn roll_back(dir: &Path, aim: &Aim, sure: &Sure) -> Done {
    let store = ControlStore::open_alone(dir).map_err(refused)?;
    let log = match store.log() {
        Ok(log) => log,
        Err(e) => return off_anyway(&e.to_string()),
    };
    let or = |text: &str, usual: &str| {
        if text.trim().is_empty() { usual.to_owned() } else { text.trim().to_owned() }
    };
    let by = or(&sure.by, "someone at this machine");
    let reason = or(&sure.reason, "emergency rollback");
    let author = Author { name: &by, reason: &reason };
    let edit = |settings: &mut Settings| match aim {
        Aim::All => settings.kill.all = true,
        Aim::Only(these) => settings.kill.only.extend(these.iter().copied()),
    };
    let change = match propose(&log, now(), &author, None, None, &NoPrices, edit) {
        Ok(change) => change,
        Err(Refused::Nothing) => {
            show::note("it is off already, and the next start is off too");
            return Ok(exit::OK);
        }
        Err(Refused::Broken(why)) => return off_anyway(&why.to_string()),
        Err(other) => return Err(Failure::usage(other.to_string())),
    };
    for setting in &change.diff {
        show::note(&format!("  {}  {} -> {}", setting.path, setting.before, setting.after));
    }
    if sure.dry_run {
        sure.print("", &change)?;
        return Ok(exit::OK);
    }
    store.append(std::slice::from_ref(&change))?;
    sure.print(&change.id.to_string(), &change)?;
    show::note("no server runs; the next start is off. Nobody was told");
    show::note(&format!("take it back with `flowgauge opt restore {}` once one runs", change.id));
    Ok(exit::OK)
}

fn off_anyway(why: &str) -> Done {
    show::note(&format!("the log of changes cannot be read, so the next start is off: {why}"));
    Ok(exit::OK)
}

fn refused(error: StoreError) -> Failure {
    match error {
        StoreError::Locked { dir, pid } => {
            let message =
                format!("flowgauge (process {pid}) owns {} and does not answer", dir.display());
            Failure::new(UNREACHABLE, message).hint(format!("`kill -USR1 {pid}` switches all off"))
        }
        other => other.into(),
    }
}

/// Prices play no part in switching off.
struct NoPrices;

impl Market for NoPrices {
    fn has_price(&self, _model: &str) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::logic::control::rollout::Mechanism;
    use crate::logic::control::state::State;

    fn sure(dry_run: bool) -> Sure {
        Sure { dry_run, ..Sure::default() }
    }

    #[test]
    fn a_rollback_without_a_server_is_in_the_log_once_and_a_dry_run_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let one = Aim::Only([Mechanism::ModelSelection].into());
        roll_back(dir.path(), &one, &sure(true)).unwrap();
        let log = || ControlStore::open(dir.path()).unwrap().log().unwrap();
        assert!(log().is_empty());
        for aim in [&one, &one, &Aim::All] {
            roll_back(dir.path(), aim, &sure(false)).unwrap();
        }
        assert_eq!(log().len(), 2);
        let state = State::at(&log(), now()).unwrap();
        assert!(state.settings.kill.all);
    }
}
