//! Variables of the environment that may be told: those that shape optimisation, without what is secret in them.
//!
//! Owns the list of what is told, which is a list of what is allowed and never of what is left out. Refuses values that
//! look like credentials, whatever their variable is called.

use std::collections::BTreeMap;

/// The guide's and the application's own variables (catalogue A4, E.2).
const NAMES: [&str; 27] = [
    "AUTO_ROLLBACK",
    "BUDGET_STRATEGY",
    "CACHE_HIT_RATE_ALERT_THRESHOLD",
    "CACHE_SIZE",
    "CACHE_STRATEGY",
    "CACHE_TTL_MINUTES",
    "COST_OPTIMIZED_ROUTING",
    "DISABLE_ALL_OPTIMIZATIONS",
    "EMBEDDING_CACHE_TTL_MINUTES",
    "ENABLE_CONTEXT_PRUNING",
    "ENABLE_MODEL_SELECTION",
    "ENABLE_PROMPT_OPTIMIZATION",
    "ENABLE_RESPONSE_CACHING",
    "FALLBACK_TO_GPT35",
    "FORCE_GPT35",
    "MAX_CONTEXT_TOKENS",
    "MAX_RESPONSE_TOKENS",
    "METRICS_COLLECTION_INTERVAL",
    "P95_LATENCY_ALERT_THRESHOLD",
    "PERF_CONFIG",
    "PREFER_FAST_MODELS",
    "QUALITY_ALERT_THRESHOLD",
    "QUALITY_CHECK_INTERVAL",
    "QUALITY_THRESHOLD",
    "RELEVANCE_THRESHOLD",
    "SIMILARITY_THRESHOLD",
    "TOKEN_USAGE_ALERT_THRESHOLD",
];
/// How names begin that the guide's own pattern meant to catch, and ours.
const BEGINNINGS: [&str; 7] =
    ["ENABLE_", "CACHE_", "MAX_", "TOP_K_", "FF_", "SEMANTIC_SIMILARITY_", "FLOWGAUGE__"];
/// Parts of a name that speak of a secret. `TOKENS`, a number of tokens, is none.
const SECRET_PARTS: [&str; 10] = [
    "PASSWORD",
    "PASSWD",
    "PASS",
    "SECRET",
    "TOKEN",
    "KEY",
    "CREDENTIAL",
    "CREDENTIALS",
    "AUTH",
    "DSN",
];
/// How values begin that are credentials: of providers, chat tools, forges and flowgauge itself.
const SECRET_VALUES: [&str; 8] =
    ["sk-", "fg_", "xox", "ghp_", "github_pat_", "AKIA", "Bearer ", "-----BEGIN"];
/// Stands for a secret.
pub const REDACTED: &str = "[redacted]";

/// Those of `all` that may be told, by name.
#[must_use]
pub fn told(all: &[(String, String)]) -> BTreeMap<String, String> {
    all.iter()
        .filter(|(name, _)| is_told(name))
        .map(|(name, value)| (name.clone(), redacted(value)))
        .collect()
}

fn is_told(name: &str) -> bool {
    let listed = NAMES.contains(&name) || BEGINNINGS.iter().any(|b| name.starts_with(b));
    listed && !name.split('_').any(|part| SECRET_PARTS.contains(&part))
}

/// A text without the credentials in it: user and password of addresses, and words that begin like one.
#[must_use]
pub fn redacted(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("://") {
        let (before, after) = rest.split_at(at + 3);
        out.push_str(before);
        let end = after.find(|c: char| "/?#\"' \t\n".contains(c)).unwrap_or(after.len());
        let (authority, beyond) = after.split_at(end);
        match authority.rsplit_once('@') {
            Some((_, host)) => {
                out.push_str(REDACTED);
                out.push('@');
                out.push_str(host);
            }
            None => out.push_str(authority),
        }
        rest = beyond;
    }
    out.push_str(rest);
    words_redacted(&out)
}

fn words_redacted(text: &str) -> String {
    let is_secret = |word: &str| {
        let word = word.trim_start_matches(['"', '\'', '=']);
        SECRET_VALUES.iter().any(|begin| word.starts_with(begin))
            || word.contains("hooks.slack.com/services/")
    };
    text.split_inclusive([' ', '\n', '\t', ','])
        .map(|piece| {
            let word = piece.trim_end_matches([' ', '\n', '\t', ',']);
            let end = piece.get(word.len()..).unwrap_or_default();
            if is_secret(word) { format!("{REDACTED}{end}") } else { piece.to_owned() }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        let all: Vec<_> = pairs.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
        told(&all)
    }

    #[test]
    fn what_the_guides_pattern_misses_is_told_and_what_it_leaks_is_not() {
        let found = of(&[
            ("DISABLE_ALL_OPTIMIZATIONS", "true"),
            ("TOP_K_INITIAL", "8"),
            ("FALLBACK_TO_GPT35", "true"),
            ("BUDGET_STRATEGY", "conservative"),
            ("MAX_CONTEXT_TOKENS", "1500"),
            ("CACHE_PASSWORD", "hunter2"),
            ("ENABLE_ADMIN_KEY", "hunter2"),
            ("MAX_AUTH_TOKEN", "hunter2"),
            ("FLOWGAUGE__GATEWAY__API_KEY", "hunter2"),
            ("PAGERDUTY_API_KEY", "hunter2"),
            ("PATH", "/bin"),
        ]);
        let names: Vec<_> = found.keys().map(String::as_str).collect();
        assert_eq!(
            names,
            [
                "BUDGET_STRATEGY",
                "DISABLE_ALL_OPTIMIZATIONS",
                "FALLBACK_TO_GPT35",
                "MAX_CONTEXT_TOKENS",
                "TOP_K_INITIAL"
            ]
        );
        assert!(!format!("{found:?}").contains("hunter2"));
    }

    #[test]
    fn credentials_in_values_are_taken_out() {
        let found =
            of(&[("CACHE_URL", "redis://ann:hunter2@host:6379/0"), ("MAX_X", "sk-hunter2")]);
        assert_eq!(found["CACHE_URL"], "redis://[redacted]@host:6379/0");
        assert_eq!(found["MAX_X"], REDACTED);
        let rule = "channels:\n  slack: https://hooks.slack.com/services/T0/B0/x\n  url: \"https://a:b@c/d\"\n";
        assert_eq!(
            redacted(rule),
            "channels:\n  slack: [redacted]\n  url: \"https://[redacted]@c/d\"\n"
        );
        assert_eq!(redacted("p95 > 2000 ms for 5 minutes\n"), "p95 > 2000 ms for 5 minutes\n");
    }

    proptest! {
        #[test]
        fn a_password_in_an_address_never_stays(user in "[a-z]{1,8}", password in "[A-Z0-9]{6,12}") {
            let text = format!("x {user}: redis://{user}:{password}@host/0 y");
            prop_assert!(!redacted(&text).contains(&password));
        }
    }
}
