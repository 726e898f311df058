//! Options every command has, and what follows from them: the configuration, and where answers
//! come from (a running server, else the data directory, read-only).

use super::exit::{BAD_CONFIG, Failure, UNREACHABLE};
use super::remote::Remote;
use crate::config::{self, Loaded, Sources};
use crate::logic::unit::UnixMicros;
use crate::serve::announce::{published, reachable};
use crate::serve::clock::Clock;
use crate::store::{Reader, StoreError};
use std::path::{Path, PathBuf};

/// The configuration file looked for where none is named.
const DEFAULT_FILE: &str = "flowgauge.yaml";

/// Options every command has.
#[derive(Debug, Clone, Default, clap::Args)]
#[command(next_help_heading = "Global options")]
pub(crate) struct Globals {
    /// Configuration file; flowgauge.yaml here where it exists
    #[arg(long, global = true, value_name = "FILE", env = "FLOWGAUGE_CONFIG")]
    pub(crate) config: Option<PathBuf>,
    /// Where data lives
    #[arg(long, global = true, value_name = "DIR", env = "FLOWGAUGE_DATA_DIR")]
    pub(crate) data_dir: Option<PathBuf>,
    /// The server to ask
    #[arg(long, global = true, value_name = "URL", env = "FLOWGAUGE_SERVER")]
    pub(crate) server: Option<String>,
    /// Set one key of the configuration, e.g. store.seal_age=10min
    #[arg(long, global = true, value_name = "KEY=VALUE")]
    pub(crate) set: Vec<String>,
}

/// Where answers come from.
#[derive(Debug)]
pub(crate) enum Origin {
    /// A running server.
    Server(Box<Remote>),
    /// A data directory that nobody serves.
    Directory(Box<Reader>),
}

impl Globals {
    /// The configuration, with `more` (path, value, option) above everything else.
    pub(crate) fn load(
        &self,
        with_secrets: bool,
        more: &[(&str, Option<String>, &str)],
    ) -> Result<Loaded, Failure> {
        let mut sets = Vec::new();
        for text in &self.set {
            let Some((path, value)) = text.split_once('=') else {
                return Err(Failure::usage(format!("--set {text:?} has no `=`"))
                    .hint("write --set store.seal_age=10min"));
            };
            sets.push((path.trim().to_owned(), value.to_owned(), "--set".to_owned()));
        }
        if let Some(dir) = &self.data_dir {
            let dir = dir.to_string_lossy().into_owned();
            sets.push(("data_dir".to_owned(), dir, "--data-dir".to_owned()));
        }
        for (path, value, option) in more {
            if let Some(value) = value {
                sets.push(((*path).to_owned(), value.clone(), (*option).to_owned()));
            }
        }
        let file = read_file(self.config.as_deref())?;
        let environment = environment();
        config::load(&Sources { file, environment, sets, with_secrets }).map_err(|problems| {
            Failure::new(BAD_CONFIG, format!("the configuration is refused\n{problems}"))
        })
    }

    /// Where answers come from. A named server is asked and nothing else; a named directory is read
    /// unless it is being served; otherwise the server of the configuration is tried first.
    pub(crate) fn origin(&self, loaded: &Loaded) -> Result<Origin, Failure> {
        if self.server.is_some() {
            return Ok(Origin::Server(Box::new(self.remote(loaded)?)));
        }
        let dir = &loaded.config.data_dir;
        if self.data_dir.is_some() {
            return match Reader::open(dir) {
                Ok(reader) => Ok(Origin::Directory(Box::new(
                    reader.preferring(loaded.config.preferred_evaluator()),
                ))),
                Err(StoreError::Locked { .. }) => {
                    Ok(Origin::Server(Box::new(self.remote(loaded)?)))
                }
                Err(e) => Err(e.into()),
            };
        }
        let remote = self.remote(loaded)?;
        if remote.is_up() {
            return Ok(Origin::Server(Box::new(remote)));
        }
        match Reader::open(dir) {
            Ok(reader) => Ok(Origin::Directory(Box::new(
                reader.preferring(loaded.config.preferred_evaluator()),
            ))),
            Err(StoreError::Absent(_)) => Err(Failure::new(
                UNREACHABLE,
                format!(
                    "no server answers at {} and {} holds no data",
                    remote.base(),
                    dir.display()
                ),
            )
            .hint(
                "start one with `flowgauge serve`, or name one with --server URL or --data-dir DIR",
            )),
            Err(e) => Err(e.into()),
        }
    }

    /// The server: the named one, else the one that owns the data directory, else that of the
    /// configuration, without asking whether it is there.
    pub(crate) fn remote(&self, loaded: &Loaded) -> Result<Remote, Failure> {
        if let Some(url) = &self.server {
            return self.remote_at(url);
        }
        if let Some(owner) = self.owner(loaded)? {
            return Ok(owner);
        }
        self.remote_at(&format!("http://{}", reachable(loaded.config.listen.addr)))
    }

    /// The running server that owns the data directory.
    pub(crate) fn owner(&self, loaded: &Loaded) -> Result<Option<Remote>, Failure> {
        let Some(url) = published(&loaded.config.data_dir) else { return Ok(None) };
        let owner = self.remote_at(&url)?;
        Ok(owner.is_up().then_some(owner))
    }

    /// The server at an address.
    pub(crate) fn remote_at(&self, base: &str) -> Result<Remote, Failure> {
        let key = std::env::var("FLOWGAUGE_KEY").ok().filter(|k| !k.trim().is_empty());
        Remote::new(base, key)
    }
}

/// Name and text of the configuration file, where one is named or lies here.
pub(crate) fn read_file(named: Option<&Path>) -> Result<Option<(String, String)>, Failure> {
    let path = named.unwrap_or(Path::new(DEFAULT_FILE));
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(Some((path.display().to_string(), text))),
        Err(e) if named.is_none() && e.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(e) => {
            let message = format!("{} cannot be read: {e}", path.display());
            Err(Failure::new(BAD_CONFIG, message))
        }
    }
}

/// Environment variables that are text.
pub(crate) fn environment() -> Vec<(String, String)> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect()
}

/// The present moment.
pub(crate) fn now() -> UnixMicros {
    Clock::real().now()
}
