//! What conditions mean, and what may not be said.
