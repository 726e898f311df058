//! Money: who moved the bill most, and how budgets burn.

use crate::known::Known;
use crate::report::facts::{Budget, Mover};
use crate::report::figure::{Figure, Quantity, Shift};
use crate::report::{Block, Cell, Column, Section, Table};
use crate::unit::NanoUsd;

/// Movers shown; the specification's five.
const MOVERS: usize = 5;

/// The section.
#[must_use]
pub fn money(movers: &[Mover], budgets: &[Budget], before: &str) -> Section {
    let mut blocks = vec![Block::Table(movers_table(movers, before))];
    blocks.push(Block::Table(budgets_table(budgets)));
    Section::new("money", "Money", blocks)
}

fn movers_table(movers: &[Mover], before: &str) -> Table {
    let mut ordered: Vec<_> = movers.iter().collect();
    // The largest move first; names decide between equals, so that the order is the same every time.
    ordered.sort_by(|a, b| {
        moved(b).cmp(&moved(a)).then_with(|| (&a.by, &a.name).cmp(&(&b.by, &b.name)))
    });
    Table {
        name: "movers".to_owned(),
        caption: "Largest moves of cost by route, model and app".to_owned(),
        columns: vec![
            Column::words("by", "By"),
            Column::words("name", "Name"),
            Column::figures("cost_usd", "Cost"),
            Column::figures("before_usd", "Before"),
            Column::figures("change", before),
        ],
        rows: ordered.into_iter().take(MOVERS).map(mover).collect(),
        empty: "No cost is known.".to_owned(),
    }
}

/// How far the cost moved; where one side is unknown, nothing is known to have moved.
fn moved(mover: &Mover) -> u64 {
    match (mover.cost, mover.before) {
        (Known::Value(now), Known::Value(before)) => now.0.abs_diff(before.0),
        _ => 0,
    }
}

fn mover(mover: &Mover) -> Vec<Cell> {
    let usd = |money: Known<NanoUsd>| money.map(Quantity::Usd);
    vec![
        Cell::words(&mover.by),
        Cell::words(&mover.name),
        Cell::Figure(Figure::new("cost_usd", usd(mover.cost)).over(mover.n)),
        Cell::Figure(Figure::new("before_usd", usd(mover.before))),
        Cell::Shift(Shift::relative(usd(mover.cost), usd(mover.before))),
    ]
}

fn budgets_table(budgets: &[Budget]) -> Table {
    let rows = budgets.iter().map(|b| {
        vec![
            Cell::words(&b.name),
            Cell::Figure(Figure::new("spent_usd", b.spent.map(Quantity::Usd))),
            Cell::Figure(Figure::known("limit_usd", Quantity::Usd(b.limit))),
            Cell::Figure(Figure::new("used", used(b))),
            Cell::Figure(Figure::new("burn", b.burn.map(Quantity::Times))),
        ]
    });
    Table {
        name: "budgets".to_owned(),
        caption: "Budgets; a burn of 1× uses one up exactly".to_owned(),
        columns: vec![
            Column::words("name", "Budget"),
            Column::figures("spent_usd", "Spent"),
            Column::figures("limit_usd", "Limit"),
            Column::figures("used", "Used"),
            Column::figures("burn", "Burn"),
        ],
        rows: rows.collect(),
        empty: "No budget is set.".to_owned(),
    }
}

fn used(budget: &Budget) -> Known<Quantity> {
    budget.spent.map(|s| Quantity::Share(s.as_usd_f64() / budget.limit.as_usd_f64()))
}
