//! Why a call costs what it costs: the row, and every bucket at its rate.
//!
//! Refuses arithmetic of its own: the lines are those the charge is summed from.

use super::charge::{Charge, Line, each_line};
use super::rate::Service;
use super::{PriceBook, PriceRef};
use crate::call::{CostUnknown, Usage};

/// The arithmetic behind a charge.
#[derive(Debug, Clone)]
pub struct Explained<'a> {
    /// The row.
    pub found: PriceRef<'a>,
    /// Every bucket that is not empty.
    pub lines: Vec<Line>,
    /// Their sum, rounded once.
    pub charge: Charge,
}

impl PriceBook {
    /// What `usage` costs on one model, line by line.
    ///
    /// # Errors
    /// With the reason where there is no price, no usage, or a unit without a price.
    pub fn explain(
        &self,
        provider: Option<&str>,
        model: &str,
        service_tier: Option<&str>,
        usage: &Usage,
    ) -> Result<Explained<'_>, CostUnknown> {
        let found = self.lookup(provider, model).ok_or(CostUnknown::NoPrice)?;
        let mut lines = Vec::new();
        each_line(found.row, Service::named(service_tier), usage, |line| lines.push(line))?;
        let charge = self.charge(provider, model, service_tier, usage)?;
        Ok(Explained { found, lines, charge })
    }
}
