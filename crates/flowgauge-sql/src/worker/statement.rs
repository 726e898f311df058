//! One statement from its text to the end of its answer.

use crate::catalog;
use crate::dialect;
use crate::encode::{columns_of, kind_of, rows_of};
use crate::policy;
use crate::table::Supply;
use crate::wire::{Ask, ByteBuf, Cell, End, FromWorker, Head, Kind, Problem, ROWS_A_FRAME, Wish};
use datafusion::common::{DataFusionError, ParamValues, ScalarValue, SchemaError};
use datafusion::dataframe::DataFrame;
use datafusion::execution::context::SQLOptions;
use datafusion::logical_expr::LogicalPlan;
use datafusion::parquet::arrow::ArrowWriter;
use datafusion::prelude::SessionContext;
use datafusion::sql::parser::Statement;
use flowgauge_logic::nearest::nearest;
use futures_util::StreamExt;
use std::io;
use std::sync::Arc;

/// SQLSTATE of more rows than are answered.
const TOO_MANY: &str = "54000";
/// SQLSTATE of more memory than may be used.
const TOO_LARGE: &str = "53200";
/// Names of columns shown to one who asked for another: a line or two.
const MOST_NAMES: usize = 12;
/// Bytes of a Parquet file sent at a time.
const CHUNK: usize = 1 << 20;

/// Runs a statement and sends everything but its end.
pub(super) async fn run(
    context: SessionContext,
    supply: Arc<Supply>,
    ask: Ask,
) -> Result<End, Problem> {
    let mut statement = policy::parse(&ask.text)?;
    adapt(&mut statement);
    policy::allow(&statement)?;
    catalog::register(&context, &ask.user).map_err(|e| problem_of(&e))?;
    let mut state = context.state();
    let now = chrono_of(ask.now)?;
    let properties = state.execution_props().clone().with_query_execution_start_time(now);
    *state.execution_props_mut() = properties;
    let plan = state.statement_to_plan(statement).await.map_err(|e| problem_of(&e))?;
    let reads_only =
        SQLOptions::new().with_allow_ddl(false).with_allow_dml(false).with_allow_statements(false);
    reads_only.verify_plan(&plan).map_err(|e| problem_of(&e))?;
    let parameters = parameters_of(&plan)?;
    let frame = DataFrame::new(state, plan);
    if ask.wish == Wish::Describe {
        let columns = columns_of(frame.schema().as_arrow());
        said(supply.say(&FromWorker::Head(Head { columns, parameters })))?;
        return Ok(End::default());
    }
    let values: Vec<ScalarValue> = ask.parameters.iter().map(scalar_of).collect();
    let frame = if values.is_empty() {
        frame
    } else {
        frame.with_param_values(ParamValues::from(values)).map_err(|e| problem_of(&e))?
    };
    let columns = columns_of(frame.schema().as_arrow());
    said(supply.say(&FromWorker::Head(Head { columns, parameters })))?;
    let rows = match ask.wish {
        Wish::Parquet => parquet(frame, &supply, ask.limits.rows).await?,
        Wish::Rows | Wish::Describe => rows(frame, &supply, ask.limits.rows).await?,
    };
    Ok(End { rows, missing: supply.take_missing() })
}

/// What clients of Postgres write, as the engine plans it.
fn adapt(statement: &mut Statement) {
    match statement {
        Statement::Statement(inner) => dialect::adapt(inner),
        Statement::Explain(explain) => adapt(&mut explain.statement),
        Statement::CreateExternalTable(_) | Statement::CopyTo(_) | Statement::Reset(_) => {}
    }
}

fn chrono_of(us: i64) -> Result<chrono::DateTime<chrono::Utc>, Problem> {
    chrono::DateTime::from_timestamp_micros(us)
        .ok_or_else(|| Problem::new("22008", "the present moment is out of range"))
}

fn said(result: io::Result<()>) -> Result<(), Problem> {
    result.map_err(|e| Problem::new("08006", format!("nobody reads the answer: {e}")))
}

/// Types of `$1`, `$2`, … in their order.
fn parameters_of(plan: &LogicalPlan) -> Result<Vec<Option<Kind>>, Problem> {
    let named = plan.get_parameter_types().map_err(|e| problem_of(&e))?;
    let mut out = Vec::new();
    for (name, kind) in named {
        let number = name.strip_prefix('$').and_then(|n| n.parse::<usize>().ok());
        let Some(i) = number.and_then(|n| n.checked_sub(1)).filter(|i| *i < 1_000) else {
            let told = format!("a parameter is written $1 to $1000, not {name}");
            return Err(Problem::new("42P02", told));
        };
        if out.len() <= i {
            out.resize(i + 1, None);
        }
        if let Some(place) = out.get_mut(i) {
            *place = kind.as_ref().map(kind_of);
        }
    }
    Ok(out)
}

fn scalar_of(cell: &Cell) -> ScalarValue {
    match cell {
        Cell::Null => ScalarValue::Null,
        Cell::Bool(b) => ScalarValue::Boolean(Some(*b)),
        Cell::Int(n) => ScalarValue::Int64(Some(*n)),
        Cell::Float(f) => ScalarValue::Float64(Some(*f)),
        Cell::Decimal(t) | Cell::Text(t) => ScalarValue::Utf8(Some(t.clone())),
        Cell::Date(d) => ScalarValue::Date32(Some(*d)),
        Cell::Time(t) => ScalarValue::TimestampMicrosecond(Some(*t), Some("UTC".into())),
        Cell::Clock(t) => ScalarValue::Time64Microsecond(Some(*t)),
        Cell::Interval(months, days, us) => {
            ScalarValue::new_interval_mdn(*months, *days, us.saturating_mul(1_000))
        }
        Cell::Bytes(b) => ScalarValue::Binary(Some(b.to_vec())),
        Cell::List(texts) => {
            let values: Vec<ScalarValue> = texts.iter().cloned().map(ScalarValue::Utf8).collect();
            let list = ScalarValue::new_list_nullable(
                &values,
                &datafusion::arrow::datatypes::DataType::Utf8,
            );
            ScalarValue::List(list)
        }
    }
}

fn within(rows: u64, most: u64) -> Result<(), Problem> {
    if rows <= most {
        return Ok(());
    }
    Err(Problem::new(TOO_MANY, format!("the answer has more than {most} rows"))
        .hint("add LIMIT, a shorter time range, or GROUP BY"))
}

async fn rows(frame: DataFrame, supply: &Supply, most: u64) -> Result<u64, Problem> {
    let mut stream = frame.execute_stream().await.map_err(|e| problem_of(&e))?;
    let mut sent = 0u64;
    while let Some(batch) = stream.next().await {
        let batch = batch.map_err(|e| problem_of(&e))?;
        for from in (0..batch.num_rows()).step_by(ROWS_A_FRAME) {
            let part = batch.slice(from, ROWS_A_FRAME.min(batch.num_rows() - from));
            sent = sent.saturating_add(part.num_rows() as u64);
            within(sent, most)?;
            let rows = rows_of(&part).map_err(|e| problem_of(&e))?;
            // The reader's pace is ours: this thread waits while the pipe is full.
            said(tokio::task::block_in_place(|| supply.say(&FromWorker::Rows(rows))))?;
        }
    }
    Ok(sent)
}

async fn parquet(frame: DataFrame, supply: &Supply, most: u64) -> Result<u64, Problem> {
    let schema = Arc::new(frame.schema().as_arrow().clone());
    let mut stream = frame.execute_stream().await.map_err(|e| problem_of(&e))?;
    let written = |e: datafusion::parquet::errors::ParquetError| {
        Problem::new("XX000", format!("writing Parquet: {e}"))
    };
    let mut writer = ArrowWriter::try_new(Vec::new(), schema, None).map_err(written)?;
    let mut sent = 0u64;
    while let Some(batch) = stream.next().await {
        let batch = batch.map_err(|e| problem_of(&e))?;
        sent = sent.saturating_add(batch.num_rows() as u64);
        within(sent, most)?;
        writer.write(&batch).map_err(written)?;
        let ready = std::mem::take(writer.inner_mut());
        bytes(supply, &ready)?;
    }
    bytes(supply, &writer.into_inner().map_err(written)?)?;
    Ok(sent)
}

fn bytes(supply: &Supply, ready: &[u8]) -> Result<(), Problem> {
    for chunk in ready.chunks(CHUNK) {
        said(tokio::task::block_in_place(|| supply.say(&FromWorker::Bytes(ByteBuf::from(chunk)))))?;
    }
    Ok(())
}

/// An error of the engine, for the one who wrote the statement.
pub(super) fn problem_of(error: &DataFusionError) -> Problem {
    let place = error
        .diagnostic()
        .and_then(|d| d.span)
        .map(|s| (s.start.line, s.start.column))
        .filter(|(line, _)| *line > 0);
    let message = said_plainly(error);
    let (code, hint) = match error.find_root() {
        DataFusionError::ResourcesExhausted(_) => {
            let way = "group or filter before sorting and joining, or ask for a shorter time range";
            let problem =
                Problem::new(TOO_LARGE, "the statement needs more memory than one may use");
            return problem.hint(way);
        }
        DataFusionError::SchemaError(..) => ("42703", None),
        DataFusionError::SQL(..) => ("42601", None),
        DataFusionError::NotImplemented(_) => ("0A000", None),
        DataFusionError::ArrowError(..) | DataFusionError::Execution(_) => ("22000", None),
        DataFusionError::Plan(text) if text.contains("table") && text.contains("not found") => {
            ("42P01", Some("tables are listed by SELECT table_name FROM information_schema.tables"))
        }
        DataFusionError::Plan(text) if text.contains("Invalid function") => ("42883", None),
        DataFusionError::Plan(_) => ("42601", None),
        _ => ("XX000", None),
    };
    Problem { hint: hint.map(str::to_owned), place, ..Problem::new(code, message) }
}

fn said_plainly(error: &DataFusionError) -> String {
    if let DataFusionError::SchemaError(inner, _) = error.find_root()
        && let SchemaError::FieldNotFound { field, valid_fields } = inner.as_ref()
    {
        let name = field.name();
        let names: Vec<&str> = valid_fields.iter().map(|c| c.name()).collect();
        return match nearest(name, names.iter().copied()) {
            Some(near) => format!("there is no column {name}; did you mean {near}?"),
            None if names.len() > MOST_NAMES => {
                let some = names.iter().take(MOST_NAMES).copied().collect::<Vec<_>>().join(", ");
                format!(
                    "there is no column {name}; there are {some} and {} more",
                    names.len() - MOST_NAMES
                )
            }
            None => format!("there is no column {name}; there are {}", names.join(", ")),
        };
    }
    let text = error.find_root().strip_backtrace();
    let kinds = [
        "Error during planning: ",
        "Schema error: ",
        "SQL error: ",
        "This feature is not implemented: ",
        "Execution error: ",
        "Arrow error: ",
        "External error: ",
    ];
    let mut text = text.as_str();
    while let Some(rest) = kinds.iter().find_map(|k| text.strip_prefix(k)) {
        text = rest;
    }
    text.replace("'flowgauge.public.", "'")
}
