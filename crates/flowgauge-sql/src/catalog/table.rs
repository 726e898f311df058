//! System tables as the engine sees them: made when a query names one.

use super::World;
use super::row::{Row, Value, rows};
use super::shape::{self, Column};
use crate::encode::PG_TYPE;
use async_trait::async_trait;
use datafusion::arrow::array::{
    ArrayRef, BooleanArray, Float32Array, Float64Array, Int16Array, Int16Builder, Int32Array,
    Int64Array, ListBuilder, StringArray, StringBuilder, TimestampMicrosecondArray, UInt32Array,
};
use datafusion::arrow::datatypes::{DataType, Field, Schema, TimeUnit};
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::catalog::{SchemaProvider, TableProvider};
use datafusion::datasource::MemTable;
use datafusion::error::{DataFusionError, Result};
use std::sync::Arc;

/// One system schema.
#[derive(Debug)]
pub(crate) struct System {
    schema: &'static str,
    world: Arc<World>,
}

impl System {
    pub(crate) fn new(schema: &'static str, world: Arc<World>) -> Self {
        Self { schema, world }
    }
}

#[async_trait]
impl SchemaProvider for System {
    fn table_names(&self) -> Vec<String> {
        shape::names(self.schema).into_iter().map(str::to_owned).collect()
    }

    async fn table(&self, name: &str) -> Result<Option<Arc<dyn TableProvider>>, DataFusionError> {
        let Some(columns) = shape::columns(self.schema, name) else { return Ok(None) };
        let batch = batch(columns, &rows(self.schema, name, &self.world))?;
        let table = MemTable::try_new(batch.schema(), vec![vec![batch]])?;
        Ok(Some(Arc::new(table)))
    }

    fn table_exist(&self, name: &str) -> bool {
        shape::columns(self.schema, name).is_some()
    }
}

fn batch(columns: &[Column], rows: &[Row]) -> Result<RecordBatch> {
    let fields: Vec<Field> = columns.iter().map(field).collect();
    let arrays = columns.iter().map(|c| array(c, rows)).collect();
    Ok(RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays)?)
}

fn field((name, kind): &Column) -> Field {
    let item = |inner| DataType::List(Arc::new(Field::new("item", inner, true)));
    let data = match *kind {
        "oid" => DataType::UInt32,
        "bool" => DataType::Boolean,
        "int2" => DataType::Int16,
        "int4" => DataType::Int32,
        "int8" => DataType::Int64,
        "float4" => DataType::Float32,
        "float8" => DataType::Float64,
        "timestamptz" => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
        "text[]" => item(DataType::Utf8),
        "int[]" => item(DataType::Int16),
        _ => DataType::Utf8,
    };
    let field = Field::new(*name, data, true);
    if matches!(*kind, "char" | "oid") {
        return field.with_metadata([(PG_TYPE.to_owned(), (*kind).to_owned())].into());
    }
    field
}

fn array(column: &Column, rows: &[Row]) -> ArrayRef {
    let (name, kind) = *column;
    let value = |row: &Row| row.get(name).cloned().unwrap_or_else(|| missing(kind));
    let number = |row: &Row| match value(row) {
        Value::Int(n) => Some(n),
        _ => None,
    };
    let real = |row: &Row| match value(row) {
        Value::Real(n) => Some(n),
        _ => None,
    };
    let int2 = |row| number(row).and_then(|n| i16::try_from(n).ok());
    let int4 = |row| number(row).and_then(|n| i32::try_from(n).ok());
    let oid = |row| number(row).and_then(|n| u32::try_from(n).ok());
    let text = |row: &Row| match value(row) {
        Value::Text(text) => Some(text),
        _ => None,
    };
    match kind {
        "oid" => Arc::new(rows.iter().map(oid).collect::<UInt32Array>()),
        "bool" => {
            Arc::new(rows.iter().map(|r| number(r).map(|n| n != 0)).collect::<BooleanArray>())
        }
        "int2" => Arc::new(rows.iter().map(int2).collect::<Int16Array>()),
        "int4" => Arc::new(rows.iter().map(int4).collect::<Int32Array>()),
        "int8" => Arc::new(rows.iter().map(number).collect::<Int64Array>()),
        "float4" => Arc::new(rows.iter().map(real).collect::<Float32Array>()),
        "float8" => Arc::new(rows.iter().map(|r| real(r).map(f64::from)).collect::<Float64Array>()),
        "timestamptz" => {
            let times = rows.iter().map(number).collect::<TimestampMicrosecondArray>();
            Arc::new(times.with_timezone("UTC"))
        }
        "text[]" => texts(rows.len()),
        "int[]" => numbers(rows.len()),
        _ => Arc::new(rows.iter().map(text).collect::<StringArray>()),
    }
}

/// What stands where nothing is said: as Postgres has it for a plain table, NULL for text.
fn missing(kind: &str) -> Value {
    match kind {
        "oid" | "bool" | "int2" | "int4" | "int8" => Value::Int(0),
        "float4" | "float8" => Value::Real(0.0),
        "char" => Value::Text(String::new()),
        _ => Value::Null,
    }
}

fn texts(rows: usize) -> ArrayRef {
    let mut lists = ListBuilder::new(StringBuilder::new());
    (0..rows).for_each(|_| lists.append(false));
    Arc::new(lists.finish())
}

fn numbers(rows: usize) -> ArrayRef {
    let mut lists = ListBuilder::new(Int16Builder::new());
    (0..rows).for_each(|_| lists.append(false));
    Arc::new(lists.finish())
}
