//! The runtime: the managed one, a release, or a library file of the campaign's own.

use super::Check;
use crate::{
    Runtime,
    campaign::{Diagnostic, Located, choice::RuntimeChoice, raw::RawRuntime},
};

const HINT: &str = "write `onnxruntime`, `onnxruntime==1.30.0`, or `{ file: lib/libonnxruntime.so }`";

impl Check {
    pub(super) fn runtime(&mut self, raw: &Located<RawRuntime>) -> Option<RuntimeChoice> {
        let RawRuntime { name, with, second } = &raw.value;
        self.only_one("runtime", name, second.as_ref())?;
        let (library, version) = match name.value.split_once("==") {
            Some((library, version)) => (library.trim(), Some(version.trim())),
            None => (name.value.as_str(), None),
        };
        let problem = match (library, version, with) {
            (Runtime::NAME, None, None) => return Some(RuntimeChoice::Managed),
            (Runtime::NAME, Some(version), None) if is_release(version) => {
                return Some(RuntimeChoice::Release(version.to_owned()));
            }
            (Runtime::NAME, Some(version), None) => {
                let message = format!("`{version}` is not a release of {}", Runtime::NAME);
                Diagnostic::new(name.at, message).hint("write all three numbers, such as `onnxruntime==1.30.0`")
            }
            ("file", None, Some(path)) => {
                self.attachment("runtime.file", path);
                return Some(RuntimeChoice::File(path.clone()));
            }
            ("file", None, None) => Diagnostic::new(name.at, "runtime `file` needs the file's path").hint(HINT),
            (Runtime::NAME, _, Some(with)) => {
                let message = format!("runtime `{}` takes nothing more, here it has `{}`", name.value, with.value);
                Diagnostic::new(with.at, message).hint(HINT)
            }
            _ => {
                self.unknown("runtime", name, &[Runtime::NAME, "onnxruntime==VERSION", "{ file: PATH }"]);
                return None;
            }
        };
        self.problems.push(problem);
        None
    }
}

/// `1.30.0`, or `1.31.0rc1`, `1.31.0.dev20260101`: three numbers, so that one release has one spelling, and nothing that
/// means something to a shell or to pip.
fn is_release(version: &str) -> bool {
    /// Longer than any release so far by half.
    const MOST_BYTES: usize = 32;
    let mut parts = version.splitn(3, '.');
    let is_number = |part: Option<&str>| {
        part.is_some_and(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()))
    };
    let (major, minor, patch) = (parts.next(), parts.next(), parts.next());
    version.len() <= MOST_BYTES
        && is_number(major)
        && is_number(minor)
        && patch.is_some_and(|patch| {
            patch.starts_with(|first: char| first.is_ascii_digit())
                && patch
                    .split('.')
                    .all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric()))
        })
}
