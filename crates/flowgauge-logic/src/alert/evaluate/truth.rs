//! Three-valued logic: false < unknown < true (alerting 5.5).
//!
//! Owns how truths combine and which reason for not knowing stays. Refuses failures: they end an
//! evaluation before anything is combined.

use crate::alert::sample::Why;

/// True, false or not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Truth {
    /// It does not hold.
    False,
    /// Nobody knows.
    Unknown(Why),
    /// It holds.
    True,
}

impl Truth {
    pub(super) const fn of(holds: bool) -> Self {
        if holds { Self::True } else { Self::False }
    }

    /// `and` = the least; of two unknowns the reason that always holds stays.
    pub(super) const fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::False, _) | (_, Self::False) => Self::False,
            (Self::Unknown(a), Self::Unknown(b)) => Self::Unknown(graver(a, b)),
            (Self::Unknown(why), Self::True) | (Self::True, Self::Unknown(why)) => {
                Self::Unknown(why)
            }
            (Self::True, Self::True) => Self::True,
        }
    }

    /// `or` = the greatest.
    pub(super) const fn or(self, other: Self) -> Self {
        self.not().and(other.not()).not()
    }

    /// `not U` = U.
    pub(super) const fn not(self) -> Self {
        match self {
            Self::False => Self::True,
            Self::Unknown(why) => Self::Unknown(why),
            Self::True => Self::False,
        }
    }

    pub(super) const fn is_true(self) -> bool {
        matches!(self, Self::True)
    }
}

/// Policies apply to missing and thin data only; a reason that always holds must not be hidden
/// behind those.
const fn graver(a: Why, b: Why) -> Why {
    if weight(a) >= weight(b) { a } else { b }
}

const fn weight(why: Why) -> u8 {
    match why {
        Why::Thin => 0,
        Why::NoData => 1,
        Why::WarmingUp => 2,
        Why::NotConfigured => 3,
        Why::Disabled => 4,
        Why::OwnGap => 5,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn truth() -> impl Strategy<Value = Truth> {
        let why = prop_oneof![
            Just(Why::Thin),
            Just(Why::NoData),
            Just(Why::WarmingUp),
            Just(Why::NotConfigured),
            Just(Why::Disabled),
            Just(Why::OwnGap),
        ];
        prop_oneof![Just(Truth::False), Just(Truth::True), why.prop_map(Truth::Unknown)]
    }

    fn rank(t: Truth) -> u8 {
        match t {
            Truth::False => 0,
            Truth::Unknown(_) => 1,
            Truth::True => 2,
        }
    }

    proptest! {
        #[test]
        fn and_is_the_least_and_or_the_greatest(a in truth(), b in truth()) {
            prop_assert_eq!(rank(a.and(b)), rank(a).min(rank(b)));
            prop_assert_eq!(rank(a.or(b)), rank(a).max(rank(b)));
            prop_assert_eq!(rank(a.not()), 2 - rank(a));
        }

        #[test]
        fn the_laws_of_de_morgan_hold(a in truth(), b in truth(), c in truth()) {
            prop_assert_eq!(a.and(b).not(), a.not().or(b.not()));
            prop_assert_eq!(a.or(b).not(), a.not().and(b.not()));
            prop_assert_eq!(a.not().not(), a);
            prop_assert_eq!(a.and(b), b.and(a));
            prop_assert_eq!(a.and(b).and(c), a.and(b.and(c)));
            prop_assert_eq!(a.or(b).or(c), a.or(b.or(c)));
            prop_assert_eq!(rank(a.and(b.or(c))), rank(a.and(b).or(a.and(c))));
        }
    }
}
