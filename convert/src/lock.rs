//! The lock: which packages the environment has, in pip's own format, with the hashes of their wheels.

use domain::Digest;

/// Written by `lock.py`.
pub(crate) const LOCK: &str = include_str!("../python/requirements.lock");

/// One `name==version` with its hashes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Requirement<'a> {
    pub(crate) name: &'a str,
    pub(crate) version: &'a str,
    /// SHA-256, one for each wheel that any platform may take.
    pub(crate) hashes: Vec<&'a str>,
}

/// The address of the environment that the lock describes: 12 hex digits.
pub(crate) fn short_hash(lock: &str) -> String {
    Digest::of(lock.as_bytes()).short()
}

/// Reads the lock. `None` if a line is of another form, or a requirement has no hash.
pub(crate) fn parse(lock: &str) -> Option<Vec<Requirement<'_>>> {
    let joined = lock.lines().filter(|line| !line.starts_with('#')).flat_map(str::split_whitespace);
    let mut requirements: Vec<Requirement<'_>> = Vec::new();
    for word in joined.filter(|&word| word != "\\") {
        if let Some(hash) = word.strip_prefix("--hash=sha256:") {
            hash.parse::<Digest>().ok()?;
            requirements.last_mut()?.hashes.push(hash);
        } else {
            let (name, version) = word.split_once("==")?;
            requirements.push(Requirement { name, version, hashes: Vec::new() });
        }
    }
    requirements.iter().all(|requirement| !requirement.hashes.is_empty()).then_some(requirements)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lock_pins_the_converters_for_every_platform() {
        let requirements = parse(LOCK).expect("well-formed");
        let hashes = |name: &str| requirements.iter().find(|found| found.name == name).map(|found| found.hashes.len());
        // Four versions of CPython on three platforms.
        assert_eq!(hashes("onnxruntime"), Some(12));
        assert!(hashes("onnx").is_some() && hashes("onnx_ir").is_some(), "{requirements:?}");
    }

    #[test]
    fn a_requirement_without_a_hash_is_no_lock() {
        let hash = "a".repeat(64);
        let good = format!("# a comment\na==1.0 \\\n    --hash=sha256:{hash}\n");
        assert_eq!(parse(&good), Some(vec![Requirement { name: "a", version: "1.0", hashes: vec![&hash] }]));
        assert_eq!(parse(&format!("{good}b==2\n")), None);
        assert_eq!(parse(&good.replace("==", ">=")), None);
        assert_eq!(parse(&good.replace("aaa", "zzz")), None);
    }
}
