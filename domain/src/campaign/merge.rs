//! Merges what a later rule says into what an earlier one said: maps by key, anything else as a whole.

use super::{
    node::{Kind, Node},
    shape::{Bodies, Keys, Shape, find},
};

/// `over` takes precedence. Both must satisfy the shape.
pub(super) fn merge(base: &mut Node, over: &Node, shape: &Shape) {
    match shape {
        Shape::Map(keys) if both_maps(base, over) => merge_map(base, over, keys),
        Shape::Table { .. } if both_maps(base, over) => {
            for entry in over.entries() {
                base.set(&entry.key, entry.value.clone());
            }
        }
        Shape::Named { bodies, .. } => merge_named(base, over, *bodies),
        Shape::OneOrMore { of, .. } if base.list().is_none() && over.list().is_none() => merge(base, over, of),
        _ => *base = over.clone(),
    }
}

pub(super) fn merge_map(base: &mut Node, over: &Node, keys: Keys) {
    for entry in over.entries() {
        let merged = match (base.get(&entry.key.value), find(keys, &entry.key.value)) {
            (Some(earlier), Some(key)) => {
                let mut merged = earlier.clone();
                merge(&mut merged, &entry.value, &key.shape);
                merged
            }
            _ => entry.value.clone(),
        };
        base.set(&entry.key, merged);
    }
}

/// The same name keeps what was said of it, another one has nothing to do with that.
fn merge_named(base: &mut Node, over: &Node, bodies: Bodies) {
    let name =
        |node: &Node| node.text().or_else(|| node.entries().first().map(|entry| &*entry.key.value)).map(str::to_owned);
    let same = name(base).filter(|base| name(over).as_ref() == Some(base));
    let Some(name) = same else {
        *base = over.clone();
        return;
    };
    match (base.get(&name).cloned(), over.get(&name)) {
        // The bare name says nothing new.
        (Some(_), None) => {}
        (Some(mut body), Some(over)) if both_maps(&body, over) => {
            match bodies {
                Bodies::Same(keys) => merge_map(&mut body, over, keys),
                Bodies::ByName(known) => {
                    if let Some((_, shape)) = known.iter().find(|(known, _)| *known == name) {
                        merge(&mut body, over, shape);
                    }
                }
            }
            if let Some(key) = base.entries().first().map(|entry| entry.key.clone()) {
                base.set(&key, body);
            }
        }
        // `{ server: }` says nothing new, either.
        (Some(_), Some(over)) if matches!(over.kind, Kind::Nothing) => {}
        _ => *base = over.clone(),
    }
}

fn both_maps(a: &Node, b: &Node) -> bool {
    matches!((&a.kind, &b.kind), (Kind::Map(_), Kind::Map(_)))
}
