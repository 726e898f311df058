//! Several quantiles of one column are one pass over it: `percentile(x, .5), percentile(x, .95)`
//! becomes one `percentiles(x, .5, .95)` whose parts are picked afterwards.

use super::percentile::several;
use datafusion::common::tree_node::Transformed;
use datafusion::common::{Column, Result};
use datafusion::functions_nested::extract::array_element;
use datafusion::logical_expr::expr::AggregateFunction;
use datafusion::logical_expr::{Aggregate, Expr, LogicalPlan, Projection, lit};
use datafusion::optimizer::{ApplyOrder, OptimizerConfig, OptimizerRule};
use std::sync::Arc;

#[derive(Debug)]
pub(super) struct SharePercentiles;

/// Percentiles of one column under one filter.
struct Shared {
    first: AggregateFunction,
    shares: Vec<Expr>,
}

impl Shared {
    fn takes(&self, other: &AggregateFunction) -> bool {
        self.first.params.args.first() == other.params.args.first()
            && self.first.params.filter == other.params.filter
    }

    fn expression(&self) -> Expr {
        let params = &self.first.params;
        let args = params.args.iter().take(1).chain(&self.shares).cloned().collect();
        Expr::AggregateFunction(AggregateFunction::new_udf(
            Arc::new(several()),
            args,
            false,
            params.filter.clone(),
            Vec::new(),
            None,
        ))
    }
}

fn percentile_of(expression: &Expr) -> Option<&AggregateFunction> {
    match expression {
        Expr::AggregateFunction(f)
            if f.func.name() == "percentile" && !f.params.distinct && f.params.args.len() == 2 =>
        {
            Some(f)
        }
        _ => None,
    }
}

impl OptimizerRule for SharePercentiles {
    fn name(&self) -> &str {
        "share_percentiles"
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
        if aggregate.aggr_expr.iter().filter_map(percentile_of).count() < 2 {
            return Ok(Transformed::no(LogicalPlan::Aggregate(aggregate)));
        }
        shared(&aggregate).map(Transformed::yes)
    }
}

/// Where each output of the aggregate comes from.
enum From {
    Itself(Expr),
    Part(usize, usize),
}

fn shared(aggregate: &Aggregate) -> Result<LogicalPlan> {
    let mut groups: Vec<Shared> = Vec::new();
    let mut from = Vec::new();
    for expression in &aggregate.aggr_expr {
        let Some(function) = percentile_of(expression) else {
            from.push(From::Itself(expression.clone()));
            continue;
        };
        let at = groups.iter().position(|g| g.takes(function)).unwrap_or_else(|| {
            groups.push(Shared { first: function.clone(), shares: Vec::new() });
            groups.len() - 1
        });
        let Some(group) = groups.get_mut(at) else { continue };
        group.shares.extend(function.params.args.get(1).cloned());
        from.push(From::Part(at, group.shares.len()));
    }
    let mut expressions: Vec<Expr> = groups.iter().map(Shared::expression).collect();
    expressions.extend(from.iter().filter_map(|f| match f {
        From::Itself(e) => Some(e.clone()),
        From::Part(..) => None,
    }));
    let inner = Aggregate::try_new(
        Arc::clone(&aggregate.input),
        aggregate.group_expr.clone(),
        expressions,
    )?;
    let inner = LogicalPlan::Aggregate(inner);
    // Groups come first in an aggregate's columns, then its functions.
    let keys = aggregate.schema.fields().len() - aggregate.aggr_expr.len();
    let columns = inner.schema().columns();
    let mut out: Vec<Expr> = columns.iter().take(keys).cloned().map(Expr::Column).collect();
    let mut plain = columns.iter().skip(keys + groups.len());
    for (i, source) in from.iter().enumerate() {
        let (table, field) = aggregate.schema.qualified_field(keys + i);
        match source {
            From::Itself(_) => out.extend(plain.next().cloned().map(Expr::Column)),
            From::Part(group, part) => {
                let Some(list) = columns.get(keys + group) else { continue };
                let part = i64::try_from(*part).unwrap_or(i64::MAX);
                let value = array_element(Expr::Column(Column::clone(list)), lit(part));
                out.push(value.alias_qualified(table.cloned(), field.name()));
            }
        }
    }
    Projection::try_new(out, Arc::new(inner)).map(LogicalPlan::Projection)
}
