//! What NVIDIA's `nvpmodel` prints, and its configuration.

use std::io;

use crate::power::Root;

/// The mode's name as this board spells it. `told`: what `nvpmodel -q` prints, which suffices for the mode it is in.
pub(crate) fn name(root: &dyn Root, told: &str, wanted: &str) -> io::Result<String> {
    match query(told) {
        Some((now, _)) if now == wanted => Ok(now.to_owned()),
        Some(_) | None => find(root, wanted).map(|(name, _)| name),
    }
}

/// Name and number of the mode that is asked for by its name (`MODE_15W`, `15W`, in any case) or its number. An error names
/// those there are.
pub(super) fn find(root: &dyn Root, wanted: &str) -> io::Result<(String, String)> {
    // Where the file has another place, the tool knows it.
    let text = root.read("/etc/nvpmodel.conf").or_else(|error| {
        root.tool("nvpmodel", &["-p", "--verbose"]).map_err(|_no_better| {
            io::Error::new(
                error.kind(),
                format!("`/etc/nvpmodel.conf`, which lists the power modes, can't be read: {error}"),
            )
        })
    })?;
    let same = |name: &str| {
        let bare = |name: &str| name.to_lowercase().trim_start_matches("mode_").to_owned();
        bare(name) == bare(wanted)
    };
    let all: Vec<_> = list(&text).collect();
    let exact = all.iter().find(|(name, _)| *name == wanted);
    let found = exact.or_else(|| all.iter().find(|(name, id)| same(name) || *id == wanted));
    found.map(|(name, id)| ((*name).to_owned(), (*id).to_owned())).ok_or_else(|| {
        let names: Vec<&str> = all.iter().map(|(name, _)| *name).collect();
        io::Error::other(format!("this board has the power modes {}", names.join(", ")))
    })
}

/// Name and number in what `nvpmodel -q` prints, warnings before it left out.
pub(super) fn query(text: &str) -> Option<(&str, &str)> {
    let name = text.lines().find_map(|line| line.trim().strip_prefix("NV Power Mode:"))?.trim();
    let id =
        text.lines().map(str::trim).rfind(|line| !line.is_empty() && line.bytes().all(|byte| byte.is_ascii_digit()))?;
    (!name.is_empty()).then_some((name, id))
}

/// Names and numbers of `< POWER_MODEL ID=0 NAME=15W >` in the configuration, or of `NVPM VERB: POWER_MODEL: ID=0 NAME=15W` in
/// what the tool makes of it.
fn list(text: &str) -> impl Iterator<Item = (&str, &str)> {
    let lines = text.lines().map(str::trim);
    let models = lines.filter(|line| {
        line.starts_with("NVPM VERB: POWER_MODEL:") || line.starts_with('<') && line.contains("POWER_MODEL")
    });
    models.filter_map(|line| {
        let of = |key: &str| line.split_whitespace().find_map(|word| word.strip_prefix(key)?.strip_prefix('='));
        Some((of("NAME")?, of("ID")?))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::power::DirectoryRoot;

    #[test]
    fn a_power_mode_is_told_with_or_without_warnings() {
        assert_eq!(query("NV Power Mode: MAXN\n0\n"), Some(("MAXN", "0")));
        assert_eq!(
            query("NVPM WARN: fan mode is not set!\nNV Power Mode: MODE_15W_6CORE\n2\n"),
            Some(("MODE_15W_6CORE", "2"))
        );
        assert_eq!(query("NVPM ERROR: failed\n"), None);
    }

    /// `path`: the configuration, or the tool's answer.
    fn check(path: &str, text: &str, wanted: &str, expected: Result<(&str, &str), &str>) {
        let directory = tempfile::tempdir().expect("a directory");
        let file = directory.path().join(path);
        std::fs::create_dir_all(file.parent().expect("a parent")).expect("created");
        std::fs::write(file, text).expect("written");
        let found = find(&DirectoryRoot::tree(directory.path()), wanted);
        match (&found, expected) {
            (Ok((name, id)), Ok(expected)) => assert_eq!((name.as_str(), id.as_str()), expected, "{wanted}"),
            (Err(error), Err(part)) => assert!(error.to_string().contains(part), "{error}"),
            _ => panic!("{wanted}: {found:?}"),
        }
    }

    #[test]
    fn a_power_mode_is_found_by_its_name_or_number() {
        let text = "# < POWER_MODEL ID=id_num NAME=mode_name >\n< POWER_MODEL ID=0 NAME=MODE_15W >\nCPU_ONLINE CORE_0 1\n\
            < POWER_MODEL ID=1 NAME=7W >\n< PM_CONFIG DEFAULT=0 >\n";
        let file = "etc/nvpmodel.conf";
        check(file, text, "7W", Ok(("7W", "1")));
        check(file, text, "0", Ok(("MODE_15W", "0")));
        check(file, text, "15w", Ok(("MODE_15W", "0")));
        check(file, text, "30W", Err("MODE_15W, 7W"));
        check("etc/other.conf", text, "7W", Err("/etc/nvpmodel.conf"));
        let elsewhere = DirectoryRoot::tree("/nowhere");
        assert_eq!(name(&elsewhere, "NV Power Mode: MAXN\n0\n", "MAXN").expect("it is in it"), "MAXN");
        assert!(name(&elsewhere, "NV Power Mode: MAXN\n0\n", "7W").is_err());
        let verbose = "NVPM VERB: PM_CONFIG: DEFAULT=MAXN(0)\nNVPM VERB: POWER_MODEL: ID=0 NAME=MAXN\n";
        check("tool/nvpmodel_-p_--verbose", verbose, "MAXN", Ok(("MAXN", "0")));
    }

    #[test]
    fn real_answers_are_read() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/fixtures/jetson-nvpmodel");
        let read = |name: &str| std::fs::read_to_string(format!("{folder}/{name}.txt"));
        let Ok(maxn) = read("query-maxn") else {
            println!("skipped: no shared fixtures");
            return;
        };
        assert_eq!(query(&maxn), Some(("MAXN", "0")));
        assert_eq!(query(&read("query-fanwarn-15w").expect("there")), Some(("MODE_15W", "2")));
        for (board, wanted, name, id) in [
            ("nano", "5w", "5W", "1"),
            ("orin", "30W", "MODE_30W", "2"),
            ("xavier", "10W", "MODE_10W", "1"),
            ("test", "3", "MIN_MAX_TEST", "3"),
        ] {
            let text = read(&format!("verbose-{board}")).expect("there");
            check("tool/nvpmodel_-p_--verbose", &text, wanted, Ok((name, id)));
        }
    }
}
