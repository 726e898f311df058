//! What readers ask for and when: the scenario mix and the curve of a day (catalogue E.6).
//!
//! Pure: dice and times come in, requests come out. Sends nothing.

use super::dice::Dice;
use super::{book, text};
use crate::logic::unit::{Micros, UnixMicros};
use serde_json::{Value, json};

/// How hard a request is; the pretend provider takes longer for harder ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Complexity {
    /// A short question.
    Simple,
    /// An explanation.
    Medium,
    /// An analysis.
    Complex,
}

impl Complexity {
    /// The word used between application and pretend provider.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Simple => "simple",
            Self::Medium => "medium",
            Self::Complex => "complex",
        }
    }

    /// The complexity of a word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Simple, Self::Medium, Self::Complex].into_iter().find(|c| c.word() == word)
    }

    /// Median time the provider takes for a whole answer (catalogue E.6).
    #[must_use]
    pub const fn latency(self) -> Micros {
        match self {
            Self::Simple => Micros::from_millis(800),
            Self::Medium => Micros::from_millis(1_200),
            Self::Complex => Micros::from_millis(1_800),
        }
    }

    /// The model FlowReader sends it to: what is complex goes to the large one (catalogue E.2).
    #[must_use]
    pub const fn model(self) -> &'static str {
        match self {
            Self::Simple | Self::Medium => super::SMALL,
            Self::Complex => super::LARGE,
        }
    }
}

/// How hard FlowReader takes an intent to be. Translations count as complex: its classifier looks
/// at the length of the whole prompt, so they go to the dearest model (catalogue E.4, no. 1). The
/// demo keeps that mistake for the reader to find.
#[must_use]
pub fn classify(intent: &str, question: &str) -> Complexity {
    match intent {
        "translate" | "analyze" => Complexity::Complex,
        "ask" if question.chars().count() <= LONG_QUESTION => Complexity::Simple,
        "ask" => Complexity::Complex,
        _ => Complexity::Medium,
    }
}

/// Characters above which FlowReader takes a question to be complex (catalogue E.4).
const LONG_QUESTION: usize = 150;

/// One kind of request.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scenario {
    /// Name, for tests and people.
    pub name: &'static str,
    /// Share of the traffic; the shares are normalised where they are used.
    pub weight: f64,
    /// FlowReader's intent.
    pub intent: &'static str,
    /// Kind of enhancement.
    pub enhance: Option<&'static str>,
    /// Language of a translation.
    pub language: Option<&'static str>,
    /// How hard the application takes it to be.
    pub complexity: Complexity,
    /// Tokens of a typical prompt (catalogue E.6): half of them are the reader's own.
    pub input: u64,
}

const fn scenario(
    name: &'static str,
    weight: f64,
    intent: &'static str,
    complexity: Complexity,
    input: u64,
) -> Scenario {
    Scenario { name, weight, intent, enhance: None, language: None, complexity, input }
}

const fn enhance(kind: &'static str, weight: f64, input: u64) -> Scenario {
    let base = scenario(kind, weight, "enhance", Complexity::Medium, input);
    Scenario { enhance: Some(kind), ..base }
}

const fn translate(language: &'static str, weight: f64, input: u64) -> Scenario {
    let base = scenario(language, weight, "translate", Complexity::Complex, input);
    Scenario { language: Some(language), ..base }
}

/// The mix of FlowReader's own test scenarios; the weights sum to 1.10 there too (catalogue E.6).
pub const SCENARIOS: [Scenario; 9] = [
    scenario("simple ask", 0.25, "ask", Complexity::Simple, 120),
    enhance("historical", 0.15, 200),
    enhance("concept", 0.15, 180),
    translate("zh-CN", 0.15, 100),
    translate("es", 0.10, 110),
    scenario("explain", 0.10, "explain", Complexity::Medium, 140),
    scenario("analyze", 0.08, "analyze", Complexity::Complex, 160),
    scenario("complex ask", 0.07, "ask", Complexity::Complex, 180),
    enhance("cultural", 0.05, 190),
];

impl Scenario {
    /// One of the mix.
    #[must_use]
    pub fn draw(dice: &mut Dice) -> Self {
        let whole: f64 = SCENARIOS.iter().map(|s| s.weight).sum();
        let mut at = dice.unit() * whole;
        for scenario in SCENARIOS {
            if at < scenario.weight {
                return scenario;
            }
            at -= scenario.weight;
        }
        // Only rounding in the last subtraction leads here.
        SCENARIOS[0]
    }

    /// The request a reader's browser sends (catalogue E.1).
    #[must_use]
    pub fn request(&self, dice: &mut Dice, book: &str) -> Value {
        // The application adds instructions and context; half of the prompt is the reader's own.
        let wanted = self.input / 2;
        let own = match self.intent {
            "ask" if self.complexity == Complexity::Simple => question(dice),
            "ask" => format!("{} {}", text::passage(dice, wanted), question(dice)),
            "translate" => text::translatable(dice, wanted),
            _ => text::passage(dice, wanted),
        };
        let mut body = json!({ "bookId": book, "intent": self.intent });
        match self.intent {
            "ask" => body["query"] = json!(own),
            _ => body["selection"] = json!({ "text": own, "chapterId": "ch-3" }),
        }
        if let Some(kind) = self.enhance {
            body["enhanceType"] = json!(kind);
        }
        if let Some(language) = self.language {
            body["targetLang"] = json!(language);
        }
        body
    }
}

/// A question of at most 120 characters: below [`LONG_QUESTION`], so that it is taken for simple.
fn question(dice: &mut Dice) -> String {
    dice.pick(&book::questions()).copied().unwrap_or("What is this book about?").to_owned()
}

/// Requests of an ordinary weekday (catalogue E.6).
pub const REQUESTS_PER_DAY: f64 = 10_000.0;

/// Share of a day's requests in each hour: people read at lunch and in the evening. Sums to 1000.
const HOURS: [f64; 24] = [
    18.0, 10.0, 6.0, 5.0, 5.0, 8.0, 16.0, 30.0, 42.0, 46.0, 48.0, 52.0, 62.0, 56.0, 48.0, 46.0,
    48.0, 54.0, 62.0, 74.0, 86.0, 82.0, 60.0, 36.0,
];

/// Readers on a Saturday or Sunday, against a weekday.
const WEEKEND: f64 = 1.25;

/// Requests per second expected at a moment, UTC.
#[must_use]
pub fn rate(at: UnixMicros) -> f64 {
    let seconds = at.0.div_euclid(1_000_000);
    let day = seconds.div_euclid(86_400);
    let hour = usize::try_from(seconds.rem_euclid(86_400) / 3_600).unwrap_or(0);
    let share = HOURS.get(hour).copied().unwrap_or(0.0) / HOURS.iter().sum::<f64>();
    // Day 0 of the epoch was a Thursday; 2 and 3 days later the weekend.
    let weekend = matches!(day.rem_euclid(7), 2 | 3);
    REQUESTS_PER_DAY * share / 3_600.0 * if weekend { WEEKEND } else { 1.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mix_follows_the_normalised_weights() {
        let mut dice = Dice::new(5);
        let n = 20_000;
        let drawn: Vec<Scenario> = (0..n).map(|_| Scenario::draw(&mut dice)).collect();
        for s in SCENARIOS {
            let share = drawn.iter().filter(|d| **d == s).count() as f64 / f64::from(n);
            let wanted = s.weight / 1.10;
            assert!((share - wanted).abs() < 0.01, "{}: {share} instead of {wanted}", s.name);
        }
    }

    #[test]
    fn the_application_takes_each_request_for_as_hard_as_the_scenario_says() {
        let mut dice = Dice::new(6);
        for s in SCENARIOS {
            let body = s.request(&mut dice, "book-1");
            let question = body["query"].as_str().unwrap_or_default();
            assert_eq!(classify(s.intent, question), s.complexity, "{}", s.name);
        }
    }

    #[test]
    fn a_weekday_has_its_ten_thousand_requests_and_a_night() {
        // 1970-01-05 was a Monday.
        let monday = 4 * UnixMicros::DAY;
        let at = |hour: i64| rate(UnixMicros(monday + hour * UnixMicros::HOUR));
        let day: f64 = (0..24).map(|h| at(h) * 3_600.0).sum();
        assert!((day - REQUESTS_PER_DAY).abs() < 1.0, "{day}");
        assert!(at(20) > 10.0 * at(3));
        let saturday = rate(UnixMicros(2 * UnixMicros::DAY));
        assert!(saturday > rate(UnixMicros(0)));
    }
}
