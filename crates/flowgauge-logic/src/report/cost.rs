//! The cost analysis: what was saved against the baseline, and whether what it took has paid for itself.
//!
//! Formulas: saving = baseline − actual, per request, month and year; payback = one-off cost / monthly saving;
//! ROI over 12 and 24 months = (saving − cost) / cost; net present value over 24 months at a yearly rate. Every input
//! is shown. What the inputs do not give is unknown, never zero.

use super::document::{Block, Document, Kind, Section};
use super::facts::Head;
use super::figure::{Figure, Quantity, nano_usd};
use super::number;
use super::prose::Prose;
use super::table::{Cell, Column, Table};
use crate::known::{Known, Reason};
use crate::unit::NanoUsd;
use serde::{Deserialize, Serialize};

/// The yearly rate of the guide's application.
pub const YEARLY_RATE: f64 = 0.05;
/// Months of a year, and of the longer view.
const YEAR: u32 = 12;
const TWO_YEARS: u32 = 24;

/// What the cost analysis is made of.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Facts {
    /// What it says of itself; the period's name is the month.
    pub head: Head,
    /// All traffic.
    pub all: Line,
    /// By model, route or team; they need not sum up to all.
    pub lines: Vec<Line>,
    /// How the baseline was taken: (b) against requests held out, or (c) a stored baseline, mix-adjusted.
    pub method: String,
    /// What it took to get the savings: work, fees; nothing where nobody said.
    pub one_off: Known<NanoUsd>,
    /// The yearly rate money is worth, a share.
    pub yearly_rate: f64,
    /// What is shown.
    pub include: Include,
}

/// Cost of some traffic in the month.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Line {
    /// Whose: `all`, `model gpt-4o`.
    pub name: String,
    /// Priced requests of the month.
    pub requests: u64,
    /// What they cost.
    pub cost: Known<NanoUsd>,
    /// What one would have cost without optimisation.
    pub baseline_each: Known<NanoUsd>,
}

/// Which columns are shown; the guide's two switches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Include {
    /// `--include-savings`.
    pub savings: bool,
    /// `--include-roi`.
    pub roi: bool,
}

impl Default for Include {
    fn default() -> Self {
        Self { savings: true, roi: true }
    }
}

/// Savings of a line.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Savings {
    /// Actual cost of a request.
    pub each: Known<NanoUsd>,
    /// Baseline minus actual, per request.
    pub per_request: Known<NanoUsd>,
    /// Per month: baseline of all its requests minus what they cost, exact.
    pub per_month: Known<NanoUsd>,
    /// Twelve such months.
    pub per_year: Known<NanoUsd>,
    /// Of the baseline, a share.
    pub share: Known<f64>,
}

/// What the savings are worth against what they took.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Return {
    /// Months until the one-off cost is saved; unknown where nothing is saved.
    pub payback: Known<f64>,
    /// Over 12 months, a share.
    pub roi_12: Known<f64>,
    /// Over 24 months, a share.
    pub roi_24: Known<f64>,
    /// Over 24 months, savings at the end of each month.
    pub npv_24: Known<NanoUsd>,
}

impl Line {
    /// What was saved.
    #[must_use]
    pub fn savings(&self) -> Savings {
        let requests = i64::try_from(self.requests).unwrap_or(i64::MAX);
        let each = match self.cost {
            Known::Value(_) if requests == 0 => Known::Unknown(Reason::NoData),
            cost => cost.map(|c| NanoUsd(c.0 / requests)),
        };
        let both = match (self.baseline_each, self.cost) {
            _ if requests == 0 => Known::Unknown(Reason::NoData),
            (Known::Value(b), Known::Value(c)) => Known::Value((b.0.saturating_mul(requests), c.0)),
            (Known::Unknown(r), _) | (_, Known::Unknown(r)) => Known::Unknown(r),
        };
        let month = both.map(|(baseline, cost)| baseline.saturating_sub(cost));
        let share = match both {
            Known::Value((baseline, cost)) if baseline > 0 => {
                Known::Value(1.0 - NanoUsd(cost).as_usd_f64() / NanoUsd(baseline).as_usd_f64())
            }
            Known::Value(_) => Known::Unknown(Reason::NoData),
            Known::Unknown(r) => Known::Unknown(r),
        };
        Savings {
            each,
            per_request: month.map(|m| NanoUsd(m / requests.max(1))),
            per_month: month.map(NanoUsd),
            per_year: month.map(|m| NanoUsd(m.saturating_mul(i64::from(YEAR)))),
            share,
        }
    }
}

impl Return {
    /// From a monthly saving, a one-off cost and a yearly rate.
    #[must_use]
    pub fn of(saving: Known<NanoUsd>, one_off: Known<NanoUsd>, yearly_rate: f64) -> Self {
        let (saving, cost) = match (saving, one_off) {
            (Known::Value(s), Known::Value(c)) => (s.as_usd_f64(), c.as_usd_f64()),
            (Known::Unknown(r), _) | (_, Known::Unknown(r)) => {
                let (none, money) = (Known::Unknown(r), Known::Unknown(r));
                return Self { payback: none, roi_12: none, roi_24: none, npv_24: money };
            }
        };
        // Without a cost there is no return on it; without a saving it is never paid back.
        let known = |possible: bool, value: f64| {
            Known::from_option((possible && value.is_finite()).then_some(value), Reason::NoData)
        };
        let roi = |months: u32| known(cost > 0.0, (saving * f64::from(months) - cost) / cost);
        let monthly = (1.0 + yearly_rate).powf(1.0 / f64::from(YEAR));
        let factors = (1..=TWO_YEARS).map(|m| monthly.powf(-f64::from(m)));
        let npv = saving * factors.sum::<f64>() - cost;
        Self {
            payback: known(saving > 0.0, cost / saving),
            roi_12: roi(YEAR),
            roi_24: roi(TWO_YEARS),
            npv_24: known(true, npv).map(nano_usd),
        }
    }
}

/// The cost analysis. Its CSV is the table `cost` alone.
#[must_use]
pub fn document(facts: &Facts) -> Document {
    let period = &facts.head.period;
    let title = format!("Cost analysis - {}", period.name);
    let savings = facts.all.savings();
    let verdict = sentence(facts, &savings);
    let cost = number::known(facts.all.cost.map(Quantity::Usd));
    let saved = savings.per_month.value();
    let saved = saved.map(|m| format!(" · saved {}", number::text(Quantity::Usd(m))));
    let sections = vec![
        Section::new("cost", "Cost, savings and return", vec![Block::Table(table(facts))]),
        inputs(facts),
        formulas(),
    ];
    Document {
        kind: Kind::Cost,
        subject: format!("{title}: cost {cost}{}", saved.unwrap_or_default()),
        title,
        verdict,
        period: period.clone(),
        id: facts.head.id.clone(),
        generated_at: facts.head.generated_at,
        version: facts.head.version.clone(),
        sections,
    }
}

fn sentence(facts: &Facts, savings: &Savings) -> String {
    let requests = number::count(facts.all.requests);
    let name = &facts.head.period.name;
    let spent = match facts.all.cost {
        Known::Value(cost) => {
            let plural = if facts.all.requests == 1 { "" } else { "s" };
            let cost = number::text(Quantity::Usd(cost));
            format!("{name} cost {cost} for {requests} priced request{plural}")
        }
        Known::Unknown(r) => format!("What {name} cost was {}", number::unknown(r)),
    };
    let saved = match savings.per_month {
        Known::Value(saved) => saved,
        Known::Unknown(r) => return format!("{spent}; what was saved was {}.", number::unknown(r)),
    };
    let share = number::known(savings.share.map(|s| Quantity::Share(s.abs())));
    if saved.0 < 0 {
        let more = number::text(Quantity::Usd(NanoUsd(saved.0.saturating_neg())));
        return format!("{spent}, {more} ({share}) more than the baseline.");
    }
    let less = number::text(Quantity::Usd(saved));
    let back = Return::of(savings.per_month, facts.one_off, facts.yearly_rate).payback;
    let back = back.value().map(|months| {
        format!(" What it took is paid back after {}.", number::text(Quantity::Months(months)))
    });
    format!("{spent}, {less} ({share}) less than the baseline.{}", back.unwrap_or_default())
}

fn table(facts: &Facts) -> Table {
    let mut columns = vec![
        Column::words("name", "Traffic"),
        Column::figures("requests", "Requests"),
        Column::figures("cost_usd", "Cost"),
        Column::figures("actual_usd_per_request", "Cost per request"),
    ];
    if facts.include.savings {
        columns.extend([
            Column::figures("baseline_usd_per_request", "Baseline per request"),
            Column::figures("saving_usd_per_request", "Saving per request"),
            Column::figures("saving_usd_per_month", "Saving per month"),
            Column::figures("saving_usd_per_year", "Saving per year"),
            Column::figures("saving_share", "Saving of the baseline"),
        ]);
    }
    if facts.include.roi {
        columns.extend([
            Column::figures("one_off_usd", "One-off cost"),
            Column::figures("payback_months", "Payback"),
            Column::figures("roi_12_months", "ROI 12 months"),
            Column::figures("roi_24_months", "ROI 24 months"),
            Column::figures("npv_24_months_usd", "NPV 24 months"),
        ]);
    }
    let all = row(facts, &facts.all, facts.one_off);
    // What it took was spent once, for all: no line has a return of its own.
    let lines = facts.lines.iter().map(|l| row(facts, l, Known::Unknown(Reason::NotConfigured)));
    Table {
        name: "cost".to_owned(),
        caption: "Cost of the month, savings against the baseline, return on what it took"
            .to_owned(),
        columns,
        rows: std::iter::once(all).chain(lines).collect(),
        empty: String::new(),
    }
}

fn row(facts: &Facts, line: &Line, one_off: Known<NanoUsd>) -> Vec<Cell> {
    let usd = |name: &str, m: Known<NanoUsd>| Cell::Figure(Figure::new(name, m.map(Quantity::Usd)));
    let share = |name: &str, s: Known<f64>| Cell::Figure(Figure::new(name, s.map(Quantity::Share)));
    let savings = line.savings();
    let mut cells = vec![
        Cell::words(&line.name),
        Cell::Figure(Figure::known("requests", Quantity::Count(line.requests))),
        usd("cost_usd", line.cost),
        usd("actual_usd_per_request", savings.each),
    ];
    if facts.include.savings {
        cells.extend([
            usd("baseline_usd_per_request", line.baseline_each),
            usd("saving_usd_per_request", savings.per_request),
            usd("saving_usd_per_month", savings.per_month),
            usd("saving_usd_per_year", savings.per_year),
            share("saving_share", savings.share),
        ]);
    }
    if facts.include.roi {
        let back = Return::of(savings.per_month, one_off, facts.yearly_rate);
        let payback = Figure::new("payback_months", back.payback.map(Quantity::Months));
        cells.extend([
            usd("one_off_usd", one_off),
            Cell::Figure(payback),
            share("roi_12_months", back.roi_12),
            share("roi_24_months", back.roi_24),
            usd("npv_24_months_usd", back.npv_24),
        ]);
    }
    cells
}

fn inputs(facts: &Facts) -> Section {
    let row = |what: &str, cell: Cell| vec![Cell::words(what), cell];
    let figure = |name: &str, value| Cell::Figure(Figure::new(name, value));
    let table = Table {
        name: "inputs".to_owned(),
        caption: "What the figures are computed from".to_owned(),
        columns: vec![Column::words("what", "Input"), Column::figures("value", "Value")],
        rows: vec![
            row(
                "Priced requests",
                figure("requests", Known::Value(Quantity::Count(facts.all.requests))),
            ),
            row("Cost of the month", figure("cost_usd", facts.all.cost.map(Quantity::Usd))),
            row(
                "Baseline per request",
                figure("baseline", facts.all.baseline_each.map(Quantity::Usd)),
            ),
            row("Baseline by method", Cell::Words(Prose::with_commands(&facts.method))),
            row("One-off cost", figure("one_off_usd", facts.one_off.map(Quantity::Usd))),
            row("Yearly rate", figure("rate", Known::Value(Quantity::Share(facts.yearly_rate)))),
        ],
        empty: String::new(),
    };
    Section::new("inputs", "Inputs", vec![Block::Table(table)])
}

fn formulas() -> Section {
    let said = [
        "Saving per month = baseline per request × requests − cost; per request: that / requests; per year: that × 12.",
        "Payback = one-off cost / saving per month.",
        "ROI over 12 months = (12 × saving per month − one-off cost) / one-off cost; over 24 months with 24.",
        "NPV over 24 months = Σ saving per month / (1 + yearly rate)^(month / 12) − one-off cost, month 1 to 24.",
    ];
    let blocks = said.into_iter().map(|s| Block::Paragraph(Prose::plain(s))).collect();
    Section::new("formulas", "Formulas", blocks)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usd(dollars: i64) -> NanoUsd {
        NanoUsd(dollars * 1_000_000_000)
    }

    fn near(value: Known<f64>, expected: f64) -> bool {
        value.value().is_some_and(|v| (v - expected).abs() < 1e-9 * expected.abs().max(1.0))
    }

    #[test]
    fn savings_payback_and_return_follow_their_formulas() {
        let line = Line {
            name: "all".to_owned(),
            requests: 1_000_000,
            cost: Known::Value(usd(6_400)),
            baseline_each: Known::Value(NanoUsd(8_700_000)),
        };
        let savings = line.savings();
        assert_eq!(savings.each, Known::Value(NanoUsd(6_400_000)));
        assert_eq!(savings.per_request, Known::Value(NanoUsd(2_300_000)));
        assert_eq!(savings.per_month, Known::Value(usd(2_300)));
        assert_eq!(savings.per_year, Known::Value(usd(27_600)));
        assert!(near(savings.share, 23.0 / 87.0));
        let back = Return::of(savings.per_month, Known::Value(usd(9_200)), YEARLY_RATE);
        assert!(near(back.payback, 4.0));
        assert!(near(back.roi_12, 2.0));
        assert!(near(back.roi_24, 5.0));
        // python3 -c "print(sum(2300/1.05**(m/12) for m in range(1,25))-9200)"
        let npv = back.npv_24.value().map(NanoUsd::as_usd_f64).unwrap();
        assert!((npv - 43_285.444_945_171).abs() < 1e-3, "{npv}");
    }

    #[test]
    fn what_the_inputs_do_not_give_is_unknown() {
        let none = Known::Unknown(Reason::NotConfigured);
        let back = Return::of(Known::Value(usd(5)), none, YEARLY_RATE);
        assert_eq!(back.payback, Known::Unknown(Reason::NotConfigured));
        let loss = Return::of(Known::Value(usd(-5)), Known::Value(usd(10)), YEARLY_RATE);
        assert_eq!(loss.payback, Known::Unknown(Reason::NoData));
        assert!(near(loss.roi_12, -7.0));
        let free = Return::of(Known::Value(usd(5)), Known::Value(usd(0)), YEARLY_RATE);
        assert_eq!(free.roi_12, Known::Unknown(Reason::NoData));
        assert!(near(free.payback, 0.0));
    }
}
