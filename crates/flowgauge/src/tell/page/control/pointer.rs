//! Settings changed by JSON pointers: each pointer must name a setting there is, each value must fit it.

use super::super::Problem;
use crate::logic::control::state::Settings;
use http::StatusCode;
use serde_json::Value;
use std::collections::BTreeMap;

/// Settings with these values, or which pointer is wrong and what would fit.
pub(super) fn apply(
    settings: &Settings,
    set: &BTreeMap<String, Value>,
) -> Result<Settings, Problem> {
    let mut settings = settings.clone();
    for (path, value) in set {
        let mut tree = tree(&settings)?;
        let Some(place) = tree.pointer_mut(path).filter(|_| !path.is_empty()) else {
            return Err(unknown(path, &tree));
        };
        let was = std::mem::replace(place, value.clone());
        settings = serde_json::from_value(tree).map_err(|e| {
            let detail = format!("{e}; it is {was} now");
            unprocessable(Problem::field(path, &value.to_string(), detail))
        })?;
    }
    Ok(settings)
}

/// Settings as JSON.
pub(super) fn tree(settings: &Settings) -> Result<Value, Problem> {
    serde_json::to_value(settings)
        .map_err(|e| Problem::new(StatusCode::INTERNAL_SERVER_ERROR, e.to_string()))
}

/// Names the part of a pointer that is not there, and what is.
fn unknown(path: &str, tree: &Value) -> Problem {
    let (mut here, mut known) = (tree, String::new());
    for name in path.split('/').skip(1) {
        match here.get(name) {
            Some(next) => here = next,
            None => break,
        }
        known.push('/');
        known.push_str(name);
    }
    let names: Vec<String> = match here {
        Value::Object(map) => map.keys().map(|k| format!("{known}/{k}")).collect(),
        _ => vec![known],
    };
    let detail = format!("no such setting; there are {}", names.join(", "));
    unprocessable(Problem::field(path, "", detail))
}

fn unprocessable(problem: Problem) -> Problem {
    problem.with_status(StatusCode::UNPROCESSABLE_ENTITY)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::logic::control::rollout::{Mode, Share};
    use proptest::prelude::*;
    use serde_json::json;

    fn set(path: &str, value: Value) -> Result<Settings, Problem> {
        apply(&Settings::default(), &BTreeMap::from([(path.to_owned(), value)]))
    }

    #[test]
    fn a_pointer_sets_a_number_a_mode_and_a_whole_section() {
        assert_eq!(set("/prune/context_tokens", json!(1200)).unwrap().prune.context_tokens, 1_200);
        let canary = set("/rollouts/response_caching/mode", json!({"canary": 50_000})).unwrap();
        assert_eq!(canary.rollouts.response_caching.mode, Mode::Canary(Share::percent(5)));
        assert!(set("/kill", json!({"all": true})).unwrap().kill.all);
        let some = set("/prompt/max_answer_tokens", json!(300)).unwrap();
        assert_eq!(some.prompt.max_answer_tokens, Some(300));
    }

    #[test]
    fn a_wrong_pointer_names_what_there_is_and_a_wrong_value_what_is_allowed() {
        let detail = set("/prune/context_tokns", json!(1)).unwrap_err();
        assert_eq!(detail.status(), StatusCode::UNPROCESSABLE_ENTITY);
        assert!(detail.detail().contains("/prune/context_tokens"), "{detail:?}");
        let detail = set("/rollouts/model_selection/mode", json!("maybe")).unwrap_err();
        assert!(detail.detail().contains("maybe") && detail.detail().contains("shadow"));
        let detail = set("/prune/top_k", json!("three")).unwrap_err();
        assert!(detail.detail().contains("/prune/top_k \"\\\"three\\\"\""), "{detail:?}");
        assert!(set("", json!({})).is_err() && set("prune", json!(1)).is_err());
    }

    proptest! {
        #[test]
        fn any_pointer_is_applied_or_refused(path in "(/[a-z_0-9~]{0,12}){0,4}|\\PC{0,20}", n in 0u64..3) {
            if let Err(problem) = set(&path, json!(n)) {
                prop_assert_eq!(problem.status(), StatusCode::UNPROCESSABLE_ENTITY);
            }
        }
    }
}
