//! Reads a condition written as a mapping: the tree of [`Condition`] itself, every part with its
//! place. Lengths of time may be written as people do (`5m`) or in microseconds.
//!
//! Owns the step from the written tree to serde. Refuses unknown keys, which serde would pass over.

use crate::config::problem::{Place, Problem};
use crate::config::tree::{Entry, Node, Value};
use crate::logic::alert::condition::{Condition, Expr};
use crate::logic::duration;
use crate::logic::nearest::nearest;
use serde::de::{
    Deserialize, DeserializeSeed, Deserializer, EnumAccess, Error as _, IntoDeserializer,
    MapAccess, SeqAccess, VariantAccess, Visitor,
};
use std::fmt;

/// Keys whose numbers are lengths of time.
const LENGTHS: &[&str] = &["length", "long", "short", "over", "ahead", "previous"];
/// Deepest nesting that is read; a condition by hand has five.
const MAX_DEPTH: usize = 64;

/// A whole condition.
pub(super) fn condition(node: &Node) -> Result<Condition, Problem> {
    Condition::deserialize(At { node, key: "", depth: 0 }).map_err(|wrong| wrong.problem(node))
}

/// A condition without `for`, as `clear:` takes it.
pub(super) fn expr(node: &Node) -> Result<Expr, Problem> {
    Expr::deserialize(At { node, key: "", depth: 0 }).map_err(|wrong| wrong.problem(node))
}

/// What does not fit, and where as far as it is known.
#[derive(Debug)]
struct Wrong {
    place: Option<Place>,
    message: String,
    hint: Option<String>,
}

impl Wrong {
    fn at(mut self, node: &Node) -> Self {
        self.place.get_or_insert_with(|| node.place.clone());
        self
    }

    fn problem(self, node: &Node) -> Problem {
        let place = self.place.unwrap_or_else(|| node.place.clone());
        let problem = Problem::new(place, self.message);
        match self.hint {
            Some(hint) => problem.hint(hint),
            None => problem,
        }
    }
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Wrong {}

impl serde::de::Error for Wrong {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self { place: None, message: message.to_string(), hint: None }
    }

    fn unknown_variant(variant: &str, expected: &'static [&'static str]) -> Self {
        let hint = match nearest(variant, expected.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("there are {}", expected.join(", ")),
        };
        Self { place: None, message: format!("{variant:?} is not known here"), hint: Some(hint) }
    }

    fn missing_field(field: &'static str) -> Self {
        Self { place: None, message: format!("`{field}` is missing here"), hint: None }
    }
}

/// A node, and the key above it.
#[derive(Clone, Copy)]
struct At<'a> {
    node: &'a Node,
    key: &'a str,
    depth: usize,
}

impl<'a> At<'a> {
    fn below(self, node: &'a Node, key: &'a str) -> Result<Self, Wrong> {
        if self.depth >= MAX_DEPTH {
            return Err(Wrong::custom("nested too deep").at(node));
        }
        Ok(Self { node, key, depth: self.depth + 1 })
    }

    fn text(&self, wanted: &str) -> Result<&'a str, Wrong> {
        match &self.node.value {
            Value::Text(text) => Ok(text),
            _ => Err(Wrong::custom(format!("{wanted} is expected here")).at(self.node)),
        }
    }

    fn integer(&self) -> Result<u64, Wrong> {
        let text = self.text("a number")?;
        let number = || text.parse::<u64>().ok();
        let length = || {
            let span = LENGTHS.contains(&self.key).then(|| duration::parse(text).ok())??;
            span.as_micros().map(|m| m.0)
        };
        let hint = if LENGTHS.contains(&self.key) { "; write for example 5m" } else { "" };
        number().or_else(length).ok_or_else(|| {
            Wrong::custom(format!("{text:?} is no whole number{hint}")).at(self.node)
        })
    }

    fn float(&self) -> Result<f64, Wrong> {
        let text = self.text("a number")?;
        let number = text.parse::<f64>().ok().filter(|n| n.is_finite());
        number.ok_or_else(|| Wrong::custom(format!("{text:?} is no number")).at(self.node))
    }
}

impl<'a, 'de> Deserializer<'de> for At<'a> {
    type Error = Wrong;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        let value = match &self.node.value {
            Value::Null => visitor.visit_unit(),
            Value::Text(text) => visitor.visit_str(text),
            Value::List(items) => visitor.visit_seq(Items { at: self, items: items.iter() }),
            Value::Map(entries) => {
                visitor.visit_map(Entries { at: self, entries: entries.iter(), value: None })
            }
        };
        value.map_err(|wrong: Wrong| wrong.at(self.node))
    }

    fn deserialize_u64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        visitor.visit_u64(self.integer()?).map_err(|wrong: Wrong| wrong.at(self.node))
    }

    fn deserialize_u32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        self.deserialize_u64(visitor)
    }

    fn deserialize_u16<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        self.deserialize_u64(visitor)
    }

    fn deserialize_u8<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        self.deserialize_u64(visitor)
    }

    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        visitor.visit_f64(self.float()?).map_err(|wrong: Wrong| wrong.at(self.node))
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        let read = crate::config::read::boolean(self.text("true or false")?);
        visitor.visit_bool(read.map_err(|why| Wrong::custom(why).at(self.node))?)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        match &self.node.value {
            Value::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Wrong> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Wrong> {
        if let Value::Map(entries) = &self.node.value {
            known(entries, fields)?;
        }
        self.deserialize_any(visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Wrong> {
        let (name, place, content) = match &self.node.value {
            Value::Text(name) => (name, &self.node.place, None),
            Value::Map(entries) => match entries.as_slice() {
                [Entry { key, place, node }] => (key, place, Some(node)),
                _ => return Err(Wrong::custom("exactly one key is expected here").at(self.node)),
            },
            _ => return Err(Wrong::custom("a word or a key is expected here").at(self.node)),
        };
        visitor.visit_enum(Variant { at: self, name, content }).map_err(|mut wrong: Wrong| {
            wrong.place.get_or_insert_with(|| place.clone());
            wrong
        })
    }

    serde::forward_to_deserialize_any! {
        i8 i16 i32 i64 i128 u128 f32 char str string bytes byte_buf unit unit_struct seq tuple
        tuple_struct map identifier ignored_any
    }
}

/// Keys that mean something, or the first that does not.
fn known(entries: &[Entry], fields: &'static [&'static str]) -> Result<(), Wrong> {
    let Some(entry) = entries.iter().find(|e| !fields.contains(&e.key.as_str())) else {
        return Ok(());
    };
    let hint = match nearest(&entry.key, fields.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("known here: {}", fields.join(", ")),
    };
    let message = format!("unknown key `{}`", entry.key);
    Err(Wrong { place: Some(entry.place.clone()), message, hint: Some(hint) })
}

struct Items<'a> {
    at: At<'a>,
    items: std::slice::Iter<'a, Node>,
}

impl<'de> SeqAccess<'de> for Items<'_> {
    type Error = Wrong;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Wrong> {
        let Some(node) = self.items.next() else { return Ok(None) };
        seed.deserialize(self.at.below(node, "")?).map(Some)
    }
}

struct Entries<'a> {
    at: At<'a>,
    entries: std::slice::Iter<'a, Entry>,
    value: Option<&'a Entry>,
}

impl<'de> MapAccess<'de> for Entries<'_> {
    type Error = Wrong;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Wrong> {
        self.value = self.entries.next();
        let Some(entry) = self.value else { return Ok(None) };
        seed.deserialize(entry.key.as_str().into_deserializer()).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Wrong> {
        let entry = self.value.take().ok_or_else(|| Wrong::custom("a value without a key"))?;
        seed.deserialize(self.at.below(&entry.node, &entry.key)?)
    }
}

struct Variant<'a> {
    at: At<'a>,
    name: &'a str,
    content: Option<&'a Node>,
}

impl<'a, 'de> EnumAccess<'de> for Variant<'a> {
    type Error = Wrong;
    type Variant = Content<'a>;

    fn variant_seed<V: DeserializeSeed<'de>>(
        self,
        seed: V,
    ) -> Result<(V::Value, Content<'a>), Wrong> {
        let word: serde::de::value::StrDeserializer<'_, Wrong> = self.name.into_deserializer();
        let value = seed.deserialize(word)?;
        Ok((value, Content { at: self.at, name: self.name, node: self.content }))
    }
}

struct Content<'a> {
    at: At<'a>,
    name: &'a str,
    node: Option<&'a Node>,
}

impl<'a> Content<'a> {
    fn at(&self) -> Result<At<'a>, Wrong> {
        match self.node {
            Some(node) => self.at.below(node, self.name),
            None => Err(Wrong::custom(format!("`{}` needs a value", self.name))),
        }
    }
}

impl<'de> VariantAccess<'de> for Content<'_> {
    type Error = Wrong;

    fn unit_variant(self) -> Result<(), Wrong> {
        match self.node {
            Some(node) if node.value != Value::Null => {
                Err(Wrong::custom(format!("`{}` takes no value", self.name)).at(node))
            }
            _ => Ok(()),
        }
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Wrong> {
        match self.node {
            Some(_) => seed.deserialize(self.at()?),
            // `baseline` alone: its name is optional.
            None => {
                let nothing = Node { value: Value::Null, place: self.at.node.place.clone() };
                seed.deserialize(At { node: &nothing, key: self.name, depth: self.at.depth })
            }
        }
    }

    fn tuple_variant<V: Visitor<'de>>(self, _len: usize, visitor: V) -> Result<V::Value, Wrong> {
        self.at()?.deserialize_any(visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Wrong> {
        self.at()?.deserialize_struct("", fields, visitor)
    }
}
