use std::collections::BTreeMap;
use std::fs;

use domain::TextPreprocessing;
use serde_json::json;

use super::super::super::input::Axis;
use super::sample::{evaluation, example, file, inputs, left_tokenizer, numbers, output, outputs, tokenizer, tokens};
use super::*;

fn single(text: &str) -> Example {
    example(Input::Text { first: text.to_owned(), second: None })
}

fn pair(first: &str, second: &str) -> Example {
    example(Input::Text { first: first.to_owned(), second: Some(second.to_owned()) })
}

fn made(task: Task, max_length: u32, postprocessing: Postprocessing) -> TextTask {
    let text = TextPreprocessing { max_length, ..TextPreprocessing::default() };
    let evaluation = evaluation(task, Some(text), postprocessing);
    TextTask::new(&evaluation, &inputs(), tokenizer().path()).expect("a task")
}

fn with_defaults(task: Task) -> TextTask {
    made(task, 128, Postprocessing::default())
}

fn ids(task: &TextTask, example: &Example) -> Vec<Vec<u32>> {
    task.rows(example).expect("rows").iter().map(|row| tokens(row).ids.clone()).collect()
}

#[test]
fn a_pair_is_one_row_whose_types_tell_its_texts_apart() {
    let task = with_defaults(Task::Mrpc);
    let rows = task.rows(&pair("a B", "c")).expect("rows");
    assert_eq!(rows.len(), 1);
    assert_eq!(tokens(&rows[0]).ids, [1, 3, 4, 2, 5, 2]);
    assert_eq!(tokens(&rows[0]).types, [0, 0, 0, 0, 1, 1]);
}

#[test]
fn a_text_is_cut_to_the_declared_length_and_never_to_the_tokenizers_own() {
    let long = "a b c d ".repeat(5);
    assert_eq!(ids(&with_defaults(Task::Sst2), &single(&long))[0].len(), 22);
    assert_eq!(ids(&made(Task::Sst2, 6, Postprocessing::default()), &single(&long)), [[1, 3, 4, 5, 6, 2]]);
}

#[test]
fn the_longer_text_of_a_pair_is_cut_first() {
    let task = made(Task::Mrpc, 7, Postprocessing::default());
    assert_eq!(ids(&task, &pair("a", "b c d e f")), [[1, 3, 2, 4, 5, 6, 2]]);
    assert_eq!(ids(&task, &pair("a b c d e", "f")), [[1, 3, 4, 5, 2, 8, 2]]);
    assert_eq!(ids(&task, &pair("a a a a", "b b b b")), [[1, 3, 3, 2, 4, 4, 2]]);
    // The longer one keeps the odd token, however much longer both are than what is kept.
    let task = made(Task::Mrpc, 8, Postprocessing::default());
    assert_eq!(ids(&task, &pair(&"a ".repeat(12), &"b ".repeat(9))), [[1, 3, 3, 3, 2, 4, 4, 2]]);
    assert_eq!(ids(&task, &pair(&"a ".repeat(9), &"b ".repeat(12))), [[1, 3, 3, 2, 4, 4, 4, 2]]);
}

#[test]
fn rows_are_padded_to_the_longest_or_to_the_length_of_the_cell() {
    let task = with_defaults(Task::Sst2);
    let rows: Vec<Row> = ["a", "a b c"].iter().flat_map(|text| task.rows(&single(text)).expect("rows")).collect();
    let query = task.query(&rows.iter().collect::<Vec<&Row>>(), None).expect("a query");
    assert_eq!(query.tensors[0].shape, [2, 5]);
    let expected = [vec![1, 3, 2, 0, 0, 1, 3, 4, 5, 2], vec![1, 1, 1, 0, 0, 1, 1, 1, 1, 1], vec![0; 10]];
    assert_eq!(numbers(&query), expected);
    let query = task.query(&[&rows[0]], Some(6)).expect("a query");
    assert_eq!(numbers(&query)[0], [1, 3, 2, 0, 0, 0]);
    let error = task.query(&[&rows[1]], Some(4)).expect_err("too long");
    assert!(error.contains("5 tokens") && error.contains("max-length: 4"), "{error}");
}

#[test]
fn a_model_of_one_length_gets_it_and_only_the_inputs_it_has() {
    let mut fixed = inputs();
    fixed.truncate(1);
    fixed[0].axes = vec![Axis::Fixed(1), Axis::Fixed(6)];
    let evaluation = evaluation(Task::Sst2, None, Postprocessing::default());
    let task = TextTask::new(&evaluation, &fixed, tokenizer().path()).expect("a task");
    let rows = task.rows(&single("a b c d e f g h")).expect("rows");
    let query = task.query(&[&rows[0]], None).expect("a query");
    assert_eq!(numbers(&query), [[1, 3, 4, 5, 6, 2]]);
    let error = task.query(&[&rows[0]], Some(8)).expect_err("not the model's length");
    assert!(error.contains('6') && error.contains('8'), "{error}");
}

#[test]
fn a_length_without_room_for_words_is_refused() {
    let text = TextPreprocessing { max_length: 4, ..TextPreprocessing::default() };
    let evaluation = evaluation(Task::Rte, Some(text), Postprocessing::default());
    let error = TextTask::new(&evaluation, &inputs(), tokenizer().path()).expect_err("too short").to_string();
    assert!(error.contains("glue/rte") && error.contains("4 tokens") && error.contains("need 5"), "{error}");
}

#[test]
fn an_example_of_another_kind_is_refused() {
    let task = with_defaults(Task::Sst2);
    assert!(task.rows(&example(Input::Values(vec![1.0]))).is_err());
    let error = with_defaults(Task::SentenceSimilarity).rows(&single("a")).expect_err("one sentence");
    assert!(error.contains("one sentence"), "{error}");
}

fn read(task: &TextTask, example: &Example, given: &[RowOutputs]) -> Result<Output, String> {
    task.read(example, &task.rows(example).expect("rows"), given)
}

fn labels(postprocessing: Postprocessing, logits: &[f32]) -> Result<Output, String> {
    let task = made(Task::MnliMatched, 128, postprocessing);
    read(&task, &pair("a", "b"), &[outputs(&[output("logits", &[1, logits.len()], logits)])])
}

#[test]
fn labels_come_by_falling_logit_and_equal_ones_by_class() {
    let plain = Postprocessing::default;
    assert_eq!(labels(plain(), &[0.5, -1.0, 2.0]), Ok(Output::Labels(vec![2, 0, 1])));
    assert_eq!(labels(plain(), &[0.0, -0.0, 0.0]), Ok(Output::Labels(vec![0, 1, 2])));
    assert_eq!(labels(plain(), &[0.0, 1.0, 0.0, 1.0, -1.0, 7.0, 1.0]), Ok(Output::Labels(vec![5, 1, 3, 6, 0])));
}

#[test]
fn classes_become_labels_as_the_card_says_and_those_without_one_are_never_predicted() {
    let swapped = Postprocessing { labels: vec![Some(2), None, Some(0)], ..Postprocessing::default() };
    assert_eq!(labels(swapped, &[0.5, 9.0, 2.0]), Ok(Output::Labels(vec![0, 2])));
    let shifted = Postprocessing { label_offset: -1, ..Postprocessing::default() };
    assert_eq!(labels(shifted, &[9.0, 1.0, 2.0]), Ok(Output::Labels(vec![1, 0])));
    let nothing = Postprocessing { labels: vec![None, None], ..Postprocessing::default() };
    assert!(labels(nothing, &[1.0, 2.0]).is_err_and(|why| why.contains("2 classes")));
}

#[test]
fn logits_are_read_from_the_declared_output_else_by_their_name_else_from_the_first() {
    let (other, logits) = (output("other", &[1, 2], &[1.0, 0.0]), output("logits", &[1, 2], &[0.0, 1.0]));
    let first = |task: &TextTask, given: &[OutputTensor]| match read(task, &single("a"), &[outputs(given)]) {
        Ok(Output::Labels(labels)) => Ok(labels[0]),
        other => Err(format!("{other:?}")),
    };
    let task = with_defaults(Task::Sst2);
    assert_eq!(first(&task, &[other.clone(), logits.clone()]), Ok(1));
    assert_eq!(first(&task, std::slice::from_ref(&other)), Ok(0));
    let named = |name: &str| Postprocessing { output: Some(name.to_owned()), ..Postprocessing::default() };
    assert_eq!(first(&made(Task::Sst2, 128, named("other")), &[logits.clone(), other]), Ok(0));
    let error = first(&made(Task::Sst2, 128, named("scores")), &[logits]).expect_err("no such output");
    assert!(error.contains("scores") && error.contains("logits"), "{error}");
}

#[test]
fn outputs_of_another_shape_are_the_models_fault() {
    let per_token = [outputs(&[output("logits", &[1, 3, 2], &[0.0; 6])])];
    let error = read(&with_defaults(Task::Sst2), &single("a"), &per_token).expect_err("not for a text");
    assert!(error.contains("`logits`") && error.contains("[1, 3, 2]"), "{error}");
    let two = [outputs(&[output("logits", &[1, 2], &[0.0; 2])])];
    let error = read(&with_defaults(Task::Stsb), &pair("a", "b"), &two).expect_err("two numbers");
    assert!(error.contains("a grade is one number"), "{error}");
}

#[test]
fn a_grade_is_the_only_logit_and_finite() {
    let grade = |value: f32| {
        read(&with_defaults(Task::Stsb), &pair("a", "b"), &[outputs(&[output("logits", &[1, 1], &[value])])])
    };
    assert_eq!(grade(3.5), Ok(Output::Value(3.5)));
    assert!(grade(f32::INFINITY).is_err());
}

/// Two sentences of 3 and 4 tokens, in a batch padded to 5, whose padding has absurd vectors.
fn similarity(task: &TextTask, padding_first: bool) -> f64 {
    let given = [(3, [1.0, 0.0]), (4, [3.0, 4.0])].map(|(tokens, vector): (usize, [f32; 2])| {
        let mut vectors = vec![vector; tokens];
        // They cancel each other in the mean.
        vectors[0][0] += 0.5;
        vectors[1][0] -= 0.5;
        let padding = vec![[1e9, -1e9]; 5 - tokens];
        let all = if padding_first { [padding, vectors].concat() } else { [vectors, padding].concat() };
        outputs(&[
            output("pooler_output", &[1, 2], &[0.0; 2]),
            output("last_hidden_state", &[1, 5, 2], all.as_flattened()),
        ])
    });
    match read(task, &pair("a", "b c"), &given) {
        Ok(Output::Value(value)) => value,
        other => panic!("{other:?}"),
    }
}

#[test]
fn similarity_is_the_cosine_of_means_over_a_sentences_own_tokens() {
    let task = with_defaults(Task::SentenceSimilarity);
    assert_eq!(ids(&task, &pair("a", "b c")), [vec![1, 3, 2], vec![1, 4, 5, 2]]);
    assert!((similarity(&task, false) - 0.6).abs() < 1e-12);
    let evaluation = evaluation(Task::SentenceSimilarity, None, Postprocessing::default());
    let left = TextTask::new(&evaluation, &inputs(), left_tokenizer().path()).expect("a task");
    assert!((similarity(&left, true) - 0.6).abs() < 1e-12);
}

#[test]
fn the_first_tokens_vector_or_a_ready_one_can_be_declared() {
    let pooled = |pooling| Postprocessing { pooling: Some(pooling), ..Postprocessing::default() };
    let first = made(Task::SentenceSimilarity, 128, pooled(Pooling::First));
    let expected = 3.5 / 3.5_f64.hypot(4.0);
    assert!((similarity(&first, false) - expected).abs() < 1e-12);
    let ready = [outputs(&[output("x", &[1, 2], &[9.0; 2]), output("sentence_embedding", &[1, 2], &[0.0, 2.0])])];
    let ready = [ready[0].clone(), outputs(&[output("sentence_embedding", &[1, 2], &[1.0, 1.0])])];
    let task = made(Task::SentenceSimilarity, 128, pooled(Pooling::None));
    let Ok(Output::Value(value)) = read(&task, &pair("a", "b"), &ready) else { panic!("no value") };
    assert!((value - 0.5_f64.sqrt()).abs() < 1e-12);
    let error = read(&first, &pair("a", "b"), &ready).expect_err("nothing to pool");
    assert!(error.contains("pooling"), "{error}");
}

#[test]
fn a_vector_without_length_is_like_nothing() {
    let zero = outputs(&[output("sentence_embedding", &[1, 2], &[0.0; 2])]);
    let one = outputs(&[output("sentence_embedding", &[1, 2], &[1.0; 2])]);
    let task = with_defaults(Task::SentenceSimilarity);
    assert_eq!(read(&task, &pair("a", "b"), &[zero, one]), Ok(Output::Value(0.0)));
}

const VOCABULARY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/data/models/bert-base-uncased-vocab.txt");

/// Ids by `BertTokenizer`, the pure Python tokenizer of transformers 4.57.1, with `truncation="longest_first"`.
#[test]
fn berts_vocabulary_gives_the_ids_of_berts_tokenizer() {
    let Ok(vocabulary) = fs::read_to_string(VOCABULARY) else {
        println!("skipped: no shared data");
        return;
    };
    let vocabulary: BTreeMap<&str, usize> = vocabulary.lines().enumerate().map(|(id, token)| (token, id)).collect();
    let bert = json!({
        "version": "1.0", "truncation": null, "padding": null, "added_tokens": [],
        "normalizer": { "type": "BertNormalizer", "clean_text": true, "handle_chinese_chars": true, "strip_accents": null, "lowercase": true },
        "pre_tokenizer": { "type": "BertPreTokenizer" },
        "post_processor": { "type": "BertProcessing", "sep": ["[SEP]", 102], "cls": ["[CLS]", 101] },
        "decoder": null,
        "model": { "type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##", "max_input_chars_per_word": 100, "vocab": vocabulary },
    });
    let bert = file(&bert.to_string());
    let check = |max_length, text: Example, expected: &[u32]| {
        let cut = TextPreprocessing { max_length, ..TextPreprocessing::default() };
        let evaluation = evaluation(Task::Mrpc, Some(cut), Postprocessing::default());
        let task = TextTask::new(&evaluation, &inputs(), bert.path()).expect("a task");
        assert_eq!(ids(&task, &text), [expected]);
    };
    check(
        128,
        single("it 's a charming and often affecting journey . "),
        &[101, 2009, 1005, 1055, 1037, 11951, 1998, 2411, 12473, 4990, 1012, 102],
    );
    check(
        128,
        pair("Amrozi accused his brother, whom he called \"the witness\"", "Café naïve — 東京 costs £5.3m\tÅngström!"),
        &[
            101, 2572, 3217, 5831, 5496, 2010, 2567, 1010, 3183, 2002, 2170, 1000, 1996, 7409, 1000, 102, 7668, 15743,
            1517, 1879, 1755, 5366, 27813, 1012, 1017, 2213, 17076, 15687, 999, 102,
        ],
    );
    check(
        9,
        pair("unflinchingly bleak and desperate", "pneumonoultramicroscopicsilicovolcanoconiosis"),
        &[101, 4895, 10258, 2378, 102, 1052, 2638, 2819, 102],
    );
}
