//! Models: names for artifacts.

use domain::{Digest, ModelRef, Timestamp};

use super::{
    Store, StoreError,
    row::{Place, at, bytes_of},
};

#[derive(Debug, Clone)]
pub(crate) struct NewModel {
    pub(crate) name: String,
    pub(crate) sha256: Digest,
    pub(crate) tokenizer_sha256: Option<Digest>,
    pub(crate) source: String,
    pub(crate) licence: String,
    /// Whether the name may be given to other content.
    pub(crate) replace: bool,
}

#[derive(Debug, Clone)]
pub(crate) struct ModelRecord {
    pub(crate) model: ModelRef,
    pub(crate) source: String,
    pub(crate) licence: String,
    pub(crate) added_at: Timestamp,
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum AddModelError {
    #[error("the model `{name}` exists with other content (sha256 {})", held.short())]
    Exists { name: String, held: Digest },
    #[error(transparent)]
    Store(#[from] StoreError),
}

struct ModelRow {
    name: String,
    sha256: Vec<u8>,
    size_bytes: i64,
    tokenizer_sha256: Option<Vec<u8>>,
    source: String,
    licence: String,
    added_at: sqlx::types::time::OffsetDateTime,
}

impl TryFrom<ModelRow> for ModelRecord {
    type Error = StoreError;

    fn try_from(row: ModelRow) -> Result<Self, StoreError> {
        let ModelRow { name, sha256, size_bytes, tokenizer_sha256, source, licence, added_at } = row;
        let place = Place { table: "model", id: name.as_str() };
        let sha256 = place.digest("sha256", &sha256)?;
        let size_bytes = place.number("size_bytes", size_bytes)?;
        let tokenizer_sha256 = tokenizer_sha256.map(|bytes| place.digest("tokenizer_sha256", &bytes)).transpose()?;
        Ok(Self {
            model: ModelRef { name, sha256, size_bytes, tokenizer_sha256 },
            source,
            licence,
            added_at: added_at.into(),
        })
    }
}

impl Store {
    /// Names an artifact. The same name and content again changes nothing, and keeps the first source and licence.
    pub(crate) async fn add_model(&self, new: &NewModel, now: Timestamp) -> Result<ModelRecord, AddModelError> {
        let NewModel { name, sha256, tokenizer_sha256, source, licence, replace } = new;
        sqlx::query!(
            "insert into model (name, sha256, tokenizer_sha256, source, licence, added_at)
             values ($1, $2, $3, $4, $5, $6)
             on conflict (name) do update set sha256 = excluded.sha256, tokenizer_sha256 = excluded.tokenizer_sha256,
                 source = excluded.source, licence = excluded.licence, added_at = excluded.added_at
             where $7
               and (model.sha256, model.tokenizer_sha256) is distinct from (excluded.sha256, excluded.tokenizer_sha256)",
            name,
            &bytes_of(sha256),
            tokenizer_sha256.as_ref().map(bytes_of),
            source,
            licence,
            at(now),
            *replace,
        )
        .execute(&self.pool)
        .await
        .map_err(StoreError::from)?;
        let held = self.models_named(std::slice::from_ref(name)).await?;
        match held.into_iter().next() {
            Some(record) if record.model.sha256 == *sha256 && record.model.tokenizer_sha256 == *tokenizer_sha256 => {
                Ok(record)
            }
            Some(record) => Err(AddModelError::Exists { name: name.clone(), held: record.model.sha256 }),
            None => Err(Place { table: "model", id: name.as_str() }.inconsistent("name").into()),
        }
    }

    /// By name.
    pub(crate) async fn models(&self) -> Result<Vec<ModelRecord>, StoreError> {
        sqlx::query_as!(
            ModelRow,
            "select m.name, m.sha256, a.size_bytes, m.tokenizer_sha256, m.source, m.licence, m.added_at
             from model m join artifact a on a.sha256 = m.sha256 order by m.name",
        )
        .fetch_all(&self.pool)
        .await?
        .into_iter()
        .map(ModelRecord::try_from)
        .collect()
    }

    /// Those of `names` that exist.
    pub(crate) async fn models_named(&self, names: &[String]) -> Result<Vec<ModelRecord>, StoreError> {
        sqlx::query_as!(
            ModelRow,
            "select m.name, m.sha256, a.size_bytes, m.tokenizer_sha256, m.source, m.licence, m.added_at
             from model m join artifact a on a.sha256 = m.sha256 where m.name = any($1)",
            names,
        )
        .fetch_all(&self.pool)
        .await?
        .into_iter()
        .map(ModelRecord::try_from)
        .collect()
    }
}
