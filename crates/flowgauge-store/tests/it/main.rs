//! Behaviour of the store as its users see it.

mod merge;
mod recovery;
mod rollups;
mod rows;
mod sample;
