//! Behaviour of the whole program, one binary so that it links once.

mod durability;
