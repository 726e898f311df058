//! The thread that makes changes of the ledger durable: all that came meanwhile in one commit.

use super::State;
use crate::logic::budget::{Account, AccountKey, Held, Ledger};
use crate::logic::id::CallId;
use crate::store::{LedgerChanges, LedgerFile, StoreError};
use parking_lot::Mutex;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::oneshot;

/// Between attempts while the disk refuses.
const RETRY: Duration = Duration::from_secs(1);

/// Why the thread wakes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wake {
    Write,
    Stop,
}

/// What is not on disk yet. Bounded by the calls on their way and the accounts: a change of the same
/// call or account takes the place of the one before.
#[derive(Debug, Default)]
pub(super) struct Pending {
    changes: LedgerChanges,
    waiting: Vec<oneshot::Sender<()>>,
}

impl Pending {
    /// Something was set aside for a call that waits until it is on disk.
    pub(super) fn hold(&mut self, call: CallId, ledger: &Ledger, done: oneshot::Sender<()>) {
        let held: Option<&[Held]> = ledger.held(call);
        self.changes.calls.insert(call, held.map(<[Held]>::to_vec));
        self.waiting.push(done);
    }

    /// Accounts changed, and perhaps a call was closed.
    pub(super) fn changed(&mut self, call: Option<CallId>, accounts: Vec<(AccountKey, Account)>) {
        if let Some(call) = call {
            self.changes.calls.insert(call, None);
        }
        self.changes.accounts.extend(accounts);
    }
}

/// Starts the thread.
pub(super) fn start(
    file: LedgerFile,
    state: Arc<Mutex<State>>,
    waking: Receiver<Wake>,
) -> Result<JoinHandle<()>, StoreError> {
    std::thread::Builder::new()
        .name("fg-ledger".into())
        .spawn(move || run(file, &state, &waking))
        .map_err(StoreError::io("starting the thread of the ledger"))
}

fn run(mut file: LedgerFile, state: &Mutex<State>, waking: &Receiver<Wake>) {
    let mut failing = false;
    loop {
        let woken = if failing { waking.recv_timeout(RETRY) } else { forever(waking) };
        let Pending { changes, waiting } = std::mem::take(&mut state.lock().pending);
        failing = !write(&mut file, changes, waiting, state, failing);
        match woken {
            Ok(Wake::Write) | Err(RecvTimeoutError::Timeout) => {}
            Ok(Wake::Stop) | Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}

fn forever(waking: &Receiver<Wake>) -> Result<Wake, RecvTimeoutError> {
    waking.recv().map_err(|_| RecvTimeoutError::Disconnected)
}

/// Writes changes and lets those who wait go on; puts them back where the disk refuses.
fn write(
    file: &mut LedgerFile,
    changes: LedgerChanges,
    waiting: Vec<oneshot::Sender<()>>,
    state: &Mutex<State>,
    was_failing: bool,
) -> bool {
    if changes.is_empty() {
        return true;
    }
    match file.write(&changes) {
        Ok(()) => {
            for done in waiting {
                // One who does not wait any more went on without.
                let _gone = done.send(());
            }
            true
        }
        Err(error) => {
            if !was_failing {
                tracing::error!(%error, "budgets cannot be written; limits hold, a crash is not covered");
            }
            // Dropping `waiting` tells those who wait to go on without.
            state.lock().pending.changes.put_back(changes);
            false
        }
    }
}
