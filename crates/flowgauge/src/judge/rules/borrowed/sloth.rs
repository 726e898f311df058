//! `version: prometheus/v1` of Sloth, and the same as a Kubernetes object (`sloth.slok.dev/v1`).

use super::{Import, either, items, number_at, pairs, severity, text_at};
use crate::config::tree::Node;
use crate::logic::alert::borrowed::{Burn, PAGE, Pace, Queries, TICKET, indicator};
use crate::logic::alert::rule::{Severity, Slo, SloPeriod};
use crate::logic::unit::Micros;
use std::collections::BTreeMap;

/// Sloth is told the period on its command line; without, it is this.
const PERIOD: SloPeriod = SloPeriod::Rolling(30);

/// Takes every specification of a file; whether there was one.
pub(super) fn all(roots: &[Node], import: &mut Import<'_>) -> bool {
    let mut known = false;
    for root in roots {
        let spec = if text_at(root, "version") == Some("prometheus/v1") {
            root
        } else if text_at(root, "kind") == Some("PrometheusServiceLevel") {
            match root.child("spec") {
                Some(spec) => spec,
                None => continue,
            }
        } else {
            continue;
        };
        known = true;
        if let Some(plugins) = either(spec, &["slo_plugins", "sloPlugins"]) {
            import.leave(&plugins.place, "its plugins", "what they do is not written here");
        }
        for slo in items(spec.child("slos")) {
            objective(spec, slo, import);
        }
    }
    known
}

fn objective(spec: &Node, node: &Node, import: &mut Import<'_>) {
    let own = text_at(node, "name").unwrap_or("(no name)");
    let name = match text_at(spec, "service") {
        Some(service) => format!("{service}-{own}"),
        None => own.to_owned(),
    };
    let what = format!("objective {own}");
    let Some(percent) = number_at(node, "objective").filter(|p| *p > 0.0 && *p < 100.0) else {
        return import.leave(&node.place, &what, "`objective` is no percentage below 100");
    };
    let Some(sli) = node.child("sli") else {
        return import.leave(&node.place, &what, "it has no `sli`");
    };
    let queries = match queries(sli) {
        Ok(queries) => queries,
        Err(why) => return import.leave(&sli.place, &what, why),
    };
    let found = match indicator(&queries) {
        Ok(found) => found,
        Err(why) => return import.leave(&sli.place, &what, why),
    };
    if let Some(plugins) = node.child("plugins") {
        import.leave(
            &plugins.place,
            &format!("plugins of {own}"),
            "what they do is not written here",
        );
    }
    let slo = import.out.objective(&name, found, percent / 100.0, PERIOD);
    if let Some(alerting) = node.child("alerting") {
        alerts(&slo, &[spec, node], alerting, import);
    }
}

fn queries(sli: &Node) -> Result<Queries, &'static str> {
    let text = |node: &Node, keys: &[&str]| {
        keys.iter().find_map(|key| text_at(node, key)).map(str::to_owned)
    };
    if let Some(events) = sli.child("events") {
        let bad = text(events, &["error_query", "errorQuery"]);
        let total = text(events, &["total_query", "totalQuery"]);
        let (bad, total) = bad.zip(total).ok_or("`events` needs an error and a total query")?;
        return Ok(Queries::Bad { bad, total });
    }
    if let Some(raw) = sli.child("raw") {
        let share = text(raw, &["error_ratio_query", "errorRatioQuery"]);
        return share.map(Queries::BadShare).ok_or("`raw` needs an error ratio query");
    }
    Err("only `events` and `raw` say what counts; a plugin does not")
}

fn alerts(slo: &Slo, around: &[&Node], alerting: &Node, import: &mut Import<'_>) {
    let kinds: [(&[&str], &str, Severity, &[Pace]); 2] = [
        (&["page_alert", "pageAlert"], "page", Severity::Critical, &PAGE),
        (&["ticket_alert", "ticketAlert"], "ticket", Severity::Warning, &TICKET),
    ];
    let own = text_at(alerting, "name").map_or_else(|| format!("{}_burn", slo.name), str::to_owned);
    for (keys, kind, otherwise, paces) in kinds {
        let node = either(alerting, keys);
        if node.and_then(|n| text_at(n, "disable")) == Some("true") {
            continue;
        }
        let (mut labels, mut annotations) = (BTreeMap::new(), BTreeMap::new());
        for node in around.iter().copied().chain([alerting]).chain(node) {
            pairs(node.child("labels"), &mut labels);
            pairs(node.child("annotations"), &mut annotations);
        }
        let word = labels.remove("severity");
        let burn = Burn {
            name: format!("{own}_{kind}"),
            severity: severity(word.as_deref(), otherwise),
            paces: paces.to_vec(),
            hold: Micros(0),
            no_data_fires: false,
            labels,
            annotations,
        };
        let place = node.map_or(&alerting.place, |node| &node.place);
        for why in import.out.alert(slo, &burn) {
            import.leave(place, &format!("{kind} alert of {}", slo.name), why);
        }
    }
}
