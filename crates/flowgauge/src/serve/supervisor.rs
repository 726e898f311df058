//! Tells whoever supervises the process that it is ready, and that it stops: systemd's `Type=notify`.
//!
//! Owns the datagrams and nothing of when they are due. A supervisor that does not listen has its own time limits; serving
//! goes on without it.

use std::ffi::{OsStr, OsString};

/// Who is told; nobody where the process was started by hand.
#[derive(Debug)]
pub(super) struct Supervisor(Option<OsString>);

/// What is told, in the words of sd_notify(3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Told {
    /// The doors are open.
    Ready,
    /// It was asked to stop and drains.
    Stopping,
}

impl Told {
    const fn words(self) -> &'static [u8] {
        match self {
            Self::Ready => b"READY=1",
            Self::Stopping => b"STOPPING=1",
        }
    }
}

impl Supervisor {
    /// The one that listens on a socket: a path, or `@` and a name without a file.
    pub(super) const fn at(socket: Option<OsString>) -> Self {
        Self(socket)
    }

    /// Tells it.
    pub(super) fn tell(&self, told: Told) {
        let Some(socket) = self.0.as_ref().filter(|s| !s.is_empty()) else { return };
        if let Err(error) = send(socket, told.words()) {
            tracing::warn!(%error, ?told, "the supervisor was not told");
        }
    }
}

#[cfg(target_os = "linux")]
fn send(socket: &OsStr, words: &[u8]) -> std::io::Result<()> {
    use std::os::linux::net::SocketAddrExt as _;
    use std::os::unix::ffi::OsStrExt as _;
    use std::os::unix::net::{SocketAddr, UnixDatagram};
    let address = match socket.as_bytes().strip_prefix(b"@") {
        Some(name) => SocketAddr::from_abstract_name(name)?,
        None => SocketAddr::from_pathname(socket)?,
    };
    UnixDatagram::unbound()?.send_to_addr(words, &address).map(|_| ())
}

#[cfg(not(target_os = "linux"))]
fn send(_: &OsStr, _: &[u8]) -> std::io::Result<()> {
    Err(std::io::ErrorKind::Unsupported.into())
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use std::os::linux::net::SocketAddrExt as _;
    use std::os::unix::net::{SocketAddr, UnixDatagram};

    fn heard(listener: &UnixDatagram) -> Option<String> {
        let mut room = [0; 64];
        let n = listener.recv(&mut room).ok()?;
        Some(String::from_utf8_lossy(room.get(..n)?).into_owned())
    }

    #[test]
    fn a_supervisor_hears_the_words_of_its_protocol_by_path_and_by_name() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("notify");
        let by_path = UnixDatagram::bind(&path).unwrap();
        Supervisor::at(Some(path.into())).tell(Told::Ready);
        assert_eq!(heard(&by_path).as_deref(), Some("READY=1"));
        let name = format!("flowgauge-test-{}", std::process::id());
        let address = SocketAddr::from_abstract_name(&name).unwrap();
        let by_name = UnixDatagram::bind_addr(&address).unwrap();
        Supervisor::at(Some(format!("@{name}").into())).tell(Told::Stopping);
        assert_eq!(heard(&by_name).as_deref(), Some("STOPPING=1"));
    }

    #[test]
    fn nobody_listening_is_no_reason_to_fail() {
        Supervisor::at(None).tell(Told::Ready);
        Supervisor::at(Some("/nowhere/at/all".into())).tell(Told::Ready);
    }
}
