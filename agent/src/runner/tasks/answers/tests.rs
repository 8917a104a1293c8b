use domain::{Postprocessing, Task, TextPreprocessing};

use super::super::text::sample::{evaluation, example, file, inputs, numbers, output, outputs, tokenizer, tokens};
use super::*;

/// Windows of 100 tokens that share 10: 97 less a question's remain for the context.
fn task(spans: Option<Spans>) -> AnswerTask {
    let text = Some(TextPreprocessing { max_length: 100, stride: 10 });
    let postprocessing = Postprocessing { spans, ..Postprocessing::default() };
    AnswerTask::new(&evaluation(Task::QuestionAnswering, text, postprocessing), &inputs(), tokenizer().path())
        .expect("a task")
}

fn asked(question: &str, context: &str) -> Example {
    example(Input::Question { question: question.to_owned(), context: context.to_owned() })
}

/// Outputs of one window: zeros, but for these.
fn logits(length: usize, starts: &[(usize, f32)], ends: &[(usize, f32)]) -> RowOutputs {
    let [start, end] = [("start_logits", starts), ("end_logits", ends)].map(|(name, given)| {
        let mut values = vec![0.0; length];
        for &(token, value) in given {
            values[token] = value;
        }
        output(name, &[1, length], &values)
    });
    outputs(&[start, end])
}

fn answer(task: &AnswerTask, example: &Example, given: &[RowOutputs]) -> String {
    match task.read(example, &task.rows(example).expect("rows"), given) {
        Ok(Output::Answer(answer)) => answer,
        other => panic!("{other:?}"),
    }
}

#[test]
fn question_and_context_are_one_row_and_the_contexts_tokens_know_their_bytes() {
    let rows = task(None).rows(&asked("  A b", "é c, d")).expect("rows");
    assert_eq!(rows.len(), 1);
    let row = tokens(&rows[0]);
    assert_eq!(row.ids, [1, 3, 4, 2, 11, 5, 11, 6, 2]);
    assert_eq!(row.types, [0, 0, 0, 0, 1, 1, 1, 1, 1]);
    let places = [None, None, None, None, Some((0, 2)), Some((3, 4)), Some((4, 5)), Some((6, 7)), None];
    assert_eq!(row.offsets, places);
    assert_eq!(row.best_here, places.map(|place| place.is_some()));
}

#[test]
fn an_answer_is_cut_out_of_the_context_as_it_is_written() {
    let question = asked("a", "Éa  B, C é");
    // [CLS] a [SEP] Éa B , C é [SEP]
    let given = [logits(9, &[(4, 5.0)], &[(6, 5.0)])];
    assert_eq!(answer(&task(None), &question, &given), "B, C");
    let given = [logits(9, &[(3, 5.0)], &[(3, 5.0)])];
    assert_eq!(answer(&task(None), &question, &given), "Éa");
}

#[test]
fn an_answer_lies_in_the_context_and_in_order_and_is_not_too_long() {
    let question = asked("a", "b c d e f g h");
    // [CLS] a [SEP] b c d e f g h [SEP]; the question's tokens are the most likely ones.
    let given = [logits(11, &[(1, 9.0), (8, 5.0), (4, 2.0)], &[(2, 9.0), (3, 5.5), (9, 3.0), (7, 3.5)])];
    assert_eq!(answer(&task(None), &question, &given), "g h");
    let short = Spans { max_answer_length: 1, ..Spans::default() };
    assert_eq!(answer(&task(Some(short)), &question, &given), "b");
}

#[test]
fn only_the_best_starts_and_ends_are_combined_and_of_equal_answers_the_first_wins() {
    let question = asked("a", "b c d e");
    let given = [logits(8, &[(2, 9.0), (5, 4.0), (3, 4.0)], &[(1, 9.0), (6, 4.0), (4, 4.0)])];
    // Sums of 8: b to c, b to e, d to e. Starts come by their logits, and equal ones by their place.
    assert_eq!(answer(&task(None), &question, &given), "b c");
    let one = Spans { n_best: 1, ..Spans::default() };
    assert_eq!(answer(&task(Some(one)), &question, &given), "", "the best ones are not in the context");
    let two = Spans { n_best: 2, ..Spans::default() };
    assert_eq!(answer(&task(Some(two)), &question, &given), "b c");
}

#[test]
fn outputs_are_read_by_their_declared_names_and_a_missing_one_is_named() {
    let question = asked("a", "b c");
    let spans = Spans { start: "begin".to_owned(), end: "stop".to_owned(), ..Spans::default() };
    let given = outputs(&[
        output("stop", &[1, 6, 1], &[0.0, 0.0, 0.0, 1.0, 0.0, 0.0]),
        output("begin", &[1, 6], &[0.0, 0.0, 0.0, 1.0, 0.0, 0.0]),
    ]);
    assert_eq!(answer(&task(Some(spans)), &question, std::slice::from_ref(&given)), "b");
    let task = task(None);
    let rows = task.rows(&question).expect("rows");
    let error = task.read(&question, &rows, &[given]).expect_err("no such output");
    assert!(error.contains("start_logits") && error.contains("stop, begin"), "{error}");
    let short = outputs(&[output("start_logits", &[1, 5], &[0.0; 5])]);
    let error = task.read(&question, &rows, &[short]).expect_err("too few numbers");
    assert!(error.contains("5 tokens of 6"), "{error}");
}

#[test]
fn an_empty_context_has_an_empty_answer() {
    let question = asked("a", " ");
    let rows = task(None).rows(&question).expect("rows");
    assert_eq!(tokens(&rows[0]).ids, [1, 3, 2, 2]);
    assert_eq!(answer(&task(None), &question, &[logits(4, &[(1, 9.0)], &[(1, 9.0)])]), "");
}

/// 250 words, of which the n-th begins at byte 2n.
fn long_context() -> String {
    "a b c d e f g h ".repeat(32)[..500].to_owned()
}

#[test]
fn a_long_context_is_seen_through_windows_that_share_the_stride() {
    let rows = task(None).rows(&asked("a b", &long_context())).expect("rows");
    // Room for 95: they begin at 0, 85 and 170.
    let places: Vec<Vec<u32>> =
        rows.iter().map(|row| tokens(row).offsets.iter().flatten().map(|at| at.0).collect()).collect();
    assert_eq!(places.iter().map(Vec::len).collect::<Vec<usize>>(), [95, 95, 80]);
    assert_eq!(places.iter().map(|of_window| of_window[0]).collect::<Vec<u32>>(), [0, 170, 340]);
    assert!(rows.iter().all(|row| tokens(row).types.iter().sum::<u32>() as usize == tokens(row).ids.len() - 4));
    assert!(rows.iter().all(|row| tokens(row).ids[..4] == [1, 3, 4, 2] && tokens(row).ids.last() == Some(&2)));
}

#[test]
fn every_token_is_best_in_the_window_that_shows_the_most_around_it() {
    let rows = task(None).rows(&asked("a b", &long_context())).expect("rows");
    let best: Vec<Vec<u32>> = rows
        .iter()
        .map(|row| {
            let row = tokens(row);
            row.offsets
                .iter()
                .zip(&row.best_here)
                .filter(|(_, best)| **best)
                .map(|(at, _)| at.expect("a place").0 / 2)
                .collect()
        })
        .collect();
    // Words 85 to 94 are in both of the first: as far from the end of one as from the beginning of the other at 89.5.
    assert_eq!(best, [(0..90).collect::<Vec<u32>>(), (90..175).collect(), (175..250).collect()]);
}

#[test]
fn the_greatest_sum_over_all_windows_wins_but_begins_where_it_shows_the_most_context() {
    let question = asked("a b", &long_context());
    let task = task(None);
    let lengths: Vec<usize> = task.rows(&question).expect("rows").iter().map(|row| tokens(row).ids.len()).collect();
    let windows = |second: f32| {
        [
            // Word 92 in the first window, which is not its best: token 4 + 92.
            logits(lengths[0], &[(96, 9.0), (14, 2.0)], &[(96, 9.0), (14, 2.0)]),
            logits(lengths[1], &[(40, second)], &[(41, second)]),
            logits(lengths[2], &[(50, 2.5)], &[(50, 2.5)]),
        ]
    };
    let text = |from: usize, words: usize| long_context()[2 * from..2 * (from + words) - 1].to_owned();
    assert_eq!(answer(&task, &question, &windows(3.0)), text(85 + 36, 2));
    assert_eq!(answer(&task, &question, &windows(1.0)), text(170 + 46, 1));
}

/// `RoBERTa`'s way: a token has the blank before it, and its place is put right afterwards, which must not happen twice.
const WITH_BLANKS: &str = r#"{
    "version": "1.0", "truncation": null, "padding": null, "added_tokens": [], "normalizer": null,
    "pre_tokenizer": { "type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true },
    "post_processor": { "type": "RobertaProcessing", "sep": ["</s>", 2], "cls": ["<s>", 0], "trim_offsets": true, "add_prefix_space": false },
    "decoder": null,
    "model": { "type": "WordLevel", "unk_token": "<unk>", "vocab": { "<s>": 0, "<pad>": 1, "</s>": 2, "<unk>": 3, "bcd": 4, "\u0120efg": 5 } }
}"#;

#[test]
fn a_token_with_its_blank_lies_where_its_word_does() {
    let evaluation = evaluation(Task::QuestionAnswering, None, Postprocessing::default());
    let task = AnswerTask::new(&evaluation, &inputs(), file(WITH_BLANKS).path()).expect("a task");
    let rows = task.rows(&asked("bcd", "bcd efg")).expect("rows");
    assert_eq!(tokens(&rows[0]).ids, [0, 4, 2, 2, 4, 5, 2]);
    assert_eq!(tokens(&rows[0]).offsets[4..6], [Some((0, 3)), Some((4, 7))]);
}

#[test]
fn a_tokenizer_without_special_tokens_still_tells_question_and_context_apart() {
    let plain: serde_json::Value = serde_json::from_str(WITH_BLANKS).expect("JSON");
    let serde_json::Value::Object(mut plain) = plain else { panic!("no object") };
    plain.insert("post_processor".to_owned(), serde_json::Value::Null);
    let evaluation = evaluation(Task::QuestionAnswering, None, Postprocessing::default());
    let plain = file(&serde_json::to_string(&plain).expect("JSON"));
    let task = AnswerTask::new(&evaluation, &inputs(), plain.path()).expect("a task");
    let rows = task.rows(&asked("bcd", "bcd")).expect("rows");
    assert_eq!(tokens(&rows[0]).ids, [4, 4]);
    assert_eq!(tokens(&rows[0]).offsets, [None, Some((0, 3))]);
}

#[test]
fn a_question_without_end_is_cut_so_that_a_context_is_seen() {
    let rows = task(None).rows(&asked(&"a ".repeat(500), &long_context())).expect("rows");
    // 100 less 64 of the question and 3 special ones is 33, of which 10 are shared.
    assert_eq!(tokens(&rows[0]).ids.len(), 100);
    assert_eq!(rows.len(), 1 + (250_usize - 33).div_ceil(23));
}

#[test]
fn windows_are_padded_as_every_row_is() {
    let task = task(None);
    let rows = task.rows(&asked("a b", &long_context())).expect("rows");
    let query = task.query(&rows.iter().collect::<Vec<&Row>>(), None).expect("a query");
    assert_eq!(query.tensors[0].shape, [3, 100]);
    assert_eq!(numbers(&query)[1][200..].iter().sum::<i64>(), 85);
}

#[test]
fn a_length_that_the_shared_tokens_fill_is_refused() {
    let text = Some(TextPreprocessing::default());
    let evaluation = evaluation(Task::QuestionAnswering, text, Postprocessing::default());
    let error = AnswerTask::new(&evaluation, &inputs(), tokenizer().path()).expect_err("no room").to_string();
    assert!(error.contains("128 tokens") && error.contains("need 196") && error.contains("stride"), "{error}");
}

/// A case of `golden/spans.json`, which `spans.py` beside it writes with the `transformers` library.
#[derive(serde::Deserialize)]
struct Golden {
    n_best: u32,
    longest: u32,
    question: String,
    context: String,
    windows: Vec<GoldenWindow>,
    answer: String,
}

#[derive(serde::Deserialize)]
struct GoldenWindow {
    length: usize,
    starts: Vec<(usize, f32)>,
    ends: Vec<(usize, f32)>,
}

#[test]
fn windows_and_answers_are_those_of_berts_script() {
    let golden: Vec<Golden> = serde_json::from_str(include_str!("golden/spans.json")).expect("JSON");
    for Golden { n_best, longest, question, context, windows, answer: expected } in golden {
        let task = task(Some(Spans { n_best, max_answer_length: longest, ..Spans::default() }));
        let question = asked(&question, &context);
        let rows = task.rows(&question).expect("rows");
        let lengths = |windows: &[GoldenWindow]| windows.iter().map(|window| window.length).collect::<Vec<usize>>();
        assert_eq!(rows.iter().map(|row| tokens(row).ids.len()).collect::<Vec<usize>>(), lengths(&windows));
        let given: Vec<RowOutputs> =
            windows.iter().map(|window| logits(window.length, &window.starts, &window.ends)).collect();
        // The script's word for no answer; a wrong answer either way.
        let expected = if expected == "empty" { String::new() } else { expected };
        assert_eq!(answer(&task, &question, &given), expected, "{context}");
    }
}
