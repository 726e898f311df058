//! Questions as vectors: the built-in lexical ones, and room for those of a model.
//!
//! The built-in one hashes features (words, pairs of words, and runs of three letters, which forgive spelling) and
//! adds for each a fixed random pattern of ±1: a random projection, whose cosines are those of the features up to
//! about 1/16 (Charikar 2002; Achlioptas 2003). It knows no synonyms; whoever wants those brings vectors of a model.

use crate::control::cache::meaning::Meaning;
use crate::fingerprint::fingerprint;

/// Numbers in a vector. 256 keep a hundred thousand signs in the cache of one core (performance, 3.6).
pub const WIDTH: usize = 256;
/// Words in the signs of a vector.
const SIGN_WORDS: usize = WIDTH / 64;

/// Weights of the features: a word that says something, one of grammar, a pair, a run of letters.
const CONTENT: f32 = 1.0;
const GRAMMAR: f32 = 0.25;
const PAIR: f32 = 0.5;
const LETTERS: f32 = 0.2;
/// Words of at most three letters are mostly grammar.
const SHORT: usize = 3;

/// The signs of a vector, one bit each.
pub type Signs = [u64; SIGN_WORDS];

/// A vector of length about 127.
#[derive(Clone, PartialEq, Eq)]
pub struct Embedding([i8; WIDTH]);

impl std::fmt::Debug for Embedding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Embedding").finish_non_exhaustive()
    }
}

impl Embedding {
    /// Of a question, by its words.
    #[must_use]
    pub fn of(meaning: &Meaning) -> Self {
        let mut sum = [0.0; WIDTH];
        let words: Vec<String> = meaning.words().iter().map(|w| w.to_lowercase()).collect();
        for word in &words {
            let weight = if word.chars().count() > SHORT { CONTENT } else { GRAMMAR };
            add(&mut sum, &[b"word", word.as_bytes()], weight);
            let letters: Vec<char> = [' '].into_iter().chain(word.chars()).chain([' ']).collect();
            for run in letters.windows(3) {
                let run: String = run.iter().collect();
                add(&mut sum, &[b"run", run.as_bytes()], LETTERS * weight);
            }
        }
        for pair in words.windows(2) {
            add(&mut sum, &[b"pair", pair[0].as_bytes(), pair[1].as_bytes()], PAIR);
        }
        Self::scaled(&sum)
    }

    /// Of a model's vector. A longer one is projected, a shorter one filled up; nothing where it has no direction.
    #[must_use]
    pub fn from_model(vector: &[f32]) -> Option<Self> {
        let length: f32 = vector.iter().map(|v| v * v).sum();
        if !(length.is_finite() && length > 0.0) {
            return None;
        }
        let mut sum = [0.0; WIDTH];
        for (at, value) in vector.iter().enumerate() {
            add(&mut sum, &[b"axis", &(at as u64).to_le_bytes()], *value);
        }
        Some(Self::scaled(&sum))
    }

    fn scaled(sum: &[f32; WIDTH]) -> Self {
        // A number of the vector is about 127/√256 of its length; 16 times that is as large as one gets.
        let length = sum.iter().map(|v| v * v).sum::<f32>().sqrt();
        let scale = if length > 0.0 { SCALE / length } else { 0.0 };
        #[expect(clippy::cast_possible_truncation, reason = "clamped to the range of i8")]
        let small = |v: &f32| (v * scale).round().clamp(-127.0, 127.0) as i8;
        let mut vector = [0; WIDTH];
        vector.iter_mut().zip(sum).for_each(|(out, v)| *out = small(v));
        Self(vector)
    }

    /// Its numbers, to be sent elsewhere.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; WIDTH] {
        self.0.map(i8::cast_unsigned)
    }

    /// Of numbers that were sent; nothing where they are not as many.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let numbers: [u8; WIDTH] = bytes.try_into().ok()?;
        Some(Self(numbers.map(u8::cast_signed)))
    }

    /// Cosine of the angle between two.
    #[must_use]
    pub fn cosine(&self, other: &Self) -> f32 {
        let dot = |a: &Self, b: &Self| -> i32 {
            a.0.iter().zip(&b.0).map(|(x, y)| i32::from(*x) * i32::from(*y)).sum()
        };
        let lengths = (dot(self, self) as f32 * dot(other, other) as f32).sqrt();
        if lengths > 0.0 { dot(self, other) as f32 / lengths } else { 0.0 }
    }

    /// Its signs.
    #[must_use]
    pub fn signs(&self) -> Signs {
        let mut signs = [0; SIGN_WORDS];
        for (word, values) in signs.iter_mut().zip(self.0.chunks(64)) {
            for (bit, value) in values.iter().enumerate() {
                *word |= u64::from(*value > 0) << bit;
            }
        }
        signs
    }
}

/// Length of a vector in units of its numbers: four deviations of the largest of 256 stay below 127.
const SCALE: f32 = 400.0;

/// Adds a feature's pattern of signs.
fn add(sum: &mut [f32; WIDTH], feature: &[&[u8]], weight: f32) {
    let seed = fingerprint(feature);
    for (word, values) in (0u64..).zip(sum.chunks_mut(64)) {
        let mut bits = fingerprint(&[&seed.to_le_bytes(), &word.to_le_bytes()]);
        for value in values {
            *value += if bits & 1 == 1 { weight } else { -weight };
            bits >>= 1;
        }
    }
}
