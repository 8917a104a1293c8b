//! Files of a model from wherever they are, and the ones beside them.

use std::path::PathBuf;

use domain::Digest;
use fetch::{Fetched, HubSettings, Progress, Request, Source};
use indicatif::{ProgressBar, ProgressStyle};

use crate::{args::DownloadArgs, exit::CliError, output};

/// Gets files into a folder of its own.
pub(super) struct Downloads {
    hub: HubSettings,
    folder: PathBuf,
    python: PathBuf,
}

impl Downloads {
    pub(super) fn new(args: &DownloadArgs) -> Result<Self, CliError> {
        let DownloadArgs { hub, hf_endpoint, hub_token, python, data_dir } = args;
        let hub = match hub.as_ref().or(hf_endpoint.as_ref()) {
            Some(host) => HubSettings::new(host, hub_token.clone()).map_err(|error| explained(&error))?,
            None => HubSettings::none(),
        };
        Ok(Self { hub, folder: data_dir.path().join("downloads"), python: python.clone() })
    }

    /// The file of a source as a user wrote it.
    pub(super) async fn get(&self, source: &str, expected: Option<Digest>) -> Result<Fetched, CliError> {
        let source = source.parse().map_err(|error: fetch::InvalidSource| explained(&error))?;
        self.fetch(source, expected).await
    }

    pub(super) async fn fetch(&self, source: Source, expected: Option<Digest>) -> Result<Fetched, CliError> {
        let named = source.to_string();
        let mut request = Request::new(source, &self.folder);
        request.expected_sha256 = expected;
        request.python.clone_from(&self.python);
        let bar = bar();
        let fetched = fetch::fetch(&request, &self.hub, |progress| show(&bar, &named, progress)).await;
        bar.finish_and_clear();
        fetched.map_err(|error| explained(&error))
    }
}

/// Forgets a download that the coordinator holds now. What lay elsewhere before stays.
pub(super) fn tidy(fetched: &[Fetched]) {
    for fetched in fetched.iter().filter(|fetched| fetched.is_download()) {
        if let Err(error) = std::fs::remove_file(&fetched.path) {
            output::note(&format!("warning: cannot remove the download `{}`: {error}", fetched.path.display()));
        }
    }
}

/// Where the file `location` is that a model from `source` names beside itself.
pub(super) fn beside(source: &Source, location: &str) -> Result<Source, CliError> {
    let below = onnx::confined(location).map_err(|error| CliError::Invalid(error.to_string()))?;
    let below = below.to_string_lossy();
    let sibling =
        |path: &str| path.rsplit_once('/').map_or(below.to_string(), |(folder, _)| format!("{folder}/{below}"));
    let text = match source {
        Source::File(path) => return Ok(Source::File(path.with_file_name(below.as_ref()))),
        Source::Https(address) => {
            let mut url = address.url().clone();
            if let Ok(mut segments) = url.path_segments_mut() {
                segments.pop().extend(below.split('/'));
            }
            url.to_string()
        }
        Source::Pip(member) => {
            let (last, archives) = member.inside().split_last().map_or(("", &[][..]), |(last, rest)| (last, rest));
            let last = sibling(last);
            let inside: Vec<&str> = archives.iter().map(String::as_str).chain([last.as_str()]).collect();
            format!("pip:{}=={}!{}", member.package(), member.version(), inside.join("!"))
        }
        Source::Hub(file) => {
            let (organisation, repository) = (file.organisation(), file.repository());
            format!("hf:{organisation}/{repository}/{}@{}", sibling(file.path()), file.revision())
        }
    };
    text.parse().map_err(|error: fetch::InvalidSource| explained(&error))
}

/// What went wrong, why, and the next step last, where it is read.
pub(super) fn explained(error: &(dyn std::error::Error + 'static)) -> CliError {
    let text = error.to_string();
    let (mut message, hint) = match text.split_once("\nhint: ") {
        Some((message, hint)) => (message.to_owned(), format!("\nhint: {hint}")),
        None => (text, String::new()),
    };
    let mut cause = error.source();
    while let Some(why) = cause {
        message.push_str("\n  because: ");
        message.push_str(&why.to_string());
        cause = why.source();
    }
    CliError::Invalid(message + &hint)
}

fn bar() -> ProgressBar {
    let style = ProgressStyle::with_template("[{bar:28}] {bytes}/{total_bytes}  {wide_msg}");
    let bar = ProgressBar::new(0);
    bar.set_style(style.unwrap_or_else(|_template| ProgressStyle::default_bar()).progress_chars("=> "));
    bar
}

fn show(bar: &ProgressBar, named: &str, progress: Progress) {
    match progress {
        Progress::Checking { bytes, total_bytes } => place(bar, bytes, Some(total_bytes), format!("hashing {named}")),
        Progress::Receiving { bytes, total_bytes } => place(bar, bytes, total_bytes, format!("fetching {named}")),
        Progress::Unpacking { bytes, total_bytes } => {
            place(bar, bytes, Some(total_bytes), format!("unpacking {named}"));
        }
        Progress::Asking { requirement } => bar.set_message(format!("pip fetches {requirement}")),
        Progress::Retrying { failures, of, pause, why } => {
            bar.suspend(|| output::note(&format!("{why}; trying again in {pause:.0?} ({failures} of {of})")));
        }
    }
}

fn place(bar: &ProgressBar, bytes: u64, total_bytes: Option<u64>, message: String) {
    bar.set_length(total_bytes.unwrap_or(bytes));
    bar.set_position(bytes);
    bar.set_message(message);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn side_files_come_from_where_their_model_comes_from() {
        for (source, expected) in [
            ("models/a.onnx", "file:models/w/b.bin"),
            ("a.onnx", "file:w/b.bin"),
            ("https://example.org/m/a.onnx", "https://example.org/m/w/b.bin"),
            ("pip:some-model==1.0!some/a.onnx", "pip:some-model==1.0!some/w/b.bin"),
            ("pip:some-model==1.0!some/m.zip!a.onnx", "pip:some-model==1.0!some/m.zip!w/b.bin"),
            ("hf:org/repo/onnx/a.onnx@main", "hf:org/repo/onnx/w/b.bin@main"),
            ("hf:org/repo/a.onnx@main", "hf:org/repo/w/b.bin@main"),
        ] {
            let found = beside(&source.parse().expect(source), "./w/b.bin").expect(source);
            assert_eq!(found.to_string(), expected);
        }
        let source = "models/a.onnx".parse().expect("a path");
        let CliError::Invalid(text) = beside(&source, "../secret").expect_err("it leads upwards") else {
            panic!("not the user's own mistake")
        };
        assert!(text.contains("hint: "), "{text}");
    }
}
