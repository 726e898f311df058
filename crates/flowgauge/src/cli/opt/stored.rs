//! Control as a data directory holds it, read where no server runs. Nothing is written.

use super::super::exit::{Failure, UNREACHABLE};
use super::super::globals::{Globals, environment, now};
use super::super::remote::Remote;
use super::super::show;
use crate::control::{Line, Live};
use crate::logic::control::rollout::{Environment, Mechanism};
use crate::logic::control::state::{Change, State, in_force};
use crate::store::ControlStore;
use crate::tell::page::control::status::{MechanismView, mechanism};
use serde::Serialize;
use std::sync::Arc;

/// Where to read.
#[derive(Debug)]
pub(super) enum From {
    /// A running server.
    Server(Box<Remote>),
    /// The log of a directory that nobody serves.
    Directory(Box<Stored>),
}

/// Control as it would be at the next start.
#[derive(Debug)]
pub(super) struct Stored {
    pub(super) lines: Vec<Line>,
    live: Arc<Live>,
    unreadable: Option<String>,
}

/// How it stands, as JSON.
#[derive(Debug, Serialize)]
pub(super) struct StoredView {
    /// Always `stored`: no server runs.
    pub(super) from: &'static str,
    pub(super) generation: u64,
    pub(super) readable: bool,
    pub(super) unreadable: Option<String>,
    pub(super) kill_all: bool,
    pub(super) mechanisms: Vec<MechanismView>,
}

/// The server where one answers, else the directory.
pub(super) fn from(globals: &Globals) -> Result<From, Failure> {
    let loaded = globals.load(false, &[])?;
    let remote = globals.remote(&loaded)?;
    if globals.server.is_some() || remote.is_up() {
        return Ok(From::Server(Box::new(remote)));
    }
    let dir = &loaded.config.data_dir;
    let Some(store) = ControlStore::open_reader(dir)? else {
        let (base, dir) = (remote.base(), dir.display());
        let message = format!("no server answers at {base} and {dir} holds no log of changes");
        return Err(Failure::new(UNREACHABLE, message).hint("name one with --server or --data-dir"));
    };
    show::note(&format!("no server runs; read from {}", dir.display()));
    Ok(From::Directory(Box::new(read(&store))))
}

fn read(store: &ControlStore) -> Stored {
    let now = now();
    let all = environment();
    let variable = |name: &str| all.iter().find(|(n, _)| n == name).map(|(_, v)| v.clone());
    let (environment, _) = Environment::read(variable);
    let found = store.log().map_err(|e| e.to_string()).and_then(|log| {
        let state = State::at(&log, now).map_err(|e| e.to_string())?;
        Ok((log, state))
    });
    match found {
        Ok((log, state)) => {
            let force = in_force(&log, now);
            let line = |change: Change| Line { in_force: force.contains(&change.id), change };
            let lines = log.into_iter().map(line).collect();
            Stored { lines, live: Live::new(environment, Some(state)), unreadable: None }
        }
        Err(why) => {
            Stored { lines: Vec::new(), live: Live::new(environment, None), unreadable: Some(why) }
        }
    }
}

impl Stored {
    pub(super) fn view(&self) -> StoredView {
        let state = self.live.get();
        let one = |m: Mechanism| mechanism((&state, &self.lines), &[], m);
        StoredView {
            from: "stored",
            generation: state.generation,
            readable: self.unreadable.is_none(),
            unreadable: self.unreadable.clone(),
            kill_all: state.settings.as_ref().is_none_or(|s| s.kill.all),
            mechanisms: Mechanism::ALL.into_iter().map(one).collect(),
        }
    }
}
