//! A shape as JSON Schema (draft-07, which editors know best). What no schema can say, the reader says.

use serde_json::{Map, Value, json};

use super::{Bodies, Key, Keys, MOST_ENTRIES, MOST_TEXT_BYTES, Rule, Shape};
use crate::campaign::table;

/// The schema of a campaign file.
pub fn schema() -> Value {
    let mut schema = object(table::FILE, true);
    if let Value::Object(schema) = &mut schema {
        schema.insert("$schema".to_owned(), json!("http://json-schema.org/draft-07/schema#"));
        schema.insert("title".to_owned(), json!("A Furlong campaign, furlong/v1"));
    }
    schema
}

/// `whole`: whether keys that a map needs must be there, which is not so in what is merged with more.
fn json(shape: &Shape, whole: bool) -> Value {
    match shape {
        // What YAML takes for a number or a flag is text where text belongs.
        Shape::Text => json!({ "type": ["string", "number", "boolean"], "maxLength": MOST_TEXT_BYTES }),
        Shape::Words(words) => json!({ "enum": words }),
        Shape::Checked(rule) => text(*rule),
        Shape::Whole { least, greatest } => json!({ "type": "integer", "minimum": least, "maximum": greatest }),
        Shape::Decimal { least, greatest, .. } => json!({ "type": "number", "minimum": least, "maximum": greatest }),
        Shape::Flag => json!({ "type": "boolean" }),
        Shape::Period { .. } => json!({
            "type": "string",
            "pattern": r"^\s*[0-9]+\s*[A-Za-zµ]+(\s*[0-9]+\s*[A-Za-zµ]+)*\s*$",
            "examples": ["500ms", "2s", "1m 30s"],
        }),
        Shape::List { of, least, most } => {
            json!({ "type": "array", "items": json(of, whole), "minItems": least, "maxItems": most })
        }
        Shape::Table { name, of } => json!({
            "type": "object",
            "propertyNames": { "pattern": name.pattern },
            "additionalProperties": json(of, whole),
            "maxProperties": MOST_ENTRIES,
        }),
        Shape::Map(keys) => object(keys, whole),
        Shape::Named { word, bodies, .. } => named(*word, *bodies),
        Shape::TextOr(rule, keys) => json!({ "anyOf": [text(*rule), object(keys, false)] }),
        Shape::OneOrMore { of, most } => json!({ "anyOf": [
            json(of, whole),
            { "type": "array", "items": json(of, whole), "minItems": 1, "maxItems": most },
        ] }),
        Shape::Where(also) => {
            let one_or_more = |key: &Key| {
                let value = json(&key.shape, false);
                json!({ "anyOf": [value.clone(), { "type": "array", "items": value, "minItems": 1 }] })
            };
            let mut properties = properties(table::ALL_AXES, one_or_more);
            properties.extend(self::properties(also, |key| json(&key.shape, whole)));
            json!({ "type": "object", "properties": properties, "additionalProperties": false })
        }
        Shape::Axes => {
            let list = |key: &Key| json!({ "type": "array", "items": json(&key.shape, false), "minItems": 1 });
            let properties = properties(table::ALL_AXES, list);
            json!({ "type": "object", "properties": properties, "additionalProperties": false, "required": ["model"] })
        }
    }
}

fn text(rule: Rule) -> Value {
    // Whether it may look like a number or a flag, the rule itself knows best.
    let takes = |text: &str| (rule.read)(text, "").is_ok();
    let mut types = vec!["string"];
    types.extend((takes("1") || takes("1.5")).then_some("number"));
    types.extend(takes("true").then_some("boolean"));
    json!({ "type": types, "pattern": rule.pattern })
}

fn named(word: Rule, bodies: Bodies) -> Value {
    let or_nothing = |body: Value| json!({ "anyOf": [body, { "type": "null" }] });
    let mut forms = vec![json!({ "type": "string", "pattern": word.pattern })];
    match bodies {
        Bodies::Same(keys) => forms.push(json!({
            "type": "object",
            "propertyNames": { "pattern": word.pattern },
            "additionalProperties": or_nothing(object(keys, false)),
            "minProperties": 1,
            "maxProperties": 1,
        })),
        Bodies::ByName(known) => forms.extend(known.iter().map(|(name, shape)| {
            let body = json(shape, false);
            let body = if matches!(shape, Shape::Map(_)) { or_nothing(body) } else { body };
            json!({ "type": "object", "properties": { *name: body }, "required": [name], "additionalProperties": false })
        })),
    }
    json!({ "anyOf": forms })
}

fn object(keys: Keys, whole: bool) -> Value {
    // What stands in these is completed by defaults, axes and overlays.
    let part = |key: &Key| json(&key.shape, whole && !matches!(key.name, "defaults" | "with" | "include"));
    let mut object = Map::new();
    object.insert("type".to_owned(), json!("object"));
    object.insert("properties".to_owned(), Value::Object(properties(keys, part)));
    object.insert("additionalProperties".to_owned(), json!(false));
    let required: Vec<&str> =
        keys.iter().flat_map(|group| group.iter()).filter(|key| key.required).map(|key| key.name).collect();
    if whole && !required.is_empty() {
        object.insert("required".to_owned(), json!(required));
    }
    Value::Object(object)
}

fn properties(keys: Keys, value: impl Fn(&Key) -> Value) -> Map<String, Value> {
    let keys = keys.iter().flat_map(|group| group.iter());
    keys.map(|key| {
        let mut value = value(key);
        if let Value::Object(value) = &mut value {
            value.insert("description".to_owned(), json!(key.doc));
        }
        (key.name.to_owned(), value)
    })
    .collect()
}
