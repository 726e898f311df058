//! Forgiving readers of single JSON values in a provider's answer.
//!
//! Owns "take what has the right type, skip the rest": a field of an unexpected type must not cost
//! us the fields beside it. Refuses to copy content: a text is lent for as long as its event is read.

use crate::call::Text;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

/// Bytes kept of a name or code from outside; model names and error codes are below 100.
const MAX_TEXT_BYTES: usize = 256;

/// Largest count believed. Beyond 2^53 JSON producers lose integers, and no call has that many tokens.
const MAX_COUNT: u64 = 1 << 53;

/// The value, shortened at a character boundary to what we keep.
pub(super) fn short(text: &str) -> Text {
    let mut end = text.len().min(MAX_TEXT_BYTES);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    Text::from(text.get(..end).unwrap_or_default())
}

/// Reads a JSON object; serde would also take a list of the members in order.
pub(super) fn object<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Option<T> {
    let first = bytes.iter().find(|b| !b.is_ascii_whitespace());
    (first == Some(&b'{')).then(|| serde_json::from_slice(bytes).ok()).flatten()
}

/// A short text, from a string or a number; anything else is no text.
#[derive(Debug, Default, Clone)]
pub(super) struct Word(pub Option<Text>);

/// Whether a value is a non-empty string, list or object.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Filled(pub bool);

/// Content: a text where it is one, and whether it is a non-empty string, list or object.
#[derive(Debug, Default, Clone)]
pub(super) struct Said<'a> {
    pub(super) text: Cow<'a, str>,
    pub(super) filled: bool,
}

/// A count of tokens.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) enum Count {
    /// Not there, or null.
    #[default]
    Absent,
    /// A plausible count.
    Value(u64),
    /// Negative, fractional, absurdly large or no number.
    Rejected,
}

impl Count {
    /// The count, where there is a plausible one.
    pub(super) const fn get(self) -> Option<u64> {
        match self {
            Self::Value(n) => Some(n),
            Self::Absent | Self::Rejected => None,
        }
    }

    /// Zero where a part is not mentioned: providers leave out parts that do not apply.
    pub(super) const fn part(self) -> u64 {
        match self {
            Self::Value(n) => n,
            Self::Absent | Self::Rejected => 0,
        }
    }

    /// The later statement where there is one.
    pub(super) fn or_before(self, before: Self) -> Self {
        if self == Self::Absent { before } else { self }
    }
}

/// A value that is read where it is an object; anything else is skipped.
#[derive(Debug)]
pub(super) struct Object<T>(pub Option<T>);

/// The objects of a list; anything else is skipped.
#[derive(Debug)]
pub(super) struct Objects<T>(pub Vec<T>);

impl<T> Default for Object<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<T> Default for Objects<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

/// Skips a list.
fn skip_seq<'de, A: SeqAccess<'de>>(mut seq: A) -> Result<bool, A::Error> {
    let mut any = false;
    while seq.next_element::<IgnoredAny>()?.is_some() {
        any = true;
    }
    Ok(any)
}

/// Skips an object.
fn skip_map<'de, A: MapAccess<'de>>(mut map: A) -> Result<bool, A::Error> {
    let mut any = false;
    while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {
        any = true;
    }
    Ok(any)
}

impl<'de> Deserialize<'de> for Word {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        d.deserialize_any(WordVisitor)
    }
}

struct WordVisitor;

impl<'de> Visitor<'de> for WordVisitor {
    type Value = Word;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }
    fn visit_str<E>(self, v: &str) -> Result<Word, E> {
        Ok(Word(Some(short(v)).filter(|t| !t.is_empty())))
    }
    fn visit_u64<E>(self, v: u64) -> Result<Word, E> {
        Ok(Word(Some(compact_str::format_compact!("{v}"))))
    }
    fn visit_i64<E>(self, v: i64) -> Result<Word, E> {
        Ok(Word(Some(compact_str::format_compact!("{v}"))))
    }
    fn visit_f64<E>(self, _: f64) -> Result<Word, E> {
        Ok(Word(None))
    }
    fn visit_bool<E>(self, _: bool) -> Result<Word, E> {
        Ok(Word(None))
    }
    fn visit_unit<E>(self) -> Result<Word, E> {
        Ok(Word(None))
    }
    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Word, A::Error> {
        skip_seq(seq).map(|_| Word(None))
    }
    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Word, A::Error> {
        skip_map(map).map(|_| Word(None))
    }
}

impl<'de> Deserialize<'de> for Filled {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        d.deserialize_any(FilledVisitor)
    }
}

struct FilledVisitor;

impl<'de> Visitor<'de> for FilledVisitor {
    type Value = Filled;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }
    fn visit_str<E>(self, v: &str) -> Result<Filled, E> {
        Ok(Filled(!v.is_empty()))
    }
    fn visit_u64<E>(self, _: u64) -> Result<Filled, E> {
        Ok(Filled(false))
    }
    fn visit_i64<E>(self, _: i64) -> Result<Filled, E> {
        Ok(Filled(false))
    }
    fn visit_f64<E>(self, _: f64) -> Result<Filled, E> {
        Ok(Filled(false))
    }
    fn visit_bool<E>(self, _: bool) -> Result<Filled, E> {
        Ok(Filled(false))
    }
    fn visit_unit<E>(self) -> Result<Filled, E> {
        Ok(Filled(false))
    }
    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Filled, A::Error> {
        skip_seq(seq).map(Filled)
    }
    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Filled, A::Error> {
        skip_map(map).map(Filled)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Said<'a> {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        d.deserialize_any(SaidVisitor)
    }
}

struct SaidVisitor;

fn said(text: Cow<'_, str>) -> Said<'_> {
    Said { filled: !text.is_empty(), text }
}

const fn untold<'a>(filled: bool) -> Said<'a> {
    Said { text: Cow::Borrowed(""), filled }
}

impl<'de> Visitor<'de> for SaidVisitor {
    type Value = Said<'de>;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }
    fn visit_borrowed_str<E>(self, v: &'de str) -> Result<Said<'de>, E> {
        Ok(said(Cow::Borrowed(v)))
    }
    fn visit_str<E>(self, v: &str) -> Result<Said<'de>, E> {
        Ok(said(Cow::Owned(v.to_owned())))
    }
    fn visit_u64<E>(self, _: u64) -> Result<Said<'de>, E> {
        Ok(untold(false))
    }
    fn visit_i64<E>(self, _: i64) -> Result<Said<'de>, E> {
        Ok(untold(false))
    }
    fn visit_f64<E>(self, _: f64) -> Result<Said<'de>, E> {
        Ok(untold(false))
    }
    fn visit_bool<E>(self, _: bool) -> Result<Said<'de>, E> {
        Ok(untold(false))
    }
    fn visit_unit<E>(self) -> Result<Said<'de>, E> {
        Ok(untold(false))
    }
    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Said<'de>, A::Error> {
        skip_seq(seq).map(untold)
    }
    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Said<'de>, A::Error> {
        skip_map(map).map(untold)
    }
}

impl<'de> Deserialize<'de> for Count {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        d.deserialize_any(CountVisitor)
    }
}

struct CountVisitor;

impl<'de> Visitor<'de> for CountVisitor {
    type Value = Count;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }
    fn visit_u64<E>(self, v: u64) -> Result<Count, E> {
        Ok(if v <= MAX_COUNT { Count::Value(v) } else { Count::Rejected })
    }
    fn visit_i64<E>(self, v: i64) -> Result<Count, E> {
        Ok(u64::try_from(v).map_or(Count::Rejected, Count::Value))
    }
    fn visit_f64<E>(self, v: f64) -> Result<Count, E> {
        // `12.0` is a count some producers write; 2^53 as a float is exact.
        let whole = v.fract() == 0.0 && (0.0..=9_007_199_254_740_992.0).contains(&v);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "checked to be a whole number between 0 and 2^53"
        )]
        let count = v as u64;
        Ok(if whole { Count::Value(count) } else { Count::Rejected })
    }
    fn visit_str<E>(self, _: &str) -> Result<Count, E> {
        Ok(Count::Rejected)
    }
    fn visit_bool<E>(self, _: bool) -> Result<Count, E> {
        Ok(Count::Rejected)
    }
    fn visit_unit<E>(self) -> Result<Count, E> {
        Ok(Count::Absent)
    }
    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Count, A::Error> {
        skip_seq(seq).map(|_| Count::Rejected)
    }
    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Count, A::Error> {
        skip_map(map).map(|_| Count::Rejected)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        d.deserialize_any(ObjectVisitor(PhantomData)).map(|found| Self(found.one))
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Objects<T> {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        d.deserialize_any(ObjectVisitor(PhantomData)).map(|found| Self(found.many))
    }
}

struct ObjectVisitor<T>(PhantomData<T>);

/// What stands in the place of an object or of a list of objects.
struct Found<T> {
    one: Option<T>,
    many: Vec<T>,
}

impl<T> Found<T> {
    const NOTHING: Self = Self { one: None, many: Vec::new() };
}

impl<'de, T: Deserialize<'de>> Visitor<'de> for ObjectVisitor<T> {
    type Value = Found<T>;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }
    fn visit_str<E>(self, _: &str) -> Result<Found<T>, E> {
        Ok(Found::NOTHING)
    }
    fn visit_u64<E>(self, _: u64) -> Result<Found<T>, E> {
        Ok(Found::NOTHING)
    }
    fn visit_i64<E>(self, _: i64) -> Result<Found<T>, E> {
        Ok(Found::NOTHING)
    }
    fn visit_f64<E>(self, _: f64) -> Result<Found<T>, E> {
        Ok(Found::NOTHING)
    }
    fn visit_bool<E>(self, _: bool) -> Result<Found<T>, E> {
        Ok(Found::NOTHING)
    }
    fn visit_unit<E>(self) -> Result<Found<T>, E> {
        Ok(Found::NOTHING)
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Found<T>, A::Error> {
        let mut many = Vec::new();
        while let Some(Object(item)) = seq.next_element::<Object<T>>()? {
            many.extend(item);
        }
        Ok(Found { one: None, many })
    }
    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Found<T>, A::Error> {
        let one = T::deserialize(MapAccessDeserializer::new(map))?;
        Ok(Found { one: Some(one), many: Vec::new() })
    }
}
