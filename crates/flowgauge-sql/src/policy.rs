//! What may be asked: one statement that reads. Decided on the parsed tree, before anything is planned.
//!
//! Refuses everything that is not known to read only; the engine's own switches against writing stay
//! off as well, and the process can reach nothing (`sandbox`).

use crate::wire::Problem;
use datafusion::sql::parser::{DFParserBuilder, Statement};
use datafusion::sql::sqlparser::ast::{
    self, ObjectName, Query, SetExpr, TableFactor, Visit, Visitor,
};
use datafusion::sql::sqlparser::dialect::PostgreSqlDialect;
use std::ops::ControlFlow;

/// Depth of brackets and operators: a person's query has a handful (`reliability.md` 4).
const DEPTH: usize = 50;
/// Longest statement, bytes: hand-made ones are far shorter, generated ones rarely reach it.
const LENGTH: usize = 256 * 1024;
/// Table functions that only count.
const TABLE_FUNCTIONS: &[&str] = &["generate_series", "range", "unnest"];
/// Words of the schema that holds what tables are made from.
pub(crate) const STORED: &str = "stored";

/// SQLSTATE of what is no SQL.
const SYNTAX: &str = "42601";
/// SQLSTATE of what would write.
const READ_ONLY: &str = "25006";
/// SQLSTATE of what is not let.
const DENIED: &str = "42501";
/// SQLSTATE of what is too long or too deep.
const TOO_COMPLEX: &str = "54001";

/// The one statement of a text, if it may be run.
///
/// # Errors
/// What it is instead, and where.
pub fn read(text: &str) -> Result<Statement, Problem> {
    let statement = parse(text)?;
    allow(&statement)?;
    Ok(statement)
}

/// The one statement of a text, whatever it does.
///
/// # Errors
/// It is no SQL, several statements, too long or too deep.
pub fn parse(text: &str) -> Result<Statement, Problem> {
    if text.len() > LENGTH {
        let told = format!("the statement is {} bytes long; at most {LENGTH} are read", text.len());
        return Err(Problem::new(TOO_COMPLEX, told));
    }
    let parsed = DFParserBuilder::new(text)
        .with_dialect(&PostgreSqlDialect {})
        .with_recursion_limit(DEPTH)
        .build()
        .and_then(|mut parser| parser.parse_statements());
    let mut statements = parsed.map_err(|e| not_parsed(&e.to_string()))?;
    match (statements.pop_front(), statements.is_empty()) {
        (Some(statement), true) => Ok(statement),
        (None, _) => Err(Problem::new(SYNTAX, "there is no statement")),
        (Some(_), false) => {
            Err(Problem::new(SYNTAX, "there are several statements").hint("send them one by one"))
        }
    }
}

/// Whether a statement only reads.
///
/// # Errors
/// What it would do instead.
pub fn allow(statement: &Statement) -> Result<(), Problem> {
    match statement {
        Statement::Statement(inner) => allow_sql(inner),
        Statement::Explain(explain) => allow(&explain.statement),
        Statement::CreateExternalTable(_) => Err(writes("CREATE EXTERNAL TABLE")),
        Statement::CopyTo(_) => Err(writes("COPY … TO")),
        Statement::Reset(_) => Err(writes("RESET")),
    }
}

fn allow_sql(statement: &ast::Statement) -> Result<(), Problem> {
    match statement {
        ast::Statement::Query(query) => allow_tree(query.as_ref()),
        ast::Statement::Explain { statement, .. } => allow_sql(statement),
        other => {
            let text = other.to_string();
            let word = text.split_whitespace().next().unwrap_or("this statement");
            Err(writes(&word.to_uppercase()))
        }
    }
}

fn allow_tree(query: &Query) -> Result<(), Problem> {
    match query.visit(&mut Check) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(problem) => Err(problem),
    }
}

fn writes(word: &str) -> Problem {
    Problem::new(
        READ_ONLY,
        format!("{word} is not possible here: this is a view of what was measured"),
    )
    .hint("SELECT, WITH, VALUES and EXPLAIN of those are")
}

struct Check;

impl Visitor for Check {
    type Break = Problem;

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<Problem> {
        if !query.locks.is_empty() {
            return ControlFlow::Break(writes("FOR UPDATE"));
        }
        allow_body(&query.body)
    }

    fn pre_visit_statement(&mut self, statement: &ast::Statement) -> ControlFlow<Problem> {
        match allow_sql(statement) {
            Ok(()) => ControlFlow::Continue(()),
            Err(problem) => ControlFlow::Break(problem),
        }
    }

    fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> ControlFlow<Problem> {
        match factor {
            TableFactor::Table { name, args: Some(_), .. } => function(name),
            TableFactor::Function { name, .. } => function(name),
            TableFactor::Table { name, .. } => table(name),
            TableFactor::Derived { .. }
            | TableFactor::NestedJoin { .. }
            | TableFactor::UNNEST { .. } => ControlFlow::Continue(()),
            other => ControlFlow::Break(denied(&format!("FROM {other}"))),
        }
    }
}

fn allow_body(body: &SetExpr) -> ControlFlow<Problem> {
    match body {
        SetExpr::Select(select) if select.into.is_some() => {
            ControlFlow::Break(writes("SELECT … INTO"))
        }
        SetExpr::Select(_) | SetExpr::Query(_) | SetExpr::Values(_) | SetExpr::Table(_) => {
            ControlFlow::Continue(())
        }
        SetExpr::SetOperation { left, right, .. } => {
            allow_body(left)?;
            allow_body(right)
        }
        SetExpr::Insert(_) => ControlFlow::Break(writes("INSERT")),
        SetExpr::Update(_) => ControlFlow::Break(writes("UPDATE")),
        SetExpr::Delete(_) => ControlFlow::Break(writes("DELETE")),
        SetExpr::Merge(_) => ControlFlow::Break(writes("MERGE")),
    }
}

fn parts(name: &ObjectName) -> Vec<String> {
    name.0.iter().map(|p| p.to_string().trim_matches('"').to_lowercase()).collect()
}

fn table(name: &ObjectName) -> ControlFlow<Problem> {
    if parts(name).iter().rev().nth(1).is_some_and(|schema| schema == STORED) {
        return ControlFlow::Break(denied(&format!("{name}")));
    }
    ControlFlow::Continue(())
}

fn function(name: &ObjectName) -> ControlFlow<Problem> {
    let known = parts(name).pop().is_some_and(|f| TABLE_FUNCTIONS.contains(&f.as_str()));
    if known {
        ControlFlow::Continue(())
    } else {
        ControlFlow::Break(denied(&format!("{name}(…)")))
    }
}

fn denied(what: &str) -> Problem {
    Problem::new(DENIED, format!("{what} cannot be read from"))
        .hint("tables are listed by SELECT table_name FROM information_schema.tables")
}

/// A parser's complaint, its place taken out of the text.
fn not_parsed(text: &str) -> Problem {
    let text = text.strip_prefix("SQL error: ").unwrap_or(text);
    let inner = text.strip_prefix("ParserError(").and_then(|t| t.strip_suffix(')'));
    let text = inner.unwrap_or(text).trim_matches('"').replace("\\'", "'");
    if text.contains("RecursionLimitExceeded") || text.contains("recursion limit") {
        return Problem::new(
            TOO_COMPLEX,
            format!("the statement is nested more than {DEPTH} levels deep"),
        );
    }
    let (message, place) = match text.rsplit_once(" at Line: ") {
        Some((message, place)) => (message.to_owned(), place_of(place)),
        None => (text, None),
    };
    Problem { place, ..Problem::new(SYNTAX, message) }
}

fn place_of(text: &str) -> Option<(u64, u64)> {
    let (line, column) = text.split_once(", Column: ")?;
    Some((line.trim().parse().ok()?, column.trim().parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn statements_that_read_pass() {
        for text in [
            "SELECT 1",
            "select * from performance_metrics where timestamp >= now() - interval '24 hours';",
            "WITH x AS (SELECT 1 AS a) SELECT a FROM x UNION ALL VALUES (2)",
            "EXPLAIN SELECT 1",
            "EXPLAIN ANALYZE SELECT count(*) FROM calls",
            "SELECT * FROM generate_series(1, 10)",
            "SELECT (SELECT max(latency) FROM calls)",
        ] {
            assert_eq!(read(text).map(drop), Ok(()), "{text}");
        }
    }

    #[test]
    fn statements_that_write_reach_files_or_hide_either_are_refused() {
        for text in [
            "INSERT INTO calls VALUES (1)",
            "UPDATE calls SET latency = 0",
            "DELETE FROM calls",
            "DROP TABLE calls",
            "CREATE TABLE x (a int)",
            "CREATE TABLE x AS SELECT 1",
            "CREATE VIEW v AS SELECT 1",
            "CREATE EXTERNAL TABLE t STORED AS PARQUET LOCATION '/etc/passwd'",
            "COPY calls TO '/tmp/x.csv'",
            "COPY (SELECT 1) TO '/tmp/x.parquet'",
            "SET datafusion.execution.batch_size = 1",
            "RESET datafusion.execution.batch_size",
            "SHOW ALL",
            "SELECT 1 INTO x",
            "SELECT * FROM calls FOR UPDATE",
            "WITH x AS (DELETE FROM calls RETURNING *) SELECT * FROM x",
            "SELECT * FROM stored.call_rows",
            "SELECT * FROM flowgauge.stored.call_rows",
            "SELECT * FROM \"stored\".call_rows",
            "SELECT * FROM read_parquet('/etc/passwd')",
            "SELECT * FROM LATERAL pg_read_file('/etc/passwd')",
            "EXPLAIN INSERT INTO calls VALUES (1)",
            "EXPLAIN ANALYZE DELETE FROM calls",
            "PREPARE p AS SELECT 1",
            "EXECUTE p",
            "SELECT 1; DROP TABLE calls",
            "BEGIN",
            "VACUUM",
            "",
            ";",
        ] {
            assert!(read(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_complaint_names_its_place() {
        let problem = read("SELECT 1\nFROM )").unwrap_err();
        assert_eq!(problem.place, Some((2, 6)), "{problem:?}");
        assert_eq!(problem.code, SYNTAX);
    }

    #[test]
    fn depth_and_length_are_bounded() {
        let deep = format!("SELECT {}1{}", "(".repeat(5_000), ")".repeat(5_000));
        assert_eq!(read(&deep).unwrap_err().code, TOO_COMPLEX);
        let long = format!("SELECT '{}'", "x".repeat(LENGTH));
        assert_eq!(read(&long).unwrap_err().code, TOO_COMPLEX);
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused_without_panic(text in ".{0,200}") {
            drop(read(&text));
        }

        #[test]
        fn any_shuffle_of_words_is_read_or_refused(words in proptest::collection::vec(
            proptest::sample::select(vec!["SELECT", "FROM", "calls", "(", ")", "*", ",", "WITH", "AS", "DELETE",
                "INTO", "x", "1", "'a'", "UNION", "VALUES", "WHERE", "=", "EXPLAIN", "COPY", "TO", ";"]), 0..25)) {
            drop(read(&words.join(" ")));
        }
    }
}
