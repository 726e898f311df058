//! A session of the query engine, as every statement gets it.

use crate::function;
use crate::table::{self, Supply};
use datafusion::common::Result;
use datafusion::execution::cache::cache_manager::CacheManagerConfig;
use datafusion::execution::disk_manager::{DiskManagerBuilder, DiskManagerMode};
use datafusion::execution::memory_pool::FairSpillPool;
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::execution::session_state::SessionStateBuilder;
use datafusion::prelude::{SessionConfig, SessionContext};
use std::sync::Arc;

/// Name of the one catalog, as clients see the database.
pub const CATALOG: &str = "flowgauge";
/// Schema of the public tables.
pub const SCHEMA: &str = "public";
/// Rows in a batch: those of a row group's half, so that a batch of all columns stays near 8 MiB.
const BATCH: usize = 8_192;

/// Bytes of what segments say of themselves that are kept between statements: that of about 250 segments, half a day's
/// busy writing before they are merged.
const METADATA: usize = 96 << 20;

/// A session with all tables and functions, whose memory is bounded. Nothing is spilled to disk: a
/// statement that needs more memory than it may have fails and says so.
pub(crate) async fn open(
    memory: u64,
    partitions: usize,
    supply: &Arc<Supply>,
) -> Result<SessionContext> {
    let pool = FairSpillPool::new(usize::try_from(memory).unwrap_or(usize::MAX));
    let no_disk = DiskManagerBuilder::default().with_mode(DiskManagerMode::Disabled);
    let runtime = RuntimeEnvBuilder::new()
        .with_memory_pool(Arc::new(pool))
        .with_disk_manager_builder(no_disk)
        .with_cache_manager(CacheManagerConfig::default().with_metadata_cache_limit(METADATA))
        .build_arc()?;
    let config = SessionConfig::new()
        .with_default_catalog_and_schema(CATALOG, SCHEMA)
        .with_create_default_catalog_and_schema(true)
        // Ours has more of it, and describes each column (`catalog`).
        .with_information_schema(false)
        .with_target_partitions(partitions)
        .with_batch_size(BATCH)
        .set_str("datafusion.sql_parser.dialect", "PostgreSQL")
        .set_bool("datafusion.sql_parser.map_string_types_to_utf8view", false)
        .set_bool("datafusion.sql_parser.collect_spans", true)
        .set_bool("datafusion.execution.parquet.schema_force_view_types", false)
        .set_str("datafusion.execution.time_zone", "UTC");
    let state = SessionStateBuilder::new()
        .with_config(config)
        .with_runtime_env(runtime)
        .with_default_features()
        .with_optimizer_rule(function::rule())
        .with_optimizer_rule(Arc::new(table::ReadTotals))
        .build();
    let context = SessionContext::new_with_state(state);
    function::register(&context);
    table::register(&context, supply).await?;
    Ok(context)
}
