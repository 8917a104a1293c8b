//! Why pip did not fetch a wheel, before it is known what the wheel is for. [`PipError::about`] adds that, and what to do instead.

use std::io;
use std::path::PathBuf;

use crate::error::ToolchainError;
use crate::package::Item;

/// The newest are what somebody is likely to want, and an index may list hundreds.
const LISTED_VERSIONS: usize = 12;

/// Why a wheel could not be downloaded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PipError {
    #[error("cannot start `{python}`, whose pip downloads wheels\nhint: install Python 3.7 or newer with pip", python = python.display())]
    PythonMissing { python: PathBuf, source: io::Error },

    #[error(
        "`{python}` has no pip, which downloads wheels: {evidence}\nhint: install it (`{python} -m ensurepip`, or the system package python3-pip)",
        python = python.display()
    )]
    PipMissing { python: PathBuf, evidence: String },

    #[error(
        "`{python}` is too old to download wheels: it has {found}; needed are Python 3.7 and pip 20.3 or newer\nhint: `{python} -m pip install --upgrade pip`",
        python = python.display()
    )]
    PythonTooOld { python: PathBuf, found: String },

    #[error(
        "no connection to the package index\npip said: {evidence}\nhint: check the network, the proxy and pip's index settings"
    )]
    Network { evidence: String },

    #[error(
        "the package index has no wheel of `{requirement}`\npip said: {evidence}\nit has: {available}\nhint: check name and version; if pip uses a mirror, the mirror may lack it; a release without wheels cannot be used",
        available = newest(available)
    )]
    NotInIndex { requirement: String, available: Vec<String>, evidence: String },

    #[error(
        "the wheel does not have the pinned hash, and was refused\npip said: {evidence}\nhint: the index or a proxy served other bytes than the pinned ones, do not use them; a release may have a wheel for each platform, of which the hash pins one"
    )]
    Refused { evidence: String },

    #[error(
        "pip failed ({status})\npip said: {evidence}\nhint: try again; `pip download` with the same name and version tells more"
    )]
    Failed { status: String, evidence: String },

    /// Our own files and disk.
    #[error(transparent)]
    Local(#[from] ToolchainError),
}

impl PipError {
    /// The error of an installation of this item, with the item's own way out.
    pub(crate) fn about(self, item: Item) -> ToolchainError {
        let package = item.package();
        match self {
            Self::PythonMissing { python, source } => ToolchainError::PythonMissing { package, python, source },
            Self::PipMissing { python, evidence } => ToolchainError::PipMissing { package, python, evidence },
            Self::PythonTooOld { python, found } => ToolchainError::PythonTooOld { package, python, found },
            Self::Network { evidence } => ToolchainError::Network { package, evidence },
            Self::Refused { evidence } => ToolchainError::DownloadRefused { package, evidence },
            Self::Failed { status, evidence } => ToolchainError::PipFailed { package, status, evidence },
            Self::Local(error) => error,
            Self::NotInIndex { requirement, available, evidence } => match item {
                Item::Pinned(package) => ToolchainError::NotInIndex { package, requirement, evidence },
                Item::Runtime(version) => {
                    // Pre-releases and what is too old are left out: they cannot be asked for.
                    let available = available.iter().filter_map(|version| version.parse().ok()).collect();
                    // The other lines say which versions there are: they are read, and not shown as they stand.
                    let last = evidence.lines().next_back().unwrap_or_default().trim();
                    let evidence = last.strip_prefix("ERROR: ").unwrap_or(last).to_owned();
                    ToolchainError::NoSuchRuntime { version, available, evidence }
                }
            },
        }
    }
}

fn newest(versions: &[String]) -> String {
    let newest: Vec<&str> = versions.iter().rev().take(LISTED_VERSIONS).map(String::as_str).collect();
    if newest.is_empty() { "nothing of that name that runs here".to_owned() } else { newest.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::package::Package;

    #[test]
    fn a_runtime_that_the_index_lacks_lists_what_can_be_asked_for() {
        let available = ["1.22.1", "1.23.0", "1.24.0.dev20251031003", "1.24.1"].map(str::to_owned).to_vec();
        let evidence = "ERROR: first\n  ERROR: No matching distribution".to_owned();
        let error = PipError::NotInIndex { requirement: String::new(), available, evidence };
        match error.about(Item::runtime("1.30.5".parse().expect("a version"))) {
            ToolchainError::NoSuchRuntime { available, evidence, .. } => {
                assert_eq!(available.iter().map(ToString::to_string).collect::<Vec<_>>(), ["1.23.0", "1.24.1"]);
                assert_eq!(evidence, "No matching distribution");
            }
            other => panic!("{other}"),
        }
    }

    #[test]
    fn an_error_about_a_package_names_its_own_way_out() {
        let error = PipError::Network { evidence: "x".to_owned() };
        assert!(!error.to_string().contains("--onnxruntime"), "{error}");
        let error = error.about(Item::Pinned(Package::OnnxRuntime)).to_string();
        assert!(error.contains("ONNX Runtime") && error.contains("--onnxruntime"), "{error}");
    }
}
