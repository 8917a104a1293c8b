//! What is known of each of GLUE's sets: where its file is, what its columns are called, and what its labels are.

use domain::Task;

use super::grade::Grade;
use crate::error::OpenError;
use crate::layout::search::{Search, base, has_extension};

/// Names in the order in which they are looked for.
pub(super) struct Set {
    pub(super) task: Task,
    /// Empty = the file's name is its own.
    folders: &'static [&'static str],
    files: &'static [&'static str],
    pub(super) first: &'static [&'static str],
    /// Empty = it has single sentences.
    pub(super) second: &'static [&'static str],
    pub(super) truth: &'static [&'static str],
    pub(super) grade: Grade,
}

const DEV: &[&str] = &["dev.tsv", "dev.csv", "validation.tsv", "validation.csv"];
const DEV_MATCHED: &[&str] =
    &["dev_matched.tsv", "dev_matched.csv", "validation_matched.tsv", "validation_matched.csv"];
const DEV_MISMATCHED: &[&str] =
    &["dev_mismatched.tsv", "dev_mismatched.csv", "validation_mismatched.tsv", "validation_mismatched.csv"];
/// The last two are those of the STS benchmark itself, and of its translations.
const DEV_STS: &[&str] = &["dev.tsv", "dev.csv", "validation.tsv", "validation.csv", "sts-dev.csv", "stsb-en-dev.csv"];
const ENTAILMENT: Grade = Grade::Words(&["entailment", "not_entailment"]);
const INFERENCE: Grade = Grade::Words(&["entailment", "neutral", "contradiction"]);

impl Set {
    pub(super) fn of(task: Task) -> Self {
        let pair = Self {
            task,
            folders: &[],
            files: DEV,
            first: &["sentence1"],
            second: &["sentence2"],
            truth: &["label"],
            grade: Grade::Numbers(2),
        };
        let single = Self { first: &["sentence"], second: &[], ..pair };
        // `gold_label` first: the official files also have what each annotator said, in `label1` and on.
        let inference = Self {
            first: &["sentence1", "premise"],
            second: &["sentence2", "hypothesis"],
            truth: &["gold_label", "label"],
            grade: INFERENCE,
            ..pair
        };
        match task {
            Task::Cola => Self { folders: &["CoLA"], ..single },
            Task::Sst2 => Self { folders: &["SST-2", "SST2"], ..single },
            Task::Mrpc => Self {
                folders: &["MRPC"],
                first: &["#1 String", "sentence1"],
                second: &["#2 String", "sentence2"],
                truth: &["Quality", "label"],
                ..pair
            },
            Task::Qqp => Self {
                folders: &["QQP"],
                first: &["question1"],
                second: &["question2"],
                truth: &["is_duplicate", "label"],
                ..pair
            },
            Task::MnliMatched => Self { files: DEV_MATCHED, ..inference },
            Task::MnliMismatched => Self { files: DEV_MISMATCHED, ..inference },
            Task::Ax => Self { files: &["diagnostic-full.tsv", "diagnostic.tsv"], ..inference },
            Task::Qnli => {
                Self { folders: &["QNLI"], first: &["question"], second: &["sentence"], grade: ENTAILMENT, ..pair }
            }
            Task::Rte => Self { folders: &["RTE"], grade: ENTAILMENT, ..pair },
            Task::Wnli => Self { folders: &["WNLI"], ..pair },
            Task::Stsb
            | Task::SentenceSimilarity
            | Task::QuestionAnswering
            | Task::ImageClassification
            | Task::ObjectDetection
            | Task::TensorClassification => Self {
                folders: &["STS-B", "STSB"],
                files: DEV_STS,
                truth: &["score", "label"],
                grade: Grade::Value,
                ..pair
            },
        }
    }

    /// The first of its names that is there, in the root or in the set's folder; else the only table.
    pub(super) fn find(&self, search: &Search) -> Result<usize, OpenError> {
        for file in self.files {
            if let Some(entry) = search.chosen.or_else(|| search.files.find(file)) {
                return Ok(entry);
            }
            let fits = |name: &str| base(name) == *file && self.has_folder(name);
            let found: Vec<usize> =
                search.files.names().filter(|(_, name)| fits(name)).map(|(entry, _)| entry).collect();
            if !found.is_empty() {
                return search.only(&found, file);
            }
        }
        let file = self.files.first().copied().unwrap_or_default();
        let looked_for = match self.folders.first() {
            Some(folder) => format!("`{folder}/{file}`, `{file}`, or one table alone"),
            None => format!("`{file}`, or one table alone"),
        };
        let is_table = |name: &str| has_extension(name, &["tsv", "csv", "txt"]) && !self.is_of_another(name);
        let tables: Vec<usize> =
            search.files.names().filter(|(_, name)| is_table(name)).map(|(entry, _)| entry).collect();
        match tables.as_slice() {
            [only] => Ok(*only),
            // Nothing says that all these are data sets.
            _ => Err(search.unrecognised(&looked_for)),
        }
    }

    /// Some sets have the same columns and labels, and only their folders tell them apart.
    fn is_of_another(&self, name: &str) -> bool {
        !self.has_folder(name)
            && Task::ALL.into_iter().map(Self::of).any(|set| !set.folders.is_empty() && set.has_folder(name))
    }

    fn has_folder(&self, name: &str) -> bool {
        let folder = name.rsplit('/').nth(1).unwrap_or_default();
        self.folders.is_empty() || self.folders.iter().any(|one| one.eq_ignore_ascii_case(folder))
    }

    /// For messages.
    pub(super) fn needed(&self) -> String {
        let columns = [self.first, self.second, self.truth];
        let columns =
            columns.iter().filter(|names| !names.is_empty()).map(|names| format!("`{}`", names.join("` or `")));
        columns.collect::<Vec<_>>().join(", ")
    }

    pub(super) fn hint_without_truth(&self) -> &'static str {
        match self.task {
            Task::Ax => "GLUE's `diagnostic.tsv` has no labels; its authors publish them in `diagnostic-full.tsv`",
            _ => "test sets are published without labels; evaluate the development set",
        }
    }
}
