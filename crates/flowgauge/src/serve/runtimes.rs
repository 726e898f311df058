//! Two runtimes: data for what users wait for, control for questions about it (decision D18).

use super::StartError;
use tokio::runtime::{Builder, Handle, Runtime};

/// Threads that answer questions: they only serialise; reading happens on blocking threads.
const CONTROL_THREADS: usize = 2;
/// Blocking threads of the control side: questions to the store are limited to fewer.
const CONTROL_BLOCKING: usize = 32;

/// A runtime that may be dropped anywhere; tokio's own must not be dropped in async code.
#[derive(Debug)]
pub(super) struct Owned(Option<Runtime>, Handle);

impl Owned {
    /// For the gateway, ingest and the recorder: as many threads as cores.
    pub(super) fn data() -> Result<Self, StartError> {
        Self::of(Builder::new_multi_thread().thread_name("data"))
    }

    /// For the API and the page.
    pub(super) fn control() -> Result<Self, StartError> {
        let mut builder = Builder::new_multi_thread();
        builder.worker_threads(CONTROL_THREADS).max_blocking_threads(CONTROL_BLOCKING);
        Self::of(builder.thread_name("control"))
    }

    fn of(builder: &mut Builder) -> Result<Self, StartError> {
        let runtime = builder.enable_all().build().map_err(StartError::Threads)?;
        let handle = runtime.handle().clone();
        Ok(Self(Some(runtime), handle))
    }

    pub(super) fn handle(&self) -> &Handle {
        &self.1
    }
}

impl Drop for Owned {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}
