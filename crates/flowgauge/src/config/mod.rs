//! Checked configuration. Raw YAML becomes these types at the edge, or is refused with file, line,
//! column and the way out; nobody inside checks again (decision D12).

mod again;
pub mod alerts;
pub mod archive;
pub(crate) mod check;
mod load;
pub mod postgres;
pub(crate) mod problem;
pub mod quality;
pub(crate) mod read;
pub mod schedules;
pub mod schema;
pub mod secret;
pub(crate) mod tree;
pub mod variables;

use crate::logic::budget::{Budget, Per, Period, Trait, Unpriced};
use crate::logic::call::{Source, Text};
use crate::logic::control::rollout::{Environment, Misread};
use crate::logic::duration::Span;
use crate::logic::retry::Policy;
use crate::logic::score::Scale;
use crate::logic::unit::{Micros, NanoUsd, UnixMicros};
use chrono_tz::Tz;
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;

pub use archive::{ArchiveAt, S3};
pub use load::{ENV_PREFIX, Explained, Loaded, Sources, example, load};
pub use problem::{Place, Problem, Problems};
pub use secret::Secret;

/// Everything the program is told at start.
#[derive(Debug, Clone)]
pub struct Config {
    /// Page, API, gateway and OTLP/HTTP.
    pub listen: Listener,
    /// OTLP over gRPC.
    pub otlp_grpc: Listener,
    /// OTLP over HTTP on its customary port.
    pub otlp_http: Listener,
    /// Statements over the protocol of Postgres.
    pub postgres: postgres::Postgres,
    /// Where data lives.
    pub data_dir: PathBuf,
    /// Zone of days and months.
    pub time_zone: Tz,
    /// The gateway.
    pub gateway: Gateway,
    /// Applications measured on their own paths.
    pub apps: Vec<App>,
    /// Scales of evaluators; those not named here give 0 to 1.
    pub evaluators: Vec<Evaluator>,
    /// Uptime checks.
    pub checks: Vec<Check>,
    /// Who may spend how much until when.
    pub budgets: Vec<Budget>,
    /// Which calls are scored online.
    pub quality: quality::Quality,
    /// Alerting.
    pub alerts: alerts::Alerts,
    /// Jobs with a timetable.
    pub schedules: Vec<schedules::Scheduled>,
    /// Operator's price file, which wins over the embedded table.
    pub prices: Option<PathBuf>,
    /// Storing.
    pub store: StoreSection,
    /// How long data is kept.
    pub retention: Retention,
    /// What may be kept of what was said.
    pub privacy: Privacy,
    /// Whether a bind beyond loopback is allowed without any API key.
    pub allow_open_bind: bool,
    /// What the five variables of the guide switch off.
    pub switches: Switches,
    /// Commands of the operator's.
    pub hooks: Hooks,
    /// Where several flowgauges share answers, if they do.
    pub shared_cache: Option<SharedCache>,
    /// The model that makes vectors of questions for the cache; nothing leaves it to their words.
    pub embeddings: Option<Embeddings>,
    /// What may be told of it.
    pub told: Told,
}

/// Commands of the operator's, each an argument vector that no shell reads; empty is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hooks {
    /// Restarts the application's services.
    pub restart: Vec<String>,
    /// Gives the application more resources.
    pub scale: Vec<String>,
    /// How long one may run.
    pub timeout: Micros,
}

impl Default for Hooks {
    /// None; a minute, in which a service restarts.
    fn default() -> Self {
        Self { restart: Vec::new(), scale: Vec::new(), timeout: Micros::from_millis(60_000) }
    }
}

/// Where several flowgauges share answers.
#[derive(Debug, Clone)]
pub struct SharedCache {
    /// Address; a password may be in it.
    pub url: Secret,
    /// Those of one namespace share.
    pub namespace: String,
    /// How long a request may wait for it.
    pub within: Micros,
}

impl SharedCache {
    /// Longest wait unless said otherwise: twenty ways there and back in one network, and a hundredth of the answer it
    /// would save.
    pub const WITHIN: Micros = Micros::from_millis(20);
}

/// A model that makes vectors of questions, so that the cache finds them in other words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Embeddings {
    /// Name of the provider that is asked.
    pub provider: String,
    /// The model.
    pub model: String,
    /// How long a request may wait for a vector; without one it is looked up as it stands only.
    pub within: Micros,
    /// What vectors may cost a day, in the reporting zone; a model of this machine needs no bound.
    pub budget_per_day: Option<NanoUsd>,
}

impl Embeddings {
    /// Longest wait unless said otherwise: what hosted models take at the median, and a quarter of a short answer.
    pub const WITHIN: Micros = Micros::from_millis(250);
    /// Name of the budget they are paid from, beside those of `budgets`.
    pub const BUDGET: &str = "cache.semantic.embedding";

    /// That budget: one account a day, of calls of that source alone.
    #[must_use]
    pub fn budget(&self, zone: Tz) -> Option<Budget> {
        Some(Budget {
            name: Text::const_new(Self::BUDGET),
            per: Per::All,
            matches: vec![(Trait::Source, Text::const_new(Source::Embedding.word()))],
            period: Period::Day,
            limit: self.budget_per_day?,
            zone,
            unpriced: Unpriced::Deny,
            default_max_tokens: crate::logic::budget::DEFAULT_MAX_TOKENS,
        })
    }
}

/// What may be told of a configuration: secrets are named by where they are and never shown.
#[derive(Debug, Clone, Default)]
pub struct Told {
    /// Every knob with its value and origin.
    pub knobs: Arc<[Explained]>,
    /// Variables of the environment that shape optimisation.
    pub variables: Arc<BTreeMap<String, String>>,
}

/// The variables of the guide, read at start.
#[derive(Debug, Clone, Default)]
pub struct Switches {
    /// What they forbid.
    pub environment: Environment,
    /// Those that say neither yes nor no.
    pub misread: Vec<Misread>,
}

/// An address to listen on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Listener {
    /// Address.
    pub addr: SocketAddr,
    /// Off when false.
    pub enabled: bool,
    /// A taken port stops the start where it was named, and is reported and skipped where it is the default.
    pub explicit: bool,
}

/// The gateway.
#[derive(Debug, Clone)]
pub struct Gateway {
    /// Providers; the first is the default.
    pub providers: Vec<Provider>,
    /// First match wins; without a match `/v1/messages` goes to the provider named `anthropic`, all else to the first.
    pub routes: Vec<Route>,
    /// Largest request body kept in memory for inspection, bytes; larger ones are refused with 413.
    pub max_body: usize,
    /// How long an abandoned stream is read on for its usage (decision D21).
    pub drain_window: Micros,
    /// Whether streams that do not ask for their usage are made to.
    pub inject_usage: bool,
    /// Time one optimiser may take for one call; one that takes longer is passed over.
    pub optimiser_time: Micros,
    /// Vocabularies of models whose tokens are counted here; first match wins.
    pub tokenizers: Vec<TokenizerFile>,
    /// Whether callers must show a flowgauge key even on loopback.
    pub require_key: bool,
}

/// An upstream that speaks one of the providers' protocols.
#[derive(Debug, Clone)]
pub struct Provider {
    /// Name in the `provider` dimension.
    pub name: String,
    /// `http://host[:port][/path]`; a trailing `/v1` is understood.
    pub base_url: String,
    /// Replaces the caller's credential where set.
    pub api_key: Option<Secret>,
    /// Limits on waiting.
    pub timeouts: Timeouts,
    /// Whether a failed request is made again; a route's own `retry` wins.
    pub retry: Option<Policy>,
    /// What differs from the gateway's own settings.
    pub streams: StreamSettings,
}

/// How usage of streams is found out, where it differs from what stands above: a route's word goes
/// before its provider's, and that before the gateway's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct StreamSettings {
    /// Whether streams that do not ask for their usage are made to.
    pub inject_usage: Option<bool>,
    /// How long an abandoned stream is read on for its usage.
    pub drain_window: Option<Micros>,
}

/// A `tokenizer.json` of the user's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenizerFile {
    /// Model name; `*` at its end matches any rest.
    pub model: String,
    /// The file.
    pub file: PathBuf,
}

/// Which provider serves a request.
#[derive(Debug, Clone, Default)]
pub struct Route {
    /// Path prefix below `/v1`, e.g. `/v1/messages`.
    pub path: Option<String>,
    /// Model name; `*` at its end matches any rest.
    pub model: Option<String>,
    /// Name of the provider.
    pub provider: String,
    /// What differs from the provider's settings.
    pub streams: StreamSettings,
    /// Whether a failed request is made again, at any of its targets.
    pub retry: Option<Policy>,
    /// Asked in order after the provider failed.
    pub fallback: Vec<Fallback>,
}

/// A target of a route after its first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fallback {
    /// Name of the provider.
    pub provider: String,
    /// Model asked for there; the caller's where unset.
    pub model: Option<String>,
}

/// An application behind its own path prefix.
#[derive(Debug, Clone)]
pub struct App {
    /// Name in the `service` dimension.
    pub name: String,
    /// Path prefix, e.g. `/api/chat`.
    pub prefix: String,
    /// `http://host[:port][/path]`; the request path is appended unchanged.
    pub upstream: String,
    /// Left off the path to name the endpoint: `/api/` makes `/api/chat/stream` into `chat/stream`.
    pub strip: String,
    /// Event dialect of its streams.
    pub dialect: AppDialect,
    /// Limits on waiting.
    pub timeouts: Timeouts,
}

/// Event dialect of an application's streams.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AppDialect {
    /// FlowReader's: `token`, `usage`, `done`, `error` events.
    FlowReader,
    /// OpenAI chat completions.
    OpenAi,
    /// Measured without reading the body.
    Opaque,
}

/// Limits on waiting; each is always set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// To connect.
    pub connect: Micros,
    /// From the request's end to the response head.
    pub first_byte: Micros,
    /// Between two events of a stream.
    pub idle: Micros,
    /// From start to end.
    pub total: Micros,
}

impl Default for Timeouts {
    /// 5 s to connect and 600 s in all, as the OpenAI SDK waits; 300 s to a first byte, because
    /// reasoning models think that long; 120 s between events.
    fn default() -> Self {
        Self {
            connect: Micros::from_millis(5_000),
            first_byte: Micros::from_millis(300_000),
            idle: Micros::from_millis(120_000),
            total: Micros::from_millis(600_000),
        }
    }
}

/// An evaluator of answers.
#[derive(Debug, Clone, PartialEq)]
pub struct Evaluator {
    /// As it names itself.
    pub name: String,
    /// What its values lie on.
    pub scale: Scale,
    /// Stands where a score names no version.
    pub version: Option<Text>,
    /// Whether quality is what this one says.
    pub preferred: bool,
}

impl Config {
    /// The evaluator that quality is told by, where one is named; else it is the busiest.
    #[must_use]
    pub fn preferred_evaluator(&self) -> Option<std::sync::Arc<str>> {
        self.evaluators.iter().find(|e| e.preferred).map(|e| e.name.as_str().into())
    }
}

/// An uptime check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// Name.
    pub name: String,
    /// `http://host[:port][/path]`.
    pub url: String,
    /// How often.
    pub every: Micros,
    /// How long an answer may take.
    pub timeout: Micros,
    /// The status that is good.
    pub expect_status: u16,
}

/// Storing.
#[derive(Debug, Clone)]
pub struct StoreSection {
    /// Seal unsealed batches at this size, bytes.
    pub seal_bytes: u64,
    /// Seal the oldest unsealed batch at this age.
    pub seal_age: Micros,
    /// Series kept apart.
    pub max_series: usize,
}

/// How long data is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retention {
    /// Raw calls.
    pub raw: Span,
    /// Rollups of minutes.
    pub minutes: Span,
    /// Rollups of hours.
    pub hours: Span,
    /// Where raw calls are archived before they are dropped; nothing where they are not.
    pub archive: Option<ArchiveAt>,
    /// How buckets are reached.
    pub s3: S3,
}

impl Default for Retention {
    /// The tiers of the catalogue (S50).
    fn default() -> Self {
        Self {
            raw: Span::fixed(30 * UnixMicros::DAY),
            minutes: Span::fixed(90 * UnixMicros::DAY),
            hours: Span { months: 25, micros: 0 },
            archive: None,
            s3: S3::default(),
        }
    }
}

/// What may be kept of what was said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Privacy {
    /// Keep prompts and answers. Off unless asked (decision D9).
    pub store_content: bool,
    /// Keep no unknown text attribute at all.
    pub metrics_only: bool,
}

const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

impl Default for Config {
    fn default() -> Self {
        let at = |port| Listener {
            addr: SocketAddr::new(LOOPBACK, port),
            enabled: true,
            explicit: false,
        };
        Self {
            listen: at(4000),
            otlp_grpc: at(4317),
            otlp_http: at(4318),
            postgres: postgres::Postgres {
                listener: at(5433),
                password: postgres::Password::default(),
                tls: None,
                tls_only: false,
            },
            data_dir: PathBuf::from("flowgauge-data"),
            time_zone: Tz::UTC,
            gateway: Gateway::default(),
            apps: Vec::new(),
            evaluators: Vec::new(),
            checks: Vec::new(),
            budgets: Vec::new(),
            quality: quality::Quality::default(),
            alerts: alerts::Alerts::default(),
            schedules: Vec::new(),
            prices: None,
            store: StoreSection {
                seal_bytes: 32 << 20,
                seal_age: Micros::from_millis(3_600_000),
                max_series: 5_000,
            },
            retention: Retention::default(),
            privacy: Privacy::default(),
            allow_open_bind: false,
            switches: Switches::default(),
            hooks: Hooks::default(),
            shared_cache: None,
            embeddings: None,
            told: Told::default(),
        }
    }
}

impl Default for Gateway {
    fn default() -> Self {
        let provider = |name: &str, base_url: &str| Provider {
            name: name.to_owned(),
            base_url: base_url.to_owned(),
            api_key: None,
            timeouts: Timeouts::default(),
            retry: None,
            streams: StreamSettings::default(),
        };
        Self {
            providers: vec![
                provider("openai", "https://api.openai.com/v1"),
                provider("anthropic", "https://api.anthropic.com/v1"),
            ],
            routes: Vec::new(),
            max_body: 64 << 20,
            drain_window: Micros::from_millis(200),
            inject_usage: true,
            // A call to a model takes hundreds of milliseconds; this is one in a hundred of it.
            optimiser_time: Micros::from_millis(5),
            tokenizers: Vec::new(),
            require_key: false,
        }
    }
}
