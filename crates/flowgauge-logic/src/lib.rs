//! What the numbers mean and what follows from them.
//!
//! Owns every definition: units, the call record, percentiles, rollups, KPIs, prices, which rows are
//! the same call, and the reading of provider responses. Refuses clocks, files, sockets and async: whoever decides here
//! is handed data and `now`, and returns a value.

pub mod agreement;
pub mod alert;
pub mod alias;
pub mod baseline;
pub mod budget;
pub mod call;
pub mod change_point;
pub mod client;
pub mod control;
pub mod diagnose;
pub mod duration;
pub mod fingerprint;
pub mod id;
pub mod incident;
pub mod job;
pub mod known;
pub mod kpi;
pub mod nearest;
pub mod price;
pub mod quantile;
pub mod regression;
pub mod report;
pub mod retry;
pub mod rollup;
pub mod schedule;
pub mod score;
pub mod sequential;
pub mod shims;
pub mod unit;
pub mod window;
pub mod wire;
pub mod witness;
