//! The section `schedules`: which job runs when, and who hears of it.

use super::super::problem::{Place, Problem};
use super::super::read::{self, Findings};
use super::super::schedules::Scheduled;
use super::super::tree::{Node, Value};
use super::{items, noted, unique};
use crate::logic::call::Text;
use crate::logic::job::JobName;
use crate::logic::schedule::Timetable;
use chrono_tz::Tz;

/// Timetables at most: each is looked at twice a minute, and a page lists them.
const MAX_SCHEDULES: usize = 64;
/// Channels of one at most: a message goes to each.
const MAX_CHANNELS: usize = 16;
/// A report that was missed over a long weekend is still read.
const REPORTS: usize = 3;
/// Chores look at the present: done twice in a row the second finds nothing.
const CHORES: usize = 1;
/// A month of daily reports; who was away longer reads the monthly one.
const MOST: usize = 31;

pub(super) fn schedules(f: &mut Findings, root: &Node, zone: Tz) -> Vec<Scheduled> {
    let Some(list) = root.at("schedules") else { return Vec::new() };
    let nodes = items(list);
    unique(f, nodes, "name", "schedule");
    if nodes.len() > MAX_SCHEDULES {
        let why = format!("{} schedules; there may be {MAX_SCHEDULES}", nodes.len());
        f.add(Problem::new(list.place.clone(), why));
    }
    nodes.iter().filter_map(|node| schedule(f, node, zone)).collect()
}

fn schedule(f: &mut Findings, node: &Node, zone: Tz) -> Option<Scheduled> {
    let enabled = f.value(node, "enabled", true, read::boolean);
    let zone = f.value(node, "time_zone", zone, read::zone);
    let name = f.required(node, "name").map(|(t, _)| t.to_owned());
    let job = f.required(node, "job");
    let job = job.and_then(|(text, place)| noted(f, place, offered(text)));
    let when = f.required(node, "when");
    let when = when.and_then(|(text, place)| {
        noted(f, place, Timetable::read(text, zone).map_err(|e| e.to_string()))
    });
    let default = if job.is_some_and(JobName::is_report) { REPORTS } else { CHORES };
    let catch_up = f.value(node, "catch_up", default, periods);
    let channels = channels(f, node);
    let place = node.at("channels").and_then(|list| place(&list.place));
    let scheduled = Scheduled { name: name?, when: when?, job: job?, channels, catch_up, place };
    enabled.then_some(scheduled)
}

/// For what is found out later, when rule files are read.
fn place(place: &Place) -> Option<String> {
    match place {
        Place::File { line, column } => Some(format!("line {line}, column {column}")),
        _ => None,
    }
}

/// A job that can be scheduled.
fn offered(text: &str) -> Result<JobName, String> {
    text.parse().map_err(|e: crate::logic::job::NoSuchJob| e.to_string())
}

fn periods(text: &str) -> Result<usize, String> {
    let count = text.parse::<usize>().ok().filter(|n| (1..=MOST).contains(n));
    count.ok_or_else(|| format!("{text:?} is not between 1 and {MOST} periods"))
}

/// Names of channels; whether there are such is known where rules are read.
fn channels(f: &mut Findings, node: &Node) -> Vec<Text> {
    let Some(list) = node.at("channels") else { return Vec::new() };
    let mut named: Vec<Text> = Vec::new();
    for item in items(list) {
        let Value::Text(text) = &item.value else { continue };
        match text.trim() {
            "" => f.add(Problem::new(item.place.clone(), "the name of a channel is missing")),
            name if named.iter().any(|n| n == name) => {
                let why = format!("the channel {name} is in the list already");
                f.add(Problem::new(item.place.clone(), why));
            }
            name => named.push(Text::from(name)),
        }
    }
    if named.len() > MAX_CHANNELS {
        let why = format!("{} channels; there may be {MAX_CHANNELS}", named.len());
        f.add(Problem::new(list.place.clone(), why));
    }
    named
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jobs_are_known_by_their_words_and_others_are_told() {
        let error = offered("report-hourly").unwrap_err();
        assert!(error.contains("did you mean report-daily?"), "{error}");
        assert_eq!(offered("report-daily"), Ok(JobName::ReportDaily));
    }

    #[test]
    fn an_absence_is_caught_up_in_bounds() {
        assert_eq!(periods("31"), Ok(31));
        assert!(periods("0").is_err() && periods("32").is_err() && periods("all").is_err());
    }
}
