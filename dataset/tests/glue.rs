//! Tables of sentences: official files, those of Hugging Face, and what is wrong in them.

use domain::Task;
use furlong_dataset::{DataSet, Example, Input};
use score::Truth;

use crate::{Folder, bad, good, ids, labels, refused, zipped};

fn texts(example: &Example) -> (&str, &str) {
    match &example.input {
        Input::Text { first, second } => (first, second.as_deref().unwrap_or("")),
        other => panic!("{other:?}"),
    }
}

/// One example from a file in its place.
fn check(task: Task, name: &str, content: &str, first: &str, second: &str, truth: &Truth) {
    let folder = Folder::one(name, content);
    let examples = good(&folder.open(task));
    assert_eq!(examples.len(), 1, "{task}");
    assert_eq!((texts(&examples[0]), &examples[0].truth), ((first, second), truth), "{task}");
    // The same file without a name, as an artifact is.
    std::fs::write(folder.at("0a1b2c"), content).expect("a file");
    assert_eq!(good(&DataSet::open(&folder.at("0a1b2c"), task).expect("opened")), examples, "{task}");
}

const MNLI: &str = "index\tpromptID\tpairID\tgenre\tsentence1_binary_parse\tsentence2_binary_parse\tsentence1_parse\t\
sentence2_parse\tsentence1\tsentence2\tlabel1\tlabel2\tlabel3\tlabel4\tlabel5\tgold_label\n\
0\t1\t1n\tslate\t(\t(\t(\t(\tA man.\tA person.\tneutral\tneutral\tneutral\tentailment\tneutral\tneutral\n";

#[test]
fn official_files_are_read_by_their_columns() {
    let label = Truth::Label;
    check(Task::Sst2, "SST-2/dev.tsv", "sentence\tlabel\nit 's good \t1\n", "it 's good ", "", &label(1));
    check(Task::Cola, "CoLA/dev.tsv", "gj04\t0\t*\tThe sailors.", "The sailors.", "", &label(0));
    check(
        Task::Mrpc,
        "MRPC/dev.tsv",
        "\u{feff}Quality\t#1 ID\t#2 ID\t#1 String\t#2 String\n1\t2\t3\t\"Yes, he said.\tHe said \"yes\".\n",
        "\"Yes, he said.",
        "He said \"yes\".",
        &label(1),
    );
    check(
        Task::Qqp,
        "QQP/dev.tsv",
        "id\tqid1\tqid2\tquestion1\tquestion2\tis_duplicate\n7\t1\t2\tWhy?\tHow?\t0\n",
        "Why?",
        "How?",
        &label(0),
    );
    check(Task::MnliMatched, "MNLI/dev_matched.tsv", MNLI, "A man.", "A person.", &label(1));
    check(Task::MnliMismatched, "MNLI/dev_mismatched.tsv", MNLI, "A man.", "A person.", &label(1));
    check(
        Task::Qnli,
        "QNLI/dev.tsv",
        "index\tquestion\tsentence\tlabel\n0\tWho?\tHe.\tnot_entailment\n",
        "Who?",
        "He.",
        &label(1),
    );
    check(
        Task::Rte,
        "RTE/dev.tsv",
        "index\tsentence1\tsentence2\tlabel\n0\tOne.\tTwo.\tentailment\n",
        "One.",
        "Two.",
        &label(0),
    );
    check(
        Task::Wnli,
        "WNLI/dev.tsv",
        "index\tsentence1\tsentence2\tlabel\n0\tOne.\tTwo.\t1\n",
        "One.",
        "Two.",
        &label(1),
    );
    check(
        Task::Ax,
        "AX/diagnostic-full.tsv",
        "Lexical Semantics\tLogic\tDomain\tPremise\tHypothesis\tLabel\n\t\tNews\tOne.\tTwo.\tcontradiction\n",
        "One.",
        "Two.",
        &label(2),
    );
}

#[test]
fn every_published_form_of_sts_is_read() {
    let benchmark = "main-captions\tMSRvid\t2012test\t0001\t2.500\tA \"plane\".\tA jet.";
    for task in [Task::Stsb, Task::SentenceSimilarity] {
        for (name, content) in [
            ("STS-B/dev.tsv", "index\tgenre\tsentence1\tsentence2\tscore\n0\tnews\tA \"plane\".\tA jet.\t2.500\n"),
            ("stsb/validation.csv", "sentence1,sentence2,label,idx\r\n\"A \"\"plane\"\".\",A jet.,2.5,0\r\n"),
            ("stsb-en-dev.csv", "\"A \"\"plane\"\".\",A jet.,2.5\r\n"),
            ("stsbenchmark/sts-dev.csv", benchmark),
            ("sts-dev.csv", &format!("{benchmark}\tLICENCE\tLICENCE\n")),
        ] {
            check(task, name, content, "A \"plane\".", "A jet.", &Truth::Value(2.5));
        }
    }
}

#[test]
fn numbers_stand_for_words_where_the_whole_file_has_them() {
    let folder =
        Folder::one("RTE/dev.tsv", "sentence1\tsentence2\tlabel\tidx\nA\tB\t1\t0\nA\tB\t0\t1\nA\tB\tentailment\t2\n");
    let data_set = folder.open(Task::Rte);
    assert_eq!(data_set.facts().layout, "table with tabs and a header, labels as numbers");
    assert_eq!(data_set.facts().labels, Some(2));
    let examples: Vec<_> = data_set.examples().filter_map(Result::ok).collect();
    assert_eq!(labels(&examples), [1, 0]);
    let [bad] = bad(&data_set).try_into().expect("one");
    assert_eq!((bad.index, bad.id.as_str()), (2, "line 4"));
    assert!(bad.why.contains("unknown label \"entailment\""), "{}", bad.why);
}

#[test]
fn a_bad_row_is_named_by_its_line_and_the_others_are_read() {
    let rows = b"sentence\tlabel\n\na\t1\nb\nc\t2\n\xff\t1\n\t0\nd\t0\textra\n";
    let folder = Folder::new(&[("dev.tsv", rows.as_slice())]);
    let data_set = folder.open(Task::Sst2);
    assert_eq!(data_set.facts().examples, 6);
    let examples: Vec<_> = data_set.examples().filter_map(Result::ok).collect();
    assert_eq!(ids(&examples), ["line 3", "line 7", "line 8"]);
    assert_eq!(examples.iter().map(|example| example.index).collect::<Vec<_>>(), [0, 4, 5]);
    assert_eq!(texts(&examples[1]), ("", ""), "an empty sentence is a sentence");
    let bad = bad(&data_set);
    for (bad, (id, why)) in bad.iter().zip([("line 4", "1 columns"), ("line 5", "\"2\""), ("line 6", "UTF-8")]) {
        assert_eq!(bad.id, id);
        assert!(bad.why.contains(why), "{}", bad.why);
    }
}

#[test]
fn lines_of_a_csv_are_counted_as_an_editor_counts_them() {
    let rows = "sentence1,sentence2,score\r\n\r\n\"two\r\nlines\",b,1\r\nc,d,9\r\n\r\n\r\ne,f,2";
    let data_set = Folder::one("dev.csv", rows);
    let data_set = data_set.open(Task::Stsb);
    let examples: Vec<_> = data_set.examples().filter_map(Result::ok).collect();
    assert_eq!(ids(&examples), ["line 3", "line 8"]);
    assert_eq!(texts(&examples[0]), ("two\r\nlines", "b"));
    assert_eq!(bad(&data_set)[0].id, "line 5");
}

#[test]
fn the_set_is_found_among_others_in_a_folder_and_in_an_archive() {
    let files: [(&str, &[u8]); 5] = [
        ("glue/SST-2/dev.tsv", b"sentence\tlabel\na\t1\n"),
        ("glue/SST-2/train.tsv", b"sentence\tlabel\nb\t0\n"),
        ("glue/RTE/dev.tsv", b"index\tsentence1\tsentence2\tlabel\n0\tA\tB\tentailment\n"),
        ("glue/__MACOSX/SST-2/dev.tsv", b"\0\0"),
        ("glue/.cache/SST-2/dev.tsv", b"sentence\tlabel\nc\t1\n"),
    ];
    let folder = Folder::new(&files);
    folder.write("glue.zip", &zipped(&files));
    for path in ["", "glue", "glue/SST-2", "glue.zip", "glue/SST-2/dev.tsv"] {
        let data_set = DataSet::open(&folder.at(path), Task::Sst2).expect(path);
        assert_eq!(texts(&good(&data_set)[0]).0, "a", "{path}");
    }
    assert_eq!(labels(&good(&folder.open(Task::Rte))), [0]);
}

#[test]
fn what_is_no_set_of_the_task_is_refused_with_what_was_looked_for() {
    for (name, content, task, expected) in [
        ("SST-2/dev.tsv", "sentence\tlabel\n", Task::Sst2, "has no examples"),
        ("SST-2/dev.tsv", "", Task::Sst2, "has no examples"),
        ("SST-2/dev.tsv", "index\tsentence\n0\ta\n", Task::Sst2, "no column with what is right (label)"),
        ("SST-2/dev.tsv", "sentence\tlabel\na\tgood\n", Task::Sst2, "line 2: unknown label \"good\""),
        ("SST-2/dev.tsv", "sentence\tlabel\na\t-1\n", Task::Sst2, "hidden"),
        ("dev.tsv", "gj04\t1\t\tThe sailors.\n", Task::Sst2, "`sentence`, `label`; its first row is \"gj04 | 1 |"),
        ("AX/diagnostic.tsv", "index\tsentence1\tsentence2\n0\ta\tb\n", Task::Ax, "`diagnostic-full.tsv`"),
        (
            "readme.md",
            "hello",
            Task::Cola,
            "looked for `CoLA/dev.tsv`, `dev.tsv`, or one table alone; found `readme.md`",
        ),
    ] {
        let message = Folder::one(name, content).refused(task);
        assert!(message.contains(expected) && message.contains("\nhint: "), "{message}");
    }
    let two = Folder::new(&[("a.tsv", b""), ("b.tsv", b"")]);
    assert!(two.refused(Task::Sst2).contains("or one table alone; found `a.tsv`, `b.tsv`"));
    let twice = Folder::new(&[("old/SST-2/dev.tsv", b""), ("new/SST-2/dev.tsv", b"")]);
    let message = twice.refused(Task::Sst2);
    assert!(message.contains("several") && message.contains("`new/SST-2/dev.tsv`, `old/SST-2/dev.tsv`"), "{message}");
    // WNLI has the same columns and labels.
    let other = Folder::one("glue/MRPC/dev.tsv", "sentence1\tsentence2\tlabel\na\tb\t1\n");
    assert!(other.refused(Task::Wnli).contains("found `glue/MRPC/dev.tsv`"));
    assert!(Folder::new(&[]).refused(Task::Sst2).contains("found no files"));
    assert!(refused(&two.at("c.tsv"), Task::Sst2).contains("cannot read"));
}
