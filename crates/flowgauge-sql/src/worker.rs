//! The worker: one statement at a time, from standard input to standard output.
//!
//! Owns the limits of a statement: its time, its memory, its rows. Opens no database: rows come from
//! flowgauge, which is asked for them on the same pipe.

mod statement;

use crate::sandbox;
use crate::session;
use crate::table::Supply;
use crate::wire::{self, Ask, FromWorker, Limits, Problem, ToWorker};
use datafusion::prelude::SessionContext;
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::thread;
use std::time::Duration;
use thread_priority::{
    NormalThreadSchedulePolicy, ThreadPriority, ThreadSchedulePolicy,
    set_thread_priority_and_policy, thread_native_id,
};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::mpsc;

/// Stack of the threads that plan: the engine's planner goes deep, most of all unoptimised.
const STACK: usize = 32 << 20;
/// The lowest: whoever waits for a request comes before whoever waits for a statement.
const PRIORITY: i32 = 19;
/// Threads that compute. The gateway has the same cores, and comes first.
const THREADS: usize = 2;
/// Answers on their way to the one who asked: one need at a time.
const ANSWERS: usize = 1;

/// SQLSTATE of a statement that took too long.
const TOO_LONG: &str = "57014";

/// Serves statements until standard input ends.
///
/// # Errors
/// The pipes break, or the sandbox cannot be set up.
pub fn run(segments: &[PathBuf]) -> io::Result<()> {
    // Before the first thread: threads take over what their parent may do.
    sandbox::enter(segments)?;
    stand_back()?;
    let runtime = Builder::new_multi_thread()
        .worker_threads(THREADS)
        .thread_stack_size(STACK)
        .enable_time()
        .build()?;
    let (asks, questions) = mpsc::channel(1);
    let (give, answers) = mpsc::channel(ANSWERS);
    thread::Builder::new().name("frames".to_owned()).spawn(move || route(&asks, &give))?;
    let supply = Arc::new(Supply::new(Box::new(send), answers));
    supply.say(&FromWorker::Ready)?;
    serve(&runtime, questions, &supply)
}

/// Only time nobody else wants, for this thread and those it starts. A low priority alone is not enough: on a busy machine
/// whoever wakes up waits for the slice of a running thread to end, 4 ms, unless that one is idle by policy.
fn stand_back() -> io::Result<()> {
    let idle = ThreadSchedulePolicy::Normal(NormalThreadSchedulePolicy::Idle);
    // Where it is refused, the priority is what is left.
    let _ = set_thread_priority_and_policy(thread_native_id(), ThreadPriority::Min, idle);
    Ok(rustix::process::setpriority_process(None, PRIORITY)?)
}

/// Questions one way, rows the other.
#[expect(
    clippy::disallowed_methods,
    reason = "without flowgauge a running statement has no reader, and nothing is to be drained"
)]
fn route(asks: &mpsc::Sender<Ask>, give: &mpsc::Sender<ToWorker>) {
    let mut input = io::stdin().lock();
    loop {
        let passed = match wire::read::<ToWorker>(&mut input) {
            Ok(Some(ToWorker::Ask(ask))) => asks.blocking_send(ask).is_ok(),
            Ok(Some(rows)) => give.blocking_send(rows).is_ok(),
            Ok(None) | Err(_) => false,
        };
        if !passed {
            // flowgauge is gone, and with it everybody who could read an answer.
            std::process::exit(0);
        }
    }
}

fn send(frame: &FromWorker) -> io::Result<()> {
    wire::write(&mut io::stdout().lock(), frame)
}

fn serve(
    runtime: &Runtime,
    mut questions: mpsc::Receiver<Ask>,
    supply: &Arc<Supply>,
) -> io::Result<()> {
    let mut open: Option<(u64, SessionContext)> = None;
    while let Some(ask) = questions.blocking_recv() {
        let reusable = open.take().filter(|(memory, _)| *memory == ask.limits.memory);
        let context = match reusable {
            Some((_, context)) => Ok(context),
            None => runtime.block_on(session::open(ask.limits.memory, THREADS, supply)),
        };
        let ended = match context {
            Ok(context) => {
                let memory = ask.limits.memory;
                let ended = answer(runtime, &context, supply, ask);
                open = Some((memory, context));
                ended
            }
            Err(e) => FromWorker::Failed(statement::problem_of(&e)),
        };
        supply.say(&ended)?;
    }
    io::stdout().lock().flush()
}

fn answer(
    runtime: &Runtime,
    context: &SessionContext,
    supply: &Arc<Supply>,
    ask: Ask,
) -> FromWorker {
    let limits = ask.limits;
    let work = statement::run(context.clone(), Arc::clone(supply), ask);
    // On a thread of the runtime, since this one has a small stack.
    let task = runtime.spawn(async move {
        tokio::time::timeout(Duration::from_millis(limits.time_ms), work).await
    });
    let ended = match runtime.block_on(task) {
        Ok(Ok(Ok(end))) => FromWorker::End(end),
        Ok(Ok(Err(problem))) => FromWorker::Failed(problem),
        Ok(Err(_)) => FromWorker::Failed(too_long(limits)),
        Err(_) => FromWorker::Failed(
            Problem::new("XX000", "the statement broke the query engine")
                .hint("this is a fault of flowgauge: report the statement"),
        ),
    };
    drop(supply.take_missing());
    ended
}

/// What is said of a statement that took too long.
#[must_use]
pub fn too_long(limits: Limits) -> Problem {
    let seconds = limits.time_ms / 1_000;
    Problem::new(TOO_LONG, format!("the statement took longer than {seconds} s and was stopped"))
        .hint("ask for a shorter time range, or read the table rollups")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_worker_takes_what_nobody_wants() {
        let stat = || {
            stand_back().unwrap();
            thread::spawn(|| std::fs::read_to_string("/proc/thread-self/stat").unwrap())
                .join()
                .unwrap()
        };
        let stat = thread::spawn(stat).join().unwrap();
        // Fields are counted from 1 in proc(5), of which two stand before the name's end.
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
        assert_eq!((fields[19 - 3], fields[41 - 3]), ("19", "5"), "nice, SCHED_IDLE");
    }
}
