//! Carries one statement: rows to the worker, parts of the answer from it, and its end if it goes too far.

use super::process::Process;
use super::rows::Origin;
use crate::logic::unit::UnixMicros;
use crate::store::Pin;
use flowgauge_sql::wire::{Ask, Cell, End, FromWorker, Head, Limits, Need, Problem, ToWorker};
use flowgauge_sql::worker::too_long;
use parking_lot::Mutex;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tokio::time::{Instant, interval};

/// How much later than its own limit a worker is killed.
const GRACE: Duration = Duration::from_millis(500);
/// How often its memory is looked at: it can take 50 MiB in that time.
const LOOK: Duration = Duration::from_millis(50);
/// Memory of the program itself and of answers under way, on top of the engine's.
const BESIDE: u64 = 256 << 20;
/// Idle workers kept: as many as run at once.
const IDLE: usize = super::AT_ONCE;

/// A part of an answer.
#[derive(Debug, Clone, PartialEq)]
pub enum Part {
    /// Its head, before all others.
    Head(Head),
    /// Rows.
    Rows(Vec<Vec<Cell>>),
    /// Bytes of a Parquet file.
    Bytes(Vec<u8>),
    /// Its end.
    End(End),
}

pub(super) struct Pump {
    pub(super) origin: Origin,
    pub(super) limits: Limits,
    pub(super) now: UnixMicros,
    pub(super) idle: Arc<Mutex<Vec<Process>>>,
    pub(super) turn: OwnedSemaphorePermit,
    pub(super) give: mpsc::Sender<Result<Part, Problem>>,
}

/// How a statement ended.
enum Ended {
    /// The worker is ready for the next.
    Well,
    /// The worker is not to be used again.
    Badly(Option<Problem>),
}

impl Pump {
    pub(super) async fn run(self, mut process: Process, ask: Ask) {
        let ended = self.carry(&mut process, ask).await;
        match ended {
            Ended::Well => {
                let mut idle = self.idle.lock();
                if idle.len() < IDLE {
                    idle.push(process);
                }
            }
            Ended::Badly(problem) => {
                drop(process);
                if let Some(problem) = problem {
                    // Whoever asked may be gone.
                    let _unread = self.give.send(Err(problem)).await;
                }
            }
        }
        drop(self.turn);
    }

    async fn carry(&self, process: &mut Process, ask: Ask) -> Ended {
        let deadline = Instant::now() + Duration::from_millis(self.limits.time_ms) + GRACE;
        if let Err(e) = process.write(&ToWorker::Ask(ask)).await {
            return Ended::Badly(Some(broken(&e)));
        }
        // Until the statement has ended, the files it reads stay where they are.
        let mut pins = Vec::new();
        loop {
            let frame = match self.frame(process, deadline).await {
                Ok(frame) => frame,
                Err(ended) => return ended,
            };
            let part = match frame {
                FromWorker::Need(need) => {
                    let rows = self.supply(need, &mut pins).await;
                    if let Err(e) = process.write(&rows).await {
                        return Ended::Badly(Some(broken(&e)));
                    }
                    continue;
                }
                FromWorker::Head(head) => Ok(Part::Head(head)),
                FromWorker::Rows(rows) => Ok(Part::Rows(rows)),
                FromWorker::Bytes(bytes) => Ok(Part::Bytes(bytes.into_vec())),
                FromWorker::End(end) => Ok(Part::End(end)),
                FromWorker::Failed(problem) => Err(problem),
                FromWorker::Ready => continue,
            };
            let last = matches!(part, Ok(Part::End(_)) | Err(_));
            let taken = tokio::time::timeout_at(deadline, self.give.send(part)).await;
            match (taken, last) {
                (Ok(Ok(())) | Err(_), true) | (Ok(Err(_)), true) => return Ended::Well,
                (Ok(Ok(())), false) => {}
                // Nobody reads any more, or not fast enough: the statement is still running.
                (Ok(Err(_)), false) => return Ended::Badly(None),
                (Err(_), false) => return Ended::Badly(Some(too_long(self.limits))),
            }
        }
    }

    /// The next frame, while time and memory last and somebody waits for it.
    async fn frame(&self, process: &mut Process, deadline: Instant) -> Result<FromWorker, Ended> {
        let id = process.watched();
        let reading = process.read();
        tokio::pin!(reading);
        let mut looks = interval(LOOK);
        loop {
            tokio::select! {
                frame = &mut reading => return match frame {
                    Ok(Some(frame)) => Ok(frame),
                    Ok(None) => Err(Ended::Badly(Some(gone()))),
                    Err(e) => Err(Ended::Badly(Some(broken(&e)))),
                },
                () = tokio::time::sleep_until(deadline) => {
                    return Err(Ended::Badly(Some(too_long(self.limits))));
                }
                () = self.give.closed() => return Err(Ended::Badly(None)),
                _ = looks.tick() => {
                    if id.memory().is_some_and(|m| m > self.limits.memory + BESIDE) {
                        return Err(Ended::Badly(Some(too_large(self.limits))));
                    }
                }
            }
        }
    }

    async fn supply(&self, need: Need, pins: &mut Vec<Pin>) -> ToWorker {
        let (origin, now) = (self.origin.clone(), self.now);
        // Reading the store blocks.
        match tokio::task::spawn_blocking(move || origin.given(&need, now)).await {
            Ok(Ok((given, pin))) => {
                pins.extend(pin);
                ToWorker::Given(given)
            }
            Ok(Err(e)) => ToWorker::Withheld(e.to_string()),
            Err(e) => ToWorker::Withheld(e.to_string()),
        }
    }
}

fn broken(error: &std::io::Error) -> Problem {
    Problem::new("08006", format!("the SQL worker: {error}"))
}

fn gone() -> Problem {
    Problem::new("53200", "the SQL worker ended: the statement took more than it can have")
        .hint("group or filter before sorting and joining, or ask for a shorter time range")
}

fn too_large(limits: Limits) -> Problem {
    let told = format!("the statement took more than {} MiB and was stopped", limits.memory >> 20);
    Problem::new("53200", told)
        .hint("group or filter before sorting and joining, or ask for a shorter time range")
}
