//! Where only sums over all series are asked of `rollups`, the totals that are stored with them will do:
//! one row of a bucket and source instead of one of each series.
//!
//! Owns which columns add up. Refuses wherever a row of its own could be seen.

use super::given::GivenTable;
use datafusion::catalog::default_table_source::{provider_as_source, source_as_provider};
use datafusion::common::Result;
use datafusion::common::tree_node::Transformed;
use datafusion::logical_expr::{
    Aggregate, Expr, Filter, LogicalPlan, Projection, SubqueryAlias, TableScan,
};
use datafusion::optimizer::{ApplyOrder, OptimizerConfig, OptimizerRule};
use std::sync::Arc;

/// Columns that a total has as its series have them.
const KEPT: [&str; 3] = ["timestamp", "minutes", "source"];
/// Columns of which a total has the sum of its series.
const ADDED: [&str; 18] = [
    "requests",
    "success",
    "failure",
    "input_tokens",
    "output_tokens",
    "cost_nanos",
    "cost_usd",
    "priced",
    "unpriced",
    "avoided_nanos",
    "cache_hits",
    "cache_misses",
    "latency_sum_ms",
    "latency_count",
    "latency_hist",
    "ttft_hist",
    "input_hist",
    "output_hist",
];
/// Aggregates that come to the same over parts and over their sums.
const ADDING: [&str; 2] = ["sum", "hist_merge"];

#[derive(Debug)]
pub(crate) struct ReadTotals;

impl OptimizerRule for ReadTotals {
    fn name(&self) -> &str {
        "read_totals"
    }

    fn apply_order(&self) -> Option<ApplyOrder> {
        Some(ApplyOrder::BottomUp)
    }

    fn rewrite(
        &self,
        plan: LogicalPlan,
        _config: &dyn OptimizerConfig,
    ) -> Result<Transformed<LogicalPlan>> {
        let LogicalPlan::Aggregate(aggregate) = plan else { return Ok(Transformed::no(plan)) };
        let fits =
            aggregate.group_expr.iter().all(kept_only) && aggregate.aggr_expr.iter().all(adds_up);
        let input = if fits { of_totals(&aggregate.input)? } else { None };
        let Some(input) = input else {
            return Ok(Transformed::no(LogicalPlan::Aggregate(aggregate)));
        };
        let Aggregate { group_expr, aggr_expr, schema, .. } = aggregate;
        let whole = Aggregate::try_new_with_schema(Arc::new(input), group_expr, aggr_expr, schema)?;
        Ok(Transformed::yes(LogicalPlan::Aggregate(whole)))
    }
}

fn kept_only(expression: &Expr) -> bool {
    expression.column_refs().iter().all(|c| KEPT.contains(&c.name.as_str()))
}

fn adds_up(expression: &Expr) -> bool {
    match expression {
        Expr::Alias(named) => adds_up(&named.expr),
        Expr::AggregateFunction(f) => {
            let plain = !f.params.distinct
                && f.params.order_by.is_empty()
                && f.params.filter.as_deref().is_none_or(kept_only);
            let [Expr::Column(of)] = f.params.args.as_slice() else { return false };
            plain && ADDING.contains(&f.func.name()) && ADDED.contains(&of.name.as_str())
        }
        _ => false,
    }
}

/// The same rows as totals; nothing where they are not those of `rollups`, or are already.
fn of_totals(plan: &LogicalPlan) -> Result<Option<LogicalPlan>> {
    Ok(match plan {
        LogicalPlan::Filter(filter) if kept_only(&filter.predicate) => {
            let Some(input) = of_totals(&filter.input)? else { return Ok(None) };
            let filter = Filter::try_new(filter.predicate.clone(), Arc::new(input))?;
            Some(LogicalPlan::Filter(filter))
        }
        // A plain column keeps its name, so that a name means the same above and below.
        LogicalPlan::Projection(some) if some.expr.iter().all(is_column) => {
            let Some(input) = of_totals(&some.input)? else { return Ok(None) };
            let some = Projection::try_new(some.expr.clone(), Arc::new(input))?;
            Some(LogicalPlan::Projection(some))
        }
        LogicalPlan::SubqueryAlias(named) => {
            let Some(input) = of_totals(&named.input)? else { return Ok(None) };
            let named = SubqueryAlias::try_new(Arc::new(input), named.alias.clone())?;
            Some(LogicalPlan::SubqueryAlias(named))
        }
        LogicalPlan::TableScan(scan) => scan_of(scan).map(LogicalPlan::TableScan),
        _ => None,
    })
}

const fn is_column(expression: &Expr) -> bool {
    matches!(expression, Expr::Column(_))
}

fn scan_of(scan: &TableScan) -> Option<TableScan> {
    let provider = source_as_provider(&scan.source).ok()?;
    let totals = provider.downcast_ref::<GivenTable>()?.totals()?;
    let seen = |name: &str| KEPT.contains(&name) || ADDED.contains(&name);
    let only = scan.projected_schema.fields().iter().all(|f| seen(f.name()));
    if !only || scan.fetch.is_some() || !scan.filters.iter().all(kept_only) {
        return None;
    }
    Some(TableScan { source: provider_as_source(Arc::new(totals)), ..scan.clone() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::ROLLUPS;
    use crate::session;
    use crate::table::Supply;
    use crate::wire::{Cell, FromWorker, Given, Need, ToWorker};
    use datafusion::prelude::SessionContext;
    use parking_lot::Mutex;
    use tokio::sync::mpsc;

    #[test]
    fn columns_that_add_up_are_columns() {
        let known: Vec<&str> = ROLLUPS.columns.iter().map(|c| c.name).collect();
        assert!(KEPT.iter().chain(&ADDED).all(|name| known.contains(name)), "{known:?}");
    }

    /// What a statement asks flowgauge for; of each need it gets one row of nothing.
    async fn needs(text: &str) -> Vec<Need> {
        let (give, answers) = mpsc::channel(8);
        let met: Arc<Mutex<Vec<Need>>> = Arc::default();
        let kept = Arc::clone(&met);
        let supply = Arc::new(Supply::new(
            Box::new(move |frame| {
                if let FromWorker::Need(need) = frame {
                    let row = vec![Cell::Null; need.columns.len()];
                    kept.lock().push(need.clone());
                    let given = Given { rows: vec![row], ..Given::default() };
                    give.try_send(ToWorker::Given(given)).map_err(std::io::Error::other)?;
                }
                Ok(())
            }),
            answers,
        ));
        let context: SessionContext = session::open(64 << 20, 1, &supply).await.unwrap();
        context.sql(text).await.unwrap().collect().await.unwrap();
        let met = met.lock();
        met.clone()
    }

    async fn totals(text: &str) -> bool {
        let needs = needs(text).await;
        let [need] = needs.as_slice() else { panic!("{text}: {needs:?}") };
        assert_eq!(need.table, "rollups");
        need.totals
    }

    #[tokio::test]
    async fn sums_over_all_series_are_read_from_totals() {
        for text in [
            "SELECT timestamp, hist_quantile(hist_merge(latency_hist), 0.5), hist_quantile(hist_merge(latency_hist), 0.99) FROM rollups GROUP BY 1",
            "SELECT date_trunc('day', r.timestamp) AS day, sum(r.requests) AS n FROM rollups r WHERE r.minutes = 1 AND r.timestamp > now() - interval '2 days' GROUP BY 1 HAVING sum(r.requests) > 5 ORDER BY n",
            "SELECT sum(cost_usd), sum(cost_nanos), hist_merge(input_hist) FROM rollups",
            "SELECT source, sum(failure) FROM rollups WHERE source <> 'probe' GROUP BY source",
        ] {
            assert!(totals(text).await, "{text}");
        }
    }

    #[tokio::test]
    async fn whatever_could_see_a_series_reads_series() {
        for text in [
            "SELECT timestamp, hist_merge(latency_hist) FROM rollups WHERE model = 'small' GROUP BY 1",
            "SELECT model, sum(requests) FROM rollups GROUP BY 1",
            "SELECT timestamp, count(*) FROM rollups GROUP BY 1",
            "SELECT timestamp, max(requests) FROM rollups GROUP BY 1",
            "SELECT timestamp, sum(requests) FROM rollups WHERE requests > 1 GROUP BY 1",
            "SELECT timestamp, sum(DISTINCT requests) FROM rollups GROUP BY 1",
            "SELECT timestamp, sum(requests) FILTER (WHERE model = 'small') FROM rollups GROUP BY 1",
            "SELECT requests, sum(success) FROM rollups GROUP BY 1",
            "SELECT sum(requests + 1) FROM rollups",
            "SELECT sum(requests) FROM (SELECT success AS requests FROM rollups WHERE requests > 3)",
            "SELECT sum(requests) FROM (SELECT requests + 1 AS requests FROM rollups)",
            "SELECT sum(requests) FROM (SELECT requests FROM rollups ORDER BY timestamp LIMIT 3)",
            "SELECT timestamp, requests FROM rollups",
            "SELECT timestamp, sum(requests) OVER (PARTITION BY timestamp) FROM rollups",
        ] {
            assert!(!totals(text).await, "{text}");
        }
    }
}
