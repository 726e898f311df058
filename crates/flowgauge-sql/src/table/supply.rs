//! Asks flowgauge for rows while a statement is planned.

use crate::wire::{FromWorker, Given, Need, ToWorker};
use datafusion::common::{Result, exec_datafusion_err};
use parking_lot::Mutex;
use tokio::sync::{Mutex as Turn, mpsc};

/// Writes a frame to flowgauge.
pub(crate) type Send = Box<dyn Fn(&FromWorker) -> std::io::Result<()> + std::marker::Send + Sync>;

/// The way to flowgauge and back.
pub(crate) struct Supply {
    send: Send,
    answers: Turn<mpsc::Receiver<ToWorker>>,
    missing: Mutex<Vec<String>>,
}

impl std::fmt::Debug for Supply {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Supply").finish_non_exhaustive()
    }
}

impl Supply {
    pub(crate) fn new(send: Send, answers: mpsc::Receiver<ToWorker>) -> Self {
        Self { send, answers: Turn::new(answers), missing: Mutex::default() }
    }

    /// Writes a frame.
    pub(crate) fn say(&self, frame: &FromWorker) -> std::io::Result<()> {
        (self.send)(frame)
    }

    /// Rows of a table; one need at a time, so that answers cannot be mixed up.
    pub(super) async fn rows(&self, need: Need) -> Result<Given> {
        let mut answers = self.answers.lock().await;
        self.say(&FromWorker::Need(need))
            .map_err(|e| exec_datafusion_err!("flowgauge is gone: {e}"))?;
        match answers.recv().await {
            Some(ToWorker::Given(mut given)) => {
                let mut missing = self.missing.lock();
                for what in given.missing.drain(..) {
                    if !missing.contains(&what) {
                        missing.push(what);
                    }
                }
                Ok(given)
            }
            Some(ToWorker::Withheld(why)) => Err(exec_datafusion_err!("{why}")),
            Some(ToWorker::Ask(_)) | None => Err(exec_datafusion_err!("flowgauge is gone")),
        }
    }

    /// What rows given since the last call lack.
    pub(crate) fn take_missing(&self) -> Vec<String> {
        std::mem::take(&mut self.missing.lock())
    }
}
