//! "Did you mean": which of the files that are there somebody may have had in mind.

/// So many are read at a glance.
const SUGGESTIONS: usize = 5;
/// Of `strsim::jaro_winkler`, where 1 is the same: below it, names of models have nothing in common but letters.
const SIMILAR: f64 = 0.75;

/// The names nearest to `wanted`, or else the models among the names, as the half sentence of a hint.
pub(crate) fn did_you_mean<'a>(wanted: &str, names: impl Iterator<Item = &'a str>) -> Option<String> {
    let file_name = |path: &'a str| path.rsplit('/').next().unwrap_or(path);
    let wanted_name = wanted.rsplit('/').next().unwrap_or(wanted);
    let mut scored: Vec<(f64, &str)> = names
        .map(|name| {
            // The right name in another folder is the commonest mistake.
            let score = strsim::jaro_winkler(wanted, name).max(strsim::jaro_winkler(wanted_name, file_name(name)));
            (score, name)
        })
        .collect();
    scored.sort_by(|left, right| right.0.total_cmp(&left.0).then_with(|| left.1.cmp(right.1)));
    let mut found: Vec<&str> =
        scored.iter().filter(|(score, _)| *score >= SIMILAR).map(|(_, name)| *name).take(SUGGESTIONS).collect();
    if found.is_empty() {
        found = scored.iter().map(|(_, name)| *name).filter(|name| is_model(name)).take(SUGGESTIONS).collect();
    }
    (!found.is_empty()).then(|| format!("did you mean `{}`?", found.join("`, `").escape_debug()))
}

fn is_model(name: &str) -> bool {
    name.rsplit_once('.').is_some_and(|(_, extension)| matches!(extension, "onnx" | "safetensors"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_right_name_in_another_folder_comes_first() {
        let names = ["README.md", "onnx/model.onnx", "onnx/model_int8.onnx", "vocab.txt"];
        let suggestion = did_you_mean("model.onnx", names.into_iter()).expect("a suggestion");
        assert!(suggestion.starts_with("did you mean `onnx/model.onnx`"), "{suggestion}");
        assert!(!suggestion.contains("README"), "{suggestion}");
    }

    #[test]
    fn without_a_similar_name_the_models_are_named() {
        let suggestion = did_you_mean("zzz", ["README.md", "a/b.onnx"].into_iter());
        assert_eq!(suggestion.as_deref(), Some("did you mean `a/b.onnx`?"));
        assert_eq!(did_you_mean("zzz", ["README.md"].into_iter()), None);
    }
}
