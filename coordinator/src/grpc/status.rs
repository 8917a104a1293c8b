//! The one map from our errors to gRPC statuses. Internal text never leaks: it is logged here instead.

use proto::InvalidMessage;
use tonic::Status;
use tracing::error;

use crate::{
    artifacts::{ArtifactError, UploadError},
    engine::{AcceptError, AccuracyError, HelloError, KeepError, SubmitError},
    store::{AddModelError, AddVariantError, OpenSessionError, StoreError},
};

impl From<StoreError> for Status {
    fn from(error: StoreError) -> Self {
        if error.is_transient() {
            return Self::unavailable("the coordinator's database is not available right now; try again");
        }
        if let StoreError::OutOfRange(what) = error {
            return Self::invalid_argument(format!("`{what}` is out of range"));
        }
        internal(&error)
    }
}

impl From<HelloError> for Status {
    fn from(error: HelloError) -> Self {
        match error {
            HelloError::Open(OpenSessionError::NameTaken(name)) => Self::already_exists(format!(
                "the device name `{name}` belongs to another device; give this one another name, or this data directory \
                 the device_id of the first"
            )),
            HelloError::Open(OpenSessionError::Store(error)) => error.into(),
            HelloError::Superseded => Self::aborted("a newer session of this device was opened meanwhile"),
        }
    }
}

impl From<SubmitError> for Status {
    fn from(error: SubmitError) -> Self {
        match error {
            SubmitError::Invalid(_) | SubmitError::Nul => Self::invalid_argument(error.to_string()),
            SubmitError::MissingAttachments(_) => Self::failed_precondition(error.to_string()),
            SubmitError::Artifact(error) => error.into(),
            SubmitError::Store(error) => error.into(),
        }
    }
}

impl From<AddModelError> for Status {
    fn from(error: AddModelError) -> Self {
        match error {
            AddModelError::Exists { .. } => {
                Self::already_exists(format!("{error}; set `replace` to give the name to the new one"))
            }
            AddModelError::MissingArtifact(_) => Self::failed_precondition(format!("{error}; upload it and try again")),
            AddModelError::Store(error) => error.into(),
        }
    }
}

impl From<AddVariantError> for Status {
    fn from(error: AddVariantError) -> Self {
        match error {
            AddVariantError::NoModel(_) => Self::not_found(error.to_string()),
            AddVariantError::OtherOriginal { .. } => {
                Self::failed_precondition(format!("{error}; make the variant from what the name stands for now"))
            }
            AddVariantError::Exists { .. } => {
                Self::already_exists(format!("{error}; set `replace` to put the new one in its place"))
            }
            AddVariantError::MissingArtifact { .. } => {
                Self::failed_precondition(format!("{error}; upload it and try again"))
            }
            AddVariantError::Store(error) => error.into(),
        }
    }
}

impl From<UploadError> for Status {
    fn from(error: UploadError) -> Self {
        let text = error.to_string();
        match error {
            UploadError::TooLarge(_) | UploadError::TooMuch(_) => Self::invalid_argument(text),
            UploadError::WrongOffset { .. } => Self::out_of_range(text),
            UploadError::Unfinished { .. } => Self::aborted(text),
            UploadError::WrongDigest { .. } => Self::data_loss(text),
            UploadError::Artifact(error) => error.into(),
        }
    }
}

impl From<ArtifactError> for Status {
    fn from(error: ArtifactError) -> Self {
        match &error {
            ArtifactError::Full { folder, needed_bytes, free_bytes } => {
                error!(folder = %folder.display(), needed_bytes, free_bytes, "the disk of the artifact store is full; an upload was refused");
                Self::resource_exhausted(error.to_string())
            }
            ArtifactError::BehindEnd { .. } => Self::out_of_range(error.to_string()),
            ArtifactError::Damaged(_) => Self::data_loss(error.to_string()),
            ArtifactError::Misread(_) => Self::unavailable(error.to_string()),
            ArtifactError::Store(_) => {
                error!(error = &error as &dyn std::error::Error, "the artifact store does not answer");
                Self::unavailable(
                    "the coordinator's artifact store does not answer; the coordinator's log has the reason",
                )
            }
            ArtifactError::Io { .. } => internal(&error),
        }
    }
}

impl From<KeepError> for Status {
    fn from(error: KeepError) -> Self {
        match error {
            KeepError::Artifact(error) => error.into(),
            KeepError::Store(error) => error.into(),
        }
    }
}

impl From<AcceptError> for Status {
    fn from(error: AcceptError) -> Self {
        match error {
            AcceptError::Store(error) => error.into(),
            AcceptError::Predictions(error) => {
                error!(error = &error as &dyn std::error::Error, "the predictions of a run could not be kept");
                Self::unavailable("the run's predictions can't be kept right now; send the report again")
            }
        }
    }
}

impl From<AccuracyError> for Status {
    fn from(error: AccuracyError) -> Self {
        match error {
            AccuracyError::Keep(error) => error.into(),
            AccuracyError::Artifact(error) => error.into(),
            AccuracyError::Upload(error) => error.into(),
            AccuracyError::Store(error) => error.into(),
            AccuracyError::Gone(_)
            | AccuracyError::Unreadable { .. }
            | AccuracyError::Compare(_)
            | AccuracyError::Panicked(_) => internal(&error),
        }
    }
}

/// A message that breaks its contract.
pub(super) fn invalid(error: &InvalidMessage) -> Status {
    Status::invalid_argument(error.to_string())
}

pub(super) fn internal(error: &(dyn std::error::Error + 'static)) -> Status {
    error!(error, "a request failed");
    Status::internal("an internal error; the coordinator's log has the details")
}
