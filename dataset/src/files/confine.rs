//! Where a name in an archive or in a list may lead: down from the data set's root. Judges names only and touches no file.

/// The name without empty and `.` parts; an error, which completes "it ..", if it leads elsewhere.
pub(crate) fn confined(name: &str) -> Result<String, &'static str> {
    let parts: Vec<&str> = name.split('/').filter(|part| !matches!(*part, "" | ".")).collect();
    match () {
        () if parts.is_empty() => Err("names no file"),
        () if name.contains('\0') => Err("has a NUL character"),
        () if name.contains('\\') => Err("has a backslash, which is a separator on some systems only"),
        () if name.starts_with('/') => Err("is an absolute path"),
        () if has_drive(name) => Err("begins with a drive"),
        () if parts.contains(&"..") => Err("leads upwards with `..`"),
        () => Ok(parts.join("/")),
    }
}

/// As in `C:val.txt`.
fn has_drive(name: &str) -> bool {
    matches!(name.as_bytes(), [letter, b':', ..] if letter.is_ascii_alphabetic())
}

#[cfg(test)]
mod tests {
    use super::confined;

    #[test]
    fn names_that_lead_elsewhere_are_refused() {
        for name in ["", ".", "/", "/etc/passwd", "../a", "a/../../b", "C:a", "a\\b", "a\0b"] {
            confined(name).expect_err(name);
        }
    }

    #[test]
    fn names_below_the_root_are_accepted_without_their_empty_parts() {
        for (name, clean) in [("a", "a"), ("./a//b/./c", "a/b/c"), ("..a", "..a"), ("a..b", "a..b")] {
            assert_eq!(confined(name).expect(name), clean);
        }
    }
}
