//! Tables that are handed over cell by cell.

use super::{Column, Source, Table, given as g};
use crate::wire::Kind::{Bool, Bytes, Decimal, Float8, Int8, Text, TimestampTz};

/// Scores of quality.
pub const QUALITY_METRICS: Table = Table {
    name: "quality_metrics",
    meaning: "one quality score; scores of different evaluators or versions are never comparable",
    source: Source::Given(Some("event_time")),
    columns: &[
        g("timestamp", TimestampTz, "", "minute of the call; of the score where it has no call"),
        g(
            "event_time",
            TimestampTz,
            "",
            "start of the call; time of the score where it has no call",
        ),
        g("intent_type", Text, "", "purpose of the call"),
        g("quality_score", Float8, "0–100", "the score; NULL where the evaluator gave none"),
        g("evaluator", Text, "", "who scored"),
        g("evaluator_version", Text, "", "its version"),
        g("weight", Float8, "", "calls it stands for, where a sample was scored"),
        g("label", Text, "", "the evaluator's word for it"),
        g("scored_at", TimestampTz, "", "when the score was given"),
        g("call_id", Text, "", "the call; NULL while it is not known"),
        DIMS[0],
        DIMS[1],
        DIMS[2],
        DIMS[3],
        DIMS[4],
        DIMS[5],
        DIMS[6],
        DIMS[7],
        DIMS[8],
        DIMS[9],
        DIMS[10],
    ],
};

/// Ratings of users.
pub const FEEDBACK: Table = Table {
    name: "feedback",
    meaning: "one rating of a user",
    source: Source::Given(Some("event_time")),
    columns: &[
        g("timestamp", TimestampTz, "", "minute of the call; of the rating where it has no call"),
        g(
            "event_time",
            TimestampTz,
            "",
            "start of the call; time of the rating where it has no call",
        ),
        g("intent_type", Text, "", "purpose of the call"),
        g("rating", Int8, "1–5", "the rating; NULL where words only were given"),
        g("thumb", Bool, "", "whether it was a thumb, up for 5 and down for 1"),
        g("category", Text, "", "what it is about"),
        g("user_key", Text, "", "who rated, as a keyed hash"),
        g("rated_at", TimestampTz, "", "when"),
        g("call_id", Text, "", "the call; NULL while it is not known"),
        DIMS[0],
        DIMS[1],
        DIMS[2],
        DIMS[3],
        DIMS[4],
        DIMS[5],
        DIMS[6],
        DIMS[7],
        DIMS[8],
        DIMS[9],
        DIMS[10],
    ],
};

/// Dimensions that series keep.
const DIMS: [Column; 11] = [
    g("source", Text, "", "observed, probe, replay or import"),
    g("service", Text, "", "application"),
    g("environment", Text, "", "deployment environment"),
    g("version", Text, "", "version of the application"),
    g("endpoint", Text, "", "route as the application knows it"),
    g("model", Text, "", "model that answered, else the one asked for"),
    g("provider", Text, "", "who served it"),
    g("protocol", Text, "", "shape of request and answer"),
    g("cache_outcome", Text, "", "what the response cache said"),
    g("variant", Text, "", "arm of each mechanism under test"),
    g("tenant", Text, "", "tenant or project"),
];

/// What changed in the state of alerts.
pub const ALERTS: Table = Table {
    name: "alerts",
    meaning: "one change of an alert's state",
    source: Source::Given(Some("timestamp")),
    columns: &[
        g("timestamp", TimestampTz, "", "when"),
        g("rule", Text, "", "name of the rule"),
        g("series", Text, "", "labels of the instance, as JSON"),
        g("severity", Text, "", "critical, warning or info"),
        g("state", Text, "", "pending, firing, resolved, …"),
        g("value", Float8, "", "the value judged, in the KPI's unit"),
        g("threshold", Float8, "", "the limit it was judged by"),
        g("episode", Text, "", "what it belongs to, from firing to resolved"),
        g("reason", Text, "", "why it changed"),
    ],
};

/// What was changed in the application, its switches, prices and configuration.
pub const CHANGES: Table = Table {
    name: "changes",
    meaning: "one change: of a switch, a price, a rule, a deployment",
    source: Source::Given(Some("timestamp")),
    columns: &[
        g("timestamp", TimestampTz, "", "when"),
        g("kind", Text, "", "control, deployment, prices, rules, …"),
        g("author", Text, "", "who"),
        g("reason", Text, "", "why, in the author's words"),
        g("generation", Int8, "", "generation of the switches, of changes to them"),
        g("what", Text, "", "what changed, as JSON"),
    ],
};

/// Sums per minute or hour.
pub const ROLLUPS: Table = Table {
    name: "rollups",
    meaning: "sums of one series of calls in one minute or hour, written when the calls were; quantiles over months stay cheap here",
    source: Source::Given(Some("timestamp")),
    columns: &[
        g("timestamp", TimestampTz, "", "start of the bucket"),
        g("minutes", Int8, "min", "length of the bucket: 1 or 60; ask for one of them"),
        DIMS[0],
        DIMS[1],
        DIMS[2],
        DIMS[3],
        DIMS[4],
        g("intent_type", Text, "", "purpose"),
        DIMS[5],
        DIMS[6],
        DIMS[7],
        DIMS[8],
        DIMS[9],
        DIMS[10],
        g("requests", Int8, "", "calls"),
        g("success", Int8, "", "calls that succeeded"),
        g("failure", Int8, "", "calls that failed"),
        g("input_tokens", Int8, "tokens", "sum of billed input"),
        g("output_tokens", Int8, "tokens", "sum of billed output"),
        g("cost_nanos", Int8, "10⁻⁹ USD", "sum of known costs"),
        g("cost_usd", Decimal, "USD", "sum of known costs, exact"),
        g("priced", Int8, "", "calls with a known cost"),
        g("unpriced", Int8, "", "calls with tokens and without a price"),
        g("avoided_nanos", Int8, "10⁻⁹ USD", "sum of avoided cost"),
        g("cache_hits", Int8, "", "answers from the response cache"),
        g("cache_misses", Int8, "", "look-ups that found none"),
        g("latency_sum_ms", Float8, "ms", "sum of latencies of successes"),
        g("latency_count", Int8, "", "successes with a latency"),
        g(
            "latency_hist",
            Bytes,
            "µs",
            "histogram of latencies of successes, for hist_merge and hist_quantile",
        ),
        g("ttft_hist", Bytes, "µs", "histogram of times to first token"),
        g("input_hist", Bytes, "tokens", "histogram of input tokens"),
        g("output_hist", Bytes, "tokens", "histogram of output tokens"),
    ],
};

/// Which series there are.
pub const SERIES: Table = Table {
    name: "series",
    meaning: "one combination of dimensions that calls had",
    source: Source::Given(None),
    columns: &[
        DIMS[0],
        DIMS[1],
        DIMS[2],
        DIMS[3],
        DIMS[4],
        g("intent_type", Text, "", "purpose"),
        DIMS[5],
        DIMS[6],
        DIMS[7],
        DIMS[8],
        DIMS[9],
        DIMS[10],
    ],
};

/// Budgets in force.
pub const BUDGETS: Table = Table {
    name: "budgets",
    meaning: "one budget in force, by its account that spent most",
    source: Source::Given(None),
    columns: &[
        g("name", Text, "", "the budget"),
        g("committed_nanos", Int8, "10⁻⁹ USD", "spent and reserved in this period"),
        g("committed_usd", Decimal, "USD", "the same, exact"),
        g("limit_nanos", Int8, "10⁻⁹ USD", "the limit"),
        g("limit_usd", Decimal, "USD", "the same, exact"),
        g("used", Float8, "0–1", "share of the limit"),
    ],
};
