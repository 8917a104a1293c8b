//! Where a model's side files may be: in its folder or below. A model comes from anywhere, and a path in it must not make
//! a device read another file than one that was sent with it.
//!
//! Judges names only and touches no file; links are the concern of whoever writes the folder.

use std::path::PathBuf;

use crate::inspect::InspectError;

/// ONNX Runtime takes such a location for an address in its own memory (`kTensorProtoMemoryAddressTag` in its
/// core/framework/tensorprotoutils.h), from files too: 1.23 crashes on one, later versions refuse it.
const MEMORY_MARK: &str = "*/_ORT_";

/// The path of a side file from the model's folder, without empty and `.` parts; an error if it leads out of there.
/// Rules are the same on every platform, so that a model which one device accepts is accepted by all.
pub fn confined(location: &str) -> Result<PathBuf, InspectError> {
    match refusal(location) {
        Some(reason) => Err(InspectError::Unconfined { location: location.to_owned(), reason }),
        None => Ok(location.split('/').filter(|part| !matches!(*part, "" | ".")).collect()),
    }
}

fn refusal(location: &str) -> Option<&'static str> {
    let last = location.rsplit('/').next().unwrap_or_default();
    Some(match location {
        "" => "names no file",
        _ if location.contains('\0') => "has a NUL character",
        _ if location.contains('\\') => "has a backslash, which is a separator on some systems only",
        _ if location.starts_with('/') => "is an absolute path",
        _ if has_drive(location) => "begins with a drive",
        _ if location.starts_with(MEMORY_MARK) => "is a mark for the runtime's own memory",
        _ if location.split('/').any(|part| part == "..") => "leads upwards with `..`",
        _ if matches!(last, "" | ".") => "names a folder",
        _ => return None,
    })
}

/// As in `C:weights.bin`.
fn has_drive(location: &str) -> bool {
    matches!(location.as_bytes(), [letter, b':', ..] if letter.is_ascii_alphabetic())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn locations_below_the_folder_are_accepted() {
        for (location, path) in [
            ("weights.bin", "weights.bin"),
            ("./weights.bin", "weights.bin"),
            ("data/a//b/./weights.bin", "data/a/b/weights.bin"),
            ("..weights", "..weights"),
            ("a..b/c..", "a..b/c.."),
            (".hidden", ".hidden"),
            ("layer:0", "layer:0"),
            ("Gewichte für x.bin", "Gewichte für x.bin"),
        ] {
            assert_eq!(confined(location).expect(location), Path::new(path));
        }
    }

    #[test]
    fn locations_that_lead_elsewhere_are_refused_with_a_reason() {
        for (location, reason) in [
            ("", "no file"),
            (".", "folder"),
            ("./", "folder"),
            ("data/", "folder"),
            ("data/.", "folder"),
            ("/etc/passwd", "absolute"),
            ("//server/share/weights.bin", "absolute"),
            ("..", "`..`"),
            ("../weights.bin", "`..`"),
            ("data/../weights.bin", "`..`"),
            ("data/../../weights.bin", "`..`"),
            ("data/..", "`..`"),
            ("C:weights.bin", "drive"),
            ("c:/weights.bin", "drive"),
            ("C:\\weights.bin", "backslash"),
            ("\\\\server\\share\\weights.bin", "backslash"),
            ("..\\weights.bin", "backslash"),
            ("data\\weights.bin", "backslash"),
            ("weights.bin\0.txt", "NUL"),
            ("*/_ORT_MEM_ADDR_/*", "memory"),
        ] {
            let message = confined(location).expect_err(location).to_string();
            assert!(message.contains(reason) && message.contains(&format!("{location:?}")), "{message}");
            assert!(message.contains("\nhint: "), "{message}");
        }
    }

    #[test]
    fn an_accepted_location_is_relative_and_has_plain_parts_only() {
        use std::path::Component;
        for location in ["a", "a/b", "./a/./b", "a//b"] {
            let path = confined(location).expect(location);
            assert!(path.components().all(|part| matches!(part, Component::Normal(_))), "{path:?}");
        }
    }
}
