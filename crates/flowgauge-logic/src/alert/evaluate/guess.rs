//! Where something stood last: looked at first the next time, and checked before it is believed. No
//! verdict depends on it.

use std::sync::atomic::{AtomicUsize, Ordering};

/// A place that is probably right.
#[derive(Debug, Default)]
pub(super) struct Guess(AtomicUsize);

impl Guess {
    pub(super) fn get(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }

    pub(super) fn set(&self, place: usize) {
        // Mostly it is there already, and a write would cost more than the look.
        if self.get() != place {
            self.0.store(place, Ordering::Relaxed);
        }
    }
}

impl Clone for Guess {
    fn clone(&self) -> Self {
        Self(AtomicUsize::new(self.get()))
    }
}
