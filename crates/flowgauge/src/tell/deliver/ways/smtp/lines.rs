//! A TCP stream that gives its reader one line at a time.
//!
//! A reader with a buffer of its own would read ahead of the answer to STARTTLS, and take for part of
//! the encrypted conversation what somebody on the way put into the clear one (RFC 3207, section 5).
//! Here the rest stays below: it reaches the TLS layer, and is no handshake.

use lettre::transport::smtp::client::AsyncTokioStream;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// Read from the socket at once; an answer has some hundred bytes.
const AHEAD: usize = 4 << 10;

/// A TCP stream, read line by line.
#[derive(Debug)]
pub(super) struct Lines {
    tcp: TcpStream,
    ahead: Box<[u8; AHEAD]>,
    /// What of `ahead` was not given out.
    left: std::ops::Range<usize>,
}

impl Lines {
    pub(super) fn new(tcp: TcpStream) -> Self {
        Self { tcp, ahead: Box::new([0; AHEAD]), left: 0..0 }
    }
}

impl AsyncRead for Lines {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        out: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if this.left.is_empty() {
            let mut ahead = ReadBuf::new(&mut this.ahead[..]);
            ready!(Pin::new(&mut this.tcp).poll_read(cx, &mut ahead))?;
            this.left = 0..ahead.filled().len();
        }
        let rest = this.ahead.get(this.left.clone()).unwrap_or_default();
        let line = rest.iter().position(|byte| *byte == b'\n').map_or(rest.len(), |at| at + 1);
        let given = line.min(out.remaining());
        out.put_slice(rest.get(..given).unwrap_or_default());
        this.left.start += given;
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Lines {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.tcp).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_shutdown(cx)
    }
}

impl AsyncTokioStream for Lines {
    fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.tcp.peer_addr()
    }
}
