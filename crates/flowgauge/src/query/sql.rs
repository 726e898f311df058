//! Statements of users: handed to a worker process that can reach nothing but segments (decision D7).
//!
//! Owns how many run at once, and the end of those that take too long or too much memory. Refuses to
//! read a statement itself.

mod process;
mod pump;
mod rows;
pub mod show;

use crate::serve::clock::Clock;
use crate::store::Reader;
use flowgauge_sql::wire::{Ask, Cell, Head, Limits, Problem, Wish};
use parking_lot::Mutex;
use process::Process;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::sync::{Semaphore, mpsc};

pub use flowgauge_sql::catalog::{self, setting};
pub use flowgauge_sql::{schema, wire};
pub use pump::Part;
pub use rows::Origin;

/// Statements at once: each may use both cores and 512 MiB; others wait their turn.
const AT_ONCE: usize = 2;
/// Statements that wait: beyond, whoever asks is told to come back.
const WAITING: usize = 32;
/// Parts of an answer on their way to a slow reader, of 512 rows each.
const PARTS: usize = 4;

/// A statement and how it is to be run.
#[derive(Debug, Clone, PartialEq)]
pub struct Question {
    /// One statement.
    pub text: String,
    /// Values of `$1`, `$2`, …
    pub parameters: Vec<Cell>,
    /// What is wanted of it.
    pub wish: Wish,
    /// Who asks.
    pub user: String,
    /// What it may use.
    pub limits: Limits,
}

impl Question {
    /// The rows of a statement, under the usual limits.
    #[must_use]
    pub fn rows(text: impl Into<String>, user: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            parameters: Vec::new(),
            wish: Wish::Rows,
            user: user.into(),
            limits: Limits::default(),
        }
    }
}

/// An answer being given. Dropped before its end, it ends the statement.
#[derive(Debug)]
pub struct Answer {
    /// Its head.
    pub head: Head,
    parts: mpsc::Receiver<Result<Part, Problem>>,
}

impl Answer {
    /// The next part; nothing after the end.
    pub async fn next(&mut self) -> Option<Result<Part, Problem>> {
        self.parts.recv().await
    }
}

/// The worker processes.
#[derive(Debug)]
pub struct Sql {
    origin: Origin,
    clock: Clock,
    program: PathBuf,
    turns: Arc<Semaphore>,
    waiting: Arc<Semaphore>,
    idle: Arc<Mutex<Vec<Process>>>,
}

impl Sql {
    /// Over what is stored. Nothing is started before the first statement.
    #[must_use]
    pub fn new(origin: Origin, clock: Clock, program: PathBuf) -> Arc<Self> {
        Arc::new(Self {
            origin,
            clock,
            program,
            turns: Arc::new(Semaphore::new(AT_ONCE)),
            waiting: Arc::new(Semaphore::new(AT_ONCE + WAITING)),
            idle: Arc::default(),
        })
    }

    /// Over a data directory, by this program itself.
    ///
    /// # Errors
    /// The program cannot tell where it is.
    pub fn of_this_program(
        reader: Reader,
        dir: PathBuf,
        clock: Clock,
    ) -> std::io::Result<Arc<Self>> {
        let reader = move || Some(reader.clone());
        Ok(Self::new(Origin::new(reader, dir), clock, std::env::current_exe()?))
    }

    /// Begins to answer a statement: returns when its head is known.
    ///
    /// # Errors
    /// It is refused, wrong, or no worker can be had.
    pub async fn ask(&self, question: Question) -> Result<Answer, Problem> {
        let Ok(queued) = Arc::clone(&self.waiting).try_acquire_owned() else {
            return Err(Problem::new("53300", format!("{WAITING} statements are waiting already"))
                .hint("try again in a moment"));
        };
        let turn = Arc::clone(&self.turns).acquire_owned().await;
        let turn = turn.map_err(|_| Problem::new("57P01", "flowgauge is stopping"))?;
        drop(queued);
        let origin = self.origin.clone();
        let directories = tokio::task::spawn_blocking(move || origin.directories()).await;
        let directories = directories.map_err(|e| Problem::new("58000", e.to_string()))?;
        // What a worker may read is settled when it starts.
        let idle = self.idle.lock().pop().filter(|p| p.reads(&directories));
        let process = match idle {
            Some(process) => process,
            None => Process::start(&self.program, directories)
                .await
                .map_err(|e| Problem::new("58000", format!("start the SQL worker: {e}")))?,
        };
        let now = self.clock.now();
        let ask = Ask {
            text: question.text,
            now: now.0,
            parameters: question.parameters,
            wish: question.wish,
            limits: question.limits,
            user: question.user,
        };
        let (give, mut parts) = mpsc::channel(PARTS);
        let pump = pump::Pump {
            origin: self.origin.clone(),
            limits: ask.limits,
            now,
            idle: Arc::clone(&self.idle),
            turn,
            give,
        };
        tokio::spawn(pump.run(process, ask));
        match parts.recv().await {
            Some(Ok(Part::Head(head))) => Ok(Answer { head, parts }),
            Some(Err(problem)) => Err(problem),
            Some(Ok(_)) | None => Err(Problem::new("XX000", "the SQL worker answered out of turn")),
        }
    }

    /// Ends the idle workers.
    pub fn close(&self) {
        self.turns.close();
        self.idle.lock().clear();
    }
}
