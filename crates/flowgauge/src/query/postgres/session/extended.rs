//! Statements in steps: parsed once, bound to values, executed for some rows at a time.

use super::run::{Begun, Sink, no_cursor, no_statement, tag};
use super::{
    Fault, MOST_OPEN, MOST_PREPARED, MOST_TEXT, Portal, Prepared, Session, format_of, told,
};
use crate::query::postgres::command::{self, Command};
use crate::query::postgres::frame::{Bind, Format, Named};
use crate::query::postgres::{text, value};
use crate::query::sql::catalog;
use crate::query::sql::wire::{Column, Head, Kind, Problem, Wish};
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncWrite};

impl<S: AsyncRead + AsyncWrite + Send> Session<S> {
    pub(super) async fn parse(
        &mut self,
        name: String,
        text: String,
        declared: &[u32],
    ) -> Result<(), Fault> {
        self.admitted()?;
        if !name.is_empty() && self.prepared.contains_key(&name) {
            let told = format!("there is a prepared statement {name:?} already");
            return Err(Problem::new("42P05", told).into());
        }
        let bytes: usize = self.prepared.values().map(|p| p.text.len()).sum();
        if self.prepared.len() >= MOST_PREPARED || bytes + text.len() > MOST_TEXT {
            let told = "too many statements are prepared already";
            return Err(Problem::new("53400", told).hint("deallocate some").into());
        }
        let statements = text::statements(&text);
        let command = match statements.as_slice() {
            [] => None,
            [one] => Some(command::of(one)?),
            _ => {
                let told = "only one statement can be prepared at a time";
                return Err(Problem::new("42601", told).into());
            }
        };
        let head = match &command {
            Some(Command::Ask(text) | Command::Declare { query: text, .. }) => {
                self.head(text).await?
            }
            _ => Head::default(),
        };
        let wanted = usize::from(text::values(&text)).max(declared.len());
        let kinds = (0..wanted)
            .map(|i| match declared.get(i).and_then(|oid| Some((value::kind(*oid)?, *oid))) {
                Some(declared) => declared,
                None => {
                    let kind = head.parameters.get(i).copied().flatten().unwrap_or(Kind::Text);
                    (kind, catalog::oid(kind))
                }
            })
            .collect();
        let columns = match &command {
            Some(Command::Ask(_)) => head.columns,
            _ => Vec::new(),
        };
        self.prepared.insert(name, Arc::new(Prepared { text, command, kinds, columns }));
        self.reply.parsed();
        Ok(())
    }

    /// Columns and types of a statement.
    async fn head(&mut self, text: &str) -> Result<Head, Fault> {
        let question = self.question(text, Vec::new(), Wish::Describe);
        let running = self.runs();
        let sql = Arc::clone(&self.port.sql);
        let mut answer = match self.wait(&running, sql.ask(question)).await {
            Ok(answer) => answer,
            Err(Fault::Refused(problem, _)) => {
                let place = super::place(text, text, &problem);
                return Err(Fault::Refused(problem, place));
            }
            Err(other) => return Err(other),
        };
        // Read to its end: a worker whose answer is dropped is ended.
        while let Some(part) = answer.next().await {
            part?;
        }
        Ok(answer.head)
    }

    pub(super) fn bind(&mut self, bind: Bind) -> Result<(), Fault> {
        let name = &bind.statement;
        let prepared = self.prepared.get(name).cloned().ok_or_else(|| no_statement(name))?;
        if bind.values.len() != prepared.kinds.len() {
            let (given, wanted) = (bind.values.len(), prepared.kinds.len());
            let told = format!("the statement wants {wanted} values and was given {given}");
            return Err(Problem::new("08P01", told).into());
        }
        if self.portals.len() >= MOST_OPEN {
            return Err(
                Problem::new("53400", format!("{MOST_OPEN} portals are open already")).into()
            );
        }
        if !bind.portal.is_empty() && self.portals.contains_key(&bind.portal) {
            let told = format!("there is a portal {:?} already", bind.portal);
            return Err(Problem::new("42P03", told).into());
        }
        let values = bind.values.iter().zip(&prepared.kinds).enumerate();
        let parameters = values
            .map(|(i, (bytes, (kind, _)))| {
                let read = value::given(bytes.as_deref(), *kind, format_of(&bind.formats, i));
                read.map_err(|p| Problem { message: format!("${}: {}", i + 1, p.message), ..p })
            })
            .collect::<Result<Vec<_>, _>>()?;
        let told = prepared.columns.clone();
        let portal = Portal { prepared, parameters, formats: bind.results, told, rows: None };
        self.portals.insert(bind.portal, portal);
        self.reply.bound();
        Ok(())
    }

    pub(super) async fn describe(&mut self, named: &Named) -> Result<(), Fault> {
        match named {
            Named::Statement(name) => {
                let prepared =
                    self.prepared.get(name).cloned().ok_or_else(|| no_statement(name))?;
                self.reply.parameters(prepared.kinds.iter().map(|(_, oid)| *oid));
                let columns = self.columns(prepared.command.as_ref(), &prepared.columns)?;
                self.tell(&columns, &[]);
            }
            Named::Portal(name) => {
                // A cursor is a portal, too.
                if let Some(rows) = self.cursors.get(name) {
                    let columns = rows.columns.clone();
                    self.tell(&columns, &[]);
                    return Ok(());
                }
                let mut portal = self.portals.remove(name).ok_or_else(|| no_portal(name))?;
                self.start(&mut portal).await?;
                let columns = match &portal.rows {
                    Some(rows) => rows.columns.clone(),
                    None => self.columns(portal.prepared.command.as_ref(), &portal.told)?,
                };
                self.tell(&columns, &portal.formats);
                portal.told = columns;
                self.portals.insert(name.clone(), portal);
            }
        }
        Ok(())
    }

    /// Begins a question, so that its columns are those its values give.
    async fn start(&mut self, portal: &mut Portal) -> Result<(), Fault> {
        let asks = matches!(portal.prepared.command, Some(Command::Ask(_)));
        let Some(command) = portal.prepared.command.as_ref().filter(|_| asks) else {
            return Ok(());
        };
        if portal.rows.is_none()
            && let Begun::Rows(rows) = self.begin(command, portal.parameters.clone()).await?
        {
            portal.rows = Some(rows);
        }
        Ok(())
    }

    fn columns(&self, command: Option<&Command>, asked: &[Column]) -> Result<Vec<Column>, Problem> {
        let column = |name: &str| Column { name: name.to_owned(), kind: Kind::Text };
        Ok(match command {
            Some(Command::Show(name)) if name == "all" => vec![column("name"), column("setting")],
            Some(Command::Show(name)) => vec![column(name)],
            Some(Command::Fetch { name, .. }) => {
                self.cursors.get(name).ok_or_else(|| no_cursor(name))?.columns.clone()
            }
            _ => asked.to_vec(),
        })
    }

    fn tell(&mut self, columns: &[Column], formats: &[Format]) {
        if columns.is_empty() {
            self.reply.no_rows();
        } else {
            self.reply.columns(told(columns, formats));
        }
    }

    pub(super) async fn execute(&mut self, name: &str, most: u32) -> Result<(), Fault> {
        self.admitted()?;
        let mut portal = self.portals.remove(name).ok_or_else(|| no_portal(name))?;
        let Some(command) = portal.prepared.command.clone() else {
            self.reply.no_statement();
            self.portals.insert(name.to_owned(), portal);
            return Ok(());
        };
        let begun = match portal.rows.take() {
            Some(rows) => Begun::Rows(rows),
            None => self.begin(&command, portal.parameters.clone()).await?,
        };
        match begun {
            Begun::Done(tag) => self.reply.complete(&tag),
            Begun::Copy(copy, rows) => self.copy(&copy, rows).await?,
            Begun::Fetch(cursor, rows) => {
                self.fetch(&cursor, rows, Some(portal.formats.as_slice())).await?;
            }
            Begun::Rows(mut rows) => {
                let before = rows.taken;
                if portal.told.is_empty() {
                    portal.told.clone_from(&rows.columns);
                }
                let sink = Sink::Rows(&portal.told, &portal.formats);
                let most = (most > 0).then_some(most);
                if self.pour(&mut rows, most, &sink).await? {
                    self.reply.suspended();
                } else {
                    self.finish(&tag(&command, rows.taken - before), &rows);
                    rows.missing.clear();
                }
                portal.rows = Some(rows);
            }
        }
        self.portals.insert(name.to_owned(), portal);
        Ok(())
    }

    pub(super) fn close(&mut self, named: &Named) -> Result<(), Fault> {
        // What is not there is closed already.
        match named {
            Named::Statement(name) => drop(self.prepared.remove(name)),
            Named::Portal(name) => drop(self.portals.remove(name)),
        }
        self.reply.closed();
        Ok(())
    }
}

fn no_portal(name: &str) -> Problem {
    Problem::new("34000", format!("there is no portal {name:?}"))
}
