//! A request's way: its target, whether it is asked again there, and who is asked after it.

use crate::config::{self, StreamSettings};
use crate::logic::call::Text;
use crate::logic::retry::Policy;
use std::sync::Arc;

use super::retry_budget::RetryBudget;
use super::target::Target;

/// Where requests of one route go, in order.
#[derive(Debug)]
pub(super) struct Way {
    /// Asked first.
    pub(super) first: Step,
    /// Asked after it, in order.
    pub(super) fallbacks: Vec<Step>,
}

/// One target of a way.
#[derive(Debug)]
pub(super) struct Step {
    /// Who is asked.
    pub(super) target: Arc<Target>,
    /// Model asked for, in the place of the caller's.
    pub(super) model: Option<Text>,
    /// Whether it is asked again.
    pub(super) retry: Option<Retry>,
    /// It is not the way's first provider, so the caller's credential is not meant for it.
    pub(super) foreign: bool,
}

/// How a target is asked again.
#[derive(Debug)]
pub(super) struct Retry {
    pub(super) policy: Policy,
    pub(super) budget: Arc<RetryBudget>,
}

impl Way {
    /// To one target, as its own configuration says.
    pub(super) fn to(target: Arc<Target>, retry: Option<Policy>) -> Arc<Self> {
        let first = Step { target, model: None, retry: again(retry), foreign: false };
        Arc::new(Self { first, fallbacks: Vec::new() })
    }

    /// As a route says. `find` gives a provider and its own policy by name; the name that is unknown is
    /// handed back.
    pub(super) fn of_route(
        route: &config::Route,
        find: impl Fn(&str) -> Option<(Arc<Target>, Option<Policy>)>,
    ) -> Result<Arc<Self>, String> {
        let step = |name: &str, model: Option<&str>| {
            let (target, own) = find(name).ok_or_else(|| name.to_owned())?;
            let retry = again(route.retry.or(own));
            let target = match route.streams {
                same if same == StreamSettings::default() => target,
                own => Arc::new(target.with(own)),
            };
            let foreign = name != route.provider;
            Ok::<_, String>(Step { target, model: model.map(Text::from), retry, foreign })
        };
        let first = step(&route.provider, None)?;
        let mut fallbacks = Vec::new();
        for fallback in &route.fallback {
            fallbacks.push(step(&fallback.provider, fallback.model.as_deref())?);
        }
        Ok(Arc::new(Self { first, fallbacks }))
    }

    /// Who is asked first.
    pub(super) const fn target(&self) -> &Arc<Target> {
        &self.first.target
    }

    /// Whether more than one request can come of a call.
    pub(super) const fn may_ask_again(&self) -> bool {
        self.first.retry.is_some() || !self.fallbacks.is_empty()
    }
}

fn again(policy: Option<Policy>) -> Option<Retry> {
    let policy = policy.filter(|p| p.attempts > 1)?;
    Some(Retry { policy, budget: Arc::default() })
}
