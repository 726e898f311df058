//! The rules of the benchmark, as text.

use std::fmt::Write;

const RULES: usize = 10_000;
/// Of so many rules one fires: an alert that everybody ignores is common, a thousand are not.
const FIRES_ONE_IN: usize = 100;

/// Every kind of decision in turn: quantiles by counts, shares, means, money.
fn condition(n: usize, series: &str) -> String {
    // Calls take 0.1 to 2 s, one in a hundred fails and each costs a cent.
    let slow = 2_100 + n;
    match n % 5 {
        _ if n.is_multiple_of(FIRES_ONE_IN) => {
            format!("p95_latency{series} > {}ms for 5m", 100 + n % 900)
        }
        0 | 1 => format!("p95_latency{series} > {slow}ms for 5m"),
        2 => format!("error_rate{series} > {}.{:03}% for 5m", 5 + n % 40, n % 1_000),
        3 => format!("ttft_p95{series} > {slow}ms for 10m"),
        _ => format!("cost_per_request{series} > ${}.{:03}", 1 + n % 7, n % 1_000),
    }
}

fn all(series: impl Fn(usize) -> String) -> String {
    let mut text = "alerts:\n".to_owned();
    for n in 0..RULES {
        let condition = condition(n, &series(n));
        // Writing to a text cannot fail.
        let _ = write!(
            text,
            "- alert: r{n}\n  condition: '{condition}'\n  severity: warning\n  channels: [slack]\n  message: m\n"
        );
    }
    text
}

/// One instance for every model.
pub(crate) fn by_model() -> String {
    all(|_| " by (model)".to_owned())
}

/// One instance.
pub(crate) fn simple() -> String {
    all(|_| String::new())
}

/// One instance over a hundredth of the calls.
pub(crate) fn selecting() -> String {
    all(|n| format!("{{model=\"model-{}\", intent=\"intent-{}\"}}", n / 10 % 10, n / 100 % 10))
}

/// A hundred rules that fire at once and resolve at once.
pub(crate) fn storm() -> String {
    let mut text = "alerts:\n".to_owned();
    for n in 0..100 {
        let _ = write!(
            text,
            "- alert: r{n}\n  condition: error_rate > {}%\n  keep: 0s\n  severity: critical\n  \
             channels: [slack]\n  message: \"{{{{value}}}}% of calls fail\"\n",
            10 + n % 50
        );
    }
    text
}
