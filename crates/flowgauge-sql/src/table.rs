//! The tables: those over calls are views of one provider that reads segments and rows handed over;
//! the others are handed over whole.

mod attempts;
mod calls;
mod given;
mod supply;
mod totals;
mod window;

pub(crate) use supply::Supply;
pub(crate) use totals::ReadTotals;

use crate::policy::STORED;
use crate::schema::{self, Source, Table};
use datafusion::catalog::{MemorySchemaProvider, SchemaProvider, TableProvider};
use datafusion::common::{Result, plan_datafusion_err};
use datafusion::prelude::SessionContext;
use std::sync::Arc;

/// Name of the provider of all rows.
const CALL_ROWS: &str = "call_rows";

/// Makes every public table known to a session.
pub(crate) async fn register(context: &SessionContext, supply: &Arc<Supply>) -> Result<()> {
    let stored = Arc::new(MemorySchemaProvider::new());
    stored.register_table(CALL_ROWS.to_owned(), Arc::new(calls::CallRows::new(supply)))?;
    let catalog = context.catalog(crate::session::CATALOG);
    let catalog = catalog.ok_or_else(|| plan_datafusion_err!("the catalog is missing"))?;
    catalog.register_schema(STORED, stored)?;
    context.register_udf(attempts::function());
    for table in schema::TABLES {
        let provider: Arc<dyn TableProvider> = match table.source {
            Source::Calls(condition) => view(context, &over_calls(table, condition)).await?,
            Source::Attempts => view(context, &over_attempts(table)).await?,
            Source::Given(_) => Arc::new(given::GivenTable::new(table, supply)),
        };
        context.register_table(table.name, provider)?;
    }
    Ok(())
}

async fn view(context: &SessionContext, text: &str) -> Result<Arc<dyn TableProvider>> {
    Ok(context.sql(text).await?.into_view())
}

fn columns(table: &Table) -> String {
    let columns: Vec<String> =
        table.columns.iter().map(|c| format!("{} AS \"{}\"", c.sql, c.name)).collect();
    columns.join(", ")
}

fn over_calls(table: &Table, condition: &str) -> String {
    format!("SELECT {} FROM {STORED}.{CALL_ROWS} WHERE {condition}", columns(table))
}

fn over_attempts(table: &Table) -> String {
    format!(
        "SELECT {} FROM (SELECT minute_of(start_time) AS timestamp, start_time AS event_time, call_id, \
         source, endpoint, intent AS intent_type, tenant, unnest(attempts_of({})) AS attempt \
         FROM {STORED}.{CALL_ROWS} WHERE leaf)",
        columns(table),
        attempts::FROM
    )
}
