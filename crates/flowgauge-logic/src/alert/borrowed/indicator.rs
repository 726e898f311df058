//! What counts in an objective of others, by its queries: the calls that did not fail, or those within
//! a limit. Series are those of OpenTelemetry's conventions for generative AI, as Prometheus names
//! them, which count the same calls as we do. Other series count something else, and are refused.

use super::query::{Counted, Label, counted, split};
use crate::alert::condition::{MatchOp, Matcher};
use crate::alert::facts::Timing;
use crate::alert::rule::Sli;
use crate::call::Text;
use crate::rollup::Dim;
use crate::unit::Micros;

/// How others say what counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Queries {
    /// Bad ones, and all.
    Bad {
        /// The bad ones.
        bad: String,
        /// All of them.
        total: String,
    },
    /// Good ones, and all.
    Good {
        /// The good ones.
        good: String,
        /// All of them.
        total: String,
    },
    /// The share of bad ones.
    BadShare(String),
    /// The share of good ones.
    GoodShare(String),
}

/// Histograms of calls, without their endings (OpenTelemetry semantic conventions 1.37, gen-ai-metrics;
/// a dot becomes an underscore and the unit is appended).
const HISTOGRAMS: &[(&str, Timing)] = &[
    ("gen_ai_client_operation_duration_seconds", Timing::Latency),
    ("gen_ai_server_request_duration_seconds", Timing::Latency),
    ("gen_ai_server_time_to_first_token_seconds", Timing::Ttft),
    ("gen_ai_server_time_per_output_token_seconds", Timing::Tpot),
];
/// Their labels, and ours.
const LABELS: &[(&str, Dim)] = &[
    ("gen_ai_request_model", Dim::Model),
    ("gen_ai_response_model", Dim::Model),
    ("gen_ai_provider_name", Dim::Provider),
    ("gen_ai_system", Dim::Provider),
    ("service_name", Dim::Service),
    ("service_version", Dim::Version),
    ("deployment_environment", Dim::Environment),
    ("deployment_environment_name", Dim::Environment),
];
/// There on a call that failed, and on no other.
const FAILED: &str = "error_type";
/// The upper edge of a bucket, seconds.
const EDGE: &str = "le";
/// Our own share of failures in `/metrics`.
const OWN_ERRORS: &str = "flowgauge_error_rate_ratio";

/// What counts, in our words.
///
/// # Errors
/// Why it cannot be said here.
pub fn indicator(queries: &Queries) -> Result<Sli, String> {
    match queries {
        Queries::Bad { bad, total } => of_bad(bad, &Calls::of(total)?),
        Queries::Good { good, total } => of_good(good, &Calls::of(total)?),
        Queries::BadShare(query) => {
            let plain = query.replace("avg_over_time", "");
            if counted(&plain).is_ok_and(|c| c.name == OWN_ERRORS && c.labels.is_empty()) {
                return Ok(Sli::Availability { selector: Vec::new() });
            }
            let (bad, total) = ratio(query)?;
            of_bad(bad, &Calls::of(total)?)
        }
        Queries::GoodShare(query) => {
            let (good, total) = ratio(query)?;
            of_good(good, &Calls::of(total)?)
        }
    }
}

fn ratio(query: &str) -> Result<(&str, &str), String> {
    split(query, '/')
        .ok_or_else(|| format!("only a count divided by a count is read, not {query:?}"))
}

/// Calls of one histogram.
#[derive(Debug)]
struct Calls {
    histogram: &'static str,
    timing: Timing,
    selector: Vec<Matcher>,
    failed: Option<bool>,
    /// Only those within so many seconds.
    within: Option<f64>,
}

impl Calls {
    fn of(query: &str) -> Result<Self, String> {
        let Counted { name, labels } = counted(query)?;
        let known = HISTOGRAMS.iter().find_map(|(histogram, timing)| {
            Some((*histogram, *timing, name.strip_prefix(histogram)?))
        });
        let Some((histogram, timing, ending)) = known else {
            return Err(format!(
                "{name} counts other things than calls of models; series of OpenTelemetry's conventions are read, e.g. {}_count",
                HISTOGRAMS.first().map_or("", |(histogram, _)| histogram)
            ));
        };
        let mut calls =
            Self { histogram, timing, selector: Vec::new(), failed: None, within: None };
        for label in labels {
            calls.narrow(label)?;
        }
        match (ending, calls.within) {
            ("_count", None) | ("_bucket", Some(_)) => Ok(calls),
            ("_bucket", None) => Err(format!("{name} without `{EDGE}` counts no calls")),
            _ => Err(format!("{name} is no count of calls")),
        }
    }

    fn narrow(&mut self, label: Label) -> Result<(), String> {
        let written = format!("{}{}{:?}", label.name, label.op, label.value);
        match (label.name.as_str(), label.op()) {
            (EDGE, MatchOp::Equal) => {
                let edge = label.value.parse::<f64>().ok().filter(|s| s.is_finite() && *s > 0.0);
                self.within = Some(edge.ok_or_else(|| format!("{written} is no limit"))?);
            }
            (FAILED, op) => {
                self.failed = Some(match (op, label.value.as_str()) {
                    (MatchOp::NotEqual, "") | (MatchOp::Matches, ".+") => true,
                    (MatchOp::Equal, "") | (MatchOp::NotMatches, ".+") => false,
                    _ => {
                        return Err(format!(
                            "{written}: kinds of failures are not told apart here"
                        ));
                    }
                });
            }
            (name, op) => {
                let dim = LABELS.iter().find(|(theirs, _)| *theirs == name);
                let (_, dim) = dim.ok_or_else(|| format!("{written}: we have no such label"))?;
                self.selector.push(Matcher { dim: *dim, op, value: Text::from(label.value) });
            }
        }
        Ok(())
    }

    /// Whether these are some of the others, told apart by success or limit alone.
    fn are_of(&self, all: &Self) -> Result<(), String> {
        if all.failed.is_some() || all.within.is_some() {
            return Err("the total leaves calls out".to_owned());
        }
        if self.histogram != all.histogram || self.selector != all.selector {
            return Err("both queries must be about the same series and labels".to_owned());
        }
        Ok(())
    }
}

fn of_bad(bad: &str, total: &Calls) -> Result<Sli, String> {
    if let Some((all, good)) = split(bad, '-') {
        // All without those within the limit.
        let all = Calls::of(all)?;
        all.are_of(total)?;
        if all.failed.is_none() && all.within.is_none() {
            return of_good(good, total);
        }
    }
    let bad = Calls::of(bad)?;
    bad.are_of(total)?;
    match (bad.failed, bad.within) {
        (Some(true), None) => Ok(availability(bad)),
        _ => Err("the bad ones are neither those that failed nor those beyond a limit".to_owned()),
    }
}

fn of_good(good: &str, total: &Calls) -> Result<Sli, String> {
    let good = Calls::of(good)?;
    good.are_of(total)?;
    match (good.failed, good.within) {
        (Some(false), None) => Ok(availability(good)),
        (None, Some(seconds)) => {
            let limit = micros(seconds);
            Ok(Sli::Faster { selector: good.selector, timing: good.timing, limit })
        }
        _ => {
            Err("the good ones are neither those that did not fail nor those within a limit"
                .to_owned())
        }
    }
}

fn availability(calls: Calls) -> Sli {
    Sli::Availability { selector: calls.selector }
}

fn micros(seconds: f64) -> Micros {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "finite and above zero; beyond 2^64 µs it saturates"
    )]
    let whole = (seconds * 1e6).round() as u64;
    Micros(whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    const COUNT: &str = "gen_ai_client_operation_duration_seconds_count";
    const BUCKET: &str = "gen_ai_client_operation_duration_seconds_bucket";

    fn rate(name: &str, selector: &str) -> String {
        format!("sum(rate({name}{{{selector}}}[{{{{.window}}}}]))")
    }

    #[test]
    fn failures_of_all_calls_are_availability() {
        let model = "gen_ai_request_model=\"gpt-5\"";
        let bad = rate(COUNT, &format!("{model},error_type!=\"\""));
        let total = rate(COUNT, model);
        let wanted = Sli::Availability {
            selector: vec![Matcher {
                dim: Dim::Model,
                op: MatchOp::Equal,
                value: Text::const_new("gpt-5"),
            }],
        };
        let queries = Queries::Bad { bad: bad.clone(), total: total.clone() };
        assert_eq!(indicator(&queries), Ok(wanted.clone()));
        let share = Queries::BadShare(format!("({bad} / {total})"));
        assert_eq!(indicator(&share), Ok(wanted));
        let own = Queries::BadShare(format!("avg_over_time({OWN_ERRORS}[{{{{.window}}}}])"));
        assert_eq!(indicator(&own), Ok(Sli::Availability { selector: Vec::new() }));
    }

    #[test]
    fn a_bucket_of_all_calls_is_a_limit_said_either_way() {
        let (good, total) = (rate(BUCKET, "le=\"2.56\""), rate(COUNT, ""));
        let limit = Micros(2_560_000);
        let wanted = Sli::Faster { selector: Vec::new(), timing: Timing::Latency, limit };
        let bad = format!("({total} - {good})");
        assert_eq!(indicator(&Queries::Bad { bad, total: total.clone() }), Ok(wanted.clone()));
        assert_eq!(indicator(&Queries::Good { good, total }), Ok(wanted));
    }

    #[test]
    fn what_counts_something_else_is_refused_with_the_reason() {
        let refused =
            |bad: String, total: String| indicator(&Queries::Bad { bad, total }).unwrap_err();
        let http = "http_requests_total";
        assert!(refused(rate(http, "code=\"500\""), rate(http, "")).contains("other things"));
        let kind = refused(rate(COUNT, "error_type=\"timeout\""), rate(COUNT, ""));
        assert!(kind.contains("not told apart"), "{kind}");
        let other = refused(rate(COUNT, "error_type!=\"\",service_name=\"a\""), rate(COUNT, ""));
        assert!(other.contains("same series and labels"), "{other}");
        let pod = refused(rate(COUNT, "error_type!=\"\""), rate(COUNT, "pod=\"a\""));
        assert!(pod.contains("no such label"), "{pod}");
    }
}
