//! When a client of each kind was last seen, since start.
//!
//! Owns one line of numbers for each family, so the table never grows. Refuses locks, disk and texts on the request
//! path: what a client says of itself is read once and forgotten.

use crate::logic::client::{Family, Version};
use crate::logic::unit::UnixMicros;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

/// Clients by family.
#[derive(Debug, Default)]
pub struct Clients([Line; Family::ALL.len()]);

/// Numbers of one family. They are written one by one: a reader in between may see the count of one call with the time of
/// another, which is of no matter to somebody who waits for the first.
#[derive(Debug, Default)]
struct Line {
    calls: AtomicU64,
    last: AtomicI64,
    version: AtomicU64,
}

/// A family that was seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Client {
    /// Which.
    pub family: Family,
    /// Version of the last that said one; nothing where none did.
    pub version: Option<Version>,
    /// Calls since start.
    pub calls: u64,
    /// When the last came.
    pub last: UnixMicros,
}

impl Clients {
    /// Counts so many calls of a client.
    pub fn note(&self, client: (Family, Option<Version>), calls: u64, now: UnixMicros) {
        let (family, version) = client;
        let Some(line) = self.0.get(family.index()) else { return };
        line.last.fetch_max(now.0, Ordering::Relaxed);
        if let Some(version) = version {
            line.version.store(version.packed(), Ordering::Relaxed);
        }
        // Last, so that whoever sees the count finds a time.
        line.calls.fetch_add(calls, Ordering::Release);
    }

    /// Families that were seen.
    #[must_use]
    pub fn seen(&self) -> Vec<Client> {
        let all = Family::ALL.into_iter().zip(&self.0);
        let each = all.map(|(family, line)| {
            let calls = line.calls.load(Ordering::Acquire);
            let version = Version::unpacked(line.version.load(Ordering::Relaxed));
            Client { family, version, calls, last: UnixMicros(line.last.load(Ordering::Relaxed)) }
        });
        each.filter(|client| client.calls > 0).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::logic::client::caller;

    #[test]
    fn a_family_is_told_with_its_last_time_version_and_count_once_it_came() {
        let clients = Clients::default();
        assert_eq!(clients.seen(), []);
        clients.note(caller(Some("OpenAI/Python 1.51.0")), 1, UnixMicros(5));
        clients.note(caller(Some("OpenAI/Python 1.52.0")), 1, UnixMicros(9));
        clients.note(caller(None), 1, UnixMicros(7));
        let told: Vec<_> = clients.seen();
        let python = Client {
            family: Family::OpenAiPython,
            version: Some(Version(1, 52, 0)),
            calls: 2,
            last: UnixMicros(9),
        };
        let other = Client { family: Family::Other, version: None, calls: 1, last: UnixMicros(7) };
        assert_eq!(told, [python, other]);
    }

    #[test]
    fn a_request_that_is_counted_late_does_not_turn_time_back() {
        let clients = Clients::default();
        clients.note(caller(Some("curl/8.5.0")), 1, UnixMicros(9));
        clients.note(caller(Some("curl/8.5.0")), 1, UnixMicros(3));
        assert_eq!(clients.seen()[0].last, UnixMicros(9));
    }
}
