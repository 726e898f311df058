//! The loop around the engine: waits for the next tick, evaluates off the async threads.

use super::{Engine, Reload, gap, signed};
use crate::config::alerts::Alerts;
use crate::logic::unit::UnixMicros;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// How rules are read again, and who asks for it.
pub struct Reloads {
    /// Rung by SIGHUP and `POST /-/reload`.
    pub wanted: Arc<Notify>,
    /// Reads the files.
    pub read: Box<dyn Fn() -> Reload + Send>,
    /// Alerting as configured.
    pub config: Alerts,
}

impl fmt::Debug for Reloads {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reloads").field("config", &self.config).finish_non_exhaustive()
    }
}

/// So long after the first urgent alert others may come along: what is posted together is told together.
const COMPANY: Duration = Duration::from_millis(100);

/// Why the loop goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Woken {
    /// A tick is due.
    Tick,
    /// Rule files are to be read again.
    Reload,
    /// An alert was posted that waits for no tick.
    Urgent,
}

impl Engine {
    /// Evaluates at once and then at every tick until told to stop.
    pub async fn run(self, mut reloads: Reloads, stop: CancellationToken) {
        let mut engine = self;
        let urgent = engine.desk.urgent_bell();
        let mut woken = Woken::Tick;
        let mut first = true;
        loop {
            let turned = tokio::task::spawn_blocking(move || {
                if woken == Woken::Reload {
                    engine.reload((reloads.read)(), &reloads.config);
                }
                if first || woken == Woken::Reload {
                    engine.bring_back(engine.clock.now());
                }
                engine.advance(engine.clock.now());
                if woken == Woken::Urgent {
                    engine.hear(engine.clock.now());
                }
                (engine, reloads)
            });
            (engine, reloads) = match turned.await {
                Ok(back) => back,
                Err(error) => {
                    tracing::error!(%error, "rules are not evaluated any more: the engine ended");
                    return;
                }
            };
            first = false;
            let now = engine.clock.now();
            let next = gap::tick_at(now, engine.tick).0.saturating_add(signed(engine.tick));
            let wait = Duration::from_micros(UnixMicros(next).since(now).0);
            woken = tokio::select! {
                () = stop.cancelled() => return,
                () = reloads.wanted.notified() => Woken::Reload,
                () = urgent.notified() => Woken::Urgent,
                () = tokio::time::sleep(wait) => Woken::Tick,
            };
            if woken == Woken::Urgent {
                tokio::time::sleep(COMPANY).await;
            }
        }
    }
}
