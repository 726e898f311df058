//! Which attributes hold what people and models said. They are dropped unless asked for.

/// Whole names.
const EXACT: &[&str] = &[
    "input.value",
    "output.value",
    "gen_ai.prompt",
    "gen_ai.completion",
    "gen_ai.input.messages",
    "gen_ai.output.messages",
    "gen_ai.system_instructions",
    "gen_ai.tool.definitions",
    "gen_ai.tool.call.arguments",
    "gen_ai.tool.call.result",
    "gen_ai.tool.description",
    "gen_ai.agent.description",
    "gen_ai.request.stop_sequences",
    "gen_ai.retrieval.query.text",
    "gen_ai.retrieval.documents",
    "gen_ai.evaluation.explanation",
    "traceloop.entity.input",
    "traceloop.entity.output",
    "exception.message",
    "exception.stacktrace",
    "tool.parameters",
    "tool_arguments",
    "tool_response",
    "all_messages_events",
    "final_result",
    "events",
    "error.message",
    "url.query",
    "http.request.body",
    "http.response.body",
];

/// Beginnings.
const PREFIXES: &[&str] = &[
    "gen_ai.prompt.",
    "gen_ai.completion.",
    "gen_ai.content.",
    "llm.input_messages",
    "llm.output_messages",
    "llm.prompts",
    "llm.choices",
    "llm.completions",
    "llm.request.functions",
    "llm.tools",
    "llm.prompt_template.",
    "traceloop.prompt.template",
    "embedding.",
    "retrieval.documents",
    "reranker.",
    "message.",
    "document.",
    "pydantic_ai.",
    "ai.prompt",
    "ai.response.text",
    "ai.response.object",
    "ai.response.reasoning",
    "ai.response.toolCalls",
    "ai.toolCall.",
    "ai.value",
    "ai.embedding",
    "ai.schema",
    "ai.settings.output",
    "langfuse.observation.input",
    "langfuse.observation.output",
    "langfuse.trace.input",
    "langfuse.trace.output",
    "http.request.header.",
    "http.response.header.",
];

/// Whether an attribute that no row of the table names is content.
#[must_use]
pub fn is_content(key: &str) -> bool {
    EXACT.contains(&key) || PREFIXES.iter().any(|p| key.starts_with(p))
}
