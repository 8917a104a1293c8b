//! Variants and their provenance, and a model as a campaign's names can stand for it. Cards: [`super::model_card`].

use std::collections::BTreeMap;

use domain::{Agreement, KnownModel, ModelCard, ModelFile, ModelRef, Precision, Provenance};

use super::field::{InvalidMessage, digest, optional_digest, optional_text, present};
use crate::pb;

impl From<Provenance> for pb::Provenance {
    fn from(provenance: Provenance) -> Self {
        let Provenance { original, tool, versions, options, agreement } = provenance;
        let agreement = agreement.map(Into::into);
        Self { original_sha256: original.as_bytes().to_vec(), tool, versions, options, agreement }
    }
}

impl TryFrom<pb::Provenance> for Provenance {
    type Error = InvalidMessage;

    fn try_from(provenance: pb::Provenance) -> Result<Self, InvalidMessage> {
        let pb::Provenance { original_sha256, tool, versions, options, agreement } = provenance;
        if tool.is_empty() {
            return Err(InvalidMessage::Missing("provenance.tool"));
        }
        let agreement = agreement.map(Agreement::try_from).transpose()?;
        Ok(Self {
            original: digest("provenance.original_sha256", &original_sha256)?,
            tool,
            versions,
            options,
            agreement,
        })
    }
}

impl From<Agreement> for pb::Agreement {
    fn from(agreement: Agreement) -> Self {
        let Agreement { samples, cosine_mean, cosine_min } = agreement;
        Self { samples, cosine_mean, cosine_min }
    }
}

impl TryFrom<pb::Agreement> for Agreement {
    type Error = InvalidMessage;

    fn try_from(agreement: pb::Agreement) -> Result<Self, InvalidMessage> {
        let pb::Agreement { samples, cosine_mean, cosine_min } = agreement;
        if samples == 0 || ![cosine_mean, cosine_min].iter().all(|cosine| (-1.001..=1.001).contains(cosine)) {
            return Err(InvalidMessage::malformed(
                "provenance.agreement",
                "a cosine lies between -1 and 1, over at least one input",
            ));
        }
        Ok(Self { samples, cosine_mean, cosine_min })
    }
}

/// What a campaign's names can stand for; source, licence and the rest of the card are for people.
impl TryFrom<pb::Model> for KnownModel {
    type Error = InvalidMessage;

    fn try_from(model: pb::Model) -> Result<Self, InvalidMessage> {
        let pb::Model {
            name,
            sha256,
            size_bytes,
            tokenizer_sha256,
            source: _,
            licence: _,
            added_at_us: _,
            files,
            card,
            variants,
            parameters: _,
        } = model;
        let original = ModelRef {
            name,
            precision: None,
            sha256: digest("model.sha256", &sha256)?,
            size_bytes,
            tokenizer_sha256: optional_digest("model.tokenizer_sha256", &tokenizer_sha256)?,
            files: model_files(files)?,
        };
        let card = ModelCard::try_from(present("model.card", card)?)?;
        let precision = card.precision.clone();
        let variants = variants.into_iter().map(|variant| {
            let pb::ModelVariant { precision, sha256, size_bytes, files, provenance: _, added_at_us: _ } = variant;
            let precision = self::precision("model.variants.precision", precision)?;
            let variant = ModelRef {
                name: original.name.clone(),
                precision: Some(precision.clone()),
                sha256: digest("model.variants.sha256", &sha256)?,
                size_bytes,
                tokenizer_sha256: original.tokenizer_sha256,
                files: model_files(files)?,
            };
            Ok((precision, variant))
        });
        let variants = variants.collect::<Result<BTreeMap<_, _>, InvalidMessage>>()?;
        Ok(Self { original, precision, variants, evaluable: card.into() })
    }
}

fn model_files(files: Vec<pb::ModelFile>) -> Result<Vec<ModelFile>, InvalidMessage> {
    files.into_iter().map(ModelFile::try_from).collect()
}

pub(super) fn precision(field: &'static str, text: String) -> Result<Precision, InvalidMessage> {
    optional_precision(field, text)?.ok_or(InvalidMessage::Missing(field))
}

pub(super) fn optional_precision(field: &'static str, text: String) -> Result<Option<Precision>, InvalidMessage> {
    let precision = optional_text(text).map(Precision::try_from).transpose();
    precision.map_err(|error| InvalidMessage::malformed(field, error.to_string()))
}
