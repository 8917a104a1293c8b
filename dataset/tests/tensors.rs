//! Tensors that come ready-made: files of int8 with a list, and rows of numbers.

use domain::Task;
use furlong_dataset::{DataSet, Input};

use crate::{Folder, bad, good, ids, labels, refused};

const TASK: Task = Task::TensorClassification;

#[test]
fn files_of_int8_come_in_the_order_of_their_list() {
    let files: [(&str, &[u8]); 4] = [
        ("kws/kws01/y_labels.csv", b"b.bin, 12, 7\r\na.bin,12,0\r\n"),
        ("kws/kws01/a.bin", &[0, 1, 127]),
        ("kws/kws01/b.bin", &[0x80, 0xff, 5]),
        ("kws/model.csv", b"not,this"),
    ];
    let folder = Folder::new(&files);
    for path in ["", "kws/kws01", "kws/kws01/y_labels.csv"] {
        let data_set = DataSet::open(&folder.at(path), TASK).expect(path);
        let examples = good(&data_set);
        assert_eq!(ids(&examples), ["b.bin", "a.bin"]);
        assert_eq!(labels(&examples), [7, 0]);
        assert_eq!(examples[0].input, Input::Values(vec![-128.0, -1.0, 5.0]));
        assert_eq!(data_set.facts().labels, Some(12));
    }
}

#[test]
fn lines_and_files_that_do_not_fit_are_bad_examples() {
    let list = b"a.bin,2,0\nb.bin,2,1\nshort.bin,2,1\ngone.bin,2,1\na.bin,2,2\nb.bin,2\n../c.bin,2,0\nx.bin,two,0\n";
    let files: [(&str, &[u8]); 4] = [("y_labels.csv", list), ("a.bin", b"12"), ("b.bin", b"34"), ("short.bin", b"5")];
    let data_set = Folder::new(&files);
    let data_set = data_set.open(TASK);
    let expected = [
        ("short.bin", "1 bytes, and the others have 2"),
        ("gone.bin", "no such file"),
        ("line 5", "unknown label 2; there are 2 classes"),
        ("line 6", "it has 2 cells"),
        ("line 7", "leads upwards"),
        ("line 8", "not a number of classes"),
    ];
    let bad = bad(&data_set);
    assert_eq!(bad.len(), expected.len());
    for (bad, (id, why)) in bad.iter().zip(expected) {
        assert_eq!(bad.id, id);
        assert!(bad.why.contains(why), "{}", bad.why);
    }
}

#[test]
fn lists_of_files_that_say_nothing_are_refused() {
    for (list, expected) in [
        ("", "has no examples"),
        ("a.bin,2\n", "line 1: it has 2 cells"),
        ("b.bin,2,1\n", "b.bin: there is no such file"),
        ("a.bin,2,1\na.bin,2,0\n", "the file `a.bin` twice: in line 1 and in line 2"),
    ] {
        let message = Folder::new(&[("y_labels.csv", list.as_bytes()), ("a.bin", b"1")]).refused(TASK);
        assert!(message.contains(expected), "{message}");
    }
}

#[test]
fn rows_of_numbers_end_with_the_label() {
    for (content, layout) in [
        ("0,1.5,-2e3,1\n7,8,9,4.0\n", "CSV of values and a label"),
        ("0,1,2,label\r\n0,1.5,-2e3,1\r\n7,8,9,4.000e+00\r\n", "CSV of values and a label, with a header"),
    ] {
        let folder = Folder::one("digits.csv", content);
        let data_set = folder.open(TASK);
        assert_eq!((data_set.facts().layout, data_set.facts().labels), (layout, Some(5)));
        let examples = good(&data_set);
        assert_eq!(labels(&examples), [1, 4]);
        assert_eq!(examples[0].input, Input::Values(vec![0.0, 1.5, -2000.0]));
        // Without a name, as an artifact is.
        folder.write("0a1b2c", content.as_bytes());
        assert_eq!(good(&DataSet::open(&folder.at("0a1b2c"), TASK).expect("opened")), examples);
    }
}

#[test]
fn rows_that_do_not_fit_are_bad_examples() {
    let data_set = Folder::one("digits.csv", "1,2,0\n1,0\n1,x,0\n1,inf,0\n1,2,0.5\n1,2,-1\n1,2,cat\n\n3,4,2\n");
    let data_set = data_set.open(TASK);
    assert_eq!(labels(&data_set.examples().filter_map(Result::ok).collect::<Vec<_>>()), [0, 2]);
    let bad = bad(&data_set);
    let expected = ["2 cells, and the first row has 3", "cell 2 is \"x\"", "cell 2 is \"inf\"", "0.5", "-1", "cat"];
    assert_eq!(bad.len(), expected.len());
    for (bad, why) in bad.iter().zip(expected) {
        assert!(bad.why.contains(why), "{}", bad.why);
    }
}

#[test]
fn other_files_are_refused() {
    let folder = Folder::new(&[]);
    for (content, expected) in [
        ("", "has no examples"),
        ("a,b,label\n", "has no examples"),
        ("hello\nworld\n", "a single cell"),
        ("1,2,x\n1,2,y\n", "\"y\""),
    ] {
        folder.write("digits.csv", content.as_bytes());
        let message = refused(&folder.at("digits.csv"), TASK);
        assert!(message.contains(expected), "{message}");
    }
    assert!(Folder::new(&[]).refused(TASK).contains("looked for `y_labels.csv` and a CSV file alone"));
}
