//! What is known of a model before it runs.

use domain::{CostFacts, ExpectedAccuracy, GraphFacts, ModelCard, Weights, model_card::Section};

use super::{
    field::{InvalidMessage, finite, optional_text},
    model::optional_precision,
};
use crate::pb;

impl From<ModelCard> for pb::ModelCard {
    fn from(card: ModelCard) -> Self {
        let ModelCard { precision, weights, task, preprocessing, postprocessing, expected_accuracy, graph } = card;
        Self {
            precision: precision.map(String::from).unwrap_or_default(),
            random_seed: match weights {
                Weights::Trained => None,
                Weights::Random { seed } => Some(seed),
            },
            task: task.unwrap_or_default(),
            preprocessing_json: to_json(preprocessing.as_ref()),
            postprocessing_json: to_json(postprocessing.as_ref()),
            expected_accuracy: expected_accuracy.into_iter().map(Into::into).collect(),
            graph: graph.map(Into::into),
        }
    }
}

impl TryFrom<pb::ModelCard> for ModelCard {
    type Error = InvalidMessage;

    fn try_from(card: pb::ModelCard) -> Result<Self, InvalidMessage> {
        let pb::ModelCard {
            precision,
            random_seed,
            task,
            preprocessing_json,
            postprocessing_json,
            expected_accuracy,
            graph,
        } = card;
        Ok(Self {
            precision: optional_precision("card.precision", precision)?,
            weights: random_seed.map_or(Weights::Trained, |seed| Weights::Random { seed }),
            task: optional_text(task),
            preprocessing: from_json("card.preprocessing_json", &preprocessing_json)?,
            postprocessing: from_json("card.postprocessing_json", &postprocessing_json)?,
            expected_accuracy: expected_accuracy
                .into_iter()
                .map(ExpectedAccuracy::try_from)
                .collect::<Result<_, InvalidMessage>>()?,
            graph: graph.map(Into::into),
        })
    }
}

/// A declared section as JSON; empty if it is not declared.
pub(super) fn to_json(section: Option<&impl serde::Serialize>) -> String {
    // Text for keys and finite numbers: nothing that JSON can't say.
    section.map_or_else(String::new, |section| serde_json::to_string(section).expect("JSON can say it"))
}

/// The section; `None` if it is not declared. What a card file could not say is refused here, too.
pub(super) fn from_json<T: Section>(field: &'static str, json: &str) -> Result<Option<T>, InvalidMessage> {
    if json.is_empty() {
        return Ok(None);
    }
    let section: T = serde_json::from_str(json).map_err(|error| InvalidMessage::malformed(field, error.to_string()))?;
    match section.objections().first() {
        None => Ok(Some(section)),
        Some(objection) => Err(InvalidMessage::malformed(field, objection.to_string())),
    }
}

impl From<ExpectedAccuracy> for pb::ExpectedAccuracy {
    fn from(expected: ExpectedAccuracy) -> Self {
        let ExpectedAccuracy { dataset, metric, value, source } = expected;
        Self { dataset, metric, value, source }
    }
}

impl TryFrom<pb::ExpectedAccuracy> for ExpectedAccuracy {
    type Error = InvalidMessage;

    fn try_from(expected: pb::ExpectedAccuracy) -> Result<Self, InvalidMessage> {
        let pb::ExpectedAccuracy { dataset, metric, value, source } = expected;
        Ok(Self { dataset, metric, value: finite("card.expected_accuracy.value", value)?, source })
    }
}

impl From<GraphFacts> for pb::GraphFacts {
    fn from(graph: GraphFacts) -> Self {
        let GraphFacts {
            producer,
            opsets,
            inputs,
            outputs,
            free_axes,
            operators,
            nodes,
            parameters,
            weight_bytes,
            cost,
        } = graph;
        Self {
            producer,
            opsets,
            inputs,
            outputs,
            free_axes,
            operators,
            nodes,
            parameters,
            weight_bytes,
            cost: cost.map(Into::into),
        }
    }
}

impl From<pb::GraphFacts> for GraphFacts {
    fn from(graph: pb::GraphFacts) -> Self {
        let pb::GraphFacts {
            producer,
            opsets,
            inputs,
            outputs,
            free_axes,
            operators,
            nodes,
            parameters,
            weight_bytes,
            cost,
        } = graph;
        Self {
            producer,
            opsets,
            inputs,
            outputs,
            free_axes,
            operators,
            nodes,
            parameters,
            weight_bytes,
            cost: cost.map(Into::into),
        }
    }
}

impl From<CostFacts> for pb::CostFacts {
    fn from(cost: CostFacts) -> Self {
        let CostFacts { lengths, macs, flops, integer_ops, bytes_lower, bytes_upper, covered_nodes, uncovered } = cost;
        Self { lengths, macs, flops, integer_ops, bytes_lower, bytes_upper, covered_nodes, uncovered }
    }
}

impl From<pb::CostFacts> for CostFacts {
    fn from(cost: pb::CostFacts) -> Self {
        let pb::CostFacts { lengths, macs, flops, integer_ops, bytes_lower, bytes_upper, covered_nodes, uncovered } =
            cost;
        Self { lengths, macs, flops, integer_ops, bytes_lower, bytes_upper, covered_nodes, uncovered }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use domain::{Postprocessing, Precision, Preprocessing, TensorPreprocessing};

    use super::*;

    fn full() -> ModelCard {
        let map = |key: &str, number: u64| BTreeMap::from([(key.to_owned(), number)]);
        ModelCard {
            precision: Some(Precision::FP32),
            weights: Weights::Random { seed: 0 },
            task: Some("image-classification".to_owned()),
            preprocessing: Some(Preprocessing {
                tensor: Some(TensorPreprocessing { zero: 1.5, scale: 0.1 }),
                ..Preprocessing::default()
            }),
            postprocessing: Some(Postprocessing { labels: vec![None, Some(3)], ..Postprocessing::default() }),
            expected_accuracy: vec![ExpectedAccuracy {
                dataset: "d".to_owned(),
                metric: "m".to_owned(),
                value: 0.5,
                source: "s".to_owned(),
            }],
            graph: Some(GraphFacts {
                producer: "p".to_owned(),
                opsets: BTreeMap::from([("ai.onnx".to_owned(), 17)]),
                inputs: vec!["x: float32[batch]".to_owned()],
                outputs: vec!["y: float32[batch]".to_owned()],
                free_axes: vec!["batch".to_owned()],
                operators: BTreeMap::from([("Add".to_owned(), 2)]),
                nodes: 2,
                parameters: map("float32", 7),
                weight_bytes: 28,
                cost: Some(CostFacts {
                    lengths: map("batch", 1),
                    macs: 1,
                    flops: 2,
                    integer_ops: 3,
                    bytes_lower: 4,
                    bytes_upper: 5,
                    covered_nodes: 6,
                    uncovered: BTreeMap::from([("Loop".to_owned(), 1)]),
                }),
            }),
        }
    }

    #[test]
    fn a_card_survives_the_wire_full_and_empty() {
        for card in [full(), ModelCard::default()] {
            let wire = pb::ModelCard::from(card.clone());
            assert_eq!(ModelCard::try_from(wire), Ok(card));
        }
    }

    #[test]
    fn a_card_with_impossible_sections_is_refused() {
        for (preprocessing, why) in [
            ("{", "EOF"),
            ("null", "invalid type: null"),
            (r#"{"tensor":{"scale":null}}"#, "invalid type: null"),
            (r#"{"images":{}}"#, "unknown field `images`"),
            (r#"{"image":{}}"#, "missing field `resize`"),
            (r#"{"tensor":{"scale":0}}"#, "`tensor.scale` is 0"),
            (r#"{"image":{"resize":{"short-side":256},"crop":257}}"#, "`image.crop` is larger"),
            ("{} {}", "trailing characters"),
        ] {
            let wire = pb::ModelCard { preprocessing_json: preprocessing.to_owned(), ..full().into() };
            match ModelCard::try_from(wire).expect_err(preprocessing) {
                InvalidMessage::Malformed { field: "card.preprocessing_json", why: told } => {
                    assert!(told.contains(why), "{preprocessing}: {told}");
                }
                other => panic!("{preprocessing}: {other}"),
            }
        }
        let wire = pb::ModelCard { postprocessing_json: r#"{"labels":[null]}"#.to_owned(), ..full().into() };
        ModelCard::try_from(wire).expect_err("no class has a label");
        let mut wire = pb::ModelCard::from(full());
        wire.expected_accuracy[0].value = f64::NAN;
        ModelCard::try_from(wire).expect_err("no figure");
    }

    /// Numbers that come from code and not from a card's file can be none; then the other side says so.
    #[test]
    fn what_is_no_number_does_not_travel() {
        let tensor = Some(TensorPreprocessing { zero: f64::NAN, scale: 1.0 });
        let card = ModelCard { preprocessing: Some(Preprocessing { tensor, ..Preprocessing::default() }), ..full() };
        ModelCard::try_from(pb::ModelCard::from(card)).expect_err("NaN");
    }
}
