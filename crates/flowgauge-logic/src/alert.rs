//! Alerting, pure: what a rule says, what is known at a tick, what follows from it.
//!
//! The flow: `language` reads a condition into a `condition` tree over the `metric` registry;
//! `evaluate` asks [`facts::Facts`] and gives one [`sample::Sample`] per label set; `step` moves an
//! [`instance::Instance`]; `plan` turns what moved into [`notice::Notice`]s.

pub mod baseline;
pub mod borrowed;
pub mod burn;
pub mod condition;
pub mod episode;
pub mod evaluate;
pub mod facts;
pub mod guard;
mod inhibit;
pub mod instance;
pub mod language;
pub mod law;
pub mod letter;
pub mod metric;
pub mod notice;
pub mod plan;
pub mod posted;
pub mod prometheus;
pub mod propose;
pub mod queue;
pub mod rule;
pub mod sample;
pub mod schedule;
pub mod silence;
pub mod slack;
pub mod step;
pub mod template;
