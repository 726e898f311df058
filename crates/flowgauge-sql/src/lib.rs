//! SQL over what the store holds.
