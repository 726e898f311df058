//! Test files as written: rules to load, and tests with requests, faults and what is expected.
//!
//! Promtool's files are read by the same keys. Refuses keys that mean nothing, with their place.

use super::parts;
use super::promtool;
use super::requests::Stream;
use crate::config::alerts::RuleSource;
use crate::config::problem::{Place, Problem, Problems};
use crate::config::read::Findings;
use crate::config::tree::{self, Node, Value};
use crate::judge::rules::fields::{Fields, item_texts, known_keys};
use crate::logic::alert::facts::Labels;
use crate::logic::alert::silence::SilenceMatcher;
use crate::logic::call::Text;
use crate::logic::unit::{Micros, UnixMicros};
use std::path::Path;

/// Keys of a file.
const KEYS: &[&str] =
    &["rule_files", "tick", "tests", "evaluation_interval", "group_eval_order", "fuzzy_compare"];
/// Between two evaluations, where a file says nothing: as in operation.
const TICK: Micros = Micros::from_millis(10_000);

/// A file of tests.
#[derive(Debug, Clone, PartialEq)]
pub struct TestFile {
    /// As it was named.
    pub name: String,
    /// Its text, for places.
    pub text: String,
    /// The rules it is about.
    pub rules: Vec<RuleSource>,
    /// Its tests, in order.
    pub tests: Vec<Test>,
}

/// One test.
#[derive(Debug, Clone, PartialEq)]
pub struct Test {
    /// What it shows.
    pub name: String,
    /// Where it is written.
    pub place: Place,
    /// Between two evaluations.
    pub tick: Micros,
    /// When it begins.
    pub start: UnixMicros,
    /// How long it lasts.
    pub until: Micros,
    /// What the application asks.
    pub(super) streams: Vec<Stream>,
    /// What goes wrong, and what people do, in order of time.
    pub faults: Vec<Fault>,
    /// How alerts stand.
    pub expect: Vec<Expect>,
    /// What receivers get over the whole test.
    pub notifications: Vec<Heard>,
}

/// Something that happens.
#[derive(Debug, Clone, PartialEq)]
pub struct Fault {
    /// After the beginning.
    pub at: Micros,
    /// What.
    pub does: Does,
}

/// What happens.
#[derive(Debug, Clone, PartialEq)]
pub enum Does {
    /// flowgauge dies, and is started again after a gap.
    Kill {
        /// How long it is away.
        gap: Micros,
    },
    /// flowgauge is stopped and started again after a gap.
    Restart {
        /// How long it is away.
        gap: Micros,
    },
    /// A channel answers something else.
    Channel(Text, Channelled),
    /// Somebody makes a silence.
    Silence {
        /// What it covers.
        matchers: Vec<SilenceMatcher>,
        /// For how long.
        length: Micros,
    },
    /// Somebody acknowledges what fires of a rule.
    Ack(Text),
}

/// What a channel answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Channelled {
    /// To each message.
    pub answer: Answer,
    /// To so many; then it works again. To all without it.
    pub times: Option<u32>,
}

/// One answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// An HTTP status.
    Status {
        /// Which.
        status: u16,
        /// Not before so long, it says.
        retry_after: Option<Micros>,
    },
    /// None: the connection stands until it is given up.
    Hang,
}

/// How an alert is expected to stand.
#[derive(Debug, Clone, PartialEq)]
pub struct Expect {
    /// Where it is written.
    pub place: Place,
    /// After the beginning.
    pub at: Micros,
    /// The rule.
    pub alert: Text,
    /// Of its instances the one with these labels; all of them without any.
    pub labels: Labels,
    /// The word of its state.
    pub state: Option<Text>,
    /// Whether a silence covers it.
    pub silenced: Option<bool>,
    /// Whether another rule, or a mechanism that is off, inhibits it.
    pub inhibited: Option<bool>,
    /// Whether somebody looks after it.
    pub acked: Option<bool>,
    /// Promtool's: exactly these alerts fire.
    pub firing: Option<Vec<Exp>>,
}

/// One alert that promtool expects.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Exp {
    /// Its labels, without `alertname`.
    pub labels: Labels,
    /// Its annotations.
    pub annotations: Labels,
}

/// What a channel is expected to have got.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heard {
    /// Where it is written.
    pub place: Place,
    /// Which.
    pub channel: Text,
    /// Of this rule only.
    pub alert: Option<Text>,
    /// How many messages.
    pub count: Option<usize>,
    /// What each is to do, in order.
    pub actions: Option<Vec<String>>,
    /// Whether all are about one incident.
    pub same_dedup_key: Option<bool>,
    /// Each holds these texts.
    pub contains: Vec<String>,
    /// None holds these.
    pub lacks: Vec<String>,
}

/// Reads a file of tests; rule files are looked for beside it.
///
/// # Errors
/// Everything that is wrong with it, in the order of the file.
pub fn read(name: &str, text: &str) -> Result<TestFile, Problems> {
    let refused = |list| Problems { file: name.to_owned(), text: text.to_owned(), list };
    let root = tree::parse_file(text).map_err(|problem| refused(vec![problem]))?;
    let mut f = Findings::default();
    let file = whole(&mut f, name, text, &root);
    if f.0.is_empty() {
        return Ok(file);
    }
    f.0.sort_by_key(|problem| match problem.place {
        Place::File { line, column } => (line, column),
        _ => (0, 0),
    });
    Err(refused(f.0))
}

fn whole(f: &mut Findings, name: &str, text: &str, root: &Node) -> TestFile {
    match &root.value {
        Value::Map(entries) => known_keys(f, entries, KEYS, "a test file"),
        _ => f.add(Problem::new(root.place.clone(), "a test file is a section")),
    }
    let fields = Fields { own: root, defaults: None };
    let rules = item_texts(f, fields.get("rule_files"), "rule_files");
    let rules = rules.into_iter().map(|(file, _)| beside(name, file)).collect::<Vec<_>>();
    if rules.is_empty() {
        f.add(
            Problem::new(Place::Whole, "`rule_files` is missing")
                .hint("name the rules to be tested, for example rule_files: [alerts.yaml]"),
        );
    }
    let foreign = fields.get("evaluation_interval").is_some();
    let of = if foreign { "evaluation_interval" } else { "tick" };
    let usual = if foreign { promtool::INTERVAL } else { TICK };
    let tick = fields.parsed(f, of, usual, parts::length);
    if tick.0 < 100_000 {
        let place = fields.get(of).map_or(Place::Whole, |node| node.place.clone());
        f.add(Problem::new(place, format!("`{of}` is shorter than 100ms")));
    }
    let tests = match fields.get("tests").map(|node| (&node.value, node)) {
        Some((Value::List(items), _)) => {
            items.iter().enumerate().map(|(at, node)| parts::test(f, node, tick, at)).collect()
        }
        Some((_, node)) => {
            f.add(
                Problem::new(node.place.clone(), "`tests` is a list").hint("begin each with `- `"),
            );
            Vec::new()
        }
        None => {
            f.add(Problem::new(Place::Whole, "`tests` is missing; there is nothing to run"));
            Vec::new()
        }
    };
    TestFile { name: name.to_owned(), text: text.to_owned(), rules, tests }
}

/// A rule file as the configuration names it, or by its path beside the test file.
fn beside(test: &str, named: &str) -> RuleSource {
    match named {
        "builtin:guide" => RuleSource::Guide,
        "builtin:derived" => RuleSource::Derived,
        "builtin:regression" => RuleSource::Regression,
        "builtin:slo" => RuleSource::Slo,
        path => {
            let folder = Path::new(test).parent().unwrap_or_else(|| Path::new(""));
            RuleSource::File(folder.join(path))
        }
    }
}
