//! A section of a card as serde reads it, with the place of what is wrong.
//!
//! Strict where YAML is not: a number in quotes is text, `no` is no flag, what is not a finite number is none, and a list
//! stands for nothing but a list. The words of an error: [`super::fault`].

use serde::de::value::StrDeserializer;
use serde::de::{
    self, DeserializeSeed, Deserializer, EnumAccess, Error as _, IntoDeserializer as _, MapAccess, SeqAccess,
    Unexpected, VariantAccess, Visitor,
};
use serde::forward_to_deserialize_any;

use super::fault::{Fault, listed};
use super::tree::{Kind, Node};
use super::{Place, Problem, finite};

/// Reads a section. The problem is at the place that is wrong, not where the section begins.
pub(super) fn read<T: de::DeserializeOwned>(node: &Node, usual_hint: &'static str) -> Result<T, Problem> {
    T::deserialize(Value(node)).map_err(|Fault { at, message, hint }| Problem {
        at: at.unwrap_or(node.at),
        message,
        hint: hint.map_or(usual_hint.into(), Into::into),
    })
}

/// One value of the tree.
#[derive(Clone, Copy)]
struct Value<'n>(&'n Node);

impl Value<'_> {
    fn is_null(self) -> bool {
        matches!(&self.0.kind, Kind::Scalar { text, plain: true } if matches!(text.as_str(), "" | "~" | "null"))
    }
}

impl<'de> Deserializer<'de> for Value<'_> {
    type Error = Fault;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        let read = match &self.0.kind {
            _ if self.is_null() => visitor.visit_unit(),
            Kind::Scalar { text, plain: true } => plain(text, visitor),
            Kind::Scalar { text, plain: false } => visitor.visit_str(text),
            Kind::List(items) => list(items, visitor),
            Kind::Map(entries) => visitor.visit_map(Entries { entries: entries.iter(), value: None }),
        };
        read.map_err(|fault| fault.or_at(self.0.at))
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        if self.is_null() { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    /// The name of an output may be a number, in quotes or not.
    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match &self.0.kind {
            Kind::Scalar { text, .. } if !self.is_null() => {
                visitor.visit_str(text).map_err(|fault: Fault| fault.or_at(self.0.at))
            }
            _ => self.deserialize_any(visitor),
        }
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.deserialize_str(visitor)
    }

    /// A struct would take a list, too, in the order of its fields, which no author of a card knows.
    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        match &self.0.kind {
            Kind::List(_) => Err(Fault::invalid_type(Unexpected::Seq, &"`key: value` pairs").or_at(self.0.at)),
            Kind::Map(_) | Kind::Scalar { .. } => self.deserialize_any(visitor),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        let wrong = |found: &str| Err(Fault::new(format!("expected one of {}, found {found}", listed(variants))));
        let read = match &self.0.kind {
            _ if self.is_null() => wrong("nothing"),
            Kind::Scalar { text, .. } => visitor.visit_enum(Choice { name: text, at: self.0.at, content: None }),
            Kind::Map(entries) => match entries.as_slice() {
                [(at, key, value)] => visitor.visit_enum(Choice { name: key, at: *at, content: Some(value) }),
                _ => wrong(&format!("{} entries", entries.len())),
            },
            Kind::List(_) => wrong("a list"),
        };
        read.map_err(|fault| fault.or_at(self.0.at))
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_newtype_struct(self)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char bytes byte_buf unit unit_struct seq tuple tuple_struct map
        identifier ignored_any
    }
}

/// A word without quotes: a flag, a number, else text.
fn plain<'de, V: Visitor<'de>>(text: &str, visitor: V) -> Result<V::Value, Fault> {
    match text {
        "true" => visitor.visit_bool(true),
        "false" => visitor.visit_bool(false),
        text => match (text.parse::<u64>(), text.parse::<i64>(), finite(text)) {
            (Ok(number), _, _) => visitor.visit_u64(number),
            (_, Ok(number), _) => visitor.visit_i64(number),
            (_, _, Some(number)) => visitor.visit_f64(number),
            _ => visitor.visit_str(text),
        },
    }
}

fn list<'de, V: Visitor<'de>>(nodes: &[Node], visitor: V) -> Result<V::Value, Fault> {
    let mut items = Items { items: nodes.iter(), read: 0 };
    let value = visitor.visit_seq(&mut items)?;
    // An array takes as many as it holds and asks for no more.
    if items.items.as_slice().is_empty() {
        return Ok(value);
    }
    Err(Fault::new(format!("expected a list of {}, found {}", items.read, nodes.len())))
}

struct Items<'n> {
    items: std::slice::Iter<'n, Node>,
    read: usize,
}

impl<'de> SeqAccess<'de> for Items<'_> {
    type Error = Fault;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Fault> {
        let Some(node) = self.items.next() else { return Ok(None) };
        self.read += 1;
        seed.deserialize(Value(node)).map(Some).map_err(|fault| fault.or_at(node.at))
    }
}

struct Entries<'n> {
    entries: std::slice::Iter<'n, (Place, String, Node)>,
    value: Option<&'n Node>,
}

impl<'de> MapAccess<'de> for Entries<'_> {
    type Error = Fault;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Fault> {
        let Some((at, key, value)) = self.entries.next() else { return Ok(None) };
        self.value = Some(value);
        let key: StrDeserializer<'_, Fault> = key.as_str().into_deserializer();
        seed.deserialize(key).map(Some).map_err(|fault| fault.or_at(*at))
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Fault> {
        let Some(node) = self.value.take() else { return Err(Fault::custom("a value without a key")) };
        seed.deserialize(Value(node)).map_err(|fault| fault.or_at(node.at))
    }
}

/// A variant by its name, with its content if it has any.
struct Choice<'n> {
    name: &'n str,
    at: Place,
    content: Option<&'n Node>,
}

impl<'de> EnumAccess<'de> for Choice<'_> {
    type Error = Fault;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self), Fault> {
        let name: StrDeserializer<'_, Fault> = self.name.into_deserializer();
        let variant = seed.deserialize(name).map_err(|fault| fault.or_at(self.at))?;
        Ok((variant, self))
    }
}

impl<'n> Choice<'n> {
    fn value(&self) -> Result<Value<'n>, Fault> {
        let missing = || Fault::new(format!("`{}` needs a value", self.name)).or_at(self.at);
        self.content.map(Value).ok_or_else(missing)
    }
}

impl<'de> VariantAccess<'de> for Choice<'_> {
    type Error = Fault;

    fn unit_variant(self) -> Result<(), Fault> {
        match self.content {
            None => Ok(()),
            Some(node) => Err(Fault::new(format!("`{}` takes no value", self.name)).or_at(node.at)),
        }
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Fault> {
        let value = self.value()?;
        seed.deserialize(value).map_err(|fault| fault.or_at(value.0.at))
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Fault> {
        self.value()?.deserialize_any(visitor)
    }

    fn struct_variant<V: Visitor<'de>>(self, fields: &'static [&'static str], visitor: V) -> Result<V::Value, Fault> {
        self.value()?.deserialize_struct("", fields, visitor)
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::super::tree;
    use super::*;

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Sample {
        flag: Option<bool>,
        small: Option<u8>,
        share: Option<f64>,
        name: Option<String>,
        pair: Option<[f64; 2]>,
        inner: Option<Inner>,
    }

    #[derive(Debug, PartialEq, Deserialize)]
    struct Inner {
        depth: i32,
    }

    fn read(text: &str) -> Result<Sample, Problem> {
        super::read(&tree::parse(text)?, "the usual")
    }

    #[test]
    fn values_are_what_they_look_like() {
        let text = "{ flag: true, small: 255, share: -1e-3, name: 461, pair: [1, 2.5], inner: { depth: -1 } }";
        let Sample { flag, small, share, name, pair, inner } = read(text).expect("reads");
        assert_eq!((flag, small, share), (Some(true), Some(255), Some(-1e-3)));
        assert_eq!((name.as_deref(), pair), (Some("461"), Some([1.0, 2.5])));
        assert_eq!(inner, Some(Inner { depth: -1 }));
        let nothing = read("{ flag: null, name: ~, pair: }").expect("reads");
        assert_eq!((nothing.flag, nothing.name, nothing.pair), (None, None, None));
    }

    #[test]
    fn nothing_is_taken_for_what_it_only_resembles() {
        for (text, column, message) in [
            ("flag: no", 7, "expected `true` or `false`, found the text `no`"),
            ("flag: \"true\"", 7, "expected `true` or `false`, found the text `true`"),
            ("flag: 1", 7, "expected `true` or `false`, found `1`"),
            ("small: 256", 8, "expected a whole number, 0 to 255, found `256`"),
            ("small: 1.0", 8, "expected a whole number, 0 to 255, found `1.0`"),
            ("small: 0x10", 8, "expected a whole number, 0 to 255, found the text `0x10`"),
            ("share: .inf", 8, "expected a finite number, found the text `.inf`"),
            ("share: NaN", 8, "expected a finite number, found the text `NaN`"),
            ("share: 1e999", 8, "expected a finite number, found the text `1e999`"),
            ("share: \"0.5\"", 8, "expected a finite number, found the text `0.5`"),
            ("share: true", 8, "expected a finite number, found `true`"),
            ("name: [a]", 7, "expected text, found a list"),
            ("pair: [1]", 7, "expected a list of 2, found 1"),
            ("pair: [1, 2, 3]", 7, "expected a list of 2, found 3"),
            ("pair: [1, x]", 11, "expected a finite number, found the text `x`"),
            ("inner: [3]", 8, "expected `key: value` pairs, found a list"),
            ("inner: 3", 8, "expected `key: value` pairs, found `3`"),
            ("inner: {}", 8, "`depth` is missing"),
            ("nmae: x", 1, "unknown key `nmae`"),
        ] {
            let Problem { at, message: found, hint: _ } = read(text).expect_err(text);
            assert_eq!((at, found.as_str()), (Place { line: 1, column }, message), "{text}");
        }
    }

    #[test]
    fn a_hint_is_as_near_to_the_problem_as_can_be() {
        for (text, hint) in [
            ("nmae: x", "did you mean `name`?"),
            ("xyz: x", "known are `flag`, `small`, `share`, `name`, `pair`, `inner`"),
            ("share: \"0.5\"", "a number stands without quotes"),
            ("share: half", "the usual"),
        ] {
            assert_eq!(read(text).expect_err(text).hint, hint, "{text}");
        }
    }
}
