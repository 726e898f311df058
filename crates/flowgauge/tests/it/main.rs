//! Behaviour of the whole program: one binary so that it links once, a module per topic.
#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "tests write wire formats and ranks of small numbers"
)]

#[cfg(test)]
mod ageing;
#[cfg(test)]
mod alert_proofs;
#[cfg(test)]
mod alert_rules;
#[cfg(test)]
mod alerts_api;
#[cfg(test)]
mod alerts_engine;
#[cfg(test)]
mod alias_fixtures;
#[cfg(test)]
mod api;
#[cfg(test)]
mod backups;
#[cfg(test)]
mod commands;
#[cfg(test)]
mod config;
#[cfg(test)]
mod control;
#[cfg(test)]
mod demo;
#[cfg(test)]
mod diagnoses;
#[cfg(test)]
mod durability;
#[cfg(test)]
mod flags;
#[cfg(test)]
mod gateway;
#[cfg(test)]
mod import;
#[cfg(test)]
mod jobs;
#[cfg(test)]
mod judging;
#[cfg(test)]
mod opt;
#[cfg(test)]
mod otlp;
#[cfg(test)]
mod otlp_wire;
#[cfg(test)]
mod prices;
#[cfg(test)]
mod quality;
#[cfg(test)]
mod quality_sets;
#[cfg(test)]
mod regression;
#[cfg(test)]
mod regressions;
#[cfg(test)]
mod replay;
#[cfg(test)]
mod reports;
#[cfg(test)]
mod served;
#[cfg(test)]
mod shims;
