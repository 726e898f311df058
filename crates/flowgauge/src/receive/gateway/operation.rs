//! What a request asks for, from its method and path alone.

use crate::config::AppDialect;
use crate::logic::call::{Protocol, Text};
use http::Method;

/// What a request asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Operation {
    /// Shape of request and answer.
    pub(super) protocol: Protocol,
    /// Name of the operation.
    pub(super) name: Text,
    /// Route as the application knows it.
    pub(super) endpoint: Text,
    /// Whether it is a model call.
    pub(super) leaf: bool,
}

impl Operation {
    /// Of a path under `/v1`.
    pub(super) fn of_provider(method: &Method, path: &str) -> Self {
        let below = path.strip_prefix("/v1/").unwrap_or(path).trim_end_matches('/');
        let (protocol, name) = match below {
            "chat/completions" => (Protocol::Chat, "chat"),
            "completions" => (Protocol::Completions, "text_completion"),
            "responses" => (Protocol::Responses, "chat"),
            "messages" => (Protocol::Messages, "chat"),
            "embeddings" => (Protocol::Embeddings, "embeddings"),
            other => (Protocol::Other, other),
        };
        // Reading a stored response or listing completions is no model call.
        if protocol == Protocol::Other || method != Method::POST {
            return Self {
                protocol: Protocol::Other,
                name: Text::from(below),
                endpoint: Text::from(below),
                leaf: false,
            };
        }
        Self { protocol, name: Text::from(name), endpoint: Text::from(below), leaf: true }
    }

    /// Of a path of an application.
    pub(super) fn of_app(path: &str, strip: &str, dialect: AppDialect) -> Self {
        let protocol = match dialect {
            AppDialect::FlowReader => Protocol::FlowReader,
            AppDialect::OpenAi => Protocol::Chat,
            AppDialect::Opaque => Protocol::Other,
        };
        let endpoint = path.strip_prefix(strip).unwrap_or(path).trim_matches('/');
        Self { protocol, name: Text::from("chat"), endpoint: Text::from(endpoint), leaf: true }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn model_calls_are_leaves_and_the_rest_is_named_by_its_path() {
        let chat = Operation::of_provider(&Method::POST, "/v1/chat/completions");
        assert_eq!((chat.protocol, chat.leaf), (Protocol::Chat, true));
        assert_eq!(chat.endpoint, "chat/completions");
        let models = Operation::of_provider(&Method::GET, "/v1/models");
        assert_eq!((models.protocol, models.leaf), (Protocol::Other, false));
        assert_eq!(models.name, "models");
        let stored = Operation::of_provider(&Method::GET, "/v1/responses");
        assert!(!stored.leaf);
    }

    #[test]
    fn an_application_path_loses_its_prefix() {
        let op = Operation::of_app("/api/chat/stream", "/api/", AppDialect::FlowReader);
        assert_eq!(op.endpoint, "chat/stream");
        assert_eq!(op.protocol, Protocol::FlowReader);
    }
}
