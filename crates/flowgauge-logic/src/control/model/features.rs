//! What a request is like, read in microseconds: its size, what it needs, how complex its question is.
//!
//! Owns the reading. The question alone is judged, not the text around it: a classifier that read the whole prompt
//! sent translations to the dearest model, because every selection is longer than its limit (catalogue E.4, 1).

use crate::call::Protocol;
use crate::control::body::{Node, member};
use crate::control::conversation::Conversation;
use crate::control::prune::outside_passages;
use serde::{Deserialize, Serialize};

/// How much thought a question needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Complexity {
    /// A short question with one answer.
    Simple,
    /// Neither.
    Medium,
    /// Several questions, reasoning, code, or much to read.
    Complex,
}

/// Words of a simple question at most: the application's own limit of 50 characters is about ten; two sentences are
/// twice that.
const SIMPLE_WORDS: usize = 25;
/// Words from which a question is a task.
const COMPLEX_WORDS: usize = 150;
/// Words that ask for reasoning.
const REASONING: [&str; 20] = [
    "why",
    "compare",
    "contrast",
    "analyze",
    "analyse",
    "prove",
    "derive",
    "design",
    "evaluate",
    "debate",
    "critique",
    "refactor",
    "debug",
    "optimize",
    "optimise",
    "architecture",
    "tradeoff",
    "implications",
    "argue",
    "strategy",
];

/// What a request is like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Features {
    /// Tokens of all its texts.
    pub input_tokens: u64,
    /// Limit of the answer, where it has one.
    pub max_answer_tokens: Option<u64>,
    /// How complex its question is.
    pub complexity: Complexity,
    /// It offers tools or is in the middle of using them.
    pub tools: bool,
    /// It shows something that is no text.
    pub images: bool,
    /// It wants an answer in a fixed form.
    pub form: bool,
}

impl Features {
    /// Reads a body; nothing where it is not understood. `count` counts the tokens of a text.
    #[must_use]
    pub fn read(protocol: Protocol, body: &[u8], count: &dyn Fn(&str) -> u64) -> Option<Self> {
        let talk = Conversation::read(protocol, body)?;
        let filled = |name: &str| member(&talk.members, name).is_some_and(|n| !n.is_empty());
        let number = |name: &str| member(&talk.members, name).and_then(Node::count);
        let pieces = || talk.outside.iter().chain(talk.messages.iter().flat_map(|m| &m.pieces));
        let asked = talk.turns().last().and_then(|i| talk.messages.get(*i))?;
        let question: String =
            asked.pieces.iter().map(|p| outside_passages(&p.text)).collect::<Vec<_>>().join("\n");
        let tools =
            filled("tools") || filled("functions") || talk.messages.iter().any(|m| m.uses_tools());
        Some(Self {
            input_tokens: pieces().map(|p| count(&p.text)).sum(),
            max_answer_tokens: number("max_completion_tokens")
                .or_else(|| number("max_output_tokens"))
                .or_else(|| number("max_tokens")),
            complexity: complexity(&question, talk.turns().len()),
            tools,
            images: talk.messages.iter().any(|m| m.other_parts),
            form: ["response_format", "text", "output_format"].iter().any(|n| filled(n)),
        })
    }
}

fn complexity(question: &str, turns: usize) -> Complexity {
    let words: Vec<String> = question
        .split(|c: char| !c.is_alphanumeric())
        .filter(|w| !w.is_empty())
        .map(str::to_lowercase)
        .collect();
    let reasons = words.iter().filter(|w| REASONING.contains(&w.as_str())).count();
    let asks = question.matches('?').count();
    let code = question.contains("```") || question.matches(['{', ';']).count() > 3;
    let steps = question.contains("step by step") || question.contains("Step by step");
    if words.len() > COMPLEX_WORDS || code || steps || reasons > 1 || asks > 2 {
        Complexity::Complex
    } else if words.len() <= SIMPLE_WORDS && reasons == 0 && asks <= 1 && turns <= 3 {
        Complexity::Simple
    } else {
        Complexity::Medium
    }
}
