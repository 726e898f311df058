//! Objects of `openslo/v1`: objectives with their indicators, alert policies and conditions, which may
//! stand in one another or beside one another.

use super::{Import, items, number_at, pairs, severity, text_at};
use crate::config::problem::Place;
use crate::config::tree::Node;
use crate::logic::alert::borrowed::{Burn, Queries, indicator};
use crate::logic::alert::language;
use crate::logic::alert::rule::{Severity, Slo, SloPeriod};
use crate::logic::unit::Micros;
use std::collections::BTreeMap;

/// The one version that is read.
const VERSION: &str = "openslo/v1";
/// Our short window is this part of the long one (alerting 13.1); theirs is one window.
const SHORT_PART: u64 = 12;

/// Objects by kind and name.
#[derive(Clone, Copy)]
struct Objects<'a>(&'a [Node]);

impl<'a> Objects<'a> {
    fn named(self, kind: &str, name: &str) -> Option<&'a Node> {
        let is = |node: &&Node| text_at(node, "kind") == Some(kind) && name_of(node) == Some(name);
        self.0.iter().find(is)
    }

    /// What stands in a place, or what it refers to.
    fn resolved(self, node: &'a Node, key: &str, kind: &str) -> Result<&'a Node, String> {
        match text_at(node, key) {
            None => Ok(node),
            Some(name) => self
                .named(kind, name)
                .ok_or_else(|| format!("there is no {kind} {name:?} in this file")),
        }
    }
}

/// Takes every objective of a file; whether there was one.
pub(super) fn all(roots: &[Node], import: &mut Import<'_>) -> bool {
    let mut known = false;
    for root in roots.iter().filter(|root| text_at(root, "kind") == Some("SLO")) {
        let name = name_of(root).unwrap_or("(no name)");
        match (text_at(root, "apiVersion"), root.child("spec")) {
            (Some(VERSION), Some(spec)) => {
                known = true;
                objectives(Objects(roots), name, spec, import);
            }
            (version, _) => {
                known |= version.is_some_and(|v| v.starts_with("openslo/"));
                let why = format!("only {VERSION} with a `spec` is read");
                import.leave(&root.place, &format!("objective {name}"), why);
            }
        }
    }
    known
}

fn name_of(node: &Node) -> Option<&str> {
    text_at(node.child("metadata")?, "name")
}

fn objectives(objects: Objects<'_>, name: &str, spec: &Node, import: &mut Import<'_>) {
    let what = format!("objective {name}");
    let method = text_at(spec, "budgetingMethod").unwrap_or("Occurrences");
    if method != "Occurrences" {
        return import.leave(
            &spec.place,
            &what,
            format!("{method} are not counted here, calls are"),
        );
    }
    let period = match period(spec) {
        Ok(period) => period,
        Err((place, why)) => return import.leave(place, &what, why),
    };
    let targets = items(spec.child("objectives"));
    if targets.is_empty() {
        return import.leave(&spec.place, &what, "it has no `objectives`");
    }
    for (place, target) in targets.iter().enumerate() {
        let name =
            if targets.len() == 1 { name.to_owned() } else { format!("{name}_{}", place + 1) };
        objective(objects, (&name, period), (spec, target), import);
    }
}

fn objective(
    objects: Objects<'_>,
    (name, period): (&str, SloPeriod),
    (spec, target): (&Node, &Node),
    import: &mut Import<'_>,
) {
    let what = format!("objective {name}");
    let percent = number_at(target, "targetPercent").map(|percent| percent / 100.0);
    let share = percent.or_else(|| number_at(target, "target"));
    let Some(share) = share.filter(|share| *share > 0.0 && *share < 1.0) else {
        return import.leave(&target.place, &what, "`target` is no share below 1");
    };
    let holder = if has_indicator(target) { target } else { spec };
    let found = indicator_of(objects, holder).and_then(|(place, sli)| {
        let queries = queries(sli).map_err(|why| (place.clone(), why))?;
        indicator(&queries).map_err(|why| (place.clone(), why))
    });
    let found = match found {
        Ok(found) => found,
        Err((place, why)) => return import.leave(&place, &what, why),
    };
    let slo = import.out.objective(name, found, share, period);
    for policy in items(spec.child("alertPolicies")) {
        alerts(objects, &slo, policy, import);
    }
}

fn has_indicator(node: &Node) -> bool {
    node.child("indicator").is_some() || node.child("indicatorRef").is_some()
}

/// The `spec` of an indicator and where it stands.
fn indicator_of<'a>(
    objects: Objects<'a>,
    holder: &'a Node,
) -> Result<(&'a Place, &'a Node), (Place, String)> {
    let refused = |why: &str| (holder.place.clone(), why.to_owned());
    let node = match (holder.child("indicator"), text_at(holder, "indicatorRef")) {
        (Some(inline), _) => inline,
        (None, Some(name)) => objects
            .named("SLI", name)
            .ok_or_else(|| refused(&format!("there is no SLI {name:?} in this file")))?,
        (None, None) => return Err(refused("it has no `indicator`")),
    };
    let spec = node.child("spec").ok_or_else(|| refused("its indicator has no `spec`"))?;
    Ok((&spec.place, spec))
}

fn queries(spec: &Node) -> Result<Queries, String> {
    let Some(ratio) = spec.child("ratioMetric") else {
        return Err(
            "only `ratioMetric` counts calls; a threshold on a series is no share".to_owned()
        );
    };
    let query = |key: &str| {
        let source = ratio.child(key)?.child("metricSource")?;
        let kind = text_at(source, "type").unwrap_or("Prometheus");
        let text = source.child("spec").and_then(|spec| text_at(spec, "query"));
        Some((kind.eq_ignore_ascii_case("prometheus"), text?.to_owned()))
    };
    let asked = |key: &str| match query(key) {
        Some((true, text)) => Ok(Some(text)),
        Some((false, _)) => Err("only queries of Prometheus are read".to_owned()),
        None => Ok(None),
    };
    match (asked("bad")?, asked("good")?, asked("total")?, asked("raw")?) {
        (Some(bad), _, Some(total), _) => Ok(Queries::Bad { bad, total }),
        (None, Some(good), Some(total), _) => Ok(Queries::Good { good, total }),
        (_, _, _, Some(share)) if text_at(ratio, "rawType") == Some("failure") => {
            Ok(Queries::BadShare(share))
        }
        (_, _, _, Some(share)) => Ok(Queries::GoodShare(share)),
        _ => {
            Err("`ratioMetric` needs `total` with `good` or `bad`, each with spec.query".to_owned())
        }
    }
}

/// The period of an objective: thirty days where it says nothing.
fn period(spec: &Node) -> Result<SloPeriod, (&Place, String)> {
    let Some(window) = items(spec.child("timeWindow")).first() else {
        return Ok(SloPeriod::Rolling(30));
    };
    let written = text_at(window, "duration").unwrap_or_default();
    let rolling = text_at(window, "isRolling") == Some("true");
    let days = |unit: char, days: u32| {
        written.strip_suffix(unit)?.parse::<u32>().ok()?.checked_mul(days).filter(|d| *d > 0)
    };
    match (rolling, days('d', 1).or_else(|| days('w', 7))) {
        (true, Some(days)) => Ok(SloPeriod::Rolling(days)),
        (false, _) if written == "1M" => Ok(SloPeriod::Month),
        _ => {
            let kind = if rolling { "rolling" } else { "calendar" };
            let why = format!(
                "a {kind} window of {written:?}; rolling days and weeks are read, and the calendar month"
            );
            Err((&window.place, why))
        }
    }
}

fn alerts(objects: Objects<'_>, slo: &Slo, node: &Node, import: &mut Import<'_>) {
    let what = format!("alert policy of {}", slo.name);
    let policy = match objects.resolved(node, "alertPolicyRef", "AlertPolicy") {
        Ok(policy) => policy,
        Err(why) => return import.leave(&node.place, &what, why),
    };
    let Some(spec) = policy.child("spec") else {
        return import.leave(&policy.place, &what, "it has no `spec`");
    };
    let no_data_fires = text_at(spec, "alertWhenNoData") == Some("true");
    for condition in items(spec.child("conditions")) {
        let found = objects.resolved(condition, "conditionRef", "AlertCondition");
        let found = match found.and_then(|condition| burn(slo, condition)) {
            Ok(burn) => burn,
            Err(why) => {
                import.leave(&condition.place, &what, why);
                continue;
            }
        };
        for why in import.out.alert(slo, &Burn { no_data_fires, ..found }) {
            import.leave(&condition.place, &what, why);
        }
    }
    if let Some(targets) = spec.child("notificationTargets").filter(|t| !items(Some(t)).is_empty())
    {
        import.leave(&targets.place, &what, "its targets; the rules tell the channel slack");
    }
}

fn burn(slo: &Slo, node: &Node) -> Result<Burn, String> {
    let spec = node.child("spec").ok_or("the condition has no `spec`")?;
    let condition = spec.child("condition").ok_or("it has no `condition`")?;
    let kind = text_at(condition, "kind").unwrap_or("burnrate");
    if !kind.eq_ignore_ascii_case("burnrate") {
        return Err(format!("a condition of kind {kind:?} is no burn rate"));
    }
    let op = text_at(condition, "op").unwrap_or("gte");
    if !matches!(op, "gt" | "gte") {
        return Err(format!("a burn rate can only be above a factor here, not {op:?}"));
    }
    let factor = number_at(condition, "threshold").ok_or("`threshold` is no number")?;
    let length = |key: &str| match text_at(condition, key) {
        Some(text) => language::duration(text).map_err(|fault| fault.to_string()).map(Some),
        None => Ok(None),
    };
    let long = length("lookbackWindow")?.ok_or("`lookbackWindow` is missing")?;
    let (mut labels, mut annotations) = (BTreeMap::new(), BTreeMap::new());
    if let Some(metadata) = node.child("metadata") {
        pairs(metadata.child("labels"), &mut labels);
        pairs(metadata.child("annotations"), &mut annotations);
    }
    let name = name_of(node).unwrap_or("burns");
    Ok(Burn {
        name: format!("{}_{name}", slo.name),
        severity: severity(text_at(spec, "severity"), Severity::Warning),
        paces: vec![(factor, long, Micros(long.0 / SHORT_PART))],
        hold: length("alertAfter")?.unwrap_or_default(),
        no_data_fires: false,
        labels,
        annotations,
    })
}
