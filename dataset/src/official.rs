//! The published MD5 checksums of data sets, so that a file can be called by its official name. Refuses nothing by itself.

use std::fmt::Write as _;

use domain::Task;
use md5::{Digest as _, Md5};

/// A file that its makers published.
pub(crate) struct Official {
    md5: &'static str,
    pub(crate) name: &'static str,
    task: Task,
}

impl Official {
    /// The one with these bytes.
    pub(crate) fn of(bytes: &[u8]) -> Option<&'static Self> {
        let mut md5 = String::new();
        for byte in Md5::digest(bytes) {
            write!(md5, "{byte:02x}").expect("a string takes all text");
        }
        ALL.iter().find(|official| official.md5 == md5)
    }

    pub(crate) fn serves(&self, task: Task) -> bool {
        self.task == task || (self.task == Task::Stsb && task == Task::SentenceSimilarity)
    }
}

const fn set(md5: &'static str, name: &'static str, task: Task) -> Official {
    Official { md5, name, task }
}

/// As the loaders of torchtext, Paddle and others check them.
const ALL: [Official; 13] = [
    set("268856b487b2a31a28c0a93daaff7288", "GLUE SST-2 dev", Task::Sst2),
    set("da409a0a939379ed32a470bc0f7fe99a", "GLUE SST-2 train", Task::Sst2),
    set("c5475ccefc9e7ca0917294b8bbda783c", "GLUE CoLA dev", Task::Cola),
    set("185958e46ba556b38c6a7cc63f3a2135", "GLUE MRPC dev", Task::Mrpc),
    set("5f4d6b0d2a5f268b1b56db773ab2f1fe", "GLUE STS-B dev", Task::Stsb),
    set("cff6a448d1580132367c22fc449ec214", "GLUE QQP dev", Task::Qqp),
    set("c3fa2817007f4cdf1a03663611a8ad23", "GLUE MNLI dev (matched)", Task::MnliMatched),
    set("b219e6fe74e4aa779e2f417ffe713053", "GLUE MNLI dev (mismatched)", Task::MnliMismatched),
    set("1e81e211959605f144ba6c0ad7dc948b", "GLUE QNLI dev", Task::Qnli),
    set("973cb4178d4534cf745a01c309d4a66c", "GLUE RTE dev", Task::Rte),
    set("a79a6dd5d71287bcad6824c892e517ee", "GLUE WNLI dev", Task::Wnli),
    set("3e85deb501d4e538b6bc56f786231552", "SQuAD v1.1 dev", Task::QuestionAnswering),
    set("981b29407e0affa3b1b156f72073b945", "SQuAD v1.1 train", Task::QuestionAnswering),
];
