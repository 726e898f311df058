//! Arrow's columns as cells for flowgauge and its clients.

use crate::wire::{ByteBuf, Cell, Column, Kind};
use datafusion::arrow::array::{Array, ArrayRef, AsArray, ListArray};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{
    DataType, Date32Type, Decimal128Type, Float64Type, Int64Type, IntervalMonthDayNanoType,
    IntervalUnit, Schema, Time64MicrosecondType, TimeUnit, TimestampMicrosecondType,
};
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};
use datafusion::common::Result;

/// Name of a field's metadata that says which Postgres type it stands for, e.g. `oid`.
pub const PG_TYPE: &str = "pg_type";

/// What sets a name apart that another column has already; clients are not shown it and what follows.
pub(crate) const AGAIN: char = '\u{1}';

/// The head of an answer.
#[must_use]
pub fn columns_of(schema: &Schema) -> Vec<Column> {
    schema
        .fields()
        .iter()
        .map(|f| {
            let kind = match f.metadata().get(PG_TYPE).map(String::as_str) {
                Some("oid") => Kind::Oid,
                Some("char") => Kind::Char,
                _ => kind_of(f.data_type()),
            };
            let name = f.name().split(AGAIN).next().unwrap_or_default().to_owned();
            Column { name, kind }
        })
        .collect()
}

/// The type clients are told.
#[must_use]
pub fn kind_of(given: &DataType) -> Kind {
    match given {
        DataType::Boolean => Kind::Bool,
        DataType::Int8 | DataType::Int16 | DataType::UInt8 => Kind::Int2,
        DataType::Int32 | DataType::UInt16 => Kind::Int4,
        DataType::Int64 | DataType::UInt32 => Kind::Int8,
        DataType::Float16 | DataType::Float32 => Kind::Float4,
        DataType::Float64 => Kind::Float8,
        DataType::UInt64
        | DataType::Decimal32(..)
        | DataType::Decimal64(..)
        | DataType::Decimal128(..)
        | DataType::Decimal256(..) => Kind::Decimal,
        DataType::Date32 | DataType::Date64 => Kind::Date,
        DataType::Timestamp(_, None) => Kind::Timestamp,
        DataType::Timestamp(_, Some(_)) => Kind::TimestampTz,
        DataType::Time32(_) | DataType::Time64(_) => Kind::Time,
        DataType::Interval(_) | DataType::Duration(_) => Kind::Interval,
        DataType::Binary
        | DataType::LargeBinary
        | DataType::BinaryView
        | DataType::FixedSizeBinary(_) => Kind::Bytes,
        DataType::List(item) | DataType::LargeList(item) if is_text(item.data_type()) => {
            Kind::TextList
        }
        _ => Kind::Text,
    }
}

fn is_text(given: &DataType) -> bool {
    matches!(given, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View)
}

/// Rows of a batch.
///
/// # Errors
/// A column cannot be brought into the form of its type.
pub fn rows_of(batch: &RecordBatch) -> Result<Vec<Vec<Cell>>> {
    let columns = batch.columns().iter().map(column).collect::<Result<Vec<_>>>()?;
    let mut columns: Vec<_> = columns.into_iter().map(Vec::into_iter).collect();
    let rows = (0..batch.num_rows())
        .map(|_| columns.iter_mut().map(|c| c.next().unwrap_or(Cell::Null)).collect())
        .collect();
    Ok(rows)
}

fn cells<T>(values: impl Iterator<Item = Option<T>>, make: impl Fn(T) -> Cell) -> Vec<Cell> {
    values.map(|v| v.map_or(Cell::Null, &make)).collect()
}

fn column(array: &ArrayRef) -> Result<Vec<Cell>> {
    // Its cells are not marked as NULL: there is nothing to mark.
    if *array.data_type() == DataType::Null {
        return Ok(vec![Cell::Null; array.len()]);
    }
    Ok(match kind_of(array.data_type()) {
        Kind::Bool => cells(array.as_boolean().iter(), Cell::Bool),
        Kind::Int2 | Kind::Int4 | Kind::Int8 | Kind::Oid => {
            let array = cast(array, &DataType::Int64)?;
            cells(array.as_primitive::<Int64Type>().iter(), Cell::Int)
        }
        Kind::Float4 | Kind::Float8 => {
            let array = cast(array, &DataType::Float64)?;
            cells(array.as_primitive::<Float64Type>().iter(), Cell::Float)
        }
        Kind::Date => {
            let array = cast(array, &DataType::Date32)?;
            cells(array.as_primitive::<Date32Type>().iter(), Cell::Date)
        }
        Kind::Timestamp | Kind::TimestampTz => {
            let zone = match array.data_type() {
                DataType::Timestamp(_, zone) => zone.clone(),
                _ => None,
            };
            let array = cast(array, &DataType::Timestamp(TimeUnit::Microsecond, zone))?;
            cells(array.as_primitive::<TimestampMicrosecondType>().iter(), Cell::Time)
        }
        Kind::Time => {
            let array = cast(array, &DataType::Time64(TimeUnit::Microsecond))?;
            cells(array.as_primitive::<Time64MicrosecondType>().iter(), Cell::Clock)
        }
        Kind::Interval => intervals(array)?,
        Kind::Bytes => {
            let array = cast(array, &DataType::Binary)?;
            cells(array.as_binary::<i32>().iter(), |b: &[u8]| Cell::Bytes(ByteBuf::from(b)))
        }
        Kind::Decimal => decimals(array)?,
        Kind::TextList => lists(array)?,
        Kind::Text | Kind::Char => texts(array)?,
    })
}

fn texts(array: &ArrayRef) -> Result<Vec<Cell>> {
    if is_text(array.data_type()) {
        let array = cast(array, &DataType::Utf8)?;
        return Ok(cells(array.as_string::<i32>().iter(), |t: &str| Cell::Text(t.to_owned())));
    }
    shown(array, Cell::Text)
}

fn shown(array: &ArrayRef, make: fn(String) -> Cell) -> Result<Vec<Cell>> {
    let options = FormatOptions::default().with_null("NULL");
    let format = ArrayFormatter::try_new(array, &options)?;
    let cell = |row| {
        if array.is_null(row) {
            Ok(Cell::Null)
        } else {
            Ok(make(format.value(row).try_to_string()?))
        }
    };
    (0..array.len()).map(cell).collect()
}

fn decimals(array: &ArrayRef) -> Result<Vec<Cell>> {
    match array.data_type() {
        DataType::Decimal128(_, scale) => {
            let scale = *scale;
            let array = array.as_primitive::<Decimal128Type>();
            Ok(cells(array.iter(), |n| Cell::Decimal(decimal(n, scale))))
        }
        _ => shown(array, Cell::Decimal),
    }
}

/// A scaled number with all its digits behind the point.
fn decimal(n: i128, scale: i8) -> String {
    let Ok(places) = usize::try_from(scale) else {
        return format!("{n}{}", "0".repeat(usize::from(scale.unsigned_abs())));
    };
    if places == 0 {
        return n.to_string();
    }
    let digits = format!("{:0>width$}", n.unsigned_abs(), width = places + 1);
    let (whole, part) = digits.split_at(digits.len() - places);
    format!("{}{whole}.{part}", if n < 0 { "-" } else { "" })
}

fn intervals(array: &ArrayRef) -> Result<Vec<Cell>> {
    let array = match array.data_type() {
        DataType::Duration(_) => cast(array, &DataType::Duration(TimeUnit::Microsecond))?,
        _ => array.clone(),
    };
    if let DataType::Duration(_) = array.data_type() {
        let micros = cast(&array, &DataType::Int64)?;
        return Ok(cells(micros.as_primitive::<Int64Type>().iter(), |us| Cell::Interval(0, 0, us)));
    }
    let array = cast(&array, &DataType::Interval(IntervalUnit::MonthDayNano))?;
    let array = array.as_primitive::<IntervalMonthDayNanoType>();
    Ok(cells(array.iter(), |i| Cell::Interval(i.months, i.days, i.nanoseconds / 1_000)))
}

fn lists(array: &ArrayRef) -> Result<Vec<Cell>> {
    let as_list = DataType::List(std::sync::Arc::new(
        datafusion::arrow::datatypes::Field::new_list_field(DataType::Utf8, true),
    ));
    let array = cast(array, &as_list)?;
    let array: &ListArray = array.as_list();
    Ok(cells(array.iter(), |item: ArrayRef| {
        let texts = item.as_string::<i32>();
        Cell::List(texts.iter().map(|t| t.map(str::to_owned)).collect())
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_column_without_a_type_is_null_in_every_row() {
        let nothing: ArrayRef = std::sync::Arc::new(datafusion::arrow::array::NullArray::new(2));
        assert_eq!(column(&nothing).unwrap(), [Cell::Null, Cell::Null]);
    }

    #[test]
    fn decimals_keep_every_digit_and_their_sign() {
        assert_eq!(decimal(1, 9), "0.000000001");
        assert_eq!(decimal(-1_234_567_890, 9), "-1.234567890");
        assert_eq!(decimal(120, 0), "120");
        assert_eq!(decimal(12, -1), "120");
    }
}
