//! Who sent a span: resource and instrumentation scope, read once for all their spans.

use super::Value;
use crate::call::{Origin, Text};

/// What a resource says of an application. Other resource attributes are not kept per call.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Resource {
    service: Option<Text>,
    environment: Option<Text>,
    old_environment: Option<Text>,
    instance: Option<Text>,
    host: Option<Text>,
    version: Option<Text>,
    pub(super) tenant: Option<Text>,
}

impl Resource {
    /// Takes one resource attribute.
    pub fn attr(&mut self, key: &str, value: &Value<'_>) {
        let slot = match key {
            "service.name" => &mut self.service,
            "deployment.environment.name" => &mut self.environment,
            "deployment.environment" => &mut self.old_environment,
            "service.instance.id" => &mut self.instance,
            "host.name" => &mut self.host,
            "service.version" => &mut self.version,
            "flowgauge.tenant" => &mut self.tenant,
            _ => return,
        };
        *slot = value.name();
    }

    /// Application.
    #[must_use]
    pub fn service(&self) -> Option<&Text> {
        self.service.as_ref()
    }

    pub(super) fn fill(&self, origin: &mut Origin) {
        origin.service.clone_from(&self.service);
        origin.environment = self.environment.clone().or_else(|| self.old_environment.clone());
        origin.instance = self.instance.clone().or_else(|| self.host.clone());
        origin.version.clone_from(&self.version);
    }
}

/// Instrumentation scope.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Scope {
    pub(super) name: Option<Text>,
    pub(super) joined: Option<Text>,
}

impl Scope {
    /// From its name and version; either may be empty.
    #[must_use]
    pub fn new(name: &str, version: &str) -> Self {
        let joined = match (name.is_empty(), version.is_empty()) {
            (true, _) => None,
            (false, true) => super::value::name(name),
            (false, false) => super::value::name(&format!("{name}/{version}")),
        };
        Self { name: super::value::name(name), joined }
    }
}
