//! A model with its side files in one folder, as its ONNX file expects them: by hard links, which cost nothing and which the
//! runtime takes for the files themselves. A symbolic link it would follow out of the folder, and refuse.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use domain::{FailureKind, units};
use onnx::InspectError;

/// The ONNX file's name in the folder.
const MODEL_NAME: &str = "model.onnx";

#[derive(Debug, thiserror::Error)]
pub(crate) enum FolderError {
    #[error(transparent)]
    Path(#[from] InspectError),
    #[error("the side file `{0}` would take the place of another file of the model")]
    Twice(String),
    #[error("cannot put {} beside the model as `{}`: {error}", units::bytes(*bytes), path.display())]
    Io { path: PathBuf, bytes: u64, error: io::Error },
}

impl FolderError {
    /// A path that no model may have is the model's fault, a disk that does not take it is not.
    pub(crate) const fn kind(&self) -> FailureKind {
        match self {
            Self::Path(_) | Self::Twice(_) => FailureKind::Model,
            Self::Io { .. } => FailureKind::Infra,
        }
    }
}

/// Makes `folder` with the ONNX file and, under their own paths, the files beside it. Answers where the ONNX file is.
pub(crate) fn assemble(folder: &Path, model: &Path, beside: &[(String, PathBuf)]) -> Result<PathBuf, FolderError> {
    let at = folder.join(MODEL_NAME);
    place(model, &at)?;
    for (path, file) in beside {
        let to = folder.join(onnx::confined(path)?);
        if to.exists() {
            return Err(FolderError::Twice(path.clone()));
        }
        place(file, &to)?;
    }
    Ok(at)
}

fn place(from: &Path, to: &Path) -> Result<(), FolderError> {
    let placing = || {
        fs::create_dir_all(to.parent().unwrap_or(to))?;
        // A file system without hard links, or another one than the cache's: then it costs its bytes.
        fs::hard_link(from, to).or_else(|_no_link| fs::copy(from, to).map(drop))
    };
    placing().map_err(|error| {
        let bytes = fs::metadata(from).map_or(0, |metadata| metadata.len());
        FolderError::Io { path: to.to_owned(), bytes, error }
    })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt as _;

    use super::*;

    struct Bench {
        root: tempfile::TempDir,
    }

    impl Bench {
        fn new() -> Self {
            let bench = Self { root: tempfile::tempdir().expect("a directory") };
            fs::write(bench.cached("model"), "graph").expect("written");
            fs::write(bench.cached("weights"), "weights").expect("written");
            bench
        }

        fn cached(&self, name: &str) -> PathBuf {
            self.root.path().join(name)
        }

        fn assemble(&self, paths: &[&str]) -> Result<PathBuf, FolderError> {
            let beside: Vec<_> = paths.iter().map(|path| ((*path).to_owned(), self.cached("weights"))).collect();
            assemble(&self.root.path().join("folder"), &self.cached("model"), &beside)
        }
    }

    #[test]
    fn side_files_lie_where_the_model_expects_them_and_cost_nothing() {
        let bench = Bench::new();
        let model = bench.assemble(&["a.data", "deeper/b.data"]).expect("assembled");
        let folder = model.parent().expect("a folder");
        assert_eq!(fs::read_to_string(&model).expect("there"), "graph");
        for path in ["a.data", "deeper/b.data"] {
            assert_eq!(fs::read_to_string(folder.join(path)).expect("there"), "weights");
        }
        let links = fs::metadata(bench.cached("weights")).expect("there").nlink();
        assert_eq!(links, 3, "no byte was copied");
    }

    #[test]
    fn nothing_is_placed_outside_of_the_folder_or_over_another_file() {
        for bad in ["../a.data", "/etc/passwd", "a/../../b"] {
            let refused = Bench::new().assemble(&[bad]).expect_err(bad);
            assert_eq!(refused.kind(), FailureKind::Model, "{bad}: {refused}");
        }
        for taken in [&["model.onnx"] as &[_], &["a", "a"]] {
            assert!(matches!(Bench::new().assemble(taken), Err(FolderError::Twice(_))), "{taken:?}");
        }
    }
}
