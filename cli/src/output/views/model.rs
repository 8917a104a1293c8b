//! Models, one a row; one in full: [`detail`].

mod architecture;
mod detail;
mod verified;

use std::io::{self, Write};

use domain::{Digest, Timestamp, units};
use proto::pb;
use serde::Serialize;

pub(crate) use architecture::ArchitectureView;
pub(crate) use detail::ModelDetailView;
pub(crate) use verified::VerifiedFileView;

use crate::output::{Answer, Table};

#[derive(Debug, Serialize)]
pub(crate) struct ModelView {
    pub(crate) name: String,
    pub(crate) sha256: String,
    pub(crate) size_bytes: u64,
    /// With the files beside it.
    pub(crate) total_bytes: u64,
    /// `None`: not known.
    pub(crate) precision: Option<String>,
    /// Number of weights; `None`: not known.
    pub(crate) parameters: Option<u64>,
    /// Their precisions.
    pub(crate) variants: Vec<String>,
    pub(crate) task: Option<String>,
    pub(crate) tokenizer: bool,
    pub(crate) source: String,
    pub(crate) licence: String,
    pub(crate) added_at: String,
}

impl From<&pb::Model> for ModelView {
    fn from(model: &pb::Model) -> Self {
        let known = |text: &String| (!text.is_empty()).then(|| text.clone());
        Self {
            name: model.name.clone(),
            sha256: Digest::try_from(model.sha256.as_slice()).map(String::from).unwrap_or_default(),
            size_bytes: model.size_bytes,
            total_bytes: model.files.iter().fold(model.size_bytes, |sum, file| sum.saturating_add(file.size_bytes)),
            precision: model.card.as_ref().and_then(|card| known(&card.precision)),
            parameters: model.parameters,
            variants: model.variants.iter().map(|variant| variant.precision.clone()).collect(),
            task: model.card.as_ref().and_then(|card| known(&card.task)),
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
        let mut table = Table::new(&["NAME", "PRECISION", ">PARAMETERS", ">SIZE", "VARIANTS", "TASK", "LICENCE"]);
        for model in self {
            table.row([
                model.name.clone(),
                model.precision.clone().unwrap_or_default(),
                model.parameters.map(count).unwrap_or_default(),
                units::bytes(model.total_bytes),
                model.variants.join(" "),
                model.task.clone().unwrap_or_default(),
                model.licence.clone(),
            ]);
        }
        table.write(out)
    }
}

/// A number of things as `812`, `14.4 k`, `109 M`, `11.2 G`.
#[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
pub(crate) fn count(number: u64) -> String {
    let (value, unit) = match number {
        0..1_000 => return number.to_string(),
        1_000..1_000_000 => (number as f64 / 1e3, "k"),
        1_000_000..1_000_000_000 => (number as f64 / 1e6, "M"),
        _ => (number as f64 / 1e9, "G"),
    };
    let digits = if value < 10.0 { 2 } else { usize::from(value < 100.0) };
    format!("{value:.digits$} {unit}")
}

#[cfg(test)]
mod tests {
    use super::{super::written, *};

    #[test]
    fn counts_have_three_digits() {
        for (number, text) in [
            (0, "0"),
            (999, "999"),
            (1_000, "1.00 k"),
            (14_350_874, "14.4 M"),
            (109_483_778, "109 M"),
            (11_174_000_000, "11.2 G"),
        ] {
            assert_eq!(count(number), text);
        }
    }

    #[test]
    fn a_list_fits_a_terminal() {
        let model = pb::Model {
            name: "bert-base".to_owned(),
            sha256: vec![7; 32],
            size_bytes: 438_000_000,
            licence: "Apache-2.0".to_owned(),
            parameters: Some(109_483_778),
            card: Some(pb::ModelCard {
                precision: "fp32".to_owned(),
                task: "text-classification".to_owned(),
                ..pb::ModelCard::default()
            }),
            variants: ["fp16", "int8-dynamic"]
                .map(|precision| pb::ModelVariant { precision: precision.to_owned(), ..pb::ModelVariant::default() })
                .to_vec(),
            ..pb::Model::default()
        };
        let bare = pb::Model { name: "notes".to_owned(), size_bytes: 15, ..pb::Model::default() };
        insta::assert_snapshot!(written(&vec![ModelView::from(&model), ModelView::from(&bare)]), @"
        NAME       PRECISION  PARAMETERS     SIZE  VARIANTS           TASK                 LICENCE
        bert-base  fp32            109 M  418 MiB  fp16 int8-dynamic  text-classification  Apache-2.0
        notes                                15 B
        ");
    }
}
