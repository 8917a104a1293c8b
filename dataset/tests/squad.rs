//! Questions with their contexts and answers.

use domain::Task;
use furlong_dataset::{DataSet, Input};
use score::Truth;

use crate::{Folder, bad, good, ids, refused};

const TASK: Task = Task::QuestionAnswering;

const TWO: &str = r#"{"version": "1.1", "data": [
  {"title": "A", "paragraphs": [{"context": "Blue sky.", "qas": [
    {"id": "q1", "question": "Colour?", "answers": [{"answer_start": 0, "text": "Blue"}, {"answer_start": 0, "text": "Blue sky"}]}]}]},
  {"title": "B", "paragraphs": [{"context": "Red soil.", "qas": [
    {"id": "q2", "question": "Which?", "answers": [{"answer_start": 0, "text": "Red"}]},
    {"id": "q3", "question": "Why?", "answers": [], "is_impossible": true}]}]}]}"#;

#[test]
fn questions_come_with_their_own_context_and_all_answers() {
    let folder = Folder::new(&[("dev-v1.1.json", TWO.as_bytes()), ("train-v1.1.json", b"{}"), ("evaluate.py", b"")]);
    let data_set = folder.open(TASK);
    let examples: Vec<_> = data_set.examples().filter_map(Result::ok).collect();
    assert_eq!(ids(&examples), ["q1", "q2"]);
    assert_eq!(examples[0].truth, Truth::Answers(vec!["Blue".to_owned(), "Blue sky".to_owned()]));
    let second = Input::Question { question: "Which?".to_owned(), context: "Red soil.".to_owned() };
    assert_eq!(examples[1].input, second);
    let [bad] = bad(&data_set).try_into().expect("one");
    assert_eq!((bad.index, bad.id.as_str()), (2, "q3"));
    assert!(bad.why.contains("v2.0"), "{}", bad.why);
}

#[test]
fn any_json_file_alone_will_do() {
    let folder = Folder::one("questions.json", &TWO.replace("\"answers\": []", "\"answers\": [{\"text\": \"x\"}]"));
    assert_eq!(good(&folder.open(TASK)).len(), 3);
    assert_eq!(good(&DataSet::open(&folder.at("questions.json"), TASK).expect("opened")).len(), 3);
}

#[test]
fn other_documents_are_refused() {
    let folder = Folder::new(&[]);
    for (content, expected) in [
        ("{", "line 1"),
        ("[]", "is not SQuAD v1.1 in JSON"),
        (r#"{"data": []}"#, "has no examples"),
        (r#"{"data": [{"paragraphs": [{"context": "c", "qas": [{"id": "q", "question": "?"}]}]}]}"#, "no answer"),
        (&TWO.replace("q2", "q1"), "the question \"q1\" twice: in paragraph 1 and in paragraph 2"),
    ] {
        folder.write("dev.json", content.as_bytes());
        let message = refused(&folder.at("dev.json"), TASK);
        assert!(message.contains(expected), "{message}");
    }
}
