//! `alert list`: rules and how they stand, with an exit code for a monitoring system.

use super::super::exit::{self, Done};
use super::super::globals::Globals;
use super::super::show::{self, Sheet, ShowArgs};
use crate::tell::page::alerts::{AlertsView, ExternalView, InstanceView, RuleView};

/// Options of `alert list`.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "\
Examples:
  flowgauge alert list
  flowgauge alert list --state firing --json

Exit codes:
  0   nothing fires
  1   a warning fires
  2   a critical alert fires
  3   nothing has been evaluated yet
  64  no such state or severity
  69  no server answers
  77  not permitted")]
pub(crate) struct ListArgs {
    /// Only rules in this state: unknown, inactive, pending, firing or recovering
    #[arg(long)]
    state: Option<String>,
    /// Only rules of this severity: critical, warning or info
    #[arg(long)]
    severity: Option<String>,
    #[command(flatten)]
    show: ShowArgs,
}

/// Lists.
pub(super) fn run(args: &ListArgs, globals: &Globals) -> Done {
    let loaded = globals.load(false, &[])?;
    let remote = globals.remote(&loaded)?;
    let mut query = Vec::new();
    for (name, value) in [("state", &args.state), ("severity", &args.severity)] {
        query.extend(value.as_ref().map(|value| (name, value.clone())));
    }
    let all: AlertsView = remote.get("/api/v1/alerts", &query)?;
    if let Some(error) = &all.load_error {
        show::note(&format!("the rule files were refused; older rules stay in force\n{error}"));
    }
    for warning in &all.warnings {
        show::note(&format!("warning: {warning}"));
    }
    let mut sheet = sheet(&all.rules);
    all.external.iter().for_each(|alert| others(&mut sheet, alert));
    args.show.print(&sheet, &show::json(&all)?)?;
    Ok(code(&all))
}

fn code(all: &AlertsView) -> u8 {
    let open = |severity: &str| {
        let rules = all.rules.iter().filter(|r| r.rule.severity == severity);
        rules
            .flat_map(|r| &r.instances)
            .any(|i| matches!(i.state.as_str(), "firing" | "recovering"))
            || all.external.iter().any(|a| label(a, "severity") == severity)
    };
    match (open("critical"), open("warning"), &all.at) {
        (true, ..) => exit::CRITICAL,
        (false, true, _) => exit::FINDING,
        (false, false, None) => exit::UNKNOWN,
        (false, false, Some(_)) => exit::OK,
    }
}

/// A row for every instance, and one for a rule without any.
pub(super) fn sheet(rules: &[RuleView]) -> Sheet {
    let columns = vec!["rule", "severity", "state", "labels", "value", "threshold", "n", "note"];
    let mut sheet = Sheet { columns, rows: Vec::new() };
    for rule in rules {
        let row = |sheet: &mut Sheet, cells: [&str; 6]| {
            let [state, labels, value, threshold, n, note] = cells;
            let (name, severity) = (rule.rule.name.as_str(), rule.rule.severity.as_str());
            sheet.row([name, severity, state, labels, value, threshold, n, note]);
        };
        if rule.instances.is_empty() {
            let note = rule.idle.as_deref().unwrap_or("not evaluated yet");
            row(&mut sheet, [&rule.state, "–", "–", "–", "–", note]);
        }
        for instance in &rule.instances {
            let none = || "–".to_owned();
            let figures = &instance.figures;
            row(
                &mut sheet,
                [
                    &instance.state,
                    &labels(&instance.labels),
                    &figures.value_text.clone().unwrap_or_else(none),
                    &figures.threshold_text.clone().unwrap_or_else(none),
                    &figures.n.to_string(),
                    &note(rule, instance),
                ],
            );
        }
    }
    sheet
}

/// A row for an alert that another system posted here.
fn others(sheet: &mut Sheet, alert: &ExternalView) {
    let mut rest = alert.labels.clone();
    rest.retain(|name, _| name != "alertname" && name != "severity");
    let (name, severity) = (label(alert, "alertname"), label(alert, "severity"));
    let (name, severity) = (or_dash(name), or_dash(severity));
    sheet.row([name, severity, "firing", &labels(&rest), "–", "–", "–", "posted by others"]);
}

fn label<'a>(alert: &'a ExternalView, name: &str) -> &'a str {
    alert.labels.get(name).map_or("", String::as_str)
}

const fn or_dash(text: &str) -> &str {
    if text.is_empty() { "–" } else { text }
}

/// Labels in one cell.
pub(super) fn labels(labels: &std::collections::BTreeMap<String, String>) -> String {
    if labels.is_empty() {
        return "–".to_owned();
    }
    let pairs: Vec<String> = labels.iter().map(|(k, v)| format!("{k}={v}")).collect();
    pairs.join(" ")
}

fn note(rule: &RuleView, instance: &InstanceView) -> String {
    let mut notes: Vec<String> = rule.idle.iter().cloned().collect();
    notes.extend(instance.fires_in_s.map(|s| format!("fires in {}", length(s))));
    notes.extend(instance.unknown.as_ref().map(|why| why.replace('_', " ")));
    notes.extend(instance.failed.as_ref().map(|why| format!("fails: {why}")));
    notes.extend(instance.acked_by.as_ref().map(|by| format!("acknowledged by {by}")));
    if !instance.silenced_by.is_empty() {
        notes.push("silenced".to_owned());
    }
    if !instance.inhibited_by.is_empty() {
        notes.push(format!("inhibited by {}", instance.inhibited_by.join(", ")));
    }
    notes.join("; ")
}

/// A length as people read it: `45s`, `5m 10s`, `3h 2m`.
pub(super) fn length(seconds: f64) -> String {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a float to u64 saturates, and lengths are not negative"
    )]
    let whole = seconds.ceil() as u64;
    let (hours, minutes, rest) = (whole / 3_600, whole / 60 % 60, whole % 60);
    match (hours, minutes) {
        (0, 0) => format!("{rest}s"),
        (0, m) if rest == 0 => format!("{m}m"),
        (0, m) => format!("{m}m {rest}s"),
        (h, 0) => format!("{h}h"),
        (h, m) => format!("{h}h {m}m"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tell::page::alerts::RuleFacts;

    fn rule(severity: &str, state: &str) -> RuleView {
        let facts = RuleFacts { severity: severity.to_owned(), ..RuleFacts::default() };
        let instance = InstanceView { state: state.to_owned(), ..InstanceView::default() };
        RuleView { rule: facts, instances: vec![instance], ..RuleView::default() }
    }

    #[test]
    fn the_worst_alert_decides_the_exit_code() {
        let of = |rules: Vec<RuleView>| {
            code(&AlertsView { at: Some(String::new()), rules, ..AlertsView::default() })
        };
        assert_eq!(of(vec![rule("warning", "firing"), rule("critical", "recovering")]), 2);
        assert_eq!(of(vec![rule("warning", "firing"), rule("critical", "pending")]), 1);
        assert_eq!(of(vec![rule("info", "firing"), rule("critical", "inactive")]), 0);
        assert_eq!(code(&AlertsView::default()), 3);
        let posted = [("alertname", "disk_full"), ("severity", "critical")];
        let labels = posted.map(|(k, v)| (k.to_owned(), v.to_owned())).into();
        let external = vec![ExternalView { labels, ..ExternalView::default() }];
        assert_eq!(code(&AlertsView { external, ..AlertsView::default() }), 2);
    }

    #[test]
    fn lengths_are_short() {
        for (seconds, text) in
            [(0.0, "0s"), (59.2, "1m"), (310.0, "5m 10s"), (3_600.0, "1h"), (10_920.0, "3h 2m")]
        {
            assert_eq!(length(seconds), text);
        }
    }
}
