//! Pretended requests: streams as a test writes them, and the calls they stand for.

use super::draw::{Dice, Spread};
use super::parts::{labels, length, place, required, section, whole};
use crate::config::problem::Problem;
use crate::config::read::Findings;
use crate::config::tree::Node;
use crate::judge::rules::fields::Fields;
use crate::logic::alert::facts::Labels;
use crate::logic::call::{
    CacheOutcome, Call, Door, ErrorClass, InputTokens, OutputTokens, Status, Text, UsageSource,
};
use crate::logic::id::CallId;
use crate::logic::rollup::Dim;
use crate::logic::unit::{Micros, NanoUsd, UnixMicros};

const KEYS: &[&str] = &[
    "every", "from", "for", "latency", "ttft", "status", "errors", "tokens", "cost", "model",
    "labels", "rng", "hang", "timeout", "cache", "quality", "rating",
];
/// Requests of one stream: an hour of a thousand a second would be more than a test needs.
const MAX_REQUESTS: u64 = 2_000_000;
/// Parts of a whole that a fraction is kept in.
const BILLION: f64 = 1e9;

/// Requests that are alike.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Stream {
    pub(super) from: Micros,
    pub(super) every: Micros,
    pub(super) length: Micros,
    pub(super) latency: Spread,
    pub(super) ttft: Option<Spread>,
    /// How those that fail end.
    pub(super) ends: Ends,
    /// Their share.
    pub(super) errors: f64,
    /// Share that never comes to an end by itself.
    pub(super) hang: f64,
    /// Those are given up after so long.
    pub(super) timeout: Option<Micros>,
    pub(super) tokens: Option<(u64, u64)>,
    pub(super) cost: Option<NanoUsd>,
    pub(super) labels: Labels,
    pub(super) seed: u64,
    pub(super) cache: Option<CacheOutcome>,
    /// 0–1.
    pub(super) quality: Option<f64>,
    /// 1–5.
    pub(super) rating: Option<u8>,
    /// Counted from so long before the beginning, and times are those of the ends: a series says what
    /// was, not what comes.
    pub(super) lead: Micros,
}

/// How a request that fails ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ends {
    Http(u16),
    Cancelled,
    Unreachable,
    InStream,
}

/// One request.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Request {
    pub(super) call: Call,
    pub(super) first: Option<UnixMicros>,
    /// Nothing where it never ends.
    pub(super) end: Option<UnixMicros>,
    pub(super) quality: Option<f64>,
    pub(super) rating: Option<u8>,
}

/// One stream of a test.
pub(super) fn stream(f: &mut Findings, node: &Node) -> Stream {
    section(f, node, KEYS, "a stream");
    let fields = Fields { own: node, defaults: None };
    let some = |f: &mut Findings, key| fields.parsed(f, key, None, |t| Spread::read(t).map(Some));
    let mut stream = Stream {
        length: required(f, fields, "for", length).unwrap_or_default(),
        ..Stream::plain()
    };
    stream.every = required(f, fields, "every", length).unwrap_or(stream.every);
    stream.from = fields.parsed(f, "from", Micros(0), length);
    stream.latency = some(f, "latency").unwrap_or(stream.latency);
    stream.ttft = some(f, "ttft");
    let status = fields.parsed(f, "status", None, |text| ends(text).map(Some));
    stream.ends = status.flatten().unwrap_or(Ends::Http(500));
    // A status that is an error, and no share: all of them.
    let all = if matches!(status, Some(Some(_))) { 1.0 } else { 0.0 };
    stream.errors = fields.parsed(f, "errors", all, share);
    let hangs = |text: &str| match text {
        "true" => Ok(1.0),
        "false" => Ok(0.0),
        _ => share(text),
    };
    stream.hang = fields.parsed(f, "hang", 0.0, hangs);
    stream.timeout = fields.parsed(f, "timeout", None, |text| length(text).map(Some));
    stream.seed = fields.parsed(f, "rng", 1, whole);
    stream.tokens = tokens(f, fields);
    stream.cost = fields.parsed(f, "cost", None, |text| dollars(text).map(Some));
    stream.labels = named(f, fields);
    stream.cache = fields.parsed(f, "cache", None, |text| {
        CacheOutcome::from_word(text)
            .map(Some)
            .ok_or_else(|| format!("{text:?} is no outcome of a cache; there are hit_exact, hit_semantic, miss, bypass, disabled"))
    });
    let quality = |text: &str| match text.parse::<f64>() {
        Ok(q) if (0.0..=100.0).contains(&q) => Ok(Some(q / 100.0)),
        _ => Err(format!("{text:?} is no quality from 0 to 100")),
    };
    stream.quality = fields.parsed(f, "quality", None, quality);
    stream.rating = fields.parsed(f, "rating", None, |text| {
        let stars = text.parse::<u8>().ok().filter(|s| (1..=5).contains(s));
        stars.map(Some).ok_or_else(|| format!("{text:?} is no rating from 1 to 5"))
    });
    if stream.every.0 == 0 || stream.length.0 / stream.every.0.max(1) > MAX_REQUESTS {
        let why = format!("a stream has at most {MAX_REQUESTS} requests; make `every` longer");
        f.add(Problem::new(place(fields), why));
        stream.length = Micros(0);
    }
    stream
}

/// The labels, and `model` beside them.
fn named(f: &mut Findings, fields: Fields<'_>) -> Labels {
    let mut all = labels(f, fields.get("labels"), "labels");
    if let Some((model, _)) = fields.text(f, "model") {
        all.push((Text::const_new("model"), model.into()));
    }
    if let Err(why) = check_labels(&all) {
        f.add(Problem::new(place(fields), why));
    }
    all
}

/// Whether requests can have all these labels.
pub(super) fn check_labels(labels: &Labels) -> Result<(), String> {
    for (name, _) in labels {
        let dim = Dim::from_word(name).map_err(|bad| bad.to_string())?;
        if matches!(dim, Dim::Source | Dim::Protocol | Dim::Retry | Dim::Cache) {
            return Err(format!("{name:?} cannot be given to pretended requests"));
        }
    }
    Ok(())
}

fn ends(text: &str) -> Result<Option<Ends>, String> {
    match text {
        "ok" => return Ok(None),
        "cancelled" => return Ok(Some(Ends::Cancelled)),
        "unreachable" => return Ok(Some(Ends::Unreachable)),
        "in_stream" => return Ok(Some(Ends::InStream)),
        _ => {}
    }
    match text.parse::<u16>() {
        Ok(200..300) => Ok(None),
        Ok(status @ 300..600) => Ok(Some(Ends::Http(status))),
        _ => Err(format!(
            "{text:?} is no status; write an HTTP status, ok, cancelled, unreachable or in_stream"
        )),
    }
}

fn share(text: &str) -> Result<f64, String> {
    let (number, of) = text.strip_suffix('%').map_or((text, 1.0), |number| (number, 100.0));
    let share = number.trim().parse::<f64>().ok().map(|n| n / of);
    share
        .filter(|share| (0.0..=1.0).contains(share))
        .ok_or_else(|| format!("{text:?} is no share; write for example 5%"))
}

/// `$0.002`.
fn dollars(text: &str) -> Result<NanoUsd, String> {
    let number = text.trim_start_matches('$').parse::<f64>().ok();
    number
        .filter(|n| (0.0..=1e6).contains(n))
        .map(nanos)
        .ok_or_else(|| format!("{text:?} is no amount; write for example $0.002"))
}

pub(super) fn nanos(dollars: f64) -> NanoUsd {
    #[expect(clippy::cast_possible_truncation, reason = "at most a million dollars")]
    NanoUsd((dollars.clamp(0.0, 1e6) * BILLION).round() as i64)
}

/// `{in: 1200, out: 300}`, or one number for both together.
fn tokens(f: &mut Findings, fields: Fields<'_>) -> Option<(u64, u64)> {
    let node = fields.get("tokens")?;
    if node.child("in").is_none() && node.child("out").is_none() {
        return fields.parsed(f, "tokens", None, |text| whole(text).map(|n| Some((n, 0))));
    }
    section(f, node, &["in", "out"], "`tokens`");
    let parts = Fields { own: node, defaults: None };
    Some((parts.parsed(f, "in", 0, whole), parts.parsed(f, "out", 0, whole)))
}

impl Stream {
    /// One request a second that takes a second.
    pub(super) fn plain() -> Self {
        Self {
            from: Micros(0),
            every: Micros::from_millis(1_000),
            length: Micros(0),
            latency: Spread::Const(Micros::from_millis(1_000)),
            ttft: None,
            ends: Ends::Http(500),
            errors: 0.0,
            hang: 0.0,
            timeout: None,
            tokens: None,
            cost: None,
            labels: Labels::new(),
            seed: 1,
            cache: None,
            quality: None,
            rating: None,
            lead: Micros(0),
        }
    }

    /// After which nothing begins any more.
    pub(super) fn end(&self) -> Micros {
        Micros(self.from.0.saturating_add(self.length.0).saturating_sub(self.lead.0))
    }

    /// Its requests, by the order of their beginnings; `number` tells streams apart.
    pub(super) fn requests(&self, begin: UnixMicros, number: u32) -> Vec<Request> {
        let mut dice = Dice::new(self.seed);
        let begin = UnixMicros(begin.0.saturating_sub(signed(self.lead)));
        let count = self.length.0.div_ceil(self.every.0.max(1));
        let request = |n: u64| {
            let at = begin.after(self.from).after(Micros(n.saturating_mul(self.every.0)));
            self.request(at, id(at, number, n), &mut dice)
        };
        (0..count).map(request).collect()
    }

    fn request(&self, at: UnixMicros, id: CallId, dice: &mut Dice) -> Request {
        let latency = self.latency.draw(dice);
        let ttft = self.ttft.map(|spread| spread.draw(dice).min(latency));
        let (fails, hangs) = (dice.fraction() < self.errors, dice.fraction() < self.hang);
        let before = if self.lead.0 > 0 { signed(latency) } else { 0 };
        let start = UnixMicros(at.0.saturating_sub(before));
        let mut call = Call::begun(id, start, start, Door::Gateway);
        self.describe(&mut call);
        if hangs {
            call.time.latency = self.timeout;
            call.outcome.status = Status::Error;
            call.outcome.class = ErrorClass::Timeout;
            let end = self.timeout.map(|after| start.after(after));
            return Request { call, first: None, end, quality: None, rating: None };
        }
        call.time.latency = Some(latency);
        call.time.ttft = ttft.filter(|_| !fails);
        if fails {
            let (status, class, http) = self.ends.outcome();
            (call.outcome.status, call.outcome.class, call.outcome.http_status) =
                (status, class, http);
        } else {
            call.outcome.http_status = Some(200);
            self.bill(&mut call);
        }
        let first = call.time.ttft.map(|after| start.after(after));
        let judged = !fails;
        Request {
            call,
            first,
            end: Some(start.after(latency)),
            quality: self.quality.filter(|_| judged),
            rating: self.rating.filter(|_| judged),
        }
    }

    fn describe(&self, call: &mut Call) {
        call.what.leaf = true;
        call.what.stream = Some(self.ttft.is_some());
        call.control.cache = self.cache.unwrap_or_default();
        for (name, value) in &self.labels {
            let value = Some(value.clone());
            match Dim::from_word(name) {
                Ok(Dim::Service) => call.origin.service = value,
                Ok(Dim::Environment) => call.origin.environment = value,
                Ok(Dim::Version) => call.origin.version = value,
                Ok(Dim::Endpoint) => call.what.endpoint = value,
                Ok(Dim::Intent) => call.what.intent = value,
                Ok(Dim::Model) => call.what.model_requested = value,
                Ok(Dim::Provider) => call.what.provider = value,
                Ok(Dim::Arm) => call.control.arm = value,
                Ok(Dim::Tenant) => call.who.tenant = value,
                Ok(Dim::Source | Dim::Protocol | Dim::Cache | Dim::Retry) | Err(_) => {}
            }
        }
    }

    fn bill(&self, call: &mut Call) {
        if let Some((input, output)) = self.tokens {
            call.usage.input = Some(InputTokens { text: input, ..InputTokens::default() });
            call.usage.output = Some(OutputTokens { visible: output, ..OutputTokens::default() });
            call.usage.source = UsageSource::Provider;
        }
        call.cost.nanos = self.cost;
    }
}

impl Ends {
    const fn outcome(self) -> (Status, ErrorClass, Option<u16>) {
        match self {
            Self::Http(status) => (Status::Error, ErrorClass::of_status(status), Some(status)),
            Self::Cancelled => (Status::Cancelled, ErrorClass::None, None),
            Self::Unreachable => (Status::Error, ErrorClass::Unreachable, None),
            Self::InStream => (Status::Error, ErrorClass::InStream, Some(200)),
        }
    }
}

fn signed(length: Micros) -> i64 {
    i64::try_from(length.0).unwrap_or(i64::MAX)
}

fn id(at: UnixMicros, stream: u32, n: u64) -> CallId {
    let mut random = [0; 10];
    let bytes = stream.to_be_bytes().into_iter().chain(n.to_be_bytes().into_iter().skip(2));
    random.iter_mut().zip(bytes).for_each(|(to, from)| *to = from);
    CallId::new(at, random)
}

/// Requests of all streams.
pub(super) fn all(streams: &[Stream], begin: UnixMicros) -> Vec<Request> {
    (0..).zip(streams).flat_map(|(number, stream)| stream.requests(begin, number)).collect()
}
