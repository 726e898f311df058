//! Objectives of others (Sloth, OpenSLO) as a rule file of ours: what counts, and the burn rates that
//! are told of.
//!
//! Owns what of them means the same here, and the text. Refuses files and YAML, and to guess: what
//! cannot be said comes back with the reason.

mod indicator;
mod query;

use super::condition::Matcher;
use super::facts::Timing;
use super::language::{self, Context};
use super::rule::{Severity, Sli, Slo, SloPeriod};
use crate::call::Text;
use crate::unit::Micros;
use std::collections::BTreeMap;
use std::fmt::Write;

pub use indicator::{Queries, indicator};

/// A factor, and the long and the short window it is exceeded in.
pub type Pace = (f64, Micros, Micros);

const MINUTE: u64 = 60_000_000;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// What pages at Sloth: 2 % of the budget of 30 days in an hour, 5 % in six hours (Google, The Site
/// Reliability Workbook, 2018, chapter 5; alerting 13.2).
pub const PAGE: [Pace; 2] =
    [(14.4, Micros(HOUR), Micros(5 * MINUTE)), (6.0, Micros(6 * HOUR), Micros(30 * MINUTE))];
/// What makes a ticket there: 10 % of the budget in a day, and in three.
pub const TICKET: [Pace; 2] =
    [(3.0, Micros(DAY), Micros(2 * HOUR)), (1.0, Micros(3 * DAY), Micros(6 * HOUR))];

/// An alert on how fast an error budget burns.
#[derive(Debug, Clone, PartialEq)]
pub struct Burn {
    /// Its name there.
    pub name: String,
    /// How bad.
    pub severity: Severity,
    /// Any of these is enough.
    pub paces: Vec<Pace>,
    /// For how long it must burn so fast.
    pub hold: Micros,
    /// Whether no data is as bad.
    pub no_data_fires: bool,
    /// Labels added.
    pub labels: BTreeMap<String, String>,
    /// Texts for people.
    pub annotations: BTreeMap<String, String>,
}

/// A rule file being written.
#[derive(Debug, Clone, Default)]
pub struct Borrowed {
    slos: String,
    rules: String,
    taken: Vec<String>,
}

impl Borrowed {
    /// Adds an objective; gives it the name it has here, which differs where that is taken or may not
    /// be written.
    pub fn objective(&mut self, name: &str, sli: Sli, objective: f64, period: SloPeriod) -> Slo {
        let name = self.free(name);
        let percent = rounded(objective * 100.0);
        // Writing to a text cannot fail.
        let _ = write!(
            self.slos,
            "  - name: {name}\n    sli: {{good: {}}}\n    objective: {percent}%\n    period: {}\n",
            quoted(&said(&sli)),
            match period {
                SloPeriod::Rolling(days) => format!("{days}d"),
                SloPeriod::Month => "month".to_owned(),
            }
        );
        Slo { name: Text::from(name), sli, objective, period }
    }

    /// Adds an alert on an objective. What of its paces cannot be reached or said is given back with
    /// the reason; without any pace left there is no alert.
    pub fn alert(&mut self, slo: &Slo, burn: &Burn) -> Vec<String> {
        let mut left_out = Vec::new();
        let slos = std::slice::from_ref(slo);
        let context = Context { slos, ..Context::default() };
        let mut paces = Vec::new();
        for (factor, long, short) in &burn.paces {
            let (long, short) = (language::print_duration(*long), language::print_duration(*short));
            let pace = format!("burn_rate({}) > {factor} over {long} and {short}", slo.name);
            match language::read(&pace, &context) {
                Ok(_) => paces.push(pace),
                Err(faults) => {
                    let why = faults.first().map_or_else(String::new, ToString::to_string);
                    left_out.push(format!("{pace}: {why}"));
                }
            }
        }
        if paces.is_empty() {
            left_out.push("no pace is left that could be exceeded".to_owned());
            return left_out;
        }
        let name = self.free(&burn.name);
        let mut condition = paces.join(" or ");
        if burn.hold.0 > 0 {
            let _ = write!(condition, " for {}", language::print_duration(burn.hold));
        }
        let _ = write!(
            self.rules,
            "  - alert: {name}\n    condition: {}\n    severity: {}\n    channels: [slack]\n    message: {}\n",
            quoted(&condition),
            burn.severity.word(),
            quoted(&format!("The error budget of {} burns {{{{value}}}} times too fast", slo.name)),
        );
        if burn.no_data_fires {
            self.rules.push_str("    on_no_data: fire\n");
        }
        for (key, pairs) in [("labels", &burn.labels), ("annotations", &burn.annotations)] {
            if !pairs.is_empty() {
                let _ = writeln!(self.rules, "    {key}:");
            }
            for (name, value) in pairs {
                let _ = writeln!(self.rules, "      {}: {}", quoted(name), quoted(value));
            }
        }
        left_out
    }

    /// The file.
    #[must_use]
    pub fn text(&self, command: &str) -> String {
        let list = |key: &str, items: &str| match items {
            "" => format!("{key}: []\n"),
            items => format!("{key}:\n{items}"),
        };
        format!(
            "# Written by `{command}`. Both windows must burn; channels are those of ours.\n{}\n{}",
            list("slos", &self.slos),
            list("alerts", &self.rules)
        )
    }

    /// A name that may be written here and is not taken.
    fn free(&mut self, name: &str) -> String {
        let plain = |c: char| if c.is_ascii_alphanumeric() { c } else { '_' };
        let mut own: String = name.chars().map(plain).collect();
        if !own.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') {
            own.insert(0, '_');
        }
        let same = |own: &str| self.taken.iter().any(|taken| taken == own);
        let numbered = |n: usize| if n == 1 { own.clone() } else { format!("{own}_{n}") };
        // One more than there are names is free.
        let free = (1..=self.taken.len() + 1).map(numbered).find(|name| !same(name));
        let free = free.unwrap_or(own);
        self.taken.push(free.clone());
        free
    }
}

/// What counts, as `good:` says it.
fn said(sli: &Sli) -> String {
    match sli {
        Sli::Availability { selector } => format!("availability{}", narrowed(selector)),
        Sli::Faster { selector, timing, limit } => {
            let word = match timing {
                Timing::Latency => "latency",
                Timing::Ttft => "ttft",
                Timing::Tpot => "tpot",
            };
            let limit = match limit.0 {
                us if us.is_multiple_of(1_000) => format!("{}ms", us / 1_000),
                us => format!("{us}us"),
            };
            format!("{word}{} <= {limit}", narrowed(selector))
        }
        Sli::Quality { selector, at_least } => {
            format!("score{} >= {}%", narrowed(selector), rounded(at_least * 100.0))
        }
        Sli::Spend { budget } => budget.as_deref().unwrap_or("budget").to_owned(),
    }
}

fn narrowed(selector: &[Matcher]) -> String {
    let term = |m: &Matcher| {
        let op = match m.op {
            super::condition::MatchOp::Equal => "=",
            super::condition::MatchOp::NotEqual => "!=",
            super::condition::MatchOp::Matches => "=~",
            super::condition::MatchOp::NotMatches => "!~",
        };
        format!("{}{op}{}", m.dim.word(), quoted(&m.value))
    };
    if selector.is_empty() {
        return String::new();
    }
    format!("{{{}}}", selector.iter().map(term).collect::<Vec<_>>().join(", "))
}

/// A text as a JSON string, which is YAML too.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// Without the digits that a product of decimals adds: 0.07 · 100 is 7.
fn rounded(number: f64) -> f64 {
    (number * 1e9).round() / 1e9
}

#[cfg(test)]
mod tests {
    use super::*;

    fn burn(paces: &[Pace]) -> Burn {
        Burn {
            name: "Checkout burns".to_owned(),
            severity: Severity::Critical,
            paces: paces.to_vec(),
            hold: Micros(0),
            no_data_fires: false,
            labels: BTreeMap::from([("team".to_owned(), "a".to_owned())]),
            annotations: BTreeMap::new(),
        }
    }

    #[test]
    fn an_objective_and_its_alert_are_written_under_names_that_may_be_written() {
        let mut file = Borrowed::default();
        let sli = Sli::Availability { selector: Vec::new() };
        let slo = file.objective("my-app-availability", sli.clone(), 0.999, SloPeriod::Rolling(30));
        assert_eq!(slo.name, "my_app_availability");
        assert_eq!(
            file.objective("my app.availability", sli, 0.9, SloPeriod::Month).name,
            "my_app_availability_2"
        );
        assert_eq!(file.alert(&slo, &burn(&PAGE)), Vec::<String>::new());
        let text = file.text("flowgauge alert import sloth");
        assert!(text.contains("- name: my_app_availability\n    sli: {good: \"availability\"}\n    objective: 99.9%\n    period: 30d\n"), "{text}");
        let condition = "burn_rate(my_app_availability) > 14.4 over 1h and 5m or burn_rate(my_app_availability) > 6 over 6h and 30m";
        assert!(
            text.contains(&format!("- alert: Checkout_burns\n    condition: \"{condition}\"\n")),
            "{text}"
        );
    }

    #[test]
    fn a_pace_that_can_never_be_reached_is_left_out_and_named() {
        let mut file = Borrowed::default();
        let sli = Sli::Availability { selector: Vec::new() };
        // At 90 % the largest burn rate is 10.
        let slo = file.objective("a", sli.clone(), 0.9, SloPeriod::Rolling(30));
        let left = file.alert(&slo, &burn(&PAGE));
        assert!(left.len() == 1 && left[0].contains("at most 10"), "{left:?}");
        assert!(file.text("x").contains("condition: \"burn_rate(a) > 6 over 6h and 30m\""));
        // At 80 % it is 5, and neither can be.
        let slo = file.objective("b", sli, 0.8, SloPeriod::Rolling(30));
        assert_eq!(file.alert(&slo, &burn(&PAGE)).len(), 3);
    }
}
