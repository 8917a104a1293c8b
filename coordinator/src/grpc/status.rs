//! The one map from our errors to gRPC statuses. Internal text never leaks: it is logged here instead.

use proto::InvalidMessage;
use tonic::Status;
use tracing::error;

use crate::{
    artifacts::UploadError,
    engine::{HelloError, SubmitError},
    store::{AddModelError, OpenSessionError, StoreError},
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
            AddModelError::Store(error) => error.into(),
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
            UploadError::Io(error) => file(&error),
        }
    }
}

/// A message that breaks its contract.
pub(super) fn invalid(error: &InvalidMessage) -> Status {
    Status::invalid_argument(error.to_string())
}

/// Trouble with the coordinator's own disk.
pub(super) fn file(error: &std::io::Error) -> Status {
    match error.kind() {
        std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => {
            Status::resource_exhausted("the coordinator's disk is full")
        }
        std::io::ErrorKind::InvalidInput => Status::out_of_range(error.to_string()),
        _ => internal(error),
    }
}

pub(super) fn internal(error: &(dyn std::error::Error + 'static)) -> Status {
    error!(error, "a request failed");
    Status::internal("an internal error; the coordinator's log has the details")
}
