//! Held against the official script, which made the expected values.

use super::*;

fn answered(answer: &str, right: &[&str]) -> Prediction {
    Prediction {
        index: 0,
        id: "question".to_owned(),
        output: Output::Answer(answer.to_owned()),
        truth: Truth::Answers(right.iter().map(|&text| text.to_owned()).collect()),
    }
}

/// The official script's `normalize_answer` under Python 3.11.
#[test]
fn texts_are_normalised_as_by_the_official_script() {
    for (text, expected) in NORMALISED {
        assert_eq!(normalised(text), *expected, "{text:?}");
    }
}

/// The official script's `metric_max_over_ground_truths` under Python 3.11.
#[test]
fn answers_are_scored_as_by_the_official_script() {
    for &(answer, right, exact, f1) in SCORED {
        let found = score(&answered(answer, right)).expect("an answer");
        assert_eq!(found.exact, exact, "{answer:?} {right:?}");
        assert!((found.f1 - f1).abs() < 1e-15, "{answer:?} {right:?}: {found:?}, not {f1}");
    }
}

#[test]
fn unanswered_questions_count_nothing() {
    let found = answer_metrics(&[answered("cat", &["the cat"])], 3).expect("an answer");
    assert_eq!(found[1].count, Some((1, 4)));
    assert!(found.iter().all(|metric| (metric.value - 25.0).abs() < 1e-12), "{found:?}");
    let none = answer_metrics(&[], 3).expect("questions");
    assert!(none.iter().all(|metric| metric.value == 0.0), "{none:?}");
}

#[test]
fn a_question_without_a_right_answer_is_named() {
    let error = score(&answered("cat", &[])).expect_err("nothing to compare with");
    assert!(error.to_string().contains("`question`"), "{error}");
}

const NORMALISED: &[(&str, &str)] = &[
    ("The  Cat, sat on a mat.", "cat sat on mat"),
    ("AN apple a day", "apple day"),
    ("a-an-the", "aanthe"),
    ("athe theanine an.a", "athe theanine ana"),
    ("naïve Ärger", "naïve ärger"),
    ("ΣΊΣΥΦΟΣ", "σίσυφος"),
    ("İstanbul", "i\u{307}stanbul"),
    ("“quoted” – the «end»", "“quoted” – «end»"),
    ("$1,000.50", "100050"),
    ("a\u{301} b", "\u{301} b"),
    ("á a", "á"),
    ("tab\u{9}and\u{a0}nbsp\u{3000}wide\u{1c}fs\u{200b}zero", "tab and nbsp wide fs\u{200b}zero"),
    ("the", ""),
    ("", ""),
    ("  ", ""),
    ("!?", ""),
    ("O'Neil's", "oneils"),
    ("the_a_b", "theab"),
    ("a\u{903}b an\u{903}", "\u{903}b \u{903}"),
    ("a\u{903}", "\u{903}"),
    ("ⓐ theⓐ", "ⓐ ⓐ"),
    ("a² the½ anⅧ", "a² the½ anⅷ"),
    ("一a二 a 一", "一a二 一"),
    ("A.D. 1066", "ad 1066"),
    ("a\u{85}b\u{b}the\u{2029}c", "b c"),
    ("1 an 2\u{a}the\u{d}3", "1 2 3"),
];

/// Answer, right ones, exact match, F1.
const SCORED: &[(&str, &[&str], bool, f64)] = &[
    ("the Normans", &["Normans"], true, 1.0),
    ("cat cat dog", &["cat dog dog bird"], false, 0.571_428_571_428_571_5),
    (
        "in the 10th and 11th centuries",
        &["10th and 11th centuries", "in the 10th and 11th centuries", "10th"],
        true,
        1.0,
    ),
    ("", &["the"], true, 0.0),
    ("", &["cat"], false, 0.0),
    ("the", &["a"], true, 0.0),
    ("dog", &["the", ""], false, 0.0),
    ("a b c d e f g", &["b c", "g f e d c b", "x"], false, 1.0),
    ("France.", &["FRANCE", "in France"], true, 1.0),
    ("one two three", &["three two one"], false, 1.0),
];
