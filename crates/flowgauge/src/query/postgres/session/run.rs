//! Runs one command, and sends its rows.

use super::{Fault, Session, format_of, told};
use crate::query::postgres::command::{self, Command};
use crate::query::postgres::copy::Copy;
use crate::query::postgres::frame::Format;
use crate::query::postgres::reply::Standing;
use crate::query::postgres::rows::Rows;
use crate::query::postgres::value;
use crate::query::sql::wire::{Cell, Column, Kind, Problem, Wish};
use crate::query::sql::{Question, setting};
use tokio::io::{AsyncRead, AsyncWrite};

/// A command that has begun.
pub(super) enum Begun {
    /// It is done; this is its tag.
    Done(String),
    /// Its rows follow.
    Rows(Rows),
    /// Its rows are copied.
    Copy(Copy, Rows),
    /// Rows of a cursor follow.
    Fetch(String, Option<u32>),
}

/// How rows are sent.
pub(super) enum Sink<'a> {
    /// As rows of these columns, in these formats.
    Rows(&'a [Column], &'a [Format]),
    /// As parts of a copy.
    Copy(&'a Copy),
}

impl<S: AsyncRead + AsyncWrite + Send> Session<S> {
    /// One statement of a simple query.
    pub(super) async fn one(&mut self, statement: &str) -> Result<(), Fault> {
        self.admitted()?;
        let command = command::of(statement)?;
        match self.begin(&command, Vec::new()).await? {
            Begun::Done(tag) => self.reply.complete(&tag),
            Begun::Copy(copy, rows) => self.copy(&copy, rows).await?,
            Begun::Fetch(name, rows) => self.fetch(&name, rows, None).await?,
            Begun::Rows(mut rows) => {
                self.reply.columns(told(&rows.columns, &[]));
                let columns = rows.columns.clone();
                self.pour(&mut rows, None, &Sink::Rows(&columns, &[])).await?;
                self.finish(&tag(&command, rows.taken), &rows);
            }
        }
        Ok(())
    }

    /// Begins a command.
    pub(super) async fn begin(
        &mut self,
        command: &Command,
        parameters: Vec<Cell>,
    ) -> Result<Begun, Fault> {
        let ends = matches!(command, Command::Commit | Command::Rollback | Command::RollbackTo);
        if self.standing == Standing::Failed && !ends {
            let told = "the transaction has failed; what follows is not run until it ends";
            return Err(Problem::new("25P02", told).hint("send ROLLBACK").into());
        }
        Ok(match command {
            Command::Ask(text) => Begun::Rows(self.ask(text, parameters).await?),
            Command::Copy(copy) => {
                Begun::Copy(copy.clone(), self.ask(&copy.query, parameters).await?)
            }
            Command::Show(name) => Begun::Rows(self.show(name)?),
            Command::Fetch { name, rows } => Begun::Fetch(name.clone(), *rows),
            Command::Declare { name, query } => {
                self.declare(name, query, parameters).await?;
                Begun::Done("DECLARE CURSOR".to_owned())
            }
            other => Begun::Done(self.settled(other)?.to_owned()),
        })
    }

    /// Commands without rows, by their tags.
    fn settled(&mut self, command: &Command) -> Result<&'static str, Fault> {
        Ok(match command {
            Command::Begin => {
                self.standing = Standing::Inside;
                "BEGIN"
            }
            Command::Commit => {
                let failed = self.standing == Standing::Failed;
                self.standing = Standing::Idle;
                if failed { "ROLLBACK" } else { "COMMIT" }
            }
            Command::Rollback => {
                self.standing = Standing::Idle;
                "ROLLBACK"
            }
            Command::RollbackTo => {
                if self.standing == Standing::Failed {
                    self.standing = Standing::Inside;
                }
                "ROLLBACK"
            }
            Command::Set { name, value } => {
                self.set(name, value.as_deref())?;
                if value.is_some() { "SET" } else { "RESET" }
            }
            Command::Reset { everything } => {
                self.settings.reset();
                if *everything {
                    self.prepared.clear();
                    self.portals.clear();
                    self.cursors.clear();
                }
                if *everything { "DISCARD ALL" } else { "RESET" }
            }
            Command::Deallocate(Some(name)) => {
                self.prepared.remove(name).ok_or_else(|| no_statement(name))?;
                "DEALLOCATE"
            }
            Command::Deallocate(None) => {
                self.prepared.clear();
                "DEALLOCATE ALL"
            }
            Command::Close(Some(name)) => {
                self.cursors.remove(name).ok_or_else(|| no_cursor(name))?;
                "CLOSE CURSOR"
            }
            Command::Close(None) => {
                self.cursors.clear();
                "CLOSE CURSOR ALL"
            }
            Command::Done(tag) => tag,
            Command::Ask(_) | Command::Copy(_) | Command::Show(_) => "SELECT 0",
            Command::Fetch { .. } | Command::Declare { .. } => "FETCH 0",
        })
    }

    fn set(&mut self, name: &str, value: Option<&str>) -> Result<(), Fault> {
        let changed = self.settings.set(name, value)?;
        if let Some((name, value)) = changed.reported {
            self.reply.setting(name, &value);
        }
        if let Some(notice) = changed.notice {
            self.reply.notice("NOTICE", &Problem::new("01000", notice));
        }
        Ok(())
    }

    /// Asks the worker for rows.
    pub(super) async fn ask(&mut self, text: &str, parameters: Vec<Cell>) -> Result<Rows, Fault> {
        let question = self.question(text, parameters, Wish::Rows);
        let running = self.runs();
        let sql = std::sync::Arc::clone(&self.port.sql);
        let asked = self.wait(&running, sql.ask(question)).await;
        asked.map(Rows::of).map_err(|fault| placed(fault, text))
    }

    /// A question under the limits of the session.
    pub(super) fn question(&self, text: &str, parameters: Vec<Cell>, wish: Wish) -> Question {
        let limits = self.settings.limits();
        Question { text: text.to_owned(), parameters, wish, user: self.who.user.clone(), limits }
    }

    fn show(&self, name: &str) -> Result<Rows, Problem> {
        let column = |name: &str| Column { name: name.to_owned(), kind: Kind::Text };
        if name == "all" {
            let row = |s: &setting::Setting| {
                let value = self.settings.show(s.0).unwrap_or_default();
                vec![Cell::Text(s.0.to_owned()), Cell::Text(value)]
            };
            let columns = vec![column("name"), column("setting")];
            return Ok(Rows::known(columns, setting::ALL.iter().map(row).collect()));
        }
        let value = self.settings.show(name)?;
        Ok(Rows::known(vec![column(name)], vec![vec![Cell::Text(value)]]))
    }

    async fn declare(
        &mut self,
        name: &str,
        query: &str,
        parameters: Vec<Cell>,
    ) -> Result<(), Fault> {
        if self.standing != Standing::Inside {
            let told = "a cursor lives in a transaction, and there is none";
            return Err(Problem::new("25P01", told).hint("send BEGIN first").into());
        }
        if self.cursors.contains_key(name) {
            return Err(Problem::new("42P03", format!("there is a cursor {name} already")).into());
        }
        if self.cursors.len() >= super::MOST_OPEN {
            let told = format!("{} cursors are open already", super::MOST_OPEN);
            return Err(Problem::new("53400", told).hint("close some").into());
        }
        let rows = self.ask(query, parameters).await?;
        self.cursors.insert(name.to_owned(), rows);
        Ok(())
    }

    /// Sends rows of a cursor; in a simple query with their columns before them.
    pub(super) async fn fetch(
        &mut self,
        name: &str,
        most: Option<u32>,
        formats: Option<&[Format]>,
    ) -> Result<(), Fault> {
        let mut rows = self.cursors.remove(name).ok_or_else(|| no_cursor(name))?;
        let columns = rows.columns.clone();
        if formats.is_none() {
            self.reply.columns(told(&columns, &[]));
        }
        let before = rows.taken;
        self.pour(&mut rows, most, &Sink::Rows(&columns, formats.unwrap_or_default())).await?;
        let sent = rows.taken - before;
        self.finish(&format!("FETCH {sent}"), &rows);
        rows.missing.clear();
        self.cursors.insert(name.to_owned(), rows);
        Ok(())
    }

    /// Sends all rows as a copy.
    pub(super) async fn copy(&mut self, copy: &Copy, mut rows: Rows) -> Result<(), Fault> {
        copy.begin(&rows.columns, &mut self.reply);
        self.pour(&mut rows, None, &Sink::Copy(copy)).await?;
        copy.end(rows.taken, &mut self.reply);
        self.finish(&format!("COPY {}", rows.taken), &rows);
        Ok(())
    }

    /// Sends rows, `most` at most; says whether it stopped there.
    pub(super) async fn pour(
        &mut self,
        rows: &mut Rows,
        most: Option<u32>,
        sink: &Sink<'_>,
    ) -> Result<bool, Fault> {
        let running = self.runs();
        let columns = rows.columns.clone();
        let mut sent = 0;
        loop {
            if most == Some(sent) {
                return Ok(true);
            }
            let row = match rows.at_hand() {
                Some(row) => row,
                None => match self.wait(&running, rows.next()).await? {
                    Some(row) => row,
                    None => return Ok(false),
                },
            };
            match sink {
                Sink::Copy(copy) => copy.row(rows.taken == 1, &row, &columns, &mut self.reply),
                Sink::Rows(columns, formats) => self.reply.row(&row, |cell, i, to| {
                    let kind = columns.get(i).map_or(Kind::Text, |c| c.kind);
                    value::write(cell, kind, format_of(formats, i), to)
                }),
            }
            sent = sent.saturating_add(1);
            self.reply.pass(&mut self.writer).await?;
        }
    }

    /// The end of rows: what they miss is said before the tag.
    pub(super) fn finish(&mut self, tag: &str, rows: &Rows) {
        for missing in &rows.missing {
            let told = Problem::new("01000", format!("the answer is partial: {missing}"));
            self.reply.notice("WARNING", &told);
        }
        self.reply.complete(tag);
    }
}

/// A problem of a statement sent by itself, with its place in it.
fn placed(fault: Fault, text: &str) -> Fault {
    match fault {
        Fault::Refused(problem, None) => {
            let place = super::place(text, text, &problem);
            Fault::Refused(problem, place)
        }
        other => other,
    }
}

/// What an answer of so many rows is called.
pub(super) fn tag(command: &Command, rows: u64) -> String {
    let first = |text: &str| {
        let mut tokens = crate::query::postgres::text::tokens(text);
        tokens.next().and_then(|(token, ..)| crate::query::postgres::text::name(token))
    };
    match command {
        Command::Show(_) => "SHOW".to_owned(),
        Command::Ask(text) if first(text).as_deref() == Some("explain") => "EXPLAIN".to_owned(),
        _ => format!("SELECT {rows}"),
    }
}

pub(super) fn no_statement(name: &str) -> Problem {
    Problem::new("26000", format!("there is no prepared statement {name:?}"))
}

pub(super) fn no_cursor(name: &str) -> Problem {
    Problem::new("34000", format!("there is no cursor {name:?}"))
}
