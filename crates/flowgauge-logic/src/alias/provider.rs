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

/// The provider's one name.
pub(super) fn canonical(name: &str) -> Text {
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
