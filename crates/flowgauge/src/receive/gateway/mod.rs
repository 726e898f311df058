//! OpenAI-compatible proxy and application routes.
