//! Prints the states of alerts as Prometheus' state machine has them, for comparing with a real one.
//!
//! Reads JSON lines: first `{"interval_us", "for_us", "keep_firing_for_us"}`, then one line for each
//! evaluation, `{"at_us": …, "active": ["series", …]}`. Prints one line for each: the moment and the
//! state of every alert that is pending or firing.

use flowgauge_logic::alert::prometheus::{AlertState, Alerts, Group, RESEND_DELAY, evaluate};
use flowgauge_logic::unit::{Micros, UnixMicros};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::error::Error;
use std::io::{BufRead as _, Write as _};

#[derive(Deserialize)]
struct Rule {
    interval_us: u64,
    for_us: u64,
    keep_firing_for_us: u64,
}

#[derive(Deserialize)]
struct Evaluation {
    at_us: i64,
    active: Vec<String>,
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut lines = std::io::stdin().lock().lines();
    let rule: Rule = serde_json::from_str(&lines.next().ok_or("no rule")??)?;
    let group = Group {
        interval: Micros(rule.interval_us),
        hold: Micros(rule.for_us),
        keep_firing_for: Micros(rule.keep_firing_for_us),
        resend_delay: RESEND_DELAY,
        limit: 0,
    };
    let mut alerts = Alerts::new();
    let mut out = std::io::stdout().lock();
    for line in lines {
        let Evaluation { at_us, active } = serde_json::from_str(&line?)?;
        let vector: Vec<_> =
            active.iter().map(|s| (vec![("series".into(), s.as_str().into())], 1.0)).collect();
        evaluate(&group, &mut alerts, &vector, UnixMicros(at_us))?;
        let active = alerts.iter().filter(|(_, alert)| alert.state != AlertState::Inactive);
        let states: BTreeMap<&str, &str> = active
            .filter_map(|(labels, alert)| Some((labels.first()?.1.as_str(), alert.state.word())))
            .collect();
        serde_json::to_writer(&mut out, &serde_json::json!({"at_us": at_us, "states": states}))?;
        out.write_all(b"\n")?;
    }
    Ok(())
}
