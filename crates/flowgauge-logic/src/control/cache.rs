//! Answers from memory: what may be kept, under which key, for how long, and which question is the same.
//!
//! The flow: `key` says whether and under what a request is looked up; `store` holds the answers; `flight` lets one
//! of several equal requests ask for all; `semantic` finds a question asked before in other words and `verify` says
//! whether it truly is the same. Refuses what could be another caller's answer, and every answer that is not whole.

pub mod flight;
pub mod key;
pub mod meaning;
pub mod semantic;
pub mod store;
pub mod tune;
