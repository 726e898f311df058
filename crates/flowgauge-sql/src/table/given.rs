//! A table that is handed over cell by cell.

use super::supply::Supply;
use super::window::Stretch;
use crate::schema::{self, Source, Table};
use crate::wire::{Cell, Kind, Need};
use async_trait::async_trait;
use datafusion::arrow::array::{
    ArrayRef, BinaryBuilder, BooleanBuilder, Decimal128Builder, Float64Builder, Int64Builder,
    StringBuilder, TimestampMicrosecondBuilder,
};
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use datafusion::arrow::record_batch::{RecordBatch, RecordBatchOptions};
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::{Result, ScalarValue, exec_err};
use datafusion::datasource::memory::MemorySourceConfig;
use datafusion::logical_expr::{
    BinaryExpr, Expr, Operator, TableProviderFilterPushDown, TableType,
};
use datafusion::physical_plan::ExecutionPlan;
use std::sync::Arc;

/// Digits of dollars, as those of `usd`.
const MONEY: (u8, i8) = (28, 9);

#[derive(Debug)]
pub(super) struct GivenTable {
    table: &'static Table,
    schema: SchemaRef,
    supply: Arc<Supply>,
    /// Whether its rows are the totals of sources.
    totals: bool,
}

impl GivenTable {
    pub(super) fn new(table: &'static Table, supply: &Arc<Supply>) -> Self {
        let fields: Vec<Field> =
            table.columns.iter().map(|c| Field::new(c.name, data_type(c.kind), true)).collect();
        Self {
            table,
            schema: Arc::new(Schema::new(fields)),
            supply: Arc::clone(supply),
            totals: false,
        }
    }

    /// The same table as totals, where it has some and is not them.
    pub(super) fn totals(&self) -> Option<Self> {
        if self.totals || self.table.name != schema::ROLLUPS.name {
            return None;
        }
        let (schema, supply) = (Arc::clone(&self.schema), Arc::clone(&self.supply));
        Some(Self { table: self.table, schema, supply, totals: true })
    }
}

/// The number a condition asks of the column `minutes`.
fn minutes_of(condition: &Expr) -> Option<i64> {
    let Expr::BinaryExpr(BinaryExpr { left, op: Operator::Eq, right }) = condition else {
        return None;
    };
    match (left.as_ref(), right.as_ref()) {
        (Expr::Column(c), Expr::Literal(ScalarValue::Int64(n), _)) if c.name == "minutes" => *n,
        _ => None,
    }
}

fn data_type(kind: Kind) -> DataType {
    match kind {
        Kind::Bool => DataType::Boolean,
        Kind::Int2 | Kind::Int4 | Kind::Int8 | Kind::Oid => DataType::Int64,
        Kind::Float4 | Kind::Float8 => DataType::Float64,
        Kind::Decimal => DataType::Decimal128(MONEY.0, MONEY.1),
        Kind::TimestampTz => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
        Kind::Bytes => DataType::Binary,
        Kind::Text
        | Kind::Char
        | Kind::Date
        | Kind::Timestamp
        | Kind::Time
        | Kind::Interval
        | Kind::TextList => DataType::Utf8,
    }
}

macro_rules! fill {
    ($builder:expr, $rows:expr, $i:expr, $variant:pat => $value:expr) => {{
        let mut builder = $builder;
        for row in $rows {
            match row.get($i) {
                Some($variant) => builder.append_value($value),
                _ => builder.append_null(),
            }
        }
        Arc::new(builder.finish()) as ArrayRef
    }};
}

fn array_of(kind: Kind, rows: &[Vec<Cell>], i: usize) -> Result<ArrayRef> {
    Ok(match data_type(kind) {
        DataType::Boolean => fill!(BooleanBuilder::new(), rows, i, Cell::Bool(b) => *b),
        DataType::Int64 => fill!(Int64Builder::new(), rows, i, Cell::Int(n) => *n),
        DataType::Float64 => fill!(Float64Builder::new(), rows, i, Cell::Float(f) => *f),
        // Money is handed over in nano-dollars: the scale is the unit.
        DataType::Decimal128(..) => {
            let builder = Decimal128Builder::new().with_precision_and_scale(MONEY.0, MONEY.1)?;
            fill!(builder, rows, i, Cell::Int(n) => i128::from(*n))
        }
        DataType::Timestamp(..) => {
            let builder = TimestampMicrosecondBuilder::new().with_timezone("UTC");
            fill!(builder, rows, i, Cell::Time(t) => *t)
        }
        DataType::Binary => fill!(BinaryBuilder::new(), rows, i, Cell::Bytes(b) => b),
        DataType::Utf8 => fill!(StringBuilder::new(), rows, i, Cell::Text(t) => t),
        other => return exec_err!("no such column: {other}"),
    })
}

#[async_trait]
impl TableProvider for GivenTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn supports_filters_pushdown(
        &self,
        filters: &[&Expr],
    ) -> Result<Vec<TableProviderFilterPushDown>> {
        Ok(vec![TableProviderFilterPushDown::Inexact; filters.len()])
    }

    async fn scan(
        &self,
        _state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        _limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let stretch = match self.table.source {
            Source::Given(Some(column)) => Stretch::of(filters, column),
            _ => Stretch::default(),
        };
        let names = |i: &usize| self.table.columns.get(*i).map(|c| c.name.to_owned());
        let wanted: Vec<usize> = match projection {
            Some(p) => p.clone(),
            None => (0..self.table.columns.len()).collect(),
        };
        let mut columns: Vec<String> = wanted.iter().filter_map(names).collect();
        if columns.is_empty() {
            // No name asks for all of them; to count rows one is enough.
            columns.extend(names(&0));
        }
        let need = Need {
            table: self.table.name.to_owned(),
            from: stretch.from,
            to: stretch.to,
            columns,
            minutes: filters.iter().find_map(minutes_of),
            totals: self.totals,
        };
        let given = self.supply.rows(need).await?;
        let mut arrays = Vec::with_capacity(wanted.len());
        for (place, column) in wanted.iter().filter_map(|i| self.table.columns.get(*i)).enumerate()
        {
            arrays.push(array_of(column.kind, &given.rows, place)?);
        }
        let schema = Arc::new(self.schema.project(&wanted)?);
        let rows = RecordBatchOptions::new().with_row_count(Some(given.rows.len()));
        let batch = RecordBatch::try_new_with_options(Arc::clone(&schema), arrays, &rows)?;
        let plan = MemorySourceConfig::try_new_exec(&[vec![batch]], schema, None)?;
        Ok(plan)
    }
}
