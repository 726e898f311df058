//! Online scoring: shares by intent, evaluators, the judging model.

use super::super::problem::Problem;
use super::super::quality::{IntentWants, JUDGE_BUDGET, Judge, Quality};
use super::super::read::{self, Findings};
use super::super::tree::{Node, Value};
use super::own_model::{OwnModel, own_model};
use super::{items, noted, unique};
use crate::config::Config;
use crate::logic::budget::parse_money;
use crate::logic::call::Text;
use crate::logic::nearest::nearest;
use crate::logic::retry::Policy;
use crate::logic::score::grounded::GROUNDED;
use crate::logic::score::judging::Rubric;
use crate::logic::score::language::Language;
use crate::logic::score::reference::LOCAL;
use crate::logic::score::rules::RULES;
use crate::logic::score::sampling::Plan;
use crate::logic::unit::Micros;

/// Evaluators that need no label, by the words a file may name them with.
const SCORERS: [(&str, &str); 6] = [
    ("local", LOCAL.name),
    ("groundedness", GROUNDED.name),
    ("rules", RULES.name),
    (LOCAL.name, LOCAL.name),
    (GROUNDED.name, GROUNDED.name),
    (RULES.name, RULES.name),
];
/// Largest request that may be kept to be scored: what the gateway keeps to count tokens.
const MOST_CONTENT: u64 = 1 << 20;
/// Memory that samples may hold at most: a tenth of a small machine's.
const MOST_IN_MEMORY: u64 = 1 << 30;
/// Verdicts under way at once: a judging model that takes 3 s gives 20 a second with so many.
const MOST_AT_ONCE: usize = 64;
/// Requests for one verdict at most; what fails five times will fail again.
const MOST_ATTEMPTS: u16 = 5;
/// Half a minute, as long as people wait for a grade.
const TIMEOUT: Micros = Micros::from_millis(30_000);

/// The `quality` section.
pub(super) fn quality(f: &mut Findings, root: &Node, config: &Config) -> Quality {
    let base = Quality::default();
    let (by_intent, intents) = intents(f, root);
    let plan = Plan {
        default: f.value(root, "quality.sampling.default", 0.0, rate),
        by_intent,
        min_per_hour: f.value(root, "quality.sampling.min_per_hour", 0, whole),
        max_per_minute: f.value(
            root,
            "quality.sampling.max_per_minute",
            base.plan.max_per_minute,
            whole,
        ),
    };
    let within = |most: u64| {
        move |text: &str| {
            let size = read::bytes(text)?;
            if size == 0 || size > most {
                return Err(format!("{text:?} is not between 1 B and {} MiB", most >> 20));
            }
            usize::try_from(size).map_err(|e| e.to_string())
        }
    };
    let content = within(MOST_CONTENT);
    let memory = within(MOST_IN_MEMORY);
    let told = Quality {
        scorers: root.at("quality").and_then(|n| scorers(f, n)).unwrap_or(base.scorers),
        plan,
        intents,
        max_content: f.value(root, "quality.max_content", base.max_content, content),
        max_in_memory: f.value(root, "quality.max_in_memory", base.max_in_memory, memory),
        judge: root.at("quality.judge").and_then(|node| judge(f, node, config)),
    };
    contradictions(f, root, config, &told);
    told
}

fn contradictions(f: &mut Findings, root: &Node, config: &Config, told: &Quality) {
    if told.max_content > told.max_in_memory
        && let Some(node) = root.at("quality.max_in_memory").or(root.at("quality.max_content"))
    {
        let why = "max_in_memory is less than max_content: a large request would never be scored";
        f.add(Problem::new(node.place.clone(), why).hint("raise max_in_memory"));
    }
    let Some(node) = root.at("quality.judge").filter(|_| told.judge.is_some()) else { return };
    if !told.plan.is_on() {
        let why = "a judging model is named but nothing is sampled";
        let hint = "set quality.sampling.default, for example to 0.05";
        f.add(Problem::new(node.place.clone(), why).hint(hint));
    }
    if config.budgets.iter().any(|b| b.name == JUDGE_BUDGET) {
        let why =
            format!("the judging model spends from a budget named {JUDGE_BUDGET:?} of its own");
        f.add(
            Problem::new(node.place.clone(), why).hint("give the budget in `budgets` another name"),
        );
    }
}

type Rates = Vec<(Text, f64)>;

fn intents(f: &mut Findings, root: &Node) -> (Rates, Vec<IntentWants>) {
    let nodes = root.at("quality.sampling.by_intent").map_or(&[][..], items);
    unique(f, nodes, "intent", "rate of the intent");
    let (mut rates, mut wants) = (Vec::new(), Vec::new());
    let default = f.text(root, "quality.sampling.default").and_then(|(t, _)| rate(t).ok());
    for node in nodes {
        let Some((intent, _)) = f.required(node, "intent") else { continue };
        let intent = Text::from(intent);
        rates.push((intent.clone(), f.value(node, "rate", default.unwrap_or(0.0), rate)));
        let json = f.value(node, "format", false, format);
        wants.push(IntentWants {
            intent,
            scorers: scorers(f, node),
            language: f.value(node, "language", None, |t| language(t).map(Some)),
            words: f.value(node, "words", None, |t| words(t).map(Some)),
            json,
        });
    }
    (rates, wants)
}

/// The evaluators a node names; nothing where it names none.
fn scorers(f: &mut Findings, node: &Node) -> Option<Vec<&'static str>> {
    let list = node.at("scorers")?;
    let mut found = Vec::new();
    for item in items(list) {
        let Value::Text(text) = &item.value else { continue };
        match SCORERS.iter().find(|(word, _)| word == text) {
            Some((_, name)) if found.contains(name) => {}
            Some((_, name)) => found.push(*name),
            None => {
                let words = SCORERS.iter().map(|(word, _)| *word);
                let hint = match nearest(text, words.clone()) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!("there are {}", words.take(3).collect::<Vec<_>>().join(", ")),
                };
                let why = format!("no evaluator is named {text:?} that can score without labels");
                f.add(Problem::new(item.place.clone(), why).hint(hint));
            }
        }
    }
    Some(found)
}

/// The judging model, where one is named.
fn judge(f: &mut Findings, node: &Node, config: &Config) -> Option<Judge> {
    let OwnModel { model, provider, .. } = own_model(f, node, config, "a judging model has")?;
    let budget = match f.text(node, "budget_per_day") {
        Some((text, place)) => noted(f, place, parse_money(text)),
        None => {
            let why = "`budget_per_day` is missing: a judging model costs money";
            f.add(
                Problem::new(node.place.clone(), why)
                    .hint("write for example budget_per_day: 1 USD"),
            );
            None
        }
    };
    let rubric = f.value(node, "rubric", Rubric::default(), rubric);
    let base = Policy::default();
    let retry = Policy {
        attempts: f.value(node, "attempts", 2, attempts),
        backoff: f.value(node, "backoff", base.backoff, read::length),
        max_backoff: f.value(node, "max_backoff", base.max_backoff, read::length),
    };
    Some(Judge {
        model,
        provider,
        rubric,
        share: f.value(node, "share", 1.0, |t| {
            rate(t).and_then(|r| {
                if r > 0.0 { Ok(r) } else { Err("a share of 0 asks nothing".to_owned()) }
            })
        }),
        budget_per_day: budget?,
        timeout: f.value(node, "timeout", TIMEOUT, read::length),
        retry,
        concurrency: f.value(node, "concurrency", 2, at_once),
    })
}

fn rubric(file: &str) -> Result<Rubric, String> {
    let text = std::fs::read_to_string(file)
        .map_err(|e| format!("the rubric {file:?} cannot be read: {e}"))?;
    Rubric::read(&text).map_err(|e| format!("the rubric {file:?}: {e}"))
}

fn rate(text: &str) -> Result<f64, String> {
    let value = text.parse::<f64>().ok().filter(|v| (0.0..=1.0).contains(v));
    value.ok_or_else(|| {
        format!("{text:?} is no share; write a number from 0 to 1, for example 0.05")
    })
}

fn whole(text: &str) -> Result<u32, String> {
    text.parse().map_err(|_| format!("{text:?} is no whole number; 0 means none"))
}

fn attempts(text: &str) -> Result<u16, String> {
    let n = text.parse().ok().filter(|n| (1..=MOST_ATTEMPTS).contains(n));
    n.ok_or_else(|| format!("{text:?} is not a number from 1 to {MOST_ATTEMPTS}"))
}

fn at_once(text: &str) -> Result<usize, String> {
    let n = text.parse().ok().filter(|n| (1..=MOST_AT_ONCE).contains(n));
    n.ok_or_else(|| format!("{text:?} is not a number from 1 to {MOST_AT_ONCE}"))
}

fn format(text: &str) -> Result<bool, String> {
    match text {
        "text" => Ok(false),
        "json" => Ok(true),
        other => Err(format!("{other:?} is no format; there are text, json")),
    }
}

fn language(text: &str) -> Result<Language, String> {
    Language::from_code(text)
        .ok_or_else(|| format!("{text:?} is no language flowgauge knows; write a code such as en"))
}

fn words(text: &str) -> Result<(u32, u32), String> {
    let ends = text
        .split_once("..")
        .and_then(|(least, most)| Some((least.trim().parse().ok()?, most.trim().parse().ok()?)));
    ends.filter(|(least, most)| least <= most && *most > 0)
        .ok_or_else(|| format!("{text:?} is no number of words; write for example 20..200"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::tree::parse_file;

    fn told(text: &str) -> (Quality, Vec<String>) {
        let root = parse_file(text).unwrap();
        let mut f = Findings::default();
        let told = quality(&mut f, &root, &Config::default());
        let text = |p: &Problem| format!("{} {}", p.message, p.hint.as_deref().unwrap_or_default());
        (told, f.0.iter().map(text).collect())
    }

    #[test]
    fn nothing_is_sampled_unless_asked() {
        let (told, problems) = told("{}");
        assert!(!told.plan.is_on() && told.judge.is_none() && problems.is_empty(), "{problems:?}");
        assert_eq!(told, Quality::default());
    }

    #[test]
    fn an_intent_has_its_own_share_evaluators_and_wants() {
        let (told, problems) = told(
            "quality: {scorers: [groundedness, rules], sampling: {default: 0.01, min_per_hour: 5, by_intent: \
             [{intent: chat, rate: 0.5, scorers: [local], language: de, words: 5..80, format: json}, {intent: x}]}}",
        );
        assert_eq!(problems, Vec::<String>::new());
        assert!(
            (told.plan.rate("chat") - 0.5).abs() < 1e-12
                && (told.plan.rate("x") - 0.01).abs() < 1e-12
        );
        assert_eq!(told.scorers("chat"), ["flowgauge.local"]);
        assert_eq!(told.scorers("other"), ["flowgauge.grounded", "flowgauge.rules"]);
        let chat = told.wants("chat").unwrap();
        assert_eq!(
            (chat.words, chat.language, chat.json),
            (Some((5, 80)), Some(Language::De), true)
        );
    }

    #[test]
    fn every_mistake_is_named_with_a_way_out() {
        for (text, want) in [
            ("quality: {sampling: {default: 5}}", "is no share; write a number from 0 to 1"),
            ("quality: {sampling: {by_intent: [{rate: 1}]}}", "`intent` is missing"),
            ("quality: {scorers: [groundednes]}", "did you mean `groundedness`?"),
            ("quality: {max_content: 2MiB}", "is not between 1 B and 1 MiB"),
            ("quality: {max_content: 1MiB, max_in_memory: 1kB}", "raise max_in_memory"),
            (
                "quality: {judge: {model: m, provider: openia, budget_per_day: 1 USD}}",
                "did you mean `openai`?",
            ),
            ("quality: {judge: {model: m}}", "write for example budget_per_day: 1 USD"),
            ("quality: {judge: {model: m, budget_per_day: 1 USD}}", "nothing is sampled"),
            ("quality: {judge: {model: m, budget_per_day: 1 USD}}", "add api_key: env:NAME"),
            (
                "quality: {judge: {model: m, budget_per_day: 1 USD, rubric: /no/such}}",
                "cannot be read",
            ),
            ("quality: {judge: {model: m, budget_per_day: 1 USD, attempts: 9}}", "from 1 to 5"),
        ] {
            let (_, problems) = told(text);
            assert!(problems.iter().any(|p| p.contains(want)), "{text}: {problems:?}");
        }
    }
}
