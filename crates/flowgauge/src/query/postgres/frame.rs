//! What clients say: frames of the Postgres protocol, version 3, as values.
//!
//! Refuses to trust a length: every field is read within its frame, every frame within a limit.

use std::io;
use tokio::io::{AsyncRead, AsyncReadExt};

/// Longest message: a statement of 256 KiB with its parameters fits many times over.
const MAX_MESSAGE: usize = 1 << 20;
/// Longest first message: names and settings; Postgres has the same limit.
const MAX_START: usize = 10_000;

/// Number of a request to talk TLS.
const TLS: u32 = 80_877_103;
/// Number of a request to encrypt by GSSAPI.
const GSS: u32 = 80_877_104;
/// Number of a request to cancel.
const CANCEL: u32 = 80_877_102;
/// The version spoken, its lower half the minor one.
const VERSION: u32 = 3 << 16;

/// The first message of a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Start {
    /// May we talk TLS?
    Tls,
    /// May we encrypt by GSSAPI?
    Gss,
    /// Stop what the connection of this number does.
    Cancel { process: u32, secret: u32 },
    /// Names and settings.
    Session { minor: u16, settings: Vec<(String, String)> },
}

/// How a value is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Format {
    /// For people.
    #[default]
    Text,
    /// As the type's bytes.
    Binary,
}

/// Something prepared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Named {
    /// A statement.
    Statement(String),
    /// A statement with its values.
    Portal(String),
}

/// A statement's values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Bind {
    pub(super) portal: String,
    pub(super) statement: String,
    pub(super) formats: Vec<Format>,
    pub(super) values: Vec<Option<Vec<u8>>>,
    pub(super) results: Vec<Format>,
}

/// A message after the first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Message {
    Query(String),
    Parse {
        name: String,
        text: String,
        kinds: Vec<u32>,
    },
    Bind(Bind),
    Describe(Named),
    /// Rows at most; all where it is 0.
    Execute {
        portal: String,
        rows: u32,
    },
    Close(Named),
    Flush,
    Sync,
    /// An answer to a question for proof.
    Password(Vec<u8>),
    /// Part of data nobody asked for: a client's COPY that has failed.
    Copy,
    Terminate,
}

/// What cannot be read, in words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(super) struct Malformed(String);

fn malformed(what: &str) -> Malformed {
    Malformed(format!("the message is not well formed: {what}"))
}

/// Reads the first message; nothing where the client left.
pub(super) async fn start(from: &mut (impl AsyncRead + Unpin)) -> io::Result<Option<Start>> {
    let Some(body) = body(from, MAX_START).await? else { return Ok(None) };
    first(&body).map(Some).map_err(io::Error::other)
}

/// Reads a message; nothing where the client left.
pub(super) async fn next(from: &mut (impl AsyncRead + Unpin)) -> io::Result<Option<Message>> {
    let kind = match from.read_u8().await {
        Ok(kind) => kind,
        Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        Err(e) => return Err(e),
    };
    let Some(body) = body(from, MAX_MESSAGE).await? else { return Ok(None) };
    message(kind, &body).map(Some).map_err(io::Error::other)
}

/// The bytes behind a length that counts itself.
async fn body(from: &mut (impl AsyncRead + Unpin), most: usize) -> io::Result<Option<Vec<u8>>> {
    let length = match from.read_u32().await {
        Ok(length) => length,
        Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        Err(e) => return Err(e),
    };
    let length = usize::try_from(length).ok().and_then(|n| n.checked_sub(4));
    let Some(length) = length.filter(|n| *n <= most) else {
        let told =
            malformed(&format!("it says that it is longer than {most} bytes or less than 4"));
        return Err(io::Error::other(told));
    };
    let mut bytes = vec![0; length];
    from.read_exact(&mut bytes).await?;
    Ok(Some(bytes))
}

/// The first message from its bytes.
pub(super) fn first(bytes: &[u8]) -> Result<Start, Malformed> {
    let mut fields = Fields(bytes);
    match fields.u32()? {
        TLS => fields.end(Start::Tls),
        GSS => fields.end(Start::Gss),
        CANCEL => {
            let (process, secret) = (fields.u32()?, fields.u32()?);
            fields.end(Start::Cancel { process, secret })
        }
        version if version >> 16 == VERSION >> 16 => {
            let mut settings = Vec::new();
            loop {
                let name = fields.text()?;
                if name.is_empty() {
                    break;
                }
                settings.push((name, fields.text()?));
            }
            let minor = u16::try_from(version & 0xffff).unwrap_or(0);
            fields.end(Start::Session { minor, settings })
        }
        version => Err(malformed(&format!("version {}.{}", version >> 16, version & 0xffff))),
    }
}

/// A message from its kind and bytes.
pub(super) fn message(kind: u8, bytes: &[u8]) -> Result<Message, Malformed> {
    let mut fields = Fields(bytes);
    let message = match kind {
        b'Q' => Message::Query(fields.text()?),
        b'P' => {
            let (name, text) = (fields.text()?, fields.text()?);
            Message::Parse { name, text, kinds: fields.list(Fields::u32)? }
        }
        b'B' => Message::Bind(Bind {
            portal: fields.text()?,
            statement: fields.text()?,
            formats: fields.list(Fields::format)?,
            values: fields.list(Fields::value)?,
            results: fields.list(Fields::format)?,
        }),
        b'D' => Message::Describe(fields.named()?),
        b'E' => Message::Execute { portal: fields.text()?, rows: fields.u32()? },
        b'C' => Message::Close(fields.named()?),
        b'H' => Message::Flush,
        b'S' => Message::Sync,
        b'X' => Message::Terminate,
        b'p' => return Ok(Message::Password(bytes.to_vec())),
        b'd' | b'c' | b'f' => return Ok(Message::Copy),
        b'F' => return Err(Malformed("calls of functions by number are not possible here".into())),
        other => return Err(malformed(&format!("no message begins with {:?}", char::from(other)))),
    };
    fields.end(message)
}

/// What is left of a message.
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn take(&mut self, n: usize) -> Result<&'a [u8], Malformed> {
        let (head, rest) = self.0.split_at_checked(n).ok_or_else(|| malformed("it breaks off"))?;
        self.0 = rest;
        Ok(head)
    }

    fn u32(&mut self) -> Result<u32, Malformed> {
        let bytes = self.take(4)?;
        Ok(bytes.iter().fold(0, |n, b| n << 8 | u32::from(*b)))
    }

    fn u16(&mut self) -> Result<u16, Malformed> {
        let bytes = self.take(2)?;
        Ok(bytes.iter().fold(0, |n, b| n << 8 | u16::from(*b)))
    }

    fn text(&mut self) -> Result<String, Malformed> {
        let end = self.0.iter().position(|b| *b == 0);
        let bytes = self.take(end.ok_or_else(|| malformed("a text does not end"))?)?;
        self.take(1)?;
        String::from_utf8(bytes.to_vec()).map_err(|_| malformed("a text is not UTF-8"))
    }

    fn list<T>(
        &mut self,
        mut item: impl FnMut(&mut Self) -> Result<T, Malformed>,
    ) -> Result<Vec<T>, Malformed> {
        let n = self.u16()?;
        (0..n).map(|_| item(self)).collect()
    }

    fn format(&mut self) -> Result<Format, Malformed> {
        match self.u16()? {
            0 => Ok(Format::Text),
            1 => Ok(Format::Binary),
            other => Err(malformed(&format!("there is no format {other}"))),
        }
    }

    fn value(&mut self) -> Result<Option<Vec<u8>>, Malformed> {
        match self.u32()? {
            u32::MAX => Ok(None),
            length => {
                let length = usize::try_from(length).map_err(|_| malformed("a value's length"))?;
                self.take(length).map(|bytes| Some(bytes.to_vec()))
            }
        }
    }

    fn named(&mut self) -> Result<Named, Malformed> {
        let kind = self.take(1)?;
        let name = self.text()?;
        match kind {
            b"S" => Ok(Named::Statement(name)),
            b"P" => Ok(Named::Portal(name)),
            _ => Err(malformed("neither a statement nor a portal is named")),
        }
    }

    fn end<T>(&self, read: T) -> Result<T, Malformed> {
        if self.0.is_empty() { Ok(read) } else { Err(malformed("it goes on after its end")) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_bind_is_read_field_by_field() {
        let bytes = b"c\0s\0\0\x01\0\x01\0\x02\0\0\0\x02ab\xff\xff\xff\xff\0\x01\0\0";
        let bind = Bind {
            portal: "c".into(),
            statement: "s".into(),
            formats: vec![Format::Binary],
            values: vec![Some(b"ab".to_vec()), None],
            results: vec![Format::Text],
        };
        assert_eq!(message(b'B', bytes), Ok(Message::Bind(bind)));
        for end in 0..bytes.len() {
            assert!(message(b'B', &bytes[..end]).is_err(), "cut at {end}");
        }
        assert!(message(b'B', &[bytes.as_slice(), b"\0"].concat()).is_err());
    }

    #[tokio::test]
    async fn a_length_beyond_the_limit_is_refused_before_anything_is_kept() {
        for length in [0u32, 3, 2 << 20, u32::MAX] {
            let bytes = [b"Q".as_slice(), &length.to_be_bytes()].concat();
            assert!(next(&mut bytes.as_slice()).await.is_err(), "{length}");
        }
        assert!(next(&mut [].as_slice()).await.unwrap().is_none());
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(kind: u8, bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _read = message(kind, &bytes);
            let _first = first(&bytes);
        }

        #[test]
        fn a_start_gives_back_its_settings(pairs in proptest::collection::vec(("[a-z]{1,9}", "[a-z]{0,9}"), 0..5)) {
            let mut bytes = VERSION.to_be_bytes().to_vec();
            for (name, value) in &pairs {
                bytes.extend_from_slice(format!("{name}\0{value}\0").as_bytes());
            }
            bytes.push(0);
            prop_assert_eq!(first(&bytes), Ok(Start::Session { minor: 0, settings: pairs }));
        }
    }
}
