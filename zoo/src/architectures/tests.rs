use std::collections::BTreeSet;

use onnx::Lengths;

use super::*;

fn random(name: &str, seed: u64) -> Built {
    build(name, &Weights::Random { seed }).expect("a known architecture")
}

/// The usual lengths of all free axes.
fn usual(architecture: &Architecture) -> Lengths {
    let axes = architecture.inputs.iter().flat_map(|input| input.axes).filter_map(|axis| match *axis {
        Axis::Free { name, usual } => Some((name.to_owned(), usual.unsigned_abs())),
        Axis::Fixed(_) => None,
    });
    Lengths { dims: axes.collect(), ..Lengths::default() }
}

#[test]
fn every_architecture_has_the_parameters_and_the_work_it_claims() {
    for architecture in architectures() {
        let name = architecture.name;
        let built = random(name, 0);
        assert_eq!(built.parameters, architecture.parameters, "{name}");
        let published = architecture.published.parameters;
        // Of MobileBERT-tiny, paper and released configuration differ by 2.6 %.
        let percent = if name == "mobilebert-tiny" { 3 } else { 2 };
        let difference = built.parameters.abs_diff(published);
        assert!(difference * 100 <= published * percent, "{name}: {} of {published}", built.parameters);
        let inspection = onnx::inspect(&built.onnx).expect("a well-formed file");
        let inputs: Vec<_> = inspection.inputs.iter().map(|input| input.name.as_str()).collect();
        assert_eq!(inputs, architecture.inputs.iter().map(|input| input.name).collect::<Vec<_>>(), "{name}");
        let cost = onnx::cost(&built.onnx, &usual(architecture)).expect("a graph without cycles");
        assert!(cost.uncovered.is_empty(), "{name}: {:?}", cost.uncovered);
        let images = architecture.task == Task::ImageClassification;
        assert_eq!(text_macs(name), (!images).then_some(cost.macs), "{name}");
    }
}

/// Multiply-accumulates for one text of 128 tokens, by hand; those of images are tested with their architectures.
///
/// Of BERT and its kin, the encoder's are `layers * (4 h^2 s + 2 s^2 h + 2 h f s)` for hidden size h, intermediate size f and
/// s tokens; pooler and classifier add `h^2 + 2 h`. Of MobileBERT and its tiny variant, Sun et al. 2020 publish 2.85 and 1.55
/// billion, which is 6 % and 1 % more than their released configurations need.
fn text_macs(name: &str) -> Option<u64> {
    let s = 128;
    let bert = |layers: u64, h: u64, f: u64| layers * (4 * h * h * s + 2 * s * s * h + 2 * h * f * s);
    let head = |h: u64| h * h + 2 * h;
    let (wide, narrow, inner) = (512, 128, 512);
    let mobile = |squeezes: u64, value_width: u64, feed_forwards: u64| {
        let attention = (3 * narrow * narrow + value_width * narrow) * s + 2 * s * s * narrow;
        let layer = squeezes * wide * narrow * s + attention + feed_forwards * 2 * narrow * inner * s;
        3 * narrow * wide * s + 24 * layer
    };
    match name {
        "bert-base" => Some(bert(12, 768, 3072) + head(768)),
        "distilbert" | "tinybert-6" => Some(bert(6, 768, 3072) + head(768)),
        "tinybert-4" => Some(bert(4, 312, 1200) + head(312)),
        "minilm-l6" => Some(bert(6, 384, 1536)),
        "mobilebert" => Some(mobile(3, wide, 4) + head(wide)),
        // It has no pooler.
        "mobilebert-tiny" => Some(mobile(2, narrow, 2) + 2 * wide),
        _ => None,
    }
}

#[test]
fn the_same_seed_gives_the_same_bytes_and_another_seed_others() {
    for name in ["tinybert-4", "mobilevit-xxs"] {
        let first = random(name, 3).onnx;
        assert!(first == random(name, 3).onnx, "{name}");
        assert!(first != random(name, 4).onnx, "{name}");
    }
}

#[test]
fn names_and_aliases_are_unique_and_found_in_any_case() {
    let mut seen = BTreeSet::new();
    for known in architectures() {
        for name in known.aliases.iter().chain([&known.name]) {
            assert!(seen.insert(*name), "{name} twice");
            assert_eq!(architecture(&name.to_uppercase()).expect("known").name, known.name);
        }
    }
}

#[test]
fn an_unknown_name_gets_the_nearest_or_all() {
    let error = |name| architecture(name).expect_err("unknown").to_string();
    assert_eq!(error("MobilBERT"), "unknown architecture `MobilBERT`\nhint: did you mean `mobilebert`?");
    let all = error("resnet-50");
    assert!(architectures().iter().all(|known| all.contains(known.name)), "{all}");
}
