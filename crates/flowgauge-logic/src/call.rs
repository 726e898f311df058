//! The noun of the system: one LLM call as observed, whichever door it came through.
//!
//! `None` means unknown and never becomes 0; an explicit 0 of the provider stays 0. Times are
//! microseconds, money nano-dollars. Field meanings: `docs/guide/data-model.md`.

use crate::id::{CallId, SpanId, TraceId};
use crate::unit::{Micros, NanoUsd, Tokens, UnixMicros};
use compact_str::CompactString;
use serde::{Deserialize, Serialize};

pub use self::attempt::*;
pub use self::outcome::*;
pub use self::usage::*;

mod attempt;
mod outcome;
mod usage;

/// Short text: names, keys and codes, held inline up to 24 bytes.
pub type Text = CompactString;

/// One call.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Call {
    /// flowgauge's own id, answered in `x-flowgauge-request-id`.
    pub id: CallId,
    /// Ids given by others.
    pub link: Link,
    /// How it came here.
    pub origin: Origin,
    /// What was asked of which model.
    pub what: What,
    /// On whose behalf.
    pub who: Who,
    /// When, and how long each part took.
    pub time: Times,
    /// Tokens, in buckets that exclude each other.
    pub usage: Usage,
    /// Money.
    pub cost: Cost,
    /// How it ended.
    pub outcome: Outcome,
    /// Its upstream requests and billed passes, where there was more than one.
    pub attempts: Vec<Attempt>,
    /// What cache and optimisations did.
    pub control: Control,
    /// Attributes as received, a JSON object without content; kept so that rows can be derived again.
    pub raw: Option<Box<str>>,
}

impl Call {
    /// A call about which nothing is known but when it began and how it arrived.
    #[must_use]
    pub fn begun(id: CallId, start: UnixMicros, received: UnixMicros, door: Door) -> Self {
        Self {
            id,
            link: Link::default(),
            origin: Origin { door, ..Origin::default() },
            what: What::default(),
            who: Who::default(),
            time: Times { start, received, ..Times::default() },
            usage: Usage::default(),
            cost: Cost::default(),
            outcome: Outcome::default(),
            attempts: Vec::new(),
            control: Control::default(),
            raw: None,
        }
    }

    /// The model that answered, else the one asked for.
    #[must_use]
    pub fn model(&self) -> Option<&Text> {
        self.what.model_used.as_ref().or(self.what.model_requested.as_ref())
    }

    /// Whether the provider may have charged it: it has counts, or was answered, or was left early.
    #[must_use]
    pub fn may_be_billed(&self) -> bool {
        let answered = self.outcome.http_status.is_some_and(|s| (200..300).contains(&s));
        self.usage.source != UsageSource::Absent
            || answered
            || self.outcome.status == Status::Cancelled
    }

    /// flowgauge's own share of the latency, known only where the upstream's share is.
    #[must_use]
    pub fn gateway_time(&self) -> Option<Micros> {
        Some(self.time.latency?.saturating_sub(self.time.upstream?))
    }
}

/// Ids given by others.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Link {
    /// W3C trace.
    pub trace_id: Option<TraceId>,
    /// W3C span of this call.
    pub span_id: Option<SpanId>,
    /// W3C span that made it.
    pub parent_span_id: Option<SpanId>,
    /// The provider's id of its answer.
    pub response_id: Option<Text>,
    /// The upstream's `x-request-id`.
    pub upstream_request_id: Option<Text>,
    /// Conversation, as the producer names it.
    pub conversation_id: Option<Text>,
    /// The response this one continues.
    pub previous_response_id: Option<Text>,
    /// The row that counts in this one's place: the same call seen through another door, or the
    /// call this one was made for. Such a row is no leaf.
    pub merged_into: Option<CallId>,
}

/// How the call came to be known.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Origin {
    /// Real traffic, or traffic made on purpose.
    pub source: Source,
    /// The listener it came through.
    pub door: Door,
    /// The naming convention of its attributes.
    pub dialect: Dialect,
    /// Instrumentation scope, `name/version`.
    pub scope: Option<Text>,
    /// Application.
    pub service: Option<Text>,
    /// Deployment environment.
    pub environment: Option<Text>,
    /// Replica of the application.
    pub instance: Option<Text>,
    /// Version of the application.
    pub version: Option<Text>,
}

/// What was asked.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct What {
    /// Whether this row is a model call that costs; agent and workflow spans are shown, never summed.
    pub leaf: bool,
    /// `chat`, `embeddings`, … as in the OpenTelemetry convention; a span's name where it is no leaf.
    pub operation: Text,
    /// Shape of request and answer.
    pub protocol: Protocol,
    /// Who served it (`openai`, `anthropic`, `aws.bedrock`, …).
    pub provider: Option<Text>,
    /// Model asked for.
    pub model_requested: Option<Text>,
    /// Model that answered, as the answer names it.
    pub model_used: Option<Text>,
    /// Route as the application knows it, e.g. `chat/stream`.
    pub endpoint: Option<Text>,
    /// Purpose, e.g. `translate`.
    pub intent: Option<Text>,
    /// Whether the answer was streamed.
    pub stream: Option<bool>,
    /// Prompt template name.
    pub prompt_name: Option<Text>,
    /// Prompt template version.
    pub prompt_version: Option<Text>,
}

/// On whose behalf. Users and sessions are keyed hashes, never names.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Who {
    /// Tenant or project.
    pub tenant: Option<Text>,
    /// flowgauge key that was used.
    pub key_id: Option<Text>,
    /// End user.
    pub user_key: Option<Text>,
    /// Session.
    pub session_key: Option<Text>,
    /// Bounded free labels, in the order received.
    pub labels: Vec<(Text, Text)>,
}

/// When, and how long each part took.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Times {
    /// Request head received (gateway) or span start.
    pub start: UnixMicros,
    /// When flowgauge learnt of it.
    pub received: UnixMicros,
    /// Start to the last byte to the client.
    pub latency: Option<Micros>,
    /// Start to the first content delta; unknown where the answer was not streamed.
    pub ttft: Option<Micros>,
    /// Where `ttft` came from.
    pub ttft_source: TtftSource,
    /// Spent waiting for the upstream's response head and for its bytes.
    pub upstream: Option<Micros>,
    /// Start to the upstream's response head.
    pub upstream_head: Option<Micros>,
}

macro_rules! closed_set {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $word:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum $name { $($(#[$vdoc])* #[serde(rename = $word)] $variant),+ }

        impl $name {
            /// Every value, in the order of its code.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The word used in SQL, JSON and commands.
            #[must_use]
            pub const fn word(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }

            /// The value of a word.
            #[must_use]
            pub fn from_word(word: &str) -> Option<Self> {
                match word { $($word => Some(Self::$variant),)+ _ => None }
            }

            /// The code used on disk: the position in `ALL`. Append only, never reorder.
            #[must_use]
            pub const fn code(self) -> u8 {
                self as u8
            }

            /// The value of a code on disk.
            #[must_use]
            pub fn from_code(code: u8) -> Option<Self> {
                Self::ALL.get(usize::from(code)).copied()
            }
        }
    };
}
pub(crate) use closed_set;

closed_set!(
    /// Real traffic, or traffic made on purpose. KPIs read `observed` unless asked otherwise.
    Source {
        /// Traffic of the application's users.
        #[default]
        Observed = "observed",
        /// Synthetic calls of `metrics measure`.
        Probe = "probe",
        /// Recorded traffic sent again.
        Replay = "replay",
        /// History from a file.
        Import = "import",
        /// A judging model asked by flowgauge itself: it costs, and nobody used it.
        Evaluation = "evaluation",
        /// A question turned into a vector for the cache by flowgauge itself: it costs, and nobody asked for it.
        Embedding = "embedding",
    }
);

closed_set!(
    /// The listener a call came through.
    Door {
        /// The OpenAI-compatible gateway and app routes.
        #[default]
        Gateway = "gateway",
        /// OTLP over gRPC.
        OtlpGrpc = "otlp_grpc",
        /// OTLP over HTTP.
        OtlpHttp = "otlp_http",
        /// `flowgauge import`.
        Import = "import",
    }
);

closed_set!(
    /// Naming convention of the attributes.
    Dialect {
        /// No foreign attributes: the gateway saw the call itself, or an import mapped it.
        #[default]
        Native = "native",
        /// OpenTelemetry GenAI before 1.37.
        SemconvG1 = "semconv_g1",
        /// OpenTelemetry GenAI 1.37 to 1.41.
        SemconvG2 = "semconv_g2",
        /// The conventions of the repository that followed.
        SemconvG3 = "semconv_g3",
        /// OpenInference.
        OpenInference = "openinference",
        /// OpenLLMetry (Traceloop).
        OpenLlmetry = "openllmetry",
        /// Vercel AI SDK.
        VercelAi = "vercel_ai",
        /// pydantic-ai.
        PydanticAi = "pydantic_ai",
        /// Langfuse SDK.
        Langfuse = "langfuse",
        /// OpenLIT.
        OpenLit = "openlit",
        /// A span without any GenAI attribute.
        Plain = "plain",
    }
);

closed_set!(
    /// Shape of request and answer.
    Protocol {
        /// Not one of ours, or not known.
        #[default]
        Other = "other",
        /// OpenAI chat completions.
        Chat = "chat",
        /// OpenAI responses.
        Responses = "responses",
        /// Anthropic messages.
        Messages = "messages",
        /// OpenAI legacy completions.
        Completions = "completions",
        /// Embeddings.
        Embeddings = "embeddings",
        /// An application's own route with FlowReader's event dialect.
        FlowReader = "flowreader",
    }
);

closed_set!(
    /// Where a time to first token came from, best first.
    TtftSource {
        /// Not known.
        #[default]
        None = "none",
        /// The gateway's own clock.
        Gateway = "gateway",
        /// A span attribute.
        Attribute = "attribute",
        /// A span event.
        Event = "event",
        /// The producer's completion start time.
        CompletionStart = "completion_start",
    }
);

/// What cache and optimisations did to this call.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Control {
    /// What the response cache said.
    pub cache: CacheOutcome,
    /// Similarity of a semantic hit.
    pub similarity: Option<f32>,
    /// How old the answer was that a hit gave again; unknown for hits of others, which do not say.
    #[serde(default)]
    pub cache_age: Option<Micros>,
    /// One bit per optimisation that acted, see [`Control::PRUNING`] and its siblings.
    pub applied: u8,
    /// Experiment arm or hold-out.
    pub arm: Option<Text>,
    /// Input tokens before any optimisation.
    pub original_input_tokens: Option<Tokens>,
    /// Input tokens taken off, by what took them; for whoever hears of the call when it ends. It is not stored.
    #[serde(skip)]
    pub taken: Taken,
    /// Generation of the control state in force.
    pub generation: u64,
}

/// Input tokens taken off a call.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Taken {
    /// By context pruning.
    pub pruning: u64,
    /// By prompt optimisation.
    pub prompt: u64,
    /// Not asked of a provider at all: the answer came from memory.
    pub caching: u64,
}

impl Control {
    /// Context pruning acted.
    pub const PRUNING: u8 = 1;
    /// The response cache answered.
    pub const CACHING: u8 = 2;
    /// Prompt optimisation acted.
    pub const PROMPT: u8 = 4;
    /// Model selection acted.
    pub const MODEL: u8 = 8;
}

closed_set!(
    /// What the response cache said.
    CacheOutcome {
        /// Caching is off.
        #[default]
        Disabled = "disabled",
        /// Same request, answered from memory.
        HitExact = "hit_exact",
        /// Similar request, answered from memory.
        HitSemantic = "hit_semantic",
        /// Looked up, not found.
        Miss = "miss",
        /// Not looked up for this call.
        Bypass = "bypass",
    }
);

/// Money. Frozen at write time.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Cost {
    /// What it cost; unknown is not zero.
    pub nanos: Option<NanoUsd>,
    /// Where the figure came from.
    pub source: CostSource,
    /// Why there is none.
    pub unknown_reason: CostUnknown,
    /// See [`Cost::RATE_SUBSTITUTED`] and its siblings.
    pub flags: u8,
    /// Date and hash of the price tables in force.
    pub price_version: Option<Text>,
    /// What the producer says it cost.
    pub reported: Option<NanoUsd>,
    /// What a cache hit or an optimisation saved.
    pub avoided: Option<NanoUsd>,
    /// Tier named by the answer.
    pub service_tier: Option<Text>,
}

impl Cost {
    /// A rate was missing and the base rate stood in.
    pub const RATE_SUBSTITUTED: u8 = 1;
    /// The sum left the range of money and was cut to its end.
    pub const SATURATED: u8 = 2;
}

closed_set!(
    /// Where a cost came from.
    CostSource {
        /// No cost is known.
        #[default]
        Unknown = "unknown",
        /// From tokens and the price table.
        Computed = "computed",
        /// The producer's own figure.
        Reported = "reported",
    }
);

closed_set!(
    /// Why there is no cost.
    CostUnknown {
        /// There is one, or the row is no model call.
        #[default]
        None = "none",
        /// No price for the model.
        NoPrice = "no_price",
        /// No usage to price.
        NoUsage = "no_usage",
        /// The model is not known.
        NoModel = "no_model",
        /// A unit billed per use has no price.
        UnitUnpriced = "unit_unpriced",
    }
);
