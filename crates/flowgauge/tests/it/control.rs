//! The four optimisations in the data path: what is sent, what is answered, what the row says.

#[cfg(test)]
mod cache;
#[cfg(test)]
mod fold;
#[cfg(test)]
mod harm;
#[cfg(test)]
mod optimise;
#[cfg(test)]
mod outages;
#[cfg(feature = "redis")]
mod shared;
#[cfg(test)]
mod switch;
#[cfg(test)]
mod vectors;

use super::gateway::stage::{Stage, Whole, post, send, whole};
use flowgauge::control::{Made, Wanted};
use flowgauge::logic::control::rollout::{Mechanism, Mode};
use flowgauge::logic::control::state::Settings;
use flowgauge_testkit::upstream::Script;

pub(crate) const PATH: &str = "/v1/chat/completions";

/// Changes the state, as a person would.
pub(crate) async fn change(stage: &Stage, edit: impl FnOnce(&mut Settings)) -> Made {
    stage.control.desk.change(&Wanted::by("ann", "a test"), edit).await.unwrap()
}

/// Switches a mechanism on for everyone.
pub(crate) async fn on(stage: &Stage, mechanism: Mechanism) -> Made {
    change(stage, |s| s.rollouts.of_mut(mechanism).mode = Mode::On).await
}

/// A question to a model.
pub(crate) fn ask(question: &str) -> String {
    serde_json::json!({
        "model": "gpt-4o-mini",
        "messages": [{"role": "user", "content": question}],
    })
    .to_string()
}

/// A POST with fields of its own.
pub(crate) async fn with(stage: &Stage, fields: &[(&'static str, &str)], body: &str) -> Whole {
    let mut request = post(PATH, &Script::default(), body);
    for (name, value) in fields {
        request.headers_mut().insert(*name, value.parse().unwrap());
    }
    whole(send(stage.addr, request).await).await
}

/// A field of an answer.
pub(crate) fn field<'a>(answer: &'a Whole, name: &str) -> Option<&'a str> {
    answer.headers.get(name).map(|v| v.to_str().unwrap())
}
