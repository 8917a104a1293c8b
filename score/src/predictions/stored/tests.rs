//! Stored predictions as they were written, and as somebody may have damaged them.

use proptest::prelude::*;

use super::*;
use crate::{Output, ScoredBox, Truth, TruthBox};

fn value(index: u64, value: f64) -> Prediction {
    Prediction { index, id: format!("line {index}"), output: Output::Value(value), truth: Truth::Value(0.0) }
}

fn pack(text: &[u8]) -> Vec<u8> {
    let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
    packed.write_all(text).expect("memory");
    packed.finish().expect("memory")
}

fn refused(bytes: &[u8]) -> String {
    read(bytes).expect_err("not predictions").to_string()
}

const HEADER: &str = "{\"furlong-predictions\":1,\"task\":\"glue/stsb\"}\n";

#[test]
fn lines_look_as_they_always_did() {
    let prediction = Prediction {
        index: 7,
        id: "a \"name\"".to_owned(),
        output: Output::Boxes(vec![ScoredBox { category: 3, bbox: [0.5, 1.0, 2.0, 3.25], score: 0.125 }]),
        truth: Truth::Boxes(vec![TruthBox { category: 3, bbox: [0.0; 4], area: 6.5, crowd: true }]),
    };
    let bytes = write(Task::ObjectDetection, std::slice::from_ref(&prediction)).expect("memory");
    let mut text = String::new();
    GzDecoder::new(&bytes[..]).read_to_string(&mut text).expect("gzip of text");
    let expected = concat!(
        r#"{"furlong-predictions":1,"task":"object-detection"}"#,
        "\n",
        r#"{"index":7,"id":"a \"name\"","output":{"boxes":[{"category":3,"bbox":[0.5,1.0,2.0,3.25],"score":0.125}]},"#,
        r#""truth":{"boxes":[{"category":3,"bbox":[0.0,0.0,0.0,0.0],"area":6.5,"crowd":true}]}}"#,
        "\n",
    );
    assert_eq!(text, expected);
    assert_eq!(read(&bytes).expect("just written"), (Task::ObjectDetection, vec![prediction]));
}

#[test]
fn the_same_predictions_give_the_same_bytes() {
    let bytes = || write(Task::Stsb, &[value(0, 0.1), value(1, 0.2)]).expect("memory");
    assert_eq!(bytes(), bytes());
}

#[test]
fn nothing_predicted_is_an_empty_list() {
    assert_eq!(read(&write(Task::Ax, &[]).expect("memory")).expect("written"), (Task::Ax, vec![]));
}

#[test]
fn a_number_that_is_none_is_not_written() {
    for number in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        let error = write(Task::Stsb, &[value(3, number)]).expect_err("not a number");
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
        assert!(error.to_string().contains("example 3"), "{error}");
    }
}

#[test]
fn damage_is_told_by_its_line() {
    let good = serde_json::to_string(&value(0, 0.5)).expect("JSON");
    for (text, expected) in [
        (String::new(), "the predictions are empty"),
        ("{}\n".to_owned(), "line 1 of the predictions should be"),
        (HEADER.replace(":1,", ":2,"), "the form 2"),
        (HEADER.replace("stsb", "stsc"), "a task that is not known"),
        (format!("{HEADER}{good}\n{{}}\n"), "line 3 of the predictions is no prediction"),
        (format!("{HEADER}{good}\n\n"), "line 3 of the predictions is no prediction"),
        (format!("{HEADER}{}\n", good.replace("0.5", "null")), "line 2 of the predictions is no prediction"),
        (format!("{HEADER}{}", " ".repeat(2 << 20)), "line 2 of the predictions is longer than 1048576 bytes"),
        (" ".repeat(2 << 20), "line 1 of the predictions is longer"),
    ] {
        let found = refused(&pack(text.as_bytes()));
        assert!(found.contains(expected), "{found:?} for {:?}", text.get(..200));
    }
}

#[test]
fn cut_and_extended_files_are_refused() {
    let whole = write(Task::Stsb, &[value(0, 0.25)]).expect("memory");
    for length in 0..whole.len() {
        read(&whole[..length]).expect_err("cut");
    }
    let extended = [&whole[..], b"more"].concat();
    assert!(refused(&extended).contains("followed by other bytes"));
    assert!(refused(b"plain text").contains("line 1 of the predictions can't be unpacked"));
}

#[test]
fn a_bomb_is_refused_where_it_passes_the_limit() {
    // 64 MiB from some hundred KiB: every line is a prediction behind blanks.
    let line = format!("{}{}\n", " ".repeat(1 << 16), serde_json::to_string(&value(0, 0.5)).expect("JSON"));
    let bytes = pack(format!("{HEADER}{}", line.repeat(1 << 10)).as_bytes());
    let limit = 10 * line.len() as u64;
    let mut reader = Reader::bounded(&bytes[..], limit).expect("a header");
    // The header takes its part of the limit, so that the tenth is too long.
    assert!(reader.by_ref().take(9).all(|read| read.is_ok()));
    let error = reader.next().expect("one more").expect_err("too long");
    assert!(error.to_string().contains("counted up to line 11"), "{error}");
    assert!(reader.next().is_none(), "nothing is read after an error");
    assert!(reader.unpacked.get_ref().get_ref().len() > bytes.len() / 2, "most of it was never unpacked");
}

proptest! {
    #[test]
    fn numbers_and_texts_come_back_to_the_last_bit(
        number in prop::num::f64::NORMAL | prop::num::f64::SUBNORMAL | prop::num::f64::ZERO,
        id in any::<String>(),
        answer in any::<String>(),
    ) {
        let mut predictions = vec![value(0, number), value(1, -0.0)];
        predictions[1] = Prediction { id, output: Output::Answer(answer), ..predictions[1].clone() };
        let (_, back) = read(&write(Task::Stsb, &predictions).expect("memory")).expect("just written");
        let Output::Value(found) = back[0].output else { panic!("another output") };
        prop_assert_eq!(found.to_bits(), number.to_bits());
        prop_assert_eq!(back, predictions);
    }

    #[test]
    fn no_bytes_make_the_reader_panic(text in prop::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(read(&text).is_err());
        let mut lines = HEADER.as_bytes().to_vec();
        lines.extend(&text);
        let read = read(&pack(&lines));
        prop_assert_eq!(read.is_ok(), text.is_empty());
    }
}
