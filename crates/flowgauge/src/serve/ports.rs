//! The ports: bound before anything is built, so that a taken one is told at once.

use super::StartError;
use crate::config::Listener;
use crate::tell::page::{Port, PortState};
use socket2::{Domain, Protocol, Socket, Type};
use std::io;
use std::net::{SocketAddr, TcpListener};

/// Connections the kernel holds until they are accepted: a burst of a thousand clients fits.
const BACKLOG: i32 = 1_024;

/// A port, open or not.
#[derive(Debug)]
pub(super) struct Bound {
    pub(super) port: Port,
    pub(super) socket: Option<TcpListener>,
}

/// Binds a port that nothing works without.
pub(super) fn needed(name: &'static str, listener: Listener) -> Result<Bound, StartError> {
    optional(name, Listener { explicit: true, enabled: true, ..listener })
}

/// Binds a port; one that is taken stops the start only where it was named (decision D8).
pub(super) fn optional(name: &'static str, listener: Listener) -> Result<Bound, StartError> {
    let addr = listener.addr;
    let closed = |state| Bound { port: Port { name, addr, state }, socket: None };
    if !listener.enabled {
        return Ok(closed(PortState::Off));
    }
    match bind(addr) {
        Ok((addr, socket)) => {
            Ok(Bound { port: Port { name, addr, state: PortState::Open }, socket: Some(socket) })
        }
        Err(source) if listener.explicit => Err(StartError::Bind { name, addr, source }),
        Err(source) => Ok(closed(PortState::Skipped(source.to_string()))),
    }
}

fn bind(addr: SocketAddr) -> io::Result<(SocketAddr, TcpListener)> {
    let socket = Socket::new(Domain::for_address(addr), Type::STREAM, Some(Protocol::TCP))?;
    // On Unix: a restart must not wait for connections of the last process to be forgotten. On
    // Windows the same option would let two processes share the port.
    #[cfg(unix)]
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&addr.into())?;
    socket.listen(BACKLOG)?;
    let listener: TcpListener = socket.into();
    Ok((listener.local_addr()?, listener))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(addr: SocketAddr, explicit: bool) -> Listener {
        Listener { addr, enabled: true, explicit }
    }

    #[test]
    fn a_taken_port_is_skipped_where_it_is_the_default_and_refused_where_it_was_named() {
        let first = needed("http", at("127.0.0.1:0".parse().unwrap(), false)).unwrap();
        let taken = first.port.addr;
        let second = optional("otlp_http", at(taken, false)).unwrap();
        assert!(matches!(second.port.state, PortState::Skipped(_)) && second.socket.is_none());
        let named = optional("otlp_http", at(taken, true)).unwrap_err().to_string();
        assert!(named.contains(&taken.to_string()) && named.contains("choose another"), "{named}");
    }

    #[test]
    fn a_port_switched_off_is_not_bound() {
        let off = Listener { enabled: false, ..at("127.0.0.1:0".parse().unwrap(), true) };
        assert_eq!(optional("otlp_grpc", off).unwrap().port.state, PortState::Off);
    }
}
