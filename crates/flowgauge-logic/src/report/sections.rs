//! Sections that several reports share, each built from its facts; what is quiet says so.

pub use self::alerts::alerts;
pub use self::changes::changes;
pub use self::money::money;
pub use self::optimisations::optimisations;
pub use self::regressions::regressions;
pub use self::requests::{Looks, look_at_these};
pub use self::sureness::sureness;

mod alerts;
mod changes;
mod money;
mod optimisations;
mod regressions;
mod requests;
mod sureness;
