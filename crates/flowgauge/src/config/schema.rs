//! Every knob: its path, its default and what it does. `config example`, `config explain` and the
//! refusal of unknown keys all read this list, so that none of them can miss a knob.

/// One knob.
#[derive(Debug, Clone, Copy)]
pub struct Knob {
    /// Path; `[]` stands for any item of a list.
    pub path: &'static str,
    /// Default as text; empty where there is none.
    pub default: &'static str,
    /// What it does.
    pub about: &'static str,
    /// Whether it says where something is and not how it is done: servers that do the same may differ in it.
    pub is_place: bool,
}

const fn knob(path: &'static str, default: &'static str, about: &'static str) -> Knob {
    Knob { path, default, about, is_place: false }
}

const fn place(path: &'static str, default: &'static str, about: &'static str) -> Knob {
    Knob { is_place: true, ..knob(path, default, about) }
}

/// All of them, in the order of the example file.
pub const KNOBS: &[Knob] = &[
    place("listen", "127.0.0.1:4000", "Page, API, gateway and OTLP/HTTP."),
    place("data_dir", "flowgauge-data", "Where data lives; made when missing."),
    knob("time_zone", "UTC", "Zone of days and months, an IANA name such as Europe/Berlin."),
    place("otlp.grpc.listen", "127.0.0.1:4317", "OTLP over gRPC."),
    knob("otlp.grpc.enabled", "true", "Whether to listen there."),
    place("otlp.http.listen", "127.0.0.1:4318", "OTLP over HTTP on its customary port."),
    knob("otlp.http.enabled", "true", "Whether to listen there."),
    place("postgres.listen", "127.0.0.1:5433", "SQL over the protocol of Postgres; read-only."),
    knob("postgres.enabled", "true", "Whether to listen there."),
    knob(
        "postgres.password",
        "scram",
        "How a client proves its API key, once there is one: scram, or plain where a client knows no \
         other way (on this machine or over TLS only).",
    ),
    knob(
        "postgres.tls.certificate",
        "",
        "PEM file of the certificate; without it there is no TLS.",
    ),
    knob("postgres.tls.key", "", "PEM file of its private key."),
    knob("postgres.tls.required", "false", "Refuse others than this machine without TLS."),
    knob("gateway.upstream", "", "Shortcut for a single provider named `default`."),
    knob("gateway.providers[].name", "", "Name in the `provider` dimension."),
    knob(
        "gateway.providers[].base_url",
        "",
        "http(s)://host[:port][/path]; a trailing /v1 is understood.",
    ),
    knob(
        "gateway.providers[].api_key",
        "",
        "Replaces the caller's credential: env:NAME or file:PATH.",
    ),
    knob("gateway.providers[].timeouts.connect", "5s", "Wait to connect."),
    knob("gateway.providers[].timeouts.first_byte", "300s", "Wait for the response head."),
    knob("gateway.providers[].timeouts.idle", "120s", "Wait between two events of a stream."),
    knob("gateway.providers[].timeouts.total", "600s", "Wait in all."),
    knob("gateway.providers[].usage.inject", "", "The same for this provider alone."),
    knob("gateway.providers[].drain_window", "", "The same for this provider alone; at most 60s."),
    knob(
        "gateway.providers[].retry.attempts",
        "1",
        "Requests in all when one fails (408, 409, 429, 5xx, unreachable, no answer); 1 is no retry.",
    ),
    knob("gateway.providers[].retry.backoff", "200ms", "Pause before the second; then it doubles."),
    knob(
        "gateway.providers[].retry.max_backoff",
        "5s",
        "Longest pause; a retry-after beyond it is not waited for.",
    ),
    knob("gateway.routes[].path", "", "Path prefix, e.g. /v1/messages."),
    knob("gateway.routes[].model", "", "Model name; `*` at its end matches any rest."),
    knob("gateway.routes[].provider", "", "Name of the provider that serves it."),
    knob("gateway.routes[].usage.inject", "", "The same for this route alone."),
    knob("gateway.routes[].drain_window", "", "The same for this route alone; at most 60s."),
    knob("gateway.routes[].retry.attempts", "1", "As for providers; it wins over theirs."),
    knob("gateway.routes[].retry.backoff", "200ms", "As for providers."),
    knob("gateway.routes[].retry.max_backoff", "5s", "As for providers."),
    knob(
        "gateway.routes[].fallback[].provider",
        "",
        "Asked next when the one before failed; another provider needs an api_key.",
    ),
    knob("gateway.routes[].fallback[].model", "", "Model asked for there; else the caller's."),
    knob("gateway.usage.inject", "true", "Make streams tell their usage that were not asked to."),
    knob(
        "gateway.optimiser_time",
        "5ms",
        "Time one optimiser may take; beyond it the request goes as it came.",
    ),
    knob("gateway.tokenizers[].model", "", "Model name; `*` at its end matches any rest."),
    knob("gateway.tokenizers[].file", "", "A tokenizer.json to count its tokens with."),
    knob("gateway.max_body", "64MiB", "Largest request body; larger ones are refused with 413."),
    knob("gateway.drain_window", "200ms", "How long an abandoned stream is read on for its usage."),
    knob(
        "gateway.require_key",
        "false",
        "Whether callers must show a flowgauge key even on loopback.",
    ),
    knob("apps[].name", "", "Name in the `service` dimension."),
    knob("apps[].prefix", "", "Path prefix, e.g. /api/chat."),
    knob("apps[].upstream", "", "http(s)://host[:port][/path]; the request path is appended."),
    knob("apps[].strip", "/", "Left off the path to name the endpoint."),
    knob("apps[].dialect", "opaque", "Event dialect of its streams: flowreader, openai or opaque."),
    knob("apps[].timeouts.connect", "5s", "Wait to connect."),
    knob("apps[].timeouts.first_byte", "300s", "Wait for the response head."),
    knob("apps[].timeouts.idle", "120s", "Wait between two events of a stream."),
    knob("apps[].timeouts.total", "600s", "Wait in all."),
    knob("evaluators[].name", "", "Name of an evaluator, as its scores carry it."),
    knob("evaluators[].scale", "0..1", "Its worst and its best value."),
    knob("evaluators[].version", "", "Stands where a score names no version."),
    knob(
        "evaluators[].preferred",
        "false",
        "true for the one that quality is told by; else it is the busiest.",
    ),
    knob("checks[].name", "", "Name of an uptime check."),
    knob("checks[].url", "", "http(s)://host[:port][/path] that is asked."),
    knob("checks[].every", "30s", "How often, 1s to 1h."),
    knob("checks[].timeout", "5s", "How long the answer may take."),
    knob("checks[].expect_status", "200", "The HTTP status that is good."),
    knob(
        "hooks.restart[]",
        "",
        "Program and arguments that restart the application's services; no shell reads them.",
    ),
    knob(
        "hooks.scale[]",
        "",
        "Program and arguments that give the application more resources; no shell reads them.",
    ),
    knob("hooks.timeout", "60s", "How long a hook may run, 1s to 10m."),
    knob(
        "shared_cache.url",
        "",
        "Redis in which several flowgauges share answers: redis://host:6379, env:NAME or file:PATH.",
    ),
    knob(
        "shared_cache.namespace",
        "default",
        "Those of one namespace share; others see nothing of it.",
    ),
    knob("shared_cache.within", "20ms", "How long a request may wait for it, 1ms to 1s."),
    knob(
        "cache.semantic.embedding.model",
        "",
        "Model that makes vectors of questions, so that they are found in other words; their words do unless named.",
    ),
    knob(
        "cache.semantic.embedding.provider",
        "",
        "Provider that serves it at /v1/embeddings; the first unless said.",
    ),
    knob(
        "cache.semantic.embedding.within",
        "250ms",
        "How long a request may wait for a vector, 10ms to 5s.",
    ),
    knob("cache.semantic.embedding.budget_per_day", "", "What vectors may cost a day, e.g. 1 USD."),
    knob("budgets[].name", "", "Name of a budget."),
    knob(
        "budgets[].per",
        "all",
        "Whose spending is added up: all, key, user, session, tenant, app or tag:NAME.",
    ),
    knob("budgets[].match[]", "", "What a call must be to fall under it, e.g. app=reader."),
    knob("budgets[].period", "", "When it begins anew: day or month."),
    knob("budgets[].limit", "", "What may be spent in one period, e.g. 25 USD."),
    knob("budgets[].timezone", "", "Zone of its days and months; time_zone unless said."),
    knob("budgets[].unpriced", "deny", "Calls without a price: deny, or count at a ceiling."),
    knob("budgets[].ceiling.input", "", "Rate of input that stands in, e.g. 10 USD/M."),
    knob("budgets[].ceiling.output", "", "Rate of output that stands in, e.g. 30 USD/M."),
    knob(
        "budgets[].default_max_tokens",
        "4096",
        "Output set aside where neither request nor price table limits it.",
    ),
    knob(
        "quality.sampling.default",
        "0",
        "Share of calls that is scored, 0 to 1; of intents that are not named below.",
    ),
    knob("quality.sampling.by_intent[].intent", "", "An intent."),
    knob("quality.sampling.by_intent[].rate", "", "Share of its calls; the default unless said."),
    knob("quality.sampling.by_intent[].scorers[]", "", "Its evaluators instead of those for all."),
    knob("quality.sampling.by_intent[].language", "", "Language of its answers, e.g. de."),
    knob("quality.sampling.by_intent[].words", "", "Fewest and most words, e.g. 20..200."),
    knob("quality.sampling.by_intent[].format", "text", "Form of its answers: text or json."),
    knob(
        "quality.sampling.min_per_hour",
        "0",
        "Scores an hour wanted of each sampled intent, whatever its share.",
    ),
    knob(
        "quality.sampling.max_per_minute",
        "60",
        "Calls sampled a minute at most; 0 for no limit.",
    ),
    knob(
        "quality.scorers[]",
        "local",
        "Evaluators that need no network: local, groundedness, rules.",
    ),
    knob("quality.max_content", "256KiB", "Longest request that is scored; at most 1MiB."),
    knob(
        "quality.max_in_memory",
        "32MiB",
        "Content held to be scored; more is dropped and counted.",
    ),
    knob("quality.judge.model", "", "Model that grades sampled answers; none unless named."),
    knob("quality.judge.provider", "", "Provider that serves it; the first unless said."),
    knob(
        "quality.judge.rubric",
        "",
        "File with one criterion a line, `name (weight): what it asks`.",
    ),
    knob("quality.judge.share", "1", "Share of sampled calls it grades, above 0 to 1."),
    knob("quality.judge.budget_per_day", "", "What grading may cost a day, e.g. 1 USD."),
    knob("quality.judge.timeout", "30s", "How long a verdict may take."),
    knob("quality.judge.attempts", "2", "Requests for one verdict, 1 to 5."),
    knob("quality.judge.backoff", "200ms", "Pause before the second; then it doubles."),
    knob("quality.judge.max_backoff", "5s", "Longest pause."),
    knob("quality.judge.concurrency", "2", "Verdicts under way at once."),
    knob(
        "alerts.rules[]",
        "builtin:guide, builtin:derived, builtin:regression",
        "Rule files, and what is shipped: builtin:guide, builtin:derived, builtin:regression, builtin:slo.",
    ),
    knob("alerts.tick", "10s", "Between two evaluations, 100ms to 1m."),
    knob("alerts.eval_delay", "30s", "Series sent by OTLP are looked at this much later."),
    knob("alerts.application", "FlowReader", "Name of the application in titles of messages."),
    knob("alerts.environment", "default", "Tells this flowgauge from others at the receivers."),
    knob(
        "alerts.dashboard_url",
        "https://flowreader.app/admin/performance",
        "Where \"View Dashboard\" leads.",
    ),
    knob("alerts.public_url", "", "Where people reach this flowgauge, for links in messages."),
    knob("alerts.schedule_at", "08:00", "Local time of schedules that name none."),
    knob("alerts.posted_to[]", "", "Channels that hear of alerts others post to /api/v2/alerts."),
    knob("alerts.keep_history", "400d", "Alerts that are over stay so long, 7d to 3660d."),
    knob(
        "alerts.false_alarm_weeks",
        "4",
        "The online detector raises at most one false alarm in so many weeks, 1 to 520; 0 turns it off.",
    ),
    knob("alerts.smtp.host", "", "Server for outgoing mail."),
    knob("alerts.smtp.port", "", "587 for starttls, 465 for tls, 25 for none unless said."),
    knob("alerts.smtp.security", "", "starttls (unless said), tls, or none for a local relay."),
    knob("alerts.smtp.user", "", "Account there."),
    knob("alerts.smtp.password", "", "Its password or access token: env:NAME or file:PATH."),
    knob("alerts.smtp.auth", "", "plain (unless said), login or xoauth2."),
    knob("alerts.smtp.from", "", "Sender, e.g. Alerts <alerts@example.org>."),
    knob("alerts.smtp.ehlo", "", "How this client names itself."),
    knob("alerts.smtp.ca_file", "", "PEM file of certificates to trust besides the usual ones."),
    knob(
        "alerts.heartbeat.url",
        "",
        "Dead-man's switch that is told that alerting works; env:NAME where it is secret.",
    ),
    knob("alerts.heartbeat.every", "", "How often, 1s to 1h; 1m unless said."),
    knob("schedules[].name", "", "Name of a schedule."),
    knob(
        "schedules[].when",
        "",
        "08:00 for every day, `weekly_schedule on monday at 03:00`, `monthly_schedule on 1 at 04:00`, or five cron fields.",
    ),
    knob("schedules[].time_zone", "", "Zone of its times and days; time_zone unless said."),
    knob(
        "schedules[].job",
        "",
        "What is done: report-daily, report-weekly, report-monthly, maintain-weekly or maintain-monthly.",
    ),
    knob(
        "schedules[].channels[]",
        "",
        "Channels of alerting that hear of it; nobody unless named.",
    ),
    knob(
        "schedules[].catch_up",
        "1",
        "After an absence at most so many missed periods are run, 1 to 31; older ones are noted as skipped.",
    ),
    knob("schedules[].enabled", "true", "Whether it runs."),
    place(
        "prices",
        "",
        "Your own price file, prices.json in the data directory unless given; it wins over the built-in table.",
    ),
    knob("store.seal_size", "32MiB", "Seal unsealed batches at this size."),
    knob("store.seal_age", "1h", "Seal the oldest unsealed batch at this age."),
    knob("store.max_series", "5000", "Series kept apart; later ones are counted as (other)."),
    knob("retention.raw", "30d", "Raw calls are kept so long, 1d or more."),
    knob("retention.minutes", "90d", "Rollups of minutes are kept so long; then there are hours."),
    knob("retention.hours", "25months", "Rollups of hours are kept so long."),
    knob(
        "retention.archive",
        "",
        "Directory or s3://bucket/prefix to which raw calls are archived before they are dropped; none unless named.",
    ),
    knob(
        "retention.s3.endpoint",
        "",
        "Address of what speaks S3, e.g. http://127.0.0.1:9000; that of AWS in the region unless named.",
    ),
    knob("retention.s3.region", "us-east-1", "Region that requests are signed for."),
    knob(
        "retention.s3.access_key",
        "",
        "Key id: env:NAME or file:PATH; requests are unsigned without.",
    ),
    knob("retention.s3.secret_key", "", "Its secret: env:NAME or file:PATH."),
    knob("privacy.store_content", "false", "Keep prompts and answers."),
    knob("privacy.metrics_only", "false", "Keep no unknown text attribute at all."),
    knob("allow_open_bind", "false", "Allow another address than loopback without any key."),
];

/// Path prefixes that flowgauge itself serves; an app may not hide them.
pub const RESERVED: &[&str] = &["/api/v1", "/-", "/metrics", "/v1", "/assets"];

/// A path with list indexes replaced by `[]`: `apps.0.name` is `apps[].name`.
#[must_use]
pub fn general(path: &str) -> String {
    let mut out = String::with_capacity(path.len());
    for key in path.split('.') {
        if !key.is_empty() && key.bytes().all(|b| b.is_ascii_digit()) {
            out.push_str("[]");
            continue;
        }
        if !out.is_empty() {
            out.push('.');
        }
        out.push_str(key);
    }
    out
}

/// The keys allowed directly below a general path, each once.
#[must_use]
pub fn children(path: &str) -> Vec<&'static str> {
    let mut keys: Vec<&'static str> = Vec::new();
    for knob in KNOBS {
        let rest = if path.is_empty() { Some(knob.path) } else { below(knob.path, path) };
        let Some(key) = rest.and_then(|r| r.split(['.', '[']).next()) else { continue };
        if !key.is_empty() && !keys.contains(&key) {
            keys.push(key);
        }
    }
    keys
}

fn below<'a>(path: &'a str, parent: &str) -> Option<&'a str> {
    path.strip_prefix(parent)?.strip_prefix('.')
}

/// Whether a general path is a list.
#[must_use]
pub fn is_list(path: &str) -> bool {
    KNOBS.iter().any(|k| k.path.strip_prefix(path).is_some_and(|rest| rest.starts_with("[]")))
}

/// The knob of a path.
#[must_use]
pub fn find(path: &str) -> Option<&'static Knob> {
    let path = general(path);
    KNOBS.iter().find(|k| k.path == path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_leads_to_its_keys() {
        assert_eq!(children("otlp"), ["grpc", "http"]);
        let route = ["path", "model", "provider", "usage", "drain_window", "retry", "fallback"];
        assert_eq!(children("gateway.routes[]"), route);
        assert_eq!(children("gateway.routes[].fallback[]"), ["provider", "model"]);
        assert!(children("").contains(&"allow_open_bind"));
        assert!(is_list("apps") && !is_list("gateway"));
        assert_eq!(find("apps.3.name").map(|k| k.path), Some("apps[].name"));
    }
}
