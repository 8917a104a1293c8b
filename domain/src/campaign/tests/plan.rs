use super::{GOOD, check_error, plan};
use crate::Digest;

#[test]
fn the_product_follows_the_order_of_declaration() {
    let plan = plan(GOOD).expect("a good file");
    let settings: Vec<_> =
        plan.cells.iter().map(|cell| (cell.number, cell.spec.intra_threads, cell.spec.sequence_length)).collect();
    assert_eq!(settings, [(1, 1, Some(32)), (2, 1, Some(128)), (3, 2, Some(32)), (4, 2, Some(128))]);
}

#[test]
fn interleaved_runs_every_cell_once_before_any_twice() {
    let runs = |text: &str| -> Vec<(u32, u32)> {
        plan(text).expect("a good file").runs().iter().map(|run| (run.repetition, run.cell)).collect()
    };
    assert_eq!(runs(GOOD), [(1, 1), (1, 2), (1, 3), (1, 4), (2, 1), (2, 2), (2, 3), (2, 4)]);
    let blocked = GOOD.replace("interleaved", "blocked");
    assert_eq!(runs(&blocked)[..4], [(1, 1), (2, 1), (1, 2), (2, 2)]);
}

#[test]
fn a_cell_keeps_its_key_when_the_file_is_reordered() {
    let keys = |text: &str| {
        let mut keys: Vec<Digest> = plan(text).expect("a good file").cells.iter().map(|cell| cell.key).collect();
        keys.sort();
        keys
    };
    let reordered =
        GOOD.replace("  intra_threads: [1, 2]\n", "").replace("[32, 128]\n", "[128, 32]\n  intra_threads: [2, 1]\n");
    assert_eq!(keys(GOOD), keys(&reordered));
}

#[test]
fn every_key_of_a_plan_differs() {
    let mut keys: Vec<Digest> = plan(GOOD).expect("a good file").cells.iter().map(|cell| cell.key).collect();
    keys.sort();
    keys.dedup();
    assert_eq!(keys.len(), 4);
}

#[test]
fn all_problems_of_a_file_come_at_once_with_their_places() {
    check_error(
        &GOOD.replace("furlong/v1", "furlong/v2").replace("[1, 2]", "[1, 0, 1]"),
        "\
error: unknown apiVersion `furlong/v2`
  --> test.yaml:1:13
  |
1 | apiVersion: furlong/v2
  |             ^^^^^^^^^^
  = hint: this version reads `furlong/v1`

error: intra_threads is 0, it must be 1 to 1024
  --> test.yaml:8:22
  |
8 |   intra_threads: [1, 0, 1]
  |                      ^

error: `1` stands twice in matrix.intra_threads
  --> test.yaml:8:25
  |
8 |   intra_threads: [1, 0, 1]
  |                         ^",
    );
}

#[test]
fn an_unknown_model_is_named_with_the_nearest_known_one() {
    check_error(
        &GOOD.replace("[minilm-l6]", "[minilm-l7]"),
        "\
error: unknown model `minilm-l7` in matrix.model
  --> test.yaml:9:11
  |
9 |   model: [minilm-l7]
  |           ^^^^^^^^^
  = hint: did you mean `minilm-l6`?",
    );
}

#[test]
fn text_for_a_model_without_tokenizer_is_refused() {
    let error = plan(&GOOD.replace("[minilm-l6]", "[mobilenet]")).expect_err("no tokenizer");
    assert!(error.contains("model `mobilenet` takes text input here but has no tokenizer"), "{error}");
    assert!(error.contains("test.yaml:5:18"), "{error}");
}

#[test]
fn unknown_keys_wrong_types_and_duplicate_keys_name_their_place() {
    for (from, to, place, what) in [
        ("  model: [", "  modle: [", "test.yaml:9:3", "unknown key `modle`"),
        ("min_queries: 64", "min_queries: many", "test.yaml:6:27", "whole number"),
        ("min_duration: 2s", "min_duration: 2", "test.yaml:6:45", "not a duration"),
        ("name: threads", "name: threads\nname: again", "test.yaml:4:1", "duplicate key `name`"),
        ("[1, 2]", "[1, 2", "test.yaml:9:8", "illegal placement"),
        ("repetitions: 2", "repetitions: -2", "test.yaml:6:62", "whole number"),
    ] {
        let text = GOOD.replacen(from, to, 1);
        assert_ne!(text, GOOD);
        let error = plan(&text).expect_err("a bad file");
        assert!(error.contains(place) && error.contains(what), "{from:?} -> {to:?}:\n{error}");
        assert!(!error.contains("line 6"), "the place stands twice:\n{error}");
    }
}

#[test]
fn words_that_yaml_1_1_took_for_booleans_stay_words() {
    let plan = plan(&GOOD.replace("name: threads", "name: no")).expect("a good file");
    assert_eq!(plan.name, "no");
}

#[test]
fn paths_may_not_leave_the_campaigns_folder() {
    let error = plan(&GOOD.replace("sentences.txt", "../secrets.txt")).expect_err("escapes");
    assert!(error.contains("test.yaml:5:18"), "{error}");
}

#[test]
fn a_matrix_beyond_the_ceiling_is_refused() {
    let many: Vec<String> = (1..=1024).map(|threads| threads.to_string()).collect();
    let text = GOOD.replace("[1, 2]", &format!("[{}]", many.join(", "))).replace("[32, 128]", "[1,2,3,4,5,6]");
    let error = plan(&text).expect_err("too many");
    assert!(error.contains("6144 cells and 12288 runs"), "{error}");
}

#[test]
fn an_empty_file_and_an_empty_axis_are_errors() {
    assert!(plan("").is_err());
    let error = plan(&GOOD.replace("[minilm-l6]", "[]")).expect_err("empty");
    assert!(error.contains("matrix.model is empty"), "{error}");
}
