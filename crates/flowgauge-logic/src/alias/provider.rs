//! One spelling per provider.

use crate::call::Text;

const SPELLINGS: &[(&str, &str)] = &[
    ("az.ai.openai", "azure.ai.openai"),
    ("azure", "azure.ai.openai"),
    ("xai", "x_ai"),
    ("mistralai", "mistral_ai"),
    ("aws", "aws.bedrock"),
    ("amazon", "aws.bedrock"),
    ("google", "gcp.vertex_ai"),
    ("vertexai", "gcp.vertex_ai"),
    ("openai.responses", "openai"),
    ("openai.chat", "openai"),
    ("openai.completion", "openai"),
    ("openai.embedding", "openai"),
    ("anthropic.messages", "anthropic"),
];

/// Names that instrumentations use, after [`canonical`]: the well-known values of the OpenTelemetry
/// convention and what the instrumentations in the fixtures send beside them.
const IN_TELEMETRY: &[&str] = &[
    "anthropic",
    "aws.bedrock",
    "azure.ai.inference",
    "azure.ai.openai",
    "cohere",
    "deepseek",
    "fireworks_ai",
    "gcp.gemini",
    "gcp.gen_ai",
    "gcp.vertex_ai",
    "groq",
    "ibm.watsonx.ai",
    "mistral_ai",
    "moonshot_ai",
    "ollama",
    "openai",
    "openrouter",
    "perplexity",
    "together_ai",
    "x_ai",
];

/// The provider's one name, where an instrumentation would use it too; nothing for the nicknames
/// that people give to providers in their configuration, which say nothing.
#[must_use]
pub fn known_to_telemetry(name: &str) -> Option<Text> {
    let one = canonical(name);
    IN_TELEMETRY.contains(&one.as_str()).then_some(one)
}

/// The provider's one name.
#[must_use]
pub fn canonical(name: &str) -> Text {
    for (alias, one) in SPELLINGS {
        if name.eq_ignore_ascii_case(alias) {
            return Text::const_new(one);
        }
    }
    let mut text = Text::from(name);
    text.make_ascii_lowercase();
    text
}

/// Whether reasoning tokens may lie outside the stated output.
pub(super) fn reasoning_may_lie_outside(provider: Option<&str>) -> bool {
    provider.is_some_and(|p| p.starts_with("gcp."))
}
