//! Models, one a row.

use std::io::{self, Write};

use domain::{Digest, Timestamp, units};
use proto::pb;
use serde::Serialize;

use crate::output::{Answer, Table};

#[derive(Debug, Serialize)]
pub(crate) struct ModelView {
    pub(crate) name: String,
    pub(crate) sha256: String,
    pub(crate) size_bytes: u64,
    pub(crate) tokenizer: bool,
    pub(crate) source: String,
    pub(crate) licence: String,
    pub(crate) added_at: String,
}

impl From<&pb::Model> for ModelView {
    fn from(model: &pb::Model) -> Self {
        Self {
            name: model.name.clone(),
            sha256: Digest::try_from(model.sha256.as_slice()).map(String::from).unwrap_or_default(),
            size_bytes: model.size_bytes,
            tokenizer: !model.tokenizer_sha256.is_empty(),
            source: model.source.clone(),
            licence: model.licence.clone(),
            added_at: Timestamp(model.added_at_us).to_string(),
        }
    }
}

impl Answer for Vec<ModelView> {
    const SCHEMA: &'static str = "furlong.models/v1";

    fn table(&self, out: &mut dyn Write) -> io::Result<()> {
        if self.is_empty() {
            return writeln!(out, "no model yet; `furlong models add NAME FILE` makes one");
        }
        let mut table = Table::new(&["NAME", ">SIZE", "SHA256", "TOKENIZER", "LICENCE", "SOURCE"]);
        for model in self {
            table.row([
                model.name.clone(),
                units::bytes(model.size_bytes),
                model.sha256.chars().take(12).collect(),
                if model.tokenizer { "yes" } else { "no" }.to_owned(),
                model.licence.clone(),
                model.source.clone(),
            ]);
        }
        table.write(out)
    }
}
