//! Tree to text: the one canonical way to write a condition. What is printed reads as the same tree.

use super::super::condition::{
    Bound, Cadence, ChangeKind, Cmp, Comparison, Condition, Expr, Guards, Hold, MatchOp, Operand,
    Predicate, Quantity, Reference, Schedule, Series, Written,
};
use super::lexer::{is_word, quote};
use super::schedule::WEEKDAYS;
use crate::unit::Micros;

/// The condition as text.
#[must_use]
pub fn print(condition: &Condition) -> String {
    match condition {
        Condition::When { expr, hold } => {
            let mut text = print_expr(expr);
            text.push_str(&hold_text(hold));
            text
        }
        Condition::Schedule(schedule) => schedule_text(schedule),
    }
}

/// The expression as text, with the fewest parentheses.
#[must_use]
pub fn print_expr(expr: &Expr) -> String {
    match expr {
        Expr::Or(parts) => join(parts, " or ", |part| matches!(part, Expr::Or(_))),
        Expr::And(parts) => join(parts, " and ", |part| matches!(part, Expr::Or(_) | Expr::And(_))),
        Expr::Not(inner) if matches!(**inner, Expr::Is(_)) => format!("not {}", print_expr(inner)),
        Expr::Not(inner) => format!("not ({})", print_expr(inner)),
        Expr::Is(predicate) => predicate_text(predicate),
    }
}

fn join(parts: &[Expr], word: &str, parenthesised: impl Fn(&Expr) -> bool) -> String {
    let part = |part: &Expr| {
        let text = print_expr(part);
        if parenthesised(part) { format!("({text})") } else { text }
    };
    parts.iter().map(part).collect::<Vec<_>>().join(word)
}

/// A length of time, `1h30m`: days, hours, minutes, seconds, and milliseconds with a fraction.
#[must_use]
pub fn print_duration(length: Micros) -> String {
    let mut rest = length.0;
    let mut text = String::new();
    let units = [(86_400_000_000, "d"), (3_600_000_000, "h"), (60_000_000, "m"), (1_000_000, "s")];
    for (worth, unit) in units {
        if rest >= worth {
            text.push_str(&format!("{}{unit}", rest / worth));
            rest %= worth;
        }
    }
    if rest > 0 {
        let fraction = format!("{:03}", rest % 1_000);
        let fraction = fraction.trim_end_matches('0');
        let point = if fraction.is_empty() { "" } else { "." };
        text.push_str(&format!("{}{point}{fraction}ms", rest / 1_000));
    }
    if text.is_empty() { "0s".to_owned() } else { text }
}

fn hold_text(hold: &Hold) -> String {
    if hold.is_none() {
        return String::new();
    }
    let tolerance = hold.tolerance.map(|t| format!(" ({} of {})", t.k, t.n));
    format!(" for {}{}", print_duration(hold.length), tolerance.unwrap_or_default())
}

fn predicate_text(predicate: &Predicate) -> String {
    match predicate {
        Predicate::Compare(comparison) => comparison_text(comparison),
        Predicate::NoData { from, length } => {
            format!("no data for {} from {}", print_duration(*length), series_text(from))
        }
        Predicate::Absent(series) => format!("absent({})", series_text(series)),
        Predicate::BurnRate { slo, factor, long, short } => format!(
            "burn_rate({}) > {factor} over {} and {}",
            if is_word(slo) { slo.to_string() } else { quote(slo) },
            print_duration(*long),
            print_duration(*short)
        ),
        Predicate::Regression { of, against, beyond, guards } => {
            let against = against.as_ref().map(|r| format!(" vs {}", reference_text(r)));
            let beyond = beyond.map(|(cmp, percent)| format!(" {} {percent}%", cmp_text(cmp)));
            format!(
                "regression({}{}){}{}",
                series_text(of),
                against.unwrap_or_default(),
                beyond.unwrap_or_default(),
                guards_text(guards)
            )
        }
        Predicate::Forecast { of, ahead, cmp, bound } => {
            let ahead = ahead.map(|a| format!(", {}", print_duration(a))).unwrap_or_default();
            let of = series_text(of);
            format!("forecast({of}{ahead}) {} {}", cmp_text(*cmp), bound_text(bound))
        }
    }
}

fn comparison_text(comparison: &Comparison) -> String {
    let operand = match &comparison.operand {
        Operand::Of(series) => series_text(series),
        Operand::Change { kind, of, against } => {
            let kind = match kind {
                ChangeKind::Increase => "increase",
                ChangeKind::Decrease => "decrease",
                ChangeKind::Change => "change",
            };
            format!("{kind} of {} vs {}", series_text(of), reference_text(against))
        }
    };
    let (cmp, bound) = (cmp_text(comparison.cmp), bound_text(&comparison.bound));
    format!("{operand} {cmp} {bound}{}", guards_text(&comparison.guards))
}

/// The sign of a comparison.
pub(super) const fn cmp_text(cmp: Cmp) -> &'static str {
    match cmp {
        Cmp::Above => ">",
        Cmp::AtLeast => ">=",
        Cmp::Below => "<",
        Cmp::AtMost => "<=",
        Cmp::Equal => "==",
        Cmp::NotEqual => "!=",
    }
}

fn series_text(series: &Series) -> String {
    let mut terms: Vec<String> = series
        .selector
        .iter()
        .map(|m| format!("{}{}{}", m.dim.word(), op_text(m.op), quote(&m.value)))
        .collect();
    if series.calendar_day {
        terms.insert(0, "calendar=\"day\"".to_owned());
    }
    let mut text = series.metric.word().to_owned();
    if !terms.is_empty() {
        text.push_str(&format!("{{{}}}", terms.join(", ")));
    }
    if let Some(over) = series.over {
        text.push_str(&format!(" over {}", print_duration(over)));
    }
    if !series.by.is_empty() {
        let labels: Vec<&str> = series.by.iter().map(|d| d.word()).collect();
        text.push_str(&format!(" by ({})", labels.join(", ")));
    }
    text
}

const fn op_text(op: MatchOp) -> &'static str {
    match op {
        MatchOp::Equal => "=",
        MatchOp::NotEqual => "!=",
        MatchOp::Matches => "=~",
        MatchOp::NotMatches => "!~",
    }
}

fn bound_text(bound: &Bound) -> String {
    match bound {
        Bound::Quantity(quantity) => quantity_text(*quantity),
        Bound::PercentOf { percent, of } => format!("{percent}% of {}", reference_text(of)),
        Bound::Reference { reference, offset } => {
            let offset = offset.map(|o| {
                let sign = if o.minus { '-' } else { '+' };
                format!(" {sign} {}", quantity_text(o.amount))
            });
            format!("{}{}", reference_text(reference), offset.unwrap_or_default())
        }
    }
}

/// `2500ms`, `$0.007`, `5 USD`: words stand apart from their number, symbols do not.
pub(super) fn quantity_text(quantity: Quantity) -> String {
    let Quantity { number, unit } = quantity;
    match unit {
        Written::Dollar if number.is_sign_negative() => format!("-${}", number.abs()),
        Written::Dollar => format!("${number}"),
        Written::Usd | Written::Cents | Written::Tokens => format!("{number} {}", unit.sign()),
        _ => format!("{number}{}", unit.sign()),
    }
}

/// A reference as it is written.
pub(super) fn reference_text(reference: &Reference) -> String {
    match reference {
        Reference::Baseline(Some(name)) => format!("baseline({})", quote(name)),
        Reference::Baseline(None) => "baseline".to_owned(),
        Reference::Budget(Some(name)) => format!("budget({})", quote(name)),
        Reference::Budget(None) => "budget".to_owned(),
        Reference::Target => "target".to_owned(),
        Reference::Capacity => "capacity".to_owned(),
        Reference::Previous(length) => format!("previous {}", print_duration(*length)),
        Reference::Yesterday => "yesterday".to_owned(),
        Reference::LastWeek => "last_week".to_owned(),
        Reference::Metric(series) => series_text(series),
    }
}

fn guards_text(guards: &Guards) -> String {
    let confidence = guards.confidence.map(|c| format!(" with {}% confidence", percent_of(c)));
    let samples = guards.min_samples.map(|n| format!(" min {n} samples"));
    format!("{}{}", confidence.unwrap_or_default(), samples.unwrap_or_default())
}

/// The percent that, divided by 100, is this ratio again: 0.07 × 100 is 7.000000000000001, so the
/// point is moved in the digits instead.
fn percent_of(ratio: f64) -> f64 {
    let digits = format!("{ratio}e2");
    digits.parse().unwrap_or(ratio * 100.0)
}

fn schedule_text(schedule: &Schedule) -> String {
    let mut text = match &schedule.every {
        Cadence::Daily => "daily_schedule".to_owned(),
        Cadence::Weekly(day) => {
            let name = usize::from(*day).checked_sub(1).and_then(|i| WEEKDAYS.get(i)).copied();
            format!("weekly_schedule on {}", name.unwrap_or("monday"))
        }
        Cadence::Monthly(day) => format!("monthly_schedule on {day}"),
        Cadence::Cron(pattern) => format!("cron {}", quote(pattern)),
    };
    if let Some(at) = schedule.at {
        text.push_str(&format!(" at {:02}:{:02}", at / 60, at % 60));
    }
    if let Some(zone) = schedule.zone {
        text.push_str(&format!(" tz {}", quote(zone.name())));
    }
    text
}
