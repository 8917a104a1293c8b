//! Models and variants on the wire: requests are checked here, records are written.

use std::collections::BTreeSet;

use domain::{ModelCard, ModelFile, ModelRef, Precision, Provenance};
use proto::{InvalidMessage, pb};

use super::convert::{digest, text};
use crate::store::{ModelRecord, NewModel, NewVariant, VariantRecord};

/// Names are typed and printed: long enough for any model with its version.
const NAME_LIMIT_BYTES: usize = 100;
/// Files beside one ONNX file: more than any exporter writes, also those that write one file a weight.
const FILE_LIMIT: usize = 4_096;
/// A path in bytes, as most file systems have it.
const PATH_LIMIT_BYTES: usize = 1_024;
/// Where a model came from, in bytes: addresses get long.
const SOURCE_LIMIT_BYTES: usize = 2_048;
/// A card or a provenance in bytes: a hundred times that of a transformer.
const CARD_LIMIT_BYTES: usize = 256 * 1024;

pub(super) fn model_name(name: String) -> Result<String, InvalidMessage> {
    if name.is_empty() {
        return Err(InvalidMessage::Missing("name"));
    }
    let malformed = |why: &str| Err(InvalidMessage::Malformed { field: "name", why: why.to_owned() });
    if name.len() > NAME_LIMIT_BYTES {
        return malformed("it is longer than 100 bytes");
    }
    // A name is a part of addresses and of file names.
    if name.contains('/') || name.trim() != name {
        return malformed("it holds `/`, or begins or ends with a space");
    }
    text("name", name)
}

fn source_text(source: String) -> Result<String, InvalidMessage> {
    let malformed = |why: &str| Err(InvalidMessage::Malformed { field: "source", why: why.to_owned() });
    match source {
        source if source.len() > SOURCE_LIMIT_BYTES => malformed("it is longer than 2048 bytes"),
        source if source.chars().any(char::is_control) => malformed("it holds a control character"),
        source => Ok(source),
    }
}

pub(super) fn model_precision(precision: String) -> Result<Precision, InvalidMessage> {
    if precision.is_empty() {
        return Err(InvalidMessage::Missing("precision"));
    }
    Precision::try_from(precision)
        .map_err(|error| InvalidMessage::Malformed { field: "precision", why: error.to_string() })
}

fn side_files(files: Vec<pb::ModelFile>) -> Result<Vec<ModelFile>, InvalidMessage> {
    let malformed = |why: String| InvalidMessage::Malformed { field: "files", why };
    if files.len() > FILE_LIMIT {
        return Err(malformed(format!("{} files are more than {FILE_LIMIT}", files.len())));
    }
    let files = files.into_iter().map(ModelFile::try_from).collect::<Result<Vec<_>, _>>()?;
    let mut places = BTreeSet::new();
    for file in &files {
        let place = onnx::confined(&file.path).map_err(|error| malformed(error.to_string()))?;
        if file.path.len() > PATH_LIMIT_BYTES {
            return Err(malformed(format!("a path is longer than {PATH_LIMIT_BYTES} bytes")));
        }
        if !places.insert(place) {
            return Err(malformed(format!("`{}` occurs twice", file.path)));
        }
    }
    Ok(files)
}

/// Refuses what would make every later list slow.
fn bounded<M: prost::Message>(field: &'static str, message: M) -> Result<M, InvalidMessage> {
    let bytes = message.encoded_len();
    if bytes > CARD_LIMIT_BYTES {
        let why = format!("it has {bytes} bytes, at most {CARD_LIMIT_BYTES} are kept");
        return Err(InvalidMessage::Malformed { field, why });
    }
    Ok(message)
}

impl TryFrom<pb::AddModelRequest> for NewModel {
    type Error = InvalidMessage;

    fn try_from(request: pb::AddModelRequest) -> Result<Self, InvalidMessage> {
        let pb::AddModelRequest { name, sha256, tokenizer_sha256, source, licence, replace, files, card } = request;
        let tokenizer_sha256 = (!tokenizer_sha256.is_empty()).then(|| digest("tokenizer_sha256", &tokenizer_sha256));
        let card = card.map(|card| ModelCard::try_from(bounded("card", card)?)).transpose()?;
        Ok(Self {
            name: model_name(name)?,
            sha256: digest("sha256", &sha256)?,
            tokenizer_sha256: tokenizer_sha256.transpose()?,
            files: side_files(files)?,
            source: source_text(source)?,
            licence: text("licence", licence)?,
            card,
            replace,
        })
    }
}

impl TryFrom<pb::AddVariantRequest> for NewVariant {
    type Error = InvalidMessage;

    fn try_from(request: pb::AddVariantRequest) -> Result<Self, InvalidMessage> {
        let pb::AddVariantRequest { model, precision, sha256, files, provenance, replace } = request;
        let provenance = bounded("provenance", provenance.ok_or(InvalidMessage::Missing("provenance"))?)?;
        Ok(Self {
            model: model_name(model)?,
            precision: model_precision(precision)?,
            sha256: digest("sha256", &sha256)?,
            files: side_files(files)?,
            provenance: Provenance::try_from(provenance)?,
            replace,
        })
    }
}

impl From<ModelRecord> for pb::Model {
    fn from(record: ModelRecord) -> Self {
        let ModelRecord { model, source, licence, added_at, card, variants } = record;
        let ModelRef { name, precision: _, sha256, size_bytes, tokenizer_sha256, files } = model;
        Self {
            name,
            sha256: sha256.as_bytes().to_vec(),
            size_bytes,
            tokenizer_sha256: tokenizer_sha256.map(|digest| digest.as_bytes().to_vec()).unwrap_or_default(),
            source,
            licence,
            added_at_us: added_at.0,
            files: files.into_iter().map(Into::into).collect(),
            parameters: card.graph.as_ref().map(domain::GraphFacts::parameter_count),
            card: Some(card.into()),
            variants: variants.into_iter().map(Into::into).collect(),
        }
    }
}

impl From<VariantRecord> for pb::ModelVariant {
    fn from(record: VariantRecord) -> Self {
        let VariantRecord { model, provenance, added_at } = record;
        let ModelRef { name: _, precision, sha256, size_bytes, tokenizer_sha256: _, files } = model;
        Self {
            precision: precision.map(String::from).unwrap_or_default(),
            sha256: sha256.as_bytes().to_vec(),
            size_bytes,
            files: files.into_iter().map(Into::into).collect(),
            provenance: Some(provenance.into()),
            added_at_us: added_at.0,
        }
    }
}
