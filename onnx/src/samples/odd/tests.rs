use std::collections::BTreeSet;

use super::*;
use crate::{Inspection, confined, inspect};

fn inspected(odd: &Odd) -> Inspection {
    inspect(&odd.model).expect(odd.name)
}

/// Names of an input's axes that are neither numbers nor `batch`; `?` for one without a name.
fn free_axes(tensor: &str) -> impl Iterator<Item = &str> {
    let axes = tensor.split_once('[').map_or("", |(_, axes)| axes.trim_end_matches(']'));
    axes.split(',').filter(|axis| !axis.is_empty() && *axis != "batch" && axis.parse::<u32>().is_err())
}

#[test]
fn there_are_many_and_their_names_are_unique() {
    let names: BTreeSet<&str> = odd().iter().map(|odd| odd.name).collect();
    assert_eq!(names.len(), odd().len());
    assert!(names.len() >= 20, "{names:?}");
    for name in names {
        assert!(name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-'), "{name}");
    }
}

#[test]
fn every_type_that_can_be_fed_is_an_input_of_one() {
    let types: BTreeSet<String> = odd()
        .iter()
        .flat_map(|odd| inspected(odd).inputs)
        .map(|input| input.tensor.split('[').next().unwrap_or_default().to_owned())
        .collect();
    let all = "bfloat16 bool float16 float32 float64 int16 int32 int64 int8 uint16 uint32 uint64 uint8";
    assert_eq!(Vec::from_iter(&types).into_iter().map(String::as_str).collect::<Vec<_>>().join(" "), all);
}

#[test]
fn every_free_axis_has_a_length() {
    for odd in odd() {
        for input in inspected(&odd).inputs {
            let has_shape = odd.shapes.iter().any(|(name, _)| *name == input.name);
            let missing =
                free_axes(&input.tensor).find(|axis| !has_shape && odd.dims.iter().all(|(known, _)| known != axis));
            assert_eq!(missing, None, "{}: {input}", odd.name);
        }
    }
}

#[test]
fn every_state_is_an_output_and_an_input_of_one_type() {
    for odd in odd() {
        let inspection = inspected(&odd);
        for (output, input) in &odd.state {
            let output = inspection.outputs.iter().find(|value| value.name == *output).expect(odd.name);
            let input = inspection.inputs.iter().find(|value| value.name == *input).expect(odd.name);
            assert_eq!(output.tensor, input.tensor, "{}", odd.name);
        }
    }
}

#[test]
fn side_files_are_those_that_the_model_names() {
    for odd in odd() {
        let named = inspected(&odd).external_data;
        let brought: Vec<&str> = odd.side_files.iter().map(|(location, _)| location.as_str()).collect();
        assert_eq!(named, brought, "{}", odd.name);
        for location in named {
            confined(&location).expect(odd.name);
        }
    }
}

#[test]
fn an_input_with_a_default_need_not_be_fed() {
    for odd in odd().iter().filter(|odd| matches!(odd.name, "default-input" | "old-format")) {
        let inputs: Vec<String> = inspected(odd).inputs.iter().map(ToString::to_string).collect();
        assert_eq!(inputs, ["x: float32[4]"], "{}", odd.name);
    }
}
