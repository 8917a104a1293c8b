//! How the session and the runner's process are set up.

use std::collections::BTreeMap;

use super::Check;
use crate::{
    Affinity, Optimization, Settings,
    campaign::{
        Diagnostic, Located,
        raw::{RawDefaults, Table},
    },
};

const OPTIMIZATIONS: [(&str, Optimization); 4] = [
    (Optimization::All.name(), Optimization::All),
    (Optimization::Extended.name(), Optimization::Extended),
    (Optimization::Basic.name(), Optimization::Basic),
    (Optimization::Disabled.name(), Optimization::Disabled),
];
/// Beginnings of variables that would change what is run and not how: the loader's (Linux, macOS) and our own.
const RESERVED: [&str; 3] = ["LD_", "DYLD_", "FURLONG_"];

impl Check {
    pub(super) fn settings(&mut self, raw: &RawDefaults) -> Settings {
        let RawDefaults { inter_threads, spinning, optimization, arena, affinity, variables, .. } = raw;
        let default = Settings::default();
        Settings {
            inter_threads: inter_threads
                .as_ref()
                .and_then(|raw| self.number("inter_threads", raw, 1..=1024))
                .unwrap_or(default.inter_threads),
            spinning: spinning.unwrap_or(default.spinning),
            optimization: optimization.as_ref().and_then(|raw| self.optimization(raw)).unwrap_or(default.optimization),
            arena: arena.unwrap_or(default.arena),
            affinity: affinity.as_ref().and_then(|raw| self.affinity(raw)).unwrap_or(default.affinity),
            variables: self.variables(variables),
        }
    }

    pub(super) fn optimization(&mut self, raw: &Located<String>) -> Option<Optimization> {
        self.word("optimization", raw, &OPTIMIZATIONS)
    }

    pub(super) fn affinity(&mut self, raw: &Located<String>) -> Option<Affinity> {
        let affinity = Affinity::parse(&raw.value);
        if affinity.is_none() {
            let problem = Diagnostic::new(raw.at, format!("affinity is `{}`, which names no processors", raw.value));
            self.problems.push(problem.hint("write `any`, `big`, `little`, or their numbers, such as `\"0-3,6\"`"));
        }
        affinity
    }

    fn variables(&mut self, table: &Table<Located<String>>) -> BTreeMap<String, String> {
        for name in table.keys() {
            let is_variable = name.value.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
                && !name.value.starts_with(|first: char| first.is_ascii_digit());
            if !is_variable {
                let message = format!("`{}` cannot be the name of a variable", name.value);
                let problem = Diagnostic::new(name.at, message);
                self.problems.push(problem.hint("use letters, digits and `_`, and no digit at the start"));
            }
            // Some systems do not tell upper and lower case apart.
            let upper = name.value.to_ascii_uppercase();
            if let Some(reserved) = RESERVED.iter().find(|reserved| upper.starts_with(**reserved)) {
                let message =
                    format!("variable `{}` may not be set: {reserved}* changes what is run, not how", name.value);
                let problem = Diagnostic::new(name.at, message);
                self.problems
                    .push(problem.hint("another library is a `runtime: { file: .. }` or a provider's `library`"));
            }
        }
        self.texts("variables", table)
    }
}
