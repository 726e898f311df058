//! The gateway between a real client and a scripted upstream, with a real store behind it.

mod attempts;
mod budgets;
mod bytes;
mod endings;
mod family;
mod hang_up;
mod head;
mod passes;
pub(crate) mod stage;
mod storm;
mod usage;
