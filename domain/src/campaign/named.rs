//! A name, alone or with what belongs to it: `cpu`, or `{ qnn: { options: {..} } }`.
//!
//! Written by hand because serde's untagged enums buffer what they read, and a buffered value has lost its place.

use std::{fmt, marker::PhantomData};

use serde::{
    Deserialize, Deserializer,
    de::{Error, IgnoredAny, MapAccess, Visitor},
};

use super::{Located, Position};

/// A name and what the file says about it.
#[derive(Debug, Clone)]
pub(super) struct Named<T> {
    pub(super) name: Located<String>,
    /// `None` for the name alone.
    pub(super) with: Option<T>,
    /// A second name in the same braces, which is one too many.
    pub(super) second: Option<Located<String>>,
}

impl<T> fmt::Display for Named<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name.value)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Named<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Located { value, at } = Located::<Form<T>>::deserialize(deserializer)?;
        Ok(match value {
            Form::Word(name) => Self { name: Located { value: name, at }, with: None, second: None },
            Form::Braces(named) => named.unwrap_or_else(|| Self::nameless(at)),
        })
    }
}

impl<T> Named<T> {
    fn nameless(at: Position) -> Self {
        Self { name: Located { value: String::new(), at }, with: None, second: None }
    }
}

enum Form<T> {
    Word(String),
    /// `None` for empty ones.
    Braces(Option<Named<T>>),
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Form<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(FormVisitor(PhantomData))
    }
}

struct FormVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for FormVisitor<T> {
    type Value = Form<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name, or `{ name: {..} }`")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<Self::Value, E> {
        Ok(Form::Word(name.to_owned()))
    }

    // A word that reads as a number or a flag is still a word here, if an unknown one: so its place is told.
    fn visit_bool<E: Error>(self, word: bool) -> Result<Self::Value, E> {
        Ok(Form::Word(word.to_string()))
    }

    fn visit_u64<E: Error>(self, word: u64) -> Result<Self::Value, E> {
        Ok(Form::Word(word.to_string()))
    }

    fn visit_i64<E: Error>(self, word: i64) -> Result<Self::Value, E> {
        Ok(Form::Word(word.to_string()))
    }

    fn visit_f64<E: Error>(self, word: f64) -> Result<Self::Value, E> {
        Ok(Form::Word(word.to_string()))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let Some(name) = map.next_key::<Located<String>>()? else { return Ok(Form::Braces(None)) };
        let with = map.next_value::<Option<T>>()?;
        let mut second = None;
        while let Some(key) = map.next_key::<Located<String>>()? {
            map.next_value::<IgnoredAny>()?;
            second.get_or_insert(key);
        }
        Ok(Form::Braces(Some(Named { name, with, second })))
    }
}
