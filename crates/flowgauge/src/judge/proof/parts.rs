//! The parts of one test: when it begins, what happens, what is expected.

use super::file::{Answer, Channelled, Does, Expect, Fault, Heard, Test};
use super::promtool;
use super::requests::{self, Stream};
use crate::config::problem::{Place, Problem};
use crate::config::read::{self, Findings};
use crate::config::tree::{Node, Value};
use crate::judge::rules::fields::{Fields, item_texts, known_keys, word};
use crate::logic::alert::facts::Labels;
use crate::logic::alert::language;
use crate::logic::alert::silence::SilenceMatcher;
use crate::logic::call::Text;
use crate::logic::unit::{Micros, UnixMicros};
use chrono::DateTime;

const TEST: &[&str] = &[
    "name",
    "start",
    "until",
    "streams",
    "series",
    "faults",
    "expect",
    "notifications",
    "interval",
    "start_timestamp",
    "input_series",
    "alert_rule_test",
    "external_labels",
    "external_url",
];
const FAULT: &[&str] = &[
    "at",
    "do",
    "gap",
    "channel",
    "respond",
    "retry_after",
    "times",
    "hang",
    "matchers",
    "for",
    "alert",
];
const EXPECT: &[&str] = &["at", "alert", "labels", "state", "silenced", "inhibited", "acked"];
const HEARD: &[&str] =
    &["channel", "alert", "count", "actions", "same_dedup_key", "contains", "lacks"];
const STATES: &[(&str, &str)] = &[
    ("unknown", "unknown"),
    ("inactive", "inactive"),
    ("pending", "pending"),
    ("firing", "firing"),
    ("recovering", "recovering"),
];
/// A test without `start` begins here: a Monday morning, on the grid of every tick up to an hour.
const START: UnixMicros = UnixMicros(1_736_154_000_000_000);
/// A silence lasts so long where nothing is said.
const SILENCE: Micros = Micros::from_millis(3_600_000);
/// Longest test: a month has 260,000 ticks of ten seconds.
const LONGEST: Micros = Micros::from_millis(40 * 86_400_000);

/// One test.
pub(super) fn test(f: &mut Findings, node: &Node, tick: Micros, number: usize) -> Test {
    section(f, node, TEST, "a test");
    let fields = Fields { own: node, defaults: None };
    let name = fields.text(f, "name").map(|(text, _)| text.to_owned());
    let start = fields.parsed(f, "start", START, instant);
    let start = fields.parsed(f, "start_timestamp", start, instant);
    let streams: Vec<Stream> =
        items(f, fields, "streams").into_iter().map(|n| requests::stream(f, n)).collect();
    let mut expect: Vec<Expect> =
        items(f, fields, "expect").into_iter().filter_map(|n| expectation(f, n)).collect();
    let mut faults: Vec<Fault> =
        items(f, fields, "faults").into_iter().filter_map(|n| fault(f, n)).collect();
    faults.sort_by_key(|fault| fault.at);
    let notifications =
        items(f, fields, "notifications").into_iter().filter_map(|n| heard(f, n)).collect();
    let mut streams = streams;
    streams.extend(promtool::series(f, fields));
    expect.extend(promtool::expected(f, fields));
    let ends = streams.iter().map(Stream::end).chain(expect.iter().map(|e| e.at));
    let last = ends.chain(faults.iter().map(|fault| fault.at)).max().unwrap_or_default();
    let until = fields.parsed(f, "until", last, length).max(last);
    if until > LONGEST {
        f.add(Problem::new(node.place.clone(), "a test lasts at most 40 days"));
    }
    Test {
        name: name.unwrap_or_else(|| format!("test {}", number + 1)),
        place: node.place.clone(),
        tick,
        start,
        until,
        streams,
        faults,
        expect,
        notifications,
    }
}

/// The items of a list of sections.
pub(super) fn items<'a>(f: &mut Findings, fields: Fields<'a>, key: &str) -> Vec<&'a Node> {
    match fields.get(key).map(|node| (node, &node.value)) {
        None => Vec::new(),
        Some((_, Value::List(items))) => items.iter().collect(),
        Some((node, _)) => {
            let problem = Problem::new(node.place.clone(), format!("`{key}` is a list"));
            f.add(problem.hint("begin each item with `- `"));
            Vec::new()
        }
    }
}

/// Notes unknown keys of a section, and what is none.
pub(super) fn section(f: &mut Findings, node: &Node, keys: &[&str], what: &str) {
    match &node.value {
        Value::Map(entries) => known_keys(f, entries, keys, what),
        _ => f.add(
            Problem::new(node.place.clone(), format!("{what} is a section"))
                .hint(format!("its keys are {}", keys.join(", "))),
        ),
    }
}

fn fault(f: &mut Findings, node: &Node) -> Option<Fault> {
    section(f, node, FAULT, "a fault");
    let fields = Fields { own: node, defaults: None };
    let at = required(f, fields, "at", length)?;
    let gap = fields.parsed(f, "gap", Micros(0), length);
    if let Some((channel, _)) = fields.text(f, "channel") {
        return Some(Fault { at, does: Does::Channel(channel.into(), answers(f, fields)?) });
    }
    let does = required(f, fields, "do", |text| {
        let words: Vec<(&str, &str)> =
            ["kill9", "restart", "silence", "ack"].iter().map(|w| (*w, *w)).collect();
        word(text, "fault", &words)
            .map_err(|why| format!("{why}; or name a `channel` and what it responds"))
    })?;
    let does = match does {
        "kill9" => Does::Kill { gap },
        "restart" => Does::Restart { gap },
        "ack" => Does::Ack(required(f, fields, "alert", |text| Ok(Text::from(text)))?),
        _ => {
            let length = fields.parsed(f, "for", SILENCE, length);
            Does::Silence { matchers: matchers(f, fields), length }
        }
    };
    Some(Fault { at, does })
}

fn answers(f: &mut Findings, fields: Fields<'_>) -> Option<Channelled> {
    let times = fields.parsed(f, "times", None, |text| whole(text).map(Some));
    let retry_after = fields.parsed(f, "retry_after", None, |text| length(text).map(Some));
    let hangs = fields.parsed(f, "hang", false, read::boolean);
    if hangs {
        return Some(Channelled { answer: Answer::Hang, times });
    }
    let status = required(f, fields, "respond", |text| {
        let status = text.parse::<u16>().ok().filter(|s| (200..600).contains(s));
        status.ok_or_else(|| format!("{text:?} is no HTTP status; write for example 429"))
    })?;
    Some(Channelled { answer: Answer::Status { status, retry_after }, times })
}

fn matchers(f: &mut Findings, fields: Fields<'_>) -> Vec<SilenceMatcher> {
    let labels = labels(f, fields.get("matchers"), "matchers");
    if labels.is_empty() {
        let problem = Problem::new(fields.own.place.clone(), "a silence needs `matchers`");
        f.add(problem.hint("write for example matchers: {alertname: p95_latency_critical}"));
    }
    let matcher = |(name, value): (Text, Text)| SilenceMatcher {
        name: name.to_string(),
        value: value.to_string(),
        is_regex: false,
        is_equal: true,
    };
    labels.into_iter().map(matcher).collect()
}

fn expectation(f: &mut Findings, node: &Node) -> Option<Expect> {
    section(f, node, EXPECT, "an expectation");
    let fields = Fields { own: node, defaults: None };
    let at = required(f, fields, "at", length);
    let alert = required(f, fields, "alert", |text| Ok(Text::from(text)));
    let yes_no =
        |f: &mut Findings, key| fields.parsed(f, key, None, |t| read::boolean(t).map(Some));
    let state = |text: &str| word(text, "state", STATES).map(|w| Some(Text::const_new(w)));
    let expect = Expect {
        place: node.place.clone(),
        at: at?,
        alert: alert?,
        labels: labels(f, fields.get("labels"), "labels"),
        state: fields.parsed(f, "state", None, state),
        silenced: yes_no(f, "silenced"),
        inhibited: yes_no(f, "inhibited"),
        acked: yes_no(f, "acked"),
        firing: None,
    };
    let Expect { state, silenced, inhibited, acked, .. } = &expect;
    if state.is_none() && silenced.is_none() && inhibited.is_none() && acked.is_none() {
        let problem = Problem::new(node.place.clone(), "nothing is expected here");
        f.add(problem.hint("write for example state: firing"));
    }
    Some(expect)
}

fn heard(f: &mut Findings, node: &Node) -> Option<Heard> {
    section(f, node, HEARD, "a notification");
    let fields = Fields { own: node, defaults: None };
    let texts = |f: &mut Findings, key| -> Vec<String> {
        item_texts(f, fields.get(key), key).into_iter().map(|(text, _)| text.to_owned()).collect()
    };
    let heard = Heard {
        place: node.place.clone(),
        channel: required(f, fields, "channel", |text| Ok(Text::from(text)))?,
        alert: fields.text(f, "alert").map(|(text, _)| text.into()),
        count: fields.parsed(f, "count", None, |text| whole(text).map(Some)),
        actions: fields.get("actions").map(|_| texts(f, "actions")),
        same_dedup_key: fields.parsed(f, "same_dedup_key", None, |t| read::boolean(t).map(Some)),
        contains: texts(f, "contains"),
        lacks: texts(f, "lacks"),
    };
    Some(heard)
}

/// A section of texts by name, sorted.
pub(super) fn labels(f: &mut Findings, node: Option<&Node>, key: &str) -> Labels {
    let Some(node) = node else { return Labels::new() };
    let Value::Map(entries) = &node.value else {
        let problem = Problem::new(node.place.clone(), format!("`{key}` is a section"));
        f.add(problem.hint(format!("write for example {key}: {{model: gpt-5}}")));
        return Labels::new();
    };
    let mut labels = Labels::new();
    for entry in entries {
        match &entry.node.value {
            Value::Text(text) => {
                labels.push((Text::from(entry.key.as_str()), text.as_str().into()))
            }
            Value::Null => labels.push((Text::from(entry.key.as_str()), Text::default())),
            _ => f.add(Problem::new(entry.node.place.clone(), "a label is a single value")),
        }
    }
    labels.sort();
    labels
}

/// A parsed text that has to be there.
pub(super) fn required<T>(
    f: &mut Findings,
    fields: Fields<'_>,
    key: &str,
    parse: impl FnOnce(&str) -> Result<T, String>,
) -> Option<T> {
    let Some((text, place)) = fields.text(f, key) else {
        if fields.get(key).is_none() {
            f.add(Problem::new(fields.own.place.clone(), format!("`{key}` is missing here")));
        }
        return None;
    };
    match parse(text) {
        Ok(value) => Some(value),
        Err(why) => {
            f.add(Problem::new(place.clone(), why));
            None
        }
    }
}

/// `4m59s`; `0` needs no unit.
pub(super) fn length(text: &str) -> Result<Micros, String> {
    if text == "0" {
        return Ok(Micros(0));
    }
    language::duration(text).map_err(|fault| match fault.hint {
        Some(hint) => format!("{}; {hint}", fault.message),
        None => fault.message,
    })
}

/// A whole number.
pub(super) fn whole<T: std::str::FromStr>(text: &str) -> Result<T, String> {
    text.parse().map_err(|_| format!("{text:?} is no whole number, or too large"))
}

/// `2025-01-06T09:00:00Z`, or seconds since 1970.
fn instant(text: &str) -> Result<UnixMicros, String> {
    if let Ok(seconds) = text.parse::<i64>() {
        return Ok(UnixMicros(seconds.saturating_mul(1_000_000)));
    }
    DateTime::parse_from_rfc3339(text)
        .map(|at| UnixMicros(at.timestamp_micros()))
        .map_err(|_| format!("{text:?} is no moment; write for example 2025-01-06T09:00:00Z"))
}

/// The place of a section.
pub(super) fn place(fields: Fields<'_>) -> Place {
    fields.own.place.clone()
}
