//! A look at a model's file before the runtime gets it: is it a model, and are its side files where they may be.

use std::io;
use std::path::{Path, PathBuf};

use domain::FailureKind;
use onnx::InspectError;

/// A file that no runtime should be given.
#[derive(Debug, thiserror::Error)]
pub(super) enum ModelFileError {
    #[error("cannot read the model {}", path.display())]
    Unreadable { path: PathBuf, source: io::Error },
    #[error(transparent)]
    Refused(#[from] InspectError),
    #[error(
        "the model stores weights in the file {location:?} beside it, and that file is not there\nhint: add the model with its side files"
    )]
    NoSideFile { location: String },
}

impl ModelFileError {
    /// What the device can't read is tried again; what the model is, is not.
    pub(super) const fn kind(&self) -> FailureKind {
        match self {
            Self::Unreadable { .. } => FailureKind::Infra,
            Self::Refused(_) | Self::NoSideFile { .. } => FailureKind::Model,
        }
    }
}

/// Checks that a file is an ONNX model, and that its side files are in its folder and nowhere else.
pub(super) fn check_model(path: &Path) -> Result<(), ModelFileError> {
    let unreadable = |source| ModelFileError::Unreadable { path: path.to_owned(), source };
    onnx::check_size(std::fs::metadata(path).map_err(unreadable)?.len())?;
    let inspection = onnx::inspect(&std::fs::read(path).map_err(unreadable)?)?;
    let folder = path.parent().unwrap_or(Path::new(""));
    for location in inspection.external_data {
        if !folder.join(onnx::confined(&location)?).is_file() {
            return Err(ModelFileError::NoSideFile { location });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use onnx::samples;

    use super::*;

    /// Puts a model and its side files into a folder and checks it.
    fn check(model: &[u8], side_files: &[(String, Vec<u8>)]) -> Result<(), ModelFileError> {
        let folder = tempfile::tempdir().expect("a folder");
        for (location, bytes) in side_files {
            let path = folder.path().join(location);
            std::fs::create_dir_all(path.parent().expect("a folder")).expect("made");
            std::fs::write(path, bytes).expect("written");
        }
        let path = folder.path().join("model.onnx");
        std::fs::write(&path, model).expect("written");
        check_model(&path)
    }

    #[test]
    fn unusual_models_with_their_side_files_are_let_through() {
        for odd in samples::odd() {
            check(&odd.model, &odd.side_files).expect(odd.name);
        }
    }

    #[test]
    fn a_side_file_that_is_missing_is_named_and_the_models_fault() {
        let odd = samples::odd().into_iter().find(|odd| odd.name == "external-data-in-folder").expect("a sample");
        let error = check(&odd.model, &[]).expect_err("missing");
        assert!(error.to_string().contains("weights 1.bin") && error.to_string().contains("hint"), "{error}");
        assert_eq!(error.kind(), FailureKind::Model);
    }

    #[test]
    fn side_files_elsewhere_are_never_looked_for() {
        for refused in samples::refused().iter().filter(|refused| refused.name.starts_with("side-file")) {
            let error = check(&refused.model, &refused.side_files).expect_err(refused.name);
            assert!(error.to_string().contains(refused.mentions), "{}: {error}", refused.name);
        }
    }

    #[test]
    fn a_file_that_is_not_there_is_the_devices_fault() {
        let error = check_model(Path::new("/nonexistent/model.onnx")).expect_err("missing");
        assert_eq!(error.kind(), FailureKind::Infra);
    }
}
