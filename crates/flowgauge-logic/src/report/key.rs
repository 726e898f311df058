//! The rows of the key table, in the guide's order, from readings: shared by daily, weekly and monthly reports.

use super::facts::{Forecast, Reading, Readings};
use super::figure::{Figure, Interval, Quantity, Side, Status, Target};
use super::number;
use super::table::{KeyPart, KeyRow, KeyTable};
use crate::known::{Known, Reason};
use crate::kpi::{Better, Kpi};
use crate::unit::NanoUsd;
use serde::{Deserialize, Serialize};

/// Growth of tokens that is still on target, week on week (K6).
const TOKEN_GROWTH: f64 = 0.15;
/// A forecast is drawn up beyond what may be spent: above this share of it, the budget is close (R8).
const BUDGET_WARNING: f64 = 0.9;

/// What the key table needs beside readings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Extra {
    /// Which method token reduction is by: a, b or c.
    pub reduction_method: String,
    /// The intent of the lowest quality.
    pub worst_intent: Option<Intent>,
    /// Intents below the target of quality.
    pub intents_below: Known<u64>,
    /// Tokens against the week before, a share.
    pub token_growth: Known<f64>,
    /// The month's budget.
    pub budget: Option<NanoUsd>,
    /// What the month will cost.
    pub forecast: Option<Forecast>,
    /// The busiest minute.
    pub peak_per_minute: Known<f64>,
}

impl Default for Extra {
    fn default() -> Self {
        let none = Reason::NotConfigured;
        Self {
            reduction_method: "a".to_owned(),
            worst_intent: None,
            intents_below: Known::Unknown(none),
            token_growth: Known::Unknown(none),
            budget: None,
            forecast: None,
            peak_per_minute: Known::Unknown(none),
        }
    }
}

/// An intent and its quality.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Intent {
    /// Its name.
    pub name: String,
    /// Its quality, 0–100.
    pub quality: f64,
    /// Scores behind it.
    pub n: u64,
}

/// The key table of a `day`, a `week` or a `month`, and what its last column compares with.
#[must_use]
pub fn table(readings: &Readings, extra: &Extra, span: &str, before: &str) -> KeyTable {
    let one = |metric: &str, name: &str| row(metric, vec![part(readings, name, metric)]);
    let rows = vec![
        one("P95 Latency", "p95_latency"),
        reduction(readings, extra),
        quality(readings, extra),
        row(
            "Cache Hit Rate; memory; TTL effectiveness",
            vec![
                part(readings, "cache_hit_rate", "Cache Hit Rate"),
                part(readings, "cache_memory_usage", "memory"),
                part(readings, "ttl_effectiveness", "TTL effectiveness"),
            ],
        ),
        cost(readings, extra, span),
        row(
            "P50 / mean / P99",
            vec![
                part(readings, "p50_latency", "P50"),
                part(readings, "mean_latency", "mean"),
                part(readings, "p99_latency", "P99"),
            ],
        ),
        one("TTFT P95", "ttft_p95"),
        tokens(readings, extra),
        one("User satisfaction", "user_satisfaction"),
        forecast(extra, span),
        row(
            "Errors; availability; peak requests/min",
            vec![
                part(readings, "error_rate", "Errors"),
                part(readings, "availability", "availability"),
                peak(extra),
            ],
        ),
    ];
    KeyTable { before: before.to_owned(), rows }
}

fn row(metric: &str, parts: Vec<KeyPart>) -> KeyRow {
    KeyRow { metric: metric.to_owned(), parts, remark: None }
}

/// A reading as part of a row, with the target of the KPI catalogue.
#[must_use]
pub fn part(readings: &Readings, name: &str, title: &str) -> KeyPart {
    let Reading { figure, status, baseline, before } = readings.of(name);
    KeyPart {
        target: Kpi::find(name).and_then(catalogued),
        title: title.to_owned(),
        figure,
        of: None,
        note: None,
        status,
        baseline,
        before,
    }
}

/// The target as the guide writes it: `<` and `>`, although a value on the limit meets it.
fn catalogued(kpi: &Kpi) -> Option<Target> {
    let side = match kpi.better {
        Better::Lower => Side::Below,
        Better::Higher => Side::Above,
        Better::Neither => return None,
    };
    let limit = Quantity::of_kpi(kpi, kpi.target?).value()?;
    Some(Target { side, limit, note: None })
}

fn reduction(readings: &Readings, extra: &Extra) -> KeyRow {
    let mut reduction = part(readings, "token_reduction", "Token Reduction");
    if reduction.figure.value().value().is_some() {
        let estimated = readings.value("estimated_usage").value();
        let counted = estimated.map_or_else(String::new, |share| {
            format!("; {} of counts estimated", number::text(share))
        });
        reduction.note = Some(format!("method {}{counted}", extra.reduction_method));
    }
    row("Token Reduction", vec![reduction])
}

fn quality(readings: &Readings, extra: &Extra) -> KeyRow {
    let overall = part(readings, "quality_score", "Quality Score");
    let Some(worst) = &extra.worst_intent else { return row("Quality Score", vec![overall]) };
    let worst = KeyPart {
        title: "worst intent".to_owned(),
        figure: Figure::known("worst_intent_quality", Quantity::Quality(worst.quality))
            .over(worst.n)
            .by("Mean of quality scores of the intent with the lowest."),
        of: Some(worst.name.clone()),
        note: None,
        target: None,
        status: None,
        baseline: None,
        before: None,
    };
    let below = extra.intents_below.value().filter(|n| *n > 0);
    KeyRow {
        remark: below.map(|n| format!("{n} {} below", if n == 1 { "intent" } else { "intents" })),
        ..row("Quality Score; worst intent", vec![overall, worst])
    }
}

fn cost(readings: &Readings, extra: &Extra, span: &str) -> KeyRow {
    let mut each = part(readings, "cost_per_request", "Cost per Request");
    if let Some(Quantity::Count(n)) = readings.value("unpriced_calls").value()
        && n > 0
    {
        let calls = if n == 1 { "call" } else { "calls" };
        each.note = Some(format!("{} {calls} not priced", number::count(n)));
    }
    let whole = part(readings, "total_cost", span);
    if span == "month" {
        // The month to date is the month itself.
        let whole = extra.budget.map_or(whole.clone(), |b| against_budget(whole, b));
        return row("Cost per Request; month", vec![each, whole]);
    }
    let mut month = part(readings, "monthly_cost", "month to date");
    if let Some(budget) = extra.budget {
        month = against_budget(month, budget);
    }
    row(&format!("Cost per Request; {span}; month to date"), vec![each, whole, month])
}

/// Money judged against what may be spent.
#[must_use]
pub fn against_budget(part: KeyPart, budget: NanoUsd) -> KeyPart {
    let limit = Quantity::Usd(budget);
    KeyPart {
        note: Some(format!("of {}", number::text(limit))),
        target: Some(Target { side: Side::Below, limit, note: None }),
        status: Some(spending(part.figure.value(), budget)),
        ..part
    }
}

/// Spending against a budget: close is off target, beyond is an alert.
fn spending(spent: Known<Quantity>, budget: NanoUsd) -> Status {
    let Known::Value(Quantity::Usd(spent)) = spent else { return Status::NoData };
    if spent > budget {
        Status::Alert
    } else if spent.as_usd_f64() > BUDGET_WARNING * budget.as_usd_f64() {
        Status::OffTarget
    } else {
        Status::Met
    }
}

fn tokens(readings: &Readings, extra: &Extra) -> KeyRow {
    let each = part(readings, "tokens_per_request", "Tokens per request");
    let mut total = part(readings, "total_tokens", "total");
    total.target = Some(Target {
        side: Side::AtMost,
        limit: Quantity::Share(TOKEN_GROWTH),
        note: Some("week on week".to_owned()),
    });
    total.status = Some(match extra.token_growth {
        Known::Value(g) if g <= TOKEN_GROWTH => Status::Met,
        Known::Value(_) => Status::OffTarget,
        Known::Unknown(_) => Status::NoData,
    });
    total.note = extra
        .token_growth
        .value()
        .map(|g| format!("{} week on week", number::signed(Quantity::Share(g))));
    row("Tokens per request; total", vec![each, total])
}

/// A month that is over has a forecast of the next one.
fn forecast(extra: &Extra, span: &str) -> KeyRow {
    let title = match &extra.forecast {
        Some(f) if span == "month" => format!("Forecast for {}", f.of),
        _ => "Month forecast".to_owned(),
    };
    row(&title, vec![forecast_part(extra, &title)])
}

fn forecast_part(extra: &Extra, title: &str) -> KeyPart {
    let figure = match &extra.forecast {
        None => Figure::new("month_forecast_usd", Known::Unknown(Reason::NotConfigured)),
        Some(f) => {
            let figure = Figure::new("month_forecast_usd", f.cost.map(Quantity::Usd))
                .by(format!("{}; n counts days.", f.method))
                .over(f.days);
            match f.interval {
                None => figure,
                Some((low, high)) => figure.within(Interval {
                    low: Quantity::Usd(low),
                    high: Quantity::Usd(high),
                    level: f.level,
                }),
            }
        }
    };
    KeyPart {
        title: title.to_owned(),
        status: extra.budget.map(|b| spending(figure.value(), b)),
        figure,
        of: None,
        note: None,
        target: extra.budget.map(|b| Target {
            side: Side::Below,
            limit: Quantity::Usd(b),
            note: None,
        }),
        baseline: None,
        before: None,
    }
}

fn peak(extra: &Extra) -> KeyPart {
    let value = extra.peak_per_minute.map(Quantity::PerMinute);
    KeyPart {
        title: "peak requests/min".to_owned(),
        figure: Figure::new("peak_requests_per_minute", value)
            .by("Requests of the busiest minute."),
        of: None,
        note: None,
        target: None,
        status: None,
        baseline: None,
        before: None,
    }
}
