//! The Postgres port: statements over the protocol of Postgres, version 3, for those who read only.
//!
//! Owns the protocol; a statement itself goes to the worker as it came. Frames are read here and not by
//! a library: those at hand trust lengths a client sends. Refuses who proves no key where one is needed.

mod command;
mod copy;
mod door;
mod frame;
mod proof;
mod reply;
mod rows;
mod session;
mod settings;
mod text;
mod tls;
mod value;

use super::sql::Sql;
use crate::config::postgres::Password;
use crate::serve::keys::KeyRing;
use parking_lot::Mutex;
use session::Slot;
use std::collections::HashMap;
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use subtle::ConstantTimeEq as _;
use tokio::sync::Semaphore;

pub use tls::TlsError;

/// Sessions at once: as many as Postgres allows by default; each keeps some hundred KiB.
const SESSIONS: usize = 100;

/// What is behind the port.
pub struct Port {
    sql: Arc<Sql>,
    keys: Arc<KeyRing>,
    password: Password,
    /// Whether people elsewhere may read without a key where there is none.
    open: bool,
    tls: Option<tls::Tls>,
    tls_only: bool,
    places: Arc<Semaphore>,
    numbers: AtomicU32,
    running: Mutex<HashMap<u32, (u32, Slot)>>,
}

impl fmt::Debug for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Port").field("tls", &self.tls.is_some()).finish_non_exhaustive()
    }
}

impl Port {
    /// Over workers and keys.
    ///
    /// # Errors
    /// The certificate or its key cannot be used.
    pub fn new(
        sql: Arc<Sql>,
        keys: Arc<KeyRing>,
        config: &crate::config::postgres::Postgres,
        open: bool,
    ) -> Result<Arc<Self>, TlsError> {
        let tls = config.tls.as_ref().map(tls::tls).transpose()?;
        Ok(Arc::new(Self {
            sql,
            keys,
            password: config.password,
            open,
            tls,
            tls_only: config.tls_only,
            places: Arc::new(Semaphore::new(SESSIONS)),
            numbers: AtomicU32::new(1),
            running: Mutex::new(HashMap::new()),
        }))
    }

    /// Whether a client may read without a key.
    fn needs_none(&self, peer: IpAddr) -> bool {
        self.keys.is_empty() && (self.open || peer.to_canonical().is_loopback())
    }

    /// A number for a session, so that it can be cancelled by who knows its secret.
    fn listed(self: &Arc<Self>, secret: u32, slot: &Slot) -> Listed {
        let process = self.numbers.fetch_add(1, Ordering::Relaxed);
        self.running.lock().insert(process, (secret, Arc::clone(slot)));
        Listed { port: Arc::clone(self), process }
    }

    /// Ends what a session runs, for one who knows its secret.
    fn cancel(&self, process: u32, secret: u32) {
        let running = self.running.lock();
        if let Some((known, slot)) = running.get(&process)
            && bool::from(known.ct_eq(&secret))
        {
            slot.lock().cancel();
        }
    }
}

/// A session in the list of those that can be cancelled.
struct Listed {
    port: Arc<Port>,
    process: u32,
}

impl Drop for Listed {
    fn drop(&mut self) {
        self.port.running.lock().remove(&self.process);
    }
}
