//! What is reviewed each week and month: limits of rules, objectives, the candidate for the baseline.
//!
//! Refuses to change any of it.

use super::{Ground, Setup};
use crate::logic::alert::condition::{MatchOp, Matcher};
use crate::logic::alert::facts::Timing;
use crate::logic::alert::metric::{Dimension, Metric};
use crate::logic::alert::propose::{HeldBy, NotProposed, plain, propose};
use crate::logic::alert::rule::{Sli, Slo};
use crate::logic::baseline::Standing;
use crate::logic::known::{Known, Reason};
use crate::logic::kpi::Kpi;
use crate::logic::report::figure::nano_usd;
use crate::logic::report::monthly::Objective;
use crate::logic::report::weekly::{Proposal, Threshold};
use crate::logic::report::{Action, How, Quantity};
use crate::logic::rollup::{Dist, Filter, Rollup};
use crate::logic::score::{Evaluator, ScoreKind};
use crate::logic::unit::{NanoUsd, UnixMicros};
use crate::logic::window::Window;
use crate::query;
use crate::store::baselines::BaselineStore;
use crate::store::{JudgedBy, Reader, RollupQuery, Step, StoreError};

/// Days limits are reviewed over, as `alert thresholds propose` does.
const DAYS: i64 = 28;

/// Limits of the rules in force that have a plain one, over the four weeks up to the end of a period.
pub(super) fn thresholds(
    sources: Ground<'_>,
    window: Window,
) -> Result<Vec<Threshold>, StoreError> {
    let Setup { rules, .. } = sources.setup;
    let reviewed = rules.iter().filter(|r| r.enabled).filter_map(|rule| {
        let of = plain(rule)?;
        let kpi = of_metric(&of)?;
        Some((rule, of, kpi))
    });
    let reviewed: Vec<_> = reviewed.collect();
    let mut kpis: Vec<&'static Kpi> = reviewed.iter().map(|(_, _, kpi)| *kpi).collect();
    kpis.sort_by_key(|k| k.name);
    kpis.dedup_by_key(|k| k.name);
    if kpis.is_empty() {
        return Ok(Vec::new());
    }
    let query = RollupQuery {
        window: Window::last(DAYS * UnixMicros::DAY, window.to),
        filter: Filter::default(),
        group_by: Vec::new(),
        step: Step::Minutes(60),
    };
    let table = query::table(sources.reader, &kpis, &query)?;
    let mut out = Vec::new();
    for (rule, of, kpi) in reviewed {
        let Some(at) = kpis.iter().position(|k| k.name == kpi.name) else { continue };
        let values = table.rows.iter().filter_map(|row| row.values.get(at)?.value.value());
        let hours: Vec<f64> = values.map(|v| base(of.metric, v)).collect();
        let target = kpi.target.map(|t| base(of.metric, t));
        let limit = quantity(of.metric, of.current.base());
        let (proposed, reason) = match propose(rule, &of, &hours, target) {
            Ok(p) => {
                let why = match p.held_by {
                    None => "fits what was seen",
                    Some(HeldBy::Target) => "stricter would fire while the target is met",
                    Some(HeldBy::InForce) => "looser than the target is not proposed",
                };
                let beyond = format!(
                    "{why}; {} of {} hours were beyond the limit, {} would be",
                    p.beyond_current,
                    hours.len(),
                    p.beyond_proposed
                );
                (Some(quantity(of.metric, p.threshold.base())), beyond)
            }
            Err(NotProposed::Fits) => (None, "fits as it is".to_owned()),
            Err(NotProposed::TooFew) => continue,
        };
        out.push(Threshold { rule: rule.name.to_string(), limit, proposed, reason });
    }
    Ok(out)
}

fn of_metric(of: &crate::logic::alert::propose::Plain) -> Option<&'static Kpi> {
    of.metric.kpi().and_then(Kpi::find)
}

/// A KPI's unit as the base unit of rules.
fn base(metric: Metric, shown: f64) -> f64 {
    match metric.dimension() {
        Dimension::Time => shown * 1e3,
        Dimension::Ratio => shown / 100.0,
        Dimension::Money => shown * 1e9,
        Dimension::Count | Dimension::Size | Dimension::Rate | Dimension::Rating => shown,
    }
}

fn quantity(metric: Metric, base: f64) -> Quantity {
    match metric.dimension() {
        Dimension::Time => Quantity::Ms(base / 1e3),
        Dimension::Ratio => Quantity::Share(base),
        Dimension::Money => Quantity::Usd(nano_usd(base / 1e9)),
        Dimension::Rate => Quantity::PerMinute(base),
        Dimension::Rating => Quantity::Rating(base),
        Dimension::Count | Dimension::Size => Quantity::Tokens(base),
    }
}

/// Objectives over a period, and how far they were kept. Spending has its budget.
pub(super) fn objectives(
    sources: Ground<'_>,
    window: Window,
) -> Result<Vec<Objective>, StoreError> {
    let mut out = Vec::new();
    for slo in &sources.setup.slos {
        let Some((bad, n)) = counted(sources, window, slo)? else { continue };
        #[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^53")]
        let kept = match (bad, n) {
            // What rollups cannot tell apart.
            (None, _) => Known::Unknown(Reason::NotConfigured),
            (Some(_), 0) => Known::Unknown(Reason::NoData),
            (Some(bad), n) => Known::Value(1.0 - bad as f64 / n as f64),
        };
        out.push(Objective { name: slo.name.replace('_', " "), promised: slo.objective, kept, n });
    }
    Ok(out)
}

type Counted = Option<(Option<u64>, u64)>;

/// Bad and all events of an objective; nothing for one that is about money.
fn counted(sources: Ground<'_>, window: Window, slo: &Slo) -> Result<Counted, StoreError> {
    let (Sli::Availability { selector }
    | Sli::Faster { selector, .. }
    | Sli::Quality { selector, .. }) = &slo.sli
    else {
        return Ok(None);
    };
    let Some(filter) = filter(selector) else { return Ok(Some((None, 0))) };
    if let Sli::Quality { at_least, .. } = slo.sli {
        return scored(sources, window, at_least).map(Some);
    }
    let query = RollupQuery {
        window: window.whole_minutes(),
        filter,
        group_by: Vec::new(),
        step: Step::Whole,
    };
    let rollup = sources.reader.rollups(&query)?.pop().map(|g| g.rollup).unwrap_or_default();
    Ok(Some(match slo.sli {
        Sli::Faster { timing, limit, .. } => {
            let of = timed(&rollup, timing);
            (Some(of.histogram.count_above(limit.0)), of.count())
        }
        _ => (Some(rollup.failure), rollup.success + rollup.failure),
    }))
}

const fn timed(rollup: &Rollup, timing: Timing) -> &Dist {
    match timing {
        Timing::Latency => &rollup.latency,
        Timing::Ttft => &rollup.ttft,
        Timing::Tpot => &rollup.tpot,
    }
}

/// Whose evaluations tell the quality of a window.
pub(super) fn of_record(reader: &Reader, window: Window) -> Result<Option<Evaluator>, StoreError> {
    let (filter, group_by) = (Filter::default(), Vec::new());
    let query = RollupQuery { window, filter, group_by, step: Step::Whole };
    Ok(reader.score_sums(&query, ScoreKind::Evaluation, JudgedBy::OfRecord)?.by)
}

fn scored(
    sources: Ground<'_>,
    window: Window,
    at_least: f64,
) -> Result<(Option<u64>, u64), StoreError> {
    let Some(who) = of_record(sources.reader, window)? else { return Ok((Some(0), 0)) };
    let (bad, all) = sources.reader.judged_below(&who, window, at_least * 100.0)?;
    Ok((Some(bad), all))
}

/// What rollups can tell apart: dimensions that equal a value.
fn filter(selector: &[Matcher]) -> Option<Filter> {
    let equal =
        |m: &Matcher| (m.op == MatchOp::Equal).then(|| format!("{}={}", m.dim.word(), m.value));
    let words: Vec<String> = selector.iter().map(equal).collect::<Option<_>>()?;
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    Filter::parse(&words).ok()
}

/// The newest candidate for the baseline that nobody promoted yet, made before the end of a period.
pub(super) fn proposal(
    sources: Ground<'_>,
    window: Window,
    regressed: bool,
) -> Result<Option<Proposal>, StoreError> {
    let Some(store) = BaselineStore::open_reader(sources.dir)? else { return Ok(None) };
    let all = store.all()?;
    let promoted = all.iter().find(|(_, s)| s.standing == Standing::Promoted).map(|(b, _)| b.made);
    // A day of chores follows the period they are about.
    let until = UnixMicros(window.to.0.saturating_add(UnixMicros::DAY));
    let waits = all.into_iter().filter(|(b, s)| {
        s.standing == Standing::Candidate && b.made < until && promoted.is_none_or(|p| p < b.made)
    });
    let Some((baseline, _)) = waits.max_by_key(|(b, _)| b.made) else { return Ok(None) };
    let left: f64 = baseline.left_out.iter().map(|l| l.window.minutes()).sum();
    let of = baseline.window.minutes() / 1_440.0;
    let name = baseline.name.to_string();
    Ok(Some(Proposal {
        from: format!("{of:.0} days, {:.1} of them left out as bad times", left / 1_440.0),
        reason: if regressed {
            "Not to be promoted while a regression is open.".to_owned()
        } else {
            "Nothing speaks against it; a person promotes it.".to_owned()
        },
        action: Action {
            what: if regressed { "Look at it" } else { "Promote it" }.to_owned(),
            why: None,
            how: How::Command(format!(
                "flowgauge regression baseline {} {name}",
                if regressed { "show" } else { "promote" }
            )),
        },
        id: name,
    }))
}

/// Whether a budget of a name allows so much, for people.
pub(super) fn allowance(limit: NanoUsd, period: &str) -> String {
    format!("{} a {period}", crate::logic::report::number::text(Quantity::Usd(limit)))
}
