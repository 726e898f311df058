//! A rollback while nobody serves the directory: held by the latch, which needs no room, then written into the log of
//! changes, so that the next start is off also where the disk is full.

use super::super::exit::{self, Done, Failure, UNREACHABLE};
use super::super::globals::now;
use super::super::show;
use super::super::sure::Sure;
use crate::control::latch::{NEVER, hold_from_next_start};
use crate::logic::control::rollout::Kill;
use crate::logic::control::state::{Author, Market, Refused, Settings, State, propose};
use crate::store::{ControlStore, StoreError};
use crate::tell::page::control::Aim;
use std::path::Path;

/// Switches off from the next start on.
pub(super) fn roll_back(dir: &Path, aim: &Aim, sure: &Sure) -> Done {
    let store = match ControlStore::open_alone(dir) {
        Ok(store) => store,
        Err(locked @ StoreError::Locked { .. }) => return Err(refused(locked)),
        Err(other) => return latched_only(dir, aim, sure, &other.to_string()),
    };
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
    let edit = |settings: &mut Settings| add(aim, &mut settings.kill);
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
    // First: it needs no room, and it counts for as long as the log does not have this change.
    let held = match State::at(&log, now()) {
        Ok(state) => {
            let mut kill = state.settings.kill;
            add(aim, &mut kill);
            hold_from_next_start(dir, change.id, &kill).map_err(|e| e.to_string())
        }
        Err(why) => return off_anyway(&why.to_string()),
    };
    match (store.append(std::slice::from_ref(&change)), held) {
        (Ok(()), _) => {}
        (Err(why), Ok(())) => return told_latched(&why.to_string()),
        (Err(why), Err(_)) => return Err(why.into()),
    }
    sure.print(&change.id.to_string(), &change)?;
    show::note("no server runs; the next start is off. Nobody was told");
    show::note(&format!("take it back with `flowgauge opt restore {}` once one runs", change.id));
    Ok(exit::OK)
}

fn add(aim: &Aim, kill: &mut Kill) {
    match aim {
        Aim::All => kill.all = true,
        Aim::Only(these) => kill.only.extend(these.iter().copied()),
    }
}

/// The database cannot be opened: the latch alone holds it.
fn latched_only(dir: &Path, aim: &Aim, sure: &Sure, why: &str) -> Done {
    if sure.dry_run {
        show::note(&format!(
            "the log of changes cannot be written ({why}); the latch alone would hold it"
        ));
        return Ok(exit::OK);
    }
    let mut kill = Kill::default();
    add(aim, &mut kill);
    hold_from_next_start(dir, NEVER, &kill).map_err(|e| {
        let message = format!("neither log nor latch can be written: {why}; {e}");
        Failure::new(UNREACHABLE, message)
            .hint("start with DISABLE_ALL_OPTIMIZATIONS=true; it wins over everything stored")
    })?;
    told_latched(why)
}

fn told_latched(why: &str) -> Done {
    show::note(&format!(
        "the log of changes could not be written ({why}); kill.latch holds it: the next start is off. Nobody was told"
    ));
    Ok(exit::TRY_LATER)
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
    use crate::control::{Control, Wanted};
    use crate::logic::control::rollout::{Environment, Mechanism};
    use crate::logic::price::PriceBook;
    use crate::serve::clock::Clock;
    use arc_swap::ArcSwap;
    use std::sync::Arc;

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

    fn started(dir: &Path) -> Arc<Control> {
        let prices = Arc::new(ArcSwap::from_pointee(PriceBook::embedded()));
        Control::open(dir, Environment::default(), prices, Clock::real()).unwrap()
    }

    #[test]
    fn where_the_log_cannot_be_written_the_latch_holds_it_until_a_person_lifts_it() {
        let dir = tempfile::tempdir().unwrap();
        started(dir.path()).desk.close();
        let one = Aim::Only([Mechanism::ModelSelection].into());
        for aim in [&one, &Aim::Only([Mechanism::ContextPruning].into())] {
            let code = latched_only(dir.path(), aim, &sure(false), "the disk is full").unwrap();
            assert_eq!(code, exit::TRY_LATER);
        }
        let control = started(dir.path());
        let killed = |control: &Control| {
            let state = control.desk.live().get();
            state.settings.as_ref().unwrap().kill.only.iter().copied().collect::<Vec<_>>()
        };
        assert_eq!(killed(&control), [Mechanism::ContextPruning, Mechanism::ModelSelection]);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let lift = async {
            let who = Wanted::by("ann", "the cause is found");
            control.desk.change(&who, |s| s.kill.only.clear()).await.unwrap()
        };
        assert!(runtime.block_on(lift).stored);
        control.desk.close();
        drop(control);
        let again = started(dir.path());
        assert_eq!(killed(&again), []);
        again.desk.close();
    }
}
