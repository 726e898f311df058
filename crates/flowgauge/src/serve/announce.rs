//! Where a served data directory can be asked: its address, in a file beside the data, so that a
//! command that names the directory finds the server that owns it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};

/// Name of the file.
const FILE: &str = "server.url";

fn file(dir: &Path) -> PathBuf {
    dir.join(FILE)
}

/// Writes the address. A directory that takes no writes has other troubles, which are shown.
pub(super) fn publish(dir: &Path, addr: SocketAddr) {
    if let Err(error) = std::fs::write(file(dir), format!("http://{}\n", reachable(addr))) {
        tracing::debug!(%error, "the address could not be written beside the data");
    }
}

/// Takes the address away again.
pub(super) fn withdraw(dir: &Path) {
    if let Err(error) = std::fs::remove_file(file(dir)) {
        tracing::debug!(%error, "the address could not be taken away");
    }
}

/// The address last written; whoever wrote it may be gone.
#[must_use]
pub fn published(dir: &Path) -> Option<String> {
    let text = std::fs::read_to_string(file(dir)).ok()?;
    let url = text.trim();
    url.starts_with("http://").then(|| url.to_owned())
}

/// An address to connect to: who listens everywhere is reached on loopback.
#[must_use]
pub fn reachable(mut addr: SocketAddr) -> SocketAddr {
    if addr.ip().is_unspecified() {
        addr.set_ip(match addr {
            SocketAddr::V4(_) => IpAddr::V4(Ipv4Addr::LOCALHOST),
            SocketAddr::V6(_) => IpAddr::V6(Ipv6Addr::LOCALHOST),
        });
    }
    addr
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_published_address_is_found_until_it_is_withdrawn() {
        let dir = tempfile::tempdir().unwrap();
        publish(dir.path(), "0.0.0.0:4100".parse().unwrap());
        assert_eq!(published(dir.path()).as_deref(), Some("http://127.0.0.1:4100"));
        withdraw(dir.path());
        assert_eq!(published(dir.path()), None);
    }
}
