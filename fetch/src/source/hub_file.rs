//! One file of one repository on a model hub, at one revision.

use std::fmt;

use super::{InvalidSource, is_plain_path};

/// `organisation/repository/path@revision`. The hub's address is no part of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HubFile {
    organisation: String,
    repository: String,
    path: String,
    revision: String,
}

/// The hub's own default branch.
const DEFAULT_REVISION: &str = "main";
/// Of a commit, in hexadecimal digits.
const COMMIT_LENGTH: usize = 40;

impl HubFile {
    pub(super) fn read(text: &str, rest: &str) -> Result<Self, InvalidSource> {
        let invalid = |why| {
            let hint = "write `hf:organisation/repository/path/to/model.onnx@revision`, where the revision is a branch, a tag or a commit and may be left out";
            InvalidSource::new(text, why, hint)
        };
        let (place, revision) = rest.rsplit_once('@').unwrap_or((rest, DEFAULT_REVISION));
        let mut parts = place.splitn(3, '/');
        let (Some(organisation), Some(repository), Some(path)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(invalid("organisation, repository or path is missing"));
        };
        if !is_name(organisation) || !is_name(repository) {
            return Err(invalid("organisation and repository are made of letters, digits, `-`, `_` and `.`"));
        }
        if !is_plain_path(path) {
            return Err(invalid("the path must be relative, without `..` or empty parts"));
        }
        if !is_revision(revision) {
            return Err(invalid("the revision is empty or has characters that no branch, tag or commit has"));
        }
        Ok(Self {
            organisation: organisation.to_owned(),
            repository: repository.to_owned(),
            path: path.to_owned(),
            revision: revision.to_owned(),
        })
    }

    pub fn organisation(&self) -> &str {
        &self.organisation
    }

    pub fn repository(&self) -> &str {
        &self.repository
    }

    /// Inside the repository.
    pub fn path(&self) -> &str {
        &self.path
    }

    pub fn revision(&self) -> &str {
        &self.revision
    }

    /// Whether the revision is a commit, which does not move as branches and tags do.
    pub fn is_commit(&self) -> bool {
        is_commit(&self.revision)
    }

    /// The same file at the commit that the hub named; unchanged if what it named is none.
    pub(crate) fn at(&self, commit: &str) -> Self {
        let mut file = self.clone();
        if is_commit(commit) {
            commit.clone_into(&mut file.revision);
        }
        file
    }
}

impl fmt::Display for HubFile {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { organisation, repository, path, revision } = self;
        write!(formatter, "hf:{organisation}/{repository}/{path}@{revision}")
    }
}

fn is_name(text: &str) -> bool {
    !matches!(text, "" | "." | "..")
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'))
}

/// By git's rules for references, a little stricter.
fn is_revision(text: &str) -> bool {
    is_plain_path(text) && text.bytes().all(|byte| byte.is_ascii_graphic() && !b"~^:?*[\\#%@!\"'`<>|".contains(&byte))
}

fn is_commit(text: &str) -> bool {
    text.len() == COMMIT_LENGTH && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}
