use super::*;
use crate::format::read::Attribute;

fn numbers<T: Copy + Default>(all: impl IntoIterator<Item = T>) -> crate::format::read::Numbers<T> {
    let mut numbers = crate::format::read::Numbers::default();
    all.into_iter().for_each(|number| numbers.push(number));
    numbers
}

fn list<T: std::str::FromStr>(text: &str) -> Vec<T> {
    let parse = |part: &str| part.parse().unwrap_or_else(|_| panic!("{text}"));
    if text == "." { Vec::new() } else { text.split(',').map(parse).collect() }
}

/// An input in the notation of shapes.py.
fn input(kind: &str, text: &str) -> Option<Rc<Value>> {
    let tensor = |element| Value::of(element, list(text).into_iter().map(Some).collect());
    let constant = |element| Value::list(element, list::<f64>(text).into_iter().map(Some).collect::<Numbers>());
    Some(Rc::new(match kind {
        "f" => tensor(ElementType::FLOAT32),
        "u" => tensor(ElementType::UINT8),
        "b" => tensor(ElementType::BOOL),
        "i2" => tensor(ElementType::INT64),
        "i" => constant(ElementType::INT64),
        "s" => constant(ElementType::FLOAT32),
        "is" => Value::of(ElementType::INT64, Vec::new()).with_numbers(constant(ElementType::INT64).numbers),
        _ => return None,
    }))
}

fn attribute(text: &str) -> Attribute<'_> {
    if let Some((name, value)) = text.split_once('=') {
        let ints = list(value);
        return Attribute { name, i: ints[0], ints: numbers(ints), ..Attribute::default() };
    }
    if let Some((name, value)) = text.split_once('~') {
        let floats = list(value);
        return Attribute { name, f: floats[0], floats: numbers(floats), ..Attribute::default() };
    }
    let (name, value) = text.split_once(':').expect(text);
    Attribute { name, s: value.as_bytes(), ..Attribute::default() }
}

fn shown(value: &Value) -> String {
    let length = |length: &Length| length.map_or("?".to_owned(), |length| length.to_string());
    let dims: Vec<String> = value.dims.iter().flatten().map(length).collect();
    let number = (0..32).find(|number| ElementType::of_number(*number) == value.element).expect("a known type");
    format!("{number} {}", if dims.is_empty() { ".".to_owned() } else { dims.join(",") })
}

/// Golden shapes, from onnx's own inference: golden/shapes.py.
#[test]
fn every_rule_agrees_with_the_reference() {
    let cases = include_str!("golden/shapes.txt").lines().filter(|line| !line.starts_with('#'));
    let mut differences = Vec::new();
    for line in cases {
        let (left, expected) = line.split_once(" -> ").expect(line);
        let (head, rest) = left.split_once(" ; ").unwrap_or((left, ""));
        let (operator, opset) = head.split_once(' ').expect(line);
        let (mut inputs, mut own, mut outputs) = (Vec::new(), Vec::new(), 1);
        for field in rest.split(" ; ") {
            let (kind, text) = field.split_once(' ').unwrap_or((field, ""));
            match (input(kind, text), field.strip_prefix("outputs=")) {
                (None, None) if field == "-" => inputs.push(None),
                (Some(input), _) => inputs.push(Some(input)),
                (None, Some(count)) => outputs = count.parse().expect(line),
                (None, None) => own.extend(field.split(' ').map(attribute)),
            }
        }
        let attributes = Attributes { own: &own, ..Attributes::default() };
        let opset = opset.parse().expect(line);
        let call = Call { operator: operator.to_owned(), opset, inputs, outputs, attributes, computes: true };
        let inferred = infer(&call).unwrap_or_default();
        let inferred: Vec<String> = inferred.iter().take(outputs).map(shown).collect();
        if inferred.join(" ; ") != expected {
            differences.push(format!("{line}, and not {inferred:?}"));
        }
    }
    assert!(differences.is_empty(), "{differences:#?}");
}

/// What a rule makes of two lists of whole numbers.
fn computed(operator: &str, lists: &[&[Option<i64>]]) -> Option<Vec<Option<f64>>> {
    let value = |list: &&[Option<i64>]| {
        Some(Rc::new(Value::list(
            ElementType::INT64,
            list.iter().map(|number| number.map(number::approximately)).collect::<Numbers>(),
        )))
    };
    let call = Call {
        operator: operator.to_owned(),
        opset: 17,
        inputs: lists.iter().map(value).collect(),
        outputs: 1,
        attributes: Attributes::default(),
        computes: true,
    };
    Some(infer(&call)?[0].numbers.as_ref()?.to_vec())
}

#[test]
fn what_is_unknown_in_a_list_leaves_the_rest_known() {
    let sum = computed("Add", &[&[Some(1), None], &[Some(2), Some(3)]]);
    assert_eq!(sum, Some(vec![Some(3.0), None]));
    assert_eq!(
        computed("Where", &[&[Some(1), None, Some(0)], &[Some(7)], &[Some(8)]]),
        Some(vec![Some(7.0), None, Some(8.0)])
    );
}

#[test]
fn whole_numbers_are_divided_towards_zero_and_never_by_it() {
    assert_eq!(computed("Div", &[&[Some(-7), Some(7)], &[Some(2), Some(0)]]), Some(vec![Some(-3.0), None]));
    assert_eq!(computed("Mod", &[&[Some(-7)], &[Some(3)]]), Some(vec![Some(2.0)]));
}

#[test]
fn lengths_beyond_any_memory_are_no_size() {
    let of = |dims: &[u64]| Value::of(ElementType::FLOAT32, dims.iter().copied().map(Some).collect());
    assert_eq!(of(&[1 << 24, 1 << 24]).bytes(), Some(1 << 50));
    assert_eq!(of(&[1 << 24, 1 << 25]).bytes(), None);
    assert_eq!(of(&[u64::MAX, u64::MAX]).bytes(), None);
    assert_eq!(of(&[1; 33]).dims, None);
}
