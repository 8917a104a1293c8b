//! Real data sets, counted by their makers. They are shared between projects and not part of a clone; without them the tests
//! say so and end.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use domain::Task;
use furlong_dataset::{DataSet, Input, pack};
use score::Truth;

use crate::{bad, good, image, labels, refused};

const DATA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/data");

#[expect(clippy::print_stdout, reason = "a skipped test says so")]
fn data(name: &str) -> Option<PathBuf> {
    let path = Path::new(DATA).join(name);
    if !path.exists() {
        println!("skipped: no shared data");
        return None;
    }
    Some(path)
}

fn open(path: &Path, task: Task) -> DataSet {
    DataSet::open(path, task).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn glue_has_the_published_numbers_of_labels() {
    let Some(glue) = data("glue") else { return };
    for (task, official, layout, counts) in [
        (Task::Sst2, Some("GLUE SST-2 dev"), "table with tabs and a header, labels as numbers", [428, 444]),
        (Task::Mrpc, None, "table with tabs and a header, labels as numbers", [129, 279]),
        (Task::Rte, None, "table with tabs and a header, labels as numbers", [146, 131]),
        (Task::Cola, None, "CoLA's table without a header", [324, 719]),
        (Task::Qnli, None, "table with tabs and a header, labels as words", [2702, 2761]),
    ] {
        let data_set = open(&glue, task);
        let mut found = BTreeMap::new();
        for label in labels(&good(&data_set)) {
            *found.entry(label).or_insert(0) += 1;
        }
        assert_eq!(found, BTreeMap::from([(0, counts[0]), (1, counts[1])]), "{task}");
        assert_eq!((data_set.facts().official, data_set.facts().layout), (official, layout), "{task}");
    }
}

#[test]
fn both_forms_of_sts_say_the_same() {
    let Some(folder) = data("glue/STS-B") else { return };
    let graded = |data_set: &DataSet| -> Vec<f64> {
        let grade = |truth| if let Truth::Value(grade) = truth { grade } else { panic!("{truth:?}") };
        good(data_set).into_iter().map(|example| grade(example.truth)).collect()
    };
    let tabs = graded(&open(&folder, Task::Stsb));
    assert_eq!(tabs.len(), 1500);
    assert!(tabs == graded(&open(&folder.join("stsb-en-dev.csv"), Task::SentenceSimilarity)));
}

#[test]
fn an_official_file_is_known_for_another_tasks() {
    let Some(file) = data("glue/SST-2/dev.tsv") else { return };
    assert!(refused(&file, Task::Cola).contains("is GLUE SST-2 dev, and not a set of the task glue/cola"));
}

#[test]
fn questions_and_answers_are_counted() {
    let Some(folder) = data("squad") else { return };
    for (name, questions, answers) in
        [("xquad.en.dev40.json", 1013, 1013), ("xquad.en.devtest4.json", 98, 98), ("squad_multi_answer6.json", 6, 21)]
    {
        let examples = good(&open(&folder.join(name), Task::QuestionAnswering));
        let count = |truth: &Truth| if let Truth::Answers(answers) = truth { answers.len() } else { 0 };
        assert_eq!(examples.len(), questions, "{name}");
        assert_eq!(examples.iter().map(|example| count(&example.truth)).sum::<usize>(), answers, "{name}");
    }
    assert!(refused(&folder, Task::QuestionAnswering).contains("several data sets"));
}

#[test]
fn photos_are_found_by_their_list_also_when_packed() {
    let Some(folder) = data("imagenet_amd254") else { return };
    let data_set = open(&folder, Task::ImageClassification);
    let examples = good(&data_set);
    assert_eq!(examples.len(), 254);
    assert_eq!((examples[0].id.as_str(), examples[0].truth.clone()), ("AMD-tinyDataSet_0000.JPEG", Truth::Label(339)));
    assert!(examples.iter().all(|example| image(example).starts_with(b"\xff\xd8")));
    // The makers' own list has two photos with two labels.
    assert!(refused(&folder.join("sample"), Task::ImageClassification).contains("twice: in line"));

    let target = tempfile::tempdir().expect("a temporary folder");
    let into = target.path().join("packed");
    pack(&folder, Task::ImageClassification, &into).unwrap_or_else(|error| panic!("{error}"));
    assert!(good(&open(&into, Task::ImageClassification)) == examples);
}

#[test]
fn coco_has_its_photos_boxes_and_crowds() {
    let Some(folder) = data("coco_val80") else { return };
    let data_set = open(&folder, Task::ObjectDetection);
    assert_eq!(data_set.categories().len(), 80);
    assert_eq!((data_set.categories()[0], data_set.categories()[79]), (1, 90));
    let examples = good(&data_set);
    let boxes: Vec<_> = examples
        .iter()
        .flat_map(|example| if let Truth::Boxes(boxes) = &example.truth { boxes.clone() } else { Vec::new() })
        .collect();
    assert_eq!((examples.len(), boxes.len(), boxes.iter().filter(|one| one.crowd).count()), (80, 815, 11));
    assert!(examples.is_sorted_by(|one, other| one.id < other.id), "file names are ids with leading zeros");
}

#[test]
fn tensors_have_their_classes() {
    let (Some(kws), Some(digits)) = (data("kws"), data("digits")) else { return };
    let data_set = open(&kws, Task::TensorClassification);
    let examples = good(&data_set);
    assert_eq!((examples.len(), data_set.facts().labels), (1000, Some(12)));
    assert!(examples.iter().all(|example| matches!(&example.input, Input::Values(values) if values.len() == 490)));
    // The file's name ends with its label, as in `tst_000000_Stop_7.bin`.
    for (example, label) in examples.iter().zip(labels(&examples)) {
        assert!(example.id.ends_with(&format!("_{label}.bin")), "{}", example.id);
    }
    let data_set = open(&digits, Task::TensorClassification);
    let examples = good(&data_set);
    assert_eq!((examples.len(), data_set.facts().labels, bad(&data_set).len()), (797, Some(10), 0));
    assert!(examples.iter().all(|example| matches!(&example.input, Input::Values(values) if values.len() == 64)));
}
