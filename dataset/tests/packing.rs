//! One file of a data set: the same bytes for the same content, and the same examples as before.

use std::fs::{self, File};
use std::path::Path;
use std::time::{Duration, SystemTime};

use domain::Task;
use furlong_dataset::{DataSet, PackError, pack};

use crate::{Folder, bad, zipped};

const COCO: &[u8] = br#"{"images": [{"id": 1, "file_name": "a.jpg"}, {"id": 2, "file_name": "gone.jpg"}],
  "annotations": [{"image_id": 1, "category_id": 3, "bbox": [0, 0, 1, 1], "area": 1}], "categories": [{"id": 3}]}"#;

type Contents = Vec<(&'static str, &'static [u8])>;

fn sets() -> [(Task, Contents); 4] {
    [
        (
            Task::ImageClassification,
            vec![("val.txt", b"a.jpg 1\nb/c.png 0\ngone.jpg 1\n"), ("a.jpg", b"a"), ("b/c.png", b"c")],
        ),
        (
            Task::ImageClassification,
            vec![
                ("val/n01440764/a.JPEG", b"a"),
                ("val/n02000000/b.JPEG", b"b"),
                ("synset_words.txt", b"n01440764 tench\n"),
            ],
        ),
        (Task::ObjectDetection, vec![("annotations/instances_val2017.json", COCO), ("val2017/a.jpg", b"a")]),
        (Task::TensorClassification, vec![("y_labels.csv", b"a.bin,2,1\ngone.bin,2,1\n"), ("a.bin", b"a")]),
    ]
}

fn packed(folder: &Folder, path: &Path, task: Task) -> Vec<u8> {
    let into = folder.at("packed");
    pack(path, task, &into).unwrap_or_else(|error| panic!("{error}"));
    let bytes = fs::read(&into).expect("packed");
    fs::remove_file(into).expect("removed");
    bytes
}

#[test]
fn a_packed_data_set_has_the_same_examples_good_and_bad() {
    for (task, files) in sets() {
        let folder = Folder::new(&files);
        let before = folder.open(task);
        let target = Folder::new(&[]);
        let into = target.at("packed");
        let facts = pack(folder.path(), task, &into).unwrap_or_else(|error| panic!("{error}"));
        let after = DataSet::open(&into, task).expect("opened");
        assert_eq!((&facts, before.facts()), (after.facts(), after.facts()), "{task}");
        assert_eq!(after.examples().collect::<Vec<_>>(), before.examples().collect::<Vec<_>>(), "{task}");
        assert_eq!((after.categories(), bad(&after).len()), (before.categories(), 1), "{task}");
        assert_eq!(fs::read_dir(target.path()).expect("a folder").count(), 1, "nothing else is left");
    }
}

#[test]
fn the_same_content_gives_the_same_bytes() {
    let aside = Folder::new(&[]);
    for (task, files) in sets() {
        let folder = Folder::new(&files);
        let bytes = packed(&aside, folder.path(), task);

        // Written in another order, at another time, below another folder, with other things around.
        let other = Folder::new(&[("readme.md", b"hello"), (".hidden", b"")]);
        for (name, content) in files.iter().rev() {
            let name = format!("deep/{name}");
            other.write(&name, content);
            let file = File::options().write(true).open(other.at(&name)).expect("a file");
            file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_hours(24 * 365 * 20)).expect("a time");
        }
        assert!(packed(&aside, other.path(), task) == bytes, "{task}");

        // Packed again, and from an archive of another make.
        other.write("packed.zip", &bytes);
        let reversed: Vec<_> = files.iter().rev().copied().collect();
        other.write("foreign.zip", &zipped(&reversed));
        assert!(packed(&aside, &other.at("packed.zip"), task) == bytes, "{task}");
        assert!(packed(&aside, &other.at("foreign.zip"), task) == bytes, "{task}");
    }
}

#[test]
fn a_text_file_stays_as_it_is() {
    let content = b"\xef\xbb\xbfsentence\tlabel\r\na\t1\r\n";
    let folder = Folder::new(&[("glue/SST-2/dev.tsv", content), ("glue/SST-2/train.tsv", b"sentence\tlabel\n")]);
    folder.write("glue.zip", &zipped(&[("SST-2/dev.tsv", content.as_slice())]));
    for path in ["glue", "glue/SST-2/dev.tsv", "glue.zip"] {
        assert_eq!(packed(&folder, &folder.at(path), Task::Sst2), content, "{path}");
    }
}

#[test]
fn images_are_stored_and_lists_are_deflated() {
    let (task, files) = sets().into_iter().next().expect("one");
    let folder = Folder::new(&files);
    pack(folder.path(), task, &folder.at("packed")).unwrap_or_else(|error| panic!("{error}"));
    let mut archive = zip::ZipArchive::new(File::open(folder.at("packed")).expect("a file")).expect("an archive");
    let mut entries = Vec::new();
    for position in 0..archive.len() {
        let entry = archive.by_index(position).expect("an entry");
        entries.push((entry.name().expect("a name").into_owned(), entry.compression()));
    }
    let expected = [
        ("images/a.jpg".to_owned(), zip::CompressionMethod::Stored),
        ("images/b/c.png".to_owned(), zip::CompressionMethod::Stored),
        ("labels.txt".to_owned(), zip::CompressionMethod::Deflated),
    ];
    assert_eq!(entries, expected);
}

#[test]
fn what_can_not_be_opened_is_not_packed_and_leaves_nothing() {
    let folder = Folder::one("val.txt", "a.jpg 1\n");
    let target = Folder::new(&[]);
    let error = pack(folder.path(), Task::ImageClassification, &target.at("packed")).expect_err("no images");
    assert!(matches!(error, PackError::Open(_)), "{error}");
    let error = pack(&folder.at("val.txt"), Task::Sst2, &target.at("packed")).expect_err("no table");
    assert!(matches!(error, PackError::Open(_)), "{error}");
    assert_eq!(fs::read_dir(target.path()).expect("a folder").count(), 0);

    let folder = Folder::one("dev.tsv", "sentence\tlabel\na\t1\n");
    let error = pack(folder.path(), Task::Sst2, &target.at("missing/packed")).expect_err("no such folder");
    assert!(matches!(error, PackError::Write { .. }), "{error}");
}
