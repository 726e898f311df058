//! The model that makes vectors of questions for the cache.

use super::super::problem::Problem;
use super::super::read::{self, Findings};
use super::super::tree::Node;
use super::super::{Config, Embeddings};
use super::noted;
use super::own_model::{OwnModel, own_model};
use crate::logic::budget::parse_money;
use crate::logic::unit::Micros;

/// How long a request may wait for a vector: below it no network answers, above it the answer itself is nearly there.
const WITHIN: std::ops::RangeInclusive<u64> = 10_000..=5_000_000;

/// The model, where one is named.
pub(super) fn embeddings(f: &mut Findings, root: &Node, config: &Config) -> Option<Embeddings> {
    let node = root.at("cache.semantic.embedding")?;
    let OwnModel { model, provider, is_public } = own_model(f, node, config, "vectors have")?;
    let budget_per_day = match f.text(node, "budget_per_day").filter(|(t, _)| !t.is_empty()) {
        Some((text, place)) => noted(f, place, parse_money(text)),
        None if is_public => {
            let why = "`budget_per_day` is missing: vectors of a provider cost money";
            let hint = "write for example budget_per_day: 1 USD";
            f.add(Problem::new(node.place.clone(), why).hint(hint));
            None
        }
        None => None,
    };
    if config.budgets.iter().any(|b| b.name == Embeddings::BUDGET) {
        let why =
            format!("vectors are paid from a budget named {:?} of their own", Embeddings::BUDGET);
        let hint = "give the budget in `budgets` another name";
        f.add(Problem::new(node.place.clone(), why).hint(hint));
    }
    let within = f.value(node, "within", Embeddings::WITHIN, within);
    Some(Embeddings { provider, model, within, budget_per_day })
}

fn within(text: &str) -> Result<Micros, String> {
    let length = read::length(text)?;
    let within = WITHIN.contains(&length.0).then_some(length);
    within.ok_or_else(|| format!("{text:?} is not between 10ms and 5s"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::tree::parse_file;
    use crate::config::{Provider, StreamSettings, Timeouts};

    fn told(text: &str, base_url: &str) -> (Option<Embeddings>, Vec<String>) {
        let mut config = Config::default();
        config.gateway.providers = vec![Provider {
            name: "openai".into(),
            base_url: base_url.to_owned(),
            api_key: None,
            timeouts: Timeouts::default(),
            retry: None,
            streams: StreamSettings::default(),
        }];
        let root = parse_file(text).unwrap();
        let mut f = Findings::default();
        let told = embeddings(&mut f, &root, &config);
        let text = |p: &Problem| format!("{} {}", p.message, p.hint.as_deref().unwrap_or_default());
        (told, f.0.iter().map(text).collect())
    }

    #[test]
    fn a_model_of_this_machine_needs_no_budget_and_none_is_asked_unless_named() {
        let local = "http://127.0.0.1:11434/v1";
        assert_eq!(told("{}", local), (None, Vec::new()));
        let (found, problems) = told("cache: {semantic: {embedding: {model: nomic}}}", local);
        assert_eq!(problems, Vec::<String>::new());
        let wanted = Embeddings {
            provider: "openai".into(),
            model: "nomic".into(),
            within: Embeddings::WITHIN,
            budget_per_day: None,
        };
        assert_eq!(found, Some(wanted));
    }

    #[test]
    fn every_mistake_is_named_with_a_way_out() {
        for (inner, want) in [
            ("model: m, budget_per_day: 1 USD", "add api_key: env:NAME"),
            ("model: m", "write for example budget_per_day: 1 USD"),
            ("model: m, provider: opnai, budget_per_day: 1 USD", "did you mean `openai`?"),
            ("model: m, budget_per_day: 1 USD, within: 10s", "is not between 10ms and 5s"),
        ] {
            let text = format!("cache: {{semantic: {{embedding: {{{inner}}}}}}}");
            let (_, problems) = told(&text, "https://api.example.com/v1");
            assert!(problems.iter().any(|p| p.contains(want)), "{inner}: {problems:?}");
        }
    }
}
