//! What users cost: the dearest first, the others as one line.
//!
//! Owns what counts as a user's cost: all calls with a price, failed ones too, as every sum of costs does. Refuses to take
//! a call without a price for a free one.

use super::facts::named;
use super::finding::{Datum, Sheet};
use crate::call::{Call, Text, UsageSource};
use crate::kpi::Unit;
use crate::unit::NanoUsd;
use std::collections::BTreeMap;

/// Users shown by name; the others are one line.
const MOST: usize = 10;

/// What one user's calls cost.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Spent {
    /// Calls.
    pub calls: u64,
    /// Those with a known cost.
    pub priced: u64,
    /// Those that used tokens whose price is not known.
    pub unpriced: u64,
    /// What the priced ones cost.
    pub cost: NanoUsd,
}

impl Spent {
    fn add(&mut self, other: Self) {
        self.calls += other.calls;
        self.priced += other.priced;
        self.unpriced += other.unpriced;
        self.cost = self.cost.saturating_add(other.cost);
    }

    /// What is known of the cost; nothing where no call had a price.
    fn known(self) -> Option<f64> {
        (self.priced > 0).then(|| self.cost.as_usd_f64())
    }
}

impl From<&Call> for Spent {
    fn from(call: &Call) -> Self {
        let known = call.cost.nanos;
        let unpriced = known.is_none() && call.usage.source != UsageSource::Absent;
        Self {
            calls: 1,
            priced: u64::from(known.is_some()),
            unpriced: u64::from(unpriced),
            cost: known.unwrap_or_default(),
        }
    }
}

/// What users cost.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Spenders(BTreeMap<Text, Spent>);

impl Spenders {
    /// Adds a call; one without a user is nobody's.
    pub fn record(&mut self, call: &Call) {
        if let Some(user) = &call.who.user_key {
            self.0.entry(user.clone()).or_default().add(Spent::from(call));
        }
    }

    /// As a table, the dearest first.
    pub(super) fn sheet(&self) -> Sheet {
        let columns = [
            ("user", None),
            ("n", Some(Unit::Count)),
            ("cost", Some(Unit::Usd)),
            ("per call", Some(Unit::Usd)),
            ("no price", Some(Unit::Count)),
        ];
        let mut all: Vec<(&Text, Spent)> =
            self.0.iter().map(|(user, spent)| (user, *spent)).collect();
        all.sort_by_key(|(_, spent)| std::cmp::Reverse((spent.cost, spent.unpriced)));
        let others = all.split_off(all.len().min(MOST));
        let mut sheet = Sheet::new("cost by user", &columns);
        sheet.rows = all.into_iter().map(|(user, spent)| row(named(user), spent)).collect();
        if !others.is_empty() {
            let mut sum = Spent::default();
            others.iter().for_each(|(_, spent)| sum.add(*spent));
            sheet.rows.push(row(format!("{} others", others.len()), sum));
        }
        sheet
    }
}

fn row(user: impl Into<Datum>, spent: Spent) -> Vec<Datum> {
    #[expect(clippy::cast_precision_loss, reason = "a mean for people")]
    let each = spent.known().map(|cost| cost / spent.priced as f64);
    vec![
        user.into(),
        Datum::count(spent.calls),
        Datum::number(spent.known()),
        Datum::number(each),
        Datum::count(spent.unpriced),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::call::Door;
    use crate::id::CallId;
    use crate::unit::UnixMicros;

    fn call(user: &str, nanos: Option<i64>) -> Call {
        let mut call = Call::begun(CallId([1; 16]), UnixMicros(0), UnixMicros(0), Door::Gateway);
        call.who.user_key = (!user.is_empty()).then(|| Text::from(user));
        call.cost.nanos = nanos.map(NanoUsd);
        call.usage.source = UsageSource::Provider;
        call
    }

    fn told(calls: &[Call]) -> Vec<Vec<Datum>> {
        let mut spenders = Spenders::default();
        calls.iter().for_each(|call| spenders.record(call));
        spenders.sheet().rows
    }

    fn number(value: f64) -> Datum {
        Datum::Number(value)
    }

    #[test]
    fn the_dearest_user_comes_first_and_calls_of_nobody_are_nobody_s() {
        let calls = [
            call("ann", Some(1_000_000_000)),
            call("bob", Some(3_000_000_000)),
            call("ann", Some(500_000_000)),
            call("", Some(9_000_000_000)),
        ];
        let bob = vec!["bob".into(), number(1.0), number(3.0), number(3.0), number(0.0)];
        let ann = vec!["ann".into(), number(2.0), number(1.5), number(0.75), number(0.0)];
        assert_eq!(told(&calls), [bob, ann]);
    }

    #[test]
    fn a_call_without_a_price_is_counted_and_no_free_call() {
        let calls = [call("ann", Some(2_000_000_000)), call("ann", None), call("bob", None)];
        let ann = vec!["ann".into(), number(2.0), number(2.0), number(2.0), number(1.0)];
        let bob = vec!["bob".into(), number(1.0), Datum::Nothing, Datum::Nothing, number(1.0)];
        assert_eq!(told(&calls), [ann, bob]);
    }

    #[test]
    fn a_call_that_used_nothing_lacks_no_price() {
        let mut refused = call("ann", None);
        refused.usage.source = UsageSource::Absent;
        let [ann] = &told(&[refused])[..] else { panic!("one user") };
        assert_eq!(ann[2..], [Datum::Nothing, Datum::Nothing, number(0.0)]);
    }

    #[test]
    fn users_beyond_those_shown_are_one_line_so_that_sums_hold() {
        let calls: Vec<Call> =
            (0..25).map(|n| call(&format!("user-{n:02}"), Some(1_000_000_000 * (n + 1)))).collect();
        let rows = told(&calls);
        assert_eq!(rows.len(), MOST + 1);
        assert_eq!(rows[0][0], "user-24".into());
        assert_eq!(rows[MOST][..3], ["15 others".into(), number(15.0), number(120.0)]);
    }
}
