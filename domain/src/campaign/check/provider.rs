//! The execution provider, and what is required of it.

use super::Check;
use crate::{
    ProviderName, Requirement,
    campaign::{
        Diagnostic, Located,
        axes::Matrix,
        choice::Provider,
        raw::{RawProvider, RawProviderSetup, RawRequire},
    },
};

impl Check {
    pub(super) fn provider(&mut self, raw: &Located<RawProvider>) -> Option<Provider> {
        let RawProvider { name, with, second } = &raw.value;
        self.only_one("provider", name, second.as_ref())?;
        let provider = self.provider_name("provider", name);
        let Some(RawProviderSetup { library, options }) = with else {
            return provider.map(|name| Provider { name, ..Provider::CPU });
        };
        let given = library.as_ref().map(|library| library.at).or_else(|| options.keys().map(|key| key.at).min());
        if let (Some(at), Some(true)) = (given, provider.as_ref().map(ProviderName::is_cpu)) {
            let problem = Diagnostic::new(at, "provider `cpu` has neither a library nor options");
            self.problems.push(problem.hint("it is part of the runtime: write `provider: cpu`"));
        }
        if let Some(path) = library {
            self.library(path);
        }
        let options = self.texts("options", options);
        Some(Provider { name: provider?, options, library: library.as_ref().map(|path| path.value.clone()) })
    }

    fn provider_name(&mut self, key: &str, raw: &Located<String>) -> Option<ProviderName> {
        let known: Vec<ProviderName> = ProviderName::known().filter_map(ProviderName::parse).collect();
        // Any `..ExecutionProvider` may exist; one that differs from a known one by case alone does not.
        let meant = known
            .iter()
            .map(ProviderName::execution_provider)
            .find(|long| long.eq_ignore_ascii_case(&raw.value) && **long != raw.value);
        if let Some(meant) = meant {
            let problem = Diagnostic::new(raw.at, format!("unknown {key} `{}`", raw.value));
            self.problems.push(problem.hint(format!("did you mean `{meant}`?")));
            return None;
        }
        let name = ProviderName::parse(&raw.value);
        if name.is_none() {
            let others = "and the runtime's own names, such as QNNExecutionProvider";
            self.unknown(key, raw, &ProviderName::known().chain([others]).collect::<Vec<_>>());
        }
        name
    }

    /// A path on the device, where the campaign's folder means nothing.
    fn library(&mut self, path: &Located<String>) {
        let text = path.value.as_bytes();
        let is_windows = matches!(text, [drive, b':', b'\\' | b'/', ..] if drive.is_ascii_alphabetic());
        if !(text.starts_with(b"/") || is_windows) || text.contains(&0) {
            let message = format!("library must be an absolute path on the device, not `{}`", path.value);
            let problem = Diagnostic::new(path.at, message);
            self.problems.push(problem.hint("such as `/opt/qnn/libonnxruntime_providers_qnn.so`"));
        }
    }

    /// A requirement that no placement of some cell could meet is a mistake in the file, not an invalid run.
    pub(super) fn require(&mut self, raw: &RawRequire, matrix: &Matrix) -> Option<Requirement> {
        /// Parts per million in one.
        const WHOLE: u32 = 1_000_000;
        let RawRequire { provider, min_share } = raw;
        let name = self.provider_name("provider", provider);
        let share = self.decimal("require.min_share", min_share.value, min_share.at, &(1e-6..=1.0), WHOLE);
        let name = name?;
        let without = matrix.providers().into_iter().find(|cell| cell.name != name);
        // After any other problem the matrix may hold a default in place of the provider that was meant.
        if let Some(cell) = without
            && !name.is_cpu()
            && self.problems.is_empty()
        {
            let message = format!("require.provider is {name}, but there are cells with provider {}", cell.name);
            let hint =
                format!("give every cell the provider {name}: cells without it belong in a campaign of their own");
            self.problems.push(Diagnostic::new(provider.at, message).hint(hint));
        }
        let min_share_millionths = u32::try_from(share?).ok()?;
        Some(Requirement { provider: name, min_share_millionths })
    }
}
