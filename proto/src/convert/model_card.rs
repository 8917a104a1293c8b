//! What is known of a model before it runs.

use domain::{CostFacts, ExpectedAccuracy, GraphFacts, ImagePreprocessing, ModelCard, Weights};

use super::{
    field::{InvalidMessage, finite, optional_text, positive},
    model::optional_precision,
};
use crate::pb;

impl From<ModelCard> for pb::ModelCard {
    fn from(card: ModelCard) -> Self {
        let ModelCard { precision, weights, task, preprocessing, expected_accuracy, graph } = card;
        Self {
            precision: precision.map(String::from).unwrap_or_default(),
            random_seed: match weights {
                Weights::Trained => None,
                Weights::Random { seed } => Some(seed),
            },
            task: task.unwrap_or_default(),
            preprocessing: preprocessing.map(Into::into),
            expected_accuracy: expected_accuracy.into_iter().map(Into::into).collect(),
            graph: graph.map(Into::into),
        }
    }
}

impl TryFrom<pb::ModelCard> for ModelCard {
    type Error = InvalidMessage;

    fn try_from(card: pb::ModelCard) -> Result<Self, InvalidMessage> {
        let pb::ModelCard { precision, random_seed, task, preprocessing, expected_accuracy, graph } = card;
        Ok(Self {
            precision: optional_precision("card.precision", precision)?,
            weights: random_seed.map_or(Weights::Trained, |seed| Weights::Random { seed }),
            task: optional_text(task),
            preprocessing: preprocessing.map(ImagePreprocessing::try_from).transpose()?,
            expected_accuracy: expected_accuracy
                .into_iter()
                .map(ExpectedAccuracy::try_from)
                .collect::<Result<_, InvalidMessage>>()?,
            graph: graph.map(Into::into),
        })
    }
}

impl From<ImagePreprocessing> for pb::ImagePreprocessing {
    fn from(preprocessing: ImagePreprocessing) -> Self {
        let ImagePreprocessing { colours, resize, interpolation, crop, mean, std, layout } = preprocessing;
        Self { colours, resize, interpolation, crop, mean: mean.to_vec(), std: std.to_vec(), layout }
    }
}

impl TryFrom<pb::ImagePreprocessing> for ImagePreprocessing {
    type Error = InvalidMessage;

    fn try_from(preprocessing: pb::ImagePreprocessing) -> Result<Self, InvalidMessage> {
        let pb::ImagePreprocessing { colours, resize, interpolation, crop, mean, std, layout } = preprocessing;
        Ok(Self {
            colours,
            resize: positive("card.preprocessing.resize", resize)?,
            interpolation,
            crop: positive("card.preprocessing.crop", crop)?,
            mean: by_colour("card.preprocessing.mean", &mean)?,
            std: by_colour("card.preprocessing.std", &std)?,
            layout,
        })
    }
}

fn by_colour(field: &'static str, values: &[f64]) -> Result<[f64; 3], InvalidMessage> {
    let three = <[f64; 3]>::try_from(values).map_err(|_other_length| {
        InvalidMessage::malformed(
            field,
            format!("it has {} values, one for each of 3 colours are needed", values.len()),
        )
    })?;
    three.iter().try_for_each(|value| finite(field, *value).map(|_finite| ()))?;
    Ok(three)
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

    use domain::Precision;

    use super::*;

    fn full() -> ModelCard {
        let map = |key: &str, number: u64| BTreeMap::from([(key.to_owned(), number)]);
        ModelCard {
            precision: Some(Precision::FP32),
            weights: Weights::Random { seed: 0 },
            task: Some("image-classification".to_owned()),
            preprocessing: Some(ImagePreprocessing {
                colours: "rgb".to_owned(),
                resize: 256,
                interpolation: "bicubic".to_owned(),
                crop: 224,
                mean: [1.0, 2.0, 3.0],
                std: [4.0, 5.0, 6.0],
                layout: "nchw".to_owned(),
            }),
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
    fn a_card_with_impossible_figures_is_refused() {
        let preprocessing = |wire: &mut pb::ModelCard| wire.preprocessing.clone().expect("it is there");
        let spoil: [fn(&mut pb::ImagePreprocessing); 4] = [
            |image| image.crop = 0,
            |image| image.mean = vec![1.0],
            |image| image.std[1] = f64::NAN,
            |image| image.mean.push(1.0),
        ];
        for spoil in spoil {
            let mut wire = pb::ModelCard::from(full());
            let mut image = preprocessing(&mut wire);
            spoil(&mut image);
            wire.preprocessing = Some(image);
            ModelCard::try_from(wire).expect_err("spoilt");
        }
    }
}
