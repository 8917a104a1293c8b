//! Files that somebody made to do harm, and files that broke: refused or told, never a panic, never out of bounds.

use std::fs;

use domain::Task;
use furlong_dataset::{DataSet, pack};
use proptest::prelude::*;

use crate::{Folder, bad, refused, zipped};

#[test]
fn an_archive_with_a_name_that_leads_elsewhere_is_refused() {
    for name in ["../val.txt", "/val.txt", "a/../../val.txt", "a\\val.txt", "C:/val.txt"] {
        let folder = Folder::new(&[]);
        folder.write("set.zip", &zipped(&[("val.txt", b"a.jpg 1"), (name, b"b.jpg 1"), ("a.jpg", b"a")]));
        let message = refused(&folder.at("set.zip"), Task::ImageClassification);
        assert!(message.contains(&format!("has an entry {name:?}")), "{message}");
    }
}

#[test]
fn an_image_of_zeros_without_end_is_a_bad_example() {
    let zeros = vec![0; (64 << 20) + 1];
    let folder = Folder::new(&[]);
    folder.write("set.zip", &zipped(&[("val.txt", b"a.jpg 1\nb.jpg 2"), ("a.jpg", &zeros), ("b.jpg", b"b")]));
    assert!(fs::metadata(folder.at("set.zip")).expect("a file").len() < 1 << 20, "a small archive of much");
    let data_set = DataSet::open(&folder.at("set.zip"), Task::ImageClassification).expect("opened");
    let [bad] = bad(&data_set).try_into().expect("one");
    assert!(bad.id == "a.jpg" && bad.why.contains("larger than 67108864 bytes"), "{bad:?}");
}

#[test]
fn a_damaged_image_in_an_archive_is_a_bad_example() {
    let mut archive = zipped(&[("a.jpg", b"a very special image"), ("val.txt", b"a.jpg 1\nb.jpg 2"), ("b.jpg", b"b")]);
    let at = archive.windows(7).position(|window| window == b"special").expect("there");
    archive[at] ^= 1;
    let folder = Folder::new(&[("set.zip", archive.as_slice())]);
    let data_set = DataSet::open(&folder.at("set.zip"), Task::ImageClassification).expect("opened");
    let [bad] = bad(&data_set).try_into().expect("one");
    assert!(bad.id == "a.jpg" && bad.why.contains("cannot be read"), "{bad:?}");
}

#[cfg(unix)]
#[test]
fn a_pipe_is_not_waited_for() {
    let folder = Folder::new(&[("dev.tsv", b"sentence\tlabel\na\t1\n")]);
    let made = std::process::Command::new("mkfifo").arg(folder.at("pipe.tsv")).status();
    assert!(made.expect("mkfifo runs").success());
    assert!(refused(&folder.at("pipe.tsv"), Task::Sst2).contains("neither a file nor a folder"));
    assert_eq!(folder.open(Task::Sst2).facts().examples, 1);
    // Links that lead round are followed a few times only.
    std::os::unix::fs::symlink(folder.path(), folder.at("round")).expect("a link");
    assert_eq!(folder.open(Task::Sst2).facts().examples, 1);
}

/// One of each kind, small, so that a change hits something.
fn seeds() -> Vec<Vec<u8>> {
    let kws: [(&str, &[u8]); 2] = [("y_labels.csv", b"a.bin,2,1\n"), ("a.bin", b"123")];
    let list: [(&str, &[u8]); 2] = [("labels.txt", b"a.jpg 1\n"), ("images/a.jpg", b"a")];
    let synsets: [(&str, &[u8]); 2] = [("val/n01440764/a.JPEG", b"a"), ("synsets.txt", b"n01440764\n")];
    let coco: &[u8] = br#"{"images":[{"id":1,"file_name":"a.jpg"}],"annotations":[{"image_id":1,"category_id":3,"bbox":[0,0,1,1],"area":1}],"categories":[{"id":3}]}"#;
    vec![
        zipped(&kws),
        zipped(&list),
        zipped(&synsets),
        zipped(&[("instances_val.json", coco), ("val/a.jpg", b"a")]),
        b"sentence\tlabel\na\t1\nb\t0\n".to_vec(),
        b"\"a\",\"b\"\"\",2.5\r\nc,d,1\r\n".to_vec(),
        b"1,2,3,0\n4,5,6,1\n".to_vec(),
        br#"{"data":[{"paragraphs":[{"context":"c","qas":[{"id":"q","question":"?","answers":[{"text":"c"}]}]}]}]}"#
            .to_vec(),
    ]
}

/// Opens and reads it in every way there is.
fn survive(bytes: &[u8]) {
    let folder = Folder::new(&[("file", bytes)]);
    for task in Task::ALL {
        if let Ok(data_set) = DataSet::open(&folder.at("file"), task) {
            let read = data_set.examples().count() as u64;
            assert_eq!(read, data_set.facts().examples, "{task}");
            assert_eq!(data_set.some(&[0, u64::MAX]).len(), 2);
            // It may be refused, for an entry that is damaged.
            pack(&folder.at("file"), task, &folder.at("packed")).ok();
        }
    }
}

#[test]
fn the_seeds_are_good() {
    for seed in seeds() {
        let folder = Folder::new(&[("file", seed.as_slice())]);
        assert!(Task::ALL.into_iter().any(|task| DataSet::open(&folder.at("file"), task).is_ok()));
        survive(&seed);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(192) })]

    #[test]
    fn changed_bytes_never_panic(
        which in 0..8_usize,
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        cut in proptest::option::weighted(0.2, any::<prop::sample::Index>()),
    ) {
        let mut bytes = seeds().swap_remove(which);
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        survive(&bytes);
    }

    #[test]
    fn any_text_never_panics(text in "([a-c0-2\"\t, \r\n{}\\[\\]:.é-]|label|sentence|score|\u{feff}){0,60}") {
        survive(text.as_bytes());
    }
}
