//! Who may spend how much until when.

use super::super::problem::Problem;
use super::super::read::{self, Findings};
use super::super::tree::{Node, Value};
use super::{items, noted, unique};
use crate::logic::budget::{
    Budget, Ceiling, DEFAULT_MAX_TOKENS, Per, Period, Trait, Unpriced, parse_money,
    parse_per_million,
};
use crate::logic::call::Text;
use chrono_tz::Tz;

/// Budgets at most: a call looks at each of them before it is forwarded.
const MAX_BUDGETS: usize = 256;

/// The `budgets` list; `zone` is the reporting zone, where a budget names none of its own.
pub(super) fn budgets(f: &mut Findings, root: &Node, zone: Tz) -> Vec<Budget> {
    let Some(list) = root.at("budgets") else { return Vec::new() };
    let nodes = items(list);
    unique(f, nodes, "name", "budget");
    if nodes.len() > MAX_BUDGETS {
        let why = format!("{} budgets; there may be {MAX_BUDGETS}", nodes.len());
        f.add(Problem::new(list.place.clone(), why));
    }
    nodes.iter().filter_map(|n| budget(f, n, zone)).collect()
}

fn budget(f: &mut Findings, node: &Node, zone: Tz) -> Option<Budget> {
    let name = f.required(node, "name").map(|(t, _)| Text::from(t));
    let per = f.value(node, "per", Per::All, Per::parse);
    let matches = matches(f, node);
    let period = f.required(node, "period");
    let period = period.and_then(|(text, place)| noted(f, place, period_of(text)));
    let limit = f.required(node, "limit");
    let limit = limit.and_then(|(text, place)| noted(f, place, parse_money(text)));
    let zone = f.value(node, "timezone", zone, read::zone);
    let unpriced = unpriced(f, node);
    let tokens = f.value(node, "default_max_tokens", DEFAULT_MAX_TOKENS, tokens);
    Some(Budget {
        name: name?,
        per,
        matches,
        period: period?,
        limit: limit?,
        zone,
        unpriced: unpriced?,
        default_max_tokens: tokens,
    })
}

fn matches(f: &mut Findings, node: &Node) -> Vec<(Trait, Text)> {
    let mut found = Vec::new();
    for item in node.at("match").map_or(&[][..], items) {
        let Value::Text(text) = &item.value else { continue };
        let pair = text
            .split_once('=')
            .ok_or_else(|| format!("{text:?} names no value; write for example app=reader"));
        let read = pair.and_then(|(what, value)| {
            Ok((Trait::parse_match(what.trim())?, Text::from(value.trim())))
        });
        found.extend(noted(f, &item.place, read));
    }
    found
}

fn period_of(text: &str) -> Result<Period, String> {
    Period::from_word(text).ok_or_else(|| format!("{text:?} is no period; there are day, month"))
}

/// A rule for calls without a price must be told: neither guessing nor refusing is ours to choose
/// silently, so that refusing is the default and a ceiling needs its rates.
fn unpriced(f: &mut Findings, node: &Node) -> Option<Unpriced> {
    let (word, place) = f.text(node, "unpriced").unwrap_or(("deny", &node.place));
    match word {
        "deny" => return Some(Unpriced::Deny),
        "ceiling" => {}
        other => {
            let why = format!("{other:?} is no rule for calls without a price");
            f.add(Problem::new(place.clone(), why).hint("there are deny, ceiling"));
            return None;
        }
    }
    let Some(rates) = node.at("ceiling") else {
        let why = "`unpriced: ceiling` needs the rates to count at";
        let hint = "add ceiling: {input: 10 USD/M, output: 30 USD/M}";
        f.add(Problem::new(place.clone(), why).hint(hint));
        return None;
    };
    let mut rate = |key: &str| {
        let (text, place) = f.required(rates, key)?;
        noted(f, place, parse_per_million(text))
    };
    let (input, output) = (rate("input"), rate("output"));
    Some(Unpriced::Ceiling(Ceiling { input: input?, output: output? }))
}

fn tokens(text: &str) -> Result<u64, String> {
    let tokens = text.parse::<u64>().ok().filter(|n| *n > 0);
    tokens.ok_or_else(|| format!("{text:?} is no number of tokens"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::tree::parse_file;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn any_budget_is_read_or_refused_by_name(
            name in "[a-z]{1,8}",
            limit in "[$0-9.a-z -]{0,12}", period in "[a-z0-9]{0,8}", per in "[a-z.]{0,12}",
            zone in "[A-Za-z/]{0,12}", tokens in "[0-9a-z-]{0,20}", unpriced in "[a-z0-9.$/]{0,12}",
        ) {
            let text = format!(
                "budgets: [{{name: {name}, limit: '{limit}', period: '{period}', per: '{per}', \
                 timezone: '{zone}', default_max_tokens: '{tokens}', unpriced: '{unpriced}'}}]"
            );
            let root = parse_file(&text).unwrap();
            let mut findings = Findings::default();
            let read = budgets(&mut findings, &root, Tz::UTC);
            prop_assert!(read.len() == 1 || !findings.0.is_empty());
            prop_assert!(read.iter().all(|b| b.name == name));
        }
    }
}
