//! Control, pure: the four optimisations, who gets them, what they brought, and when they are undone.
//!
//! The flow: `state` says what is switched how, `rollout` whom it touches; `cache`, `prune`, `prompt` and `model`
//! each turn a request's bytes into an answer, other bytes or a reason for neither; `evidence` compares those
//! touched with those held out; `guardrail` says what is undone. Refuses to act on doubt: what is not read for
//! certain is left as it came, byte for byte.

mod body;
pub mod breaker;
pub mod cache;
mod conversation;
pub mod evidence;
pub mod flag;
pub mod guardrail;
pub mod lengths;
pub mod model;
pub mod prompt;
pub mod prune;
pub mod rollout;
pub mod state;
