//! Behaviour of the store as its users see it.

mod ageing;
mod alerts;
mod amendments;
mod damage;
mod first;
#[cfg(test)]
mod jobs;
mod merge;
mod pairing;
mod recovery;
mod rollups;
mod rows;
mod sample;
