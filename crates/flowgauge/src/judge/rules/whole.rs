//! All files together: names that are unique, channels and objectives every file may name, and
//! what is odd but loads.

use super::channels::{self, Declared};
use super::forms::{self, Piece};
use super::parts::{self, Parts};
use super::rule::{self, Around, Read};
use super::{File, RuleSet, World, slos};
use crate::config::problem::{Place, Problem, Problems};
use crate::config::read::Findings;
use crate::config::tree::Value;
use crate::logic::alert::facts::BudgetPeriod;
use crate::logic::alert::language::Context;
use crate::logic::alert::rule::Slo;
use crate::logic::budget::{Per, Period};
use crate::logic::call::Text;
use crate::logic::nearest::nearest;
use std::collections::{BTreeMap, BTreeSet};

/// Rules of all files: each is asked at every tick.
const MAX_RULES: usize = 20_000;

/// Reads everything, or says what is wrong with each file.
pub(super) fn load(files: &[File], world: &World<'_>) -> Result<RuleSet, Vec<Problems>> {
    let taken: Vec<(Vec<Piece>, Vec<Problem>)> =
        files.iter().map(|file| forms::pieces(&file.text)).collect();
    let mut found: Vec<Findings> = taken.iter().map(|(_, p)| Findings(p.clone())).collect();
    let parts: Vec<Parts<'_>> =
        taken.iter().zip(&mut found).map(|((pieces, _), f)| parts::parts(pieces, f)).collect();
    let mut warnings = Vec::new();
    let channels = declared(&parts, &mut found, world, &mut warnings);
    let mut slos: Vec<Slo> = Vec::new();
    for (part, f) in parts.iter().zip(&mut found) {
        slos::slos(f, part.slos, &mut slos);
    }
    let budgets = budgets(world);
    let mut all: Vec<(usize, Read)> = Vec::new();
    for (at, ((part, f), file)) in parts.iter().zip(&mut found).zip(files).enumerate() {
        let context =
            Context { budgets: &budgets, slos: &slos, capacity: false, shipped: file.shipped };
        let around = Around { context, parts: part, shipped: file.shipped };
        rule::check_defaults(f, part.defaults);
        all.extend(part.rules.iter().filter_map(|p| rule::read(f, p, &around)).map(|r| (at, r)));
    }
    unique(&all, files, &mut found);
    named_channels(&all, &channels, &mut found);
    odd(&all, &channels, world, &mut warnings);
    let refused = refused(files, found);
    if !refused.is_empty() {
        return Err(refused);
    }
    let rules = all.into_iter().map(|(_, read)| read.rule).collect();
    let channels = channels.into_iter().map(|d| d.channel).collect();
    Ok(RuleSet { rules, channels, slos, warnings })
}

/// Budgets with one account, which is what a rule can be held against.
fn budgets(world: &World<'_>) -> Vec<(Text, BudgetPeriod)> {
    let period = |p: Period| match p {
        Period::Day => BudgetPeriod::Day,
        Period::Month => BudgetPeriod::Month,
    };
    let single = world.config.budgets.iter().filter(|b| b.per == Per::All);
    single.map(|b| (b.name.clone(), period(b.period))).collect()
}

fn declared(
    parts: &[Parts<'_>],
    found: &mut [Findings],
    world: &World<'_>,
    warnings: &mut Vec<String>,
) -> Vec<Declared> {
    let mut all: Vec<(usize, Declared)> = Vec::new();
    for (at, (part, f)) in parts.iter().zip(found.iter_mut()).enumerate() {
        let Some(node) = part.channels else { continue };
        let Value::Map(entries) = &node.value else {
            if node.value != Value::Null {
                let problem = Problem::new(node.place.clone(), "`channels` is a section here");
                f.add(
                    problem.hint(
                        "write for example channels: {ops: {type: slack, webhook: env:NAME}}",
                    ),
                );
            }
            continue;
        };
        for entry in entries {
            if all.iter().any(|(_, d)| d.channel.name == entry.key.as_str()) {
                let why = format!("there is a channel {:?} already", entry.key);
                f.add(Problem::new(entry.place.clone(), why));
                continue;
            }
            all.extend(channels::declared(f, entry, world.env).map(|d| (at, d)));
        }
    }
    let mut own = Vec::new();
    for channel in channels::predeclared(world.env, warnings) {
        if !all.iter().any(|(_, d)| d.channel.name == channel.name) {
            own.push(Declared { channel, place: Place::Default, fallback: Vec::new() });
        }
    }
    fallbacks(&all, &own, found);
    own.extend(all.into_iter().map(|(_, d)| d));
    own
}

/// Every fallback is a channel, and none leads back to where it began.
fn fallbacks(all: &[(usize, Declared)], own: &[Declared], found: &mut [Findings]) {
    let edges: BTreeMap<&str, &[Text]> = all
        .iter()
        .map(|(_, d)| d)
        .chain(own)
        .map(|d| (d.channel.name.as_str(), d.channel.fallback.as_slice()))
        .collect();
    for (at, declared) in all {
        let Some(f) = found.get_mut(*at) else { continue };
        let name = declared.channel.name.as_str();
        for (target, place) in declared.channel.fallback.iter().zip(&declared.fallback) {
            if !edges.contains_key(target.as_str()) {
                f.add(no_channel(target, place, edges.keys().copied()));
            } else if leads_to(&edges, target, name) {
                let why = format!("the fallback {target:?} leads back to {name:?}");
                f.add(Problem::new(place.clone(), why).hint("leave it out on one side"));
            }
        }
    }
}

fn leads_to(edges: &BTreeMap<&str, &[Text]>, from: &str, to: &str) -> bool {
    let mut open = vec![from];
    let mut seen = BTreeSet::new();
    while let Some(name) = open.pop() {
        if name == to {
            return true;
        }
        if seen.insert(name) {
            open.extend(edges.get(name).copied().unwrap_or_default().iter().map(Text::as_str));
        }
    }
    false
}

fn no_channel<'a>(
    name: &str,
    place: &Place,
    known: impl Iterator<Item = &'a str> + Clone,
) -> Problem {
    let problem = Problem::new(place.clone(), format!("no channel is named {name:?}"));
    match nearest(name, known.clone()) {
        Some(near) => problem.hint(format!("did you mean `{near}`?")),
        None => problem.hint(format!(
            "declare it under `channels:`; there are {}",
            known.collect::<Vec<_>>().join(", ")
        )),
    }
}

fn unique(all: &[(usize, Read)], files: &[File], found: &mut [Findings]) {
    let mut seen: BTreeMap<&str, (usize, &Place)> = BTreeMap::new();
    for (count, (at, read)) in all.iter().enumerate() {
        let Some(f) = found.get_mut(*at) else { continue };
        if count == MAX_RULES {
            f.add(Problem::new(read.place.clone(), format!("more than {MAX_RULES} rules")));
        }
        let name = read.rule.name.as_str();
        let Some((other, place)) = seen.get(name) else {
            seen.insert(name, (*at, &read.place));
            continue;
        };
        let file = files.get(*other).map_or("", |f| f.name.as_str());
        let why = format!("there is a rule {name:?} already, at {}", Problems::origin(file, place));
        f.add(Problem::new(read.place.clone(), why).hint("give one of them another name"));
    }
}

fn named_channels(all: &[(usize, Read)], channels: &[Declared], found: &mut [Findings]) {
    let known = || channels.iter().map(|d| d.channel.name.as_str());
    for (at, read) in all {
        let Some(f) = found.get_mut(*at) else { continue };
        for (name, place) in read.rule.channels.iter().zip(&read.channels) {
            if !known().any(|k| k == name.as_str()) {
                f.add(no_channel(name, place, known()));
            }
        }
    }
}

/// What loads, but is not what anybody wants.
fn odd(
    all: &[(usize, Read)],
    channels: &[Declared],
    world: &World<'_>,
    warnings: &mut Vec<String>,
) {
    let smtp = world.config.alerts.smtp.as_ref();
    for declared in channels {
        let channel = &declared.channel;
        let users =
            all.iter().filter(|(_, r)| r.rule.enabled && r.rule.channels.contains(&channel.name));
        let users = users.count();
        if users > 0 && !channel.kind.has_route(smtp) {
            let rules =
                if users == 1 { "1 rule names".to_owned() } else { format!("{users} rules name") };
            let why = no_route(&channel.name, declared.place == Place::Default, smtp.is_some());
            warnings.push(format!(
                "{rules} the channel {:?}, which leads nowhere: {why}",
                channel.name
            ));
        }
        let is_fallback = channels.iter().any(|d| d.channel.fallback.contains(&channel.name));
        if users == 0 && !is_fallback && declared.place != Place::Default {
            warnings.push(format!("no rule names the channel {:?}", channel.name));
        }
    }
    let names: BTreeSet<&str> = all.iter().map(|(_, r)| r.rule.name.as_str()).collect();
    for (_, read) in all {
        for target in read.rule.inhibits.iter().filter(|t| !names.contains(t.as_str())) {
            let tip = nearest(target, names.iter().copied());
            let tip = tip.map_or_else(String::new, |near| format!("; did you mean {near:?}?"));
            warnings
                .push(format!("{:?} inhibits {target:?}, which is no rule{tip}", read.rule.name));
        }
    }
}

fn no_route(name: &str, predeclared: bool, smtp: bool) -> &'static str {
    match (predeclared, name) {
        (true, "slack") => "SLACK_WEBHOOK_URL is not set",
        (true, "email") if smtp => "ADMIN_EMAIL is not set",
        (true, "email") => "alerts.smtp is not configured",
        (true, _) => "PAGERDUTY_ROUTING_KEY is not set",
        (false, _) => "it has no address, or alerts.smtp is not configured",
    }
}

fn refused(files: &[File], found: Vec<Findings>) -> Vec<Problems> {
    let mut refused = Vec::new();
    for (file, mut findings) in files.iter().zip(found) {
        if findings.0.is_empty() {
            continue;
        }
        findings.0.sort_by_key(|problem| match problem.place {
            Place::File { line, column } => (line, column),
            _ => (0, 0),
        });
        refused.push(Problems {
            file: file.name.clone(),
            text: file.text.clone(),
            list: findings.0,
        });
    }
    refused
}
