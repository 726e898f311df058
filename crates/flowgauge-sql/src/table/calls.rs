//! Every stored row: segments, read by path, and rows handed over as Arrow.
//!
//! Rows amended since they were sealed are passed over in their segment, since they are handed over
//! in their current form: no row is seen twice.

use super::supply::Supply;
use super::window::Stretch;
use crate::function::MINUTE;
use crate::wire::{File, Given, Need};
use async_trait::async_trait;
use datafusion::arrow::datatypes::{Schema, SchemaRef};
use datafusion::arrow::ipc::reader::StreamReader;
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::common::{DFSchema, Result};
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::memory::MemorySourceConfig;
use datafusion::datasource::physical_plan::parquet::CachedParquetFileReaderFactory;
use datafusion::datasource::physical_plan::{FileGroup, FileScanConfigBuilder, ParquetSource};
use datafusion::datasource::source::DataSourceExec;
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::logical_expr::utils::conjunction;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown, TableType, col, lit};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::empty::EmptyExec;
use datafusion::physical_plan::filter::FilterExec;
use datafusion::physical_plan::projection::ProjectionExec;
use datafusion::physical_plan::union::UnionExec;
use datafusion::scalar::ScalarValue;
use std::sync::Arc;

/// The column a window of time is read off.
const TIME: &str = "start_time";
/// The column rows are told apart by.
const ID: &str = "call_id";

#[derive(Debug)]
pub(super) struct CallRows {
    schema: SchemaRef,
    supply: Arc<Supply>,
}

impl CallRows {
    pub(super) fn new(supply: &Arc<Supply>) -> Self {
        Self { schema: flowgauge_store::pull::call_schema(), supply: Arc::clone(supply) }
    }

    /// What row groups can be skipped by: the window, and conditions on stored columns.
    fn pruning(
        &self,
        state: &dyn Session,
        filters: &[Expr],
        stretch: Stretch,
    ) -> Result<Option<Arc<dyn PhysicalExpr>>> {
        let mut kept: Vec<Expr> = filters.iter().filter(|f| !calls_minute(f)).cloned().collect();
        let at = |us| lit(ScalarValue::TimestampMicrosecond(Some(us), Some("UTC".into())));
        kept.extend(stretch.from.map(|us| col(TIME).gt_eq(at(us))));
        kept.extend(stretch.to.map(|us| col(TIME).lt(at(us))));
        let Some(all) = conjunction(kept) else { return Ok(None) };
        let schema = DFSchema::try_from(Arc::clone(&self.schema))?;
        state.create_physical_expr(all, &schema).map(Some)
    }

    fn segments(
        &self,
        state: &dyn Session,
        files: &[&File],
        projection: &[usize],
        pruning: Option<&Arc<dyn PhysicalExpr>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let url = ObjectStoreUrl::local_filesystem();
        let environment = state.runtime_env();
        // What a segment says of its own columns takes as long to read as one of them: once is enough.
        let reading = CachedParquetFileReaderFactory::new(
            environment.object_store(&url)?,
            environment.cache_manager.get_file_metadata_cache(),
        );
        let source = ParquetSource::new(Arc::clone(&self.schema))
            .with_parquet_file_reader_factory(Arc::new(reading));
        let source = match pruning {
            Some(predicate) => source.with_predicate(Arc::clone(predicate)),
            None => source,
        };
        let partitions = state.config().target_partitions();
        let mut groups = vec![Vec::new(); partitions.clamp(1, files.len().max(1))];
        let count = groups.len();
        for (i, file) in files.iter().enumerate() {
            if let Some(group) = groups.get_mut(i % count) {
                group.push(PartitionedFile::new(file.path.clone(), file.bytes));
            }
        }
        let config = FileScanConfigBuilder::new(url, Arc::new(source))
            .with_projection_indices(Some(projection.to_vec()))?
            .with_file_groups(groups.into_iter().map(FileGroup::new).collect())
            .build();
        Ok(DataSourceExec::from_data_source(config))
    }

    /// Segments some rows of which are out of date.
    fn touched(
        &self,
        files: &[&File],
        replaced: &[String],
        projection: &[usize],
        pruning: Option<&Arc<dyn PhysicalExpr>>,
        state: &dyn Session,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let id = self.schema.index_of(ID)?;
        let mut wider = projection.to_vec();
        let at = wider.iter().position(|c| *c == id).unwrap_or_else(|| {
            wider.push(id);
            wider.len() - 1
        });
        let all = self.segments(state, files, &wider, pruning)?;
        let gone = replaced.iter().map(|call| lit(call.as_str())).collect();
        let schema =
            DFSchema::try_from(Arc::new(Schema::new(vec![self.schema.field(id).clone()])))?;
        let current = state.create_physical_expr(col(ID).in_list(gone, true), &schema)?;
        let current = moved(current, at)?;
        let kept: Arc<dyn ExecutionPlan> = Arc::new(FilterExec::try_new(current, all)?);
        if wider.len() == projection.len() {
            return Ok(kept);
        }
        let columns = projection.iter().enumerate().map(|(i, c)| {
            let name = self.schema.field(*c).name().clone();
            (Arc::new(Column::new(&name, i)) as Arc<dyn PhysicalExpr>, name)
        });
        let columns: Vec<(Arc<dyn PhysicalExpr>, String)> = columns.collect();
        Ok(Arc::new(ProjectionExec::try_new(columns, kept)?))
    }

    fn loose(&self, given: &Given, projection: &[usize]) -> Result<Option<Arc<dyn ExecutionPlan>>> {
        let mut batches = Vec::<RecordBatch>::new();
        for stream in &given.ipc {
            for batch in StreamReader::try_new(stream.as_slice(), None)? {
                batches.push(batch?);
            }
        }
        let Some(first) = batches.first() else { return Ok(None) };
        let schema = first.schema();
        let place = |c: &usize| schema.index_of(self.schema.field(*c).name());
        let projection = Some(projection.iter().map(place).collect::<Result<_, _>>()?);
        Ok(Some(MemorySourceConfig::try_new_exec(&[batches], schema, projection)?))
    }
}

/// An expression over a single column, which is now at another place.
fn moved(expression: Arc<dyn PhysicalExpr>, at: usize) -> Result<Arc<dyn PhysicalExpr>> {
    use datafusion::common::tree_node::Transformed;
    let place = |e: Arc<dyn PhysicalExpr>| {
        if e.downcast_ref::<Column>().is_some() {
            let column: Arc<dyn PhysicalExpr> = Arc::new(Column::new(ID, at));
            return Ok(Transformed::yes(column));
        }
        Ok(Transformed::no(e))
    };
    Ok(expression.transform(place)?.data)
}

fn calls_minute(expression: &Expr) -> bool {
    let mut found = false;
    let seen = expression.apply(|e| {
        if matches!(e, Expr::ScalarFunction(f) if f.name() == MINUTE) {
            found = true;
            return Ok(TreeNodeRecursion::Stop);
        }
        Ok(TreeNodeRecursion::Continue)
    });
    found || seen.is_err()
}

#[async_trait]
impl TableProvider for CallRows {
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
        // Each row is checked again above: here they only say what need not be read.
        Ok(vec![TableProviderFilterPushDown::Inexact; filters.len()])
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        _limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let stretch = Stretch::of(filters, TIME);
        let table = "calls".to_owned();
        let every: Vec<usize> = (0..self.schema.fields().len()).collect();
        let projection = projection.unwrap_or(&every);
        let mut columns: Vec<String> =
            projection.iter().map(|c| self.schema.field(*c).name().clone()).collect();
        if columns.is_empty() {
            // Rows without any column, as count(*) wants them, have no length of their own.
            columns.push(ID.to_owned());
        }
        let (from, to) = (stretch.from, stretch.to);
        let need = Need { table, from, to, columns, minutes: None, totals: false };
        let given = self.supply.rows(need).await?;
        let pruning = self.pruning(state, filters, stretch)?;
        let (whole, touched): (Vec<&File>, Vec<&File>) =
            given.files.iter().partition(|f| f.untouched);
        let mut parts = Vec::new();
        if !whole.is_empty() {
            parts.push(self.segments(state, &whole, projection, pruning.as_ref())?);
        }
        if !touched.is_empty() {
            parts.push(self.touched(
                &touched,
                &given.replaced,
                projection,
                pruning.as_ref(),
                state,
            )?);
        }
        parts.extend(self.loose(&given, projection)?);
        if parts.len() > 1 {
            return UnionExec::try_new(parts);
        }
        Ok(match parts.pop() {
            Some(part) => part,
            None => Arc::new(EmptyExec::new(Arc::new(self.schema.project(projection)?))),
        })
    }
}
