//! Whether files are what a model's name stands for.

use std::io::{self, Write};

use serde::Serialize;

use crate::output::{Answer, Table};

#[derive(Debug, Serialize)]
pub(crate) struct VerifiedFileView {
    /// `model`, `tokenizer`, a variant's precision, or the path of a side file.
    pub(crate) file: String,
    /// Of the file that was read; empty if there is none.
    pub(crate) sha256: String,
    /// `sound`, `other` (another file), `damaged`, `missing` or `unknown`.
    pub(crate) state: String,
}

impl VerifiedFileView {
    pub(crate) fn is_sound(&self) -> bool {
        self.state == "sound"
    }
}

impl Answer for Vec<VerifiedFileView> {
    const SCHEMA: &'static str = "furlong.verified-model/v1";

    fn table(&self, out: &mut dyn Write) -> io::Result<()> {
        let mut table = Table::new(&["FILE", "STATE", "SHA256"]);
        for VerifiedFileView { file, sha256, state } in self {
            table.row([file.clone(), state.clone(), sha256.clone()]);
        }
        table.write(out)
    }
}
