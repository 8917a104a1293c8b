//! The schema that editors get, against the reader.

use furlong_domain::campaign::schema;
use serde_json::Value;

use crate::fixture::corpus;

/// As an editor reads YAML: plain scalars have the types of YAML 1.2's core schema.
fn json(text: &str) -> Value {
    let options = serde_saphyr::options! { strict_booleans: true, with_snippet: false };
    serde_saphyr::from_str_with_options(text, options).expect("YAML")
}

fn errors(text: &str) -> Vec<String> {
    let schema = jsonschema::draft7::new(&schema()).expect("a schema");
    schema.iter_errors(&json(text)).map(|error| format!("{}: {error}", error.instance_path())).collect()
}

#[test]
fn every_good_file_satisfies_the_schema() {
    let golden = ("survey.yaml".to_owned(), include_str!("../golden/survey.yaml").to_owned());
    for (name, text) in corpus("good").into_iter().chain([golden]) {
        assert_eq!(errors(&text), Vec::<String>::new(), "{name}");
    }
}

/// What is wrong by its shape, and not by what else is there.
#[test]
fn what_has_the_wrong_shape_is_refused_by_the_schema_too() {
    let mut refused = 0;
    for (name, text) in corpus("bad") {
        let name = name.trim_end_matches(".yaml");
        let by_shape = [
            "defaults-batch-",
            "defaults-unknown-key",
            "defaults-environment",
            "defaults-power",
            "defaults-accuracy",
            "defaults-duration-without-unit",
            "defaults-input-two-sources",
            "defaults-model",
            "defaults-path-escapes",
            "defaults-precision-case",
            "defaults-spinning-word",
            "defaults-tier",
            "defaults-variable-reserved",
            "exclude-bad-value",
            "exclude-empty-value",
            "exclude-not-a-list",
            "exclude-setting",
            "exclude-unknown-key",
            "extra-unknown-key",
            "extra-without-model",
            "gate-baseline",
            "gate-share",
            "head-",
            "include-escapes",
            "labels-",
            "matrix-empty-axis",
            "matrix-model-missing",
            "matrix-not-a-list",
            "matrix-setting-is-no-axis",
            "matrix-unknown-axis",
            "notify-occasion",
            "notify-without-on",
            "not-a-map",
            "overlay-model",
            "overlay-repetitions",
            "overlay-without-with",
            "overlay-when-reason",
            "provider-no-preferences",
        ];
        // That there is neither matrix nor extra is said by the reader alone.
        if by_shape.iter().any(|prefix| name.starts_with(prefix)) && name != "head-nothing-to-measure" {
            assert_ne!(errors(&text), Vec::<String>::new(), "{name}");
            refused += 1;
        }
    }
    assert!(refused >= 35, "{refused}");
}

#[test]
fn the_schema_changes_only_on_purpose() {
    let schema = serde_json::to_string_pretty(&schema()).expect("JSON");
    insta::with_settings!({ omit_expression => true }, { insta::assert_snapshot!("schema", schema); });
}
