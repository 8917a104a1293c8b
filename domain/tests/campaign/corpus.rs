//! Files that are wrong, each with the whole message its author reads, and files that are right.

use std::fmt::Write as _;

use crate::{fixture::corpus, plan};

#[test]
fn what_is_wrong_is_said_with_place_and_next_step() {
    let files = corpus("bad");
    assert!(files.len() >= 60, "{} files", files.len());
    for (name, text) in files {
        let error = plan(&name, &text).expect_err(&name);
        assert!(!error.contains('\u{1b}'), "{name}: what a file holds must not move the cursor\n{error}");
        insta::with_settings!({ omit_expression => true }, {
            insta::assert_snapshot!(name.trim_end_matches(".yaml"), error);
        });
    }
}

#[test]
fn what_is_right_is_planned() {
    for (name, text) in corpus("good") {
        let plan = plan(&name, &text).unwrap_or_else(|error| panic!("{error}"));
        let mut cells = format!("product {}\n", plan.product);
        for rule in &plan.rules {
            let why = rule.why.as_ref().map(|why| format!(" ({why})")).unwrap_or_default();
            writeln!(cells, "{}{why}, {}:{}: {} cells", rule.rule, rule.at.file, rule.at.line, rule.cells)
                .expect("text");
        }
        for cell in &plan.cells {
            let tag = cell.tag.as_deref().unwrap_or_default();
            writeln!(cells, "{} {} on {} {tag}", cell.number, cell.spec.describe(), cell.device).expect("text");
        }
        for note in &plan.notes {
            writeln!(cells, "note: {note}").expect("text");
        }
        writeln!(cells, "labels {:?}, seed {:?}\n", plan.labels, plan.seed).expect("text");
        cells.push_str(&plan.cells.last().expect("a cell").to_yaml());
        insta::with_settings!({ omit_expression => true }, {
            insta::assert_snapshot!(format!("good-{}", name.trim_end_matches(".yaml")), cells);
        });
    }
}
