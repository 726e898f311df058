//! Six hours of an application now and a week ago, with or without an incident now.

use flowgauge::logic::call::{
    CacheOutcome, Call, Door, ErrorClass, InputTokens, OutputTokens, Status, Text, TtftSource,
    UsageSource,
};
use flowgauge::logic::id::CallId;
use flowgauge::logic::unit::{Micros, NanoUsd, UnixMicros};

/// Requests of six hours.
const REQUESTS: u64 = 1_800;
/// Share of answers an evaluator looks at.
const SCORED: f64 = 0.3;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Incident {
    None,
    /// The small model takes 1.8 times as long.
    ProviderSlow,
    /// Prompts of `enhance` grow by 60 %.
    PromptGrowth,
    /// Nothing is found in the cache any more.
    CacheBroken,
    /// Prompts of `ask` lose their end, and answers their point.
    QuestionCut,
    /// Translations go to the large model.
    WrongModel,
    /// One of five instances takes 2.5 times as long.
    InstanceSlow,
    /// A tenth of the requests is refused by the provider.
    RateLimited,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct World {
    pub(crate) seed: u64,
    pub(crate) incident: Incident,
}

/// A kind of request: intent, share a week ago and now, tokens, model, hit rate, quality.
struct Kind {
    intent: &'static str,
    share: (f64, f64),
    tokens: (f64, f64),
    model: &'static str,
    hits: f64,
    quality: f64,
}

const SMALL: &str = "gpt-4o-mini";
const LARGE: &str = "gpt-4o";

/// The mix shifts from the cheap and cached to the dear and long between the weeks.
const KINDS: [Kind; 4] = [
    Kind {
        intent: "ask",
        share: (0.40, 0.32),
        tokens: (300.0, 80.0),
        model: SMALL,
        hits: 0.5,
        quality: 86.0,
    },
    Kind {
        intent: "enhance",
        share: (0.30, 0.28),
        tokens: (500.0, 140.0),
        model: SMALL,
        hits: 0.4,
        quality: 84.0,
    },
    Kind {
        intent: "translate",
        share: (0.20, 0.27),
        tokens: (220.0, 120.0),
        model: SMALL,
        hits: 0.15,
        quality: 88.0,
    },
    Kind {
        intent: "analyze",
        share: (0.10, 0.13),
        tokens: (700.0, 220.0),
        model: LARGE,
        hits: 0.05,
        quality: 82.0,
    },
];

/// xorshift64* (Vigna 2014): the same numbers for the same seed.
struct Dice(u64);

impl Dice {
    fn unit(&mut self) -> f64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Near 1, as a log-normal number of this width (Irwin–Hall of 12).
    fn around(&mut self, width: f64) -> f64 {
        let normal: f64 = (0..12).map(|_| self.unit()).sum::<f64>() - 6.0;
        (width * normal).exp()
    }
}

impl World {
    /// Calls and, where they were evaluated, their quality.
    pub(crate) fn rows(&self, now: UnixMicros) -> Vec<(Call, Option<f64>)> {
        let mut dice = Dice(self.seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
        for _ in 0..20 {
            dice.unit();
        }
        let mut rows = Vec::new();
        for (week, back) in [7 * UnixMicros::DAY, 0].into_iter().enumerate() {
            let incident = if week == 1 { self.incident } else { Incident::None };
            for i in 0..REQUESTS {
                let step = 6 * UnixMicros::HOUR / REQUESTS as i64;
                let at = now.0 - back - 6 * UnixMicros::HOUR + i as i64 * step;
                let number = week as u64 * REQUESTS + i;
                rows.push(one(UnixMicros(at), number, week == 1, incident, &mut dice));
            }
        }
        rows
    }
}

fn one(
    at: UnixMicros,
    number: u64,
    is_now: bool,
    incident: Incident,
    dice: &mut Dice,
) -> (Call, Option<f64>) {
    let kind = draw(is_now, dice);
    let mut random = [7u8; 10];
    random[..8].copy_from_slice(&number.to_be_bytes());
    let mut call = Call::begun(CallId::new(at, random), at, at, Door::Gateway);
    call.what.leaf = true;
    call.what.operation = "chat".into();
    call.what.provider = Some("openai".into());
    call.what.endpoint = Some("chat/stream".into());
    call.what.intent = Some(kind.intent.into());
    call.what.stream = Some(true);
    call.outcome.http_status = Some(200);
    call.outcome.attempts = 1;
    let instance = (dice.unit() * 5.0) as u64;
    call.origin.instance = Some(Text::from(format!("web-{instance}")));
    let wrong = incident == Incident::WrongModel && kind.intent == "translate";
    let model = if wrong { LARGE } else { kind.model };
    call.what.model_used = Some(model.into());
    let failing = if incident == Incident::RateLimited { 0.1 } else { 0.0 };
    let fate = dice.unit();
    if fate < failing + 0.007 {
        let limited = fate < failing;
        call.outcome.status = Status::Error;
        call.outcome.class =
            if limited { ErrorClass::Upstream429 } else { ErrorClass::Upstream5xx };
        call.outcome.http_status = Some(if limited { 429 } else { 500 });
        return (call, None);
    }
    let hit = dice.unit() < kind.hits && incident != Incident::CacheBroken;
    call.control.cache = if hit { CacheOutcome::HitExact } else { CacheOutcome::Miss };
    let (input, output) = sizes(kind, incident, dice);
    let mut seconds = (0.35 * dice.around(0.3), output * pace(model) * dice.around(0.2));
    // Evenings are slower, in both weeks.
    let hour = (at.0.rem_euclid(UnixMicros::DAY)) as f64 / UnixMicros::HOUR as f64;
    let mut factor = 1.0 + 0.15 * (hour / 24.0 * std::f64::consts::TAU).sin();
    if incident == Incident::ProviderSlow && model == SMALL {
        factor *= 1.8;
    }
    if incident == Incident::InstanceSlow && instance == 3 {
        factor *= 2.5;
    }
    seconds = if hit {
        (0.04 * dice.around(0.2), 0.02)
    } else {
        (seconds.0 * factor, seconds.1 * factor)
    };
    let us = |s: f64| Micros((s * 1e6) as u64);
    call.time.ttft = Some(us(seconds.0));
    call.time.ttft_source = TtftSource::Gateway;
    call.time.latency = Some(us(seconds.0 + seconds.1));
    call.time.upstream = Some(us((seconds.0 + seconds.1 - 0.0004).max(0.0)));
    call.usage.source = UsageSource::Provider;
    let billed = |tokens: f64| if hit { 0 } else { tokens as u64 };
    call.usage.input = Some(InputTokens { text: billed(input), ..InputTokens::default() });
    call.usage.output = Some(OutputTokens { visible: billed(output), ..OutputTokens::default() });
    let (per_input, per_output) = if model == LARGE { (2_500.0, 10_000.0) } else { (150.0, 600.0) };
    let nanos = if hit { 0.0 } else { input * per_input + output * per_output };
    call.cost.nanos = Some(NanoUsd(nanos as i64));
    let cut = incident == Incident::QuestionCut && kind.intent == "ask";
    let typical = if cut { kind.quality - 22.0 } else { kind.quality };
    let quality = (typical * dice.around(0.07)).min(100.0);
    let scored = dice.unit() < SCORED;
    (call, scored.then_some(quality))
}

fn draw(is_now: bool, dice: &mut Dice) -> &'static Kind {
    let mut left = dice.unit();
    for kind in &KINDS {
        left -= if is_now { kind.share.1 } else { kind.share.0 };
        if left < 0.0 {
            return kind;
        }
    }
    &KINDS[0]
}

fn sizes(kind: &Kind, incident: Incident, dice: &mut Dice) -> (f64, f64) {
    let grown = match (incident, kind.intent) {
        (Incident::PromptGrowth, "enhance") => 1.6,
        (Incident::QuestionCut, "ask") => 0.6,
        _ => 1.0,
    };
    (kind.tokens.0 * grown * dice.around(0.3), (kind.tokens.1 * dice.around(0.3)).max(2.0))
}

/// Seconds per output token.
fn pace(model: &str) -> f64 {
    if model == LARGE { 0.02 } else { 0.008 }
}
