//! Calls as an Arrow record batch and back.

use super::{ALL, Column, Kind, Value};
use crate::bytes::Damage;
use arrow_array::builder::{
    BooleanBuilder, Float32Builder, Int64Builder, StringBuilder, TimestampMicrosecondBuilder,
    UInt64Builder,
};
use arrow_array::cast::AsArray;
use arrow_array::types::{Float32Type, Int64Type, TimestampMicrosecondType, UInt64Type};
use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_schema::{ArrowError, DataType, Field, Schema, TimeUnit};
use flowgauge_logic::call::{Call, Door};
use flowgauge_logic::id::CallId;
use flowgauge_logic::unit::UnixMicros;
use std::borrow::Cow;
use std::sync::Arc;

fn data_type(kind: Kind) -> DataType {
    match kind {
        Kind::Text => DataType::Utf8,
        Kind::Count => DataType::UInt64,
        Kind::Money => DataType::Int64,
        Kind::Time => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
        Kind::Truth => DataType::Boolean,
        Kind::Real => DataType::Float32,
    }
}

/// The schema of segments. Every column is nullable: files of older versions lack some.
pub(crate) fn schema() -> Arc<Schema> {
    let fields: Vec<Field> =
        ALL.iter().map(|c| Field::new(c.name, data_type(c.kind), true)).collect();
    Arc::new(Schema::new(fields))
}

/// Rows as columns.
pub(crate) fn batch_of(calls: &[Call]) -> Result<RecordBatch, ArrowError> {
    let arrays = ALL.iter().map(|c| array_of(c, calls)).collect();
    RecordBatch::try_new(schema(), arrays)
}

/// Rows as some columns, in file order; none named, all.
pub(crate) fn batch_of_some(calls: &[Call], wanted: &[String]) -> Result<RecordBatch, ArrowError> {
    let some = |c: &&Column| wanted.is_empty() || wanted.iter().any(|name| name == c.name);
    let columns: Vec<&Column> = ALL.iter().filter(some).collect();
    let field = |c: &&Column| Field::new(c.name, data_type(c.kind), true);
    let schema = Schema::new(columns.iter().map(field).collect::<Vec<_>>());
    let arrays = columns.iter().map(|c| array_of(c, calls)).collect();
    RecordBatch::try_new(Arc::new(schema), arrays)
}

macro_rules! fill {
    ($builder:expr, $calls:expr, $column:expr, $variant:ident) => {{
        let mut builder = $builder;
        for call in $calls {
            match ($column.get)(call) {
                Value::$variant(v) => builder.append_value(v),
                _ => builder.append_null(),
            }
        }
        Arc::new(builder.finish())
    }};
}

fn array_of(column: &Column, calls: &[Call]) -> ArrayRef {
    match column.kind {
        Kind::Text => fill!(StringBuilder::new(), calls, column, Text),
        Kind::Count => fill!(UInt64Builder::new(), calls, column, Count),
        Kind::Money => fill!(Int64Builder::new(), calls, column, Money),
        Kind::Time => {
            let builder = TimestampMicrosecondBuilder::new().with_timezone("UTC");
            fill!(builder, calls, column, Time)
        }
        Kind::Truth => fill!(BooleanBuilder::new(), calls, column, Truth),
        Kind::Real => fill!(Float32Builder::new(), calls, column, Real),
    }
}

/// Columns as rows. A column this version does not know is passed over.
pub(crate) fn calls_of(batch: &RecordBatch) -> Result<Vec<Call>, Damage> {
    let blank = Call::begun(CallId([0; 16]), UnixMicros(0), UnixMicros(0), Door::Gateway);
    let mut calls = vec![blank; batch.num_rows()];
    for column in ALL {
        let Some(array) = batch.column_by_name(column.name) else { continue };
        if *array.data_type() != data_type(column.kind) {
            return Err(Damage("has a column of an unexpected type"));
        }
        for (row, call) in calls.iter_mut().enumerate() {
            if array.is_valid(row) {
                let value = value_at(column.kind, array, row);
                (column.set)(call, value).ok_or(Damage("has a value that fits no field"))?;
            }
        }
    }
    Ok(calls)
}

/// Places of the last rows that are wanted, at most so many, the last first. One row at a time: of most of them only
/// some columns are there, and few are wanted.
pub(crate) fn last_of(
    batch: &RecordBatch,
    most: usize,
    wants: &dyn Fn(&Call) -> bool,
) -> Result<Vec<usize>, Damage> {
    let there = ALL.iter().filter_map(|c| Some((c, batch.column_by_name(c.name)?)));
    let columns: Vec<(&Column, &ArrayRef)> = there.collect();
    if columns.iter().any(|(c, array)| *array.data_type() != data_type(c.kind)) {
        return Err(Damage("has a column of an unexpected type"));
    }
    let blank = Call::begun(CallId([0; 16]), UnixMicros(0), UnixMicros(0), Door::Gateway);
    let mut found = Vec::new();
    for row in (0..batch.num_rows()).rev() {
        if found.len() >= most {
            break;
        }
        let mut call = blank.clone();
        for (column, array) in &columns {
            if array.is_valid(row) {
                let value = value_at(column.kind, array, row);
                (column.set)(&mut call, value).ok_or(Damage("has a value that fits no field"))?;
            }
        }
        if wants(&call) {
            found.push(row);
        }
    }
    Ok(found)
}

fn value_at(kind: Kind, array: &ArrayRef, row: usize) -> Value<'_> {
    match kind {
        Kind::Text => Value::Text(Cow::Borrowed(array.as_string::<i32>().value(row))),
        Kind::Count => Value::Count(array.as_primitive::<UInt64Type>().value(row)),
        Kind::Money => Value::Money(array.as_primitive::<Int64Type>().value(row)),
        Kind::Time => Value::Time(array.as_primitive::<TimestampMicrosecondType>().value(row)),
        Kind::Truth => Value::Truth(array.as_boolean().value(row)),
        Kind::Real => Value::Real(array.as_primitive::<Float32Type>().value(row)),
    }
}
