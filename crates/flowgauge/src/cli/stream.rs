//! Server-sent events of a running server, one at a time, until the end or an interrupt.

use super::exit::{self, Done, Failure};
use super::remote::Remote;
use crate::query::view::RequestView;
use http_body_util::BodyExt;
use hyper::body::Incoming;

/// Largest event read; one request as JSON is a few kilobytes.
const MAX_EVENT: usize = 1 << 20;

/// One event: its name and its data.
pub(crate) type Event = (String, String);

/// Reads a body event by event.
#[derive(Debug)]
pub(crate) struct Events {
    body: Incoming,
    buffer: Vec<u8>,
}

impl Events {
    pub(crate) fn new(body: Incoming) -> Self {
        Self { body, buffer: Vec::new() }
    }

    /// The next event; nothing at the end.
    pub(crate) async fn next(&mut self) -> Result<Option<Event>, Failure> {
        let broken =
            |why: String| Failure::new(exit::UNREACHABLE, format!("the stream broke: {why}"));
        loop {
            if let Some(event) = take(&mut self.buffer) {
                return Ok(Some(event));
            }
            let Some(frame) = self.body.frame().await else { return Ok(None) };
            let frame = frame.map_err(|e| broken(e.to_string()))?;
            if let Ok(bytes) = frame.into_data() {
                // Carriage returns end no line by themselves in what servers send.
                self.buffer.extend(bytes.iter().copied().filter(|b| *b != b'\r'));
            }
            if self.buffer.len() > MAX_EVENT {
                return Err(broken(format!("an event exceeds {MAX_EVENT} bytes")));
            }
        }
    }
}

/// Takes one complete event out of the buffer.
fn take(buffer: &mut Vec<u8>) -> Option<Event> {
    let end = memchr::memmem::find(buffer, b"\n\n")?;
    let block: Vec<u8> = buffer.drain(..end + 2).collect();
    let text = String::from_utf8_lossy(&block);
    let field = |name: &str| {
        let lines = text.lines().filter_map(|l| l.strip_prefix(name)?.strip_prefix(':'));
        lines.map(|l| l.strip_prefix(' ').unwrap_or(l)).collect::<Vec<_>>().join("\n")
    };
    Some((field("event"), field("data")))
}

/// Hands every finished request to `each` until the server stops or the user interrupts.
pub(crate) async fn tail(
    remote: &Remote,
    mut each: impl FnMut(&RequestView) -> Result<(), Failure>,
) -> Done {
    let mut events = Events::new(remote.open("/api/v1/live").await?);
    loop {
        let event = tokio::select! {
            event = events.next() => event?,
            _ = tokio::signal::ctrl_c() => return Ok(exit::INTERRUPTED),
        };
        let Some((name, data)) = event else { return Ok(exit::OK) };
        if name != "call" {
            continue;
        }
        let view: RequestView = serde_json::from_str(&data).map_err(|e| {
            Failure::new(exit::BAD_DATA, format!("an event is not understood: {e}"))
        })?;
        each(&view)?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_taken_whole_and_in_order() {
        let mut buffer = b": hello\n\nevent: call\ndata: {\"a\":\ndata: 1}\n\nevent: ti".to_vec();
        assert_eq!(take(&mut buffer), Some((String::new(), String::new())));
        assert_eq!(take(&mut buffer), Some(("call".to_owned(), "{\"a\":\n1}".to_owned())));
        assert_eq!(take(&mut buffer), None);
        assert_eq!(buffer, b"event: ti");
    }
}
