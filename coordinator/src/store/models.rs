//! Models: names for artifacts, their variants in other precisions, and what is known of them.
//!
//! A variant belongs to one content of its model. Whether files are ONNX at all is not asked here.

mod read;
mod variants;

use domain::{Digest, ModelCard, ModelFile, ModelRef, Provenance, Timestamp};
use sqlx::{PgConnection, Postgres, Transaction};

pub(crate) use self::variants::{AddVariantError, NewVariant};
use super::{
    Store, StoreError,
    row::{Place, at, bytes_of, to_json},
};

#[derive(Debug, Clone)]
pub(crate) struct NewModel {
    pub(crate) name: String,
    pub(crate) sha256: Digest,
    pub(crate) tokenizer_sha256: Option<Digest>,
    /// Their sizes are those of the artifacts.
    pub(crate) files: Vec<ModelFile>,
    pub(crate) source: String,
    pub(crate) licence: String,
    /// `None`: the sender knows nothing, which is no reason to forget what is known.
    pub(crate) card: Option<ModelCard>,
    /// Whether the name may be given to other content, and the same content another description.
    pub(crate) replace: bool,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ModelRecord {
    pub(crate) model: ModelRef,
    pub(crate) source: String,
    pub(crate) licence: String,
    pub(crate) added_at: Timestamp,
    pub(crate) card: ModelCard,
    /// By precision.
    pub(crate) variants: Vec<VariantRecord>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct VariantRecord {
    /// Its precision is set.
    pub(crate) model: ModelRef,
    pub(crate) provenance: Provenance,
    pub(crate) added_at: Timestamp,
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum AddModelError {
    #[error("the model `{name}` exists with other content (sha256 {})", held.short())]
    Exists { name: String, held: Digest },
    #[error("a file of the model `{0}` is not stored, or no longer")]
    MissingArtifact(String),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Store {
    /// Names an artifact. The same name and content again changes nothing, or with `replace` the description only. With
    /// `replace` and other content, the variants of the old content go.
    pub(crate) async fn add_model(&self, new: &NewModel, now: Timestamp) -> Result<ModelRecord, AddModelError> {
        match self.try_to_add_model(new, now).await {
            // Another client gave the name first; by now its content can be looked at.
            Err(AddModelError::Store(StoreError::Raced(_))) => self.try_to_add_model(new, now).await,
            other => other,
        }
    }

    async fn try_to_add_model(&self, new: &NewModel, now: Timestamp) -> Result<ModelRecord, AddModelError> {
        let name = &new.name;
        let mut transaction = self.pool.begin().await.map_err(StoreError::from)?;
        let stored = match held(&mut transaction, name).await? {
            None => insert(&mut transaction, new, now).await,
            Some(held) if held.is(new) => {
                if new.replace {
                    describe(&mut transaction, new).await?;
                }
                Ok(())
            }
            Some(held) if !new.replace => {
                return Err(AddModelError::Exists { name: name.clone(), held: held.sha256 });
            }
            Some(_other_content) => replace(&mut transaction, new, now).await,
        };
        stored.map_err(|error| match error {
            error if is_missing_artifact(&error) => AddModelError::MissingArtifact(name.clone()),
            error => error.into(),
        })?;
        transaction.commit().await.map_err(StoreError::from)?;
        let record = self.model(name).await?;
        // Another client may have removed it in between.
        record.ok_or_else(|| StoreError::Raced(sqlx::Error::RowNotFound).into())
    }

    /// Whether there was such a model, which is now gone with its variants.
    pub(crate) async fn remove_model(&self, name: &str) -> Result<bool, StoreError> {
        let removed = sqlx::query!("delete from model where name = $1", name).execute(&self.pool).await?;
        Ok(removed.rows_affected() > 0)
    }
}

/// What a name stands for.
struct HeldContent {
    sha256: Digest,
    tokenizer_sha256: Option<Digest>,
    /// By path.
    files: Vec<(String, Digest)>,
}

impl HeldContent {
    fn is(&self, new: &NewModel) -> bool {
        self.sha256 == new.sha256
            && self.tokenizer_sha256 == new.tokenizer_sha256
            && self.files == paths_and_digests(&new.files)
    }
}

fn paths_and_digests(files: &[ModelFile]) -> Vec<(String, Digest)> {
    let mut files: Vec<_> = files.iter().map(|file| (file.path.clone(), file.sha256)).collect();
    files.sort();
    files
}

/// Locks the name, so that what is decided on its content still holds at the commit.
async fn held(transaction: &mut Transaction<'_, Postgres>, name: &str) -> Result<Option<HeldContent>, StoreError> {
    let row = sqlx::query!("select sha256, tokenizer_sha256 from model where name = $1 for update", name)
        .fetch_optional(&mut **transaction)
        .await?;
    let Some(row) = row else { return Ok(None) };
    let place = Place { table: "model", id: name };
    Ok(Some(HeldContent {
        sha256: place.digest("sha256", &row.sha256)?,
        tokenizer_sha256: row.tokenizer_sha256.map(|bytes| place.digest("tokenizer_sha256", &bytes)).transpose()?,
        files: held_files(transaction, name, None).await?,
    }))
}

/// Of the model, or of one variant; by path.
async fn held_files(
    connection: &mut PgConnection,
    name: &str,
    precision: Option<&str>,
) -> Result<Vec<(String, Digest)>, StoreError> {
    let rows = sqlx::query!(
        "select path, sha256 from model_file where model = $1 and precision is not distinct from $2",
        name,
        precision,
    )
    .fetch_all(connection)
    .await?;
    let place = Place { table: "model_file", id: name };
    let files = rows.into_iter().map(|row| Ok((row.path, place.digest("sha256", &row.sha256)?)));
    let mut files = files.collect::<Result<Vec<_>, StoreError>>()?;
    // Not by the database, whose order depends on its locale.
    files.sort();
    Ok(files)
}

async fn insert(transaction: &mut Transaction<'_, Postgres>, new: &NewModel, now: Timestamp) -> Result<(), StoreError> {
    let NewModel { name, sha256, tokenizer_sha256, files, source, licence, card, replace: _ } = new;
    // A plain insert: if another client was faster, its content must be looked at.
    sqlx::query!(
        "insert into model (name, sha256, tokenizer_sha256, source, licence, added_at, card)
         values ($1, $2, $3, $4, $5, $6, $7)",
        name,
        &bytes_of(sha256),
        tokenizer_sha256.as_ref().map(bytes_of),
        source,
        licence,
        at(now),
        to_json("card", &card.clone().unwrap_or_default())?,
    )
    .execute(&mut **transaction)
    .await?;
    insert_files(transaction, name, None, files).await
}

/// Gives the name to other content.
async fn replace(
    transaction: &mut Transaction<'_, Postgres>,
    new: &NewModel,
    now: Timestamp,
) -> Result<(), StoreError> {
    let name = &new.name;
    // Its variants and files go with it.
    sqlx::query!("delete from model where name = $1", name).execute(&mut **transaction).await?;
    insert(transaction, new, now).await
}

async fn describe(transaction: &mut Transaction<'_, Postgres>, new: &NewModel) -> Result<(), StoreError> {
    let NewModel { name, sha256: _, tokenizer_sha256: _, files: _, source, licence, card, replace: _ } = new;
    sqlx::query!(
        "update model set source = $2, licence = $3, card = coalesce($4, card) where name = $1",
        name,
        source,
        licence,
        card.as_ref().map(|card| to_json("card", card)).transpose()?,
    )
    .execute(&mut **transaction)
    .await?;
    Ok(())
}

async fn insert_files(
    connection: &mut PgConnection,
    name: &str,
    precision: Option<&str>,
    files: &[ModelFile],
) -> Result<(), StoreError> {
    let paths: Vec<String> = files.iter().map(|file| file.path.clone()).collect();
    let digests: Vec<Vec<u8>> = files.iter().map(|file| bytes_of(&file.sha256)).collect();
    sqlx::query!(
        "insert into model_file (model, precision, path, sha256)
         select $1, $2, path, sha256 from unnest($3::text[], $4::bytea[]) as file (path, sha256)",
        name,
        precision,
        &paths,
        &digests,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Whether a statement referred to an artifact that is not there: a client's mistake, or garbage collection was faster.
fn is_missing_artifact(error: &StoreError) -> bool {
    let StoreError::Refused(sqlx::Error::Database(error)) = error else { return false };
    error.is_foreign_key_violation() && error.constraint().is_some_and(|name| name.contains("sha256"))
}
