//! Values of an axis that are more than one word: a runtime and a provider, before their files are known.

use std::collections::BTreeMap;

use super::Located;
use crate::ProviderName;

/// [`crate::Runtime`] before its file is known.
#[derive(Debug, Clone)]
pub(super) enum RuntimeChoice {
    Managed,
    Release(String),
    /// A path relative to the campaign file.
    File(Located<String>),
}

impl RuntimeChoice {
    pub(super) fn file(&self) -> Option<&Located<String>> {
        match self {
            Self::File(path) => Some(path),
            Self::Managed | Self::Release(_) => None,
        }
    }
}

impl PartialEq for RuntimeChoice {
    /// By meaning: `./lib/a.so` is `lib/a.so`, wherever the campaign file says it.
    fn eq(&self, other: &Self) -> bool {
        let parts = |path: &str| -> Vec<String> {
            path.split('/').filter(|part| !matches!(*part, "" | ".")).map(str::to_owned).collect()
        };
        match (self, other) {
            (Self::Managed, Self::Managed) => true,
            (Self::Release(version), Self::Release(other)) => version == other,
            (Self::File(path), Self::File(other)) => parts(&path.value) == parts(&other.value),
            (Self::Managed | Self::Release(_) | Self::File(_), _) => false,
        }
    }
}

/// A provider and how it is set up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Provider {
    pub(super) name: ProviderName,
    pub(super) options: BTreeMap<String, String>,
    /// A path on the device.
    pub(super) library: Option<String>,
}

impl Provider {
    pub(super) const CPU: Self = Self { name: ProviderName::CPU, options: BTreeMap::new(), library: None };
}
