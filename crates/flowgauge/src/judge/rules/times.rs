//! `active_times:` of a rule: when it may tell anybody. The words are Alertmanager's.

use super::fields::{Fields, item_texts, known_keys};
use crate::config::check::alerts::time_of_day;
use crate::config::problem::Problem;
use crate::config::read::{self, Findings};
use crate::config::tree::{Node, Value};
use crate::logic::alert::rule::ActiveTime;

/// Keys of one entry.
const KEYS: &[&str] = &["times", "weekdays", "days_of_month", "months", "years", "location"];
/// Days of the week, in the order of their numbers from 1.
const WEEKDAYS: [&str; 7] =
    ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];
/// Months, in the order of their numbers from 1.
const MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];
/// The end of a day, which no clock shows.
const MIDNIGHT: u16 = 24 * 60;

/// The list of a rule.
pub(super) fn active_times(f: &mut Findings, node: Option<&Node>) -> Vec<ActiveTime> {
    let Some(node) = node else { return Vec::new() };
    let Value::List(items) = &node.value else {
        f.add(Problem::new(node.place.clone(), "`active_times` is a list"));
        return Vec::new();
    };
    items.iter().filter_map(|item| one(f, item)).collect()
}

fn one(f: &mut Findings, node: &Node) -> Option<ActiveTime> {
    let Value::Map(entries) = &node.value else {
        let problem = Problem::new(node.place.clone(), "an active time is a section");
        f.add(problem.hint("write for example weekdays: [monday:friday]"));
        return None;
    };
    known_keys(f, entries, KEYS, "an active time");
    let fields = Fields { own: node, defaults: None };
    Some(ActiveTime {
        times: times(f, fields.get("times")),
        weekdays: ranges(f, fields, "weekdays", |t| named(t, &WEEKDAYS)),
        days_of_month: ranges_of(f, fields, "days_of_month", day_of_month, are_days),
        months: ranges(f, fields, "months", |t| named(t, &MONTHS)),
        years: ranges(f, fields, "years", |t| {
            t.parse::<i32>().ok().filter(|y| (1970..=9999).contains(y))
        }),
        location: fields.parsed(f, "location", None, |t| read::zone(t).map(Some)),
    })
}

/// `09:00-17:00`, or Alertmanager's `{start_time: 09:00, end_time: 17:00}`.
fn times(f: &mut Findings, node: Option<&Node>) -> Vec<(u16, u16)> {
    let Some(node) = node else { return Vec::new() };
    let items = match &node.value {
        Value::List(items) => items.as_slice(),
        _ => std::slice::from_ref(node),
    };
    let mut found = Vec::new();
    for item in items {
        let text = match &item.value {
            Value::Text(text) => text.clone(),
            Value::Map(entries) => {
                known_keys(f, entries, &["start_time", "end_time"], "a time");
                let fields = Fields { own: item, defaults: None };
                let part = |f: &mut Findings, key: &str| {
                    fields.text(f, key).map_or_else(String::new, |(t, _)| t.to_owned())
                };
                format!("{}-{}", part(f, "start_time"), part(f, "end_time"))
            }
            Value::Null | Value::List(_) => String::new(),
        };
        match between(&text) {
            Some(times) => found.push(times),
            None => f.add(
                Problem::new(item.place.clone(), format!("{text:?} is no time of a day"))
                    .hint("write for example 09:00-17:00; what passes midnight is two of them"),
            ),
        }
    }
    found
}

fn between(text: &str) -> Option<(u16, u16)> {
    let (from, to) = text.split_once('-')?;
    let from = time_of_day(from.trim()).ok()?;
    let to = if to.trim() == "24:00" { MIDNIGHT } else { time_of_day(to.trim()).ok()? };
    (from < to).then_some((from, to))
}

fn ranges<T: Copy + PartialOrd>(
    f: &mut Findings,
    fields: Fields<'_>,
    key: &str,
    read: impl Fn(&str) -> Option<T>,
) -> Vec<(T, T)> {
    ranges_of(f, fields, key, read, |from, to| from <= to)
}

fn ranges_of<T: Copy>(
    f: &mut Findings,
    fields: Fields<'_>,
    key: &str,
    read: impl Fn(&str) -> Option<T>,
    fits: impl Fn(T, T) -> bool,
) -> Vec<(T, T)> {
    let mut found = Vec::new();
    for (text, place) in item_texts(f, fields.get(key), key) {
        let (from, to) = text.split_once(':').unwrap_or((text, text));
        let range = read(from.trim()).zip(read(to.trim()));
        match range.filter(|(from, to)| fits(*from, *to)) {
            Some(range) => found.push(range),
            None => f.add(
                Problem::new(place.clone(), format!("{text:?} is no part of `{key}`"))
                    .hint(format!("write for example {}", example(key))),
            ),
        }
    }
    found
}

fn example(key: &str) -> &'static str {
    match key {
        "weekdays" => "monday:friday",
        "days_of_month" => "1:5, or -1 for the last day",
        "months" => "june:august",
        _ => "2025:2027",
    }
}

fn named(text: &str, names: &[&str]) -> Option<u8> {
    let number = text.parse::<usize>().ok().filter(|n| (1..=names.len()).contains(n));
    let lower = text.to_lowercase();
    let name = || {
        let fits = |n: &&str| **n == lower || (lower.len() == 3 && n.starts_with(&lower));
        names.iter().position(fits).map(|at| at + 1)
    };
    number.or_else(name).and_then(|n| u8::try_from(n).ok())
}

fn day_of_month(text: &str) -> Option<i8> {
    text.parse::<i8>().ok().filter(|d| *d != 0 && (-31..=31).contains(d))
}

/// Whether a range of days is not empty in the longest month: both counted from one end, or from the
/// first of the month to one counted from its end.
const fn are_days(from: i8, to: i8) -> bool {
    match (from > 0, to > 0) {
        (true, true) | (false, false) => from <= to,
        (true, false) => from <= 32 + to,
        (false, true) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::tree::parse_file;
    use proptest::prelude::*;

    fn read(text: &str) -> (Vec<ActiveTime>, Vec<Problem>) {
        let root = parse_file(text).unwrap();
        let mut f = Findings::default();
        let times = active_times(&mut f, root.child("active_times"));
        (times, f.0)
    }

    #[test]
    fn office_hours_are_read_in_both_spellings() {
        let (times, problems) = read(
            "active_times:\n- times: [09:00-17:00, {start_time: '20:00', end_time: '24:00'}]\n  \
             weekdays: ['monday:friday', sat]\n  days_of_month: ['1:5', '-3:-1']\n  months: [june:august, 12]\n  \
             years: ['2025:2027']\n  location: Europe/Paris\n",
        );
        assert_eq!(problems, Vec::new());
        let wanted = ActiveTime {
            times: vec![(540, 1020), (1200, 1440)],
            weekdays: vec![(1, 5), (6, 6)],
            days_of_month: vec![(1, 5), (-3, -1)],
            months: vec![(6, 8), (12, 12)],
            years: vec![(2025, 2027)],
            location: Some(chrono_tz::Europe::Paris),
        };
        assert_eq!(times, [wanted]);
    }

    #[test]
    fn days_go_from_the_first_to_one_counted_from_the_end_and_not_back() {
        let (times, problems) = read("active_times: [{days_of_month: ['1:-1', '20:-5']}]");
        assert_eq!(problems, Vec::new());
        assert_eq!(times[0].days_of_month, [(1, -1), (20, -5)]);
        for wrong in ["-1:1", "31:-5", "-1:-3"] {
            let (_, problems) = read(&format!("active_times: [{{days_of_month: ['{wrong}']}}]"));
            assert_eq!(problems.len(), 1, "{wrong}");
        }
    }

    #[test]
    fn a_time_past_midnight_is_refused_with_the_way_out() {
        let (_, problems) = read("active_times: [{times: [22:00-06:00]}]");
        assert!(problems[0].hint.as_deref().unwrap().contains("two of them"), "{problems:?}");
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "[0-9a-z:-]{0,9}") {
            let _read = read(&format!("active_times: [{{times: ['{text}'], weekdays: ['{text}'], days_of_month: ['{text}']}}]"));
        }
    }
}
