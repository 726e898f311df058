//! Tables, read back: what a row does not say is a blank cell.

use super::figure::{FigureRead, ShiftRead, figure, shift};
use super::{NoReport, RunRead, moment, prose};
use crate::report::figure::Status;
use crate::report::table::{Cell, Column, Holds, Table};
use serde::Deserialize;
use std::collections::BTreeMap;

#[derive(Deserialize)]
pub(super) struct TableRead {
    name: String,
    caption: String,
    columns: Vec<ColumnRead>,
    rows: Vec<BTreeMap<String, CellRead>>,
    #[serde(default)]
    empty: String,
}

#[derive(Deserialize)]
struct ColumnRead {
    name: String,
    title: String,
    holds: HoldsRead,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum HoldsRead {
    Words,
    Figures,
}

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum CellRead {
    Words { runs: Vec<RunRead> },
    Figure(FigureRead),
    Shift(ShiftRead),
    Status { status: Status },
    Moment { at: String },
    Blank,
}

pub(super) fn table(read: TableRead) -> Result<Table, NoReport> {
    let TableRead { name, caption, columns, rows, empty } = read;
    let mut cells = Vec::with_capacity(rows.len());
    for mut row in rows {
        let of = |c: &ColumnRead| row.remove(&c.name).map_or(Ok(Cell::Blank), cell);
        cells.push(columns.iter().map(of).collect::<Result<_, _>>()?);
    }
    let column = |c: ColumnRead| Column {
        name: c.name,
        title: c.title,
        holds: match c.holds {
            HoldsRead::Words => Holds::Words,
            HoldsRead::Figures => Holds::Figures,
        },
    };
    let columns = columns.into_iter().map(column).collect();
    Ok(Table { name, caption, columns, rows: cells, empty })
}

fn cell(read: CellRead) -> Result<Cell, NoReport> {
    Ok(match read {
        CellRead::Words { runs } => Cell::Words(prose(runs)),
        CellRead::Figure(f) => Cell::Figure(figure(f)?),
        CellRead::Shift(s) => Cell::Shift(shift(s)?),
        CellRead::Status { status } => Cell::Status(status),
        CellRead::Moment { at } => Cell::Moment(moment(&at)?),
        CellRead::Blank => Cell::Blank,
    })
}
