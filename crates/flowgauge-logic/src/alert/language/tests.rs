//! What conditions mean, and what may not be said.

use super::super::condition::*;
use super::super::facts::BudgetPeriod;
use super::super::metric::Metric;
use super::super::rule::{Sli, Slo, SloPeriod};
use super::*;

mod grammar;
mod resolution;
mod round_trip;

/// Everything is configured: budgets of both periods, three objectives, a capacity.
fn everything<T>(inner: impl FnOnce(&Context<'_>) -> T) -> T {
    let budgets = [
        (Text::const_new("all"), BudgetPeriod::Day),
        (Text::const_new("team reader"), BudgetPeriod::Month),
    ];
    let slo = |name: &str, objective| Slo {
        name: name.into(),
        sli: Sli::Availability { selector: Vec::new() },
        objective,
        period: SloPeriod::Rolling(30),
    };
    let spend = Slo { sli: Sli::Spend { budget: None }, ..slo("spend", 0.5) };
    let slos = [slo("availability", 0.999), slo("chat quality", 0.9), spend];
    inner(&Context { budgets: &budgets, slos: &slos, capacity: true, shipped: false })
}

/// The tree of a text that must be readable.
fn tree(text: &str) -> Condition {
    everything(|context| match read(text, context) {
        Ok(tree) => tree,
        Err(faults) => panic!("{text}: {faults:?}"),
    })
}

/// The canonical text of a text.
fn canonical(text: &str) -> String {
    print(&tree(text))
}

/// What is said of a text that must be refused: for each fault the words it points at, in brackets,
/// and the message.
fn said_in(text: &str, context: &Context<'_>) -> Vec<String> {
    let Err(faults) = read(text, context) else { panic!("{text} is read") };
    faults.iter().map(|f| format!("[{}] {f}", &text[f.span.clone()])).collect()
}

/// The one thing said of a text where everything is configured.
fn said(text: &str) -> String {
    let mut said = everything(|context| said_in(text, context));
    assert_eq!(said.len(), 1, "{said:?}");
    said.remove(0)
}

/// The one comparison of a condition.
fn comparison(text: &str) -> Comparison {
    match tree(text) {
        Condition::When { expr: Expr::Is(Predicate::Compare(comparison)), .. } => comparison,
        other => panic!("{text} is {other:?}"),
    }
}

/// The threshold of a comparison, in base units.
fn threshold(text: &str) -> f64 {
    match comparison(text).bound {
        Bound::Quantity(quantity) => quantity.base(),
        other => panic!("{text} has {other:?}"),
    }
}

/// For how long a condition must hold, in seconds.
fn held(text: &str) -> u64 {
    match tree(text) {
        Condition::When { hold, .. } => hold.length.0 / 1_000_000,
        Condition::Schedule(_) => panic!("{text} is a schedule"),
    }
}
