//! What a job is: a name, steps in order, and something that does them.

use crate::logic::job::{JobName, Outcome, RunKey, StepPlan};
use crate::logic::unit::UnixMicros;
use crate::logic::window::Window;
use chrono_tz::Tz;
use std::fmt::Debug;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

/// A step being done.
pub type Stepping = Pin<Box<dyn Future<Output = Outcome> + Send>>;

/// Something that is done once per period.
pub trait Job: Debug + Send + Sync + 'static {
    /// Its name.
    fn name(&self) -> JobName;
    /// Its steps, in order.
    fn steps(&self) -> &'static [StepPlan];
    /// Does a step. After a crash it is done again, so that doing it twice must come to the same.
    fn step(self: Arc<Self>, name: &'static str, of: Arc<Occasion>) -> Stepping;
    /// What a step would do, without doing it; nothing where its description says all. Blocks.
    fn foresee(&self, _name: &str, _of: &Occasion) -> Option<String> {
        None
    }
}

/// What a run is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Occasion {
    /// Job, period, recipients.
    pub key: RunKey,
    /// The period in time.
    pub window: Window,
    /// Zone of its days.
    pub zone: Tz,
    /// When it was due, or asked for.
    pub due: UnixMicros,
    /// Who asked for it, or what.
    pub by: String,
}

/// Does work that waits for the disk off the async threads. A panic is a failed step.
pub fn blocking<F>(work: F) -> Stepping
where
    F: FnOnce() -> Result<Outcome, String> + Send + 'static,
{
    Box::pin(async move {
        match tokio::task::spawn_blocking(work).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(why)) => Outcome::failed(why),
            Err(e) => Outcome::failed(format!("it ended without an outcome: {e}")),
        }
    })
}
