//! The verdict of a report: what a reader who stops after one sentence must know, and the subject of its mail.

use super::facts::{Regression, Regressions};
use super::figure::Status;
use super::table::{KeyPart, KeyTable};
use super::{moment, number};
use crate::known::Known;
use crate::unit::UnixMicros;
use chrono_tz::Tz;

/// Figures named in the sentence; the table has the others.
const NAMED: usize = 3;

/// The sentence. The worst regression first, then what is off target, then what is well.
#[must_use]
pub fn sentence(key: &KeyTable, regressions: &Regressions, from: UnixMicros, zone: Tz) -> String {
    let mut words = Vec::new();
    if let Some(worst) = regressions.found.first() {
        words.push(regressed(worst, from, zone));
        let more = regressions.found.len() - 1;
        if more > 0 {
            words.push(format!("{more} more {} below.", if more == 1 { "is" } else { "are" }));
        }
    }
    let said = regressions.found.first().map(|r| r.metric.to_lowercase());
    let off = off_target(key);
    let others = off.iter().filter(|p| said.as_deref() != Some(&p.title.to_lowercase()));
    let unnamed = others.clone().count().saturating_sub(NAMED);
    let mut others: Vec<_> = others.take(NAMED).map(|p| beside_target(p)).collect();
    if unnamed > 0 {
        others.push(format!("and {unnamed} more"));
    }
    let judged = judged(key);
    if judged == 0 {
        words.push("Nothing could be judged: no figure with a target was measured.".to_owned());
    } else if off.is_empty() {
        words.push(match judged {
            1 => "The one figure measured is on target.".to_owned(),
            n => format!("All {n} figures measured are on target."),
        });
    } else {
        if !others.is_empty() {
            words.push(format!("{}: {}.", tally(&off), others.join("; ")));
        }
        words.push("All else is on target.".to_owned());
    }
    let missing = parts(key).filter(|p| p.status == Some(Status::NoData)).count();
    if missing > 0 && judged > 0 {
        let figures = if missing == 1 { "figure was" } else { "figures were" };
        words.push(format!("{missing} {figures} not measured."));
    }
    words.join(" ")
}

/// What follows the title in a mail's subject: how many are off target, then money and quality.
#[must_use]
pub fn subject(key: &KeyTable) -> String {
    let off = off_target(key);
    let mut words = vec![match off.first() {
        None if judged(key) == 0 => "nothing could be judged".to_owned(),
        None => "all on target".to_owned(),
        Some(worst) => {
            let target = worst.target.as_ref().map_or_else(String::new, |t| {
                // The unit was just said.
                let words = number::target(t);
                format!(" ({})", words.strip_suffix(" ms").unwrap_or(&words))
            });
            let value = number::known(worst.figure.value());
            format!("{}, {} {value}{target}", tally(&off), short(&worst.title))
        }
    }];
    let figure = |name| parts(key).find(|p| p.figure.name() == name).map(|p| p.figure.value());
    if let Some(Known::Value(cost)) = figure("total_cost_usd") {
        words.push(number::text(cost));
    }
    if let Some(Known::Value(quality)) = figure("quality_score") {
        words.push(format!("quality {}", number::text(quality)));
    }
    words.join(" · ")
}

/// Figures with a target that were measured.
fn judged(key: &KeyTable) -> usize {
    parts(key).filter(|p| matches!(p.status, Some(s) if s != Status::NoData)).count()
}

fn parts(key: &KeyTable) -> impl Iterator<Item = &KeyPart> {
    key.rows.iter().flat_map(|r| &r.parts)
}

/// Alerts first, then what is off target, each in the order of the table.
fn off_target(key: &KeyTable) -> Vec<&KeyPart> {
    let with = |status| parts(key).filter(move |p| p.status == Some(status));
    with(Status::Alert).chain(with(Status::OffTarget)).collect()
}

fn tally(off: &[&KeyPart]) -> String {
    let alerts = off.iter().filter(|p| p.status == Some(Status::Alert)).count();
    match (alerts, off.len() - alerts) {
        (0, off) => format!("{off} off target"),
        (alerts, 0) => format!("{alerts} in alert"),
        (alerts, off) => format!("{alerts} in alert, {off} off target"),
    }
}

fn beside_target(part: &KeyPart) -> String {
    let target = part.target.as_ref().map(|t| format!(" (target {})", number::target(t)));
    let change = part.baseline.filter(|b| b.by.value().is_some());
    let change = change.map(|b| format!(", {} vs baseline", number::shift(&b)));
    let value = number::known(part.figure.value());
    format!("{} {value}{}{}", part.title, target.unwrap_or_default(), change.unwrap_or_default())
}

/// `P95 Latency` is `P95` where there is little room.
fn short(title: &str) -> &str {
    title.strip_suffix(" Latency").unwrap_or(title)
}

fn regressed(found: &Regression, from: UnixMicros, zone: Tz) -> String {
    let moved = match found.effect.by {
        Known::Value(by) => {
            let direction = if by.number() < 0.0 { "fell" } else { "rose" };
            let size = number::signed(by);
            format!("{direction} {}", size.trim_start_matches(['+', '\u{2212}']))
        }
        Known::Unknown(r) => format!("got worse ({})", number::unknown(r)),
    };
    let sure = found.effect.interval.map(|i| format!(" ({})", number::confidence(&i)));
    let since =
        found.first_seen.value().map(|at| format!(" from {}", moment::near(at, from, zone)));
    let slice = if found.slice.is_empty() || found.slice == "all" {
        String::new()
    } else {
        format!(" of {}", found.slice)
    };
    let cause = found.cause.as_ref().map(|c| format!(", right after {c}"));
    let ended = found.ended.as_ref().map_or_else(|| "; it lasts".to_owned(), |e| format!("; {e}"));
    format!(
        "{}{slice} {moved}{}{}{}{ended}.",
        found.metric,
        sure.unwrap_or_default(),
        since.unwrap_or_default(),
        cause.unwrap_or_default()
    )
}
