//! Which nodes lose most by quantisation: scores from elsewhere, turned into names to exclude. Pure.

use std::collections::BTreeMap;

/// A score by node: the higher, the more a model suffers when that node is quantised.
#[derive(Debug, Clone, PartialEq)]
pub struct Sensitivities(BTreeMap<String, f64>);

/// JSON that holds no scores.
#[derive(Debug, thiserror::Error)]
#[error("no sensitivities: expected a JSON object with a number for each node name, as in {{\"conv1\": 0.02}}")]
pub struct InvalidSensitivities {
    source: serde_json::Error,
}

impl Sensitivities {
    /// Reads `{"node": score, ..}`.
    pub fn parse(json: &str) -> Result<Self, InvalidSensitivities> {
        serde_json::from_str(json).map(Self).map_err(|source| InvalidSensitivities { source })
    }

    /// Nodes whose score is at least the threshold, by name.
    pub fn at_least(&self, threshold: f64) -> Vec<String> {
        self.0.iter().filter(|&(_, &score)| score >= threshold).map(|(name, _)| name.clone()).collect()
    }

    /// The most sensitive nodes, the first of them first; of equal ones those with the lesser names.
    pub fn top(&self, count: usize) -> Vec<String> {
        let mut nodes: Vec<(&String, &f64)> = self.0.iter().collect();
        nodes.sort_by(|(_, a), (_, b)| b.total_cmp(a));
        nodes.into_iter().take(count).map(|(name, _)| name.clone()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_sensitive_nodes_are_named() {
        let scores = Sensitivities::parse(r#"{"c": 0.5, "a": 0.01, "b": 0.5, "d": 2}"#).expect("scores");
        assert_eq!(scores.at_least(0.5), ["b", "c", "d"]);
        assert_eq!(scores.top(2), ["d", "b"]);
        assert_eq!(scores.top(9).len(), 4);
    }

    #[test]
    fn something_else_is_refused_with_an_example() {
        for text in ["[1]", r#"{"a": "high"}"#, "a: 1"] {
            let error = Sensitivities::parse(text).expect_err(text);
            assert!(error.to_string().contains(r#"{"conv1": 0.02}"#), "{error}");
        }
    }
}
