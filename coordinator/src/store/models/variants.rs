//! A model's further precisions.

use domain::{Digest, ModelFile, Precision, Provenance, Timestamp};

use super::{
    super::{
        Store, StoreError,
        row::{Place, at, bytes_of, to_json},
    },
    ModelRecord, held_files, insert_files, is_missing_artifact, paths_and_digests,
};

#[derive(Debug, Clone)]
pub(crate) struct NewVariant {
    pub(crate) model: String,
    pub(crate) precision: Precision,
    pub(crate) sha256: Digest,
    /// Their sizes are those of the artifacts.
    pub(crate) files: Vec<ModelFile>,
    /// Its original must be what the model's name stands for.
    pub(crate) provenance: Provenance,
    /// Whether another variant of this precision may be replaced.
    pub(crate) replace: bool,
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum AddVariantError {
    #[error("there is no model `{0}`")]
    NoModel(String),
    #[error(
        "the variant was made from another content of the model `{model}` (sha256 {}) than its name stands for now \
         (sha256 {})", made_from.short(), held.short()
    )]
    OtherOriginal { model: String, made_from: Digest, held: Digest },
    #[error("the model `{model}` has another variant `{precision}` (sha256 {})", held.short())]
    Exists { model: String, precision: Precision, held: Digest },
    #[error("a file of the variant `{precision}` of `{model}` is not stored, or no longer")]
    MissingArtifact { model: String, precision: Precision },
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<sqlx::Error> for AddVariantError {
    fn from(error: sqlx::Error) -> Self {
        StoreError::from(error).into()
    }
}

impl Store {
    /// Adds a variant. The same content again changes nothing, and keeps the first provenance.
    pub(crate) async fn add_variant(&self, new: &NewVariant, now: Timestamp) -> Result<ModelRecord, AddVariantError> {
        let NewVariant { model, precision, sha256, files, provenance, replace } = new;
        let mut transaction = self.pool.begin().await?;
        // Locked against a change of content until the variant is committed, and against other variants' adding.
        let original = sqlx::query_scalar!("select sha256 from model where name = $1 for update", model)
            .fetch_optional(&mut *transaction)
            .await?
            .ok_or_else(|| AddVariantError::NoModel(model.clone()))?;
        let original = Place { table: "model", id: model.as_str() }.digest("sha256", &original)?;
        if original != provenance.original {
            let (model, made_from) = (model.clone(), provenance.original);
            return Err(AddVariantError::OtherOriginal { model, made_from, held: original });
        }
        let held = sqlx::query_scalar!(
            "select sha256 from model_variant where model = $1 and precision = $2",
            model,
            precision.as_str(),
        )
        .fetch_optional(&mut *transaction)
        .await?;
        if let Some(held) = held {
            let held = Place { table: "model_variant", id: format!("{model} {precision}") }.digest("sha256", &held)?;
            let held_files = held_files(&mut transaction, model, Some(precision.as_str())).await?;
            if held == *sha256 && held_files == paths_and_digests(files) {
                // Reading takes a connection of its own.
                transaction.rollback().await?;
                return self.model(model).await?.ok_or_else(|| AddVariantError::NoModel(model.clone()));
            }
            if !replace {
                let (model, precision) = (model.clone(), precision.clone());
                return Err(AddVariantError::Exists { model, precision, held });
            }
            sqlx::query!("delete from model_variant where model = $1 and precision = $2", model, precision.as_str(),)
                .execute(&mut *transaction)
                .await?;
        }
        let inserted = async {
            sqlx::query!(
                "insert into model_variant (model, precision, sha256, provenance, added_at) values ($1, $2, $3, $4, $5)",
                model,
                precision.as_str(),
                &bytes_of(sha256),
                to_json("provenance", provenance)?,
                at(now),
            )
            .execute(&mut *transaction)
            .await?;
            insert_files(&mut transaction, model, Some(precision.as_str()), files).await
        };
        inserted.await.map_err(|error| match error {
            error if is_missing_artifact(&error) => {
                AddVariantError::MissingArtifact { model: model.clone(), precision: precision.clone() }
            }
            error => error.into(),
        })?;
        transaction.commit().await?;
        self.model(model).await?.ok_or_else(|| AddVariantError::NoModel(model.clone()))
    }

    /// Whether there was such a variant, which is now gone.
    pub(crate) async fn remove_variant(&self, model: &str, precision: &Precision) -> Result<bool, StoreError> {
        let removed =
            sqlx::query!("delete from model_variant where model = $1 and precision = $2", model, precision.as_str(),)
                .execute(&self.pool)
                .await?;
        Ok(removed.rows_affected() > 0)
    }
}
