//! Statements that concern the session, told from those that ask for rows.
//!
//! Clients send them by habit around every question. Nothing is written here, so a transaction is
//! only its state; what would write is left to the worker, which refuses it.

use super::copy::Copy;
use super::text::{self, Token};
use crate::query::sql::wire::Problem;

/// What a statement is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Command {
    /// `BEGIN`, `START TRANSACTION`
    Begin,
    /// `COMMIT`, `END`
    Commit,
    /// `ROLLBACK`, `ABORT`
    Rollback,
    /// `ROLLBACK TO`: what failed since is forgotten.
    RollbackTo,
    /// Something that changes nothing here, by the tag it is answered with.
    Done(&'static str),
    /// `SET name TO value`; the default where there is no value.
    Set { name: String, value: Option<String> },
    /// `SHOW name`
    Show(String),
    /// `RESET ALL` and `DISCARD ALL`, by its tag; the latter forgets what was prepared.
    Reset { everything: bool },
    /// `DEALLOCATE name` or `ALL`
    Deallocate(Option<String>),
    /// `COPY … TO STDOUT`
    Copy(Copy),
    /// `DECLARE name CURSOR FOR query`
    Declare { name: String, query: String },
    /// `FETCH n FROM name`; all that is left where there is no number.
    Fetch { name: String, rows: Option<u32> },
    /// `CLOSE name` or `ALL`
    Close(Option<String>),
    /// Anything else: a question for the worker.
    Ask(String),
}

/// What a statement is for.
///
/// # Errors
/// It is a command of the session that cannot be understood.
pub(super) fn of(statement: &str) -> Result<Command, Problem> {
    let tokens: Vec<_> = text::tokens(statement).collect();
    let words: Vec<String> = tokens
        .iter()
        .map(|(token, ..)| match token {
            Token::Word(word) => word.to_lowercase(),
            Token::Mark(mark) => mark.to_string(),
            _ => String::new(),
        })
        .collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let named = |at: usize| tokens.get(at).and_then(|(token, ..)| text::name(*token));
    Ok(match words.as_slice() {
        ["begin", ..] | ["start", "transaction", ..] => Command::Begin,
        ["commit" | "end", ..] => Command::Commit,
        ["rollback" | "abort", rest @ ..] if rest.contains(&"to") => Command::RollbackTo,
        ["rollback" | "abort", ..] => Command::Rollback,
        ["savepoint", ..] => Command::Done("SAVEPOINT"),
        ["release", ..] => Command::Done("RELEASE"),
        ["listen", ..] => Command::Done("LISTEN"),
        ["unlisten", ..] => Command::Done("UNLISTEN"),
        ["set", "transaction" | "constraints", ..] | ["set", "session", "characteristics", ..] => {
            Command::Done("SET")
        }
        ["set", "time", "zone", ..] => set("timezone", &tokens, 3),
        ["set", "session" | "local", "time", "zone", ..] => set("timezone", &tokens, 4),
        ["set", "session" | "local", ..] => named_set(&tokens, 2)?,
        ["set", ..] => named_set(&tokens, 1)?,
        ["show", "transaction", "isolation", "level"] => {
            Command::Show("transaction_isolation".to_owned())
        }
        ["show", "time", "zone"] => Command::Show("timezone".to_owned()),
        ["show", ..] => Command::Show(dotted(&tokens, 1).0),
        ["reset", "all"] => Command::Reset { everything: false },
        ["reset", ..] => Command::Set { name: dotted(&tokens, 1).0, value: None },
        ["discard", ..] => Command::Reset { everything: true },
        ["deallocate", "all"] | ["deallocate", "prepare", "all"] => Command::Deallocate(None),
        ["deallocate", "prepare", ..] => Command::Deallocate(named(2)),
        ["deallocate", ..] => Command::Deallocate(named(1)),
        ["copy", ..] => Command::Copy(super::copy::of(statement, &tokens)?),
        ["declare", ..] => declare(statement, &tokens, &words)?,
        ["fetch", ..] => fetch(&tokens, &words)?,
        ["close", "all"] => Command::Close(None),
        ["close", ..] => Command::Close(named(1)),
        _ => Command::Ask(statement.to_owned()),
    })
}

type Piece<'a> = (Token<'a>, usize, usize);

/// A name of several parts from a place on, and the place after it.
fn dotted(tokens: &[Piece<'_>], mut at: usize) -> (String, usize) {
    let mut out = String::new();
    while let Some((token, ..)) = tokens.get(at) {
        match token {
            Token::Mark('.') => out.push('.'),
            other if out.is_empty() || out.ends_with('.') => {
                out.push_str(&text::name(*other).unwrap_or_default());
            }
            _ => break,
        }
        at += 1;
    }
    (out, at)
}

fn named_set(tokens: &[Piece<'_>], at: usize) -> Result<Command, Problem> {
    let (name, at) = dotted(tokens, at);
    match tokens.get(at) {
        Some((Token::Mark('='), ..)) => Ok(set(&name, tokens, at + 1)),
        Some((Token::Word(to), ..)) if to.eq_ignore_ascii_case("to") => {
            Ok(set(&name, tokens, at + 1))
        }
        _ => Err(not_understood("SET name TO value")),
    }
}

fn set(name: &str, tokens: &[Piece<'_>], at: usize) -> Command {
    let values = tokens.iter().skip(at).filter_map(|(token, ..)| text::content(*token));
    let value = values.collect::<Vec<_>>().join(", ");
    let default =
        matches!(tokens.get(at), Some((Token::Word(w), ..)) if w.eq_ignore_ascii_case("default"));
    Command::Set { name: name.to_owned(), value: (!default).then_some(value) }
}

fn not_understood(form: &str) -> Problem {
    Problem::new("42601", format!("this is not understood; its form is {form}"))
}

fn declare(statement: &str, tokens: &[Piece<'_>], words: &[&str]) -> Result<Command, Problem> {
    let form = || not_understood("DECLARE name CURSOR FOR query");
    let name = tokens.get(1).and_then(|(token, ..)| text::name(*token)).ok_or_else(form)?;
    let cursor = words.iter().position(|w| *w == "cursor").ok_or_else(form)?;
    let query = words.iter().skip(cursor).position(|w| *w == "for").ok_or_else(form)?;
    let from = tokens.get(cursor + query).map_or(statement.len(), |(_, _, after)| *after);
    let query = statement.get(from..).unwrap_or("").to_owned();
    Ok(Command::Declare { name, query })
}

fn fetch(tokens: &[Piece<'_>], words: &[&str]) -> Result<Command, Problem> {
    let form = || not_understood("FETCH [FORWARD] n | ALL FROM name");
    let name = tokens.last().and_then(|(token, ..)| text::name(*token)).ok_or_else(form)?;
    let before = words.get(1..words.len().saturating_sub(1)).ok_or_else(form)?;
    let mut rows = Some(1);
    for word in before {
        match *word {
            "next" | "forward" | "from" | "in" => {}
            "all" => rows = None,
            number => rows = Some(number.parse().map_err(|_| form())?),
        }
    }
    Ok(Command::Fetch { name, rows })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(statement: &str) -> Command {
        of(statement).unwrap()
    }

    fn set(name: &str, value: Option<&str>) -> Command {
        Command::Set { name: name.to_owned(), value: value.map(str::to_owned) }
    }

    #[test]
    fn what_clients_say_by_habit_is_told_from_questions() {
        assert_eq!(told("BEGIN READ ONLY"), Command::Begin);
        assert_eq!(told("/* x */ start transaction"), Command::Begin);
        assert_eq!(told("ROLLBACK TO SAVEPOINT a"), Command::RollbackTo);
        assert_eq!(
            told("SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY"),
            Command::Done("SET")
        );
        assert_eq!(told("SET extra_float_digits = 3"), set("extra_float_digits", Some("3")));
        assert_eq!(told("set time zone 'UTC'"), set("timezone", Some("UTC")));
        assert_eq!(told("SET search_path TO a, \"B\""), set("search_path", Some("a, B")));
        assert_eq!(told("SET LOCAL statement_timeout TO DEFAULT"), set("statement_timeout", None));
        assert_eq!(
            told("show standard_conforming_strings"),
            Command::Show("standard_conforming_strings".into())
        );
        assert_eq!(told("select 'begin'"), Command::Ask("select 'begin'".into()));
        assert_eq!(told("DEALLOCATE \"A\""), Command::Deallocate(Some("A".into())));
        assert!(of("SET a").is_err());
    }

    #[test]
    fn cursors_are_declared_and_read() {
        let query = " select 1 for update".to_owned();
        let declared = Command::Declare { name: "c".into(), query };
        assert_eq!(told("DECLARE c NO SCROLL CURSOR WITH HOLD FOR select 1 for update"), declared);
        let fetched = |rows| Command::Fetch { name: "c".into(), rows };
        assert_eq!(told("FETCH FORWARD 50 FROM \"c\""), fetched(Some(50)));
        assert_eq!(told("fetch all in c"), fetched(None));
        assert_eq!(told("fetch c"), fetched(Some(1)));
        assert!(of("FETCH BACKWARD 2 FROM c").is_err());
    }
}
