//! One client's session: messages in, answers out, until it leaves.
//!
//! Owns what the client prepared and where it stands. Refuses to keep more of it than is named here.

mod extended;
mod run;

use super::Port;
use super::command::Command;
use super::frame::{self, Format, Message};
use super::reply::{Reply, Standing, Told};
use super::rows::Rows;
use super::settings::Settings;
use super::{text, value};
use crate::query::sql::catalog;
use crate::query::sql::wire::{Cell, Column, Kind, Problem};
use parking_lot::Mutex;
use std::collections::HashMap;
use std::future::Future;
use std::io;
use std::sync::Arc;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, BufReader, ReadHalf, WriteHalf};
use tokio_util::sync::CancellationToken;

/// Statements prepared at once: drivers keep some hundred.
const MOST_PREPARED: usize = 1_000;
/// Their bytes together, so that long ones are fewer.
const MOST_TEXT: usize = 8 << 20;
/// Portals and cursors open at once.
const MOST_OPEN: usize = 64;

/// What a cancelling client pulls: the statement that runs now.
pub(super) type Slot = Arc<Mutex<CancellationToken>>;

/// Why a message is not answered.
#[derive(Debug)]
enum Fault {
    /// The client is told, and may go on; with the character the problem is at, from 1.
    Refused(Problem, Option<usize>),
    /// The client is told, and the connection ends.
    Ended(Problem),
    /// The client is gone.
    Lost(io::Error),
}

impl From<Problem> for Fault {
    fn from(problem: Problem) -> Self {
        Self::Refused(problem, None)
    }
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        Self::Lost(error)
    }
}

/// A prepared statement.
#[derive(Debug)]
struct Prepared {
    text: String,
    /// Nothing where the text is empty.
    command: Option<Command>,
    /// Types of its values, and their numbers as the client knows them.
    kinds: Vec<(Kind, u32)>,
    columns: Vec<Column>,
}

/// A statement with its values.
#[derive(Debug)]
struct Portal {
    prepared: Arc<Prepared>,
    parameters: Vec<Cell>,
    formats: Vec<Format>,
    /// Columns as the client was told of them.
    told: Vec<Column>,
    rows: Option<Rows>,
}

/// Who is in the session.
#[derive(Debug)]
pub(super) struct Who {
    /// The name it gave.
    pub(super) user: String,
    /// The key it proved.
    pub(super) key: Option<Arc<str>>,
}

/// A session.
pub(super) struct Session<S> {
    port: Arc<Port>,
    who: Who,
    reader: BufReader<ReadHalf<S>>,
    writer: WriteHalf<S>,
    reply: Reply,
    settings: Settings,
    standing: Standing,
    prepared: HashMap<String, Arc<Prepared>>,
    portals: HashMap<String, Portal>,
    cursors: HashMap<String, Rows>,
    running: Slot,
    /// Bytes of another message are there: it no longer shows whether the client is.
    pending: bool,
    /// A message has failed: what follows is not looked at until the client says that it knows.
    skipping: bool,
}

impl<S: AsyncRead + AsyncWrite + Send> Session<S> {
    pub(super) fn new(
        port: Arc<Port>,
        who: Who,
        stream: S,
        settings: Settings,
        running: Slot,
    ) -> Self {
        let (reader, writer) = tokio::io::split(stream);
        Self {
            port,
            who,
            reader: BufReader::new(reader),
            writer,
            reply: Reply::default(),
            settings,
            standing: Standing::Idle,
            prepared: HashMap::new(),
            portals: HashMap::new(),
            cursors: HashMap::new(),
            running,
            pending: false,
            skipping: false,
        }
    }

    /// Serves it until the client leaves or flowgauge stops.
    pub(super) async fn serve(mut self, stopping: &CancellationToken) -> io::Result<()> {
        loop {
            let message = tokio::select! {
                message = frame::next(&mut self.reader) => message,
                () = stopping.cancelled() => {
                    return self.end(&Problem::new("57P01", "flowgauge is stopping")).await;
                }
            };
            self.pending = false;
            let message = match message {
                Ok(Some(Message::Terminate) | None) => return Ok(()),
                Ok(Some(message)) => message,
                Err(e) if e.kind() == io::ErrorKind::Other => {
                    return self.end(&Problem::new("08P01", e.to_string())).await;
                }
                Err(e) => return Err(e),
            };
            match self.answer(message).await {
                Ok(()) => {}
                Err(Fault::Refused(problem, place)) => {
                    self.refuse(&problem, place);
                    self.skipping = true;
                }
                Err(Fault::Ended(problem)) => return self.end(&problem).await,
                Err(Fault::Lost(error)) => return Err(error),
            }
        }
    }

    async fn end(&mut self, problem: &Problem) -> io::Result<()> {
        self.reply.error("FATAL", problem, None);
        self.reply.flush(&mut self.writer).await
    }

    async fn answer(&mut self, message: Message) -> Result<(), Fault> {
        if self.skipping && message != Message::Sync {
            return Ok(());
        }
        match message {
            Message::Query(text) => self.simple(&text).await,
            Message::Parse { name, text, kinds } => self.parse(name, text, &kinds).await,
            Message::Bind(bind) => self.bind(bind),
            Message::Describe(named) => self.describe(&named).await,
            Message::Execute { portal, rows } => self.execute(&portal, rows).await,
            Message::Close(named) => self.close(&named),
            Message::Flush => Ok(self.reply.flush(&mut self.writer).await?),
            Message::Sync => self.sync().await,
            // What is left of a COPY that was refused.
            Message::Copy | Message::Terminate => Ok(()),
            Message::Password(_) => {
                Err(Fault::Ended(Problem::new("08P01", "nobody asked for a proof")))
            }
        }
    }

    /// A text of any number of statements; the first that fails ends it.
    async fn simple(&mut self, text: &str) -> Result<(), Fault> {
        let statements = text::statements(text);
        if statements.is_empty() {
            self.reply.no_statement();
        }
        for statement in statements {
            match self.one(statement).await {
                Ok(()) => {}
                Err(Fault::Refused(problem, _)) => {
                    let place = place(text, statement, &problem);
                    self.refuse(&problem, place);
                    break;
                }
                Err(other) => return Err(other),
            }
        }
        self.settle().await
    }

    async fn sync(&mut self) -> Result<(), Fault> {
        self.skipping = false;
        self.settle().await
    }

    /// The end of a round: what lives in a transaction ends with it.
    async fn settle(&mut self) -> Result<(), Fault> {
        if self.standing == Standing::Idle {
            self.portals.clear();
            self.cursors.clear();
        }
        self.reply.ready(self.standing);
        Ok(self.reply.flush(&mut self.writer).await?)
    }

    fn refuse(&mut self, problem: &Problem, place: Option<usize>) {
        if self.standing == Standing::Inside {
            self.standing = Standing::Failed;
        }
        self.reply.error("ERROR", problem, place);
    }

    /// Whether the key of this session is still in force.
    fn admitted(&self) -> Result<(), Fault> {
        match &self.who.key {
            Some(id) if !self.port.keys.holds(id) => {
                Err(Fault::Ended(Problem::new("28000", "the key has expired or was revoked")))
            }
            _ => Ok(()),
        }
    }

    /// Waits for something of the running statement while the client is there and lets it run.
    async fn wait<T>(
        &mut self,
        running: &CancellationToken,
        what: impl Future<Output = Result<T, Problem>>,
    ) -> Result<T, Fault> {
        tokio::pin!(what);
        loop {
            tokio::select! {
                biased;
                out = &mut what => return out.map_err(Fault::from),
                () = running.cancelled() => {
                    return Err(Problem::new("57014", "the statement was cancelled by its client").into());
                }
                read = self.reader.fill_buf(), if !self.pending => match read {
                    Ok([]) => return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into()),
                    Ok(_) => self.pending = true,
                    Err(e) => return Err(e.into()),
                },
            }
        }
    }

    /// What a cancelling client ends from here on.
    fn runs(&self) -> CancellationToken {
        let token = CancellationToken::new();
        *self.running.lock() = token.clone();
        token
    }
}

/// Where in a whole text a problem of one of its statements is, in characters from 1.
fn place(text: &str, statement: &str, problem: &Problem) -> Option<usize> {
    let (line, column) = problem.place?;
    let line = usize::try_from(line.checked_sub(1)?).ok()?;
    let before: usize = statement.split_inclusive('\n').take(line).map(|l| l.chars().count()).sum();
    let from = (statement.as_ptr() as usize).checked_sub(text.as_ptr() as usize)?;
    let earlier = text.get(..from)?.chars().count();
    Some(earlier + before + usize::try_from(column).ok()?)
}

/// Columns as clients are told of them.
fn told<'a>(
    columns: &'a [Column],
    formats: &'a [Format],
) -> impl ExactSizeIterator<Item = Told<'a>> {
    columns.iter().enumerate().map(|(i, column)| Told {
        name: &column.name,
        oid: catalog::oid(column.kind),
        width: value::width(column.kind),
        format: format_of(formats, i),
    })
}

/// The format of one of many: none given is text, one given is for all.
fn format_of(formats: &[Format], i: usize) -> Format {
    match formats {
        [] => Format::Text,
        [all] => *all,
        each => each.get(i).copied().unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_is_placed_in_the_whole_text() {
        let text = "select 1;\nselect é,\n  nix from t";
        let statement = text::statements(text)[1];
        let problem = |line, column| Problem {
            place: Some((line, column)),
            ..Problem::new("42703", "there is no column nix")
        };
        // Line 1 of the second statement is what follows the semicolon.
        assert_eq!(place(text, statement, &problem(3, 3)), Some(23));
        assert_eq!(text.chars().nth(22), Some('n'));
        assert_eq!(place(text, statement, &Problem::new("42703", "x")), None);
    }
}
