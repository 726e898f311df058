//! From the written tree to the checked [`Config`]: all problems are found in one run.

pub(crate) mod alerts;
mod budgets;
mod embeddings;
mod hooks;
mod labels;
mod own_model;
mod postgres;
mod quality;
mod schedules;
mod shared_cache;

use super::problem::{Place, Problem};
use super::read::{self, Findings};
use super::schema::RESERVED;
use super::tree::{Node, Value};
use super::{
    App, AppDialect, ArchiveAt, Config, Gateway, Listener, Provider, Retention, Route, S3, Secret,
    StreamSettings, Timeouts, TokenizerFile, again,
};
use crate::logic::duration::Span;
use crate::logic::nearest::nearest;
use crate::logic::unit::UnixMicros;
use std::path::PathBuf;

/// How secret references are followed.
pub(super) trait Secrets {
    /// The secret behind `env:NAME` or `file:PATH`; `None` where references are left alone.
    fn resolve(&self, reference: &str) -> Result<Option<Secret>, String>;
}

/// Checks a whole tree.
pub(super) fn check(root: &Node, secrets: &dyn Secrets) -> (Config, Vec<Problem>) {
    let mut found = Findings::default();
    found.shape(root, "");
    let base = Config::default();
    let f = &mut found;
    let time_zone = f.value(root, "time_zone", base.time_zone, read::zone);
    let mut config = Config {
        alerts: alerts::alerts(f, root, secrets),
        schedules: schedules::schedules(f, root, time_zone),
        listen: listener(f, root, "listen", None, base.listen),
        otlp_grpc: listener(f, root, "otlp.grpc.listen", Some("otlp.grpc.enabled"), base.otlp_grpc),
        otlp_http: listener(f, root, "otlp.http.listen", Some("otlp.http.enabled"), base.otlp_http),
        postgres: postgres::postgres(f, root, base.postgres.listener),
        data_dir: f.value(root, "data_dir", base.data_dir, path),
        time_zone,
        gateway: gateway(f, root, base.gateway, secrets),
        apps: apps(f, root),
        evaluators: labels::evaluators(f, root),
        checks: labels::checks(f, root),
        budgets: budgets::budgets(f, root, time_zone),
        quality: base.quality,
        prices: f.value(root, "prices", None, |t| path(t).map(Some)),
        store: super::StoreSection {
            seal_bytes: f.value(root, "store.seal_size", base.store.seal_bytes, read::bytes),
            seal_age: f.value(root, "store.seal_age", base.store.seal_age, read::length),
            max_series: f.value(root, "store.max_series", base.store.max_series, read::count),
        },
        retention: retention(f, root, secrets),
        privacy: super::Privacy {
            store_content: f.value(root, "privacy.store_content", false, read::boolean),
            metrics_only: f.value(root, "privacy.metrics_only", false, read::boolean),
        },
        allow_open_bind: f.value(root, "allow_open_bind", false, read::boolean),
        switches: base.switches,
        hooks: hooks::hooks(f, root),
        shared_cache: shared_cache::shared_cache(f, root, secrets),
        embeddings: None,
        told: base.told,
    };
    config.quality = quality::quality(f, root, &config);
    config.embeddings = embeddings::embeddings(f, root, &config);
    contradictions(f, root, &config);
    (config, found.0)
}

fn retention(f: &mut Findings, root: &Node, secrets: &dyn Secrets) -> Retention {
    let base = Retention::default();
    let told = Retention {
        raw: f.value(root, "retention.raw", base.raw, span),
        minutes: f.value(root, "retention.minutes", base.minutes, span),
        hours: f.value(root, "retention.hours", base.hours, span),
        archive: f.value(root, "retention.archive", None, |t| ArchiveAt::parse(t).map(Some)),
        s3: s3(f, root, secrets),
    };
    // Any moment does: what is compared is far longer than a month.
    let before = |s: Span| s.before(UnixMicros(0), chrono_tz::Tz::UTC);
    for (key, shorter, longer) in [
        ("retention.hours", told.minutes, told.hours),
        ("retention.minutes", told.raw, told.minutes),
    ] {
        if before(longer) > before(shorter) {
            let place = root.at(key).map_or(Place::Default, |n| n.place.clone());
            let why = format!("{key} keeps its figures for less long than what is finer than they");
            f.add(
                Problem::new(place, why)
                    .hint("keep raw for less long than minutes, and minutes than hours"),
            );
        }
    }
    told
}

/// How long data is kept: a day at least, since rows are recognised for one.
fn span(text: &str) -> Result<Span, String> {
    let span = crate::logic::duration::parse(text).map_err(|e| e.to_string())?;
    if span.months == 0 && span.micros < UnixMicros::DAY {
        return Err(format!("{text:?} is less than a day"));
    }
    Ok(span)
}

fn s3(f: &mut Findings, root: &Node, secrets: &dyn Secrets) -> S3 {
    let base = S3::default();
    let endpoint = f.value(root, "retention.s3.endpoint", None, |t| {
        read::url(t).map(|_| Some(t.trim_end_matches('/').to_owned()))
    });
    let region = f.value(root, "retention.s3.region", base.region, |t| Ok(t.to_owned()));
    let id = alerts::secret(f, root, "retention.s3.access_key", secrets);
    let key = alerts::secret(f, root, "retention.s3.secret_key", secrets);
    if id.is_some() != key.is_some() {
        let named =
            if id.is_some() { "retention.s3.access_key" } else { "retention.s3.secret_key" };
        let place = root.at(named).map_or(Place::Default, |n| n.place.clone());
        f.add(Problem::new(place, "access_key and secret_key are set together or not at all"));
    }
    S3 { endpoint, region, credentials: id.zip(key) }
}

fn path(text: &str) -> Result<PathBuf, String> {
    if text.is_empty() { Err("a path is missing".to_owned()) } else { Ok(PathBuf::from(text)) }
}

fn listener(
    f: &mut Findings,
    root: &Node,
    listen: &str,
    enabled: Option<&str>,
    default: Listener,
) -> Listener {
    Listener {
        addr: f.value(root, listen, default.addr, read::address),
        enabled: enabled.is_none_or(|key| f.value(root, key, true, read::boolean)),
        explicit: root.at(listen).is_some(),
    }
}

fn contradictions(f: &mut Findings, root: &Node, config: &Config) {
    if config.privacy.store_content && config.privacy.metrics_only {
        let place = root.at("privacy.store_content").map_or(Place::Default, |n| n.place.clone());
        f.add(
            Problem::new(place, "store_content and metrics_only contradict each other")
                .hint("keep one of them"),
        );
    }
    let http = &config.otlp_http;
    let same = http.addr == config.listen.addr && http.addr.port() != 0;
    if http.enabled && http.explicit && same {
        let place = root.at("otlp.http.listen").map_or(Place::Default, |n| n.place.clone());
        f.add(
            Problem::new(place, format!("{} is `listen` already", http.addr))
                .hint("OTLP/HTTP is served there too; set otlp.http.enabled: false"),
        );
    }
}

fn gateway(f: &mut Findings, root: &Node, base: Gateway, secrets: &dyn Secrets) -> Gateway {
    let mut providers = base.providers;
    if let Some(list) = root.at("gateway.providers") {
        providers = items(list).iter().filter_map(|n| provider(f, n, secrets)).collect();
        unique(f, items(list), "name", "provider");
        if let Some((_, place)) = f.text(root, "gateway.upstream") {
            f.add(
                Problem::new(place.clone(), "`upstream` and `providers` are both set")
                    .hint("`upstream` is short for one provider named `default`; keep one of them"),
            );
        }
    } else if let Some((text, place)) = f.text(root, "gateway.upstream") {
        let timeouts = Timeouts::default();
        match read::url(text) {
            Ok(base_url) => {
                providers = vec![Provider {
                    name: "default".to_owned(),
                    base_url,
                    api_key: None,
                    timeouts,
                    retry: None,
                    streams: StreamSettings::default(),
                }];
            }
            Err(why) => f.add(Problem::new(place.clone(), why)),
        }
    }
    let routes = root.at("gateway.routes").map_or(&[][..], items);
    let nodes = root.at("gateway.providers").map_or(&[][..], items);
    let names: Vec<&str> = providers.iter().map(|p| p.name.as_str()).collect();
    Gateway {
        routes: routes.iter().filter_map(|n| route(f, n, nodes, &names)).collect(),
        providers,
        max_body: f.value(root, "gateway.max_body", base.max_body, |t| {
            usize::try_from(read::bytes(t)?).map_err(|e| e.to_string())
        }),
        drain_window: f.value(root, "gateway.drain_window", base.drain_window, drain),
        inject_usage: f.value(root, "gateway.usage.inject", base.inject_usage, read::boolean),
        optimiser_time: f.value(root, "gateway.optimiser_time", base.optimiser_time, read::length),
        tokenizers: tokenizers(f, root),
        require_key: f.value(root, "gateway.require_key", base.require_key, read::boolean),
    }
}

/// At most a minute (decision D21); `0s` gives up at once.
fn drain(text: &str) -> Result<crate::logic::unit::Micros, String> {
    const LONGEST_US: u64 = 60_000_000;
    let span = crate::logic::duration::parse(text).map_err(|e| e.to_string())?;
    let fixed = span.as_micros().filter(|m| m.0 <= LONGEST_US);
    fixed.ok_or_else(|| format!("{text:?} is longer than the 60s a stream may be drained"))
}

fn streams(f: &mut Findings, node: &Node) -> StreamSettings {
    StreamSettings {
        inject_usage: f.value(node, "usage.inject", None, |t| read::boolean(t).map(Some)),
        drain_window: f.value(node, "drain_window", None, |t| drain(t).map(Some)),
    }
}

fn tokenizers(f: &mut Findings, root: &Node) -> Vec<TokenizerFile> {
    let mut files = Vec::new();
    for node in root.at("gateway.tokenizers").map_or(&[][..], items) {
        let model = f.required(node, "model").map(|(t, _)| t.to_owned());
        let file = f.required(node, "file").map(|(t, _)| PathBuf::from(t));
        if let (Some(model), Some(file)) = (model, file) {
            files.push(TokenizerFile { model, file });
        }
    }
    files
}

pub(super) fn items(node: &Node) -> &[Node] {
    match &node.value {
        Value::List(items) => items,
        Value::Null | Value::Text(_) | Value::Map(_) => &[],
    }
}

fn unique(f: &mut Findings, nodes: &[Node], key: &str, what: &str) {
    let mut seen: Vec<&str> = Vec::new();
    for node in nodes {
        let Some((text, place)) = f.text(node, key) else { continue };
        if seen.contains(&text) {
            f.add(Problem::new(place.clone(), format!("there is a {what} {text:?} already")));
        }
        seen.push(text);
    }
}

fn provider(f: &mut Findings, node: &Node, secrets: &dyn Secrets) -> Option<Provider> {
    let name = f.required(node, "name").map(|(t, _)| t.to_owned());
    let url = f.required(node, "base_url");
    let base_url = url.and_then(|(text, place)| noted(f, place, read::url(text)));
    let api_key = f.text(node, "api_key").and_then(|(text, place)| {
        let mut problem = match secrets.resolve(text) {
            Ok(secret) => return secret,
            Err(why) => Problem::new(place.clone(), why),
        };
        problem.hide_line = true;
        f.add(problem);
        None
    });
    let (timeouts, streams, retry) = (timeouts(f, node), streams(f, node), again::retry(f, node));
    Some(Provider { name: name?, base_url: base_url?, api_key, timeouts, streams, retry })
}

fn noted<T>(f: &mut Findings, place: &Place, read: Result<T, String>) -> Option<T> {
    match read {
        Ok(value) => Some(value),
        Err(why) => {
            f.add(Problem::new(place.clone(), why));
            None
        }
    }
}

fn timeouts(f: &mut Findings, node: &Node) -> Timeouts {
    let base = Timeouts::default();
    Timeouts {
        connect: f.value(node, "timeouts.connect", base.connect, read::length),
        first_byte: f.value(node, "timeouts.first_byte", base.first_byte, read::length),
        idle: f.value(node, "timeouts.idle", base.idle, read::length),
        total: f.value(node, "timeouts.total", base.total, read::length),
    }
}

fn route(f: &mut Findings, node: &Node, providers: &[Node], names: &[&str]) -> Option<Route> {
    let (name, place) = f.required(node, "provider")?;
    if !names.contains(&name) {
        no_such_provider(f, name, place, names);
    }
    let owned = |key: &str, f: &Findings| f.text(node, key).map(|(t, _)| t.to_owned());
    let (path, model) = (owned("path", f), owned("model", f));
    if path.is_none() && model.is_none() {
        f.add(
            Problem::new(node.place.clone(), "a route needs `path` or `model`")
                .hint("without a route, requests go to the first provider"),
        );
    }
    let (streams, retry) = (streams(f, node), again::retry(f, node));
    let fallback = again::fallbacks(f, node, name, providers, names);
    Some(Route { path, model, provider: name.to_owned(), streams, retry, fallback })
}

pub(super) fn no_such_provider(f: &mut Findings, name: &str, place: &Place, names: &[&str]) {
    let hint = match nearest(name, names.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None if names.is_empty() => "name one in gateway.providers".to_owned(),
        None => format!("there are {}", names.join(", ")),
    };
    f.add(Problem::new(place.clone(), format!("no provider is named {name:?}")).hint(hint));
}

fn apps(f: &mut Findings, root: &Node) -> Vec<App> {
    let nodes = root.at("apps").map_or(&[][..], items);
    unique(f, nodes, "name", "app");
    unique(f, nodes, "prefix", "app with the prefix");
    nodes.iter().filter_map(|n| app(f, n)).collect()
}

fn app(f: &mut Findings, node: &Node) -> Option<App> {
    let name = f.required(node, "name").map(|(t, _)| t.to_owned());
    let prefix = f.required(node, "prefix");
    let prefix = prefix.and_then(|(text, place)| noted(f, place, free_prefix(text)));
    let upstream = f.required(node, "upstream");
    let upstream = upstream.and_then(|(text, place)| noted(f, place, read::url(text)));
    let dialect = f.value(node, "dialect", AppDialect::Opaque, dialect);
    let strip = f.value(node, "strip", "/".to_owned(), |t| {
        if t.starts_with('/') { Ok(t.to_owned()) } else { Err(format!("{t:?} must begin with /")) }
    });
    let timeouts = timeouts(f, node);
    Some(App { name: name?, prefix: prefix?, upstream: upstream?, strip, dialect, timeouts })
}

fn dialect(text: &str) -> Result<AppDialect, String> {
    match text {
        "flowreader" => Ok(AppDialect::FlowReader),
        "openai" => Ok(AppDialect::OpenAi),
        "opaque" => Ok(AppDialect::Opaque),
        other => Err(format!("{other:?} is no dialect; there are flowreader, openai, opaque")),
    }
}

/// A prefix that hides none of flowgauge's own paths.
fn free_prefix(text: &str) -> Result<String, String> {
    if !text.starts_with('/') {
        return Err(format!("{text:?} must begin with /"));
    }
    let prefix = text.trim_end_matches('/');
    if prefix.is_empty() {
        return Err("/ is flowgauge's own page; give the app a prefix such as /api/chat".to_owned());
    }
    let below = |a: &str, b: &str| a == b || a.strip_prefix(b).is_some_and(|r| r.starts_with('/'));
    match RESERVED.iter().find(|own| below(prefix, own) || below(own, prefix)) {
        Some(own) => Err(format!("{text:?} would hide flowgauge's own {own}")),
        None => Ok(prefix.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_app_hides_none_of_our_paths() {
        for taken in ["/", "/v1", "/v1/chat", "/api", "/api/v1/x", "/-/healthy", "/metrics", "x"] {
            assert!(free_prefix(taken).is_err(), "{taken}");
        }
        assert_eq!(free_prefix("/api/chat/"), Ok("/api/chat".to_owned()));
        assert_eq!(free_prefix("/v1beta"), Ok("/v1beta".to_owned()));
    }
}
