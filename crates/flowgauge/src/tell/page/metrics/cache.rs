//! The memory of answers, for Prometheus.

use super::super::Shared;
use super::{Text, count};

/// What it did since start, what of it was found wrong, and what it holds.
pub(super) fn cache(app: &Shared, text: &mut Text) {
    let memory = &app.control.memory;
    let contents = memory.contents();
    let (c, s) = (&contents.counts, &contents.shadow);
    for (name, help, value) in [
        ("cache_hits", "Lookups that found an answer in memory.", c.hits),
        ("cache_misses", "Lookups that did not.", c.misses),
        ("cache_disputed", "Answers from memory that were found wrong.", c.disputed),
        ("cache_evicted", "Answers that made room.", c.evicted),
        ("cache_expired", "Answers that reached their end.", c.expired),
        ("cache_saved_tokens", "Tokens that hits saved.", c.saved_tokens),
        ("cache_near_misses", "Near questions that are the same and not like enough.", s.below),
        (
            "cache_near_others",
            "Near questions that are others, told apart by their meaning.",
            s.different.values().sum(),
        ),
    ] {
        text.counter(name, help, value);
    }
    text.gauge("cache_entries", "Answers in memory.", count(contents.entries as u64));
    text.gauge(
        "cache_questions",
        "Questions found in other words.",
        count(contents.questions as u64),
    );
    if let Some(shared) = memory.shared() {
        let c = shared.counts();
        for (name, help, value) in [
            ("cache_shared_hits", "Answers found with other instances.", c.hits),
            ("cache_shared_failed", "Shared lookups that failed or took too long.", c.failed),
            ("cache_shared_disputed", "Answers other instances found wrong.", c.disputed),
        ] {
            text.counter(name, help, value);
        }
    }
    if let Some(c) = memory.encoder().counts() {
        for (name, help, value) in [
            ("cache_vectors", "Vectors of questions a model gave.", c.made),
            ("cache_vectors_late", "Questions passed over: a vector took too long.", c.late),
            ("cache_vectors_failed", "Questions passed over: none came.", c.failed),
            ("cache_vectors_denied", "Questions passed over: the budget has no room.", c.denied),
        ] {
            text.counter(name, help, value);
        }
    }
}
