//! What a test came to: every expectation that was not met, with its place.

use super::file::{Exp, Expect, Heard, Test, TestFile};
use super::simulation::{Broken, Simulation};
use super::{Courier, Told};
use crate::config::Config;
use crate::config::problem::{Place, Problem};
use crate::judge::rule_set::RuleSet;
use crate::judge::seen::{Seen, SeenInstance, SeenRule};
use crate::logic::alert::facts::Labels;
use crate::logic::alert::instance::Instance;
use crate::logic::alert::silence;
use crate::logic::alert::template::{Moment, Template, vars};
use crate::logic::nearest::nearest;
use crate::logic::unit::{Micros, UnixMicros};

/// Label by which a severity is named; promtool's files leave it out.
const SEVERITY: &str = "severity";

/// What one test came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// Its name.
    pub name: String,
    /// What was not as expected; empty where all was.
    pub unmet: Vec<Unmet>,
    /// Expectations looked at.
    pub checked: usize,
    /// What receivers got.
    pub told: Vec<Told>,
}

/// An expectation that was not met.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unmet {
    /// Where it is written.
    pub place: Place,
    /// What was expected and what was there.
    pub text: String,
}

/// Rules and channels a test names must exist.
#[must_use]
pub fn names(test: &Test, rules: &RuleSet) -> Vec<Problem> {
    let mut problems = Vec::new();
    let rule_names = || rules.rules.iter().map(|rule| rule.name.as_str());
    let channels = || rules.channels.iter().map(|channel| channel.name.as_str());
    let mut check = |place: &Place, what: &str, name: &str, known: Vec<&str>| {
        // Complaints about rules are alerts too.
        if known.contains(&name) || (what == "rule" && name.starts_with("flowgauge_")) {
            return;
        }
        let problem = Problem::new(place.clone(), format!("no {what} is named {name:?}"));
        problems.push(match nearest(name, known.iter().copied()) {
            Some(near) => problem.hint(format!("did you mean `{near}`?")),
            None => problem.hint(format!("there are {}", known.join(", "))),
        });
    };
    for expect in &test.expect {
        check(&expect.place, "rule", &expect.alert, rule_names().collect());
    }
    for heard in &test.notifications {
        check(&heard.place, "channel", &heard.channel, channels().collect());
        if let Some(alert) = &heard.alert {
            check(&heard.place, "rule", alert, rule_names().collect());
        }
    }
    problems
}

/// Runs one test of a file.
///
/// # Errors
/// When it cannot be carried out: no room on disk, or somebody in it does what makes no sense.
pub fn run(
    file: &TestFile,
    test: &Test,
    rules: &RuleSet,
    config: &Config,
    courier: &mut dyn Courier,
) -> Result<Report, Broken> {
    tracing::debug!(file = file.name, test = test.name, "a test of rules begins");
    let mut expect: Vec<&Expect> = test.expect.iter().collect();
    expect.sort_by_key(|expect| expect.at);
    let mut unmet = Vec::new();
    {
        let mut simulation = Simulation::new(test, rules, config, courier)?;
        for expect in expect {
            simulation.pass(expect.at)?;
            let at = test.start.after(expect.at);
            let text = match simulation.seen() {
                Some(seen) => stands(expect, &seen, at),
                None => Some("flowgauge is away at this moment".to_owned()),
            };
            let (place, when) = (expect.place.clone(), written(expect.at));
            unmet.extend(
                text.map(|text| Unmet {
                    place,
                    text: format!("at {when} {}: {text}", expect.alert),
                }),
            );
        }
        simulation.pass(test.until)?;
    }
    let told = courier.told();
    for heard in &test.notifications {
        let texts = got(heard, &told, test.start);
        unmet.extend(texts.into_iter().map(|text| Unmet { place: heard.place.clone(), text }));
    }
    let checked = test.expect.len() + test.notifications.len();
    Ok(Report { name: test.name.clone(), unmet, checked, told })
}

/// What is not as expected at a moment.
fn stands(expect: &Expect, seen: &Seen, at: UnixMicros) -> Option<String> {
    let rule = seen.rules.iter().find(|r| r.rule.name == expect.alert);
    if let Some(firing) = &expect.firing {
        return rule.and_then(|rule| fires(firing, rule, at));
    }
    let Some(rule) = rule else { return complaint(expect, seen) };
    let wanted = |i: &&SeenInstance| expect.labels.iter().all(|l| i.key.labels.contains(l));
    let instances: Vec<&SeenInstance> = rule.instances.iter().filter(wanted).collect();
    let Some(first) = instances.first() else {
        let idle = rule.idle.as_deref().map_or_else(String::new, |why| format!(" ({why})"));
        return match expect.state.as_deref() {
            Some("unknown" | "inactive") => None,
            _ => Some(format!("there is nothing it says anything about{idle}")),
        };
    };
    for instance in &instances {
        if let Some(state) = &expect.state
            && *state != instance.instance.state.word()
        {
            return Some(format!("expected {state}, it is {}", said(instance)));
        }
    }
    let flags = [
        ("silenced", expect.silenced, instances.iter().any(|i| !i.silenced_by.is_empty())),
        ("inhibited", expect.inhibited, instances.iter().any(|i| !i.inhibited_by.is_empty())),
        ("acknowledged", expect.acked, acked(first, seen)),
    ];
    flags.into_iter().find_map(|(what, wanted, is)| {
        let wanted = wanted.filter(|wanted| *wanted != is)?;
        let no = |is: bool| if is { "" } else { "not " };
        Some(format!("expected {}{what}, it is {}{what}; {}", no(wanted), no(is), said(first)))
    })
}

/// A complaint of flowgauge about a rule is an episode without a rule of its own.
fn complaint(expect: &Expect, seen: &Seen) -> Option<String> {
    let open = seen.open.iter().any(|episode| {
        episode.rule == expect.alert && expect.labels.iter().all(|l| episode.labels.contains(l))
    });
    let is = if open { "firing" } else { "inactive" };
    let state = expect.state.as_ref().filter(|state| **state != is)?;
    Some(format!("expected {state}, it is {is}"))
}

fn acked(instance: &SeenInstance, seen: &Seen) -> bool {
    let episode = instance.instance.episode;
    seen.open.iter().any(|open| Some(open.id) == episode && open.acked.is_some())
}

/// A state in words, with what is behind it.
fn said(instance: &SeenInstance) -> String {
    let Instance { state, unknown, evidence, failed, .. } = &instance.instance;
    let mut text = state.word().to_owned();
    if let Some(why) = unknown {
        text.push_str(&format!(" (unknown: {why:?})").to_lowercase());
    }
    if let Some((why, _)) = failed {
        text.push_str(&format!(" ({why})"));
    }
    if let Some(sentence) = &evidence.sentence {
        text.push_str(&format!("; {sentence}"));
    }
    text
}

/// Promtool's question: exactly these fire.
fn fires(wanted: &[Exp], rule: &SeenRule, at: UnixMicros) -> Option<String> {
    let firing: Vec<&SeenInstance> =
        rule.instances.iter().filter(|i| i.instance.state.is_open()).collect();
    let all = |i: &&SeenInstance| silence::alert_labels(&rule.rule, &i.key.labels);
    let mut left: Vec<(Labels, &SeenInstance)> = firing.iter().map(|i| (all(i), *i)).collect();
    for exp in wanted {
        let found = left
            .iter()
            .position(|(labels, i)| same(&exp.labels, labels) && texts(exp, rule, i, at).is_none());
        match found {
            Some(found) => drop(left.swap_remove(found)),
            None => {
                let near = left.iter().find(|(labels, _)| same(&exp.labels, labels));
                let why = near.and_then(|(_, i)| texts(exp, rule, i, at));
                let there: Vec<String> = firing.iter().map(|i| list(&all(i))).collect();
                let there = match why {
                    Some(why) => why,
                    None if there.is_empty() => {
                        let how = rule.instances.first().map_or("unknown".to_owned(), said);
                        format!("nothing fires; it is {how}")
                    }
                    None => format!("firing are {}", there.join(", ")),
                };
                return Some(format!("expected {} to fire; {there}", list(&exp.labels)));
            }
        }
    }
    let (labels, instance) = left.first()?;
    Some(format!("{} fires, which is not expected; {}", list(labels), said(instance)))
}

/// Whether the labels of an alert are those expected; its name and severity need not be named.
fn same(exp: &Labels, labels: &Labels) -> bool {
    let named = |name: &str| exp.iter().any(|(own, _)| own == name);
    let counts = |name: &str| named(name) || !matches!(name, "alertname" | SEVERITY);
    let labels: Labels = labels.iter().filter(|(name, _)| counts(name)).cloned().collect();
    *exp == labels
}

/// The first annotation that is not as expected; `message` is the rule's own.
fn texts(exp: &Exp, rule: &SeenRule, instance: &SeenInstance, at: UnixMicros) -> Option<String> {
    let moment = Moment { at, episode: None, url: None };
    let vars = vars(&rule.rule, &instance.key.labels, &instance.instance.evidence, &moment);
    exp.annotations.iter().find_map(|(name, wanted)| {
        let text = match name.as_str() {
            "message" => Some(&rule.rule.message),
            _ => rule.rule.annotations.get(name),
        };
        let Some(text) = text else { return Some(format!("it has no annotation {name}")) };
        let is = Template::parse(text).map_or_else(|_| text.clone(), |t| t.render(&vars));
        (is != *wanted).then(|| format!("its {name} is {is:?}, expected {wanted:?}"))
    })
}

fn list(labels: &Labels) -> String {
    let parts: Vec<String> =
        labels.iter().map(|(name, value)| format!("{name}={value:?}")).collect();
    format!("{{{}}}", parts.join(", "))
}

/// What of a channel's messages is not as expected.
fn got(heard: &Heard, told: &[Told], start: UnixMicros) -> Vec<String> {
    let mine: Vec<&Told> = told
        .iter()
        .filter(|told| told.channel == heard.channel)
        .filter(|told| heard.alert.as_ref().is_none_or(|alert| *alert == told.rule))
        .collect();
    let lines = || -> String {
        let line = |told: &&Told| {
            let at = written(told.at.since(start));
            format!("\n    {at} {} {}", told.action, told.rule)
        };
        mine.iter().map(line).collect()
    };
    let mut texts = Vec::new();
    let channel = &heard.channel;
    if let Some(count) = heard.count.filter(|count| *count != mine.len()) {
        texts.push(format!("{channel}: expected {count} messages, got {}{}", mine.len(), lines()));
    }
    if let Some(actions) = &heard.actions {
        let got: Vec<&str> = mine.iter().map(|told| told.action.as_str()).collect();
        if got != *actions {
            let (want, got) = (actions.join(", "), got.join(", "));
            texts.push(format!("{channel}: expected [{want}], got [{got}]{}", lines()));
        }
    }
    let keys: std::collections::BTreeSet<&str> =
        mine.iter().map(|told| told.dedup_key.as_str()).collect();
    if let Some(same) = heard.same_dedup_key.filter(|same| *same != (keys.len() <= 1)) {
        let want = if same { "one" } else { "several" };
        texts.push(format!("{channel}: expected {want} dedup key, got {}", keys.len()));
    }
    for text in &heard.contains {
        if let Some(without) = mine.iter().find(|told| !told.body.contains(text.as_str())) {
            texts.push(format!("{channel}: a message lacks {text:?}:\n    {}", without.body));
        }
    }
    for text in &heard.lacks {
        if let Some(with) = mine.iter().find(|told| told.body.contains(text.as_str())) {
            texts.push(format!("{channel}: a message holds {text:?}:\n    {}", with.body));
        }
    }
    texts
}

/// `5m30s`.
fn written(length: Micros) -> String {
    crate::logic::alert::language::print_duration(length)
}
