//! Photos with labels, by a list and by folders of synsets. Nobody decodes them here, so that any bytes will do.

use std::fs;

use domain::Task;
use furlong_dataset::DataSet;

use crate::{Folder, bad, good, ids, image, labels, refused};

const TASK: Task = Task::ImageClassification;

#[test]
fn images_are_found_beside_the_list_below_it_and_elsewhere() {
    for place in ["", "images/", "val/", "sample/deep/"] {
        let (one, two) = (format!("{place}a.JPEG"), format!("{place}b c.png"));
        let files: [(&str, &[u8]); 4] = [
            ("val.txt", b"b c.png 7\r\n\r\na.JPEG\t0\r\n"),
            (&one, b"one"),
            (&two, b"two"),
            ("notes.txt", b"hello world"),
        ];
        let folder = Folder::new(&files);
        let data_set = folder.open(TASK);
        let examples = good(&data_set);
        assert_eq!(ids(&examples), ["b c.png", "a.JPEG"], "{place}");
        assert_eq!(labels(&examples), [7, 0]);
        assert_eq!((image(&examples[0]), image(&examples[1])), (b"two".as_slice(), b"one".as_slice()));
        assert_eq!((data_set.facts().examples, data_set.facts().labels), (2, Some(8)));
        assert_eq!(data_set.facts().bytes, 6 + 23, "two images and the list");
    }
}

#[test]
fn the_list_that_lies_highest_counts_and_may_be_named() {
    let files: [(&str, &[u8]); 4] = [
        ("mine.txt", b"a.jpg 1"),
        ("sample/val.txt", b"a.jpg 2"),
        ("sample/labels.txt", b"a.jpg 3"),
        ("sample/a.jpg", b"a"),
    ];
    let folder = Folder::new(&files);
    assert_eq!(labels(&good(&folder.open(TASK))), [1]);
    for (path, label) in [("sample", 2), ("sample/labels.txt", 3), ("mine.txt", 1)] {
        assert_eq!(labels(&good(&DataSet::open(&folder.at(path), TASK).expect(path))), [label], "{path}");
    }
    folder.write("other.txt", b"a.jpg 4");
    let message = folder.refused(TASK);
    assert!(message.contains("several") && message.contains("`mine.txt`, `other.txt`"), "{message}");
}

#[test]
fn lines_without_an_image_are_bad_examples_and_keep_their_place() {
    let list = b"a.jpg 1\ngone.jpg 2\nb.jpg one\nb.jpg\n../b.jpg 1\nb.jpg 3\n";
    let data_set = Folder::new(&[("val.txt", list), ("a.jpg", b"a"), ("b.jpg", b"b")]);
    let data_set = data_set.open(TASK);
    let bad = bad(&data_set);
    let expected = [
        (1, "gone.jpg", "line 2 of the list names it, and there is no such file"),
        (2, "line 3", "unknown label \"one\""),
        (3, "line 4", "`NAME LABEL`"),
        (4, "line 5", "leads upwards"),
    ];
    for (bad, (index, id, why)) in bad.iter().zip(expected) {
        assert_eq!((bad.index, bad.id.as_str()), (index, id));
        assert!(bad.why.contains(why), "{}", bad.why);
    }
    assert_eq!(bad.len(), 4);
    assert_eq!(data_set.examples().filter_map(Result::ok).map(|example| example.index).collect::<Vec<_>>(), [0, 5]);
}

#[test]
fn an_image_with_two_labels_is_refused_with_both_lines() {
    let folder = Folder::new(&[("val.txt", b"a.jpg 1\nb.jpg 2\n./a.jpg 3\n"), ("a.jpg", b"a"), ("b.jpg", b"b")]);
    assert!(folder.refused(TASK).contains("the image `a.jpg` twice: in line 1 and in line 3"));
}

#[test]
fn a_list_without_its_images_is_refused() {
    let message = Folder::one("val.txt", "a.jpg 1\nb.jpg 2\n").refused(TASK);
    assert!(message.contains("none of the 2 images") && message.contains("such as `a.jpg`"), "{message}");
    let message = Folder::new(&[("a.jpg", b"a")]).refused(TASK);
    assert!(message.contains("`NAME LABEL`") && message.contains("found `a.jpg`"), "{message}");
}

#[test]
fn folders_by_synset_have_labels_by_rank() {
    let files: [(&str, &[u8]); 5] = [
        ("ILSVRC/val/n02000000/y.JPEG", b"y"),
        ("ILSVRC/val/n01440764/x.JPEG", b"x"),
        ("ILSVRC/val/n02000000/a.JPEG", b"a"),
        ("ILSVRC/val/notes/b.JPEG", b"b"),
        ("ILSVRC/train/n00000001/z.JPEG", b"z"),
    ];
    let folder = Folder::new(&files);
    let data_set = folder.open(TASK);
    let examples = good(&data_set);
    assert_eq!(ids(&examples), ["n01440764/x.JPEG", "n02000000/a.JPEG", "n02000000/y.JPEG"]);
    assert_eq!(labels(&examples), [0, 1, 1]);
    assert_eq!(data_set.facts().labels, Some(2));
    // Seen from within, the folders are all there is.
    assert_eq!(good(&DataSet::open(&folder.at("ILSVRC/val"), TASK).expect("opened")), examples);
}

#[test]
fn a_list_of_all_synsets_gives_a_part_of_the_set_the_labels_of_the_whole() {
    let files: [(&str, &[u8]); 3] = [
        ("LOC_synset_mapping.txt", b"n01440764 tench, Tinca tinca\nn01443537 goldfish\nn02000000 bird\n"),
        ("val/n02000000/a.JPEG", b"a"),
        ("val/n09999999/b.JPEG", b"b"),
    ];
    let data_set = Folder::new(&files);
    let data_set = data_set.open(TASK);
    assert_eq!(data_set.facts().labels, Some(3));
    assert_eq!(labels(&data_set.examples().filter_map(Result::ok).collect::<Vec<_>>()), [2]);
    assert!(bad(&data_set)[0].why.contains("list of synsets"));
}

#[test]
fn some_examples_are_read_without_the_others_and_from_another_thread() {
    let files: [(&str, &[u8]); 4] =
        [("val.txt", b"a.jpg 1\nb.jpg 2\nc.jpg 3\n"), ("a.jpg", b"a"), ("b.jpg", b"b"), ("c.jpg", b"c")];
    let folder = Folder::new(&files);
    let data_set = folder.open(TASK);
    fs::remove_file(folder.at("a.jpg")).expect("removed");
    let some = std::thread::scope(|scope| scope.spawn(|| data_set.some(&[1, 2, 9])).join().expect("no panic"));
    assert_eq!(image(some[0].as_ref().expect("b")), b"b");
    assert_eq!(some[1].as_ref().expect("c").index, 2);
    assert!(some[2].as_ref().expect_err("no example 9").why.contains("3 examples"));
    let ahead = data_set.examples();
    let first = std::thread::scope(|scope| scope.spawn(move || ahead.take(1).next()).join().expect("no panic"));
    assert!(first.expect("one").expect_err("it is gone").why.contains("cannot be read"));
}

#[test]
fn a_list_of_another_kind_is_no_list() {
    let folder = Folder::one("whatever", "hello\nworld\n");
    let message = refused(&folder.at("whatever"), TASK);
    assert!(message.contains("no example that can be used") && message.contains("line 1"), "{message}");
}
