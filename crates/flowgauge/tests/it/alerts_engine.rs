//! Alerting from calls to messages: rules, engine, store and renderers together, on a clock that
//! stands still, tick by tick.

mod ageing;
mod bench;
mod crashes;
mod crowds;
mod edits;
mod guide;
mod people;
mod posted;
mod restart;
mod ticks;
