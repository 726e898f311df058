//! Calls of a window by every dimension that a report breaks them down by: read once, added up for each breakdown.
//!
//! A month of hours in hundreds of series is what reading takes longest; ten breakdowns of it are ten times as long.

use crate::logic::call::Text;
use crate::logic::rollup::{Dim, Filter, Rollup};
use crate::logic::window::Window;
use crate::store::{Group, Reader, RollupQuery, Step, StoreError};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

/// Every dimension of a breakdown.
const DIMS: [Dim; 6] =
    [Dim::Endpoint, Dim::Intent, Dim::Model, Dim::Service, Dim::Tenant, Dim::Arm];

/// Windows that were read.
#[derive(Debug, Default)]
pub(super) struct Cells(RefCell<Vec<(Window, Rc<[Group]>)>>);

impl Cells {
    /// Groups of a window by some dimensions, sorted by their values.
    pub(super) fn groups(
        &self,
        reader: &Reader,
        window: Window,
        by: &[Dim],
    ) -> Result<Vec<Group>, StoreError> {
        let window = window.whole_minutes();
        let places: Option<Vec<usize>> =
            by.iter().map(|dim| DIMS.iter().position(|d| d == dim)).collect();
        // Without dimensions the store has the sum of all series at hand.
        let Some(places) = places.filter(|p| !p.is_empty()) else {
            return read(reader, window, by);
        };
        let mut sums: BTreeMap<Vec<Text>, Rollup> = BTreeMap::new();
        for cell in self.cells(reader, window)?.iter() {
            let key = places.iter().filter_map(|at| cell.key.get(*at).cloned()).collect();
            sums.entry(key).or_default().merge(&cell.rollup);
        }
        let group = |(key, rollup)| Group { from: window.from, key, rollup };
        Ok(sums.into_iter().map(group).collect())
    }

    fn cells(&self, reader: &Reader, window: Window) -> Result<Rc<[Group]>, StoreError> {
        if let Some((_, cells)) = self.0.borrow().iter().find(|(w, _)| *w == window) {
            return Ok(Rc::clone(cells));
        }
        let cells: Rc<[Group]> = read(reader, window, &DIMS)?.into();
        self.0.borrow_mut().push((window, Rc::clone(&cells)));
        Ok(cells)
    }
}

fn read(reader: &Reader, window: Window, by: &[Dim]) -> Result<Vec<Group>, StoreError> {
    let query =
        RollupQuery { window, filter: Filter::default(), group_by: by.to_vec(), step: Step::Whole };
    reader.rollups(&query)
}
