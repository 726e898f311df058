//! The statements clients send, as they send them, over the catalogue alone.

use crate::catalog::{Attribute, Relation, register_for};
use crate::encode::rows_of;
use crate::policy;
use crate::wire::{Cell, Kind};
use datafusion::arrow::datatypes::{DataType, Field, Schema, TimeUnit};
use datafusion::datasource::MemTable;
use datafusion::prelude::{SessionConfig, SessionContext};
use datafusion::sql::parser::{DFParser, Statement};
use datafusion::sql::sqlparser::dialect::PostgreSqlDialect;
use std::sync::Arc;

fn context() -> SessionContext {
    let config = SessionConfig::new()
        .with_default_catalog_and_schema("flowgauge", "public")
        .with_create_default_catalog_and_schema(true)
        .with_target_partitions(1)
        .set_str("datafusion.sql_parser.dialect", "PostgreSQL")
        .set_bool("datafusion.sql_parser.map_string_types_to_utf8view", false)
        .set_str("datafusion.execution.time_zone", "UTC");
    let context = SessionContext::new_with_config(config);
    let named = |name: &str, kind, meaning: &str| Attribute {
        name: name.to_owned(),
        kind,
        meaning: meaning.to_owned(),
    };
    let relation = Relation {
        name: "performance_metrics".to_owned(),
        meaning: "one call".to_owned(),
        columns: vec![
            named("call_id", Kind::Text, "which"),
            named("timestamp", Kind::TimestampTz, "minute of the call"),
            named("latency", Kind::Float8, "time it took (ms)"),
            named("input_tokens", Kind::Int8, "what it was billed for (tokens)"),
            named("stream", Kind::Bool, "whether the answer was streamed"),
        ],
    };
    let time = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
    let schema = Arc::new(Schema::new(vec![
        Field::new("call_id", DataType::Utf8, true),
        Field::new("timestamp", time, true),
        Field::new("latency", DataType::Float64, true),
        Field::new("input_tokens", DataType::Int64, true),
        Field::new("stream", DataType::Boolean, true),
    ]));
    let table = MemTable::try_new(schema, vec![vec![]]).unwrap();
    context.register_table("performance_metrics", Arc::new(table)).unwrap();
    register_for(&context, "reader", vec![relation]).unwrap();
    context
}

async fn ask(context: &SessionContext, text: &str) -> Result<Vec<Vec<Cell>>, String> {
    let mut statements = DFParser::parse_sql_with_dialect(text, &PostgreSqlDialect {})
        .map_err(|e| format!("parse: {e}"))?;
    let Some(Statement::Statement(mut statement)) = statements.pop_front() else {
        return Err("no statement".to_owned());
    };
    super::adapt(&mut statement);
    let adapted = statement.to_string();
    let failed = |e: datafusion::error::DataFusionError| {
        format!("{}\n   adapted: {adapted}", e.strip_backtrace().lines().next().unwrap_or_default())
    };
    let plan =
        context.state().statement_to_plan(Statement::Statement(statement)).await.map_err(failed)?;
    let frame = context.execute_logical_plan(plan).await.map_err(failed)?;
    let batches = frame.collect().await.map_err(failed)?;
    Ok(batches.iter().flat_map(|b| rows_of(b).unwrap()).collect())
}

/// A thread of its own: the planner goes deep, most of all unoptimised.
fn deep<F: std::future::Future<Output = ()>>(work: impl FnOnce() -> F + Send + 'static) {
    let run = move || {
        tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(work());
    };
    std::thread::Builder::new().stack_size(32 << 20).spawn(run).unwrap().join().unwrap();
}

async fn all_answered(client: &'static str, statements: &'static str) {
    let context = context();
    let mut failed = Vec::new();
    let mut asked = 0;
    for text in statements.split("\n;\n") {
        asked += 1;
        // Marked are those that the engine does not plan; once one is answered its mark goes.
        if let Some(unanswered) = text.trim().strip_prefix("-- not yet\n") {
            if ask(&context, unanswered).await.is_ok() {
                failed.push(format!("it is answered now: {unanswered}"));
            }
            continue;
        }
        if let Err(e) = ask(&context, text.trim()).await {
            let short: String = text.chars().take(300).collect();
            failed.push(format!("{short}\n   {e}"));
        }
    }
    assert!(failed.is_empty(), "{client}: {} of {asked}:\n\n{}", failed.len(), failed.join("\n\n"));
}

#[test]
fn constants_have_the_types_of_postgres() {
    deep(|| async {
        let context = context();
        for (text, types) in [
            ("SELECT 1", vec![DataType::Int32]),
            ("SELECT 1 AS one, -2, 2147483647", vec![DataType::Int32; 3]),
            ("SELECT 2147483648, -2147483648", vec![DataType::Int64; 2]),
            ("SELECT 1.5, 'x', count(*)", vec![DataType::Float64, DataType::Utf8, DataType::Int64]),
            ("SELECT 1 FROM performance_metrics", vec![DataType::Int64]),
            ("SELECT 1 UNION ALL SELECT 2147483648", vec![DataType::Int64]),
        ] {
            let mut statement = policy::parse(text).unwrap();
            if let Statement::Statement(inner) = &mut statement {
                super::adapt(inner);
            }
            let plan = context.state().statement_to_plan(statement).await.unwrap();
            let met: Vec<_> =
                plan.schema().fields().iter().map(|f| f.data_type().clone()).collect();
            assert_eq!(met, types, "{text}");
        }
    });
}

macro_rules! clients {
    ($($test:ident: $client:literal,)*) => {$(
        #[test]
        fn $test() {
            let file = include_str!(concat!("clients/", $client, ".sql"));
            deep(move || all_answered($client, file));
        }
    )*};
}

clients! {
    every_statement_of_psql_is_answered: "psql",
    every_statement_of_jdbc_is_answered: "jdbc",
    every_statement_of_sqlalchemy_is_answered: "sqlalchemy",
    every_statement_of_adbc_is_answered: "adbc",
    every_statement_of_asyncpg_is_answered: "asyncpg",
    every_statement_of_grafana_is_answered: "grafana",
    every_statement_of_dbeaver_is_answered: "dbeaver",
}
