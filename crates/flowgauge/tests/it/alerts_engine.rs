//! Alerting from calls to messages: rules, engine, store and renderers together, on a clock that
//! stands still, tick by tick.

mod bench;
mod crashes;
mod edits;
mod guide;
mod people;
mod restart;
