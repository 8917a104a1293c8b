//! Models as they are stored, with their variants and files: one snapshot, so that all fit each other.

use std::collections::BTreeMap;

use domain::{KnownModel, ModelFile, ModelRef, Precision};
use serde_json::Value;
use sqlx::types::time::OffsetDateTime;

use super::{
    super::{Store, StoreError, row::Place},
    ModelRecord, VariantRecord,
};

struct ModelRow {
    name: String,
    sha256: Vec<u8>,
    size_bytes: i64,
    tokenizer_sha256: Option<Vec<u8>>,
    source: String,
    licence: String,
    added_at: OffsetDateTime,
    card: Value,
}

struct VariantRow {
    model: String,
    precision: String,
    sha256: Vec<u8>,
    size_bytes: i64,
    provenance: Value,
    added_at: OffsetDateTime,
}

struct FileRow {
    model: String,
    precision: Option<String>,
    path: String,
    sha256: Vec<u8>,
    size_bytes: i64,
}

/// Files by model, and by precision where they are a variant's.
type Files = BTreeMap<(String, Option<String>), Vec<ModelFile>>;

impl Store {
    /// By name.
    pub(crate) async fn models(&self) -> Result<Vec<ModelRecord>, StoreError> {
        self.read_models(None).await
    }

    pub(crate) async fn model(&self, name: &str) -> Result<Option<ModelRecord>, StoreError> {
        Ok(self.read_models(Some(&[name.to_owned()])).await?.pop())
    }

    /// What those of `names` that exist can stand for in a campaign.
    pub(crate) async fn known_models(&self, names: &[String]) -> Result<BTreeMap<String, KnownModel>, StoreError> {
        let records = self.read_models(Some(names)).await?;
        Ok(records.into_iter().map(|record| (record.model.name.clone(), record.into())).collect())
    }

    /// All if `names` is `None`.
    async fn read_models(&self, names: Option<&[String]>) -> Result<Vec<ModelRecord>, StoreError> {
        // Three statements that must see the same variants.
        let mut snapshot = self.pool.begin_with("begin isolation level repeatable read read only").await?;
        let models = sqlx::query_as!(
            ModelRow,
            "select m.name, m.sha256, a.size_bytes, m.tokenizer_sha256, m.source, m.licence, m.added_at, m.card
             from model m join artifact a on a.sha256 = m.sha256
             where $1::text[] is null or m.name = any($1) order by m.name",
            names,
        )
        .fetch_all(&mut *snapshot)
        .await?;
        let variants = sqlx::query_as!(
            VariantRow,
            "select v.model, v.precision, v.sha256, a.size_bytes, v.provenance, v.added_at
             from model_variant v join artifact a on a.sha256 = v.sha256
             where $1::text[] is null or v.model = any($1) order by v.model, v.precision",
            names,
        )
        .fetch_all(&mut *snapshot)
        .await?;
        let files = sqlx::query_as!(
            FileRow,
            "select f.model, f.precision, f.path, f.sha256, a.size_bytes
             from model_file f join artifact a on a.sha256 = f.sha256
             where $1::text[] is null or f.model = any($1)",
            names,
        )
        .fetch_all(&mut *snapshot)
        .await?;
        drop(snapshot);
        assemble(models, variants, files)
    }
}

fn assemble(
    models: Vec<ModelRow>,
    variants: Vec<VariantRow>,
    files: Vec<FileRow>,
) -> Result<Vec<ModelRecord>, StoreError> {
    let mut by_owner = Files::new();
    for FileRow { model, precision, path, sha256, size_bytes } in files {
        let place = Place { table: "model_file", id: format!("{model} {path}") };
        let (sha256, size_bytes) = (place.digest("sha256", &sha256)?, place.number("size_bytes", size_bytes)?);
        by_owner.entry((model, precision)).or_default().push(ModelFile { path, sha256, size_bytes });
    }
    // By path in bytes, whatever the database's locale: they take part in a cell's key.
    for files in by_owner.values_mut() {
        files.sort();
    }
    let mut records = models.into_iter().map(|row| record(row, &mut by_owner)).collect::<Result<Vec<_>, _>>()?;
    let mut by_name: BTreeMap<String, usize> =
        records.iter().enumerate().map(|(index, record)| (record.model.name.clone(), index)).collect();
    for row in variants {
        // Its foreign key says that the model is there.
        let Some(index) = by_name.get_mut(&row.model) else { continue };
        let record = &mut records[*index];
        record.variants.push(variant(row, &record.model, &mut by_owner)?);
    }
    Ok(records)
}

fn record(row: ModelRow, files: &mut Files) -> Result<ModelRecord, StoreError> {
    let ModelRow { name, sha256, size_bytes, tokenizer_sha256, source, licence, added_at, card } = row;
    let place = Place { table: "model", id: name.as_str() };
    let sha256 = place.digest("sha256", &sha256)?;
    let size_bytes = place.number("size_bytes", size_bytes)?;
    let tokenizer_sha256 = tokenizer_sha256.map(|bytes| place.digest("tokenizer_sha256", &bytes)).transpose()?;
    let card = place.json("card", card)?;
    let files = files.remove(&(name.clone(), None)).unwrap_or_default();
    let model = ModelRef { name, precision: None, sha256, size_bytes, tokenizer_sha256, files };
    Ok(ModelRecord { model, source, licence, added_at: added_at.into(), card, variants: Vec::new() })
}

fn variant(row: VariantRow, original: &ModelRef, files: &mut Files) -> Result<VariantRecord, StoreError> {
    let VariantRow { model, precision, sha256, size_bytes, provenance, added_at } = row;
    let place = Place { table: "model_variant", id: format!("{model} {precision}") };
    let variant = ModelRef {
        name: model.clone(),
        precision: Some(Precision::parse(&precision).map_err(|_why| place.inconsistent("precision"))?),
        sha256: place.digest("sha256", &sha256)?,
        size_bytes: place.number("size_bytes", size_bytes)?,
        tokenizer_sha256: original.tokenizer_sha256,
        files: files.remove(&(model, Some(precision))).unwrap_or_default(),
    };
    let provenance = place.json("provenance", provenance)?;
    Ok(VariantRecord { model: variant, provenance, added_at: added_at.into() })
}

impl From<ModelRecord> for KnownModel {
    fn from(record: ModelRecord) -> Self {
        let ModelRecord { model, source: _, licence: _, added_at: _, card, variants } = record;
        let variants = variants.into_iter().filter_map(|VariantRecord { model, provenance: _, added_at: _ }| {
            model.precision.clone().map(|precision| (precision, model))
        });
        Self {
            original: model,
            precision: card.precision.clone(),
            variants: variants.collect(),
            evaluable: card.into(),
        }
    }
}
